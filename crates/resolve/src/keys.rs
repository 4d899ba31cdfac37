//! Public keys of the key book: what they are, and ssh keys as age recipients.
//!
//! sops-nix opens secrets with the ssh key of the host turned into an age key, so that is what sops
//! has to encrypt for; age opens files for ssh keys as they are.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use bech32::{Bech32, Hrp};
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use model::Backend;

/// Why a text is no key that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// A private key.
    Private,
    /// Neither an ssh key nor an age recipient.
    NoKey,
    /// The form is that of a key, but the rest is cut off or mistyped.
    Damaged,
    /// age knows no such ssh keys.
    Unsupported,
    /// It cannot be turned into an age key.
    Rsa,
}

/// The key in the form that a backend encrypts for, without a comment.
pub(crate) fn recipient(text: &str, backend: Backend) -> Result<String, Problem> {
    let text = text.trim();
    if is_private(text) {
        return Err(Problem::Private);
    }
    if text.starts_with("age1") {
        return age(text).map(|()| text.to_owned());
    }
    let mut words = text.split_ascii_whitespace();
    let (Some(kind), Some(blob)) = (words.next(), words.next()) else {
        return Err(Problem::NoKey);
    };
    let supported = match kind {
        "ssh-ed25519" | "ssh-rsa" => true,
        _ if ["ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-", "ssh-dss"]
            .iter()
            .any(|it| kind.starts_with(it)) =>
        {
            false
        }
        _ => return Err(Problem::NoKey),
    };
    if !supported {
        return Err(Problem::Unsupported);
    }
    let point = wire(kind, blob)?;
    let plain = format!("{kind} {blob}");
    match (backend, point) {
        (Backend::Agenix, _) => Ok(plain),
        (Backend::Sops, None) => Err(Problem::Rsa),
        (Backend::Sops, Some(point)) => {
            let montgomery = point.to_montgomery();
            let hrp = Hrp::parse("age").map_err(|_| Problem::Damaged)?;
            bech32::encode::<Bech32>(hrp, montgomery.as_bytes()).map_err(|_| Problem::Damaged)
        }
    }
}

/// Checks a line of `authorized_keys`: options, type, key and comment, as sshd reads them.
pub(crate) fn authorized(line: &str) -> Result<(), Problem> {
    let line = line.trim();
    if is_private(line) {
        return Err(Problem::Private);
    }
    let without = key_and_comment(line);
    if without.is_ok() {
        return Ok(());
    }
    // What does not begin with a key begins with options, which end at the first blank outside quotes.
    let (mut quoted, mut escaped) = (false, false);
    let end = line.find(|c: char| {
        match c {
            '"' if !escaped => quoted = !quoted,
            ' ' | '\t' if !quoted => return true,
            _ => {}
        }
        escaped = c == '\\' && !escaped;
        false
    });
    let with = end.map_or(Err(Problem::NoKey), |end| key_and_comment(&line[end..]));
    // What is said is about the one that has the form of a key.
    match (without, with) {
        (_, Ok(())) | (Ok(()), _) => Ok(()),
        (Err(Problem::NoKey), Err(problem)) | (Err(problem), _) => Err(problem),
    }
}

fn key_and_comment(text: &str) -> Result<(), Problem> {
    let mut words = text.split_ascii_whitespace();
    let kind = words.next().ok_or(Problem::NoKey)?;
    let is_kind = ["ssh-", "sk-ssh-", "sk-ecdsa-", "ecdsa-"];
    if !is_kind.iter().any(|it| kind.starts_with(it)) {
        return Err(Problem::NoKey);
    }
    let blob = words.next().ok_or(Problem::Damaged)?;
    wire(kind, blob).map(|_| ())
}

/// Checks the wire form of a public key: that it is of this type, and has its fields and no others.
/// The point of an ed25519 key is given back.
fn wire(kind: &str, blob: &str) -> Result<Option<EdwardsPoint>, Problem> {
    let bytes = STANDARD
        .decode(blob)
        .or_else(|_| STANDARD_NO_PAD.decode(blob))
        .map_err(|_| Problem::Damaged)?;
    let mut rest = bytes.as_slice();
    if field(&mut rest) != Some(kind.as_bytes()) {
        return Err(Problem::Damaged);
    }
    let fields = match kind {
        "ssh-ed25519" => 1,
        "ssh-rsa" | "sk-ssh-ed25519@openssh.com" => 2,
        "sk-ecdsa-sha2-nistp256@openssh.com" => 3,
        "ssh-dss" => 4,
        _ if kind.starts_with("ecdsa-sha2-") && !kind.contains('@') => 2,
        // Certificates, and types to come.
        _ => return Ok(None),
    };
    let found: Option<Vec<&[u8]>> = (0..fields).map(|_| field(&mut rest)).collect();
    let found = found.filter(|_| rest.is_empty()).ok_or(Problem::Damaged)?;
    if !kind.contains("ssh-ed25519") {
        return Ok(None);
    }
    let point = found
        .first()
        .and_then(|it| CompressedEdwardsY::from_slice(it).ok());
    let point = point.and_then(|point| point.decompress());
    point.map(Some).ok_or(Problem::Damaged)
}

