//! Any value that is written, formatted or not, is read back by a real Nix as the same value.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests write files for Nix to read, and report what they compared"
)]

mod support;

use std::collections::BTreeMap;
use std::fs;

use nix::{AttrPath, Expr, Value, attr_name, format, indented, render, render_bindings, string};
use serde_json::{Value as Json, json};
use support::{Nix, Random};

/// How many values, strings and paths are generated.
const N_VALUES: usize = 2_400;
const N_STRINGS: usize = 2_400;
const N_PATHS: usize = 1_200;

/// How many values are written into one file.
const BATCH: usize = 300;

/// What strings and names are made of: everything that means something to Nix or to a formatter.
const FRAGMENTS: &[&str] = &[
    "${",
    "${x}",
    "''",
    "'",
    "'''",
    "$$",
    "$",
    "''$",
    "''${",
    "''\\",
    "''\\n",
    "$${",
    "$''",
    "'$",
    "\"",
    "\\",
    "\\n",
    "\\${",
    "\\u001b",
    "\t",
    "\n",
    "\n",
    "\n\n",
    "\r",
    "\r\n",
    " ",
    "  ",
    "    ",
    "\n  ",
    "\n\t",
    " \n",
    "{",
    "}",
    "[",
    ";",
    "#",
    "/*",
    "*/",
    "//",
    "@",
    "<nixpkgs>",
    "./x",
    "~/",
    "http://x.y/z",
    "a",
    "foo",
    "enable",
    "if",
    "in",
    "or",
    "rec",
    "inherit",
    "1",
    "-",
    ".",
    "é",
    "ß",
    "🦀",
    "日本",
    "\u{1}",
    "\u{7f}",
    "\u{1b}[0m",
    "\u{a0}",
    "\u{feff}",
    "\u{2028}",
    "\u{202e}",
];

const NAMES: &[&str] = &[
    "",
    "a",
    "b",
    "enable",
    "services",
    "if",
    "then",
    "else",
    "assert",
    "with",
    "let",
    "in",
    "rec",
    "inherit",
    "or",
    "__curPos",
    "true",
    "null",
    "a.b",
    "net.ipv4.ip_forward",
    "\"",
    "'",
    "a'",
    "-a",
    "1a",
    "a b",
    "${x}",
    "$${",
    "\\",
    "\n",
    "é",
    "🦀",
    "__functor'",
    "_",
    "a-b",
    "#",
    "<nixpkgs>",
];

#[test]
fn values() {
    let Some(nix) = Nix::find("roundtrip::values") else {
        return;
    };
    let mut random = Random(1);
    let mut values = edge_values();
    while values.len() < N_VALUES {
        let depth = random.below(6);
        values.push(value(&mut random, depth));
    }
    let cases: Vec<Case> = values
        .iter()
        .map(|value| Case {
            code: render(value).unwrap(),
            expected: json_of(value),
        })
        .collect();
    check(&nix, "values", &cases);
}

#[test]
fn bindings() {
    let Some(nix) = Nix::find("roundtrip::bindings") else {
        return;
    };
    let mut random = Random(2);
    let cases: Vec<Case> = (0..300)
        .map(|_| {
            let attrs = attrs(&mut random, 4);
            let code = format!("{{\n{}\n}}", render_bindings(&attrs).unwrap());
            Case {
                code,
                expected: json_of(&Value::Attrs(attrs)),
            }
        })
        .collect();
    check(&nix, "bindings", &cases);
}

#[test]
fn strings_in_both_styles() {
    let Some(nix) = Nix::find("roundtrip::strings_in_both_styles") else {
        return;
    };
    let mut random = Random(3);
    let mut texts: Vec<String> = FRAGMENTS.iter().map(|text| (*text).to_owned()).collect();
    for first in FRAGMENTS {
        for second in FRAGMENTS {
            texts.push(format!("{first}{second}"));
        }
    }
    for fragment in FRAGMENTS {
        texts.push(format!("  a\n {fragment}\n"));
        texts.push(format!("\n{fragment}"));
        texts.push(format!("{fragment}\n{fragment}"));
    }
    let n_systematic = texts.len();
    while texts.len() < n_systematic + N_STRINGS {
        texts.push(text(&mut random));
    }
    texts.push("${''\\\"\n\t ".repeat(20_000));
    for (name, write) in [
        ("quoted", string as fn(&str) -> String),
        ("indented", indented),
    ] {
        let cases: Vec<Case> = texts
            .iter()
            .map(|text| Case {
                code: write(text),
                expected: json!(text),
            })
            .collect();
        check(&nix, name, &cases);
    }
}

