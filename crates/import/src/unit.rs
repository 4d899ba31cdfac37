//! A module of the repository, taken apart: what it imports, assigns, and what has to stay as code.

use std::rc::Rc;

use rnix::ast::{self, AstToken, HasEntry};
use rowan::ast::AstNode;

use crate::data::{Half, Reader};
use crate::eval::{Env, Eval, Place, Slot, Source, Value, line_of};
use crate::yaml::Yaml;

/// An option that a module sets.
#[derive(Clone)]
pub(crate) struct Assign {
    pub(crate) path: Vec<String>,
    /// What the spec says instead; or why it cannot.
    pub(crate) value: Result<Yaml, String>,
    /// As it is written: path and value.
    pub(crate) code: (String, String),
    pub(crate) line: usize,
    pub(crate) comment: Option<String>,
}

/// A module.
#[derive(Clone)]
pub(crate) struct Unit {
    pub(crate) source: Rc<Source>,
    /// Whether it is a file, and not written in place.
    pub(crate) is_file: bool,
    /// The user whose Home Manager module it is.
    pub(crate) home: Option<String>,
    pub(crate) assigns: Vec<Assign>,
    /// Why all of it stays as it is.
    pub(crate) whole: Option<String>,
    /// The text around the attributes of a file.
    pub(crate) around: (String, String),
    /// The names around it, to bind what code of a module in place needs.
    pub(crate) env: Env,
}

/// What a module imports.
pub(crate) enum Import {
    /// A module of the repository.
    Module(Slot),
    /// One of an input: `inputs.NAME.SET.ATTR`.
    Input(Vec<String>),
    /// One of nixpkgs, below `modulesPath`.
    Nixpkgs(String),
    /// Something else.
    Unknown(String, usize),
}

/// A unit with what it leads to.
pub(crate) struct Read {
    pub(crate) unit: Unit,
    pub(crate) imports: Vec<Import>,
    /// Home Manager modules: user and module.
    pub(crate) homes: Vec<(String, Slot)>,
}

/// Arguments that modules get.
pub(crate) struct Arguments {
    pub(crate) special: std::collections::BTreeMap<String, Slot>,
}

impl Arguments {
    fn set(&self) -> Slot {
        let mut names: std::collections::BTreeMap<String, Slot> = [
            "config",
            "lib",
            "pkgs",
            "options",
            "modulesPath",
            "osConfig",
        ]
        .iter()
        .map(|name| ((*name).to_owned(), Slot::Value(Value::name(&[name]))))
        .collect();
        for (name, slot) in &self.special {
            names.insert(name.clone(), slot.clone());
        }
        Slot::Value(Value::Attrs(Rc::new(names), None))
    }
}

/// Finds the module that a slot is: a file, or a set or function written in place.
pub(crate) fn locate(eval: &Eval<'_>, slot: &Slot) -> Option<(Place, bool)> {
    match eval.force(slot) {
        Value::Path(path) => Some((eval.file(&path)?, true)),
        Value::Lambda(place) | Value::Attrs(_, Some(place)) => {
            // What a file is as a whole, through `import`.
            let is_file = eval.file(&place.source.path).is_some_and(|whole| {
                whole.expr.syntax().text_range() == place.expr.syntax().text_range()
            });
            Some((place, is_file))
        }
        _ => None,
    }
}

/// Takes a module apart.
pub(crate) fn read(
    eval: &Eval<'_>,
    place: Place,
    is_file: bool,
    home: Option<String>,
    arguments: &Arguments,
    secrets: &dyn Fn(&str) -> bool,
) -> Read {
    let reader = Reader {
        eval,
        half: if home.is_some() {
            Half::Home
        } else {
            Half::System
        },
        secrets,
    };
    let mut result = Read {
        unit: Unit {
            source: place.source.clone(),
            is_file,
            home,
            assigns: Vec::new(),
            whole: None,
            around: Default::default(),
            env: place.env.clone(),
        },
        imports: Vec::new(),
        homes: Vec::new(),
    };
    let start: usize = place.expr.syntax().text_range().start().into();
    let end: usize = place.expr.syntax().text_range().end().into();
    if let Err(why) = take_apart(&reader, place.clone(), (start, end), arguments, &mut result) {
        result.unit.whole = Some(why);
        result.unit.assigns.clear();
        result.imports.clear();
        result.homes.clear();
        result.unit.around = (
            place.source.text[..start].to_owned(),
            place.source.text[end..].to_owned(),
        );
    }
    result
}

