//! What a NixOS or Home Manager module says, read off its text: values with their places, the options
//! it declares, what it imports, and the options and packages that its code refers to.
//!
//! Unlike [`crate::definitions`], which lists leaves, this keeps the shape of values, so that types
//! can be checked against it, and every place, so that a finding can point at it.

use std::collections::{BTreeMap, BTreeSet};

use rnix::ast::{self, AstToken, BinOpKind, HasEntry, LiteralKind, UnaryOpKind};
use rnix::{SyntaxKind, SyntaxNode};
use rowan::ast::AstNode;

use crate::ParseProblem;
use crate::bindings::{Name, name};
use crate::definitions::MODULE_ATTRS;
use crate::parse::{parse, without_parens};
use crate::string::static_text;

/// A module.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Module {
    /// What it defines: the attributes of `config`, or of the module itself.
    pub config: Vec<Attr>,
    /// Paths of the options that it declares; a computed name is `None`.
    pub options: Vec<Vec<Option<String>>>,
    /// Files that it imports, as they are written, such as `./disks.nix`.
    pub imports: Vec<String>,
    /// Whether it imports anything whose place is computed, such as a profile of nixpkgs.
    pub has_foreign: bool,
    /// Options that its code reads from its `config` or `osConfig`, where a missing one is an error.
    pub reads: Vec<Reference>,
    /// Packages that its code names.
    pub packages: Vec<Reference>,
}

/// A name that code refers to.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// The variable that it is taken from: `config`, `osConfig`, `pkgs`, `pkgs-unstable`.
    pub root: String,
    /// The names, up to the first computed one.
    pub path: Vec<String>,
    /// Byte offset of the start.
    pub start: usize,
    /// Byte offset after the end.
    pub end: usize,
}

/// An attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct Attr {
    /// The names of its path; a computed one is `None`.
    pub path: Vec<Option<String>>,
    /// Byte offset where the path starts.
    pub start: usize,
    /// Byte offset after the path.
    pub end: usize,
    /// Its value.
    pub value: Node,
}

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it is, as far as the text tells.
    pub kind: Kind,
    /// Byte offset of the start.
    pub start: usize,
    /// Byte offset after the end.
    pub end: usize,
}

/// What a value is, as far as the text tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// `null`.
    Null,
    /// `true` or `false`, or an expression that gives one of them.
    Bool(Option<bool>),
    /// An integer.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// A string without interpolation.
    Str(String),
    /// A string whose text is computed.
    Text,
    /// A path literal, as written.
    Path(String),
    /// A package: the variable and the path below it.
    Package(Vec<String>),
    /// A list; elements of lists that are joined to it by code are missing.
    List(Vec<Node>),
    /// A set; attributes of sets that are merged into it by code are missing.
    Attrs(Vec<Attr>),
    /// A function; the value is what it returns.
    Function(Box<Node>),
    /// One of several, by a condition, or all of them merged.
    AnyOf(Vec<Node>),
    /// Something else.
    Code,
}

/// Reads a module.
///
/// # Errors
///
/// The problems of [`crate::parse_problems`].
pub fn read_module(text: &str) -> Result<Module, Vec<ParseProblem>> {
    Ok(module_at(&parse(text)?))
}

/// Reads a module and lists what it defines, as [`crate::definitions`] does.
///
/// # Errors
///
/// The problems of [`crate::parse_problems`].
pub fn read_with_definitions(
    text: &str,
) -> Result<(Module, Vec<crate::Definition>), Vec<ParseProblem>> {
    let root = parse(text)?;
    let definitions = root.expr().map(crate::definitions_of);
    Ok((module_at(&root), definitions.unwrap_or_default()))
}

/// Reads a module whose text is known to be one that Nix reads, such as one that was just laid out.
///
/// Of other texts it reads what it can; one that is nested too deep must not be given.
pub fn read_sound_module(text: &str) -> Module {
    module_at(&rnix::Root::parse(text).tree())
}

fn module_at(root: &ast::Root) -> Module {
    let mut module = Module::default();
    let Some(expr) = root.expr() else {
        return module;
    };
    collect(&value(&expr), &mut module);
    references(root.syntax(), &mut module);
    module
}