#[test]
fn attribute_paths() {
    let Some(nix) = Nix::find("roundtrip::attribute_paths") else {
        return;
    };
    let mut random = Random(4);
    let mut paths: Vec<AttrPath> = NAMES
        .iter()
        .chain(FRAGMENTS)
        .map(|name| AttrPath(vec![(*name).to_owned()]))
        .collect();
    while paths.len() < N_PATHS {
        let n_parts = 1 + random.below(5);
        paths.push(AttrPath((0..n_parts).map(|_| name(&mut random)).collect()));
    }
    let cases: Vec<Case> = paths
        .iter()
        .map(|path| {
            let written = path.to_string();
            assert_eq!(AttrPath::parse(&written).as_ref(), Ok(path));
            let nested = path
                .0
                .iter()
                .rev()
                .fold(json!(1), |inner, name| json!({ name.as_str(): inner }));
            // The path is used both to define and to select.
            let code = format!("let set = {{ {written} = 1; }}; in [ set set.{written} ]");
            Case {
                code,
                expected: json!([nested, 1]),
            }
        })
        .collect();
    check(&nix, "attribute paths", &cases);
}

#[test]
fn paths() {
    let Some(nix) = Nix::find("roundtrip::paths") else {
        return;
    };
    let mut random = Random(5);
    let mut cases = Vec::new();
    while cases.len() < 600 {
        let n_parts = 1 + random.below(4);
        let parts: Vec<String> = (0..n_parts)
            .map(|_| match random.below(2) {
                0 => (random.pick(&["a", "x.nix", "a-b", "_", "a+b", "...", "-", "9"])).to_owned(),
                _ => name(&mut random),
            })
            .collect();
        // Dots are folders, slashes separate, and Nix drops what it does not keep.
        if parts
            .iter()
            .any(|part| part.contains('/') || ["", ".", ".."].contains(&part.as_str()))
        {
            continue;
        }
        let path = parts.join("/");
        let expected = json!(format!("/{path}"));
        for prefix in ["/", "./", ""] {
            let path = Value::Path(format!("{prefix}{path}"));
            let code = match prefix {
                "/" => render(&Value::apply("toString", path)).unwrap(),
                // A relative path starts at the folder of its file.
                _ => format!(
                    "builtins.replaceStrings [ (toString ./.) ] [ \"\" ] ({})",
                    render(&Value::apply("toString", path)).unwrap()
                ),
            };
            cases.push(Case {
                code,
                expected: expected.clone(),
            });
        }
    }
    check(&nix, "paths", &cases);
}

/// A piece of Nix and what it has to evaluate to.
struct Case {
    code: String,
    expected: Json,
}

/// Evaluates all cases as written and again after formatting.
fn check(nix: &Nix, name: &str, cases: &[Case]) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("case.nix");
    let evaluate = |text: &str| -> Result<Json, String> {
        fs::write(&file, text).unwrap();
        let output = nix.evaluate(&file)?;
        serde_json::from_str(&output).map_err(|error| format!("{error} in {output}"))
    };
    let formatted = |text: &str| {
        let formatted = format(text).unwrap_or_else(|error| panic!("{name}: {error}: {text}"));
        assert_eq!(
            format(&formatted).unwrap(),
            formatted,
            "{name}: formatted twice: {text}"
        );
        formatted
    };
    for batch in cases.chunks(BATCH) {
        let list = |wrap: &dyn Fn(&str) -> String| {
            let elements: Vec<String> = batch.iter().map(|case| wrap(&case.code)).collect();
            format!("[\n{}\n]", elements.join("\n"))
        };
        let compact = list(&|code| format!("({code})"));
        let spread = list(&|code| format!("{{ v = {code}; }}.v"));
        let texts = [formatted(&compact), formatted(&spread), compact];
        for text in texts {
            let found = evaluate(&text);
            if let Ok(Json::Array(found)) = &found
                && found.len() == batch.len()
                && found
                    .iter()
                    .zip(batch)
                    .all(|(found, case)| is_same(found, &case.expected))
            {
                continue;
            }
            // Something is wrong: find the case, as written or formatted.
            for case in batch {
                for code in [case.code.clone(), formatted(&case.code)] {
                    match evaluate(&code) {
                        Ok(found) if is_same(&found, &case.expected) => {}
                        found => panic!(
                            "{name}: expected {:?}, found {found:?}\nfrom {code}\n({code:?})",
                            case.expected
                        ),
                    }
                }
            }
            panic!("{name}: the batch is read differently from its cases: {found:?}");
        }
    }
    eprintln!("{name}: {} cases, each in three layouts", cases.len());
}

