//! The options that a NixOS module file defines, as far as they can be read off its text.

use rnix::ast::{self, AstToken, BinOpKind, HasEntry, LiteralKind, UnaryOpKind};
use rowan::ast::AstNode;
use serde::Serialize;

use crate::bindings::{Name, name};
use crate::parse::{parse, without_parens};
use crate::string::static_text;
use crate::{AttrPath, ParseProblem, attr_name};

/// The attributes beside `config` that a module may have and that are no options.
pub const MODULE_ATTRS: &[&str] = &[
    "_class",
    "_file",
    "_module",
    "disabledModules",
    "freeformType",
    "imports",
    "key",
    "meta",
    "options",
];

/// The priority of a plain definition.
const PLAIN: i64 = 100;

/// A definition of one option, or of a value inside one.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Definition {
    /// The attribute path from the root of the configuration. It is empty if the whole module is an
    /// expression that cannot be read off.
    pub path: AttrPath,
    /// What it is defined as, without the functions that give it a priority or a condition.
    pub value: DefValue,
    /// The priority as the module system counts (lower wins): 50 for `mkForce`, 100 for a plain
    /// definition, 1000 for `mkDefault`; nothing if it is computed.
    pub priority: Option<i64>,
    /// Whether the definition stands below `mkIf` or `optionalAttrs`.
    pub conditional: bool,
    /// The conditions that it stands below, as written, outermost first.
    pub conditions: Vec<String>,
    /// The byte offset where the attribute (`path = value`) starts.
    pub start: usize,
    /// The byte offset where the value starts.
    pub value_start: usize,
    /// The byte offset after the value.
    pub end: usize,
}

/// What an option is defined as.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum DefValue {
    /// `true` or `false`.
    Bool(bool),
    /// An integer literal, perhaps negated.
    Int(i64),
    /// A floating-point literal, perhaps negated.
    Float(f64),
    /// A string literal without interpolation.
    Str(String),
    /// `null`.
    Null,
    /// A list literal; sets that are not empty are code.
    List(Vec<DefValue>),
    /// The empty set; others are read attribute by attribute.
    Attrs,
    /// Code.
    Expr(String),
}

/// The definitions in a module file: an attribute set, or functions, `let` and the like around one.
///
/// Only attributes whose path is known are listed; those with computed names are left out. What is
/// no option (`imports`, `options`, `meta` and their like at the top) is left out too, and `config`
/// is looked into.
///
/// # Errors
///
/// The problems of [`crate::parse_problems`].
pub fn definitions(text: &str) -> Result<Vec<Definition>, Vec<ParseProblem>> {
    let root = parse(text)?;
    Ok(root.expr().map(definitions_of).unwrap_or_default())
}

/// The definitions that [`definitions`] leaves out since a name of their path is computed. In the path
/// such a name is its code, such as `${cfg.interface}`.
///
/// # Errors
///
/// The problems of [`crate::parse_problems`].
pub fn computed_definitions(text: &str) -> Result<Vec<Definition>, Vec<ParseProblem>> {
    let root = parse(text)?;
    let found = root.expr().map(read_expr).unwrap_or_default();
    Ok(found.computed)
}

/// The same as [`definitions`] for an expression of a parsed text, such as a module that stands in a
/// list. Positions are those of the text.
pub fn definitions_of(expr: ast::Expr) -> Vec<Definition> {
    read_expr(expr).known
}

/// Definitions, by whether their paths are known.
#[derive(Default)]
struct Found {
    known: Vec<Definition>,
    computed: Vec<Definition>,
}

impl Found {
    fn push(&mut self, place: &Place, definition: Definition) {
        if place.is_computed {
            self.computed.push(definition);
        } else {
            self.known.push(definition);
        }
    }
}

fn read_expr(mut expr: ast::Expr) -> Found {
    let mut found = Found::default();
    while let ast::Expr::Lambda(lambda) = inside_scopes(expr.clone()) {
        let Some(body) = lambda.body() else {
            return found;
        };
        expr = body;
    }
    let range = expr.syntax().text_range();
    let place = Place {
        path: AttrPath::default(),
        zone: Zone::Module,
        priority: Some(PLAIN),
        has_priority: false,
        conditions: Vec::new(),
        start: range.start().into(),
        is_computed: false,
    };
    read_value(expr, &place, &mut found);
    found
}

