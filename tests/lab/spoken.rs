//! What servers say in the protocols of an office, written by hand from the specifications and not by the code that reads
//! it: a misreading shared by both would hide itself. Each function answers what was heard on a connection.

use crate::scene::Reply;
use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970.
fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs())
}

/// File servers (MS-SMB2, MS-CIFS).
pub mod smb {
    use super::*;

    /// Windows counts from 1601 in units of 100 ns.
    const FROM_1601_S: u64 = 11_644_473_600;

    /// SMB 3.0.2, signing possible, by a clock that is right.
    pub fn today(heard: &[u8]) -> Reply {
        negotiated(heard, 0)
    }

    /// The same by a clock that is twenty minutes ahead.
    pub fn twenty_minutes_ahead(heard: &[u8]) -> Reply {
        negotiated(heard, 20 * 60)
    }

    /// Hangs up on everything but SMB 1.
    pub fn only_old(heard: &[u8]) -> Reply {
        match heard.get(4..8) {
            None => Reply::Listen,
            Some(b"\xffSMB") => {
                // The first dialect of those that were offered: NT LM 0.12.
                let mut answer = b"\0\0\0\x25\xffSMB\x72\0\0\0\0\x98\x53\xc8".to_vec();
                answer.resize(4 + 32, 0);
                answer.extend(b"\x01\0\0\0\0");
                Reply::Say(answer)
            }
            Some(_) => Reply::HangUp,
        }
    }

    fn negotiated(heard: &[u8], ahead_s: u64) -> Reply {
        match heard.get(4..8) {
            None => return Reply::Listen,
            Some(b"\xfeSMB") => {}
            Some(_) => return Reply::HangUp,
        }
        let time = (now_s() + FROM_1601_S + ahead_s) * 10_000_000;
        let mut message = b"\xfeSMB\x40\0\0\0\0\0\0\0\0\0\x01\0\x01\0\0\0".to_vec();
        message.resize(64, 0);
        // Structure size 65, signing possible, dialect 3.0.2; the server's name for itself.
        message.extend(b"\x41\0\x01\0\x02\x03\0\0lab file server!");
        // Referrals and encryption; 1 MiB at a time.
        message.extend(b"\x41\0\0\0\0\0\x10\0\0\0\x10\0\0\0\x10\0");
        message.extend(time.to_le_bytes());
        message.extend([0; 8]);
        // No token of sign-ins, as MS-SMB2 allows.
        message.extend(b"\x80\0\0\0\0\0\0\0");
        let mut framed = (message.len() as u32).to_be_bytes().to_vec();
        framed.extend(message);
        Reply::Say(framed)
    }
}