/// Equality that tells integers from floats and looks at every bit of a float.
fn is_same(left: &Json, right: &Json) -> bool {
    match (left, right) {
        (Json::Number(left), Json::Number(right)) if left.is_f64() && right.is_f64() => {
            left.as_f64().map(f64::to_bits) == right.as_f64().map(f64::to_bits)
        }
        (Json::Array(left), Json::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(l, r)| is_same(l, r))
        }
        (Json::Object(left), Json::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(key, l)| right.get(key).is_some_and(|r| is_same(l, r)))
        }
        _ => left == right,
    }
}

/// What a value has to be read back as.
fn json_of(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Int(value) => json!(value),
        Value::Float(value) => json!(value),
        Value::Str(text) | Value::Lines(text) => json!(text),
        Value::List(items) => Json::Array(items.iter().map(json_of).collect()),
        Value::Attrs(attrs) => Json::Object(
            attrs
                .iter()
                .map(|(name, value)| (name.clone(), json_of(value)))
                .collect(),
        ),
        Value::Concat(parts) => Json::Array(
            parts
                .iter()
                .flat_map(|part| match json_of(part) {
                    Json::Array(items) => items,
                    other => panic!("not a list: {other}"),
                })
                .collect(),
        ),
        // Every function that is generated returns its argument, and every expression is `[ 1 2 ]`.
        Value::Apply(_, value) | Value::Commented(_, value) => json_of(value),
        Value::Expr(_) => json!([1, 2]),
        Value::Path(_) => panic!("paths have a test of their own"),
    }
}

const FUNCTIONS: &[&str] = &[
    "(x: x)",
    "x: x",
    "builtins.foldl' (a: b: b) 1 [ (x: x) ]",
    "builtins.seq 1",
    "{ f = x: x; }.f",
    "if true then x: x else null",
    "let f = x: x; in f",
    "(x: x) # why",
];

/// Code whose value is `[ 1 2 ]`, in every shape that may need parentheses.
const EXPRESSIONS: &[&str] = &[
    "[ 1 2 ]",
    "[ 1 ] ++ [ 2 ]",
    "(x: x) [ 1 2 ]",
    "{ a = [ 1 2 ]; }.a",
    "{ }.a or [ 1 2 ]",
    "if true then [ 1 2 ] else null",
    "let a = 1; in [ a 2 ]",
    "with { a = 1; }; [ a 2 ]",
    "assert true; [ 1 2 ]",
    "[ 1 2 ] # why",
    "# why\n[ 1 2 ]",
    "/* why */ [ 1 2 ]",
    "[ 1 2 ] /* why */",
    "({ a }: a) { a = [ 1 2 ]; }",
    "builtins.fromJSON ''\n  [1, 2]\n''",
    "(builtins.attrValues ({ a = 1; } // { b = 2; }))",
    "[ 1\n# why\n2 ]",
];

fn value(random: &mut Random, depth: usize) -> Value {
    let n_kinds = if depth == 0 { 6 } else { 13 };
    match random.below(n_kinds) {
        0 => random
            .pick(&[None, Some(true), Some(false)])
            .map_or(Value::Null, Value::Bool),
        1 => Value::Int(int(random)),
        2 => Value::Float(float(random)),
        3 | 4 => Value::Str(text(random)),
        5 => Value::Lines(text(random)),
        6 => list(random, depth),
        7..=9 => Value::Attrs(attrs(random, depth)),
        10 => Value::apply(random.pick(FUNCTIONS), value(random, depth - 1)),
        11 => Value::Concat((0..random.below(4)).map(|_| part(random, depth)).collect()),
        _ => Value::Commented(text(random), Box::new(value(random, depth - 1))),
    }
}

fn list(random: &mut Random, depth: usize) -> Value {
    Value::List(
        (0..random.below(5))
            .map(|_| value(random, depth - 1))
            .collect(),
    )
}

