//! Globs over paths with `/` between the parts.

/// Whether a path matches: `*` and `?` stand for characters of one part, `**` for any number of
/// parts. A pattern that names a folder covers what is below it.
pub(crate) fn matches(pattern: &str, path: &str) -> bool {
    let pattern = pattern.trim_start_matches("./").trim_end_matches('/');
    let pattern: Vec<&str> = pattern.split('/').collect();
    let path: Vec<&str> = path.trim_start_matches("./").split('/').collect();
    parts(&pattern, &path)
}

fn parts(pattern: &[&str], path: &[&str]) -> bool {
    match pattern.split_first() {
        None => true,
        Some((&"**", rest)) => (0..=path.len()).any(|n| parts(rest, &path[n..])),
        Some((first, rest)) => path.split_first().is_some_and(|(name, below)| {
            part(first.as_bytes(), name.as_bytes()) && parts(rest, below)
        }),
    }
}

/// Matches one part, going back to the last star where it does not fit.
fn part(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(b'?') => (p, n) = (p + 1, n + 1),
            Some(byte) if *byte == name[n] => (p, n) = (p + 1, n + 1),
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (p, n) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn parts_and_stars() {
        let cases = [
            ("custom/**", "custom/a/b.nix", true),
            ("custom", "custom/a/b.nix", true),
            ("custom/*", "custom/a.nix", true),
            ("**/x.nix", "x.nix", true),
            ("**/x.nix", "a/b/x.nix", true),
            ("*.nix", "a.nix", true),
            ("*.nix", "a/b.nix", false),
            ("hosts/*/default.nix", "hosts/a/default.nix", true),
            ("hosts/*/default.nix", "hosts/a/b/default.nix", false),
            ("a?c*e", "abcdddfe", true),
            ("a?c*e", "abcddd", false),
            ("./a/", "a/b", true),
        ];
        for (pattern, path, expected) in cases {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }
}
