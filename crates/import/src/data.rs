//! What a value of a module becomes: data, code that stands for itself, or nothing that YAML can hold.

use rnix::SyntaxKind;
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
                Yaml::Word("file", format!("nix/{}", crate::repo::asset_name(path)))
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
                    .map(|(name, slot)| Ok((nix::attr_name(name).into_owned(), self.slot(slot)?)))
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
                    ["config", "age" | "sops", "secrets", name, "path"]
                        if self.half == Half::System && (self.secrets)(name) =>
                    {
                        Yaml::Word("secret", (*name).to_owned())
                    }
                    ["config" | "lib", _, ..] => return code().or_else(|_| Ok(named(path))),
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

    /// The text of an expression whose names mean the same in the spec, or why there is none.
    fn standing_alone(&self, place: &Place) -> Result<String, String> {
        let names =
            nix::free_variables(&place.text()).map_err(|_| "is not understood".to_owned())?;
        let mut outer = Vec::new();
        for name in names.free.iter().chain(&names.maybe) {
            match place.env.lexical(name) {
                Some(slot) => {
                    let same = ARGUMENTS.contains(&name.as_str())
                        && matches!(self.eval.force(&slot), Value::Name(path) if path == [name.as_str()]);
                    if !same || name == "osConfig" && self.half != Half::Home {
                        return Err(format!("uses `{name}`"));
                    }
                }
                // Bound by a `with` inside, or else by one around it.
                None if names.maybe.contains(name) && place.env.withs().is_empty() => {}
                None if names.maybe.contains(name) => {
                    return Err(format!("uses `{name}`, which several `with` may bind"));
                }
                None => outer.push(name.clone()),
            }
        }
        let Some(first) = outer.first() else {
            return Ok(place.text());
        };
        let unbound = || format!("uses `{first}`");
        let [with] = place.env.withs().try_into().map_err(|_| unbound())?;
        match self.eval.eval(&with) {
            Value::Name(path) if path == ["pkgs"] || path == ["lib"] => {
                qualified(&place.expr, &outer, &path[0]).ok_or_else(unbound)
            }
            _ => Err(unbound()),
        }
    }

    /// Code that means the same in the spec as where it stands.
    fn code(&self, place: &Place) -> Result<Yaml, String> {
        let text = dedent(&self.standing_alone(place)?);
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

/// `config.a.b` where the file wrote it by a name of its own.
fn named(path: &[String]) -> Yaml {
    let parts: Vec<_> = path.iter().map(|part| nix::attr_name(part)).collect();
    Yaml::Word("nix", parts.join("."))
}

/// Code in which names that come from a `with` around it are written out, such as `pkgs.git`.
fn qualified(expr: &ast::Expr, names: &[String], from: &str) -> Option<String> {
    let start: usize = expr.syntax().text_range().start().into();
    let mut text = expr.syntax().text().to_string();
    let mut places = Vec::new();
    for ident in expr.syntax().descendants().filter_map(ast::Ident::cast) {
        let name = ident.syntax().text().to_string();
        if !names.contains(&name) {
            continue;
        }
        match ident.syntax().parent().map(|parent| parent.kind()) {
            // The name of an attribute, unless something in here is bound to it.
            Some(SyntaxKind::NODE_ATTRPATH) => {
                let binds = ident
                    .syntax()
                    .ancestors()
                    .nth(2)
                    .is_some_and(|node| node.kind() == SyntaxKind::NODE_ATTRPATH_VALUE)
                    && ident.syntax().ancestors().nth(3).is_some_and(|node| {
                        node.kind() == SyntaxKind::NODE_LET_IN
                            || ast::AttrSet::cast(node).is_some_and(|set| set.rec_token().is_some())
                    });
                if binds {
                    return None;
                }
            }
            Some(
                SyntaxKind::NODE_PAT_ENTRY
                | SyntaxKind::NODE_PAT_BIND
                | SyntaxKind::NODE_IDENT_PARAM
                | SyntaxKind::NODE_INHERIT,
            ) => return None,
            _ => places.push(usize::from(ident.syntax().text_range().start()) - start),
        }
    }
    for at in places.into_iter().rev() {
        text.insert_str(at, &format!("{from}."));
    }
    Some(text)
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
