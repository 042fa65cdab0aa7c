//! The cookies of one walk: sites that set one and come back to the same address look like a loop to a client without.
//! They are sent back to the host that set them, and never kept.

use hyper::HeaderMap;

/// Cookies that are carried; a sound site sets a few.
const COOKIE_LIMIT: usize = 20;

/// Bytes of one cookie (RFC 6265 section 6.1).
const COOKIE_LIMIT_BYTES: usize = 4096;

/// Cookies by host and name.
#[derive(Default)]
pub struct Jar(Vec<(String, String, String)>);

impl Jar {
    /// How many there are: more than before means that the same page is another question.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes what an answer of `host` sets.
    pub fn keep(&mut self, host: &str, headers: &HeaderMap) {
        for value in headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok()) {
            let pair = value.split(';').next().unwrap_or_default();
            let Some((name, value)) = pair.split_once('=') else { continue };
            let (name, value) = (name.trim(), value.trim());
            if name.is_empty() || pair.len() > COOKIE_LIMIT_BYTES {
                continue;
            }
            let known = self.0.iter().position(|(owner, known, _)| owner == host && known == name);
            if let Some(known) = known {
                value.clone_into(&mut self.0[known].2);
            } else if self.0.len() < COOKIE_LIMIT {
                self.0.push((host.to_owned(), name.to_owned(), value.to_owned()));
            }
        }
    }

    /// The `Cookie` header for `host`, if it set any.
    pub fn header(&self, host: &str) -> Option<String> {
        let own = self.0.iter().filter(|(owner, ..)| owner == host);
        let pairs: Vec<String> = own.map(|(_, name, value)| format!("{name}={value}")).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_go_back_to_their_host_only() {
        let mut jar = Jar::default();
        let mut headers = HeaderMap::new();
        headers.append("set-cookie", "a=1; Path=/".parse().unwrap());
        headers.append("set-cookie", "b=2".parse().unwrap());
        headers.append("set-cookie", "nonsense".parse().unwrap());
        jar.keep("crm.test", &headers);
        let mut again = HeaderMap::new();
        again.append("set-cookie", "a=3".parse().unwrap());
        jar.keep("crm.test", &again);
        assert_eq!(jar.header("crm.test").as_deref(), Some("a=3; b=2"));
        assert_eq!(jar.header("other.test"), None);
        assert_eq!(jar.len(), 2);
    }
}
