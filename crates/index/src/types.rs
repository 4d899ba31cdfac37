//! The types of options, and which values they take.

use nix::{Kind, Node};
use serde::Deserialize;

/// The shape of an option's type.
///
/// Unknown words stand for types that are not checked, so that an index of another release never
/// makes a finding that is not one.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Type {
    /// Its name in the module system: `bool`, `listOf`, `submodule`…
    #[serde(rename = "t")]
    pub name: String,
    /// The types inside.
    of: Inner,
    /// What an enumeration allows.
    pub values: Vec<serde_json::Value>,
    /// The attributes of which `attrTag` takes one.
    pub tags: Vec<String>,
    /// The freeform type of a submodule: further attributes are allowed.
    pub open: Option<Box<Type>>,
    /// In words, for numbers with bounds.
    pub desc: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(untagged)]
enum Inner {
    #[default]
    Nothing,
    One(Box<Type>),
    Several(Vec<Type>),
}

/// What a type is to the walk down a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Anything may stand below.
    Anything,
    /// A set with any names, of one type.
    Names,
    /// A set of options.
    Submodule,
    /// A list.
    List,
    /// One of the types inside.
    Choice,
    /// One of some attributes.
    Tagged,
    /// Nothing stands below.
    Scalar,
}

impl Type {
    /// A type that takes anything.
    pub(crate) fn any() -> Self {
        Self {
            name: "any".to_owned(),
            ..Self::default()
        }
    }

    /// The types inside.
    pub(crate) fn inner(&self) -> &[Type] {
        match &self.of {
            Inner::Nothing => &[],
            Inner::One(one) => std::slice::from_ref(one),
            Inner::Several(several) => several,
        }
    }

    pub(crate) fn shape(&self) -> Shape {
        match self.name.as_str() {
            "attrsOf" | "lazyAttrsOf" | "dagOf" => Shape::Names,
            "submodule" => Shape::Submodule,
            "listOf" => Shape::List,
            "nullOr" | "either" | "unique" | "uniq" | "oneOf" => Shape::Choice,
            "attrTag" => Shape::Tagged,
            "enum" | "bool" | "str" | "path" | "package" | "float" | "number" | "port"
            | "separatedString" | "nonEmptyStr" | "singleLineStr" | "pathInStore"
            | "pathNotInStore" | "absolute pathname" | "absolutePath" | "numberBetween"
            | "numberNonnegative" | "numberPositive" | "nonnegativeFloat" => Shape::Scalar,
            name if integer(name) || name.starts_with("strMatching") => Shape::Scalar,
            name if name.starts_with("passwdEntry") => Shape::Scalar,
            _ => Shape::Anything,
        }
    }

    /// The types of the elements of a list or of a set with any names.
    pub(crate) fn elements(&self) -> Vec<Type> {
        match self.shape() {
            Shape::Names | Shape::List if self.inner().is_empty() => vec![Self::any()],
            Shape::Names | Shape::List => self.inner().to_vec(),
            Shape::Choice => self.inner().iter().flat_map(Self::elements).collect(),
            Shape::Anything => vec![Self::any()],
            Shape::Submodule | Shape::Tagged | Shape::Scalar => Vec::new(),
        }
    }

    /// The types of what stands below a name in a value of this type; `None` if nothing may.
    pub(crate) fn below(&self, name: Option<&str>) -> Option<Vec<Type>> {
        match self.shape() {
            Shape::Anything => Some(vec![Self::any()]),
            Shape::Names => Some(self.elements()),
            Shape::Submodule => match &self.open {
                Some(open) => open.below(name),
                None => Some(vec![Self::any()]),
            },
            Shape::Choice => {
                let found: Vec<Type> = self
                    .inner()
                    .iter()
                    .filter_map(|inner| inner.below(name))
                    .flatten()
                    .collect();
                (!found.is_empty()).then_some(found)
            }
            Shape::Tagged => {
                let known = name.is_none_or(|name| self.tags.iter().any(|tag| tag == name));
                known.then(|| vec![Self::any()])
            }
            Shape::List | Shape::Scalar => None,
        }
    }