/// What may stand at a place.
#[derive(Clone, Copy, PartialEq)]
enum Zone {
    /// The attributes of a module: `config`, `imports` or options.
    Module,
    /// The root of the configuration.
    Config,
    /// Somewhere below an option's first name.
    Below,
}

/// Where a value stands, and what the functions around it say about it.
#[derive(Clone)]
struct Place {
    path: AttrPath,
    zone: Zone,
    priority: Option<i64>,
    has_priority: bool,
    conditions: Vec<String>,
    start: usize,
    /// Whether a name of the path is computed.
    is_computed: bool,
}

impl Place {
    /// This place with a priority; the outermost one counts.
    fn with_priority(&self, priority: Option<i64>) -> Place {
        if self.has_priority {
            return self.clone();
        }
        Place {
            priority,
            has_priority: true,
            ..self.clone()
        }
    }
}

/// The expression inside parentheses, `let … in`, `with …;` and `assert …;`.
fn inside_scopes(expr: ast::Expr) -> ast::Expr {
    let expr = without_parens(expr);
    let body = match &expr {
        ast::Expr::LetIn(let_in) => let_in.body(),
        ast::Expr::With(with) => with.body(),
        ast::Expr::Assert(assert) => assert.body(),
        _ => None,
    };
    body.map_or(expr, inside_scopes)
}

fn read_value(expr: ast::Expr, place: &Place, found: &mut Found) {
    let expr = without_parens(expr);
    let inner = inside_scopes(expr.clone());
    match &inner {
        ast::Expr::AttrSet(set) if set.entries().next().is_some() || place.zone != Zone::Below => {
            read_set(set, place, found);
            return;
        }
        ast::Expr::Apply(apply) if read_call(apply, place, found) => return,
        _ => {}
    }
    let range = expr.syntax().text_range();
    let definition = Definition {
        path: place.path.clone(),
        // Code means nothing without the scopes around it, literals do.
        value: match def_value(&inner) {
            DefValue::Expr(_) => DefValue::Expr(expr.syntax().text().to_string()),
            value => value,
        },
        priority: place.priority,
        conditional: !place.conditions.is_empty(),
        conditions: place.conditions.clone(),
        start: place.start,
        value_start: range.start().into(),
        end: range.end().into(),
    };
    found.push(place, definition);
}

fn read_set(set: &ast::AttrSet, place: &Place, found: &mut Found) {
    for entry in set.entries() {
        match entry {
            ast::Entry::Inherit(inherit) => read_inherit(&inherit, place, found),
            ast::Entry::AttrpathValue(binding) => {
                let (Some(path), Some(value)) = (binding.attrpath(), binding.value()) else {
                    continue;
                };
                let start = path.syntax().text_range().start().into();
                let mut is_computed = false;
                let mut name_or_code = |attr: ast::Attr| {
                    static_name(&attr).unwrap_or_else(|| {
                        is_computed = true;
                        attr.syntax().text().to_string()
                    })
                };
                let names = path.attrs().map(&mut name_or_code).collect();
                if let Some(mut inner) = below(place, names, start) {
                    inner.is_computed |= is_computed;
                    read_value(value, &inner, found);
                }
            }
        }
    }
}

fn read_inherit(inherit: &ast::Inherit, place: &Place, found: &mut Found) {
    let source = inherit.from().and_then(|from| from.expr());
    for attr in inherit.attrs() {
        let Some(name) = static_name(&attr) else {
            continue;
        };
        let range = attr.syntax().text_range();
        let code = match &source {
            Some(ast::Expr::Ident(source)) => format!("{source}.{}", attr_name(&name)),
            Some(source) => format!("({source}).{}", attr_name(&name)),
            None => name.clone(),
        };
        let Some(inner) = below(place, vec![name], range.start().into()) else {
            continue;
        };
        let definition = Definition {
            path: inner.path,
            value: DefValue::Expr(code),
            priority: inner.priority,
            conditional: !inner.conditions.is_empty(),
            conditions: inner.conditions,
            start: range.start().into(),
            value_start: range.start().into(),
            end: range.end().into(),
        };
        found.push(place, definition);
    }
}

fn static_name(attr: &ast::Attr) -> Option<String> {
    match name(attr)? {
        Name::Static(name) => Some(name),
        Name::Dynamic(_) => None,
    }
}

