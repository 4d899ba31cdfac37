//! Names that are used and not bound.

use std::collections::BTreeSet;

use rnix::ast::{self, HasEntry};
use rowan::ast::AstNode;
use serde::Serialize;

use crate::ParseProblem;
use crate::bindings::{self, BindingSet, BoundValue, Name};
use crate::parse::parse;

/// The names that Nix binds everywhere.
const GLOBALS: &[&str] = &[
    "abort",
    "baseNameOf",
    "break",
    "builtins",
    "derivation",
    "derivationStrict",
    "dirOf",
    "false",
    "fetchGit",
    "fetchMercurial",
    "fetchTarball",
    "fetchTree",
    "fromTOML",
    "import",
    "isNull",
    "map",
    "null",
    "placeholder",
    "removeAttrs",
    "scopedImport",
    "throw",
    "toString",
    "true",
];

/// The built-in functions that Nix binds under their name with `__` before it.
const PREFIXED_GLOBALS: &[&str] = &[
    "add",
    "addDrvOutputDependencies",
    "addErrorContext",
    "all",
    "any",
    "appendContext",
    "attrNames",
    "attrValues",
    "bitAnd",
    "bitOr",
    "bitXor",
    "catAttrs",
    "ceil",
    "compareVersions",
    "concatLists",
    "concatMap",
    "concatStringsSep",
    "convertHash",
    "currentSystem",
    "currentTime",
    "deepSeq",
    "div",
    "elem",
    "elemAt",
    "fetchClosure",
    "fetchurl",
    "filter",
    "filterSource",
    "findFile",
    "flakeRefToString",
    "floor",
    "foldl'",
    "fromJSON",
    "functionArgs",
    "genList",
    "genericClosure",
    "getAttr",
    "getContext",
    "getEnv",
    "getFlake",
    "groupBy",
    "hasAttr",
    "hasContext",
    "hashFile",
    "hashString",
    "head",
    "intersectAttrs",
    "isAttrs",
    "isBool",
    "isFloat",
    "isFunction",
    "isInt",
    "isList",
    "isPath",
    "isString",
    "langVersion",
    "length",
    "lessThan",
    "listToAttrs",
    "mapAttrs",
    "match",
    "mul",
    "nixPath",
    "nixVersion",
    "parseDrvName",
    "parseFlakeRef",
    "partition",
    "path",
    "pathExists",
    "readDir",
    "readFile",
    "readFileType",
    "replaceStrings",
    "seq",
    "sort",
    "split",
    "splitVersion",
    "storeDir",
    "storePath",
    "stringLength",
    "sub",
    "substring",
    "tail",
    "toFile",
    "toJSON",
    "toPath",
    "toXML",
    "trace",
    "traceVerbose",
    "tryEval",
    "typeOf",
    "unsafeDiscardOutputDependency",
    "unsafeDiscardStringContext",
    "unsafeGetAttrPos",
    "warn",
    "zipAttrsWith",
];

/// The names that an expression uses and does not bind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FreeVariables {
    /// Names that are certainly unbound; Nix refuses the text for them.
    pub free: BTreeSet<String>,
    /// Names below a `with`, which may come from it.
    pub maybe: BTreeSet<String>,
}

/// The names that `text` uses and does not bind, apart from those that Nix binds everywhere
/// (`builtins`, `true`, `map`, …).
///
/// # Errors
///
/// The problems of [`crate::parse_problems`].
pub fn free_variables(text: &str) -> Result<FreeVariables, Vec<ParseProblem>> {
    let root = parse(text)?;
    let mut walk = Walk::default();
    if let Some(expr) = root.expr() {
        walk.expr(&expr);
    }
    Ok(walk.found)
}

/// The arguments that a text names in the pattern of its outermost function, those with a default left
/// out; none of a text that is no such function.
pub fn module_arguments(text: &str) -> BTreeSet<String> {
    let Ok(root) = crate::parse::syntax(text) else {
        return BTreeSet::new();
    };
    let Some(ast::Expr::Lambda(lambda)) = root.expr() else {
        return BTreeSet::new();
    };
    let Some(ast::Param::Pattern(pattern)) = lambda.param() else {
        return BTreeSet::new();
    };
    pattern
        .pat_entries()
        .filter(|entry| entry.default().is_none())
        .filter_map(|entry| entry.ident())
        .map(|ident| ident.syntax().text().to_string())
        .collect()
}

/// Something that binds names around an expression.
enum Scope {
    Names(BTreeSet<String>),
    With,
}

/// The walk over a tree: the scopes around the current node, and what was found so far.
#[derive(Default)]
struct Walk {
    scopes: Vec<Scope>,
    found: FreeVariables,
}

