//! `import-from-derivation`: evaluation that waits for a build.

use diag::Code;
use rnix::{SyntaxKind, SyntaxNode};

use crate::check::File;
use crate::config::Level;
use crate::rule::{Check, Docs, Rule};
use crate::syntax::{attr_name, binding, call, dotted, is_partial, last_name, unparen};

use SyntaxKind::{
    NODE_APPLY, NODE_ATTR_SET, NODE_BIN_OP, NODE_IDENT, NODE_INTERPOL, NODE_LET_IN, NODE_SELECT,
    NODE_STRING,
};

pub(crate) static RULE: Rule = Rule {
    code: Code {
        name: "lint/import-from-derivation",
        summary: "a file that is built is read during evaluation",
        explanation: "Nix has to stop evaluating until the file is built, one such file after another; \
                      `nix flake check` and `nix flake show` build things for machines that they cannot build for, \
                      and many caches and CI services forbid it. Make the file a part of the repository, fetch it \
                      as a flake input, or do at build time what needs it.",
    },
    level: Level::Warning,
    docs: Docs {
        what: "Finds `import`, `readFile`, `readDir`, `importJSON` and their relatives on the output of a derivation: a \
               call of a builder or of a fetcher of nixpkgs, or a path inside `${pkgs.…}`. Fetchers that are built \
               into Nix (`builtins.fetchTarball`, `fetchGit`, `fetchTree`) and flake inputs build nothing.",
        bad: "{ pkgs, ... }:\n{\n  environment.etc.motd.text = builtins.readFile \"${pkgs.hello}/share/doc/motd\";\n}\n",
        good: "{ pkgs, ... }:\n{\n  environment.etc.motd.source = \"${pkgs.hello}/share/doc/motd\";\n}\n",
        reason: "generated code that upstream does not ship",
    },
    fixes: false,
    check: Check::Nodes(&[NODE_APPLY], check),
};

/// Functions that read a file, and which of their arguments it is.
fn reader(name: &str) -> Option<usize> {
    match name {
        "import" | "readFile" | "readDir" | "importJSON" | "importTOML" | "fileContents"
        | "readFileType" | "importApply" => Some(0),
        "scopedImport" | "hashFile" => Some(1),
        _ => None,
    }
}

fn check(node: &SyntaxNode, file: &mut File<'_>) {
    if is_partial(node) {
        return;
    }
    let Some((function, arguments)) = call(node) else {
        return;
    };
    let Some(name) = dotted(&function, file.text).map(last_name) else {
        return;
    };
    let Some(argument) = reader(name).and_then(|number| arguments.get(number)) else {
        return;
    };
    if let Some(what) = derivation(argument, file.text, 0) {
        let message = format!("`{name}` waits for the build of `{what}`");
        file.report(node.text_range(), message)
            .help("use a file of the repository or a flake input, or read it at build time");
    }
}

/// The derivation that a path is inside of, in a few words.
fn derivation(node: &SyntaxNode, text: &str, depth: usize) -> Option<String> {
    let node = unparen(node.clone());
    match node.kind() {
        NODE_STRING => node
            .children()
            .filter(|part| part.kind() == NODE_INTERPOL)
            .find_map(|part| derivation(&part.first_child()?, text, depth)),
        NODE_BIN_OP => derivation(&node.first_child()?, text, depth),
        NODE_APPLY => {
            let (function, _) = call(&node)?;
            let name = dotted(&function, text)?;
            builds(name).then(|| name.to_owned())
        }
        NODE_SELECT => {
            let name = dotted(&node, text)?;
            is_package(name).then(|| name.to_owned())
        }
        NODE_IDENT if depth < 3 => {
            let value = value_of_name(&node, text)?;
            // An argument or an attribute of the same name would be found again and again.
            (value != node).then(|| derivation(&value, text, depth + 1))?
        }
        _ => None,
    }
}

/// Whether a function gives a derivation.
fn builds(name: &str) -> bool {
    let is_builtin = name.starts_with("builtins.") || !name.contains('.') && name == "fetchTarball";
    let last = last_name(name);
    let is_fetcher = last.starts_with("fetch")
        && !matches!(
            last,
            "fetchTarball" | "fetchGit" | "fetchTree" | "fetchMercurial" | "fetchClosure"
        );
    !is_builtin
        && (is_fetcher
            || matches!(
                last,
                "applyPatches"
                    | "buildEnv"
                    | "linkFarm"
                    | "mkDerivation"
                    | "runCommand"
                    | "runCommandCC"
                    | "runCommandLocal"
                    | "srcOnly"
                    | "substituteAll"
                    | "symlinkJoin"
                    | "writeScript"
                    | "writeShellScript"
                    | "writeText"
                    | "writeTextDir"
                    | "writeTextFile"
            ))
}

/// Whether `pkgs.…` is a package or a part of one, and not something that is known beforehand.
fn is_package(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("pkgs.") else {
        return false;
    };
    let first = rest.split('.').next().unwrap_or_default();
    let is_known = matches!(
        first,
        "path" | "lib" | "system" | "config" | "overlays" | "stdenv" | "formats"
    );
    let last = last_name(rest);
    !is_known
        && !matches!(
            last,
            "version" | "pname" | "name" | "meta" | "system" | "homepage"
        )
}

/// What a `let` around a name binds it to.
fn value_of_name(ident: &SyntaxNode, text: &str) -> Option<SyntaxNode> {
    let name = attr_name(ident, text)?;
    for around in ident.ancestors() {
        let is_recursive = around.kind() == NODE_ATTR_SET && crate::scope::is_recursive(&around);
        if around.kind() != NODE_LET_IN && !is_recursive {
            continue;
        }
        let found = around
            .children()
            .filter_map(|it| binding(&it))
            .find(|(path, _)| {
                path.first_child().is_some_and(|first| {
                    first.next_sibling().is_none() && attr_name(&first, text) == Some(name)
                })
            });
        if let Some((_, value)) = found {
            return Some(value);
        }
    }
    None
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
                "«import (pkgs.runCommand \"x\" { } \"touch $out\")»",
                "«builtins.readFile \"${pkgs.hello}/share/x\"»",
                "«import (pkgs.fetchFromGitHub { owner = \"a\"; }) { }»",
                "let src = pkgs.fetchgit { }; in { a = «import src { }»; }",
                "let src = fetchFromGitHub { }; in «lib.importJSON (src + \"/a.json\")»",
                "«builtins.readDir pkgs.hello.src»",
                "import (builtins.fetchTarball \"https://example.org\") { }",
                "import (fetchTarball \"https://example.org\") { }",
                "import inputs.nixpkgs { }",
                "import ./x.nix { inherit (pkgs) hello; }",
                "import \"${pkgs.path}/nixos/lib\"",
                "builtins.readFile ./x",
                "{ src }: import src",
                "let src = src; in import src",
                "pkgs.writeText \"x\" (builtins.readFile ./x)",
            ],
        );
    }
}
