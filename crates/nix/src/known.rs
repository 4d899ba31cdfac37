//! What simple expressions come to, such as the conditions of a module, where the values of some names
//! are known. Nothing is guessed: whatever is not certain is unknown.

use std::collections::BTreeMap;

use rnix::ast::{self, BinOpKind, HasEntry, UnaryOpKind};
use rowan::ast::AstNode;

use crate::Value;
use crate::bindings::{Name, name};
use crate::definitions::integer;
use crate::parse::{parse, without_parens};
use crate::string::static_text;

/// What an expression comes to, as far as it is known; parts that are not are `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// Text.
    Str(String),
    /// A list.
    List(Vec<Option<Known>>),
    /// A set.
    Attrs(BTreeMap<String, Option<Known>>),
    /// Anything but `null`, a boolean, a list or a set.
    Something,
}

/// The value of a name and what is selected of it: `cfg.mode`. The first part stands for a variable.
pub type Look<'a> = dyn Fn(&[String]) -> Option<Known> + 'a;

/// What an expression comes to.
pub fn known(code: &str, look: &Look<'_>) -> Option<Known> {
    let root = parse(code).ok()?;
    read(root.expr()?, look)
}

/// What a value comes to. Expressions in it are read as those of a module.
pub fn known_value(value: &Value, look: &Look<'_>) -> Option<Known> {
    Some(match value {
        Value::Null => Known::Null,
        Value::Bool(it) => Known::Bool(*it),
        Value::Int(it) => Known::Int(*it),
        Value::Str(it) | Value::Lines(it) => Known::Str(it.clone()),
        Value::Float(_) | Value::Path(_) => Known::Something,
        Value::List(items) => {
            Known::List(items.iter().map(|item| known_value(item, look)).collect())
        }
        Value::Attrs(all) => Known::Attrs(
            all.iter()
                .map(|(name, value)| (name.clone(), known_value(value, look)))
                .collect(),
        ),
        Value::Expr(code) => return known(code.as_str(), look),
        Value::Apply(_, inner) | Value::Commented(_, inner) => return known_value(inner, look),
        Value::Concat(parts) => {
            let mut items = Vec::new();
            for part in parts {
                let Known::List(more) = known_value(part, look)? else {
                    return None;
                };
                items.extend(more);
            }
            Known::List(items)
        }
    })
}

/// The variables of the outermost `let` of a module, as written.
pub fn lets(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open = parse(text).ok().and_then(|root| root.expr());
    while let Some(expr) = open.take() {
        match without_parens(expr) {
            ast::Expr::Lambda(lambda) => open = lambda.body(),
            ast::Expr::LetIn(let_in) => {
                for binding in let_in.attrpath_values() {
                    let (Some(path), Some(value)) = (binding.attrpath(), binding.value()) else {
                        continue;
                    };
                    if let Some([name]) = names(path).as_deref() {
                        found.insert(name.clone(), value.syntax().text().to_string());
                    }
                }
                for inherit in let_in.inherits() {
                    let source = inherit.from().and_then(|from| from.expr());
                    let Some(source) = source.map(without_parens) else {
                        continue;
                    };
                    for attr in inherit.attrs() {
                        if let Some(Name::Static(name)) = name(&attr) {
                            let code = match &source {
                                ast::Expr::Ident(_) | ast::Expr::Select(_) => {
                                    format!("{}.{name}", source.syntax().text())
                                }
                                _ => format!("({}).{name}", source.syntax().text()),
                            };
                            found.insert(name, code);
                        }
                    }
                }
                open = let_in.body();
            }
            _ => {}
        }
    }
    found
}

fn names(path: ast::Attrpath) -> Option<Vec<String>> {
    path.attrs()
        .map(|attr| match name(&attr)? {
            Name::Static(name) => Some(name),
            Name::Dynamic(_) => None,
        })
        .collect()
}

impl Known {
    /// A part of it, if it is a set.
    pub fn at(&self, path: &[String]) -> Option<Known> {
        match (self, path) {
            (_, []) => Some(self.clone()),
            (Self::Attrs(all), [first, rest @ ..]) => all.get(first)?.as_ref()?.at(rest),
            _ => None,
        }
    }

    fn is(&self, other: &Self) -> Option<bool> {
        match (self, other) {
            (Self::Something, Self::Something | Self::Str(_) | Self::Int(_))
            | (Self::Str(_) | Self::Int(_), Self::Something) => None,
            (Self::List(a), Self::List(b)) if a.len() == b.len() => {
                let mut all = Some(true);
                for (a, b) in a.iter().zip(b) {
                    let same = a.as_ref().zip(b.as_ref()).and_then(|(a, b)| a.is(b));
                    all = both(all, same);
                }
                all
            }
            (Self::Attrs(a), Self::Attrs(b)) if a.keys().eq(b.keys()) => {
                let mut all = Some(true);
                for (a, b) in a.values().zip(b.values()) {
                    let same = a.as_ref().zip(b.as_ref()).and_then(|(a, b)| a.is(b));
                    all = both(all, same);
                }
                all
            }
            _ => Some(self == other),
        }
    }
}

