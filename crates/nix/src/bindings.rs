//! Attribute sets as Nix merges them, and the duplicates that it refuses.
//!
//! `a.b = 1; a.c = 2;` and `a = { b = 1; }; a.c = 2;` are one set to Nix. It merges while it parses,
//! so names are looked up in the merged sets too: in `a = rec { b = 1; }; a.c = b;` the `b` is bound,
//! because what is added to a recursive set becomes a part of it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use rnix::ast;
use rnix::{SyntaxKind, SyntaxNode, TextRange, WalkEvent};
use rowan::ast::AstNode;

use crate::parse::without_parens;
use crate::string::static_text;
use crate::{AttrPath, ParseProblem};

/// The attributes of a set or of a `let`, merged.
#[derive(Debug, Default)]
pub(crate) struct BindingSet {
    /// Whether the values see the attributes.
    pub(crate) recursive: bool,
    /// The attributes whose names are known.
    pub(crate) attrs: BTreeMap<String, Binding>,
    /// The expressions of `inherit (…)`.
    pub(crate) sources: Vec<ast::Expr>,
    /// The attributes whose names are computed.
    pub(crate) dynamic: Vec<(ast::Expr, BoundValue)>,
}

/// What an attribute is bound to, and where.
#[derive(Debug)]
pub(crate) struct Binding {
    pub(crate) value: BoundValue,
    range: TextRange,
}

/// What an attribute is bound to.
#[derive(Debug)]
pub(crate) enum BoundValue {
    /// An expression that is not a set.
    Expr(ast::Expr),
    /// The variable of the attribute's name, around the set.
    Inherited,
    /// An attribute of one of the [`BindingSet::sources`].
    InheritedFrom,
    /// A set, or the set that a path such as `a.b` implies.
    Set(BindingSet),
}

/// A part of an attribute path.
pub(crate) enum Name {
    /// A name that is known.
    Static(String),
    /// A name that is computed.
    Dynamic(ast::Expr),
}

/// Reads a part of an attribute path. Nix takes `${"a"}` for `a`.
pub(crate) fn name(attr: &ast::Attr) -> Option<Name> {
    match attr {
        ast::Attr::Ident(ident) => Some(Name::Static(ident.syntax().text().to_string())),
        ast::Attr::Str(literal) => Some(match static_text(literal) {
            Some(text) => Name::Static(text),
            None => Name::Dynamic(ast::Expr::Str(literal.clone())),
        }),
        ast::Attr::Dynamic(dynamic) => {
            let expr = dynamic.expr()?;
            Some(match without_parens(expr.clone()) {
                ast::Expr::Str(literal) => match static_text(&literal) {
                    Some(text) => Name::Static(text),
                    None => Name::Dynamic(expr),
                },
                _ => Name::Dynamic(expr),
            })
        }
    }
}

/// The duplicates in every set, `let` and function argument of a tree.
pub(crate) fn problems(root: &SyntaxNode) -> Vec<ParseProblem> {
    let mut problems = Vec::new();
    let mut pending = vec![root.clone()];
    while let Some(node) = pending.pop() {
        let mut walk = node.preorder();
        while let Some(event) = walk.next() {
            let WalkEvent::Enter(node) = event else {
                continue;
            };
            if let Some(pattern) = ast::Pattern::cast(node.clone()) {
                problems.extend(pattern_problems(&pattern));
            }
            if let Some(set) = read(&node, &mut problems) {
                walk.skip_subtree();
                push_expressions(set, &mut pending);
                pending.extend(ast::LetIn::cast(node).and_then(|it| it.body()).map(syntax));
            }
        }
    }
    problems
}

fn syntax(expr: ast::Expr) -> SyntaxNode {
    expr.syntax().clone()
}