    /// Whether the module system may take a value; `false` only if it is certain that it does not.
    pub fn takes(&self, node: &Node) -> bool {
        match &node.kind {
            Kind::Code => return true,
            Kind::AnyOf(parts) => return parts.iter().all(|part| self.takes(part)),
            _ => {}
        }
        let kind = &node.kind;
        let is_text = matches!(kind, Kind::Str(_) | Kind::Text);
        let literal = match kind {
            Kind::Str(text) => Some(text.as_str()),
            _ => None,
        };
        match self.name.as_str() {
            "bool" => matches!(kind, Kind::Bool(_)),
            "float" | "nonnegativeFloat" => matches!(kind, Kind::Float(_)),
            "number" | "numberNonnegative" | "numberPositive" | "numberBetween" => {
                matches!(kind, Kind::Float(_) | Kind::Int(_))
            }
            "str" | "separatedString" => is_text,
            "nonEmptyStr" => is_text && literal.is_none_or(|text| !text.trim().is_empty()),
            "singleLineStr" => {
                let one_line = |text: &str| {
                    !text
                        .strip_suffix('\n')
                        .unwrap_or(text)
                        .contains(['\n', '\r'])
                };
                is_text && literal.is_none_or(one_line)
            }
            "path" | "pathNotInStore" | "absolute pathname" | "absolutePath" => match kind {
                Kind::Str(text) => text.starts_with('/'),
                Kind::Text | Kind::Path(_) | Kind::Package(_) => true,
                Kind::Attrs(attrs) => might_be_derivation(attrs),
                _ => false,
            },
            "package" => match kind {
                Kind::Str(text) => text.starts_with("/nix/store/"),
                Kind::Text | Kind::Path(_) | Kind::Package(_) | Kind::Function(_) => true,
                Kind::Attrs(attrs) => might_be_derivation(attrs),
                _ => false,
            },
            "enum" => match kind {
                Kind::Text | Kind::Bool(None) => true,
                _ => self.values.iter().any(|value| same(value, kind)),
            },
            "nullOr" => *kind == Kind::Null || self.inner().iter().any(|inner| inner.takes(node)),
            "either" | "oneOf" => {
                self.inner().is_empty() || self.inner().iter().any(|inner| inner.takes(node))
            }
            "unique" | "uniq" => {
                self.inner().is_empty() || self.inner().iter().all(|inner| inner.takes(node))
            }
            "listOf" => match kind {
                Kind::List(items) => items
                    .iter()
                    .all(|item| self.inner().iter().all(|inner| inner.takes(item))),
                _ => false,
            },
            "attrsOf" | "lazyAttrsOf" | "dagOf" => match kind {
                Kind::Attrs(attrs) => attrs.iter().all(|attr| {
                    attr.path.len() > 1 || self.inner().iter().all(|inner| inner.takes(&attr.value))
                }),
                _ => false,
            },
            "attrs" => matches!(kind, Kind::Attrs(_)),
            "attrTag" => match kind {
                Kind::Attrs(attrs) => attrs.iter().all(|attr| match attr.path.first() {
                    Some(Some(name)) => self.tags.contains(name),
                    _ => true,
                }),
                _ => false,
            },
            // A module may be a set, a function or the path of a file.
            "submodule" => matches!(kind, Kind::Attrs(_) | Kind::Function(_) | Kind::Path(_)),
            "functionTo" => matches!(kind, Kind::Function(_) | Kind::Package(_) | Kind::Attrs(_)),
            name if integer(name) => match kind {
                Kind::Int(number) => self.bounds().is_none_or(|(low, high)| {
                    i128::from(*number) >= low && i128::from(*number) <= high
                }),
                _ => false,
            },
            name if name.starts_with("strMatching") => {
                is_text && literal.is_none_or(|text| matches(name, text))
            }
            name if name.starts_with("passwdEntry") => match kind {
                Kind::Str(text) => {
                    !text.contains([':', '\n'])
                        && (!name.ends_with("path") || text.starts_with('/'))
                }
                Kind::Text | Kind::Path(_) | Kind::Package(_) => true,
                _ => false,
            },
            _ => true,
        }
    }

    /// Whether several different definitions are merged into one value, as those of lists, sets and
    /// lines are. Scalars conflict.
    pub fn merges(&self) -> bool {
        match self.shape() {
            Shape::Scalar => self.name == "separatedString",
            Shape::Choice => self.inner().iter().any(Self::merges),
            _ => true,
        }
    }

    /// The least and the greatest integer, as far as they are known.
    fn bounds(&self) -> Option<(i128, i128)> {
        let wide = i128::from(i64::MAX);
        match self.name.as_str() {
            "unsignedInt8" => return Some((0, 255)),
            "unsignedInt16" | "port" => return Some((0, 65_535)),
            "unsignedInt32" => return Some((0, 4_294_967_295)),
            "unsignedInt" => return Some((0, wide)),
            "positiveInt" => return Some((1, wide)),
            "signedInt8" => return Some((-128, 127)),
            "signedInt16" => return Some((-32_768, 32_767)),
            "signedInt32" => return Some((-2_147_483_648, 2_147_483_647)),
            _ => {}
        }
        let words: Vec<&str> = self.desc.as_deref()?.split_whitespace().collect();
        let low = words.iter().position(|word| *word == "between")?;
        Some((
            words.get(low + 1)?.parse().ok()?,
            words.get(low + 3)?.parse().ok()?,
        ))
    }

