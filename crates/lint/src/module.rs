//! The modules of a file as data: what they define, declare and import.

use std::ops::Range;

use nix::{Definition, definitions_of};
use rnix::{SyntaxKind, SyntaxNode, ast};
use rowan::ast::AstNode;

use SyntaxKind::{
    NODE_APPLY, NODE_ASSERT, NODE_ATTR_SET, NODE_ATTRPATH_VALUE, NODE_BIN_OP, NODE_INHERIT,
    NODE_INTERPOL, NODE_LAMBDA, NODE_LET_IN, NODE_LIST, NODE_PAREN, NODE_PATH_REL, NODE_PATTERN,
    NODE_ROOT, NODE_WITH, TOKEN_ELLIPSIS,
};

use crate::facts::Context;
use crate::syntax::{
    attr_name, bindings, binds, boolean, bound_name, call, dotted, innermost, last_name,
    path_names, slice, unparen, value_of,
};

/// First names of what modules define, which tell a module from other sets.
const ROOTS: &[&str] = &[
    "accounts",
    "age",
    "boot",
    "config",
    "console",
    "containers",
    "dconf",
    "disko",
    "documentation",
    "environment",
    "fileSystems",
    "fonts",
    "gtk",
    "hardware",
    "home",
    "home-manager",
    "i18n",
    "imports",
    "microvm",
    "networking",
    "nix",
    "nixpkgs",
    "options",
    "powerManagement",
    "programs",
    "qt",
    "security",
    "services",
    "sops",
    "stylix",
    "swapDevices",
    "system",
    "systemd",
    "time",
    "users",
    "virtualisation",
    "wayland",
    "xdg",
    "xsession",
    "zramSwap",
];

/// First names that only Home Manager has.
const HOME_ROOTS: &[&str] = &[
    "accounts", "dconf", "gtk", "home", "qt", "wayland", "xsession",
];

/// First names that only NixOS has.
const NIXOS_ROOTS: &[&str] = &[
    "boot",
    "console",
    "containers",
    "disko",
    "environment",
    "fileSystems",
    "hardware",
    "home-manager",
    "i18n",
    "microvm",
    "networking",
    "powerManagement",
    "security",
    "swapDevices",
    "system",
    "time",
    "users",
    "virtualisation",
    "zramSwap",
];

/// A module: a file, or a function or set inside one.
#[derive(Debug)]
pub(crate) struct Module {
    /// The bytes of its expression.
    pub(crate) range: Range<usize>,
    /// Whether the file is the module.
    pub(crate) is_root: bool,
    /// Whether it has names that only modules have; a file without is a module if one imports it.
    pub(crate) is_certain: bool,
    /// What it defines.
    pub(crate) definitions: Vec<Definition>,
    /// What it declares.
    pub(crate) options: Vec<Declaration>,
    /// The files that it imports, as written.
    pub(crate) imports: Vec<Import>,
    /// Paths below which names are computed, so that not all definitions are known.
    pub(crate) computed: Vec<Vec<String>>,
    /// The module system that it is for, if that can be told.
    pub(crate) context: Option<Context>,
}

/// An option that a module declares.
#[derive(Debug)]
pub(crate) struct Declaration {
    /// Its path.
    pub(crate) path: Vec<String>,
    /// The bytes of its path in the text.
    pub(crate) range: Range<usize>,
    /// Whether it is a flag that is off by default.
    pub(crate) is_flag: bool,
}

/// A relative path among the imports.
#[derive(Debug)]
pub(crate) struct Import {
    /// As written.
    pub(crate) path: String,
    /// Whether it depends on a condition.
    pub(crate) conditional: bool,
}

/// A call of `nixosSystem`.
#[derive(Debug)]
pub(crate) struct Host {
    /// The attribute that it is bound to.
    pub(crate) name: String,
    /// The bytes of the call.
    pub(crate) range: Range<usize>,
    /// The files among its modules.
    pub(crate) imports: Vec<Import>,
}

/// What is read off a file for the rules about modules and trees.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) modules: Vec<Module>,
    pub(crate) hosts: Vec<Host>,
}

pub(crate) fn bytes(node: &SyntaxNode) -> Range<usize> {
    let range = node.text_range();
    range.start().into()..range.end().into()
}