/// The packages that an overlay (`final: prev: { … }`) adds or changes; `None` if its text does not say.
pub fn overlay_names(text: &str) -> Option<BTreeSet<String>> {
    let Kind::Function(outer) = value(&parse(text).ok()?.expr()?).kind else {
        return None;
    };
    let Kind::Function(body) = outer.kind else {
        return None;
    };
    let Kind::Attrs(attrs) = body.kind else {
        return None;
    };
    attrs
        .into_iter()
        .map(|attr| attr.path.into_iter().next().flatten())
        .collect()
}

/// Whether a file holds a function; `None` if that cannot be read off.
pub fn is_function(text: &str) -> Option<bool> {
    match value(&parse(text).ok()?.expr()?).kind {
        Kind::Function(_) => Some(true),
        Kind::AnyOf(_) | Kind::Code => None,
        _ => Some(false),
    }
}

/// The module that a value is, if it is a set or a function that returns one.
///
/// References are those of the file, and not listed.
pub fn module_of(node: &Node) -> Module {
    let mut module = Module::default();
    collect(node, &mut module);
    module
}

fn collect(node: &Node, module: &mut Module) {
    match &node.kind {
        Kind::Function(body) => collect(body, module),
        Kind::AnyOf(parts) => parts.iter().for_each(|part| collect(part, module)),
        Kind::Attrs(attrs) => {
            for attr in attrs {
                match attr.path.first().and_then(Option::as_deref) {
                    Some("config") => push_config(attr, module),
                    Some("options") => declare(attr, module),
                    Some("imports") if attr.path.len() == 1 => import(&attr.value, module),
                    Some(name) if MODULE_ATTRS.contains(&name) => {}
                    _ => module.config.push(attr.clone()),
                }
            }
        }
        _ => {}
    }
}

fn push_config(attr: &Attr, module: &mut Module) {
    if attr.path.len() > 1 {
        let mut attr = attr.clone();
        attr.path.remove(0);
        module.config.push(attr);
        return;
    }
    let mut sets = Vec::new();
    attrs_of(&attr.value, &mut sets);
    module.config.extend(sets.into_iter().cloned());
}

/// The attributes of a value that is a set, or one of several.
fn attrs_of<'a>(node: &'a Node, found: &mut Vec<&'a Attr>) {
    match &node.kind {
        Kind::Attrs(attrs) => found.extend(attrs),
        Kind::AnyOf(parts) => parts.iter().for_each(|part| attrs_of(part, found)),
        _ => {}
    }
}

fn declare(attr: &Attr, module: &mut Module) {
    let mut path = attr.path.clone();
    path.remove(0);
    declared(&path, &attr.value, module);
}

fn declared(path: &[Option<String>], node: &Node, module: &mut Module) {
    let Kind::Attrs(attrs) = &node.kind else {
        module.options.push(path.to_vec());
        return;
    };
    for attr in attrs {
        let below: Vec<_> = path.iter().chain(&attr.path).cloned().collect();
        declared(&below, &attr.value, module);
    }
}

fn import(node: &Node, module: &mut Module) {
    match &node.kind {
        Kind::List(items) | Kind::AnyOf(items) => {
            for item in items {
                import(item, module);
            }
        }
        Kind::Path(path) => module.imports.push(path.clone()),
        // A module that is written in place.
        Kind::Attrs(_) | Kind::Function(_) => collect(node, module),
        _ => module.has_foreign = true,
    }
}

/// What an expression gives, as far as its text tells.
fn value(expr: &ast::Expr) -> Node {
    let range = expr.syntax().text_range();
    Node {
        kind: kind(expr),
        start: range.start().into(),
        end: range.end().into(),
    }
}

