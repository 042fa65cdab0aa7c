//! Whether a body is packed as its header says: a server or proxy that names a coding and sends plain text, or damages
//! what it packed, answers 200, and browsers show an error all the same.

use super::super::way::exchange::{Body, BodyEnd, header};
use flate2::read::{DeflateDecoder, GzDecoder, ZlibDecoder};
use hyper::HeaderMap;
use std::io::{ErrorKind, Read};

/// Unpacked bytes that are looked at: a few kilobytes may hold millions, and a damaged beginning shows at once.
const UNPACKED_LIMIT_BYTES: u64 = 64 * 1024;

/// The coding that a body claims (RFC 9110 section 8.4.1) and does not have. Codings beside gzip and deflate, and
/// several of them on top of each other, are not judged.
pub(super) fn broken(body: &Body, headers: &HeaderMap) -> Option<String> {
    let coding = header(headers, "content-encoding")?.trim().to_ascii_lowercase();
    let start = body.start.as_slice();
    // HEAD, 204 and 304 have the header and no body.
    if start.is_empty() {
        return None;
    }
    let is_whole = body.end == BodyEnd::Complete && body.bytes == start.len() as u64;
    let unpacks = match coding.as_str() {
        "gzip" | "x-gzip" => unpacks(GzDecoder::new(start), is_whole),
        // Servers send it with and without the header of RFC 1950, and programs take both.
        "deflate" => unpacks(ZlibDecoder::new(start), is_whole) || unpacks(DeflateDecoder::new(start), is_whole),
        _ => return None,
    };
    (!unpacks).then_some(coding)
}

/// Whether this can be unpacked; of what is not whole, as far as it goes.
fn unpacks(packed: impl Read, is_whole: bool) -> bool {
    match std::io::copy(&mut packed.take(UNPACKED_LIMIT_BYTES), &mut std::io::sink()) {
        Ok(_) => true,
        Err(error) => error.kind() == ErrorKind::UnexpectedEof && !is_whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use std::io::Write;
    use std::time::Duration;

    fn judged(coding: &str, start: &[u8], bytes: usize, end: BodyEnd) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert("content-encoding", coding.parse().unwrap());
        let body = Body { start: start.to_vec(), bytes: bytes as u64, took: Duration::ZERO, end };
        broken(&body, &headers)
    }

    fn whole(coding: &str, start: &[u8]) -> Option<String> {
        judged(coding, start, start.len(), BodyEnd::Complete)
    }

    #[test]
    fn what_is_packed_as_it_says_is_fine_and_anything_else_is_not() {
        let text = b"<html>hello hello hello</html>";
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(text).unwrap();
        let gzip = gzip.finish().unwrap();
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(text).unwrap();
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::fast());
        raw.write_all(text).unwrap();
        assert_eq!(whole("gzip", &gzip), None);
        assert_eq!(whole("deflate", &zlib.finish().unwrap()), None);
        assert_eq!(whole("deflate", &raw.finish().unwrap()), None);
        assert_eq!(whole("GZIP", text).as_deref(), Some("gzip"));
        assert_eq!(whole("br", text), None, "not judged");
        assert_eq!(whole("gzip", b""), None, "no body");
        assert_eq!(whole("gzip", &gzip[..gzip.len() - 9]).as_deref(), Some("gzip"), "it ends too early");
        let half = gzip.len() / 2;
        assert_eq!(judged("gzip", &gzip[..half], 9_000, BodyEnd::Enough), None, "the beginning of a long one");
        let mut damaged = gzip.clone();
        damaged[half] ^= 0xff;
        assert_eq!(whole("gzip", &damaged).as_deref(), Some("gzip"));
    }
}
