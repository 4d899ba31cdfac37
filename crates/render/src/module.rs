//! Modules: the arguments that a body needs, and the parts of a written body.

use nix::FreeVariables;
use rnix::ast::{self, HasEntry};

use crate::code::Code;
use crate::error::{Problem, Result};

/// Arguments that modules get, in the order in which they are written.
const ARGUMENTS: &[&str] = &[
    "config",
    "lib",
    "pkgs",
    "modulesPath",
    "options",
    "osConfig",
    "inputs",
    "pkgs-unstable",
    "self",
    "utils",
];

/// The argument pattern of a module with the given body, such as `{ config, lib, ... }`; none if the
/// body needs no argument.
pub(crate) fn arguments(body: &str) -> Result<Option<Code>> {
    let names = names(body)?;
    let free = names.free.iter().map(String::as_str);
    Ok(pattern(free, |name| reads(&names, name))?.map(Code::new))
}

/// The same pattern for a body with these free names.
pub(crate) fn pattern<'a>(
    mut free: impl Iterator<Item = &'a str>,
    is_read: impl Fn(&str) -> bool,
) -> Result<Option<String>> {
    if let Some(name) = free.find(|name| !ARGUMENTS.contains(name)) {
        return Err(Problem::Unbound(name.to_owned()));
    }
    let used: Vec<&str> = ARGUMENTS
        .iter()
        .copied()
        .filter(|&name| is_read(name))
        .collect();
    Ok((!used.is_empty()).then(|| format!("{{ {}, ... }}", used.join(", "))))
}

/// Whether a text reads the argument `name`. Below a `with` it is the argument that is meant too,
/// because what is bound around a `with` comes first.
pub(crate) fn reads(names: &FreeVariables, name: &str) -> bool {
    names.free.contains(name) || names.maybe.contains(name)
}

/// The names that a text uses and does not bind.
pub(crate) fn names(code: &str) -> Result<FreeVariables> {
    nix::free_variables(code).map_err(|problems| Problem::code(&problems, code))
}

/// The written body of a feature, taken apart.
#[derive(Debug)]
pub(crate) struct Body<'a> {
    /// The bindings of a `let` around it, with their comments.
    pub(crate) bindings: Option<&'a str>,
    /// The expression itself.
    pub(crate) expr: &'a str,
    /// Where bindings may be inserted, if the expression is a plain attribute set.
    inside: Option<usize>,
}

/// Takes a body apart. A `let` stays in the expression if it binds the name of an argument, because
/// what else is in the module must not see it.
pub(crate) fn body(code: &str) -> Body<'_> {
    let whole = Body {
        bindings: None,
        expr: code,
        inside: None,
    };
    let Ok(root) = rnix::Root::parse(code).ok() else {
        return whole;
    };
    match root.expr() {
        Some(ast::Expr::AttrSet(set)) => Body {
            inside: inside(&set),
            ..whole
        },
        Some(ast::Expr::LetIn(let_in)) => hoisted(code, &let_in).unwrap_or(whole),
        _ => whole,
    }
}

fn hoisted<'a>(code: &'a str, let_in: &ast::LetIn) -> Option<Body<'a>> {
    let bindings_start = usize::from(let_in.let_token()?.text_range().end());
    let in_range = let_in.in_token()?.text_range();
    let is_commented = !code[..bindings_start]
        .trim_end()
        .strip_suffix("let")?
        .trim()
        .is_empty();
    if is_commented || bound_names(let_in).any(|name| is_reserved(&name)) {
        return None;
    }
    let expr_start = usize::from(in_range.end());
    let inside = match let_in.body()? {
        ast::Expr::AttrSet(set) => inside(&set).map(|offset| offset - expr_start),
        _ => None,
    };
    Some(Body {
        bindings: Some(code[bindings_start..usize::from(in_range.start())].trim()),
        expr: &code[expr_start..],
        inside,
    })
}

fn is_reserved(name: &str) -> bool {
    name == "cfg" || ARGUMENTS.contains(&name)
}

fn bound_names(let_in: &ast::LetIn) -> impl Iterator<Item = String> {
    let_in.entries().flat_map(|entry| match entry {
        ast::Entry::Inherit(inherit) => inherit.attrs().map(|attr| attr.to_string()).collect(),
        ast::Entry::AttrpathValue(binding) => binding
            .attrpath()
            .and_then(|path| path.attrs().next())
            .map(|attr| attr.to_string())
            .into_iter()
            .collect::<Vec<_>>(),
    })
}

