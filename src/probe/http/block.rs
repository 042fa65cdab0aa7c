//! Pages that stand in for the one that was asked for: of filters, bot walls and the like. They come with any status,
//! 200 among them, and say in their headline what they are.

use hyper::HeaderMap;

/// Words of such pages anywhere in the text. Many a sound page has one of them (a form with a captcha), so alone they
/// are a fact and no finding.
const WORDS: &[&str] = &[
    "captcha",
    "verify you are human",
    "verify that you are human",
    "are you a robot",
    "unusual traffic",
    "attention required",
    "checking your browser",
    "access denied",
    "web page blocked",
    "website blocked",
    "site blocked",
    "request blocked",
    "has been blocked",
    "blocked by your",
    "web filter",
    "not available in your country",
    "not available in your region",
];

/// What such pages have in their headline, and whose it is.
const HEADLINES: &[(&str, Kind)] = &[
    ("verify you are human", Kind::BotWall),
    ("verify that you are human", Kind::BotWall),
    ("are you a robot", Kind::BotWall),
    ("unusual traffic", Kind::BotWall),
    ("attention required", Kind::BotWall),
    ("checking your browser", Kind::BotWall),
    ("just a moment...", Kind::BotWall),
    ("page blocked", Kind::Filter),
    ("website blocked", Kind::Filter),
    ("site blocked", Kind::Filter),
    ("request blocked", Kind::Filter),
    ("access blocked", Kind::Filter),
    ("access denied", Kind::Filter),
    ("has been blocked", Kind::Filter),
    ("blocked by", Kind::Filter),
    ("web filter", Kind::Filter),
];

/// Products that name themselves on their pages, as they are written there in small letters, and as they are called.
const PRODUCTS: &[(&str, &str)] = &[
    ("fortiguard", "FortiGuard"),
    ("fortinet", "Fortinet"),
    ("zscaler", "Zscaler"),
    ("cisco umbrella", "Cisco Umbrella"),
    ("opendns", "OpenDNS"),
    ("palo alto networks", "Palo Alto Networks"),
    ("sophos", "Sophos"),
    ("barracuda", "Barracuda"),
    ("forcepoint", "Forcepoint"),
    ("websense", "Websense"),
    ("sonicwall", "SonicWall"),
    ("watchguard", "WatchGuard"),
    ("netskope", "Netskope"),
    ("skyhigh", "Skyhigh"),
    ("mcafee", "McAfee"),
    ("smoothwall", "Smoothwall"),
    ("lightspeed", "Lightspeed"),
    ("squidguard", "squidGuard"),
    ("dansguardian", "DansGuardian"),
    ("e2guardian", "e2guardian"),
    ("pi-hole", "Pi-hole"),
    ("adguard", "AdGuard"),
    ("nextdns", "NextDNS"),
    ("cloudflare", "Cloudflare"),
    ("imperva", "Imperva"),
    ("incapsula", "Imperva"),
    ("akamai", "Akamai"),
    ("datadome", "DataDome"),
];

/// A page that stands in for another is small; an article about blocked pages with such a headline is not. Judgement.
const SMALL_BYTES: u64 = 32 * 1024;

/// Who stands in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Somebody on the way decides what may be seen.
    Filter,
    /// The site turns away what it takes for a robot.
    BotWall,
}

impl Kind {
    /// The word of the facts.
    pub(super) fn word(self) -> &'static str {
        match self {
            Kind::Filter => "filter",
            Kind::BotWall => "bot_wall",
        }
    }
}

/// What a page says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    /// It has words of a page that stands in for another.
    pub(super) has_words: bool,
    /// It is one, by its headline.
    pub(super) kind: Option<Kind>,
    /// The product that made it.
    pub(super) by: Option<&'static str>,
}

impl Page {
    /// Reads the beginning of a body of so many bytes.
    pub(super) fn read(start: &[u8], bytes: u64, headers: &HeaderMap) -> Page {
        let text = String::from_utf8_lossy(start).to_lowercase();
        // Cloudflare says so of its own pages.
        let mitigated = headers.contains_key("cf-mitigated");
        let headline = headlines(&text);
        let known = HEADLINES.iter().find(|(words, _)| headline.contains(words)).map(|(_, kind)| *kind);
        let kind = if mitigated { Some(Kind::BotWall) } else { known.filter(|_| bytes <= SMALL_BYTES) };
        let product = || PRODUCTS.iter().find(|(word, _)| text.contains(word)).map(|(_, name)| *name);
        Page {
            has_words: mitigated || WORDS.iter().any(|words| text.contains(words)),
            kind,
            by: kind.and_then(|_| if mitigated { Some("Cloudflare") } else { product() }),
        }
    }
}

/// What stands in the title and the largest headings, one after the other.
fn headlines(page: &str) -> String {
    let inside = |name: &str| {
        let (_, rest) = page.split_once(&format!("<{name}"))?;
        let (_, rest) = rest.split_once('>')?;
        rest.split_once(&format!("</{name}")).map(|(text, _)| text)
    };
    ["title", "h1", "h2"].iter().filter_map(|name| inside(name)).collect::<Vec<_>>().join(" / ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(page: &str) -> (bool, Option<Kind>, Option<&'static str>) {
        let page = Page::read(page.as_bytes(), page.len() as u64, &HeaderMap::new());
        (page.has_words, page.kind, page.by)
    }

    #[test]
    fn the_headline_decides_and_a_captcha_in_a_form_does_not() {
        let filter = "<html><TITLE>Web Page Blocked!</TITLE><body>Category: games. Powered by FortiGuard.</body>";
        assert_eq!(read(filter), (true, Some(Kind::Filter), Some("FortiGuard")));
        let wall = "<title>shop</title><h1 class=x>Verify you are human</h1><p>Protected by DataDome</p>";
        assert_eq!(read(wall), (true, Some(Kind::BotWall), Some("DataDome")));
        assert_eq!(read("<title>Sign in</title><script src=captcha.js></script>"), (true, None, None));
        assert_eq!(read("<title>Fortinet, a company</title><h1>Welcome</h1>"), (false, None, None));
        assert_eq!(read("<title"), (false, None, None));
    }

    #[test]
    fn a_long_article_about_blocked_pages_is_an_article() {
        let page = b"<title>Why is this site blocked?</title>";
        assert_eq!(Page::read(page, 200_000, &HeaderMap::new()).kind, None);
        let mut headers = HeaderMap::new();
        headers.insert("cf-mitigated", "challenge".parse().unwrap());
        assert_eq!(Page::read(b"<title>x</title>", 200_000, &headers).kind, Some(Kind::BotWall));
    }
}
