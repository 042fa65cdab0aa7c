//! Rules of the local packet filter. The kernel shows them to root only. nftables is asked first, through its own
//! program, because its language is richer than any reader of the raw messages would be; a bare question to the kernel
//! saves starting that program where there are no tables at all, which is the common case.

use crate::sys::parse::{iptables, nft};
use crate::sys::*;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};
use std::os::fd::AsRawFd;
use std::time::Duration;

/// Large rulesets of container hosts take a few hundred milliseconds to print.
const TOOL_WAIT: Duration = Duration::from_secs(2);

/// The kernel answers at once; this bounds a wait that should not happen.
const KERNEL_WAIT_MS: i64 = 200;

pub(super) async fn filter_rules() -> Known<Vec<FilterRule>> {
    if !nix::unistd::geteuid().is_root() {
        return Err(needs_root());
    }
    let tables = nftables_tables();
    if let Tables::Denied = tables {
        // Root of a container without CAP_NET_ADMIN.
        return Err(Unknown::NeedsRight {
            what: "the rules of the packet filter".to_owned(),
            right: "CAP_NET_ADMIN".to_owned(),
        });
    }
    let legacy = legacy_tables();
    let mut rules = Vec::new();
    let mut foreign = false;
    if !matches!(tables, Tables::None) {
        match run(&["nft", "--json", "--numeric", "list", "ruleset"]).await {
            Ok(text) => {
                foreign = nft::has_foreign_matches(&text);
                rules = nft::ruleset(&text).map_err(Unknown::Failed)?;
            }
            Err(error) => {
                // Without nft, iptables-save still shows the tables that iptables made.
                let saved = saved().await;
                return if saved.is_empty() { Err(error) } else { Ok(saved) };
            }
        }
    }
    if legacy || foreign {
        let saved = saved().await;
        // What iptables put into nftables is shown by both; the program that made it words it better.
        let shown: Vec<&str> = saved.iter().map(|rule| table_of(&rule.chain)).collect();
        rules.retain(|rule| !shown.contains(&table_of(&rule.chain)));
        rules.extend(saved);
    }
    Ok(rules)
}

fn needs_root() -> Unknown {
    Unknown::NeedsRight { what: "the rules of the packet filter".to_owned(), right: "root".to_owned() }
}

/// `ip filter` of `ip filter OUTPUT`.
fn table_of(chain: &str) -> &str {
    chain.rsplit_once(' ').map_or(chain, |(table, _)| table)
}

/// Everything that `iptables-save` and `ip6tables-save` show; nothing where they are not installed.
async fn saved() -> Vec<FilterRule> {
    let mut rules = Vec::new();
    for (program, family) in [("iptables-save", "ip"), ("ip6tables-save", "ip6")] {
        if let Ok(text) = run(&[program, "-c"]).await {
            rules.extend(iptables::save(&text, family));
        }
    }
    rules
}

async fn run(arguments: &[&str]) -> Known<String> {
    let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
    let program = arguments[0].clone();
    let output = super::command::command(&arguments, TOOL_WAIT).await?;
    match output.status {
        Some(0) => Ok(output.stdout),
        _ if output.timed_out => Err(Unknown::Failed(format!("`{program}` did not end within {TOOL_WAIT:?}"))),
        _ => Err(Unknown::Failed(format!(
            "`{program}` failed: {}",
            output.stderr.lines().next().unwrap_or("no message").chars().take(200).collect::<String>()
        ))),
    }
}

/// Whether the old iptables of the kernel hold tables, which nft does not show.
fn legacy_tables() -> bool {
    ["/proc/net/ip_tables_names", "/proc/net/ip6_tables_names"]
        .iter()
        .any(|path| std::fs::read_to_string(path).is_ok_and(|text| !text.trim().is_empty()))
}

/// What the kernel says about nftables tables.
#[derive(Debug, PartialEq, Eq)]
enum Tables {
    None,
    Some,
    Denied,
    /// It could not be asked this way.
    Unclear,
}

/// Asks the kernel whether there is any nftables table: one message (NFT_MSG_GETTABLE), about 20 us.
fn nftables_tables() -> Tables {
    ask_for_tables().unwrap_or(Tables::Unclear)
}

fn ask_for_tables() -> nix::Result<Tables> {
    let kernel = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkNetFilter)?;
    setsockopt(&kernel, sockopt::ReceiveTimeout, &TimeVal::milliseconds(KERNEL_WAIT_MS))?;
    send(kernel.as_raw_fd(), &question(), MsgFlags::empty())?;
    let mut answer = [0_u8; 4096];
    let length = recv(kernel.as_raw_fd(), &mut answer, MsgFlags::empty())?;
    Ok(read_answer(&answer[..length]))
}

/// A netlink header of 16 bytes and an nfnetlink one of 4, in the machine's byte order.
fn question() -> [u8; 20] {
    const GET_TABLE: u16 = (nix::libc::NFNL_SUBSYS_NFTABLES as u16) << 8 | nix::libc::NFT_MSG_GETTABLE as u16;
    let mut bytes = [0; 20];
    bytes[0..4].copy_from_slice(&20_u32.to_ne_bytes());
    bytes[4..6].copy_from_slice(&GET_TABLE.to_ne_bytes());
    bytes[6..8].copy_from_slice(&((nix::libc::NLM_F_REQUEST | nix::libc::NLM_F_DUMP) as u16).to_ne_bytes());
    bytes
}

fn read_answer(answer: &[u8]) -> Tables {
    let kind = answer.get(4..6).and_then(|bytes| bytes.try_into().ok()).map(u16::from_ne_bytes);
    let code = answer.get(16..20).and_then(|bytes| bytes.try_into().ok()).map(i32::from_ne_bytes);
    match (kind.map(i32::from), code) {
        (Some(nix::libc::NLMSG_DONE), _) => Tables::None,
        (Some(nix::libc::NLMSG_ERROR), Some(code)) if code == -nix::libc::EPERM => Tables::Denied,
        // The kernel is built without nftables.
        (Some(nix::libc::NLMSG_ERROR), Some(code)) if code == -nix::libc::EINVAL || code == -nix::libc::EOPNOTSUPP => {
            Tables::None
        }
        (Some(nix::libc::NLMSG_ERROR) | None, _) => Tables::Unclear,
        (Some(_), _) => Tables::Some,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_answers_are_told_apart() {
        let message = |kind: i32, code: i32| {
            let mut bytes = [0_u8; 20];
            bytes[4..6].copy_from_slice(&(kind as u16).to_ne_bytes());
            bytes[16..20].copy_from_slice(&code.to_ne_bytes());
            read_answer(&bytes)
        };
        assert_eq!(message(nix::libc::NLMSG_DONE, 0), Tables::None);
        assert_eq!(message(nix::libc::NLMSG_ERROR, -nix::libc::EPERM), Tables::Denied);
        assert_eq!(message(nix::libc::NLMSG_ERROR, -nix::libc::EOPNOTSUPP), Tables::None);
        assert_eq!(message(2560, 0), Tables::Some);
        assert_eq!(read_answer(&[]), Tables::Unclear);
    }

    #[tokio::test]
    async fn rules_are_read_or_a_right_is_named() {
        match filter_rules().await {
            Ok(rules) => assert!(rules.iter().all(|rule| !rule.verdict.is_empty())),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}
