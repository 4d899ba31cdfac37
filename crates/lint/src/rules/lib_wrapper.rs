//! `lib-wrapper`: functions that only call a function of lib.

use diag::Code;
use rnix::{SyntaxKind, SyntaxNode};

use crate::check::File;
use crate::config::Level;
use crate::rule::{Check, Docs, Rule};
use crate::syntax::{bindings, bound_name, call, dotted, is_literal, unparen};

use SyntaxKind::{
    NODE_ATTR_SET, NODE_ATTRPATH_VALUE, NODE_IDENT, NODE_IDENT_PARAM, NODE_INHERIT,
    NODE_INHERIT_FROM, NODE_LAMBDA, NODE_LET_IN,
};

pub(crate) static RULE: Rule = Rule {
    code: Code {
        name: "lint/lib-wrapper",
        summary: "a function that only calls a function of lib",
        explanation: "Everyone knows `lib.mkOption`; the reader of a wrapper has to look it up first, and it hides the \
                      arguments that it does not pass on. Call the function of lib.",
    },
    level: Level::Warning,
    docs: Docs {
        what: "Finds functions, bound by a `let` or an attribute, that pass their arguments to one function of `lib` or \
               `builtins` and do nothing else: `mkOpt = type: default: lib.mkOption { inherit type default; }`.",
        bad: "{ lib, ... }:\nlet\n  mkOpt = type: default: lib.mkOption { inherit type default; };\nin\n{\n  options.x = mkOpt lib.types.str \"a\";\n}\n",
        good: "{ lib, ... }:\n{\n  options.x = lib.mkOption {\n    type = lib.types.str;\n    default = \"a\";\n    description = \"A name.\";\n  };\n}\n",
        reason: "a stable name while lib changes",
    },
    fixes: false,
    check: Check::Nodes(&[NODE_LAMBDA], check),
};

fn check(node: &SyntaxNode, file: &mut File<'_>) {
    let Some(binding) = node.parent().filter(|it| it.kind() == NODE_ATTRPATH_VALUE) else {
        return;
    };
    let mut params = Vec::new();
    let mut body = node.clone();
    while body.kind() == NODE_LAMBDA {
        let mut children = body.children();
        let (Some(param), Some(inner)) = (children.next(), children.next()) else {
            return;
        };
        if param.kind() != NODE_IDENT_PARAM {
            return;
        }
        params.push(file.slice(&param).to_owned());
        body = unparen(inner);
    }
    let Some((function, arguments)) = call(&body) else {
        return;
    };
    let Some(name) = dotted(&function, file.text) else {
        return;
    };
    if !(name.starts_with("lib.") || name.starts_with("builtins.")) {
        return;
    }
    let is_param = |node: &SyntaxNode| {
        node.kind() == NODE_IDENT && params.iter().any(|param| param == file.slice(node))
    };
    // With all arguments in their order it is the function itself; a set only renames them.
    let is_same = arguments.len() == params.len()
        && arguments
            .iter()
            .zip(&params)
            .all(|(argument, param)| file.slice(argument) == param);
    let is_option = name.ends_with(".mkOption")
        && arguments.iter().all(|argument| {
            let set = unparen(argument.clone());
            set.kind() == NODE_ATTR_SET
                && set.children().all(|entry| match entry.kind() {
                    NODE_INHERIT => entry.children().all(|it| it.kind() != NODE_INHERIT_FROM),
                    _ => true,
                })
                && bindings(&set).all(|(_, value)| {
                    let value = unparen(value);
                    is_param(&value)
                        || is_literal(&value, file.text)
                        || dotted(&value, file.text).is_some()
                })
        });
    // An attribute may have to be a function for whoever calls it; a `let` binding is one's own.
    let is_own = binding.parent().is_some_and(|it| it.kind() == NODE_LET_IN);
    if !(is_option || is_same && is_own) {
        return;
    }
    let own = bound_name(&binding, file.text)
        .unwrap_or_default()
        .to_owned();
    let message = format!("`{own}` only calls `{name}`");
    let path = binding
        .first_child()
        .map_or(binding.text_range(), |it| it.text_range());
    let name = name.to_owned();
    file.report(path, message)
        .help(format!("call `{name}` where it is used"));
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
                "let «f» = a: b: lib.mkIf a b; in f",
                "{ «mkOpt» = type: default: lib.mkOption { inherit type default; }; }",
                "let «mkBool» = d: lib.mkOption { type = lib.types.bool; default = d; }; in mkBool",
                "let f = a: b: lib.mkIf b a; in f",
                "let f = a: lib.mkIf a { b = 1; }; in f",
                "{ apply = a: lib.toUpper a; }",
                "let f = a: map a; in f",
                "let f = { a }: lib.g a; in f",
                "let mkX = d: lib.mkOption { type = lib.types.listOf d; description = \"x ${d}\"; }; in mkX",
            ],
        );
    }
}