impl Walk {
    fn expr(&mut self, expr: &ast::Expr) {
        match expr {
            ast::Expr::Ident(ident) => self.name(&ident.syntax().text().to_string()),
            ast::Expr::AttrSet(set) => self.bindings_of(set, |_| ()),
            ast::Expr::LegacyLet(set) => self.bindings_of(set, |_| ()),
            ast::Expr::LetIn(let_in) => {
                let body = let_in.body();
                self.bindings_of(let_in, |walk| walk.optional(body));
            }
            ast::Expr::Lambda(lambda) => self.lambda(lambda),
            ast::Expr::With(with) => {
                self.optional(with.namespace());
                self.within(Scope::With, |walk| walk.optional(with.body()));
            }
            _ => self.children(expr),
        }
    }

    fn optional(&mut self, expr: Option<ast::Expr>) {
        if let Some(expr) = expr {
            self.expr(&expr);
        }
    }

    /// Walks the expressions directly below one that binds nothing, also those inside strings,
    /// paths and attribute paths.
    fn children(&mut self, expr: &ast::Expr) {
        for node in expr.syntax().children() {
            if let Some(expr) = ast::Expr::cast(node.clone()) {
                self.expr(&expr);
            } else if let Some(interpolation) = ast::Interpol::cast(node.clone()) {
                self.optional(interpolation.expr());
            } else if let Some(path) = ast::Attrpath::cast(node) {
                for attr in path.attrs() {
                    if let Some(Name::Dynamic(expr)) = bindings::name(&attr) {
                        self.expr(&expr);
                    }
                }
            }
        }
    }

    fn lambda(&mut self, lambda: &ast::Lambda) {
        let name = |ident: ast::Ident| ident.syntax().text().to_string();
        let mut defaults = Vec::new();
        let names = match lambda.param() {
            Some(ast::Param::IdentParam(param)) => param.ident().map(name).into_iter().collect(),
            Some(ast::Param::Pattern(pattern)) => {
                defaults.extend(pattern.pat_entries().filter_map(|entry| entry.default()));
                bindings::pattern_names(&pattern).map(name).collect()
            }
            None => BTreeSet::new(),
        };
        self.within(Scope::Names(names), |walk| {
            for default in &defaults {
                walk.expr(default);
            }
            walk.optional(lambda.body());
        });
    }

    fn bindings_of(&mut self, node: &impl HasEntry, then: impl FnOnce(&mut Walk)) {
        // Duplicates were reported when the text was parsed.
        if let Some(set) = bindings::read(node.syntax(), &mut Vec::new()) {
            self.bindings(&set, then);
        }
    }

    fn bindings(&mut self, set: &BindingSet, then: impl FnOnce(&mut Walk)) {
        for (name, binding) in &set.attrs {
            if matches!(binding.value, BoundValue::Inherited) {
                self.name(name);
            }
        }
        let names = if set.recursive {
            set.attrs.keys().cloned().collect()
        } else {
            BTreeSet::new()
        };
        self.within(Scope::Names(names), |walk| {
            for source in &set.sources {
                walk.expr(source);
            }
            for binding in set.attrs.values() {
                walk.bound(&binding.value);
            }
            for (name, value) in &set.dynamic {
                walk.expr(name);
                walk.bound(value);
            }
            then(walk);
        });
    }

    fn bound(&mut self, value: &BoundValue) {
        match value {
            BoundValue::Expr(expr) => self.expr(expr),
            BoundValue::Set(set) => self.bindings(set, |_| ()),
            BoundValue::Inherited | BoundValue::InheritedFrom => {}
        }
    }

    fn within(&mut self, scope: Scope, then: impl FnOnce(&mut Walk)) {
        self.scopes.push(scope);
        then(self);
        self.scopes.pop();
    }

    fn name(&mut self, name: &str) {
        let is_bound = self.scopes.iter().any(|scope| match scope {
            Scope::Names(names) => names.contains(name),
            Scope::With => false,
        });
        if is_bound || is_global(name) {
            return;
        }
        let is_below_with = self.scopes.iter().any(|scope| matches!(scope, Scope::With));
        let found = if is_below_with {
            &mut self.found.maybe
        } else {
            &mut self.found.free
        };
        found.insert(name.to_owned());
    }
}

pub(crate) fn is_global(name: &str) -> bool {
    let is_prefixed = |name: &str| PREFIXED_GLOBALS.binary_search(&name).is_ok();
    GLOBALS.binary_search(&name).is_ok() || name.strip_prefix("__").is_some_and(is_prefixed)
}