    /// In words, for messages: `a boolean`, `a list of text`.
    pub fn words(&self) -> String {
        let inner = |separator: &str| {
            let mut parts: Vec<String> = Vec::new();
            for ty in self.inner() {
                let words = ty.words();
                if !parts.contains(&words) {
                    parts.push(words);
                }
            }
            parts.join(separator)
        };
        match self.name.as_str() {
            "bool" => "`true` or `false`".to_owned(),
            "str" | "separatedString" => "text".to_owned(),
            "nonEmptyStr" => "text that is not empty".to_owned(),
            "singleLineStr" => "text of one line".to_owned(),
            "path" | "pathNotInStore" | "absolute pathname" | "absolutePath" => {
                "an absolute path".to_owned()
            }
            "package" => "a package".to_owned(),
            "float" => "a number with a decimal point".to_owned(),
            "number" | "numberNonnegative" | "numberPositive" | "numberBetween"
            | "nonnegativeFloat" => "a number".to_owned(),
            "enum" => {
                let values: Vec<String> = self
                    .values
                    .iter()
                    .map(|value| format!("`{}`", plain(value)))
                    .collect();
                match values.len() {
                    0 => "one of a set of words".to_owned(),
                    1..=12 => format!("one of {}", values.join(", ")),
                    n => format!("one of {}, … ({n} in all)", values[..10].join(", ")),
                }
            }
            "nullOr" => format!("{} or null", inner(" or ")),
            "either" | "oneOf" => inner(" or "),
            "unique" | "uniq" => inner(" "),
            "listOf" => match inner(" ").as_str() {
                "" | "anything" => "a list".to_owned(),
                of => format!("a list of {}", of.trim_start_matches("a ")),
            },
            "attrsOf" | "lazyAttrsOf" | "dagOf" | "attrs" | "submodule" => "a set".to_owned(),
            "attrTag" => format!("a set with one of `{}`", self.tags.join("`, `")),
            "functionTo" => "a function".to_owned(),
            name if integer(name) => match (self.bounds(), name) {
                (Some((low, high)), _) if high < i128::from(i64::MAX) => {
                    format!("an integer from {low} to {high}")
                }
                (Some((1, _)), _) => "a positive integer".to_owned(),
                (Some((0, _)), _) => "an integer that is not negative".to_owned(),
                _ => "an integer".to_owned(),
            },
            name if name.starts_with("strMatching") => match pattern(name) {
                Some(pattern) => format!("text that matches `{pattern}`"),
                None => "text".to_owned(),
            },
            name if name.starts_with("passwdEntry") => "text without `:`".to_owned(),
            _ => "anything".to_owned(),
        }
    }

    /// The words that an enumeration in this type allows.
    pub(crate) fn choices(&self) -> Vec<String> {
        let own = self.values.iter().map(plain);
        own.chain(self.inner().iter().flat_map(Self::choices))
            .collect()
    }
}

fn integer(name: &str) -> bool {
    matches!(
        name,
        "int"
            | "intBetween"
            | "positiveInt"
            | "unsignedInt"
            | "unsignedInt8"
            | "unsignedInt16"
            | "unsignedInt32"
            | "signedInt8"
            | "signedInt16"
            | "signedInt32"
            | "port"
            | "nonzeroInt"
    )
}

/// A set that may turn out to be a derivation or to convert itself to a path.
fn might_be_derivation(attrs: &[nix::Attr]) -> bool {
    let known = ["type", "outPath", "__toString", "drvPath"];
    attrs.iter().any(|attr| match attr.path.first() {
        Some(Some(name)) => known.contains(&name.as_str()),
        _ => true,
    })
}

fn same(value: &serde_json::Value, kind: &Kind) -> bool {
    match (value, kind) {
        (serde_json::Value::Bool(a), Kind::Bool(Some(b))) => a == b,
        (serde_json::Value::String(a), Kind::Str(b)) => a == b,
        (serde_json::Value::Number(a), Kind::Int(b)) => a.as_i64() == Some(*b),
        (serde_json::Value::Number(a), Kind::Float(b)) => {
            a.as_f64().is_some_and(|a| (a - b).abs() < f64::EPSILON)
        }
        // The latter is what the index could not write down.
        (serde_json::Value::Null, Kind::Null)
        | (serde_json::Value::Object(_) | serde_json::Value::Array(_), _) => true,
        _ => false,
    }
}