impl Facts {
    /// Looks at a node of the walk.
    pub(crate) fn enter(&mut self, node: &SyntaxNode, text: &str) {
        match node.kind() {
            NODE_ROOT => {
                if let Some(expr) = node.first_child() {
                    let is_certain = is_module(&expr, text);
                    if is_certain || may_be_module(&expr, text) {
                        self.add(&expr, true, is_certain, text);
                    }
                }
            }
            NODE_LAMBDA
                if takes_module_arguments(node) && !is_outermost(node) && is_module(node, text) =>
            {
                self.add(node, false, true, text);
            }
            NODE_LIST => self.list(node, text),
            NODE_APPLY => self.call(node, text),
            _ => {}
        }
    }

    /// Sets that stand among modules.
    fn list(&mut self, list: &SyntaxNode, text: &str) {
        let mut items = list.children().map(unparen);
        if !items.any(|item| item.kind() == NODE_ATTR_SET) {
            return;
        }
        let mut around = list.parent();
        while let Some(node) = &around
            && matches!(
                node.kind(),
                NODE_BIN_OP | NODE_PAREN | NODE_APPLY | NODE_WITH
            )
        {
            around = node.parent();
        }
        let name = around
            .filter(|node| node.kind() == NODE_ATTRPATH_VALUE)
            .and_then(|node| bound_name(&node, text).map(str::to_owned));
        let is_modules = matches!(
            name.as_deref(),
            Some("imports" | "modules" | "sharedModules" | "extraModules")
        );
        if !is_modules {
            return;
        }
        for item in list.children().map(unparen) {
            if item.kind() == NODE_ATTR_SET && is_module(&item, text) {
                self.add(&item, false, true, text);
            }
        }
    }

    fn call(&mut self, node: &SyntaxNode, text: &str) {
        let is_it = node
            .first_child()
            .and_then(|function| dotted(&function, text).map(last_name))
            == Some("nixosSystem");
        if !is_it {
            return;
        }
        let Some(argument) = node.last_child().map(unparen) else {
            return;
        };
        if argument.kind() != NODE_ATTR_SET {
            return;
        }
        let name = node
            .ancestors()
            .find(|node| node.kind() == NODE_ATTRPATH_VALUE)
            .and_then(|node| bound_name(&node, text).map(str::to_owned));
        let mut imports = Vec::new();
        if let Some(modules) = value_of(&argument, "modules", text) {
            imports_in(&modules, false, text, &mut imports);
        }
        self.hosts.push(Host {
            name: name.unwrap_or_default(),
            range: bytes(node),
            imports,
        });
    }

    fn add(&mut self, node: &SyntaxNode, is_root: bool, is_certain: bool, text: &str) {
        let Some(expr) = ast::Expr::cast(node.clone()) else {
            return;
        };
        let body = innermost(node.clone());
        let mut module = Module {
            range: bytes(node),
            is_root,
            is_certain,
            definitions: definitions_of(expr),
            options: Vec::new(),
            imports: Vec::new(),
            computed: Vec::new(),
            context: None,
        };
        if body.kind() == NODE_ATTR_SET {
            for (path, value) in bindings(&body) {
                let first = path.first_child().and_then(|it| attr_name(&it, text));
                match first {
                    Some("imports") => imports_in(&value, false, text, &mut module.imports),
                    Some("options") => declarations(&path, &value, text, &mut module.options),
                    _ => {}
                }
            }
        }
        computed(&body, &mut Vec::new(), text, &mut module.computed);
        for path in &mut module.computed {
            if path.first().is_some_and(|name| name == "config") {
                path.remove(0);
            }
        }
        module.context = context(&module.definitions);
        self.modules.push(module);
    }
}

/// Whether an expression is a module, by the names that it binds.
fn is_module(node: &SyntaxNode, text: &str) -> bool {
    let body = innermost(node.clone());
    match body.kind() {
        NODE_ATTR_SET => body.children().any(|entry| {
            let attr = match entry.kind() {
                NODE_ATTRPATH_VALUE => entry.first_child().and_then(|path| path.first_child()),
                NODE_INHERIT => entry.last_child(),
                _ => None,
            };
            attr.and_then(|attr| attr_name(&attr, text))
                .is_some_and(|name| ROOTS.binary_search(&name).is_ok())
        }),
        NODE_APPLY => call(&body)
            .and_then(|(function, _)| dotted(&function, text).map(last_name))
            .is_some_and(|name| matches!(name, "mkIf" | "mkMerge")),
        _ => false,
    }
}