fn take_apart(
    reader: &Reader<'_, '_>,
    mut place: Place,
    (start, end): (usize, usize),
    arguments: &Arguments,
    result: &mut Read,
) -> Result<(), String> {
    let eval = reader.eval;
    loop {
        let next = match &place.expr {
            ast::Expr::Paren(paren) => paren.expr().map(|expr| place.with(expr)),
            ast::Expr::Lambda(lambda) => {
                if lambda.param().is_none() {
                    return Err("is not understood".to_owned());
                }
                eval.enter(&place, arguments.set())
            }
            ast::Expr::With(with) => eval.within(&place, with),
            ast::Expr::LetIn(let_in) => eval.below_let(&place, let_in),
            ast::Expr::AttrSet(_) => break,
            _ => return Err("is an expression, not a set of options".to_owned()),
        };
        place = next.ok_or("is not understood")?;
    }
    let ast::Expr::AttrSet(set) = &place.expr else {
        return Err("is not understood".to_owned());
    };
    if set.rec_token().is_some() {
        return Err("is a recursive set".to_owned());
    }
    let range = set.syntax().text_range();
    let (from, to): (usize, usize) = (range.start().into(), range.end().into());
    result.unit.around = (
        place.source.text[start..from].to_owned(),
        place.source.text[to..end].to_owned(),
    );
    result.unit.env = place.env.clone();
    let mut config = Vec::new();
    for entry in set.entries() {
        let ast::Entry::AttrpathValue(binding) = &entry else {
            config.push((place.clone(), entry));
            continue;
        };
        let names = path_of(eval, &place, binding);
        let first = names.first().cloned().flatten();
        match first.as_deref() {
            Some("options" | "freeformType" | "disabledModules" | "_class" | "key") => {
                return Err("declares options".to_owned());
            }
            Some("_file" | "meta") => {}
            Some("imports") if names.len() == 1 => {
                let value = binding.value().ok_or("is not understood")?;
                imports(eval, &place.with(value), result)?;
            }
            Some("config") if names.len() == 1 => {
                let value = without_parens(binding.value().ok_or("is not understood")?);
                let ast::Expr::AttrSet(inner) = &value else {
                    return Err("computes its configuration".to_owned());
                };
                if inner.rec_token().is_some() {
                    return Err("is a recursive set".to_owned());
                }
                let inner_place = place.with(value.clone());
                config.extend(inner.entries().map(|entry| (inner_place.clone(), entry)));
            }
            Some("config") => return Err("sets `config.…` by path".to_owned()),
            _ => config.push((place.clone(), entry)),
        }
    }
    for (place, entry) in config {
        self::entry(reader, &place, &[], &[], &entry, result);
    }
    Ok(())
}

fn without_parens(expr: ast::Expr) -> ast::Expr {
    match &expr {
        ast::Expr::Paren(paren) => paren.expr().map_or(expr.clone(), without_parens),
        _ => expr,
    }
}

fn path_of(eval: &Eval<'_>, place: &Place, binding: &ast::AttrpathValue) -> Vec<Option<String>> {
    binding.attrpath().map_or_else(Vec::new, |path| {
        path.attrs()
            .map(|attr| eval.attr_name(place, &attr))
            .collect()
    })
}

/// Imports that cannot be told make the module stay whole.
fn imports(eval: &Eval<'_>, place: &Place, result: &mut Read) -> Result<(), String> {
    let Value::List(items) = eval.eval(place) else {
        return Err("computes its imports".to_owned());
    };
    for item in items {
        result.imports.push(import(eval, &item));
    }
    Ok(())
}

pub(crate) fn import(eval: &Eval<'_>, item: &Slot) -> Import {
    match eval.force(item) {
        Value::Path(path) if eval.repo().module(&path).is_some() => {
            Import::Module(Slot::Value(Value::Path(path)))
        }
        Value::Lambda(_) | Value::Attrs(_, Some(_)) => Import::Module(item.clone()),
        Value::Name(path) if path.first().is_some_and(|first| first == "inputs") => {
            Import::Input(path)
        }
        Value::Name(path) if path.len() == 2 && path[0] == "modulesPath" => {
            Import::Nixpkgs(path[1].clone())
        }
        _ => match item {
            Slot::Place(place) => Import::Unknown(place.text(), place.line()),
            _ => Import::Unknown("a computed module".to_owned(), 0),
        },
    }
}

