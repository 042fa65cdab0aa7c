//! AWS Signature Version 4 as S3 and what is compatible with it want it: the whole body in one piece, signed in the
//! `Authorization` header.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>

use crate::packet::write::{hex, in_hex};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;
use url::Url;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The headers that every signed request carries, with the time and the hash of its body.
pub const DATE: &str = "x-amz-date";
pub const CONTENT_HASH: &str = "x-amz-content-sha256";

/// Whose key it is, and for what.
pub struct Key<'a> {
    pub id: &'a str,
    pub secret: &'a str,
    pub region: &'a str,
}

/// The time as these signatures write it.
pub fn stamp(now: Timestamp) -> String {
    now.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// The value of the `Authorization` header. `headers` are those that are signed, with [`DATE`] and [`CONTENT_HASH`] among
/// them; the host is added. Their names are in small letters.
pub fn authorization(key: &Key<'_>, method: &str, url: &Url, headers: &[(&str, &str)]) -> String {
    let value = |wanted: &str| headers.iter().find(|(name, _)| *name == wanted).map_or("", |(_, value)| value);
    let (stamp, content) = (value(DATE), value(CONTENT_HASH));
    let day = stamp.get(..8).unwrap_or_default();
    let host = super::request::authority(url);
    let mut signed: Vec<(&str, &str)> = headers.iter().copied().chain([("host", host.as_str())]).collect();
    signed.sort_unstable();
    let names = signed.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let lines: String = signed.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
    // The path is encoded once already, which is what S3 compares (other services want it twice).
    let request = format!("{method}\n{}\n{}\n{lines}\n{names}\n{content}", url.path(), query(url));
    let scope = format!("{day}/{}/s3/aws4_request", key.region);
    let to_sign = format!("{ALGORITHM}\n{stamp}\n{scope}\n{}", hex(request.as_bytes()));
    let parts = [day, key.region, "s3", "aws4_request", &to_sign];
    let signature =
        parts.iter().fold(format!("AWS4{}", key.secret).into_bytes(), |key, part| keyed_hash(&key, part.as_bytes()));
    format!("{ALGORITHM} Credential={}/{scope}, SignedHeaders={names}, Signature={}", key.id, in_hex(&signature))
}

/// The parameters of the address in the order of the alphabet.
fn query(url: &Url) -> String {
    let mut pairs: Vec<&str> = url.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()).collect();
    pairs.sort_unstable();
    let with_value = |pair: &&str| if pair.contains('=') { (*pair).to_owned() } else { format!("{pair}=") };
    pairs.iter().map(with_value).collect::<Vec<_>>().join("&")
}

fn keyed_hash(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key<'_> =
        Key { id: "AKIAIOSFODNN7EXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", region: "us-east-1" };
    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const AT: (&str, &str) = (DATE, "20130524T000000Z");

    type Headers<'a> = &'a [(&'a str, &'a str)];

    fn signature(method: &str, url: &str, headers: Headers<'_>) -> String {
        let header = authorization(&KEY, method, &Url::parse(url).unwrap(), headers);
        header.rsplit('=').next().unwrap().to_owned()
    }

    /// The four examples of the page above.
    #[test]
    fn the_examples_of_the_documentation_come_out() {
        let cases: [(&str, &str, Headers<'_>, &str); 4] = [
            (
                "GET",
                "https://examplebucket.s3.amazonaws.com/test.txt",
                &[("range", "bytes=0-9"), (CONTENT_HASH, EMPTY), AT],
                "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
            ),
            (
                "PUT",
                "https://examplebucket.s3.amazonaws.com/test%24file.text",
                &[
                    ("date", "Fri, 24 May 2013 00:00:00 GMT"),
                    (CONTENT_HASH, "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"),
                    AT,
                    ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
                ],
                "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
            ),
            (
                "GET",
                "https://examplebucket.s3.amazonaws.com/?lifecycle",
                &[(CONTENT_HASH, EMPTY), AT],
                "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
            ),
            (
                "GET",
                "https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J",
                &[(CONTENT_HASH, EMPTY), AT],
                "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
            ),
        ];
        for (method, url, headers, expected) in cases {
            assert_eq!(signature(method, url, headers), expected, "{method} {url}");
        }
    }

    #[test]
    fn a_stamp_is_utc_to_the_second() {
        assert_eq!(stamp("2013-05-24T00:00:00.9Z".parse().unwrap()), "20130524T000000Z");
    }
}
