//! What a real Nix refuses to read is reported, and nothing else.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests write files for Nix to read, and report what they compared"
)]

mod support;

use std::fs;

use nix::{FreeVariables, free_variables, parse_problems};
use support::Nix;

/// Attributes, bindings and arguments that are defined more than once, or seem to be.
const DUPLICATES: &[&str] = &[
    "{ a = 1; a = 2; }",
    "{ a = 1; b = 2; }",
    "{ a.b = 1; a.c = 2; }",
    "{ a.b = 1; a.b = 2; }",
    "{ a.b = 1; a = { b = 2; }; }",
    "{ a.b = 1; a = { c = 2; }; }",
    "{ a = { b = 1; }; a.c = 2; }",
    "{ a = { b = 1; }; a.b = 2; }",
    "{ a = { b = 1; }; a = { c = 2; }; }",
    "{ a = { b = 1; }; a = { b = 2; }; }",
    "{ a = { b.c = 1; }; a.b.d = 2; }",
    "{ a = { b.c = 1; }; a.b.c = 2; }",
    "{ a = { b.c = 1; }; a.b = 2; }",
    "{ a = { }; a = { }; }",
    "{ a = { }; a = 1; }",
    "{ a = 1; a.b = 2; }",
    "{ a = 1; a = { }; }",
    "{ a = x: x; a.b = 2; }",
    "{ a = [ ]; a = [ ]; }",
    "{ a = ({ b = 1; }); a.c = 2; }",
    "{ a = (({ b = 1; })); a.b = 2; }",
    "{ a = { b = 1; } // { }; a.c = 2; }",
    "{ a = let in { }; a.c = 2; }",
    "{ a = rec { b = 1; }; a.c = 2; }",
    "{ a.c = 2; a = rec { b = 1; }; }",
    "{ \"a\" = 1; a = 2; }",
    "{ \"a\".b = 1; a.\"c\" = 2; }",
    "{ ${\"a\"} = 1; a = 2; }",
    "{ ${(\"a\")} = 1; a = 2; }",
    "{ ${''a''} = 1; a = 2; }",
    "{ ${''\n  a''} = 1; a = 2; }",
    "{ ${\"a\" + \"\"} = 1; a = 2; }",
    "{ \"${\"a\"}\" = 1; a = 2; }",
    "{ ${null} = 1; ${null} = 2; }",
    "{ a.${\"b\" + \"\"} = 1; a.b = 2; }",
    "{ a.${\"b\" + \"\"}.c = 1; a.${\"b\" + \"\"}.c = 2; }",
    "{ \"\\n\" = 1; \"\n\" = 2; }",
    "{ \"a\\x\" = 1; ax = 2; }",
    "{ \"\" = 1; \"\" = 2; }",
    "{ or = 1; \"or\" = 2; }",
    "{ inherit (builtins) a; a = 1; }",
    "{ inherit (builtins) a a; }",
    "{ inherit (builtins) a; inherit (builtins) a; }",
    "{ inherit (builtins) a; inherit (builtins) b; }",
    "{ inherit (builtins) a; a.b = 1; }",
    "{ a.b = 1; inherit (builtins) a; }",
    "{ inherit builtins; builtins = 1; }",
    "{ inherit builtins builtins; }",
    "{ inherit (builtins) \"a\" ${\"b\"}; }",
    "{ inherit (builtins) \"a\" a; }",
    "{ inherit (builtins) ${\"a\" + \"\"}; }",
    "{ a = { inherit (builtins) x; }; a.x = 1; }",
    "{ a = { inherit (builtins) x; }; a.y = 1; }",
    "{ a = { inherit (builtins) x; }; a = { inherit (builtins) y; }; }",
    "{ a = { inherit (builtins) x; }; a = { inherit (builtins) x; }; }",
    "rec { a = 1; a = 2; }",
    "[ { a = 1; a = 2; } ]",
    "\"${{ a = 1; a = 2; }.a}\"",
    "{ a = { b = 1; b = 2; }; }",
    "{ a = { b = { c = 1; c = 2; }; }; }",
    "{ ${{ a = 1; a = 2; }.a} = 1; }",
    "let a = 1; a = 2; in a",
    "let a = 1; b = 2; in a",
    "let a.b = 1; a.c = 2; in a",
    "let a = { b = 1; }; a.b = 2; in a",
    "let inherit (builtins) a; a = 1; in a",
    "let ${\"a\"} = 1; in a",
    "let ${\"a\" + \"\"} = 1; in 1",
    "let a.${\"b\" + \"\"} = 1; in a",
    "let \"a\" = 1; a = 2; in a",
    "let a = 1; in let a = 2; in a",
    "let { a = 1; a = 2; body = a; }",
    "let { a = 1; body = a; }",
    "{ a, a }: a",
    "{ a, b ? { c = 1; c = 2; } }: a",
    "{ a, b, a ? 1 }: a",
    "{ a }@a: a",
    "a@{ a }: a",
    "a@{ b }: a",
    "{ a, ... }@b: b",
    "a: a: a",
    "{ a }: { a }: a",
];