fn kind(expr: &ast::Expr) -> Kind {
    match expr {
        ast::Expr::Paren(paren) => inner(paren.expr()),
        ast::Expr::LetIn(let_in) => inner(let_in.body()),
        ast::Expr::With(with) => inner(with.body()),
        ast::Expr::Assert(assert) => inner(assert.body()),
        ast::Expr::Ident(ident) => match ident.syntax().text().to_string().as_str() {
            "true" => Kind::Bool(Some(true)),
            "false" => Kind::Bool(Some(false)),
            "null" => Kind::Null,
            _ => Kind::Code,
        },
        ast::Expr::Str(literal) => static_text(literal).map_or(Kind::Text, Kind::Str),
        ast::Expr::Literal(literal) => match literal.kind() {
            LiteralKind::Integer(token) => token.value().map_or(Kind::Code, Kind::Int),
            LiteralKind::Float(token) => {
                let number = token.syntax().text().parse();
                number.map_or(Kind::Code, Kind::Float)
            }
            LiteralKind::Uri(token) => Kind::Str(token.syntax().text().to_owned()),
        },
        ast::Expr::PathAbs(path) => path_kind(path.syntax()),
        ast::Expr::PathRel(path) => path_kind(path.syntax()),
        ast::Expr::PathHome(path) => path_kind(path.syntax()),
        ast::Expr::PathSearch(path) => path_kind(path.syntax()),
        ast::Expr::List(list) => Kind::List(list.items().map(|item| value(&item)).collect()),
        ast::Expr::AttrSet(set) => Kind::Attrs(attrs(set)),
        ast::Expr::Lambda(lambda) => lambda
            .body()
            .map_or(Kind::Code, |body| Kind::Function(Box::new(value(&body)))),
        ast::Expr::IfElse(choice) => {
            let parts = [choice.body(), choice.else_body()];
            Kind::AnyOf(parts.iter().flatten().map(value).collect())
        }
        ast::Expr::UnaryOp(operation) => unary(operation),
        ast::Expr::BinOp(operation) => binary(operation),
        ast::Expr::HasAttr(_) => Kind::Bool(None),
        ast::Expr::Select(select) => package(select),
        ast::Expr::Apply(apply) => call(apply),
        _ => Kind::Code,
    }
}

fn inner(expr: Option<ast::Expr>) -> Kind {
    expr.map_or(Kind::Code, |expr| kind(&expr))
}

fn path_kind(node: &SyntaxNode) -> Kind {
    Kind::Path(node.text().to_string())
}

fn attrs(set: &ast::AttrSet) -> Vec<Attr> {
    let mut result = Vec::new();
    for entry in set.entries() {
        match entry {
            ast::Entry::Inherit(inherit) => {
                for attr in inherit.attrs() {
                    let range = attr.syntax().text_range();
                    let (start, end) = (range.start().into(), range.end().into());
                    result.push(Attr {
                        path: vec![static_name(&attr)],
                        start,
                        end,
                        value: Node {
                            kind: Kind::Code,
                            start,
                            end,
                        },
                    });
                }
            }
            ast::Entry::AttrpathValue(binding) => {
                let (Some(path), Some(bound)) = (binding.attrpath(), binding.value()) else {
                    continue;
                };
                let range = path.syntax().text_range();
                result.push(Attr {
                    path: path.attrs().map(|attr| static_name(&attr)).collect(),
                    start: range.start().into(),
                    end: range.end().into(),
                    value: value(&bound),
                });
            }
        }
    }
    result
}

fn static_name(attr: &ast::Attr) -> Option<String> {
    match name(attr)? {
        Name::Static(name) => Some(name),
        Name::Dynamic(_) => None,
    }
}

fn unary(operation: &ast::UnaryOp) -> Kind {
    match (operation.operator(), operation.expr().map(|e| kind(&e))) {
        (Some(UnaryOpKind::Invert), _) => Kind::Bool(None),
        (Some(UnaryOpKind::Negate), Some(Kind::Int(n))) => {
            n.checked_neg().map_or(Kind::Code, Kind::Int)
        }
        (Some(UnaryOpKind::Negate), Some(Kind::Float(n))) => Kind::Float(-n),
        _ => Kind::Code,
    }
}

fn binary(operation: &ast::BinOp) -> Kind {
    let (Some(left), Some(right)) = (operation.lhs(), operation.rhs()) else {
        return Kind::Code;
    };
    match operation.operator() {
        Some(BinOpKind::Concat) => {
            let mut items = Vec::new();
            list_items(value(&left), &mut items);
            list_items(value(&right), &mut items);
            Kind::List(items)
        }
        Some(BinOpKind::Update) => {
            let sides = [value(&left), value(&right)];
            let mut found = Vec::new();
            for side in &sides {
                attrs_of(side, &mut found);
            }
            if found.is_empty() {
                Kind::Code
            } else {
                Kind::Attrs(found.into_iter().cloned().collect())
            }
        }
        Some(BinOpKind::Add) => match kind(&left) {
            Kind::Str(_) | Kind::Text => Kind::Text,
            _ => Kind::Code,
        },
        Some(
            BinOpKind::And
            | BinOpKind::Or
            | BinOpKind::Implication
            | BinOpKind::Equal
            | BinOpKind::NotEqual
            | BinOpKind::Less
            | BinOpKind::LessOrEq
            | BinOpKind::More
            | BinOpKind::MoreOrEq,
        ) => Kind::Bool(None),
        _ => Kind::Code,
    }
}