fn plain(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The pattern of `strMatching "…"`, read as the Nix string that it is.
fn pattern(name: &str) -> Option<String> {
    let literal = name.strip_prefix("strMatching ")?;
    match nix::read_module(&format!("{{ a = {literal}; }}"))
        .ok()?
        .config
        .pop()?
        .value
        .kind
    {
        Kind::Str(text) => Some(text),
        _ => None,
    }
}

/// Whether a text matches; patterns that cannot be read match everything.
fn matches(name: &str, text: &str) -> bool {
    let Some(pattern) = pattern(name) else {
        return true;
    };
    match regex_lite::Regex::new(&format!("^(?s:{pattern})$")) {
        Ok(regex) => regex.is_match(text),
        Err(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::Type;

    fn node(code: &str) -> nix::Node {
        nix::read_module(&format!("{{ a = {code}; }}"))
            .unwrap()
            .config
            .remove(0)
            .value
    }

    #[test]
    fn values() {
        let cases: &[(&str, &[&str], &[&str])] = &[
            (
                r#"{"t":"bool"}"#,
                &["true", "x", "a == b", "lib.mkDefault false"],
                &["1", "\"true\"", "[ ]", "{ }", "null"],
            ),
            (
                r#"{"t":"str"}"#,
                &["\"\"", "\"${x}\"", "toString 1", "''a''"],
                &["1", "./x", "true", "[ \"a\" ]"],
            ),
            (r#"{"t":"int"}"#, &["1", "-5"], &["1.5", "\"1\""]),
            (r#"{"t":"float"}"#, &["1.5"], &["1"]),
            (
                r#"{"t":"unsignedInt16"}"#,
                &["0", "65535"],
                &["-1", "65536"],
            ),
            (
                r#"{"t":"intBetween","desc":"integer between -20 and 19 (both inclusive)"}"#,
                &["-20", "19"],
                &["20", "-21"],
            ),
            (
                r#"{"t":"positiveInt","desc":"positive integer, meaning >0"}"#,
                &["1"],
                &["0"],
            ),
            (
                r#"{"t":"enum","values":["a","b",3,null]}"#,
                &["\"a\"", "3", "null", "x"],
                &["\"c\"", "4", "true"],
            ),
            (
                r#"{"t":"nullOr","of":{"t":"int"}}"#,
                &["null", "1"],
                &["\"a\""],
            ),
            (
                r#"{"t":"listOf","of":{"t":"str"}}"#,
                &["[ ]", "[ \"a\" x ]", "x ++ [ \"b\" ]"],
                &["\"a\"", "[ 1 ]", "[ 1 ] ++ x"],
            ),
            (
                r#"{"t":"attrsOf","of":{"t":"int"}}"#,
                &["{ a = 1; }", "{ ${x} = 1; }"],
                &["{ a = \"b\"; }", "1"],
            ),
            (
                r#"{"t":"either","of":[{"t":"int"},{"t":"str"}]}"#,
                &["1", "\"a\""],
                &["true"],
            ),
            (
                r#"{"t":"path"}"#,
                &["./x", "\"/x\"", "pkgs.hello", "\"${x}/y\""],
                &["\"x\"", "1", "{ a = 1; }"],
            ),
            (
                r#"{"t":"package"}"#,
                &["pkgs.hello", "x", "pkgs.hello.override { }"],
                &["\"hello\"", "1", "[ ]"],
            ),
            (
                r#"{"t":"submodule"}"#,
                &["{ }", "{ config, ... }: { }"],
                &["1", "\"a\"", "[ ]"],
            ),
            (
                r#"{"t":"strMatching \"[0-9]+(K|M)\\\\.x\""}"#,
                &["\"16K.x\"", "x"],
                &["\"16K,x\"", "\"a16K.x\"", "1"],
            ),
            (
                r#"{"t":"singleLineStr"}"#,
                &["\"a\"", "\"a\\n\""],
                &["\"a\\nb\""],
            ),
            (r#"{"t":"passwdEntry str"}"#, &["\"a\""], &["\"a:b\""]),
            (r#"{"t":"something new"}"#, &["1", "\"a\"", "{ }"], &[]),
            (
                r#"{"t":"bool"}"#,
                &["if a then true else false"],
                &["if a then true else 1"],
            ),
        ];
        for (ty, good, bad) in cases {
            let ty: Type = serde_json::from_str(ty).unwrap();
            for code in *good {
                assert!(ty.takes(&node(code)), "{ty:?} does not take {code}");
            }
            for code in *bad {
                assert!(!ty.takes(&node(code)), "{ty:?} takes {code}");
            }
        }
    }

    #[test]
    fn in_words() {
        let cases = [
            (r#"{"t":"nullOr","of":{"t":"str"}}"#, "text or null"),
            (
                r#"{"t":"listOf","of":{"t":"package"}}"#,
                "a list of package",
            ),
            (r#"{"t":"enum","values":["a","b"]}"#, "one of `a`, `b`"),
            (r#"{"t":"unsignedInt16"}"#, "an integer from 0 to 65535"),
        ];
        for (ty, words) in cases {
            let ty: Type = serde_json::from_str(ty).unwrap();
            assert_eq!(ty.words(), words);
        }
    }
}