/// Whether a text is a private key.
pub(crate) fn is_private(key: &str) -> bool {
    key.contains("PRIVATE KEY") || key.to_ascii_uppercase().starts_with("AGE-SECRET-KEY")
}

/// Recipients of plugins (`age1yubikey1…`) are for the plugin to judge.
fn age(text: &str) -> Result<(), Problem> {
    let is_plain = text.bytes().skip(4).all(|byte| byte != b'1');
    if !is_plain {
        let is_word = text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        return if is_word {
            Ok(())
        } else {
            Err(Problem::Damaged)
        };
    }
    match bech32::decode(text) {
        Ok((hrp, bytes)) if hrp.as_str() == "age" && bytes.len() == 32 => Ok(()),
        _ => Err(Problem::Damaged),
    }
}

/// The next field of the wire form of ssh: its length, then as many bytes.
fn field<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (field, after) = after.split_at_checked(length)?;
    *rest = after;
    Some(field)
}

#[cfg(test)]
mod tests {
    use super::{Problem, authorized, recipient};
    use model::Backend::{Agenix, Sops};

    /// Made for this test by `ssh-keygen` and thrown away; `age` opened with the private half, turned
    /// into an age identity as sops-nix does it, what was encrypted for the recipient.
    const SSH: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH1ZO5AaPRZp4OyOjwMhOrKrMcJM3oVvKkU6WdBTutSD";
    const AGE: &str = "age1gr2rhkyky8tt3p8mczezcv7zhsf9mrn0mp7q6eyradclhwa5qprs0de4p0";

    #[test]
    fn ssh_key_for_sops_is_an_age_recipient() {
        assert_eq!(recipient(SSH, Sops).as_deref(), Ok(AGE));
        assert_eq!(
            recipient(&format!("{SSH} root@one"), Sops).as_deref(),
            Ok(AGE)
        );
        assert_eq!(
            recipient(&format!("{SSH} root@one\n"), Agenix).as_deref(),
            Ok(SSH)
        );
        assert_eq!(recipient(AGE, Sops).as_deref(), Ok(AGE));
    }

    #[test]
    fn damaged_keys() {
        let cases = [
            (AGE[..AGE.len() - 1].to_owned(), Problem::Damaged),
            (AGE.replace('q', "p"), Problem::Damaged),
            (SSH[..SSH.len() - 4].to_owned(), Problem::Damaged),
            (SSH.replace("ssh-ed25519", "ssh-rsa"), Problem::Damaged),
            ("ssh-ed25519".to_owned(), Problem::NoKey),
            ("ssh-ed25519 AAAA".to_owned(), Problem::Damaged),
            ("alice@example.org".to_owned(), Problem::NoKey),
            ("ecdsa-sha2-nistp256 AAAA".to_owned(), Problem::Unsupported),
            (format!("AGE-SECRET-{}", "KEY-1QQQQ"), Problem::Private),
        ];
        for (text, problem) in cases {
            assert_eq!(recipient(&text, Agenix), Err(problem), "{text}");
        }
    }

