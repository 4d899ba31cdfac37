//! Whatever the text, every function answers, and every range lies in the text.

mod support;

use nix::{
    AttrPath, Expr, MAX_DEPTH, Value, definitions, format, free_variables, parse_problems,
    relative_paths, render,
};
use support::Random;

/// Pieces of Nix, whole and broken.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    "${",
    "\"",
    "''",
    "'",
    "$",
    "\\",
    ";",
    ":",
    "@",
    ",",
    ".",
    "...",
    "=",
    "==",
    "!=",
    "!",
    "-",
    "->",
    "+",
    "++",
    "/",
    "//",
    "*",
    "<",
    ">",
    "<=",
    "?",
    "&&",
    "||",
    "|>",
    "<|",
    "|",
    "&",
    "~",
    "~/",
    "#",
    "/*",
    "*/",
    "\n",
    "\r",
    "\t",
    " ",
    " ",
    " ",
    " ",
    "\0",
    "\u{a0}",
    "\u{feff}",
    "é",
    "🦀",
    "if",
    "then",
    "else",
    "let",
    "in",
    "rec",
    "with",
    "assert",
    "inherit",
    "or",
    "a",
    "b",
    "x",
    "__curPos",
    "lib.mkIf",
    "mkMerge",
    "config",
    "true",
    "null",
    "1",
    "0",
    "00",
    "1.5",
    ".5",
    "1e5",
    "1.0e",
    "99999999999999999999",
    "./a",
    "../b/c",
    "/d",
    "a/b",
    "./a/",
    "./${",
    "<a>",
    "<",
    "http://x.y",
    "{ a = 1; }",
    "{ a = 1; a = 2; }",
    "x: x",
    "{ a, b ? 1, ... }@c: a",
    "let a = 1; in a",
    "with a; b",
    "[ 1 2 ]",
    "\"a${b}c\"",
    "''a${b}c''",
    "inherit (a) b;",
    "a.b.c = 1;",
    "rec { a = 1; }",
    "a.b or c",
];

/// Calls everything that reads text.
fn read_everything(text: &str) {
    let problems = parse_problems(text);
    for problem in &problems {
        assert!(
            problem.start <= problem.end && problem.end <= text.len(),
            "{text:?}: {problem:?}"
        );
        assert!(text.is_char_boundary(problem.start) && text.is_char_boundary(problem.end));
        assert!(!problem.message.contains('\n'), "{problem:?}");
    }
    let is_readable = problems.is_empty();
    assert_eq!(Expr::parse(text).is_ok(), is_readable, "{text:?}");
    assert_eq!(free_variables(text).is_ok(), is_readable, "{text:?}");
    let found = definitions(text);
    assert_eq!(found.is_ok(), is_readable, "{text:?}");
    for definition in found.unwrap_or_default() {
        assert!(
            text.get(definition.start..definition.end).is_some(),
            "{text:?}"
        );
        assert!(
            text.get(definition.value_start..definition.end).is_some(),
            "{text:?}"
        );
    }
    for path in relative_paths(text).unwrap_or_default() {
        assert!(text.get(path.start..path.end).is_some(), "{text:?}");
    }
    if let Err(error) = format(text) {
        assert!(
            error.start <= error.end && error.end <= text.len(),
            "{text:?}: {error:?}"
        );
    }
    if let Err(error) = AttrPath::parse(text) {
        assert!(
            error.offset <= text.len() && text.is_char_boundary(error.offset),
            "{text:?}"
        );
    }
    // A function that is not one is refused; anything else leaves readable text.
    if let Ok(code) = render(&Value::List(vec![Value::apply(text, Value::Int(-1))])) {
        assert_readable(&code);
    }
    if let Ok(expr) = Expr::parse(text) {
        let expr = Value::Expr(expr);
        let list = Value::List(vec![
            expr.clone(),
            Value::Concat(vec![expr.clone(), expr.clone()]),
        ]);
        let code =
            render(&Value::attrs([("a", expr), ("b", list)])).expect("checked code is written");
        assert_readable(&code);
    }
}

/// What is written can be read, unless it became too deep by standing in something else.
fn assert_readable(code: &str) {
    for problem in parse_problems(code) {
        assert!(
            problem.message.starts_with("nested deeper"),
            "{code:?}: {problem:?}"
        );
    }
}

