//! What secrets look like. The shapes of tokens are those of the rule file of gitleaks 8.30 (MIT,
//! `config/gitleaks.toml`), as prefix, letters and least length; passwords, keys and headers are found by the word
//! before them. Everything begins with a fixed word, so that one automaton finds all candidates in one pass.

/// Letters that a token is made of, beside letters and digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Letters {
    /// Nothing else.
    Plain,
    /// `_` and `-`.
    Dashed,
    /// `_`, `-`, `.`, `=`, `+`, `/`: base 64 of every kind, in parts.
    Encoded,
    /// `.`, `/`, `$`, `=`, `,`: crypt(5).
    Crypt,
}

impl Letters {
    pub(super) fn hold(self, byte: u8) -> bool {
        byte.is_ascii_alphanumeric()
            || match self {
                Letters::Plain => false,
                Letters::Dashed => b"_-".contains(&byte),
                Letters::Encoded => b"_-.=+/".contains(&byte),
                Letters::Crypt => b"./$=,".contains(&byte),
            }
    }
}

/// What follows the word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// The word begins a token, which has at least so many letters after it.
    Token(Letters, usize),
    /// `word = value`, `"word": "value"`, `--word value`.
    Value,
    /// The same, but the word stands alone: it is part of too many others.
    ValueOfWord,
    /// The same, with a value that goes on to the end of the line.
    Line,
    /// A scheme of HTTP authentication, and its credentials after a blank.
    Scheme,
    /// `scheme://user:password@host`, and the query.
    Url,
    /// A PEM block.
    Block,
    /// A JSON web token.
    WebToken,
    /// `login NAME password VALUE` of netrc, `identified by 'VALUE'` of SQL, `community VALUE` of SNMP: a word, a
    /// blank, a value.
    Next,
    /// `curl -u name:password`.
    Pair,
    /// The token of a Telegram bot: digits before, letters after.
    Bot,
    /// A person's home folder.
    Home,
    /// An e-mail address.
    Mail,
    /// The security identifier of an account.
    Sid,
    /// An account, after the word that logs put before it.
    Account,
    /// A serial number, after its word.
    Serial,
    /// A request line with a query.
    Request,
}

/// One rule.
pub(super) struct Rule {
    /// The fixed word that every find begins with or follows, in lower case where case does not matter.
    pub(super) anchor: &'static str,
    /// What it is called in the report of what was hidden.
    pub(super) class: &'static str,
    pub(super) shape: Shape,
}

const fn token(anchor: &'static str, class: &'static str, letters: Letters, least: usize) -> Rule {
    Rule { anchor, class, shape: Shape::Token(letters, least) }
}

const fn rule(anchor: &'static str, class: &'static str, shape: Shape) -> Rule {
    Rule { anchor, class, shape }
}

use Letters::{Crypt, Dashed, Encoded, Plain};

