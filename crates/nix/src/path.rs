//! Path literals.

use crate::string::string;

/// How a path is written.
#[derive(Debug, PartialEq)]
pub(crate) enum PathCode {
    /// One literal.
    Literal(String),
    /// A literal and text added to it, which is a sum.
    Sum(String),
}

/// The code of a path; nothing if the path is empty.
///
/// A path that starts with neither `/`, `./` nor `../` is relative. A trailing slash and empty
/// components are dropped, because Nix refuses them.
pub(crate) fn path(text: &str) -> Option<PathCode> {
    if text.is_empty() {
        return None;
    }
    let absolute = text.starts_with('/');
    let mut components: Vec<&str> = text.split('/').filter(|part| !part.is_empty()).collect();
    if !absolute && components.first() == Some(&".") {
        components.remove(0);
    }
    let n_plain = components
        .iter()
        .take_while(|part| part.chars().all(is_path_char))
        .count();
    let (plain, odd) = components.split_at(n_plain);
    let literal = match (absolute, plain) {
        (true, []) => "/.".to_owned(),
        (true, _) => format!("/{}", plain.join("/")),
        (false, []) => "./.".to_owned(),
        // `..` alone is not a path: a literal needs a slash.
        (false, [".."]) => "../.".to_owned(),
        (false, [first, ..]) if *first == ".." => plain.join("/"),
        (false, _) => format!("./{}", plain.join("/")),
    };
    if odd.is_empty() {
        return Some(PathCode::Literal(literal));
    }
    let rest = string(&format!("/{}", odd.join("/")));
    Some(PathCode::Sum(format!("{literal} + {rest}")))
}

fn is_path_char(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '.' | '_' | '-' | '+')
}

#[cfg(test)]
mod tests {
    use super::{PathCode, path};

    #[test]
    fn written() {
        let cases = [
            ("./hardware.nix", "./hardware.nix"),
            ("hardware.nix", "./hardware.nix"),
            ("a/b", "./a/b"),
            ("../../custom/x.png", "../../custom/x.png"),
            ("..", "../."),
            (".", "./."),
            ("./", "./."),
            ("/", "/."),
            ("/etc//hosts/", "/etc/hosts"),
            ("./.../x", "./.../x"),
        ];
        for (text, code) in cases {
            assert_eq!(
                path(text),
                Some(PathCode::Literal(code.to_owned())),
                "{text}"
            );
        }
        let cases = [
            ("./odd name", r#"./. + "/odd name""#),
            ("../a/odd name/b.nix", r#"../a + "/odd name/b.nix""#),
            ("../odd name", r#"../. + "/odd name""#),
            ("/odd name", r#"/. + "/odd name""#),
            ("~/x", r#"./. + "/~/x""#),
            ("./${x}", r#"./. + "/\${x}""#),
        ];
        for (text, code) in cases {
            assert_eq!(path(text), Some(PathCode::Sum(code.to_owned())), "{text}");
        }
        assert_eq!(path(""), None);
    }
}