/// The elements of what is joined to a list.
fn list_items(node: Node, items: &mut Vec<Node>) {
    match node.kind {
        Kind::List(list) => items.extend(list),
        Kind::AnyOf(parts) => parts.into_iter().for_each(|part| list_items(part, items)),
        _ => {}
    }
}

fn package(select: &ast::Select) -> Kind {
    let Some((root, path)) = selected(select) else {
        return Kind::Code;
    };
    if root != "pkgs" || select.default_expr().is_some() {
        return Kind::Code;
    }
    Kind::Package(path)
}

/// The variable that something is selected from, and the names up to the first computed one.
fn selected(select: &ast::Select) -> Option<(String, Vec<String>)> {
    let ast::Expr::Ident(root) = select.expr()? else {
        return None;
    };
    let path = select.attrpath()?;
    let names = path.attrs().map_while(|attr| static_name(&attr)).collect();
    Some((root.syntax().text().to_string(), names))
}

/// The same, if no name is computed.
fn selected_whole(select: &ast::Select) -> Option<(String, Vec<String>)> {
    let (root, names) = selected(select)?;
    (select.attrpath()?.attrs().count() == names.len()).then_some((root, names))
}

/// Functions of nixpkgs' library whose result is text.
const TEXT: &[&str] = &[
    "concatLines",
    "concatMapStrings",
    "concatMapStringsSep",
    "concatStrings",
    "concatStringsSep",
    "escapeShellArg",
    "escapeShellArgs",
    "generators.toINI",
    "getExe",
    "getExe'",
    "makeBinPath",
    "optionalString",
    "removePrefix",
    "removeSuffix",
    "replaceStrings",
    "toJSON",
    "toLower",
    "toString",
    "toUpper",
];

/// Reads a call of a function whose result is known.
fn call(apply: &ast::Apply) -> Kind {
    let mut arguments = Vec::new();
    let mut function = ast::Expr::Apply(apply.clone());
    while let ast::Expr::Apply(call) = &function {
        let (Some(head), Some(argument)) = (call.lambda(), call.argument()) else {
            return Kind::Code;
        };
        arguments.push(argument);
        function = without_parens(head);
    }
    arguments.reverse();
    let Some(name) = library_function(&function) else {
        return Kind::Code;
    };
    match (name.as_str(), arguments.as_slice()) {
        ("mkIf" | "optionalAttrs" | "mkOverride" | "mkOrder" | "optionals", [_, content])
        | (
            "mkDefault"
            | "mkForce"
            | "mkOptionDefault"
            | "mkVMOverride"
            | "mkImageMediaOverride"
            | "mkBefore"
            | "mkAfter",
            [content],
        ) => kind(content),
        ("optional", [_, item]) => Kind::List(vec![value(item)]),
        ("mkMerge", [list]) => match kind(list) {
            Kind::List(parts) => Kind::AnyOf(parts),
            _ => Kind::Code,
        },
        ("map" | "mapAttrsToList" | "attrNames" | "attrValues" | "flatten" | "unique", _) => {
            Kind::Code
        }
        (name, _) if TEXT.contains(&name) => Kind::Text,
        _ => Kind::Code,
    }
}

/// The bare name of a function of the library, wherever it is taken from.
fn library_function(expr: &ast::Expr) -> Option<String> {
    match expr {
        ast::Expr::Ident(ident) => Some(ident.syntax().text().to_string()),
        ast::Expr::Select(select) if select.default_expr().is_none() => {
            let (root, names) = selected(select)?;
            match (root.as_str(), names.as_slice()) {
                ("lib" | "builtins", [name]) => Some(name.clone()),
                ("lib", [group, name]) => match group.as_str() {
                    "modules" | "attrsets" | "lists" | "strings" => Some(name.clone()),
                    _ => Some(format!("{group}.{name}")),
                },
                _ => None,
            }
        }
        _ => None,
    }
}