/// Names that are bound, unbound, or bound by something unusual.
const NAMES: &[&str] = &[
    "x",
    "1",
    "true",
    "builtins.x",
    "map",
    "__toJSON",
    "__foo",
    "toJSON",
    "fetchTarball",
    "derivation",
    "__curPos",
    "x: x",
    "x: y",
    "x: y: x",
    "{ x }: x",
    "{ x }: y",
    "{ x ? y }: x",
    "{ x ? y, y }: x",
    "{ x ? z, y }@z: x",
    "z@{ x ? z }: z.y",
    "{ ... }: x",
    "let x = 1; in x",
    "let x = y; y = 1; in x",
    "let x = y; in x",
    "let x = x; in x",
    "let x.y = 1; in y",
    "let x.y = x; in x",
    "let inherit x; in x",
    "let inherit (x) x; in x",
    "let inherit (y) x; y = 1; in x",
    "y: let inherit y; in y",
    "{ x = 1; y = x; }",
    "rec { x = 1; y = x; }",
    "rec { x = { y = 1; z = y; }; }",
    "rec { x.y = 1; z = y; }",
    "rec { x.y = x; }",
    "rec { inherit x; }",
    "rec { inherit (y) x; y = 1; }",
    "{ inherit (y) x; y = 1; }",
    "{ inherit x; }",
    "{ inherit \"x\"; }",
    "{ inherit true; }",
    "y: rec { inherit y; z = y; }",
    "rec { ${x} = 1; x = \"y\"; }",
    "{ ${x} = 1; x = \"y\"; }",
    "rec { ${\"x\" + \"\"} = 1; y = x; }",
    "rec { \"x\" = 1; y = x; }",
    "rec { ${\"x\"} = 1; y = x; }",
    "rec { a = rec { b = 1; }; a.c = b; }",
    "{ a = rec { b = 1; }; a.c = b; }",
    "{ a.b = 1; a = rec { c = 2; d = c; }; }",
    "{ a = { b = 1; }; a = rec { c = 2; d = c; }; }",
    "{ a = rec { b = 1; }; a = { inherit (b) c; }; }",
    "{ a = { }; a = rec { b = 1; inherit (b) c; }; }",
    "{ a = rec { b = \"x\"; }; a = { ${b} = 1; }; }",
    "with x; y",
    "with { }; y",
    "with builtins; x + (y: z) 1",
    "let x = with y; z; in x",
    "with (with { }; x); y",
    "x: with x; y",
    "with { y = 1; }; { inherit y; }",
    "with { }; let inherit z; in z",
    "(with { }; x) + x",
    "\"${x}\"",
    "''${x}''",
    "\"\\${x}\"",
    "''''${x}''",
    "\"$${x}\"",
    "''$${x}''",
    "./${x}",
    "./a/${x}/b",
    "/a${x}",
    "<x>",
    "(x: x.y) 1",
    "builtins.${x}",
    "builtins.\"${x}\"",
    "builtins ? x",
    "builtins ? ${x}",
    "builtins.x or y",
    "builtins or y",
    "builtins or",
    "let or = 1; in 1",
    "let \"or\" = x: x; in 1 or 2",
    "x: if x then y else z",
    "assert x; 1",
    "let { x = 1; body = x; }",
    "let { x = y; body = x; }",
    "let { body = x; }",
    "x: -x + (!x) && x -> x",
    "[ x ]",
    "x: [ x y ]",
    "f: f x",
    "x // y",
    "let x = 1; in { inherit x; y = { inherit x; }; }",
    "let x' = 1; x-y = 2; in x' + x-y",
    "let x = 1; in x -y",
    "x:y",
    "x :y",
    "# x\n1",
    "/* x */ 1",
];