#[test]
fn random_text() {
    let mut random = Random(6);
    let mut n_readable = 0;
    for _ in 0..30_000 {
        let n_pieces = 1 + random.below(12);
        let mut text = String::new();
        for _ in 0..n_pieces {
            text.push_str(random.pick(PIECES));
            if random.below(2) == 0 {
                text.push(' ');
            }
        }
        n_readable += usize::from(parse_problems(&text).is_empty());
        read_everything(&text);
    }
    assert!(n_readable > 300, "only {n_readable} texts were Nix");
}

#[test]
fn mutilated_module() {
    let module = r#"{ config, lib, pkgs, ... }@args:
let
  cfg = config.features.ai.ollama; # the options
  inherit (lib) mkIf mkMerge;
in
{
  imports = [ ./x.nix ../y/${cfg.name}.nix (./. + "/odd name") ];
  options.features.ai.ollama.enable = lib.mkEnableOption "it's";
  config = mkIf cfg.enable (mkMerge [
    { services.ollama = { enable = true; port = lib.mkDefault 11434; "a.b".c = -1.5; }; }
    (lib.optionalAttrs (cfg.x or false && !cfg.y -> true) { a = ''
      two ''${lines} ${cfg.z}
        '''
    ''; })
    { b = rec { c = 1; d = [ c "e" null ] ++ lib.optional (c == 1) (with pkgs; f { inherit c; }); }; }
  ]);
}
"#;
    assert_eq!(parse_problems(module), []);
    read_everything(module);
    let boundaries: Vec<usize> = (0..=module.len())
        .filter(|&idx| module.is_char_boundary(idx))
        .collect();
    for &cut in &boundaries {
        read_everything(&module[..cut]);
        read_everything(&module[cut..]);
    }
    let mut random = Random(7);
    for _ in 0..3_000 {
        let mut text = module.to_owned();
        for _ in 0..=random.below(3) {
            let start = random.below(text.len());
            let end = (start + random.below(12)).min(text.len());
            if text.is_char_boundary(start) && text.is_char_boundary(end) {
                text.replace_range(start..end, random.pick(PIECES));
            }
        }
        read_everything(&text);
    }
}

#[test]
fn deep_text() {
    let pairs = [
        ("[", "]"),
        ("(", ")"),
        ("{ a = ", "; }"),
        ("rec { a = ", "; }"),
        ("\"${", "}\""),
        ("''${", "}''"),
        ("./${", "}"),
        ("let a = 1; in ", ""),
        ("let a = ", "; in a"),
        ("with a; ", ""),
        ("assert a; ", ""),
        ("if a then b else ", ""),
        ("if ", " then 1 else 2"),
        ("x: ", ""),
        ("{ a }: ", ""),
        ("{ a ? ", " }: a"),
        ("- ", ""),
        ("! ", ""),
        ("a ++ ", ""),
        ("a // ", ""),
        ("a -> ", ""),
        ("a <| ", ""),
        ("f (", ")"),
        ("f [ (", ") ]"),
        ("a.${", "}"),
        ("a ? ${", "}"),
        ("{ ${", "} = 1; }"),
        ("{ inherit (", ") a; }"),
        ("let { body = ", "; }"),
        ("lib.mkIf a (", ")"),
        ("lib.mkMerge [ (", ") ]"),
        ("{ a.b.c = lib.mkForce { d = x: (f (", ")); }; }"),
    ];
    for (open, close) in pairs {
        for n in [3, 30, 100, MAX_DEPTH / 2, MAX_DEPTH, 300, 500, 1_000] {
            read_everything(&format!("{}1{}", open.repeat(n), close.repeat(n)));
        }
        read_everything(&open.repeat(100_000));
        assert_eq!(
            parse_problems(&format!("{}1{}", open.repeat(30), close.repeat(30))),
            [],
            "{open}"
        );
    }
    for chain in [
        " a", " + a", " ++ a", " or a", ".a", " ? a", " && a", " |> a", " // a", " == a",
    ] {
        for n in [100, 500, 1_000, 2_000, 100_000] {
            read_everything(&format!("a{}", chain.repeat(n)));
        }
    }
}

#[test]
fn deep_values() {
    for n in [MAX_DEPTH / 2, MAX_DEPTH, 2_000] {
        let value = (0..n).fold(Value::Null, |value, _| Value::List(vec![value]));
        match render(&value) {
            Ok(code) => read_everything(&code),
            Err(error) => assert!(n > MAX_DEPTH, "{error}"),
        }
    }
}