/// Collects what the code refers to.
fn references(root: &SyntaxNode, module: &mut Module) {
    let aliases = aliases(root);
    for node in root.descendants() {
        match node.kind() {
            SyntaxKind::NODE_SELECT => {
                if let Some(select) = ast::Select::cast(node) {
                    selection(&select, &aliases, module);
                }
            }
            SyntaxKind::NODE_INHERIT => {
                if let Some(inherit) = ast::Inherit::cast(node) {
                    inherited(&inherit, &aliases, module);
                }
            }
            SyntaxKind::NODE_WITH => {
                if let Some(with) = ast::With::cast(node) {
                    within(&with, module);
                }
            }
            _ => {}
        }
    }
}

fn selection(select: &ast::Select, aliases: &Aliases, module: &mut Module) {
    let Some((root, path)) = selected(select) else {
        return;
    };
    if path.is_empty() || select.default_expr().is_some() {
        return;
    }
    let range = select.syntax().text_range();
    let reference = |root: String, path| Reference {
        root,
        path,
        start: range.start().into(),
        end: range.end().into(),
    };
    match root.as_str() {
        "pkgs" | "pkgs-unstable" => module.packages.push(reference(root, path)),
        // `config.a ? b` and `config.a or b` are questions.
        "config" | "osConfig"
            if is_module_argument(select.syntax(), &root) && !is_asked(select) =>
        {
            module.reads.push(reference(root, path));
        }
        name => {
            if let Some((root, prefix)) = aliases.get(name)
                && !is_asked(select)
                && !is_rebound(select.syntax(), name)
            {
                let path = prefix.iter().cloned().chain(path).collect();
                module.reads.push(reference(root.clone(), path));
            }
        }
    }
}

/// Names for parts of `config`, such as `cfg`: the variable and the path below it.
type Aliases = BTreeMap<String, (String, Vec<String>)>;

/// The names that the outermost `let` of a module gives to parts of `config`.
fn aliases(root: &SyntaxNode) -> Aliases {
    let mut found = Aliases::new();
    let Some(outermost) = root.descendants().find_map(ast::LetIn::cast) else {
        return found;
    };
    for binding in outermost.attrpath_values() {
        let names: Vec<_> = binding.attrpath().map_or_else(Vec::new, |path| {
            path.attrs().map(|attr| static_name(&attr)).collect()
        });
        let ([Some(name)], Some(ast::Expr::Select(select))) = (names.as_slice(), binding.value())
        else {
            continue;
        };
        let is_config = |root: &str| root == "config" || root == "osConfig";
        if let Some((root, path)) = selected_whole(&select)
            && select.default_expr().is_none()
            && is_config(&root)
            && is_module_argument(select.syntax(), &root)
        {
            found.insert(name.clone(), (root, path));
        }
    }
    found
}

/// Whether a name is bound again between a place and the outermost `let`.
fn is_rebound(node: &SyntaxNode, wanted: &str) -> bool {
    let mut lets = 0;
    for ancestor in node.ancestors() {
        match ancestor.kind() {
            SyntaxKind::NODE_LAMBDA
                if ast::Lambda::cast(ancestor.clone())
                    .is_some_and(|lambda| binds(&lambda, wanted)) =>
            {
                return true;
            }
            SyntaxKind::NODE_LET_IN => {
                let binds = |let_in: ast::LetIn| defines(let_in.entries(), wanted);
                lets += usize::from(ast::LetIn::cast(ancestor).is_some_and(binds));
            }
            _ => {}
        }
    }
    lets != 1
}

/// Whether a selection is asked whether it has an attribute.
fn is_asked(select: &ast::Select) -> bool {
    let parent = select.syntax().parent();
    parent.is_some_and(|parent| parent.kind() == SyntaxKind::NODE_HAS_ATTR)
}

/// Whether a name at a place is an argument of the file's outermost function.
fn is_module_argument(node: &SyntaxNode, wanted: &str) -> bool {
    let mut outermost = None;
    let mut binders = 0;
    for ancestor in node.ancestors() {
        match ancestor.kind() {
            SyntaxKind::NODE_LAMBDA => {
                let Some(lambda) = ast::Lambda::cast(ancestor) else {
                    continue;
                };
                if binds(&lambda, wanted) {
                    binders += 1;
                }
                outermost = Some(lambda);
            }
            SyntaxKind::NODE_LET_IN => {
                let bound = ast::LetIn::cast(ancestor).is_some_and(|let_in| {
                    let_in.attrpath_values().any(|binding| {
                        let first = binding.attrpath().and_then(|path| path.attrs().next());
                        first.and_then(|attr| static_name(&attr)).as_deref() == Some(wanted)
                    })
                });
                if bound {
                    return false;
                }
            }
            _ => {}
        }
    }
    // A function inside a value is a submodule, with a `config` of its own.
    let is_root = |lambda: &ast::Lambda| {
        lambda
            .syntax()
            .ancestors()
            .all(|node| node.kind() != SyntaxKind::NODE_ATTRPATH_VALUE)
    };
    binders == 1 && outermost.is_some_and(|lambda| binds(&lambda, wanted) && is_root(&lambda))
}

