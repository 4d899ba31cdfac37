//! Modules: the arguments that a body needs, and the parts of a written body.

use std::collections::BTreeSet;

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
    "pkgs-unstable",
    "utils",
];

/// The argument pattern of a module with the given body, such as `{ config, lib, ... }`; none if the
/// body needs no argument.
pub(crate) fn arguments(body: &str) -> Result<Option<Code>> {
    let mut free = free_names(body)?;
    let used: Vec<&str> = ARGUMENTS
        .iter()
        .copied()
        .filter(|&name| free.remove(name))
        .collect();
    if let Some(name) = free.pop_first() {
        return Err(Problem::Unbound(name));
    }
    Ok((!used.is_empty()).then(|| Code::new(format!("{{ {}, ... }}", used.join(", ")))))
}

/// The names that a text uses and does not bind.
pub(crate) fn free_names(code: &str) -> Result<BTreeSet<String>> {
    match nix::free_variables(code) {
        Ok(names) => Ok(names.free),
        Err(problems) => Err(Problem::code(&problems, code)),
    }
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
