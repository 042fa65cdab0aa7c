//! Faults of web servers.

use crate::scene::*;
use crate::world::*;

/// What a fault of the web server must not be blamed on.
const BELOW: &[&str] = &["link", "ip", "route", "path", "dns", "proxy", "transport", "tls"];
const THE_SITE: Culprit = Culprit::OneOf(&["www.example.test", WEB]);

const fn http(code: &'static [&'static str]) -> Expect {
    Expect { innocent: BELOW, ..fault(&["http"], code, THE_SITE) }
}

const FILTER_PAGE: &str = "<html><head><title>Web Page Blocked</title></head><body><h1>Web Page Blocked</h1>\
    <p>Category: shopping. Ask your administrator.</p><p>Powered by FortiGuard</p></body></html>";
const BOT_WALL: &str = "<html><head><title>Verify you are human</title></head><body><p>One moment.</p></body></html>";
const CAPTCHA_FORM: &str = "<html><head><title>Sign in</title></head><body><form></form>\
    <script src=\"/captcha.js\"></script></body></html>";

pub const WORLDS: &[World] = &[
    World {
        name: "server-error-500",
        says: "the shop says something went wrong",
        fault: |scene| scene.page(Page::Status(500)),
        proof: |eyes| eyes.page("198.51.100.10:443", "www.example.test", "500"),
        expect: Expect { cause: &["server-error"], decides: "reproduce", ..http(&["http.server_error"]) },
        ..WORLD
    },
    World {
        name: "server-unavailable-503",
        says: "the shop is down for maintenance, it says",
        fault: |scene| scene.page(Page::Status(503)),
        proof: |eyes| eyes.page("198.51.100.10:443", "www.example.test", "503"),
        expect: Expect { cause: &["server-error"], decides: "reproduce", ..http(&["http.server_error"]) },
        ..WORLD
    },
    World {
        name: "page-not-found",
        says: "my bookmark does not work any more",
        fault: |scene| scene.page(Page::Status(404)),
        proof: |eyes| eyes.page("198.51.100.10:443", "www.example.test", "404"),
        expect: Expect { cause: &["page-not-found"], decides: "reproduce", ..http(&["http.not_found"]) },
        ..WORLD
    },
    World {
        name: "redirect-loop",
        says: "the page redirects too often, it says",
        fault: |scene| scene.page(Page::RedirectLoop),
        proof: |eyes| eyes.page("198.51.100.10:443", "www.example.test", "302"),
        expect: Expect { cause: &["redirect-loop"], decides: "reproduce", ..http(&["http.redirect_loop"]) },
        ..WORLD
    },
    World {
        name: "slow-first-byte",
        says: "the shop is awfully slow today",
        run: ("slow", "https://www.example.test/"),
        fault: |scene| scene.page(Page::Slow(4_000)),
        proof: |eyes| eyes.connects("198.51.100.10:443"),
        expect: Expect {
            cause: &["server-slow"],
            decides: "reproduce",
            innocent: BELOW,
            seconds: 25.0,
            ..degraded(&["http"], &["http.slow_first_byte"], THE_SITE)
        },
        ..WORLD
    },
    World {
        name: "body-stalls",
        says: "the page stops in the middle",
        fault: |scene| scene.page(Page::Stalls(20_000)),
        proof: |eyes| eyes.page("198.51.100.10:443", "www.example.test", "200"),
        expect: Expect {
            cause: &["answer-stalls"],
            decides: "reproduce",
            seconds: 15.0,
            ..http(&["http.body_stalled"])
        },
        ..WORLD
    },
    World {
        name: "body-cut",
        says: "the download always breaks off",
        fault: |scene| scene.page(Page::Cuts(20_000)),
        proof: |eyes| eyes.page("198.51.100.10:443", "www.example.test", "200"),
        expect: Expect { cause: &["answer-cut"], decides: "reproduce", ..http(&["http.cut"]) },
        ..WORLD
    },
    World {
        name: "server-never-answers",
        says: "the shop spins and spins",
        fault: |scene| scene.page(Page::Mute),
        proof: |eyes| eyes.no_page("198.51.100.10:443", "www.example.test", "WouldBlock"),
        expect: Expect { cause: &["server-silent"], decides: "reproduce", seconds: 20.0, ..http(&["http.no_answer"]) },
        ..WORLD
    },
    World {
        name: "filter-page-instead-of-the-site",
        says: "the shop looks strange, some page with a red hand",
        run: ("one-site-fails", "http://www.example.test/"),
        fault: |scene| scene.serve("198.51.100.10:80", Speaks::Http(Page::Text(FILTER_PAGE))),
        proof: |eyes| eyes.page("198.51.100.10:80", "www.example.test", "200"),
        expect: Expect {
            cause: &["filter-page"],
            decides: "reproduce",
            innocent: BELOW,
            ..fault(&["http"], &["http.block_page"], Culprit::Is("FortiGuard"))
        },
        ..WORLD
    },
    World {
        name: "wall-against-robots",
        says: "the shop asks whether I am a human and then nothing",
        fault: |scene| scene.page(Page::Text(BOT_WALL)),
        proof: |eyes| eyes.page("198.51.100.10:443", "www.example.test", "200"),
        expect: Expect { cause: &["taken-for-a-robot"], decides: "reproduce", ..http(&["http.block_page"]) },
        ..WORLD
    },
    World {
        name: "healthy-page-with-a-captcha",
        says: "does the sign-in page work?",
        fault: |scene| scene.page(Page::Text(CAPTCHA_FORM)),
        proof: |eyes| eyes.page("198.51.100.10:443", "www.example.test", "200"),
        expect: Expect { decides: "reproduce", innocent: BELOW, ..HEALTHY },
        ..WORLD
    },
    World {
        name: "server-speaks-only-http2",
        says: "our old program cannot fetch the prices any more",
        fault: |scene| scene.page(Page::OnlyTwo),
        proof: |eyes| eyes.connects("198.51.100.10:443"),
        expect: Expect { cause: &["only-http-two"], decides: "reproduce", ..http(&["http.only_http2"]) },
        ..WORLD
    },
    World {
        name: "no-http-on-443",
        says: "the page cannot be shown",
        fault: |scene| scene.page(Page::NotHttp),
        proof: |eyes| {
            eyes.no_page("198.51.100.10:443", "www.example.test", "")
                .or_else(|_| eyes.page("198.51.100.10:443", "www.example.test", "SSH-2.0"))
        },
        expect: Expect { cause: &["not-http"], decides: "reproduce", ..http(&["http.not_http"]) },
        ..WORLD
    },
    World {
        name: "sign-in-wanted",
        says: "the portal asks for a password, I never had one",
        fault: |scene| scene.page(Page::Status(401)),
        proof: |eyes| eyes.page("198.51.100.10:443", "www.example.test", "401"),
        expect: Expect { cause: &["sign-in-needed"], decides: "reproduce", ..http(&["http.auth_required"]) },
        ..WORLD
    },
    World {
        name: "access-forbidden",
        says: "the portal says I may not see this",
        fault: |scene| scene.page(Page::Status(403)),
        proof: |eyes| eyes.page("198.51.100.10:443", "www.example.test", "403"),
        expect: Expect { cause: &["access-denied"], decides: "reproduce", ..http(&["http.forbidden"]) },
        ..WORLD
    },
    World {
        name: "too-many-requests",
        says: "the shop says I am too fast",
        fault: |scene| scene.page(Page::Status(429)),
        proof: |eyes| eyes.page("198.51.100.10:443", "www.example.test", "429"),
        expect: Expect { cause: &["too-many-requests"], decides: "reproduce", ..http(&["http.too_many_requests"]) },
        ..WORLD
    },
    World {
        name: "request-too-large",
        says: "the shop says bad request",
        fault: |scene| scene.page(Page::Status(400)),
        proof: |eyes| eyes.page("198.51.100.10:443", "www.example.test", "400"),
        expect: Expect { cause: &["request-rejected"], decides: "reproduce", ..http(&["http.client_error"]) },
        ..WORLD
    },
    World {
        name: "page-that-is-not-packed-as-it-says",
        says: "the browser shows a content encoding error",
        fault: |scene| scene.page(Page::Misnamed("<html>welcome</html>")),
        proof: |eyes| eyes.page("198.51.100.10:443", "www.example.test", "200"),
        expect: Expect {
            cause: &["page-cannot-be-unpacked"],
            decides: "reproduce",
            ..http(&["http.unexpected_content"])
        },
        ..WORLD
    },
    World {
        name: "redirect-to-a-name-that-is-gone",
        says: "the shop jumps to the sign-in and that does not open",
        fault: |scene| scene.page(Page::Redirect("https://sign-in.example.test/")),
        proof: |eyes| eyes.page("198.51.100.10:443", "www.example.test", "302"),
        expect: Expect {
            decides: "reproduce",
            innocent: &["link", "ip", "route", "path", "transport", WEB],
            ..fault(&["dns", "http"], &["dns.lookup_failed"], Culprit::Contains("sign-in.example.test"))
        },
        ..WORLD
    },
    World {
        name: "redirect-to-no-address",
        says: "the shop stays white",
        fault: |scene| scene.page(Page::Redirect("http://")),
        proof: |eyes| eyes.page("198.51.100.10:443", "www.example.test", "302"),
        expect: Expect {
            cause: &["redirect-to-no-address"],
            decides: "reproduce",
            innocent: &["link", "ip", "route", "path", "dns", "transport", "tls"],
            ..fault(&["http"], &["http.unexpected_content"], Culprit::Contains("www.example.test"))
        },
        ..WORLD
    },
];