fn binds(lambda: &ast::Lambda, wanted: &str) -> bool {
    match lambda.param() {
        Some(ast::Param::IdentParam(param)) => param
            .ident()
            .is_some_and(|ident| ident.syntax().text() == wanted),
        Some(ast::Param::Pattern(pattern)) => pattern.pat_entries().any(|entry| {
            entry
                .ident()
                .is_some_and(|ident| ident.syntax().text() == wanted)
        }),
        None => false,
    }
}

fn inherited(inherit: &ast::Inherit, aliases: &Aliases, module: &mut Module) {
    let (root, prefix) = match inherit.from().and_then(|from| from.expr()) {
        Some(ast::Expr::Ident(ident)) => (ident.syntax().text().to_string(), Vec::new()),
        Some(ast::Expr::Select(select)) => match selected_whole(&select) {
            Some(found) if select.default_expr().is_none() => found,
            _ => return,
        },
        _ => return,
    };
    let is_package = root == "pkgs" || root == "pkgs-unstable";
    let is_config = root == "config" || root == "osConfig";
    let (root, prefix) = if is_package || is_config && is_module_argument(inherit.syntax(), &root) {
        (root, prefix)
    } else if let Some((variable, above)) = aliases.get(&root)
        && !is_rebound(inherit.syntax(), &root)
    {
        let path = above.iter().cloned().chain(prefix).collect();
        (variable.clone(), path)
    } else {
        return;
    };
    let found = if is_package {
        &mut module.packages
    } else {
        &mut module.reads
    };
    for attr in inherit.attrs() {
        let Some(name) = static_name(&attr) else {
            continue;
        };
        let range = attr.syntax().text_range();
        found.push(Reference {
            root: root.clone(),
            path: prefix.iter().cloned().chain([name]).collect(),
            start: range.start().into(),
            end: range.end().into(),
        });
    }
}

/// Packages that are named below `with pkgs;`, in lists and as whole values.
///
/// A name below several `with` may come from either and is left out, and so is one that a function, a
/// `let` or a recursive set between may bind.
fn within(with: &ast::With, module: &mut Module) {
    let (root, prefix) = match with.namespace().map(without_parens) {
        Some(ast::Expr::Ident(ident)) => (ident.syntax().text().to_string(), Vec::new()),
        Some(ast::Expr::Select(select)) => match selected_whole(&select) {
            Some(found) => found,
            None => return,
        },
        _ => return,
    };
    if root != "pkgs" && root != "pkgs-unstable" {
        return;
    }
    let is_nested = with
        .syntax()
        .ancestors()
        .skip(1)
        .any(|node| node.kind() == SyntaxKind::NODE_WITH);
    let Some(ast::Expr::List(list)) = with.body().map(without_parens) else {
        return;
    };
    if is_nested {
        return;
    }
    for item in list.items() {
        let (range, path) = match &item {
            ast::Expr::Ident(ident) => (
                ident.syntax().text_range(),
                vec![ident.syntax().text().to_string()],
            ),
            ast::Expr::Select(select) if select.default_expr().is_none() => {
                let Some((first, rest)) = selected(select) else {
                    continue;
                };
                let path: Vec<String> = [first].into_iter().chain(rest).collect();
                (select.syntax().text_range(), path)
            }
            _ => continue,
        };
        if path
            .first()
            .is_some_and(|name| is_bound(item.syntax(), name))
        {
            continue;
        }
        module.packages.push(Reference {
            root: root.clone(),
            path: prefix.iter().cloned().chain(path).collect(),
            start: range.start().into(),
            end: range.end().into(),
        });
    }
}