/// Text that is on the border of Nix's syntax, where parsers differ.
const SYNTAX: &[&str] = &[
    "",
    " ",
    "# x",
    "{ a, }: a",
    "{ , a }: a",
    "{ a, ... }: a",
    "{ ..., a }: a",
    "[ x: x ]",
    "(x: x) x: x",
    "f: f x: x",
    "f: f (x: f)",
    "x: x ? a ? b",
    "x: x == x == x",
    "x: x < x < x",
    "(1",
    "(1 ]",
    "[ 1 )",
    "[ (1 ]",
    "{ a = 1 }",
    "{ a = 1; ",
    "{ a = (1; }",
    "{ a. = 1; }",
    "{ .a = 1; }",
    "{ a 1; }",
    "{ 1 = 1; }",
    "{ if = 1; }",
    "{ \"if\" = 1; }",
    "{ ''a'' = 1; }",
    "{ a = 1;; }",
    "\"a",
    "''a",
    "\"${1\"",
    "/* a",
    "/**/ 1",
    "1 /* a */",
    "99999999999999999999",
    "9223372036854775807",
    "-9223372036854775808",
    "1.5e400",
    "2.0e-308",
    "5.0e-324",
    "0.0",
    "0.",
    "[ 0. /d ]",
    "0.0e5",
    "1.",
    ".5",
    "01",
    "./a/",
    "./a//b",
    "/",
    "a: a/ b",
    "~/a",
    "~",
    "http://x.y/z",
    "a:b",
    "\u{a0}1",
    "1\u{c}",
    "1 # a\r\n",
    "1 # a\r",
    "1\r\n",
    "\u{feff}1",
    "é",
    "x: x.é",
    "let in 1",
    "let 1",
    "if 1 then 2",
    "if true then 1 else 2",
    "with builtins 1",
    "assert true 1",
    "1 2",
    "a@b: 1",
    "a@{ }@b: 1",
    "{ }: 1",
    "{ }@a: a",
    "rec 1",
    "rec { }",
    "{ inherit; }",
    "{ inherit 1; }",
    "{ inherit (builtins); }",
    "x: ! x",
    "x: - x",
    "x: x - - x",
    "x: !!x",
    "x: x.y or x.z or 1",
    "x: [ x.y or 1 x ]",
    "x: x.\"a\".${\"b\"}",
    "x: x.1",
    "./a ${\"b\"}",
    "[ ./a ${\"b\"} ]",
    "./a/${\"b\"} 1",
    "<a/b>",
    "<a",
    "1 ; 2",
    "1 }",
    "]",
    "...",
    "x: x -> x -> x",
    "let x = 1; in x in 1",
    "a: b: a.b.c or b a",
];

/// Text that Nix and this crate judge differently, and why.
const KNOWN_DIFFERENCES: &[(&str, &str)] = &[
    (
        "x: x |> x",
        "pipes are an experiment that a Nix may have enabled",
    ),
    (
        "x: x + !x",
        "the parser wants parentheses around a negation after an operator",
    ),
    ("...a/b", "the parser takes the dots for an ellipsis"),
    (
        "e: [ 1.0e ]",
        "the parser takes it for one number, Nix for `1.0` and `e`",
    ),
    ("1 # a\r+ 1", "code that hides behind a comment is refused"),
];

#[test]
fn what_nix_refuses_is_reported() {
    let Some(nix) = Nix::find("against_nix::what_nix_refuses_is_reported") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("case.nix");
    let mut failures = Vec::new();
    let snippets = [DUPLICATES, NAMES, SYNTAX].concat();
    let mut n_refused = 0;
    for snippet in &snippets {
        fs::write(&file, snippet).unwrap();
        let verdict = nix.parse(&file);
        n_refused += usize::from(verdict.is_err());
        let reported = match free_variables(snippet) {
            Err(problems) => {
                assert_eq!(problems, parse_problems(snippet));
                Some(format!("{problems:?}"))
            }
            Ok(FreeVariables { free, .. }) => (!free.is_empty()).then(|| format!("{free:?}")),
        };
        if verdict.is_err() != reported.is_some() {
            failures.push(format!(
                "{snippet:?}\n  Nix: {verdict:?}\n  reported: {reported:?}"
            ));
        }
        // The reason has to be the same one, too.
        if let Err(message) = &verdict {
            let is_scope = message.contains("undefined variable");
            let is_duplicate = message.contains("already defined") || message.contains("duplicate");
            let problems = parse_problems(snippet);
            let found_duplicate = problems.iter().any(|it| it.message.contains("duplicate"));
            if is_scope && !problems.is_empty() || is_duplicate != found_duplicate {
                failures.push(format!(
                    "{snippet:?}\n  Nix: {message}\n  reported: {reported:?}"
                ));
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} differences:\n{}",
        failures.len(),
        failures.join("\n")
    );
    eprintln!(
        "{} snippets, {n_refused} of them refused by Nix",
        snippets.len()
    );
}

#[test]
fn known_differences() {
    let Some(nix) = Nix::find("against_nix::known_differences") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("case.nix");
    for (snippet, reason) in KNOWN_DIFFERENCES {
        fs::write(&file, snippet).unwrap();
        let is_reported = !parse_problems(snippet).is_empty();
        assert_ne!(
            nix.parse(&file).is_err(),
            is_reported,
            "no longer: {reason}"
        );
    }
}