/// Goes down to the leaves of an attribute.
fn entry(
    reader: &Reader<'_, '_>,
    place: &Place,
    prefix: &[String],
    written: &[String],
    entry: &ast::Entry,
    result: &mut Read,
) {
    let eval = reader.eval;
    let text = &place.source.text;
    match entry {
        ast::Entry::Inherit(inherit) => {
            let from = inherit.from().and_then(|from| from.expr());
            for attr in inherit.attrs() {
                let range = attr.syntax().text_range();
                let line = line_of(text, range.start().into());
                let name = eval.attr_name(place, &attr);
                let code = match (&from, &name) {
                    (Some(from), Some(name)) => {
                        format!("({}).{}", from.syntax().text(), nix::attr_name(name))
                    }
                    (None, Some(name)) => name.clone(),
                    _ => attr.syntax().text().to_string(),
                };
                let value = match (&from, &name) {
                    (_, None) => Err("has a computed name".to_owned()),
                    (Some(from), Some(name)) => reader.slot(&Slot::Attr(
                        Rc::new(Slot::Place(place.with(from.clone()))),
                        name.clone(),
                    )),
                    (None, Some(name)) => place
                        .env
                        .lexical(name)
                        .ok_or_else(|| format!("uses `{name}`"))
                        .and_then(|slot| reader.slot(&slot)),
                };
                let mut path = prefix.to_vec();
                path.extend(name);
                let mut written = written.to_vec();
                written.push(attr.syntax().text().to_string());
                push(
                    result,
                    Assign {
                        path,
                        value,
                        code: (written.join("."), code),
                        line,
                        comment: None,
                    },
                );
            }
        }
        ast::Entry::AttrpathValue(binding) => {
            let (Some(attrpath), Some(value)) = (binding.attrpath(), binding.value()) else {
                return;
            };
            let line = line_of(text, binding.syntax().text_range().start().into());
            let mut written = written.to_vec();
            written.extend(
                attrpath
                    .attrs()
                    .map(|attr| attr.syntax().text().to_string()),
            );
            let names: Option<Vec<String>> = path_of(eval, place, binding).into_iter().collect();
            let code = (written.join("."), value.syntax().text().to_string());
            let Some(names) = names else {
                let mut path = prefix.to_vec();
                path.push("…".to_owned());
                push(
                    result,
                    Assign {
                        path,
                        value: Err("has a computed name".to_owned()),
                        code,
                        line,
                        comment: None,
                    },
                );
                return;
            };
            let mut path = prefix.to_vec();
            path.extend(names);
            let value_place = place.with(without_parens(value));
            if result.unit.home.is_none()
                && path.len() == 3
                && path[0] == "home-manager"
                && path[1] == "users"
                && locate(eval, &Slot::Place(value_place.clone())).is_some()
            {
                result
                    .homes
                    .push((path[2].clone(), Slot::Place(value_place)));
                return;
            }
            if let ast::Expr::AttrSet(set) = &value_place.expr
                && set.rec_token().is_none()
                && set.entries().next().is_some()
            {
                for inner in set.entries() {
                    self::entry(reader, &value_place, &path, &written, &inner, result);
                }
                return;
            }
            let comment = comment_above(binding.syntax());
            let value = reader.place(&value_place);
            // A set that a name stands for is a tree of options like any other.
            if let Ok(Yaml::Map(entries)) = &value
                && !entries.is_empty()
                && flat(&path, entries).is_some()
            {
                let depth = path.len();
                for (path, value) in flat(&path, entries).unwrap_or_default() {
                    let parts: Vec<_> = path.iter().map(|part| nix::attr_name(part)).collect();
                    let below = parts[depth..].join(".");
                    push(
                        result,
                        Assign {
                            code: (parts.join("."), format!("({}).{below}", code.1)),
                            path,
                            value: Ok(value),
                            line,
                            comment: None,
                        },
                    );
                }
                return;
            }
            push(
                result,
                Assign {
                    path,
                    value,
                    code,
                    line,
                    comment,
                },
            );
        }
    }
}

fn push(result: &mut Read, assign: Assign) {
    result.unit.assigns.push(assign);
}

/// The leaves of a mapping.
fn flat(path: &[String], entries: &[(String, Yaml)]) -> Option<Vec<(Vec<String>, Yaml)>> {
    let mut found = Vec::new();
    for (key, value) in entries {
        let mut path = path.to_vec();
        path.extend(nix::AttrPath::parse(key).ok()?.0);
        match value {
            Yaml::Map(inner) if !inner.is_empty() => found.extend(flat(&path, inner)?),
            value => found.push((path, value.clone())),
        }
    }
    Some(found)
}

/// The comment in the lines right above a binding.
fn comment_above(node: &rnix::SyntaxNode) -> Option<String> {
    let mut lines = Vec::new();
    let mut token = node.first_token()?.prev_token();
    while let Some(current) = token {
        match current.kind() {
            rnix::SyntaxKind::TOKEN_WHITESPACE => {
                if current.text().matches('\n').count() > 1 {
                    break;
                }
            }
            rnix::SyntaxKind::TOKEN_COMMENT => {
                // A comment behind the binding before belongs to that one.
                let before = current.prev_token();
                let own_line = before.is_none_or(|before| {
                    before.kind() == rnix::SyntaxKind::TOKEN_WHITESPACE
                        && before.text().contains('\n')
                });
                if !own_line {
                    break;
                }
                let comment = ast::Comment::cast(current.clone())?;
                let text = comment.text().trim().to_owned();
                if text.lines().count() > 3 {
                    break;
                }
                lines.push(text);
            }
            _ => break,
        }
        token = current.prev_token();
    }
    lines.reverse();
    let text = lines.join("\n");
    (!text.trim_matches(['#', '-', '=', '\n', ' ']).is_empty()).then_some(text)
}