/// Whether a function, a `let` or a recursive set around a place binds a name.
fn is_bound(node: &SyntaxNode, wanted: &str) -> bool {
    node.ancestors().any(|ancestor| match ancestor.kind() {
        SyntaxKind::NODE_LAMBDA => {
            ast::Lambda::cast(ancestor).is_some_and(|lambda| binds(&lambda, wanted))
        }
        SyntaxKind::NODE_LET_IN => {
            ast::LetIn::cast(ancestor).is_some_and(|let_in| defines(let_in.entries(), wanted))
        }
        SyntaxKind::NODE_ATTR_SET => ast::AttrSet::cast(ancestor)
            .is_some_and(|set| set.rec_token().is_some() && defines(set.entries(), wanted)),
        _ => false,
    })
}

fn defines(mut entries: impl Iterator<Item = ast::Entry>, wanted: &str) -> bool {
    let is_wanted = |attr: ast::Attr| static_name(&attr).as_deref() == Some(wanted);
    entries.any(|entry| match entry {
        ast::Entry::Inherit(inherit) => inherit.attrs().any(is_wanted),
        ast::Entry::AttrpathValue(binding) => binding
            .attrpath()
            .and_then(|path| path.attrs().next())
            .is_some_and(is_wanted),
    })
}

#[cfg(test)]
mod tests {
    use super::{Kind, Node, read_module};

    fn show(node: &Node) -> String {
        match &node.kind {
            Kind::List(items) => {
                let items: Vec<String> = items.iter().map(show).collect();
                format!("[{}]", items.join(" "))
            }
            Kind::AnyOf(items) => {
                let items: Vec<String> = items.iter().map(show).collect();
                format!("any({})", items.join(" | "))
            }
            Kind::Attrs(attrs) => {
                let attrs: Vec<String> = attrs.iter().map(show_attr).collect();
                format!("{{{}}}", attrs.join("; "))
            }
            Kind::Function(body) => format!("fn {}", show(body)),
            Kind::Package(path) => format!("pkgs.{}", path.join(".")),
            other => format!("{other:?}"),
        }
    }

    fn show_attr(attr: &super::Attr) -> String {
        let path: Vec<&str> = attr
            .path
            .iter()
            .map(|name| name.as_deref().unwrap_or("?"))
            .collect();
        format!("{} = {}", path.join("."), show(&attr.value))
    }

    #[test]
    fn definitions() {
        let cases: &[(&str, &[&str])] = &[
            ("{ a.b = 1; }", &["a.b = Int(1)"]),
            ("{ config = { a = true; }; }", &["a = Bool(Some(true))"]),
            (
                "{ config, ... }: { config = lib.mkIf x { a.${b} = \"c\"; }; options.d = 1; }",
                &["a.? = Str(\"c\")"],
            ),
            (
                "{ config = lib.mkMerge [ { a = 1; } (lib.mkIf c { b = -2; }) ]; }",
                &["a = Int(1)", "b = Int(-2)"],
            ),
            ("lib.mkIf c { a = null; }", &["a = Null"]),
            (
                "{ a = if x then 1 else \"b\"; c = x == y; d = \"${e}\"; }",
                &["a = any(Int(1) | Str(\"b\"))", "c = Bool(None)", "d = Text"],
            ),
            (
                "{ a = [ 1 ] ++ lib.optional b 2 ++ c; d = lib.mkForce [ pkgs.e.f ]; }",
                &["a = [Int(1) Int(2)]", "d = [pkgs.e.f]"],
            ),
            (
                "{ a = { b = 1; } // c; d = x // y; e = lib.mkBefore \"f\"; }",
                &["a = {b = Int(1)}", "d = Code", "e = Str(\"f\")"],
            ),
            (
                "{ a.b = { pkgs, ... }: { c = ./d; }; inherit f; }",
                &["a.b = fn {c = Path(\"./d\")}", "f = Code"],
            ),
            (
                "{ imports = [ { a = 1; } ./b.nix ]; c = toString 1; d = \"x\" + y; }",
                &["a = Int(1)", "c = Text", "d = Text"],
            ),
        ];
        for (text, expected) in cases {
            let module = read_module(text).unwrap();
            let shown: Vec<String> = module.config.iter().map(show_attr).collect();
            assert_eq!(shown, *expected, "{text}");
        }
    }