fn truth(known: Option<Known>) -> Option<bool> {
    match known {
        Some(Known::Bool(is)) => Some(is),
        _ => None,
    }
}

/// Whether both hold: one that does not is enough to say no.
fn both(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn not(is: Option<bool>) -> Option<bool> {
    is.map(|is| !is)
}

fn read(expr: ast::Expr, look: &Look<'_>) -> Option<Known> {
    match without_parens(expr) {
        ast::Expr::Ident(ident) => match ident.syntax().text().to_string().as_str() {
            "true" => Some(Known::Bool(true)),
            "false" => Some(Known::Bool(false)),
            "null" => Some(Known::Null),
            name => look(&[name.to_owned()]),
        },
        ast::Expr::Str(text) => Some(static_text(&text).map_or(Known::Something, Known::Str)),
        ast::Expr::PathAbs(_) | ast::Expr::PathRel(_) | ast::Expr::PathHome(_) => {
            Some(Known::Something)
        }
        ast::Expr::List(list) => Some(Known::List(
            list.items().map(|item| read(item, look)).collect(),
        )),
        ast::Expr::AttrSet(set) => attrs(&set, look),
        ast::Expr::Select(select) => {
            let path = names(select.attrpath()?)?;
            match without_parens(select.expr()?) {
                ast::Expr::Ident(ident) => {
                    let mut all = vec![ident.syntax().text().to_string()];
                    all.extend(path);
                    look(&all)
                }
                base => read(base, look)?.at(&path),
            }
        }
        ast::Expr::HasAttr(has) => {
            let path = names(has.attrpath()?)?;
            let (last, above) = path.split_last()?;
            match read(has.expr()?, look)?.at(above)? {
                Known::Attrs(all) => Some(Known::Bool(all.contains_key(last))),
                _ => Some(Known::Bool(false)),
            }
        }
        ast::Expr::UnaryOp(op) if op.operator() == Some(UnaryOpKind::Invert) => {
            not(truth(read(op.expr()?, look))).map(Known::Bool)
        }
        ast::Expr::BinOp(op) => binary(&op, look),
        ast::Expr::IfElse(branch) => {
            let part = if truth(read(branch.condition()?, look))? {
                branch.body()
            } else {
                branch.else_body()
            };
            read(part?, look)
        }
        ast::Expr::Apply(apply) => call(&apply, look),
        other => integer(&other).map(Known::Int),
    }
}

fn attrs(set: &ast::AttrSet, look: &Look<'_>) -> Option<Known> {
    let mut all = BTreeMap::new();
    if set.rec_token().is_some() || set.inherits().next().is_some() {
        return None;
    }
    for binding in set.attrpath_values() {
        let path = names(binding.attrpath()?)?;
        let [name] = path.as_slice() else { return None };
        all.insert(name.clone(), read(binding.value()?, look));
    }
    Some(Known::Attrs(all))
}

fn binary(op: &ast::BinOp, look: &Look<'_>) -> Option<Known> {
    let (left, right) = (op.lhs()?, op.rhs()?);
    let left = || read(left.clone(), look);
    let right = || read(right.clone(), look);
    let is = match op.operator()? {
        BinOpKind::And => both(truth(left()), truth(right())),
        BinOpKind::Or => not(both(not(truth(left())), not(truth(right())))),
        BinOpKind::Implication => not(both(truth(left()), not(truth(right())))),
        BinOpKind::Equal => left()?.is(&right()?),
        BinOpKind::NotEqual => not(left()?.is(&right()?)),
        kind @ (BinOpKind::Less | BinOpKind::LessOrEq | BinOpKind::More | BinOpKind::MoreOrEq) => {
            let (Known::Int(a), Known::Int(b)) = (left()?, right()?) else {
                return None;
            };
            Some(match kind {
                BinOpKind::Less => a < b,
                BinOpKind::LessOrEq => a <= b,
                BinOpKind::More => a > b,
                _ => a >= b,
            })
        }
        BinOpKind::Concat => {
            let (Known::List(mut a), Known::List(b)) = (left()?, right()?) else {
                return None;
            };
            a.extend(b);
            return Some(Known::List(a));
        }
        BinOpKind::Update => {
            let (Known::Attrs(mut a), Known::Attrs(b)) = (left()?, right()?) else {
                return None;
            };
            a.extend(b);
            return Some(Known::Attrs(a));
        }
        _ => None,
    };
    is.map(Known::Bool)
}

/// A call of a function of the library whose result follows from its arguments.
fn call(apply: &ast::Apply, look: &Look<'_>) -> Option<Known> {
    let mut arguments = vec![apply.argument()?];
    let mut function = without_parens(apply.lambda()?);
    while let ast::Expr::Apply(inner) = &function {
        arguments.insert(0, inner.argument()?);
        function = without_parens(inner.lambda()?);
    }
    let name = function.syntax().text().to_string();
    let name = name
        .trim_start_matches("lib.")
        .trim_start_matches("builtins.");
    let value = |at: usize| read(arguments.get(at)?.clone(), look);
    Some(match (name, arguments.len()) {
        ("elem", 2) => {
            let (wanted, Known::List(items)) = (value(0)?, value(1)?) else {
                return None;
            };
            let mut none = Some(true);
            for item in items {
                none = both(none, item.and_then(|item| not(item.is(&wanted))));
            }
            Known::Bool(not(none)?)
        }
        ("optional" | "optionals" | "optionalAttrs", 2) => match (truth(value(0))?, name) {
            (true, "optional") => Known::List(vec![value(1)]),
            (true, _) => return value(1),
            (false, "optionalAttrs") => Known::Attrs(BTreeMap::new()),
            (false, _) => Known::List(Vec::new()),
        },
        ("mkDefault" | "mkForce" | "mkBefore" | "mkAfter", 1) => return value(0),
        ("length", 1) => match value(0)? {
            Known::List(items) => Known::Int(i64::try_from(items.len()).ok()?),
            _ => return None,
        },
        ("attrNames", 1) => match value(0)? {
            Known::Attrs(all) => {
                Known::List(all.into_keys().map(|name| Some(Known::Str(name))).collect())
            }
            _ => return None,
        },
        ("attrValues", 1) => match value(0)? {
            Known::Attrs(all) => Known::List(all.into_values().collect()),
            _ => return None,
        },
        ("hasAttr", 2) => match (value(0)?, value(1)?) {
            (Known::Str(name), Known::Attrs(all)) => Known::Bool(all.contains_key(&name)),
            _ => return None,
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(path: &[String]) -> Option<Known> {
        let words: Vec<&str> = path.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["cfg", "on"] => Some(Known::Bool(true)),
            ["cfg", "mode"] => Some(Known::Str("server".to_owned())),
            ["cfg", "path"] => Some(Known::Something),
            ["cfg", "none"] => Some(Known::Null),
            ["cfg", "names"] => Some(Known::List(vec![Some(Known::Str("a".to_owned())), None])),
            ["cfg", "sites"] => Some(Known::Attrs(BTreeMap::from([("x".to_owned(), None)]))),
            _ => None,
        }
    }

    #[test]
    fn conditions() {
        for (code, is) in [
            ("cfg.on", Some(true)),
            ("!cfg.on || cfg.what", None),
            ("!cfg.on && cfg.what", Some(false)),
            ("cfg.on || cfg.what", Some(true)),
            ("cfg.what -> cfg.on", Some(true)),
            ("cfg.mode == \"server\"", Some(true)),
            ("cfg.mode != \"server\"", Some(false)),
            ("cfg.path != null", Some(true)),
            ("cfg.path == \"/x\"", None),
            ("cfg.none != null && cfg.none.x", Some(false)),
            ("cfg.names != [ ]", Some(true)),
            ("lib.elem \"a\" cfg.names", Some(true)),
            ("builtins.elem \"b\" cfg.names", None),
            ("lib.length cfg.names > 1", Some(true)),
            ("cfg.sites == { }", Some(false)),
            ("cfg.sites ? x", Some(true)),
            ("cfg.sites ? y", Some(false)),
            ("(if cfg.on then [ 1 ] else [ ]) == [ 1 ]", Some(true)),
            (
                "lib.optionals cfg.on [ 1 ] ++ lib.optional (!cfg.on) 2 == [ 1 ]",
                Some(true),
            ),
            ("cfg.names == [ \"a\" \"b\" ]", None),
            ("unknown", None),
            ("f cfg.on", None),
        ] {
            assert_eq!(truth(known(code, &look)), is, "{code}");
        }
    }

    #[test]
    fn variables_of_a_module() {
        let found = lets(
            "{ config, lib, ... }: let cfg = config.a.b; inherit (cfg) mode; x.y = 1; in { a = let z = 1; in z; }",
        );
        let found: Vec<(&str, &str)> = found
            .iter()
            .map(|(a, b)| (a.as_str(), b.as_str()))
            .collect();
        assert_eq!(found, [("cfg", "config.a.b"), ("mode", "cfg.mode")]);
    }
}
