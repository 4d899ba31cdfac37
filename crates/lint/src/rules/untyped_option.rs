//! `untyped-option`: options without type or description.

use diag::Code;
use rnix::{SyntaxKind, SyntaxNode};

use crate::check::File;
use crate::config::Level;
use crate::rule::{Check, Docs, Rule};
use crate::syntax::{
    binds, boolean, call, dotted, full_path, is_lib_function, is_partial, unparen, value_of,
};

use SyntaxKind::{NODE_APPLY, NODE_ATTR_SET, NODE_ATTRPATH_VALUE};

pub(crate) static RULE: Rule = Rule {
    code: Code {
        name: "lint/untyped-option",
        summary: "an option without type or description",
        explanation: "Without a type every value is taken, and a mistake shows far away from where it was made, or not at \
                      all; two definitions cannot be merged. Without a description the option's users have to read the \
                      module. Write both.",
    },
    level: Level::Warning,
    docs: Docs {
        what: "Finds `mkOption` with a literal set that lacks `type` or `description`. Options that are internal or hidden \
               need no description.",
        bad: "{ lib, ... }:\n{\n  options.features.web.port = lib.mkOption { default = 8080; };\n}\n",
        good: "{ lib, ... }:\n{\n  options.features.web.port = lib.mkOption {\n    type = lib.types.port;\n    default = 8080;\n    description = \"Port of the HTTP interface.\";\n  };\n}\n",
        reason: "any value is allowed on purpose",
    },
    fixes: false,
    check: Check::Nodes(&[NODE_APPLY], check),
};

fn check(node: &SyntaxNode, file: &mut File<'_>) {
    if is_partial(node) {
        return;
    }
    let Some((function, arguments)) = call(node) else {
        return;
    };
    let is_it = dotted(&function, file.text).is_some_and(|name| is_lib_function(name, "mkOption"));
    let [argument] = arguments.as_slice() else {
        return;
    };
    let set = unparen(argument.clone());
    if !is_it || set.kind() != NODE_ATTR_SET {
        return;
    }
    let has = |name: &str| binds(&set, name, file.text);
    let is = |name: &str, wanted: bool| {
        value_of(&set, name, file.text).is_some_and(|it| boolean(&it, file.text) == Some(wanted))
    };
    let is_hidden = is("internal", true) || is("visible", false);
    let lacks = match (has("type"), has("description") || is_hidden) {
        (true, true) => return,
        (false, true) => "type",
        (true, false) => "description",
        (false, false) => "type and description",
    };
    let option = node
        .ancestors()
        .find(|it| it.kind() == NODE_ATTRPATH_VALUE)
        .and_then(|it| full_path(&it, file.text))
        .map(|path| {
            let names: Vec<&str> = path
                .into_iter()
                .skip_while(|name| *name == "options")
                .collect();
            names.join(".")
        })
        .filter(|path| !path.is_empty());
    // A submodule adds options to one that nixpkgs has declared and described.
    let adds_to_nixpkgs = lacks == "description"
        && option.as_deref().is_some_and(is_of_nixpkgs)
        && value_of(&set, "type", file.text)
            .is_some_and(|it| file.slice(&it).contains("submodule"))
        && !has("default");
    if adds_to_nixpkgs {
        return;
    }
    let message = match option {
        Some(option) => format!("the option `{option}` has no {lacks}"),
        None => format!("an option without {lacks}"),
    };
    let what = match lacks {
        "type" => "add `type`",
        "description" => "add `description`",
        _ => "add `type` and `description`",
    };
    file.report(function.text_range(), message).help(what);
}

/// Whether an option begins like those of NixOS and Home Manager.
fn is_of_nixpkgs(option: &str) -> bool {
    let first = option.split('.').next().unwrap_or_default();
    matches!(
        first,
        "accounts"
            | "boot"
            | "environment"
            | "fileSystems"
            | "networking"
            | "programs"
            | "security"
            | "services"
            | "systemd"
            | "users"
            | "virtualisation"
            | "xdg"
    )
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
                "{ options.a = «lib.mkOption» { }; }",
                "{ options.a.b = «mkOption» { type = types.str; }; }",
                "{ a = «lib.mkOption» { description = \"x\"; }; }",
                "{ a = lib.mkOption { type = t; description = \"x\"; }; }",
                "{ a = lib.mkOption { inherit type description; }; }",
                "{ a = lib.mkOption { type = t; internal = true; }; }",
                "{ a = lib.mkOption (common // { default = 1; }); }",
                "{ a = lib.mkEnableOption \"x\"; }",
                "{ a = my.mkOption { }; }",
                "{ options.users.users = lib.mkOption { type = types.attrsOf (types.submodule { }); }; }",
            ],
        );
    }
}