/// Collects what stands in a set and is not a part of it.
fn push_expressions(set: BindingSet, pending: &mut Vec<SyntaxNode>) {
    pending.extend(set.sources.into_iter().map(syntax));
    let (names, dynamic): (Vec<_>, Vec<_>) = set.dynamic.into_iter().unzip();
    pending.extend(names.into_iter().map(syntax));
    for value in set
        .attrs
        .into_values()
        .map(|binding| binding.value)
        .chain(dynamic)
    {
        match value {
            BoundValue::Expr(expr) => pending.push(syntax(expr)),
            BoundValue::Set(set) => push_expressions(set, pending),
            BoundValue::Inherited | BoundValue::InheritedFrom => {}
        }
    }
}

/// Merges the bindings of a set or a `let`; nothing if the node is neither.
pub(crate) fn read(node: &SyntaxNode, problems: &mut Vec<ParseProblem>) -> Option<BindingSet> {
    let mut set = BindingSet {
        recursive: match node.kind() {
            SyntaxKind::NODE_ATTR_SET => ast::AttrSet::cast(node.clone())?.rec_token().is_some(),
            SyntaxKind::NODE_LET_IN | SyntaxKind::NODE_LEGACY_LET => true,
            _ => return None,
        },
        ..BindingSet::default()
    };
    for entry in node.children().filter_map(ast::Entry::cast) {
        match entry {
            ast::Entry::Inherit(inherit) => add_inherit(&mut set, &inherit, problems),
            ast::Entry::AttrpathValue(binding) => add_binding(&mut set, &binding, problems),
        }
    }
    if node.kind() == SyntaxKind::NODE_LET_IN {
        problems.extend(set.dynamic.iter().map(|(name, _)| {
            let message = "a computed name cannot stand in `let`";
            ParseProblem::at(name.syntax().text_range(), message)
        }));
    }
    Some(set)
}

fn add_inherit(set: &mut BindingSet, inherit: &ast::Inherit, problems: &mut Vec<ParseProblem>) {
    let source = inherit.from().and_then(|from| from.expr());
    for attr in inherit.attrs() {
        let range = attr.syntax().text_range();
        let value = match source {
            Some(_) => BoundValue::InheritedFrom,
            None => BoundValue::Inherited,
        };
        match name(&attr) {
            Some(Name::Static(name)) => match set.attrs.entry(name) {
                Entry::Vacant(entry) => {
                    entry.insert(Binding { value, range });
                }
                Entry::Occupied(entry) => problems.push(duplicate(&[entry.key()], range)),
            },
            Some(Name::Dynamic(_)) => {
                problems.push(ParseProblem::at(
                    range,
                    "a computed name cannot be inherited",
                ));
            }
            None => {}
        }
    }
    set.sources.extend(source);
}

fn add_binding(
    set: &mut BindingSet,
    binding: &ast::AttrpathValue,
    problems: &mut Vec<ParseProblem>,
) {
    let (Some(path), Some(value)) = (binding.attrpath(), binding.value()) else {
        return;
    };
    let range = path.syntax().text_range();
    let value = match without_parens(value.clone()) {
        ast::Expr::AttrSet(inner) => match read(inner.syntax(), problems) {
            Some(inner) => BoundValue::Set(inner),
            None => BoundValue::Expr(value),
        },
        _ => BoundValue::Expr(value),
    };
    let mut names: Vec<Name> = path.attrs().filter_map(|attr| name(&attr)).collect();
    let Some(last) = names.pop() else { return };
    let mut set = set;
    let mut path = Vec::new();
    for name in names {
        let implied = BoundValue::Set(BindingSet::default());
        let inner = match name {
            Name::Static(name) => {
                path.push(name.clone());
                let binding = Binding {
                    value: implied,
                    range,
                };
                &mut set.attrs.entry(name).or_insert(binding).value
            }
            Name::Dynamic(name) => {
                path.push("${…}".to_owned());
                set.dynamic.push((name, implied));
                let Some((_, value)) = set.dynamic.last_mut() else {
                    return;
                };
                value
            }
        };
        let BoundValue::Set(inner) = inner else {
            problems.push(duplicate(&path, range));
            return;
        };
        set = inner;
    }
    match last {
        Name::Static(name) => merge(set, &mut path, name, Binding { value, range }, problems),
        Name::Dynamic(name) => set.dynamic.push((name, value)),
    }
}

