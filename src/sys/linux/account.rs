//! Who runs this program, and on what.

use super::container;
use crate::sys::*;
use procfs::process::Process as ProcFolder;
use std::fs;
use std::io::IsTerminal;
use std::path::Path;

/// Bits of `CapEff` that make an account more than an ordinary one for this program: `CAP_NET_ADMIN` (12), and
/// `CAP_SYS_ADMIN` (21), of linux/capability.h.
const ADMINISTRATOR_CAPABILITIES: u64 = 1 << 12 | 1 << 21;

pub(super) async fn account() -> Known<Account> {
    let uid = nix::unistd::geteuid().as_raw();
    let capabilities = ProcFolder::myself().and_then(|process| process.status()).map(|status| status.capeff);
    Ok(Account {
        name: name_of(uid),
        uid,
        // Root without capabilities (a container, a user namespace) may do no more than anybody else; where /proc does
        // not say, the user id has to do.
        elevated: match capabilities {
            Ok(held) => held & ADMINISTRATOR_CAPABILITIES == ADMINISTRATOR_CAPABILITIES,
            Err(_) => uid == 0,
        },
        interactive: std::io::stdin().is_terminal() && std::io::stderr().is_terminal(),
    })
}

/// The name from the local table. Not `getpwuid`, which may ask a directory server that is part of the complaint.
fn name_of(uid: u32) -> String {
    fs::read_to_string("/etc/passwd")
        .ok()
        .and_then(|table| name_in(&table, uid))
        .or_else(|| std::env::var("USER").ok().filter(|name| !name.is_empty() && uid != 0))
        .unwrap_or_else(|| format!("uid {uid}"))
}

fn name_in(table: &str, uid: u32) -> Option<String> {
    table.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse::<u32>().ok()? == uid).then(|| name.to_owned())
    })
}

pub(super) async fn identity() -> Known<Identity> {
    use sysinfo::System;
    Ok(Identity {
        hostname: System::host_name().unwrap_or_default(),
        os: System::name().unwrap_or_else(|_| "Linux".to_owned()),
        os_version: System::os_version().unwrap_or_default(),
        kernel: System::kernel_version().unwrap_or_default(),
        architecture: System::cpu_arch(),
        uptime_s: System::uptime().map_err(|error| Unknown::Failed(format!("uptime: {error}")))?,
        container: container::container(Path::new("/")),
        own_network: container::own_network(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn this_account_and_machine_have_names() {
        assert!(!account().await.expect("account").name.is_empty());
        let identity = identity().await.expect("identity");
        assert!(identity.uptime_s > 0 && !identity.kernel.is_empty());
    }

    #[test]
    fn names_come_from_the_table() {
        let table = "root:x:0:0:root:/root:/bin/bash\nbroken\nann:x:1000:1000::/home/ann:/bin/sh\n";
        assert_eq!(name_in(table, 1000).as_deref(), Some("ann"));
        assert_eq!(name_in(table, 7), None);
    }
}
