//! Options whose text merges: several definitions become one text, so they never collide.

use std::collections::HashMap;
use std::sync::LazyLock;

use nix::AttrPath;

/// Options of NixOS 26.11 and Home Manager whose type is separated text, such as lines; sorted.
/// `<name>` stands for any name, `*` for an element of a list.
const OPTIONS: &str = include_str!("lines.txt");

/// The options by their first name.
static BY_START: LazyLock<HashMap<&str, Vec<Vec<&str>>>> = LazyLock::new(|| {
    let mut found: HashMap<&str, Vec<Vec<&str>>> = HashMap::new();
    for option in OPTIONS.lines() {
        let parts: Vec<&str> = option.split('.').collect();
        found.entry(parts[0]).or_default().push(parts);
    }
    found
});

/// Whether several definitions of an option are joined.
pub(crate) fn merges(path: &AttrPath) -> bool {
    let options = path
        .0
        .first()
        .and_then(|first| BY_START.get(first.as_str()));
    options.into_iter().flatten().any(|option| {
        option.len() == path.0.len()
            && option
                .iter()
                .zip(&path.0)
                .all(|(part, name)| part.starts_with(['<', '*']) || part == name)
    })
}

#[cfg(test)]
mod tests {
    use super::{OPTIONS, merges};
    use nix::AttrPath;

    #[test]
    fn text_that_merges() {
        for (path, expected) in [
            ("services.caddy.logFormat", true),
            (
                "services.nginx.virtualHosts.\"example.org\".extraConfig",
                true,
            ),
            ("environment.interactiveShellInit", true),
            ("services.caddy.email", false),
            ("networking.hostName", false),
        ] {
            assert_eq!(merges(&AttrPath::parse(path).unwrap()), expected, "{path}");
        }
    }

    #[test]
    fn options_are_sorted() {
        assert!(OPTIONS.lines().is_sorted());
    }
}