    /// Made by `ssh-keygen` and thrown away; the certificate is of the first by the second. Those of
    /// hardware keys are put together of a made key and `ssh:`, as RFC 4251 and PROTOCOL.u2f have it.
    const KEYS: &[&str] = &[
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFCcFJkjPXXPIrgMlgy/wZD3v5s9DvwFUgVGi73m3bb2",
        "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBGmOymOo9+6g7f4WpUaduY3rlWInqo2n6xngCNEs8Gyx/GV995FicvXVstwInv+bEqeVxYPxLQK3/ncsOotC9fo=",
        "ecdsa-sha2-nistp521 AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACFBAFNRXD5byxrzL7iG7WhK7jPQzBMwU0y1Odrojzqb8sQYvxBVLERlzAJs4GFf0N/quCVbvNI3+MEDIo6y6M/Jp7tOgAsdrFLGUgejH52tQOdjusET3iMgvphtsi6Unfei4fYZUT3fSRQ/n5EGaU6gFjZy2xM30N58Cyi7Ly7Fu0ALGIGkA==",
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQD1MYs3l2LxkKuyUbRJNdWkaUq+jL2OtCVxrLs8woV8Y0ftKzgt8Fj07X+lFzjfeBRRk8xgdkkaUvGNWV8Djq+F/TLf2QbScrXqYgJfMOGFb8LuavSrigSwZwPoaxifMbmU5Q4+e2kcjVZU4V33J+cHJijIv24eiP94D+hXaopFrw==",
        "ssh-ed25519-cert-v01@openssh.com AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAIMH8qkV3BuSqU/cVRCQmLHISy8yiQlx8eUJxbUJ2hDitAAAAIFCcFJkjPXXPIrgMlgy/wZD3v5s9DvwFUgVGi73m3bb2AAAAAAAAAAAAAAABAAAABWFsaWNlAAAACQAAAAVhbGljZQAAAAAAAAAA//////////8AAAAAAAAAggAAABVwZXJtaXQtWDExLWZvcndhcmRpbmcAAAAAAAAAF3Blcm1pdC1hZ2VudC1mb3J3YXJkaW5nAAAAAAAAABZwZXJtaXQtcG9ydC1mb3J3YXJkaW5nAAAAAAAAAApwZXJtaXQtcHR5AAAAAAAAAA5wZXJtaXQtdXNlci1yYwAAAAAAAAAAAAAAaAAAABNlY2RzYS1zaGEyLW5pc3RwMjU2AAAACG5pc3RwMjU2AAAAQQRpjspjqPfuoO3+FqVGnbmN65ViJ6qNp+sZ4AjRLPBssfxlffeRYnL11bLcCJ7/mxKnlcWD8S0Ct/53LDqLQvX6AAAAZAAAABNlY2RzYS1zaGEyLW5pc3RwMjU2AAAASQAAACBPVG6tHi777LOQKPieGjV4P+mpIS4hig+M+IocNJCzbQAAACEAo1KIz/kMbvLtNXJlZ+AR11KN+vrk4FmxNWC40VsOckQ=",
        "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIFCcFJkjPXXPIrgMlgy/wZD3v5s9DvwFUgVGi73m3bb2AAAABHNzaDo=",
        "sk-ecdsa-sha2-nistp256@openssh.com AAAAInNrLWVjZHNhLXNoYTItbmlzdHAyNTZAb3BlbnNzaC5jb20AAAAIbmlzdHAyNTYAAABBBGmOymOo9+6g7f4WpUaduY3rlWInqo2n6xngCNEs8Gyx/GV995FicvXVstwInv+bEqeVxYPxLQK3/ncsOotC9foAAAAEc3NoOg==",
    ];

    #[test]
    fn lines_of_authorized_keys() {
        for key in KEYS {
            for line in [
                (*key).to_owned(),
                format!("{key} alice@example and more"),
                format!("  {key}\talice\n"),
                format!("restrict,pty {key}"),
                format!(r#"from="10.0.0.0/8, 192.0.2.1",command="echo \"a b\"" {key} alice"#),
                format!("cert-authority,principals=\"alice, bob\"\t{key}"),
            ] {
                assert_eq!(authorized(&line), Ok(()), "{line}");
            }
            let kind = key.split(' ').next().unwrap_or_default();
            for line in [
                format!("{key}A"),
                format!("restrict {key}A"),
                key.replace("AAAA", "AAAB"),
                format!("{kind} AAAA"),
                kind.to_owned(),
            ] {
                assert_eq!(authorized(&line), Err(Problem::Damaged), "{line}");
            }
        }
        let private = format!("-----BEGIN OPENSSH {} KEY-----", "PRIVATE");
        for (line, problem) in [
            ("", Problem::NoKey),
            ("alice@example", Problem::NoKey),
            ("# a remark", Problem::NoKey),
            ("command=\"ssh-ed25519 AAAA", Problem::NoKey),
            (AGE, Problem::NoKey),
            (&private, Problem::Private),
        ] {
            assert_eq!(authorized(line), Err(problem), "{line}");
        }
    }

    #[test]
    fn rsa_is_for_agenix_only() {
        // Type, exponent 65537 and a short modulus.
        let rsa = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAgDF";
        assert_eq!(recipient(rsa, Agenix).as_deref(), Ok(rsa));
        assert_eq!(recipient(rsa, Sops), Err(Problem::Rsa));
    }

    #[test]
    fn plugin_recipient() {
        let yubikey = "age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t";
        assert_eq!(recipient(yubikey, Sops).as_deref(), Ok(yubikey));
    }
}
