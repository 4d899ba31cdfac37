//! `discovered-imports`: modules that are imported because they are there.

use diag::Code;
use rnix::{SyntaxKind, SyntaxNode};

use crate::check::File;
use crate::config::Level;
use crate::rule::{Check, Docs, Rule};
use crate::syntax::{binding, bound_name, dotted, last_name, slice};

use SyntaxKind::{NODE_ATTRPATH_VALUE, NODE_IDENT, NODE_LET_IN, NODE_SELECT};

pub(crate) static RULE: Rule = Rule {
    code: Code {
        name: "lint/discovered-imports",
        summary: "modules found by listing a folder",
        explanation: "What a machine consists of then depends on which files lie around: a file for a test, or one that \
                      git does not know yet, is or is not a part of it, no tool can follow the imports, and nothing shows \
                      in the diff of the file that imports. Name the files.",
    },
    level: Level::Warning,
    docs: Docs {
        what: "Finds `readDir`, `listFilesRecursive`, `import-tree` and the like where they give `imports` or `modules`, \
               directly or through names that a `let` binds.",
        bad: "{ lib, ... }:\n{\n  imports = lib.filter (lib.hasSuffix \".nix\") (lib.filesystem.listFilesRecursive ./modules);\n}\n",
        good: "{\n  imports = [\n    ./modules/audio.nix\n    ./modules/printing.nix\n  ];\n}\n",
        reason: "hundreds of modules that are generated together",
    },
    fixes: false,
    check: Check::Nodes(&[NODE_SELECT, NODE_IDENT], check),
};

fn check(node: &SyntaxNode, file: &mut File<'_>) {
    let Some(name) = dotted(node, file.text).map(last_name) else {
        return;
    };
    if !matches!(
        name,
        "readDir" | "listFilesRecursive" | "import-tree" | "importTree" | "scanPaths"
    ) {
        return;
    }
    // The path of a selection and the names that are bound are no uses.
    let is_use = node.parent().is_some_and(|parent| {
        !matches!(
            parent.kind(),
            SyntaxKind::NODE_ATTRPATH
                | SyntaxKind::NODE_INHERIT
                | SyntaxKind::NODE_PAT_ENTRY
                | SyntaxKind::NODE_IDENT_PARAM
        )
    }) && node
        .parent()
        .is_none_or(|parent| parent.kind() != NODE_SELECT);
    if is_use && gives_modules(node, file.text, 0) {
        let message = format!("`{name}` decides which modules are imported");
        file.report(node.text_range(), message)
            .help("name the files");
    }
}

/// Whether an expression is a part of `imports` or `modules`, or of what a `let` binds and they use.
fn gives_modules(node: &SyntaxNode, text: &str, depth: usize) -> bool {
    for around in node.ancestors() {
        if around.kind() != NODE_ATTRPATH_VALUE {
            continue;
        }
        let Some(name) = bound_name(&around, text) else {
            continue;
        };
        if matches!(name, "imports" | "modules") {
            return true;
        }
        let Some(let_in) = around.parent().filter(|it| it.kind() == NODE_LET_IN) else {
            continue;
        };
        if depth < 3 && uses(&let_in, name, text).any(|node| gives_modules(&node, text, depth + 1))
        {
            return true;
        }
    }
    false
}

/// Where a name is used below a node.
fn uses(below: &SyntaxNode, name: &str, text: &str) -> impl Iterator<Item = SyntaxNode> {
    let found: Vec<SyntaxNode> = below
        .descendants()
        .filter(|node| node.kind() == NODE_IDENT && slice(node, text) == name)
        .filter(|node| {
            node.parent()
                .is_some_and(|parent| parent.kind() != SyntaxKind::NODE_ATTRPATH)
        })
        .filter(|node| {
            !node
                .ancestors()
                .filter(|it| it.parent().as_ref() == Some(below))
                .any(|entry| binding(&entry).is_some_and(|(path, _)| slice(&path, text) == name))
        })
        .collect();
    found.into_iter()
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::testing::check;

    #[test]
    fn cases() {
        check(
            &RULE,
            &[
                "{ imports = map f (builtins.attrNames («builtins.readDir» ./.)); }",
                "let files = «builtins.readDir» ./.; in { imports = map f files; }",
                "let files = «builtins.readDir» ./.; all = f files; in { imports = all; }",
                "{ a = nixosSystem { modules = «lib.filesystem.listFilesRecursive» ./x; }; }",
                "let inherit (builtins) readDir; in { imports = f («readDir» ./.); }",
                "{ packages = map f (builtins.readDir ./.); }",
                "let files = builtins.readDir ./.; in { overlays = files; }",
                "{ imports = [ ./a.nix ]; }",
                "{ imports = [ ]; x = { readDir = 1; }; }",
            ],
        );
    }
}