fn inside(set: &ast::AttrSet) -> Option<usize> {
    match set.rec_token() {
        Some(_) => None,
        None => set
            .l_curly_token()
            .map(|token| token.text_range().end().into()),
    }
}

impl Body<'_> {
    /// The expression merged with bindings: in one set where that is possible.
    pub(crate) fn merged(&self, bindings: &Code) -> Code {
        if let Some(offset) = self.inside {
            let (open, rest) = self.expr.split_at(offset);
            let one_set = format!("{open}\n{bindings}\n\n{}", rest.trim());
            if nix::parse_problems(&one_set).is_empty() {
                return Code::new(one_set);
            }
        }
        let bindings = bindings.as_str();
        let expr = self.expr.trim();
        Code::new(format!("(lib.mkMerge [ {{\n{bindings}\n}} ({expr}\n) ])"))
    }

    /// The expression as an argument of a function.
    pub(crate) fn argument(&self) -> Code {
        match self.inside {
            Some(_) => Code::new(self.expr.trim()),
            None => Code::new(format!("({}\n)", self.expr.trim())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{arguments, body};
    use crate::code::Code;

    #[test]
    fn arguments_that_are_used() {
        let cases = [
            ("{ a = 1; }", None),
            (
                "{ a = lib.mkForce pkgs.hello; }",
                Some("{ lib, pkgs, ... }"),
            ),
            (
                "{ a = pkgs-unstable.b; c = config.d; }",
                Some("{ config, pkgs-unstable, ... }"),
            ),
            ("let lib = 1; in { a = lib; }", None),
            (
                "{ a = with lib; mkIf config.b c; }",
                Some("{ config, lib, ... }"),
            ),
        ];
        for (code, expected) in cases {
            let arguments = arguments(code).unwrap();
            assert_eq!(arguments.as_ref().map(Code::as_str), expected, "{code}");
        }
        assert!(arguments("{ a = other; }").is_err());
    }

    #[test]
    fn bodies_taken_apart() {
        let cases = [
            ("{ a = 1; }", None, "{ a = 1; }"),
            (
                "let\n  # Why.\n  a = 1;\nin\n{ b = a; }\n",
                Some("# Why.\n  a = 1;"),
                "{ b = a; }",
            ),
            (
                "let a = 1; in lib.mkIf a { }",
                Some("a = 1;"),
                "(lib.mkIf a { }\n)",
            ),
            // Not around the rest of the module.
            (
                "let lib = 1; in { a = lib; }",
                None,
                "(let lib = 1; in { a = lib; }\n)",
            ),
            (
                "let inherit (cfg) lib; in { a = lib; }",
                None,
                "(let inherit (cfg) lib; in { a = lib; }\n)",
            ),
            (
                "# Why.\nlet a = 1; in { }",
                None,
                "(# Why.\nlet a = 1; in { }\n)",
            ),
            ("rec { a = 1; }", None, "(rec { a = 1; }\n)"),
            ("a // b # why", None, "(a // b # why\n)"),
        ];
        for (code, bindings, argument) in cases {
            let body = body(code);
            assert_eq!(body.bindings, bindings, "{code}");
            assert_eq!(body.argument().as_str(), argument, "{code}");
        }
    }

    #[test]
    fn bodies_merged_with_bindings() {
        let cases = [
            (
                "{\n  # Why.\n  a.b = 1;\n}",
                "{\na.c = 2;\n\n# Why.\n  a.b = 1;\n}",
            ),
            ("{ }", "{\na.c = 2;\n\n}"),
            (
                "{ a = lib.mkForce { }; }",
                "(lib.mkMerge [ {\na.c = 2;\n} ({ a = lib.mkForce { }; }\n) ])",
            ),
            ("a // b", "(lib.mkMerge [ {\na.c = 2;\n} (a // b\n) ])"),
        ];
        for (code, expected) in cases {
            let merged = body(code).merged(&Code::new("a.c = 2;"));
            assert_eq!(merged.as_str(), expected, "{code}");
        }
    }
}
