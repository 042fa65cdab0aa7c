//! Policies of browsers that send names elsewhere than the system does (DNS over HTTPS, RFC 8484).

use serde_json::Value;

/// Characters of an address that are kept.
const LONGEST: usize = 200;

/// Whom Firefox asks by its `policies.json`; none where the policy leaves names to the system.
pub fn firefox_doh(text: &str) -> Option<String> {
    let policies: Value = serde_json::from_str(text).ok()?;
    let doh = &policies["policies"]["DNSOverHTTPS"];
    let on = doh["Enabled"].as_bool()?;
    on.then(|| shown(doh["ProviderURL"].as_str()))
}

/// Whom a browser of Chromium's kind asks by one file of managed policies. `automatic` falls back to the system's
/// resolvers, so that only `secure` sends every name elsewhere.
pub fn chromium_doh(text: &str) -> Option<String> {
    let policies: Value = serde_json::from_str(text).ok()?;
    let mode = policies["DnsOverHttpsMode"].as_str()?;
    (mode == "secure").then(|| shown(policies["DnsOverHttpsTemplates"].as_str()))
}

/// An address without what follows its path: a template's query may name a person.
fn shown(url: Option<&str>) -> String {
    let Some(url) = url else { return "its own choice".to_owned() };
    let end = url.find(['?', '{', '#']).unwrap_or(url.len());
    url[..end].chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_name_whom_the_browser_asks() {
        let firefox =
            r#"{"policies": {"DNSOverHTTPS": {"Enabled": true, "ProviderURL": "https://dns.example/q{?dns}"}}}"#;
        assert_eq!(firefox_doh(firefox).as_deref(), Some("https://dns.example/q"));
        assert_eq!(firefox_doh(r#"{"policies": {"DNSOverHTTPS": {"Enabled": false}}}"#), None);
        assert_eq!(
            firefox_doh(r#"{"policies": {"DNSOverHTTPS": {"Enabled": true}}}"#).as_deref(),
            Some("its own choice")
        );
        let chrome = r#"{"DnsOverHttpsMode": "secure", "DnsOverHttpsTemplates": "https://dns.example/p?user=eva"}"#;
        assert_eq!(chromium_doh(chrome).as_deref(), Some("https://dns.example/p"));
        assert_eq!(chromium_doh(r#"{"DnsOverHttpsMode": "automatic"}"#), None);
        for nothing in ["", "[]", "{}", "not json"] {
            assert_eq!((firefox_doh(nothing), chromium_doh(nothing)), (None, None), "{nothing}");
        }
    }
}