/// Every rule for secrets: these hold at every level but `none`.
pub(super) const SECRETS: &[Rule] = &[
    token("AKIA", "aws-key", Plain, 16),
    token("ASIA", "aws-key", Plain, 16),
    token("ABIA", "aws-key", Plain, 16),
    token("ACCA", "aws-key", Plain, 16),
    token("ghp_", "github-token", Plain, 36),
    token("gho_", "github-token", Plain, 36),
    token("ghu_", "github-token", Plain, 36),
    token("ghs_", "github-token", Plain, 36),
    token("ghr_", "github-token", Plain, 36),
    token("github_pat_", "github-token", Dashed, 40),
    token("glpat-", "gitlab-token", Dashed, 20),
    token("glrt-", "gitlab-token", Dashed, 20),
    token("gldt-", "gitlab-token", Dashed, 20),
    token("glptt-", "gitlab-token", Plain, 40),
    token("xoxb-", "slack-token", Dashed, 10),
    token("xoxp-", "slack-token", Dashed, 10),
    token("xoxa-", "slack-token", Dashed, 10),
    token("xoxr-", "slack-token", Dashed, 10),
    token("xoxs-", "slack-token", Dashed, 10),
    token("xoxe-", "slack-token", Dashed, 10),
    token("xapp-", "slack-token", Dashed, 10),
    token("hooks.slack.com/services/", "slack-token", Encoded, 20),
    token("AIza", "google-key", Dashed, 35),
    token("ya29.", "google-token", Dashed, 20),
    token("GOCSPX-", "google-key", Dashed, 20),
    token("sk_live_", "stripe-key", Plain, 10),
    token("sk_test_", "stripe-key", Plain, 10),
    token("rk_live_", "stripe-key", Plain, 10),
    token("whsec_", "stripe-key", Encoded, 20),
    token("sk-ant-", "anthropic-key", Dashed, 20),
    token("sk-proj-", "openai-key", Dashed, 20),
    token("sk-", "openai-key", Plain, 40),
    token("npm_", "npm-token", Plain, 36),
    token("pypi-AgEI", "pypi-token", Dashed, 40),
    token("rubygems_", "rubygems-key", Plain, 48),
    token("dckr_pat_", "docker-token", Dashed, 20),
    token("SG.", "sendgrid-key", Encoded, 60),
    token("hvs.", "vault-token", Dashed, 20),
    token("hvb.", "vault-token", Dashed, 20),
    token("dop_v1_", "digitalocean-token", Plain, 60),
    token("doo_v1_", "digitalocean-token", Plain, 60),
    token("shpat_", "shopify-token", Plain, 32),
    token("shpss_", "shopify-token", Plain, 32),
    token("dapi", "databricks-token", Plain, 32),
    token("lin_api_", "linear-key", Plain, 40),
    token("ATATT3", "atlassian-token", Encoded, 50),
    token("glsa_", "grafana-token", Dashed, 32),
    token("glc_", "grafana-token", Encoded, 32),
    token("NRAK-", "newrelic-key", Plain, 27),
    token("PMAK-", "postman-key", Dashed, 24),
    token("sntrys_", "sentry-token", Encoded, 40),
    token("hf_", "huggingface-token", Plain, 34),
    token("dp.pt.", "doppler-token", Plain, 40),
    token("AGE-SECRET-KEY-1", "age-key", Plain, 50),
    token("$1$", "password-hash", Crypt, 20),
    token("$5$", "password-hash", Crypt, 20),
    token("$6$", "password-hash", Crypt, 20),
    token("$y$", "password-hash", Crypt, 20),
    token("$2a$", "password-hash", Crypt, 20),
    token("$2b$", "password-hash", Crypt, 20),
    token("$2y$", "password-hash", Crypt, 20),
    token("$argon2", "password-hash", Encoded, 0),
    rule(":AA", "telegram-token", Shape::Bot),
    rule("eyJ", "web-token", Shape::WebToken),
    rule("-----begin ", "private-key", Shape::Block),
    rule("://", "url-password", Shape::Url),
    rule("authorization", "authorization", Shape::Line),
    rule("cookie", "cookie", Shape::Line),
    rule("bearer ", "authorization", Shape::Scheme),
    rule("basic ", "authorization", Shape::Scheme),
    rule("digest ", "authorization", Shape::Scheme),
    rule("negotiate ", "authorization", Shape::Scheme),
    rule("ntlm ", "authorization", Shape::Scheme),
    rule("password", "password", Shape::Value),
    rule("passwd", "password", Shape::Value),
    rule("passphrase", "password", Shape::Value),
    rule("passwort", "password", Shape::Value),
    rule("kennwort", "password", Shape::Value),
    rule("contraseña", "password", Shape::Value),
    rule("pwd", "password", Shape::Value),
    rule("pass", "password", Shape::ValueOfWord),
    rule("psk", "wifi-key", Shape::Value),
    rule("wep_key", "wifi-key", Shape::Value),
    rule("sae_password", "wifi-key", Shape::Value),
    rule("secret", "secret", Shape::Value),
    rule("token", "token", Shape::Value),
    rule("apikey", "key", Shape::Value),
    rule("api_key", "key", Shape::Value),
    rule("api-key", "key", Shape::Value),
    rule("access_key", "key", Shape::Value),
    rule("accesskey", "key", Shape::Value),
    rule("accountkey", "key", Shape::Value),
    rule("private_key", "key", Shape::Value),
    rule("private-key", "key", Shape::Value),
    rule("privatekey", "key", Shape::Value),
    rule("presharedkey", "key", Shape::Value),
    rule("encryption_key", "key", Shape::Value),
    rule("signing_key", "key", Shape::Value),
    rule("credential", "credential", Shape::Value),
    rule("session_id", "session", Shape::Value),
    rule("sessionid", "session", Shape::Value),
    rule("sessid", "session", Shape::Value),
    rule("sig", "signature", Shape::ValueOfWord),
    rule("signature", "signature", Shape::ValueOfWord),
    rule("_auth", "credential", Shape::Value),
    rule("password ", "password", Shape::Next),
    rule("identified by ", "password", Shape::Next),
    rule("snmp-server community ", "snmp-community", Shape::Next),
    rule("rocommunity ", "snmp-community", Shape::Next),
    rule("rwcommunity ", "snmp-community", Shape::Next),
    rule(" -u ", "password", Shape::Pair),
    rule(" --user ", "password", Shape::Pair),
];

/// Every rule for what says who somebody is: these hold from `standard` on.
pub(super) const PERSONAL: &[Rule] = &[
    rule("home/", "path", Shape::Home),
    rule("users/", "path", Shape::Home),
    rule("users\\", "path", Shape::Home),
    rule("@", "user", Shape::Mail),
    rule("s-1-5-21-", "sid", Shape::Sid),
    rule("user=", "user", Shape::Account),
    rule("user:", "user", Shape::Account),
    rule("username=", "user", Shape::Account),
    rule("username:", "user", Shape::Account),
    rule("uname=", "user", Shape::Account),
    rule("login=", "user", Shape::Account),
    rule("login:", "user", Shape::Account),
    rule("logname=", "user", Shape::Account),
    rule("acct=", "user", Shape::Account),
    rule("account=", "user", Shape::Account),
    rule("for user ", "user", Shape::Account),
    rule("of user ", "user", Shape::Account),
    rule("invalid user ", "user", Shape::Account),
    rule("password for ", "user", Shape::Account),
    rule("publickey for ", "user", Shape::Account),
    rule("serial number", "serial", Shape::Serial),
    rule("serialnumber", "serial", Shape::Serial),
    rule("serial_number", "serial", Shape::Serial),
    rule("machine-id", "serial", Shape::Serial),
    rule("machine_id", "serial", Shape::Serial),
    rule("service tag", "serial", Shape::Serial),
    rule("imei", "serial", Shape::Serial),
    rule("get /", "query", Shape::Request),
    rule("post /", "query", Shape::Request),
    rule("put /", "query", Shape::Request),
    rule("head /", "query", Shape::Request),
    rule("delete /", "query", Shape::Request),
    rule("patch /", "query", Shape::Request),
];

/// Whether the name of a field says that its value is a secret.
pub(super) fn is_secret_field(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let by_word = |rule: &&Rule| match rule.shape {
        Shape::Value | Shape::Line => name.contains(rule.anchor),
        Shape::ValueOfWord => name == rule.anchor,
        _ => false,
    };
    SECRETS.iter().find(by_word).map(|rule| rule.class)
}
