//! Strict plain scalars: what `true`, `10` and `25.11` mean, and what must be quoted.

/// What a plain scalar is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Plain {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text,
    /// Text to some and a number or boolean to others; the reason.
    Ambiguous(&'static str),
}

pub(crate) fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// Reads a plain scalar.
pub(crate) fn plain(text: &str) -> Plain {
    if is_null(text) {
        return Plain::Null;
    }
    match text {
        "true" => return Plain::Bool(true),
        "false" => return Plain::Bool(false),
        _ => {}
    }
    if matches!(
        text.to_ascii_lowercase().as_str(),
        "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n"
    ) {
        return Plain::Ambiguous("only `true` and `false` are booleans");
    }
    if matches!(
        text.to_ascii_lowercase().as_str(),
        ".inf" | "-.inf" | "+.inf" | ".nan" | "-.nan"
    ) {
        return Plain::Ambiguous("Nix has no infinity and no NaN");
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Plain::Text;
    }
    if digits.bytes().all(|b| b.is_ascii_digit()) {
        if text.starts_with('+') {
            return Plain::Ambiguous("a number with a plus sign");
        }
        if digits.len() > 1 && digits.starts_with('0') {
            return Plain::Ambiguous("a number with a leading zero");
        }
        return text
            .parse()
            .map_or(Plain::Ambiguous("an integer beyond 64 bits"), Plain::Int);
    }
    let lower = digits.to_ascii_lowercase();
    if ["0x", "0o", "0b"].iter().any(|p| {
        lower.strip_prefix(p).is_some_and(|rest| {
            !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_hexdigit() || b == b'_')
        })
    }) {
        return Plain::Ambiguous("a number that is not decimal");
    }
    if digits.bytes().all(|b| b.is_ascii_digit() || b == b'_') && digits.contains('_') {
        return Plain::Ambiguous("a number with `_`");
    }
    if is_float(digits) {
        let whole = digits.split(['.', 'e', 'E']).next().unwrap_or_default();
        if whole.len() > 1 && whole.starts_with('0') {
            return Plain::Ambiguous("a number with a leading zero");
        }
        return match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Plain::Float(value),
            _ => Plain::Ambiguous("a number beyond what a float holds"),
        };
    }
    // YAML 1.1 reads 22:30 as a number of base 60; 1.2 and this language read text.
    Plain::Text
}

fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(i) => (&text[..i], Some(&text[i + 1..])),
        None => (text, None),
    };
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let mantissa_ok = match mantissa.split_once('.') {
        Some((a, b)) => digits(a) && digits(b) && !(a.is_empty() && b.is_empty()),
        None => !mantissa.is_empty() && digits(mantissa) && exponent.is_some(),
    };
    let exponent_ok = exponent.is_none_or(|e| {
        let e = e.strip_prefix(['-', '+']).unwrap_or(e);
        !e.is_empty() && digits(e)
    });
    mantissa_ok && exponent_ok
}

/// Bytes of a size such as `16GiB`, `16G` or `512M`; units are powers of 1024.
///
/// # Errors
/// A message that says what a size looks like.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let bad = || format!("`{text}` is not a size; write it like `16GiB` or `512M`");
    let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
    let number: u64 = text[..split].parse().map_err(|_| bad())?;
    let power = match &text[split..] {
        "K" | "KiB" => 1,
        "M" | "MiB" => 2,
        "G" | "GiB" => 3,
        "T" | "TiB" => 4,
        _ => return Err(bad()),
    };
    number.checked_mul(1024_u64.pow(power)).ok_or_else(bad)
}

/// Seconds of a duration such as `90s`, `15m`, `12h`, `30d` or `4w`.
///
/// # Errors
/// A message that says what a duration looks like.
pub fn parse_duration(text: &str) -> Result<u64, String> {
    let bad = || format!("`{text}` is not a duration; write it like `90s`, `15m`, `12h` or `30d`");
    let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
    let number: u64 = text[..split].parse().map_err(|_| bad())?;
    let unit = match &text[split..] {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return Err(bad()),
    };
    number.checked_mul(unit).ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars() {
        for (text, expected) in [
            ("true", Plain::Bool(true)),
            ("10", Plain::Int(10)),
            ("-7", Plain::Int(-7)),
            ("0", Plain::Int(0)),
            ("9223372036854775807", Plain::Int(i64::MAX)),
            ("-9223372036854775808", Plain::Int(i64::MIN)),
            ("25.11", Plain::Float(25.11)),
            ("1e3", Plain::Float(1000.0)),
            (".5", Plain::Float(0.5)),
            ("10.0.0.10", Plain::Text),
            ("22:30", Plain::Text),
            ("16G", Plain::Text),
            ("30d", Plain::Text),
            ("1.2.3", Plain::Text),
            ("5e", Plain::Text),
            ("-", Plain::Text),
            (".", Plain::Text),
            ("~", Plain::Null),
            ("", Plain::Null),
        ] {
            assert_eq!(plain(text), expected, "{text}");
        }
        for text in [
            "yes",
            "Off",
            "True",
            "NO",
            "010",
            "0x1f",
            "0o17",
            "1_000",
            "+5",
            ".inf",
            "-.NaN",
            "9223372036854775808",
            "007.5",
            "1e999",
        ] {
            assert!(matches!(plain(text), Plain::Ambiguous(_)), "{text}");
        }
    }

    #[test]
    fn sizes_and_durations() {
        assert_eq!(parse_size("16GiB"), Ok(16 << 30));
        assert_eq!(parse_size("512M"), Ok(512 << 20));
        assert_eq!(parse_duration("30d"), Ok(2_592_000));
        for bad in ["16", "GiB", "16GB", "1.5G", "", "99999999999999999T"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
        for bad in ["30", "d", "30 d", "-1d", "1y"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
