//! Public keys of the key book: what they are, and ssh keys as age recipients.
//!
//! sops-nix opens secrets with the ssh key of the host turned into an age key, so that is what sops
//! has to encrypt for; age opens files for ssh keys as they are.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use bech32::{Bech32, Hrp};
use curve25519_dalek::edwards::CompressedEdwardsY;
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
    let bytes = STANDARD
        .decode(blob)
        .or_else(|_| STANDARD_NO_PAD.decode(blob))
        .map_err(|_| Problem::Damaged)?;
    let mut rest = bytes.as_slice();
    if field(&mut rest) != Some(kind.as_bytes()) {
        return Err(Problem::Damaged);
    }
    let plain = format!("{kind} {blob}");
    if kind == "ssh-rsa" {
        let whole = field(&mut rest).is_some() && field(&mut rest).is_some() && rest.is_empty();
        return match (whole, backend) {
            (false, _) => Err(Problem::Damaged),
            (true, Backend::Agenix) => Ok(plain),
            (true, Backend::Sops) => Err(Problem::Rsa),
        };
    }
    let point = field(&mut rest).filter(|_| rest.is_empty());
    let montgomery = point
        .and_then(|bytes| CompressedEdwardsY::from_slice(bytes).ok())
        .and_then(|point| point.decompress())
        .map(|point| point.to_montgomery())
        .ok_or(Problem::Damaged)?;
    match backend {
        Backend::Agenix => Ok(plain),
        Backend::Sops => {
            let hrp = Hrp::parse("age").map_err(|_| Problem::Damaged)?;
            bech32::encode::<Bech32>(hrp, montgomery.as_bytes()).map_err(|_| Problem::Damaged)
        }
    }
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
    use super::{Problem, recipient};
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