/// A list, written in one of many ways.
fn part(random: &mut Random, depth: usize) -> Value {
    let list = list(random, depth);
    match random.below(5) {
        0 => Value::apply(random.pick(FUNCTIONS), list),
        1 => Value::Commented(text(random), Box::new(list)),
        2 => Value::Concat(vec![list, Value::List(vec![])]),
        3 => Value::Expr(Expr::parse(random.pick(EXPRESSIONS)).unwrap()),
        _ => list,
    }
}

fn attrs(random: &mut Random, depth: usize) -> BTreeMap<String, Value> {
    let n_attrs = random.pick(&[0, 1, 1, 1, 2, 3, 5]);
    (0..n_attrs)
        .map(|_| (name(random), value(random, depth.saturating_sub(1))))
        .collect()
}

fn int(random: &mut Random) -> i64 {
    let bits = random.next().cast_signed();
    match random.below(5) {
        0 => random.pick(&[0, 1, -1, 8, i64::MAX, i64::MIN, i64::MIN + 1, i64::MAX - 1]),
        1 => bits,
        n => bits >> (64 - 12 * n),
    }
}

fn float(random: &mut Random) -> f64 {
    const EDGES: &[f64] = &[
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.1,
        -0.1,
        1e-7,
        1e15,
        1e16,
        1e17,
        1e21,
        1e22,
        1e23,
        1e100,
        1e308,
        f64::MAX,
        f64::MIN,
        f64::MIN_POSITIVE,
        -f64::MIN_POSITIVE,
        f64::EPSILON,
        5e-324,
        -5e-324,
        2.225_073_858_507_201e-308,
        9_007_199_254_740_993.0,
        0.3,
        2.5,
    ];
    loop {
        let value = match random.below(3) {
            0 => random.pick(EDGES),
            1 => f64::from_bits(random.next()),
            _ => f64::from(i32::try_from(random.below(200_000)).unwrap() - 100_000) / 64.0,
        };
        if value.is_finite() {
            return value;
        }
    }
}

fn text(random: &mut Random) -> String {
    let n_fragments = random.pick(&[0, 1, 2, 3, 4, 6, 9, 14, 30]);
    let mut text = String::new();
    let is_indented = random.below(3) == 0;
    for _ in 0..n_fragments {
        text.push_str(random.pick(FRAGMENTS));
        if is_indented && random.below(2) == 0 {
            text.push('\n');
            text.push_str(&" ".repeat(random.below(5)));
        }
    }
    text
}

fn name(random: &mut Random) -> String {
    match random.below(4) {
        0 => text(random),
        _ => random.pick(NAMES).to_owned(),
    }
}

fn edge_values() -> Vec<Value> {
    let nest =
        |n: usize, wrap: &dyn Fn(Value) -> Value| (0..n).fold(Value::Int(-1), |it, _| wrap(it));
    let mut values = vec![
        Value::Int(i64::MIN),
        Value::List(vec![
            Value::Int(i64::MIN),
            Value::Int(-1),
            Value::Int(i64::MAX),
        ]),
        Value::attrs([("a", Value::attrs([("b", Value::Int(i64::MIN))]))]),
        Value::List(vec![]),
        Value::Attrs(BTreeMap::new()),
        Value::Str("é$\"".repeat(50_000)),
        Value::List((0..2_000).map(Value::Int).collect()),
        Value::attrs((0..500).map(|n: i64| (format!("n{n}"), Value::Int(-n)))),
        nest(100, &|value| Value::List(vec![value])),
        nest(100, &|value| Value::attrs([("a b", value)])),
        nest(50, &|value| {
            Value::attrs([("a", value), ("if", Value::List(vec![]))])
        }),
        nest(50, &|value| Value::List(vec![Value::attrs([("", value)])])),
    ];
    for name in NAMES.iter().chain(FRAGMENTS) {
        values.push(Value::attrs([(
            *name,
            Value::attrs([(*name, Value::Null)]),
        )]));
        assert_eq!(
            attr_name(name).parse(),
            Ok(AttrPath(vec![(*name).to_owned()]))
        );
    }
    for code in EXPRESSIONS {
        let expr = Value::Expr(Expr::parse(code).unwrap());
        values.push(expr.clone());
        values.push(Value::List(vec![expr.clone(), expr.clone()]));
        values.push(Value::attrs([("a", expr.clone())]));
        for function in FUNCTIONS {
            values.push(Value::List(vec![Value::apply(*function, expr.clone())]));
        }
        values.push(Value::Concat(vec![expr.clone(), expr.clone(), expr]));
    }
    values
}
