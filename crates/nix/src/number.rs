//! Number literals.
//!
//! Nix has no negative literals (`-5` is a negation), so callers parenthesise them where an operator
//! does not fit.

/// The code of an integer.
pub(crate) fn int(value: i64) -> String {
    // The digits of the smallest integer do not fit before they are negated.
    if value == i64::MIN {
        format!("-{} - 1", i64::MAX)
    } else {
        value.to_string()
    }
}

/// How a number is written.
#[derive(Debug, PartialEq)]
pub(crate) enum FloatCode {
    /// A literal, with a minus sign before it if it is negative.
    Literal(String),
    /// A call, for the numbers that Nix refuses as literals.
    Call(String),
}

/// The code of a floating-point number, or nothing if it is not finite.
pub(crate) fn float(value: f64) -> Option<FloatCode> {
    if !value.is_finite() {
        return None;
    }
    // `{:?}` prints the shortest digits that read back as the same number.
    let digits = format!("{value:?}");
    // A negation is `0 - x`, which loses the sign of zero; subnormal literals are "invalid floats".
    if (value == 0.0 && value.is_sign_negative()) || value.is_subnormal() {
        return Some(FloatCode::Call(format!("builtins.fromJSON \"{digits}\"")));
    }
    // A literal without a point is an integer followed by a name.
    let literal = match digits.split_once('e') {
        Some((mantissa, exponent)) if !mantissa.contains('.') => {
            format!("{mantissa}.0e{exponent}")
        }
        _ => digits,
    };
    Some(FloatCode::Literal(literal))
}

#[cfg(test)]
mod tests {
    use super::{FloatCode, float, int};

    #[test]
    fn integers() {
        let cases = [
            (0, "0"),
            (-5, "-5"),
            (i64::MAX, "9223372036854775807"),
            (i64::MIN, "-9223372036854775807 - 1"),
        ];
        for (value, code) in cases {
            assert_eq!(int(value), code);
        }
    }

    #[test]
    fn floats() {
        let literal = |code: &str| Some(FloatCode::Literal(code.to_owned()));
        let call = |code: &str| Some(FloatCode::Call(code.to_owned()));
        let cases = [
            (0.0, literal("0.0")),
            (1.0, literal("1.0")),
            (-1.5, literal("-1.5")),
            (0.1, literal("0.1")),
            (1e21, literal("1.0e21")),
            (1.5e300, literal("1.5e300")),
            (1e-7, literal("1.0e-7")),
            (-0.0, call("builtins.fromJSON \"-0.0\"")),
            (5e-324, call("builtins.fromJSON \"5e-324\"")),
            (f64::NAN, None),
            (f64::INFINITY, None),
        ];
        for (value, code) in cases {
            assert_eq!(float(value), code, "{value:?}");
        }
    }
}