/// Whether a file could be a module: a set, perhaps of a function with open arguments, and no flake.
fn may_be_module(node: &SyntaxNode, text: &str) -> bool {
    let body = innermost(node.clone());
    let mut outer = unparen(node.clone());
    while matches!(outer.kind(), NODE_LET_IN | NODE_WITH | NODE_ASSERT)
        && let Some(inner) = outer.last_child()
    {
        outer = unparen(inner);
    }
    let takes_others = outer.kind() == NODE_LAMBDA && !takes_module_arguments(&outer);
    body.kind() == NODE_ATTR_SET && !takes_others && !binds(&body, "outputs", text)
}

/// Whether a function takes `{ …, ... }`.
fn takes_module_arguments(lambda: &SyntaxNode) -> bool {
    lambda
        .first_child()
        .filter(|param| param.kind() == NODE_PATTERN)
        .is_some_and(|pattern| {
            pattern
                .green()
                .children()
                .filter_map(rowan::NodeOrToken::into_token)
                .any(|token| token.kind() == rowan::SyntaxKind(TOKEN_ELLIPSIS as u16))
        })
}

/// Whether nothing but functions and scopes is around a node.
fn is_outermost(node: &SyntaxNode) -> bool {
    node.ancestors().skip(1).all(|node| {
        matches!(
            node.kind(),
            NODE_ROOT | NODE_LAMBDA | NODE_LET_IN | NODE_WITH | NODE_ASSERT | NODE_PAREN
        )
    })
}

/// The relative paths among modules, not those inside of modules.
fn imports_in(node: &SyntaxNode, conditional: bool, text: &str, found: &mut Vec<Import>) {
    match node.kind() {
        NODE_PATH_REL => {
            if !node.children().any(|part| part.kind() == NODE_INTERPOL) {
                found.push(Import {
                    path: slice(node, text).to_owned(),
                    conditional,
                });
            }
        }
        NODE_ATTR_SET | NODE_LAMBDA => {}
        _ => {
            let conditional =
                conditional || !matches!(node.kind(), NODE_LIST | NODE_PAREN | NODE_BIN_OP);
            for child in node.children() {
                imports_in(&child, conditional, text, found);
            }
        }
    }
}

/// The options that a part of `options` declares.
fn declarations(path: &SyntaxNode, value: &SyntaxNode, text: &str, found: &mut Vec<Declaration>) {
    let mut pending = vec![(Vec::new(), path.clone(), value.clone())];
    while let Some((above, path, value)) = pending.pop() {
        let Some(names) = path_names(&path, text) else {
            continue;
        };
        let mut full: Vec<String> = above;
        full.extend(names.into_iter().map(str::to_owned));
        let value = innermost(value);
        match value.kind() {
            NODE_ATTR_SET => {
                for (path, value) in bindings(&value) {
                    pending.push((full.clone(), path, value));
                }
            }
            NODE_APPLY => {
                let Some((function, arguments)) = call(&value) else {
                    continue;
                };
                let name = dotted(&function, text).map(last_name);
                if !matches!(
                    name,
                    Some("mkOption" | "mkEnableOption" | "mkPackageOption")
                ) {
                    continue;
                }
                let is_enable = full.last().is_some_and(|name| name == "enable");
                let is_off = match arguments.first() {
                    Some(set) if name == Some("mkOption") => {
                        value_of(&unparen(set.clone()), "default", text)
                            .is_some_and(|default| boolean(&default, text) == Some(false))
                    }
                    _ => name == Some("mkEnableOption"),
                };
                found.push(Declaration {
                    // The first name is `options` itself.
                    path: full.into_iter().skip(1).collect(),
                    range: bytes(&path),
                    is_flag: is_enable && is_off,
                });
            }
            _ => {}
        }
    }
    found.sort_by_key(|declaration| declaration.range.start);
}

