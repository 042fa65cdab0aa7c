//! IPsec without a device of its own: policies in the kernel decide which packets are encrypted, and no tunnel shows in
//! the list of interfaces.

use super::command::command;
use crate::sys::*;
use std::path::Path;
use std::time::Duration;

/// Where the kernel counts what its policies stopped.
const COUNTERS: &str = "/proc/self/net/xfrm_stat";

/// Modules without which no packet is encrypted; a kernel that has them built in does not show them here.
const MODULES: [&str; 2] = ["/sys/module/esp4", "/sys/module/esp6"];

/// The list of policies comes from the kernel at once.
const LIST_WAIT: Duration = Duration::from_millis(500);

/// Policies that are kept; a gateway has thousands, and the first show what they are about.
const POLICY_LIMIT: usize = 50;

pub(super) async fn ipsec() -> Known<Ipsec> {
    let text = std::fs::read_to_string(COUNTERS)
        .map_err(|error| Unknown::Failed(format!("the kernel does not count IPsec's troubles: {error}")))?;
    let troubles = troubles(&text);
    let loaded = MODULES.iter().any(|module| Path::new(module).exists());
    let policies = if loaded || !troubles.is_empty() { listed().await } else { None };
    Ok(Ipsec { loaded, troubles, policies })
}

/// The counters that are not zero: `XfrmOutNoStates 3`.
fn troubles(text: &str) -> Vec<(String, u64)> {
    let counters = text.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
    });
    counters.filter(|(_, count)| *count > 0).collect()
}

/// The kernel lists its policies to root only, and ip(8) prints them in the words in which it takes them.
async fn listed() -> Option<Vec<String>> {
    let words = ["ip", "xfrm", "policy", "list"].map(str::to_owned);
    let output = command(&words, LIST_WAIT).await.ok().filter(|output| output.status == Some(0))?;
    Some(policies(&output.stdout))
}

/// `src A dst B ...` and, on the next line, `dir out priority ...`; the policies of sockets have no direction of these.
fn policies(text: &str) -> Vec<String> {
    let after = |line: &str, word: &str| {
        let mut words = line.split_ascii_whitespace().skip_while(|other| *other != word);
        words.nth(1).map(|text| text.chars().take(64).collect::<String>())
    };
    let mut found = Vec::new();
    let mut selector = None;
    for line in text.lines() {
        if line.starts_with("src ") {
            selector = after(line, "src").zip(after(line, "dst"));
        } else if let Some(direction) = after(line, "dir")
            && let Some((from, to)) = selector.take()
        {
            found.push(format!("{direction} {from} to {to}"));
        }
    }
    found.truncate(POLICY_LIMIT);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_and_troubles_are_read() {
        let text = "src 192.0.2.0/24 dst 10.0.0.0/8 \n\tdir out priority 375423 ptype main \n\ttmpl src 192.0.2.1 dst \
                    198.51.100.1\n\t\tproto esp spi 0xc1 reqid 1 mode tunnel\nsrc 0.0.0.0/0 dst 0.0.0.0/0 \n\tsocket in \
                    priority 0 ptype main \nsrc 10.0.0.0/8 dst 192.0.2.0/24 \n\tdir fwd priority 1\nsrc x\ndir in\n";
        assert_eq!(policies(text), ["out 192.0.2.0/24 to 10.0.0.0/8", "fwd 10.0.0.0/8 to 192.0.2.0/24"]);
        let counted = troubles("XfrmInError             \t0\nXfrmOutNoStates         \t3\nbroken\n");
        assert_eq!(counted, [("XfrmOutNoStates".to_owned(), 3)]);
    }
}