/// The place that `names` lead to, or nothing if no option lies there.
fn below(place: &Place, names: Vec<String>, start: usize) -> Option<Place> {
    let mut inner = Place {
        start,
        ..place.clone()
    };
    for name in names {
        inner.zone = match inner.zone {
            Zone::Module if name == "config" => Zone::Config,
            Zone::Module if MODULE_ATTRS.contains(&name.as_str()) => return None,
            Zone::Config if name == "_module" => return None,
            Zone::Module | Zone::Config | Zone::Below => {
                inner.path.0.push(name);
                Zone::Below
            }
        };
    }
    Some(inner)
}

/// Reads a call of one of the module system's functions; tells whether it was one.
fn read_call(apply: &ast::Apply, place: &Place, found: &mut Found) -> bool {
    let (Some(function), Some(argument)) = (apply.lambda(), apply.argument()) else {
        return false;
    };
    let function = without_parens(function);
    if let ast::Expr::Apply(inner) = &function {
        let (Some(name), Some(first)) =
            (inner.lambda().and_then(library_function), inner.argument())
        else {
            return false;
        };
        let inner = match name.as_str() {
            "mkIf" | "optionalAttrs" => {
                let mut inner = place.clone();
                let condition = without_parens(first);
                inner.conditions.push(condition.syntax().text().to_string());
                inner
            }
            "mkOverride" => place.with_priority(integer(&without_parens(first))),
            "mkOrder" => place.clone(),
            _ => return false,
        };
        read_value(argument, &inner, found);
        return true;
    }
    let Some(name) = library_function(function) else {
        return false;
    };
    let inner = match name.as_str() {
        "mkOptionDefault" => place.with_priority(Some(1500)),
        "mkDefault" => place.with_priority(Some(1000)),
        "mkImageMediaOverride" => place.with_priority(Some(60)),
        "mkForce" => place.with_priority(Some(50)),
        "mkVMOverride" => place.with_priority(Some(10)),
        "mkBefore" | "mkAfter" => place.clone(),
        "mkMerge" => {
            let ast::Expr::List(list) = without_parens(argument) else {
                return false;
            };
            for item in list.items() {
                read_value(item, place, found);
            }
            return true;
        }
        _ => return false,
    };
    read_value(argument, &inner, found);
    true
}

/// The bare name of a function, also of one that is selected from `lib`.
fn library_function(expr: ast::Expr) -> Option<String> {
    match without_parens(expr) {
        ast::Expr::Ident(ident) => Some(ident.syntax().text().to_string()),
        ast::Expr::Select(select) if select.default_expr().is_none() => {
            let ast::Expr::Ident(library) = select.expr()? else {
                return None;
            };
            let names: Option<Vec<String>> = select
                .attrpath()?
                .attrs()
                .map(|attr| static_name(&attr))
                .collect();
            let is_library = library.syntax().text() == "lib";
            match names?.as_slice() {
                [name] if is_library => Some(name.clone()),
                [group, name] if is_library && (group == "modules" || group == "attrsets") => {
                    Some(name.clone())
                }
                _ => None,
            }
        }
        _ => None,
    }
}

fn def_value(expr: &ast::Expr) -> DefValue {
    let code = || DefValue::Expr(expr.syntax().text().to_string());
    match expr {
        ast::Expr::Paren(paren) => paren.expr().map_or_else(code, |inner| def_value(&inner)),
        ast::Expr::Ident(ident) => match ident.syntax().text().to_string().as_str() {
            "true" => DefValue::Bool(true),
            "false" => DefValue::Bool(false),
            "null" => DefValue::Null,
            _ => code(),
        },
        ast::Expr::Str(literal) => static_text(literal).map_or_else(code, DefValue::Str),
        ast::Expr::List(list) => {
            DefValue::List(list.items().map(|item| def_value(&item)).collect())
        }
        ast::Expr::AttrSet(set) if set.entries().next().is_none() => DefValue::Attrs,
        _ => match (integer(expr), float(expr)) {
            (Some(value), _) => DefValue::Int(value),
            (None, Some(value)) => DefValue::Float(value),
            (None, None) => code(),
        },
    }
}

/// The operand of a negation.
fn negated(expr: &ast::Expr) -> Option<ast::Expr> {
    match expr {
        ast::Expr::UnaryOp(operation) if operation.operator() == Some(UnaryOpKind::Negate) => {
            operation.expr()
        }
        _ => None,
    }
}