/// The paths of sets in which a name is computed.
fn computed(node: &SyntaxNode, above: &mut Vec<String>, text: &str, found: &mut Vec<Vec<String>>) {
    let node = innermost(node.clone());
    match node.kind() {
        NODE_ATTR_SET => {
            for (path, value) in bindings(&node) {
                let before = above.len();
                let mut is_known = true;
                for attr in path.children() {
                    if let Some(name) = attr_name(&attr, text) {
                        above.push(name.to_owned());
                    } else {
                        is_known = false;
                        break;
                    }
                }
                if is_known {
                    computed(&value, above, text, found);
                } else {
                    found.push(above.clone());
                }
                above.truncate(before);
            }
        }
        NODE_APPLY => {
            if let Some((_, arguments)) = call(&node) {
                for argument in arguments {
                    computed(&argument, above, text, found);
                }
            }
        }
        NODE_LIST | NODE_BIN_OP => {
            for child in node.children() {
                computed(&child, above, text, found);
            }
        }
        _ => {}
    }
}

fn context(definitions: &[Definition]) -> Option<Context> {
    let has = |roots: &[&str]| {
        definitions.iter().any(|definition| {
            let first = definition.path.0.first();
            first.is_some_and(|name| roots.binary_search(&name.as_str()).is_ok())
        })
    };
    match (has(NIXOS_ROOTS), has(HOME_ROOTS)) {
        (true, false) => Some(Context::Nixos),
        (false, true) => Some(Context::Home),
        _ => None,
    }
}

impl Module {
    /// The definitions below a path of names.
    pub(crate) fn below<'a>(&'a self, path: &'a [&'a str]) -> impl Iterator<Item = &'a Definition> {
        self.definitions
            .iter()
            .filter(move |definition| starts_with(&definition.path.0, path))
    }
}

/// Whether a path begins with names; `*` is any name.
pub(crate) fn starts_with(path: &[String], names: &[&str]) -> bool {
    path.len() >= names.len()
        && path
            .iter()
            .zip(names)
            .all(|(part, name)| *name == "*" || part == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(text: &str) -> Facts {
        let root = nix::syntax(text).unwrap();
        let mut facts = Facts::default();
        for node in root.syntax().descendants() {
            facts.enter(&node, text);
        }
        facts
    }

    #[test]
    fn names_are_sorted() {
        for names in [ROOTS, HOME_ROOTS, NIXOS_ROOTS] {
            assert!(names.is_sorted());
        }
    }

    #[test]
    fn modules_are_found_where_they_stand() {
        let cases = [
            ("{ pkgs, ... }: { services.x.enable = true; }", 1),
            ("{ lib, stdenv }: stdenv.mkDerivation { pname = \"x\"; }", 0),
            (
                "{ outputs = { nixpkgs, ... }: { a = nixpkgs.lib.nixosSystem { modules = [ { boot.x = 1; } ({ ... }: { imports = [ ]; }) ./x ]; }; }; }",
                2,
            ),
            (
                "{ nixosModules.a = { config, ... }: { options.x = 1; }; }",
                1,
            ),
            ("{ config, lib, ... }: lib.mkIf config.x { boot.y = 1; }", 1),
        ];
        for (text, expected) in cases {
            let facts = facts(text);
            let certain = facts.modules.iter().filter(|it| it.is_certain);
            assert_eq!(certain.count(), expected, "{text}");
        }
    }

    #[test]
    fn declarations_and_imports() {
        let text = "{ lib, ... }: { imports = [ ./a ./b.nix ] ++ lib.optional true ./c; \
                    options.my.x = { enable = lib.mkEnableOption \"x\"; n = lib.mkOption { }; }; \
                    config.a.${b}.c = 1; }";
        let facts = facts(text);
        let module = &facts.modules[0];
        let imports: Vec<_> = module
            .imports
            .iter()
            .map(|i| (i.path.as_str(), i.conditional))
            .collect();
        assert_eq!(imports, [("./a", false), ("./b.nix", false), ("./c", true)]);
        let options: Vec<_> = module
            .options
            .iter()
            .map(|o| (o.path.join("."), o.is_flag))
            .collect();
        assert_eq!(
            options,
            [
                ("my.x.enable".to_owned(), true),
                ("my.x.n".to_owned(), false)
            ]
        );
        assert_eq!(module.computed, [["a"]]);
    }

    #[test]
    fn hosts_have_names_and_files() {
        let text = "{ outputs = i: { nixosConfigurations.a = i.nixpkgs.lib.nixosSystem { modules = [ ./hosts/a ]; }; }; }";
        let facts = facts(text);
        assert_eq!(facts.hosts[0].name, "a");
        assert_eq!(facts.hosts[0].imports[0].path, "./hosts/a");
    }
}