    #[test]
    fn declared_options_and_imports() {
        let module = read_module(
            "{ imports = [ ./a.nix ../b ]; options.x = { y = mkOption { }; ${z}.w = 1; }; options.v.u = 2; }",
        )
        .unwrap();
        assert_eq!(module.imports, ["./a.nix", "../b"]);
        let paths: Vec<String> = module
            .options
            .iter()
            .map(|path| {
                let names: Vec<&str> = path.iter().map(|n| n.as_deref().unwrap_or("?")).collect();
                names.join(".")
            })
            .collect();
        assert_eq!(paths, ["x.y", "x.?.w", "v.u"]);
    }

    #[test]
    fn reads() {
        let cases: &[(&str, &[&str])] = &[
            ("{ config, ... }: { a = config.b.c; }", &["config b.c"]),
            ("{ config, ... }: { a = config.b.c or 1; }", &[]),
            ("{ config, ... }: { a = config.b ? c; }", &[]),
            ("{ config, ... }: { a = config.b.${c}.d; }", &["config b"]),
            ("{ a = config.b; }", &[]),
            (
                "{ config, ... }: { a = { config, ... }: { b = config.c; }; }",
                &[],
            ),
            ("{ osConfig, ... }: { a = osConfig.b; }", &["osConfig b"]),
            ("{ config, ... }: let config = 1; in { a = config.b; }", &[]),
            (
                "{ config, ... }: let cfg = config.x.y; in { b = cfg.c; d = e: cfg.f; g = cfg: cfg.h; i = cfg ? j; }",
                &["config x.y", "config x.y.c", "config x.y.f"],
            ),
            ("{ a = { config, ... }: { b = config.c; }; }", &[]),
            (
                "{ config, ... }: let cfg = config.x; in { inherit (cfg) a; b = { inherit (cfg.c) d; inherit (config) e; }; }",
                &[
                    "config x",
                    "config x.a",
                    "config x.c.d",
                    "config x.c",
                    "config e",
                ],
            ),
            (
                "{ inherit (config) a; b = cfg: { inherit (cfg) c; }; }",
                &[],
            ),
            (
                "let x = 1; in { config, ... }: { b = config.c; }",
                &["config c"],
            ),
        ];
        for (text, expected) in cases {
            let module = read_module(text).unwrap();
            let shown: Vec<String> = module
                .reads
                .iter()
                .map(|r| format!("{} {}", r.root, r.path.join(".")))
                .collect();
            assert_eq!(shown, *expected, "{text}");
        }
    }

    #[test]
    fn overlays() {
        let names = |text: &str| {
            super::overlay_names(text).map(|names| names.into_iter().collect::<Vec<_>>().join(" "))
        };
        assert_eq!(
            names("final: prev: { a = 1; b.c = 2; }").as_deref(),
            Some("a b")
        );
        assert_eq!(
            names("_: prev: let x = 1; in { inherit x; }").as_deref(),
            Some("x")
        );
        assert_eq!(names("final: prev: { ${a} = 1; }"), None);
        assert_eq!(names("final: prev: import ./x"), None);
        assert_eq!(names("{ }"), None);
    }

    #[test]
    fn functions() {
        let cases = [
            ("{ stdenv }: stdenv.mkDerivation { }", Some(true)),
            ("let a = 1; in pkgs: a", Some(true)),
            ("import ./a.nix", None),
            ("{ a = 1; }", Some(false)),
            ("{ a =", None),
        ];
        for (text, expected) in cases {
            assert_eq!(super::is_function(text), expected, "{text}");
        }
    }

    #[test]
    fn packages() {
        let cases: &[(&str, &[&str])] = &[
            ("{ a = pkgs.b; }", &["b"]),
            ("{ a = pkgs.b.c or d; }", &[]),
            ("{ a = with pkgs; [ b c.d (e f) ]; }", &["b", "c.d"]),
            ("let b = 1; in { a = with pkgs; [ b c ]; }", &["c"]),
            ("{ a = with lib; with pkgs; [ b ]; }", &[]),
            ("{ a = with pkgs.b; [ c ]; }", &["b.c", "b"]),
            (
                "{ inherit (pkgs) a; inherit (pkgs.b) c; }",
                &["a", "b.c", "b"],
            ),
            ("{ inherit (pkgs.b.${c}) d; }", &["b"]),
        ];
        for (text, expected) in cases {
            let module = read_module(text).unwrap();
            let packages = module.packages.iter();
            let shown: Vec<String> = packages.map(|r| r.path.join(".")).collect();
            assert_eq!(shown, *expected, "{text}");
        }
    }
}