pub(crate) fn integer(expr: &ast::Expr) -> Option<i64> {
    if let Some(operand) = negated(expr) {
        return integer(&operand)?.checked_neg();
    }
    // The smallest integer has no literal; this is how it is written instead.
    if let ast::Expr::BinOp(operation) = expr
        && operation.operator() == Some(BinOpKind::Sub)
    {
        let is_smallest =
            integer(&operation.lhs()?) == Some(-i64::MAX) && integer(&operation.rhs()?) == Some(1);
        return is_smallest.then_some(i64::MIN);
    }
    match expr {
        ast::Expr::Literal(literal) => match literal.kind() {
            LiteralKind::Integer(token) => token.value().ok(),
            _ => None,
        },
        _ => None,
    }
}

fn float(expr: &ast::Expr) -> Option<f64> {
    if let Some(operand) = negated(expr) {
        return float(&operand).map(|value| -value);
    }
    match expr {
        ast::Expr::Literal(literal) => match literal.kind() {
            LiteralKind::Float(token) => token.syntax().text().parse().ok(),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{DefValue, computed_definitions, definitions};

    /// One line a definition: path, value, priority unless plain, and whether it is conditional.
    fn summary(text: &str) -> Vec<String> {
        let found = definitions(text).unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
        let mut lines = Vec::new();
        for definition in found {
            assert!(definition.start <= definition.value_start, "{text}");
            assert!(definition.value_start < definition.end, "{text}");
            let value = match definition.value {
                DefValue::Expr(code) => code,
                value => format!("{value:?}"),
            };
            let priority = match definition.priority {
                Some(100) => String::new(),
                Some(priority) => format!(" @{priority}"),
                None => " @?".to_owned(),
            };
            let condition = if definition.conditional { " if" } else { "" };
            lines.push(format!(
                "{} = {value}{priority}{condition}",
                definition.path
            ));
        }
        lines
    }

    #[test]
    fn read_off() {
        let cases: &[(&str, &[&str])] = &[
            ("{ }", &[]),
            (
                "{ a.b = true; c = { d = 1; e.f = \"x\"; }; }",
                &["a.b = Bool(true)", "c.d = Int(1)", "c.e.f = Str(\"x\")"],
            ),
            ("{ config, lib, ... }: { a = config.b; }", &["a = config.b"]),
            ("{ lib, ... }: let x = 1; in { a = x; }", &["a = x"]),
            (
                "let x = 1; in { ... }: with x; assert x; ({ a = null; })",
                &["a = Null"],
            ),
            ("{ config = { a = 1; }; }", &["a = Int(1)"]),
            (
                "{ config.a.b = 1; options.c = 2; imports = [ ./x ]; }",
                &["a.b = Int(1)"],
            ),
            (
                "{ config = lib.mkIf x { a = 1; _module.args.b = 2; meta = 3; }; }",
                &["a = Int(1) if", "meta = Int(3) if"],
            ),
            (
                "{ _module.args.x = 1; meta.y = 2; disabledModules = []; _file = 1; a.imports = 1; }",
                &["a.imports = Int(1)"],
            ),
            ("{ config.config.a = 1; }", &["config.a = Int(1)"]),
            (
                "{ a = lib.mkDefault 1; b = mkForce 2; c = lib.mkOverride 900 3; d = lib.modules.mkVMOverride 4; e = mkOptionDefault 5; f = mkImageMediaOverride 6; }",
                &[
                    "a = Int(1) @1000",
                    "b = Int(2) @50",
                    "c = Int(3) @900",
                    "d = Int(4) @10",
                    "e = Int(5) @1500",
                    "f = Int(6) @60",
                ],
            ),
            (
                "{ a = lib.mkOverride x 3; b = lib.mkOverride (-1) 3; }",
                &["a = Int(3) @?", "b = Int(3) @-1"],
            ),
            (
                "{ a = lib.mkForce { b = 1; c = mkDefault 2; }; }",
                &["a.b = Int(1) @50", "a.c = Int(2) @50"],
            ),
            (
                "{ a = lib.mkIf c (lib.mkDefault { b = 1; }); }",
                &["a.b = Int(1) @1000 if"],
            ),
            ("lib.mkIf c { a = 1; }", &["a = Int(1) if"]),
            (
                "lib.mkMerge [ { a = 1; } (lib.mkIf c { b = 2; }) ]",
                &["a = Int(1)", "b = Int(2) if"],
            ),
            (
                "{ a = lib.mkMerge [ { b = 1; } c (lib.optionalAttrs d { e = 2; }) ]; }",
                &["a.b = Int(1)", "a = c", "a.e = Int(2) if"],
            ),
            ("{ a = lib.mkMerge x; }", &["a = lib.mkMerge x"]),
            (
                "{ a = lib.mkBefore [ 1 ]; b = lib.mkOrder 5 [ x ]; }",
                &["a = List([Int(1)])", "b = List([Expr(\"x\")])"],
            ),
            ("{ a = { b = 1; } // c; }", &["a = { b = 1; } // c"]),
            ("{ a = 1; } // b", &[" = { a = 1; } // b"]),
            (
                "{ a = { }; b = [ ]; c = lib.mkDefault { }; }",
                &["a = Attrs", "b = List([])", "c = Attrs @1000"],
            ),
            (
                "{ ${x} = 1; a.${x} = 2; a.\"b${x}\" = 3; \"a b\".c = 4; ${\"d\"} = 5; }",
                &["\"a b\".c = Int(4)", "d = Int(5)"],
            ),
            (
                "{ inherit a; inherit (b) c; inherit (b.x or y) d; e = { inherit f; }; }",
                &["a = a", "c = b.c", "d = (b.x or y).d", "e.f = f"],
            ),
            (
                "{ a = -1; b = -1.5; c = 1.0e3; d = -9223372036854775807 - 1; e = 1 - 1; }",
                &[
                    "a = Int(-1)",
                    "b = Float(-1.5)",
                    "c = Float(1000.0)",
                    "d = Int(-9223372036854775808)",
                    "e = 1 - 1",
                ],
            ),
            (
                "{ a = \"x${y}\"; b = ''\n  l\n  m\n''; c = ./x; d = x: x; e = if a then b else c; }",
                &[
                    "a = \"x${y}\"",
                    "b = Str(\"l\\nm\\n\")",
                    "c = ./x",
                    "d = x: x",
                    "e = if a then b else c",
                ],
            ),
            (
                "{ a = with pkgs; [ b { c = 1; } ]; d = let e = 1; in { f = e; }; g = with h; i; }",
                &[
                    "a = List([Expr(\"b\"), Expr(\"{ c = 1; }\")])",
                    "d.f = e",
                    "g = with h; i",
                ],
            ),
            (
                "{ a = rec { b = 1; c = b; }; }",
                &["a.b = Int(1)", "a.c = b"],
            ),
            ("{ a = (({ b = (true); })); }", &["a.b = Bool(true)"]),
            (
                "{ a = pkgs.mkIf c { b = 1; }; d = mkSomething { e = 1; }; }",
                &["a = pkgs.mkIf c { b = 1; }", "d = mkSomething { e = 1; }"],
            ),
            (
                "{ options = { a = 1; }; config = mkMerge [ { b = 2; } ]; }",
                &["b = Int(2)"],
            ),
            ("1", &[" = Int(1)"]),
        ];
        for (text, expected) in cases {
            assert_eq!(summary(text), *expected, "{text}");
        }
    }

    #[test]
    fn names_that_are_computed() {
        let text = r#"{ a.${x}.b = 1; a.c = lib.mkForce { "${y}-z" = 2; d = { ${w} = { e = 3; f.g = [ ]; }; }; }; ${v}.h = 4; i.j = 5; imports.${u} = 6; }"#;
        let found = computed_definitions(text).unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|it| (it.path.parts().join(" "), &text[it.value_start..it.end]))
            .collect();
        let expected = [
            ("a ${x} b", "1"),
            (r#"a c "${y}-z""#, "2"),
            ("a c d ${w} e", "3"),
            ("a c d ${w} f g", "[ ]"),
            ("${v} h", "4"),
        ];
        assert_eq!(
            found,
            expected.map(|(path, value)| (path.to_owned(), value))
        );
        let known = definitions(text).unwrap();
        let known: Vec<_> = known.iter().map(|it| it.path.to_string()).collect();
        assert_eq!(known, ["i.j"]);
    }

    #[test]
    fn ranges() {
        let text = "{ a.b = lib.mkIf c { d.e = 1 + 1; }; inherit f; }";
        let found = definitions(text).unwrap();
        let ranges: Vec<_> = found
            .iter()
            .map(|it| (&text[it.start..it.end], &text[it.value_start..it.end]))
            .collect();
        assert_eq!(ranges, [("d.e = 1 + 1", "1 + 1"), ("f", "f")]);
    }
}
