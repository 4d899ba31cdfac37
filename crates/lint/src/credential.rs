//! What looks like a credential: known forms of tokens and keys, and values under telling names.
//!
//! Shared by the rule about Nix code and by the check of the spec. It would rather miss one than cry
//! wolf: whatever stands for a value (a path, a variable, a placeholder) is none.

/// What a value under a telling name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// The credential itself.
    Literal,
    /// The hash of a password, where NixOS wants one.
    Hash,
    /// The hash of a password elsewhere.
    StrayHash,
}

/// What a text is as the value of an attribute of this name.
pub fn named(name: &str, text: &str) -> Option<Named> {
    let kind = kind(name)?;
    if kind == Kind::Hash {
        return text.starts_with('$').then_some(Named::Hash);
    }
    if is_hash(text) {
        return Some(Named::StrayHash);
    }
    let is_random = kind == Kind::Password || entropy(text) > 2.5;
    (is_random && !is_placeholder(text, kind) && known(text).is_none()).then_some(Named::Literal)
}

/// Whether a text is a hash as crypt(3) makes it.
fn is_hash(text: &str) -> bool {
    let kinds = [
        "$6$", "$5$", "$y$", "$gy$", "$7$", "$2a$", "$2b$", "$2y$", "$1$", "$argon2",
    ];
    text.len() >= 20 && !text.contains(' ') && kinds.iter().any(|kind| text.starts_with(kind))
}

/// The bytes that the shortest token has.
const SHORTEST: usize = 15;

/// The first token in a text: where, how long, and what.
pub fn token(text: &str) -> Option<(usize, usize, &'static str)> {
    if text.len() < SHORTEST {
        return None;
    }
    let bytes = text.as_bytes();
    let mut start = 0;
    let mut at = 0;
    while at <= bytes.len() {
        let is_word = bytes
            .get(at)
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        if !is_word {
            if at - start >= SHORTEST
                && let Some(what) = known(&text[start..at])
            {
                return Some((start, at - start, what));
            }
            if bytes[start.min(at)..at].starts_with(b"eyJ")
                && let Some(length) = web_token(&text[start..])
            {
                return Some((start, length, "a JSON web token"));
            }
            start = at + 1;
        }
        at += 1;
    }
    let key = text.find("-----BEGIN ")?;
    let line = text[key..].lines().next()?;
    let is_key = line.contains("PRIVATE KEY-----") || line.contains("PRIVATE KEY BLOCK-----");
    // Who looks for keys names their first line.
    let has_body = text[key..].lines().nth(1).is_some_and(|line| {
        let line = line.trim();
        line.len() >= 16 && !line.contains(' ')
    });
    (is_key && has_body).then_some((key, line.len(), "a private key"))
}

/// The length of a JSON web token at the start of a text: header, claims and signature.
fn web_token(text: &str) -> Option<usize> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let end = text.find(|c| !is_part(c) && c != '.').unwrap_or(text.len());
    let mut parts = text[..end].split('.');
    let (header, claims, signature) = (parts.next()?, parts.next()?, parts.next()?);
    let is_token = header.len() >= 16 && claims.starts_with("eyJ") && claims.len() >= 16;
    (is_token && signature.len() >= 20 && parts.next().is_none()).then_some(end)
}

/// What kind of token a word is. Each form: what it begins with, what may follow, and how much.
fn known(word: &str) -> Option<&'static str> {
    const FORMS: &[(&str, usize, &str)] = &[
        ("AKIA", 16, "an AWS access key"),
        ("ASIA", 16, "an AWS access key"),
        ("ghp_", 36, "a GitHub token"),
        ("gho_", 36, "a GitHub token"),
        ("ghu_", 36, "a GitHub token"),
        ("ghs_", 36, "a GitHub token"),
        ("ghr_", 36, "a GitHub token"),
        ("github_pat_", 40, "a GitHub token"),
        ("glpat-", 20, "a GitLab token"),
        ("sk-ant-", 32, "an Anthropic key"),
        ("sk-proj-", 32, "an OpenAI key"),
        ("sk-", 40, "an API key"),
        ("xoxb-", 20, "a Slack token"),
        ("xoxp-", 20, "a Slack token"),
        ("xoxa-", 20, "a Slack token"),
        ("xoxs-", 20, "a Slack token"),
        ("xapp-", 20, "a Slack token"),
        ("sk_live_", 20, "a Stripe key"),
        ("rk_live_", 20, "a Stripe key"),
        ("GOCSPX-", 20, "a Google client secret"),
        ("AIza", 35, "a Google API key"),
        ("hf_", 34, "a Hugging Face token"),
        ("npm_", 36, "an npm token"),
        ("tskey-", 20, "a Tailscale key"),
        ("dckr_pat_", 20, "a Docker token"),
        ("AGE-SECRET-KEY-1", 40, "a private key"),
    ];
    let (start, least, what) = FORMS.iter().find(|(start, _, _)| word.starts_with(start))?;
    let rest = &word[start.len()..];
    let is_exact = !matches!(*start, "AKIA" | "ASIA")
        || rest.len() == 16
            && rest
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    let has_digit = rest.bytes().any(|byte| byte.is_ascii_digit());
    let is_example = word.to_ascii_uppercase().contains("EXAMPLE");
    (rest.len() >= *least && is_exact && has_digit && !is_example && entropy(rest) > 3.0)
        .then_some(what)
}

/// Bits for each character, by their frequency.
fn entropy(word: &str) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in word.bytes() {
        counts[usize::from(byte)] += 1;
    }
    let total = f64::from(u32::try_from(word.len()).unwrap_or(u32::MAX));
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            let share = f64::from(*count) / total;
            -share * share.log2()
        })
        .sum()
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Password,
    Token,
    Hash,
}

fn kind(name: &str) -> Option<Kind> {
    if matches!(name, "hashedPassword" | "initialHashedPassword") {
        return Some(Kind::Hash);
    }
    let plain: String = name
        .chars()
        .filter(|c| !matches!(c, '_' | '-'))
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let ends = |ends: &[&str]| ends.iter().any(|end| plain.ends_with(end));
    if ends(&[
        "password",
        "passwd",
        "passphrase",
        "adminpass",
        "presharedkey",
        "psk",
        "pskraw",
    ]) {
        return Some(Kind::Password);
    }
    let is_token = ends(&[
        "apikey",
        "apitoken",
        "authtoken",
        "accesstoken",
        "secretkey",
        "clientsecret",
        "privatekey",
        "secretaccesskey",
        "authkey",
    ]) || matches!(plain.as_str(), "token" | "secret" | "accesskey");
    is_token.then_some(Kind::Token)
}

/// Whether a value only stands for a credential, or cannot be one.
fn is_placeholder(text: &str, kind: Kind) -> bool {
    let least = if kind == Kind::Token { 12 } else { 1 };
    let marks = [
        "$", "@", "<", "%", "{", "!", "*", "ENC[", "file:", "env:", "vault:", "ext:",
    ];
    let is_marked = marks.iter().any(|mark| text.starts_with(mark));
    let is_path = text.starts_with('/') || text.starts_with("~/") || text.starts_with("./");
    let is_word = kind == Kind::Token && !text.bytes().any(|byte| byte.is_ascii_digit());
    let is_address = text.contains("://");
    text.chars().count() < least || is_marked || is_path || is_word || is_address
}
