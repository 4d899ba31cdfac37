//! What a value of a module becomes: data, code that stands for itself, or nothing that YAML can hold.

use rnix::ast;
use rowan::ast::AstNode;

use crate::eval::{Eval, Place, Slot, Value};
use crate::yaml::Yaml;

/// Names that code in the spec may use, and what they are in a module.
const ARGUMENTS: &[&str] = &["config", "lib", "osConfig", "pkgs"];

/// Where a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Half {
    System,
    Home,
}

/// Reads values.
pub(crate) struct Reader<'a, 'r> {
    pub(crate) eval: &'a Eval<'r>,
    pub(crate) half: Half,
    /// Names of secrets that the spec will have.
    pub(crate) secrets: &'a dyn Fn(&str) -> bool,
}

impl Reader<'_, '_> {
    /// The value of a slot, or why it cannot be one.
    pub(crate) fn slot(&self, slot: &Slot) -> Result<Yaml, String> {
        match slot {
            Slot::Place(place) => self.place(place),
            other => self.value(&self.eval.force(other), None),
        }
    }

    /// The value of an expression, or why it cannot be one.
    pub(crate) fn place(&self, place: &Place) -> Result<Yaml, String> {
        if let ast::Expr::Paren(paren) = &place.expr
            && let Some(inner) = paren.expr()
        {
            return self.place(&place.with(inner));
        }
        self.value(&self.eval.eval(place), Some(place))
    }

    fn value(&self, value: &Value, place: Option<&Place>) -> Result<Yaml, String> {
        let code = || match place {
            Some(place) => self.code(place),
            None => Err("is computed".to_owned()),
        };
        Ok(match value {
            Value::Null => Yaml::Null,
            Value::Bool(b) => Yaml::Bool(*b),
            Value::Int(n) => Yaml::Int(*n),
            Value::Float(n) => Yaml::Float(*n),
            Value::Str(text) if text.contains('\0') => return code(),
            Value::Str(text) => Yaml::text(text),
            Value::Path(path) => {
                if self.eval.repo().below(path).is_empty() {
                    return Err(format!("names `{path}`, which is not in the repository"));
                }
                Yaml::Word("file", format!("nix/{path}"))
            }
            Value::List(items) => {
                let items: Result<Vec<Yaml>, String> =
                    items.iter().map(|item| self.slot(item)).collect();
                match items {
                    Ok(items) => Yaml::List(items),
                    Err(why) => return code().map_err(|_| why),
                }
            }
            Value::Attrs(attrs, _) => {
                let entries: Result<Vec<(String, Yaml)>, String> = attrs
                    .iter()
                    .map(|(name, slot)| Ok((nix::attr_name(name), self.slot(slot)?)))
                    .collect();
                match entries {
                    Ok(entries) => Yaml::Map(entries),
                    Err(why) => return code().map_err(|_| why),
                }
            }
            Value::Name(path) => {
                let names: Vec<&str> = path.iter().map(String::as_str).collect();
                match names.as_slice() {
                    ["pkgs", _, ..] => Yaml::Word(
                        "pkg",
                        path[1..]
                            .iter()
                            .map(|part| nix::attr_name(part))
                            .collect::<Vec<_>>()
                            .join("."),
                    ),
                    ["config", "age", "secrets", name, "path"] if (self.secrets)(name) => {
                        Yaml::Word("secret", (*name).to_owned())
                    }
                    ["config" | "lib", _, ..] => return code().or_else(|_| self.named(path)),
                    _ => return code(),
                }
            }
            Value::Call(path, arguments) => {
                let names: Vec<&str> = path.iter().map(String::as_str).collect();
                let tag = match names.last() {
                    Some(&"mkDefault") => "default",
                    Some(&"mkForce") => "force",
                    Some(&"mkBefore") => "before",
                    Some(&"mkAfter") => "after",
                    _ => return code(),
                };
                let [argument] = arguments.as_slice() else {
                    return code();
                };
                let inner = match self.slot(argument) {
                    Ok(inner) => inner,
                    Err(why) => return code().map_err(|_| why),
                };
                if matches!(&inner, Yaml::Map(entries) if !entries.is_empty()) {
                    // A priority on a set is one on all of it; a tree of settings has none.
                    return code();
                }
                Yaml::Tag(tag, Box::new(inner))
            }
            Value::Lambda(_) | Value::Unknown => return code(),
        })
    }

    /// `config.a.b` where the file wrote it by a name of its own.
    fn named(&self, path: &[String]) -> Result<Yaml, String> {
        let _ = self;
        let parts: Vec<String> = path.iter().map(|part| nix::attr_name(part)).collect();
        Ok(Yaml::Word("nix", parts.join(".")))
    }

    /// Code that means the same in the spec as where it stands.
    fn code(&self, place: &Place) -> Result<Yaml, String> {
        let text = dedent(&place.text());
        if let Some(name) = unbound(self, place)? {
            return Err(format!("uses `{name}`"));
        }
        if place
            .expr
            .syntax()
            .descendants()
            .any(|node| ast::PathRel::cast(node).is_some())
        {
            return Err("computes with a path".to_owned());
        }
        if text.len() > 4000 {
            return Err("is long code".to_owned());
        }
        Ok(Yaml::Word("nix", text))
    }
}

/// A name in an expression that means something only where it stands.
fn unbound(reader: &Reader<'_, '_>, place: &Place) -> Result<Option<String>, String> {
    let names = nix::free_variables(&place.text()).map_err(|_| "is not understood".to_owned())?;
    for name in names.free.iter().chain(&names.maybe) {
        let is_maybe = names.maybe.contains(name);
        match place.env.lexical(name) {
            Some(slot) => {
                let same = ARGUMENTS.contains(&name.as_str())
                    && matches!(reader.eval.force(&slot), Value::Name(path) if path == [name.as_str()]);
                let is_argument = same && (name != "osConfig" || reader.half == Half::Home);
                if !is_argument {
                    return Ok(Some(name.clone()));
                }
            }
            // Bound by a `with` inside.
            None if is_maybe => {}
            None => return Ok(Some(name.clone())),
        }
    }
    Ok(None)
}

/// Code without the indentation that its lines after the first share, unless that changes a string.
pub(crate) fn dedent(text: &str) -> String {
    let least = text
        .lines()
        .skip(1)
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.len() - line.trim_start_matches(' ').len())
        .min()
        .unwrap_or(0);
    let mut lines = text.split('\n');
    let mut out = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        out.push('\n');
        out.push_str(line.get(least..).unwrap_or_default());
    }
    if strings(&out) == strings(text) {
        out
    } else {
        text.to_owned()
    }
}

fn strings(text: &str) -> Vec<String> {
    let Ok(root) = nix::syntax(text) else {
        return vec![text.to_owned()];
    };
    root.syntax()
        .descendants()
        .filter_map(ast::Str::cast)
        .flat_map(|literal| literal.normalized_parts())
        .filter_map(|part| match part {
            ast::InterpolPart::Literal(text) => Some(text),
            ast::InterpolPart::Interpolation(_) => None,
        })
        .collect()
}