/// Adds an attribute; two sets become one, anything else that is defined twice is a problem.
fn merge(
    set: &mut BindingSet,
    path: &mut Vec<String>,
    name: String,
    binding: Binding,
    problems: &mut Vec<ParseProblem>,
) {
    path.push(name.clone());
    match set.attrs.entry(name) {
        Entry::Vacant(entry) => {
            entry.insert(binding);
        }
        Entry::Occupied(mut entry) => match (&mut entry.get_mut().value, binding.value) {
            (BoundValue::Set(old), BoundValue::Set(new)) => {
                old.sources.extend(new.sources);
                old.dynamic.extend(new.dynamic);
                for (name, binding) in new.attrs {
                    merge(old, path, name, binding, problems);
                }
            }
            _ => problems.push(duplicate(path, binding.range)),
        },
    }
    path.pop();
}

fn duplicate<S: AsRef<str>>(path: &[S], range: TextRange) -> ParseProblem {
    let path = AttrPath(path.iter().map(|name| name.as_ref().to_owned()).collect());
    ParseProblem::at(range, format!("duplicate attribute `{path}`"))
}

fn pattern_problems(pattern: &ast::Pattern) -> Vec<ParseProblem> {
    let mut seen = std::collections::BTreeSet::new();
    pattern_names(pattern)
        .filter_map(|ident| {
            let name = ident.syntax().text().to_string();
            let range = ident.syntax().text_range();
            let problem = ParseProblem::at(range, format!("duplicate function argument `{name}`"));
            (!seen.insert(name)).then_some(problem)
        })
        .collect()
}

/// The names that a function binds by `{ a, b ? c }@name`.
pub(crate) fn pattern_names(pattern: &ast::Pattern) -> impl Iterator<Item = ast::Ident> {
    let entries = pattern.pat_entries().filter_map(|entry| entry.ident());
    entries.chain(pattern.pat_bind().and_then(|bind| bind.ident()))
}

#[cfg(test)]
mod tests {
    use crate::parse_problems;

    #[test]
    fn duplicates_have_place_and_path() {
        let cases = [
            (
                "{ a = 1; a = 2; }",
                vec![(9, 10, "duplicate attribute `a`")],
            ),
            (
                "{ a.b = 1; a.b = 2; }",
                vec![(11, 14, "duplicate attribute `a.b`")],
            ),
            (
                "{ a.b = 1; a = { b = 2; }; }",
                vec![(17, 18, "duplicate attribute `a.b`")],
            ),
            (
                "{ a = 1; a.b = 2; }",
                vec![(9, 12, "duplicate attribute `a`")],
            ),
            (
                "{ \"a b\".c = 1; \"a b\".c = 1; }",
                vec![(15, 22, "duplicate attribute `\"a b\".c`")],
            ),
            (
                "{ x = [ { a = 1; a = 2; } ]; }",
                vec![(17, 18, "duplicate attribute `a`")],
            ),
            (
                "let a = 1; a = 2; in { b = 1; b = 2; }",
                vec![
                    (11, 12, "duplicate attribute `a`"),
                    (30, 31, "duplicate attribute `b`"),
                ],
            ),
            (
                "{ a, a }: 1",
                vec![(5, 6, "duplicate function argument `a`")],
            ),
            (
                "{ x = { y = { a = 1; a = 2; }; }; }",
                vec![(21, 22, "duplicate attribute `a`")],
            ),
            ("{ ${\"a\"} = 1; a = { b.c, b }: b; }", vec![]),
        ];
        for (text, expected) in cases.iter().filter(|(_, expected)| !expected.is_empty()) {
            let found: Vec<_> = parse_problems(text)
                .into_iter()
                .map(|problem| (problem.start, problem.end, problem.message))
                .collect();
            let expected: Vec<_> = expected
                .iter()
                .map(|(start, end, text)| (*start, *end, (*text).to_owned()))
                .collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
