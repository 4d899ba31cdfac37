//! What the loader reads and refuses, and where it says that things stand.

use std::fmt::Write as _;

use super::*;

/// Parses a text and returns the node and its findings as `code line:column-line:column`.
fn read(text: &str) -> (SourceMap, Option<Node>, Vec<String>) {
    let mut sources = SourceMap::new();
    let file = sources.add("x.yaml", text);
    let mut diagnostics = Diagnostics::new();
    let node = parse(&sources, file, &mut diagnostics);
    let found = findings(&sources, &diagnostics);
    (sources, node, found)
}

fn findings(sources: &SourceMap, diagnostics: &Diagnostics) -> Vec<String> {
    diagnostics
        .iter()
        .map(|d| {
            let mut text = d.code.to_owned();
            let places = d.span.iter().chain(d.related.iter().map(|r| &r.span));
            for span in places {
                let file = sources.file(span.file);
                let (line, column) = file.line_column(span.start as usize);
                let _ = write!(text, " {line}:{column}");
                let (last, end) = file.line_column(span.end as usize);
                if last == line {
                    let _ = write!(text, "-{end}");
                } else {
                    let _ = write!(text, "-{last}:{end}");
                }
            }
            text
        })
        .collect()
}

/// Findings of loading a whole file.
fn load(text: &str) -> Vec<String> {
    let mut sources = SourceMap::new();
    let file = sources.add("x.yaml", text);
    let mut diagnostics = Diagnostics::new();
    crate::load(&sources, &[file], &mut diagnostics);
    findings(&sources, &diagnostics)
}

/// The node below some keys.
fn at<'n>(node: &'n Node, path: &[&str]) -> &'n Node {
    path.iter().fold(node, |node, key| match &node.kind {
        NodeKind::Map(entries) => &entries.iter().find(|(k, _)| k.value == *key).unwrap().1,
        NodeKind::List(items) => &items[key.parse::<usize>().unwrap()],
        NodeKind::Scalar(..) => panic!("no {key} in a scalar"),
    })
}

#[test]
fn spans_cover_the_content() {
    for (text, path, tag, content) in [
        ("a: 1\n", &["a"][..], "", "1"),
        ("a: b c # d\n", &["a"], "", "b c"),
        ("a: !nix b c # d\n", &["a"], "!nix", "b c"),
        ("a:\n  !nix b\n", &["a"], "!nix", "b"),
        ("a: &x !nix b\n", &["a"], "!nix", "b"),
        ("a: !nix &x b\n", &["a"], "!nix", "b"),
        ("a: 'b''c'\n", &["a"], "", "'b''c'"),
        ("a: \"b\\\"c\"\n", &["a"], "", "\"b\\\"c\""),
        ("a: b\n  c\nd: 1\n", &["a"], "", "b\n  c"),
        ("a:\nb: 1\n", &["a"], "", ""),
        // Flow collections, with a tag and without.
        ("a: [1, 2] # x\nb: 1\n", &["a"], "", "[1, 2]"),
        ("a: [1, 2]", &["a"], "", "[1, 2]"),
        ("a: !force {b: 1}\nc: 1\n", &["a"], "!force", "{b: 1}"),
        (
            "a: [\n  1,\n  2,\n]\nb: 1\n",
            &["a"],
            "",
            "[\n  1,\n  2,\n]",
        ),
        ("a: [!nix b, c]\n", &["a", "0"], "!nix", "b"),
        // Block collections end with their last item, not with comments after it.
        (
            "a:\n  - 1\n  - 2 # x\n\n# y\nb: 1\n",
            &["a"],
            "",
            "- 1\n  - 2",
        ),
        (
            "a: !before\n  - 1\n  - 2\nb: 1\n",
            &["a"],
            "!before",
            "- 1\n  - 2",
        ),
        ("a: !force\n  b: 1\n  # x\nc: 1\n", &["a"], "!force", "b: 1"),
        (
            "a:\n  - b: 1\n    c: [2]\n  - d\n",
            &["a", "0"],
            "",
            "b: 1\n    c: [2]",
        ),
        (
            "a:\n  b: |\n    x\n    y\n\nc: 1\n",
            &["a"],
            "",
            "b: |\n    x\n    y",
        ),
        ("? [x]\n: y\nz: 1\n", &[], "", "? [x]\n: y\nz: 1"),
        ("[x]: y\nz: 1\n# c\n", &[], "", "[x]: y\nz: 1"),
        // Block scalars.
        ("a: |\n  x\n  y\nb: 1\n", &["a"], "", "x\n  y"),
        (
            "a: !nix |\n  x\n\n  y\n\n# c\nb: 1\n",
            &["a"],
            "!nix",
            "x\n\n  y",
        ),
        ("a: >-\n  x\n  y\n", &["a"], "", "x\n  y"),
        ("a: |\n  x", &["a"], "", "x"),
        ("a: |+\n  x\n\n\nb: 1\n", &["a"], "", "x"),
        // Not only ASCII, a byte order mark, and both kinds of line breaks.
        ("\u{feff}ä: ü ö\n", &["ä"], "", "ü ö"),
        (
            "a: 1\r\nb: |\r\n  x\r\n  y\r\nc: 1\r\n",
            &["b"],
            "",
            "x\r\n  y",
        ),
        ("a: [1,\r\n  2]\r\nb: 1\r\n", &["a"], "", "[1,\r\n  2]"),
        // An alias stands where its anchor does.
        ("a: &x {b: 1}\nc: *x\n", &["c"], "", "{b: 1}"),
        ("a: &x\n  b: 1\nc: [*x, 2]\n", &["c"], "", "[*x, 2]"),
        ("a: &x 1\nc:\n  - *x\nd: 2\n", &["c"], "", "- *x"),
    ] {
        let (sources, node, problems) = read(text);
        let node = node.unwrap_or_else(|| panic!("{text:?}: {problems:?}"));
        let node = at(&node, path);
        assert_eq!(sources.slice(node.span), content, "{text:?}");
        let written = node.tag.as_ref().map_or("", |t| sources.slice(t.span));
        assert_eq!(written, tag, "{text:?}");
    }
}

#[test]
fn empty_values_stand_behind_their_key() {
    let (sources, node, _) = read("a:\n  b:\nc: 1\n");
    let node = node.unwrap();
    let empty = at(&node, &["a", "b"]);
    assert!(empty.is_null());
    let file = sources.file(empty.span.file);
    assert_eq!(file.line_column(empty.span.start as usize).0, 2);
}

#[test]
fn refusals() {
    let long = format!("a: {}\n", "x".repeat(10 << 20));
    let deep_flow = "[".repeat(10_000);
    let mut deep_block = String::new();
    for i in 0..200 {
        let _ = writeln!(deep_block, "{}a:", " ".repeat(i));
    }
    // Each level repeats the one before ten times.
    let mut bomb = "a0: &a0 x\n".to_owned();
    for i in 1..12 {
        let items = vec![format!("*a{}", i - 1); 10].join(", ");
        let _ = writeln!(bomb, "a{i}: &a{i} [{items}]");
    }
    // Each anchor holds the one before, fifty levels down.
    let mut deep_aliases = "a0: &a0 x\n".to_owned();
    for i in 1..1000 {
        let (open, close) = ("[".repeat(50), "]".repeat(50));
        let _ = writeln!(deep_aliases, "a{i}: &a{i} {open}*a{}{close}", i - 1);
    }
    let mut long_aliases = format!("a: &a {}\nb:\n", "x".repeat(1 << 20));
    long_aliases.push_str(&"  - *a\n".repeat(1000));
    let mut wrong = Vec::new();
    for (text, expected) in [
        (long.as_str(), &["yaml-budget 1:4-5"][..]),
        (&deep_flow, &["yaml-budget 1:67-68"]),
        (&deep_block, &["yaml-budget 65:65-65"]),
        (&bomb, &["yaml-budget 6:45-48"]),
        (&deep_aliases, &["yaml-budget 3:59-62"]),
        (&long_aliases, &["yaml-budget 9:5-7"]),
        ("a: &x [*x]\n", &["yaml-syntax 1:8-10"]),
        ("a: *x\n", &["yaml-syntax 1:4-5"]),
        ("a: 1\n---\nb: 1\n", &["yaml-documents 2:1-4"]),
        ("!nix a: 1\n", &["tag-on-key 1:1-5"]),
        ("a: { <<: { b: 1 } }\n", &["merge-key 1:6-8"]),
        ("? [a, b]\n: 1\n", &["key-not-text 1:3-9"]),
        ("{a: 1}: 1\n", &["key-not-text 1:1-7"]),
        ("a: !!int 1\n", &["unknown-tag 1:4-9"]),
        ("a: !<tag:x,y> 1\n", &["unknown-tag 1:4-14"]),
        ("a:\n\tb: 1\n", &["yaml-syntax 2:1-2"]),
        ("a: \"\\q\"\n", &["yaml-syntax 1:4-5"]),
        ("a: 'x\n", &["yaml-syntax 2:1-1"]),
        ("a: [1, 2\nb: 1\n", &["yaml-syntax 2:2-3"]),
        ("\"a.b\".c: 1\n", &["yaml-syntax 1:6-7"]),
        ("a: b: c\n", &["yaml-syntax 1:5-6"]),
        ("a: 1\n b: 2\n", &["yaml-syntax 2:3-4"]),
        ("a: @x\n", &["yaml-syntax 1:4-5"]),
        ("a: 1\u{0}\n", &["yaml-syntax 1:5-6"]),
    ] {
        let (_, _, found) = read(text);
        let shown: String = text.chars().take(60).collect();
        if found != expected {
            wrong.push(format!("{shown:?}: {found:?}, not {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn syntax_errors_say_what_to_do() {
    for (text, help) in [
        ("a:\n\tb: 1\n", "indent with spaces"),
        ("\"a.b\".c: 1\n", "needs single quotes around it"),
        (
            "hosts:\n  p620:\n    settings:\n      \"a.b\".c: 1\n",
            "single quotes",
        ),
        ("a: !nix x: y\n", "`!nix |`"),
        ("a: b: c\n", "quote a value or key"),
    ] {
        let mut sources = SourceMap::new();
        let file = sources.add("x.yaml", text);
        let mut diagnostics = Diagnostics::new();
        parse(&sources, file, &mut diagnostics);
        let all: Vec<String> = diagnostics.iter().flat_map(|d| d.help.clone()).collect();
        assert!(all.iter().any(|h| h.contains(help)), "{text:?}: {all:?}");
    }
}

#[test]
fn what_is_accepted() {
    for text in [
        "",
        "# nothing\n",
        "---\na: 1\n...\n",
        "a: 1\n...\n# end\n",
        "\u{feff}a: 1\r\n",
        "a: &x 1\nb: *x\n",
        "a: &x {b: [1, 2]}\nc: [*x, *x]\n",
        "a: &x 1\n",
        "a: '*'\n",
    ] {
        let (_, _, found) = read(text);
        assert!(found.is_empty(), "{text:?}: {found:?}");
    }
    // Under the limits.
    let mut aliases = "a: &a [1, 2, 3]\nb:\n".to_owned();
    aliases.push_str(&"  - *a\n".repeat(1000));
    assert!(read(&aliases).2.is_empty());
    let nested = format!("{}1{}", "[".repeat(64), "]".repeat(64));
    assert!(read(&nested).2.is_empty());
    let quoted = format!("a: \"{}\"\n", "x".repeat(1 << 20));
    assert!(read(&quoted).2.is_empty());
}

#[test]
fn both_duplicates_are_kept_and_shown() {
    let (_, node, _) = read("a: 1\nb: 2\na: 3\n");
    assert!(matches!(node.unwrap().kind, NodeKind::Map(entries) if entries.len() == 3));
    for (text, expected) in [
        ("hosts:\n  a: {}\n  a: {}\n", "duplicate-key 3:3-4 2:3-4"),
        (
            "fleet: {name: a, name: b}\n",
            "duplicate-key 1:18-22 1:9-13",
        ),
        (
            "hosts:\n  a:\n    settings:\n      x.y: 1\n      x: {y: 2}\n",
            "duplicate-key 5:11-12 4:7-10",
        ),
        (
            "hosts: {a: {features: {x: {y: {o: 1, o: 2}}}}}\n",
            "duplicate-key 1:38-39 1:32-33",
        ),
    ] {
        assert_eq!(load(text), [expected], "{text:?}");
    }
}

/// Loads a host whose settings are the lines given, indented by six.
fn settings(lines: &str) -> Vec<String> {
    let indented: String = lines.lines().fold(String::new(), |mut all, line| {
        let _ = writeln!(all, "      {line}");
        all
    });
    load(&format!("hosts:\n  a:\n    settings:\n{indented}"))
}

#[test]
fn problems_of_code_have_exact_places() {
    let mut wrong = Vec::new();
    for (text, expected) in [
        // Plain.
        ("x: !nix a + ]\n", "nix-syntax 4:19-20"),
        ("x: [!nix ü ?]\n", "nix-syntax 4:16-17"),
        ("x: !nix a\n  + b\n  ] c\n", "nix-syntax 6:9-12"),
        // Quoted.
        ("x: !nix \"a + ]\"\n", "nix-syntax 4:20-21"),
        ("x: !nix 'a + ]'\n", "nix-syntax 4:20-21"),
        // A literal block, also with deeper and empty lines.
        ("x: !nix |\n  {\n    a = ];\n  }\n", "nix-syntax 6:15-16"),
        (
            "x: !nix |\n  {\n\n    a = 1;\n    a = 2;\n  }\n",
            "nix-syntax 8:11-12",
        ),
        ("x: !nix |-\n  a\n  ]\n", "nix-syntax 6:9-10"),
        // Where text and file differ, the whole value.
        ("x: !nix \"a\\t]\"\n", "nix-syntax 4:15-21"),
        ("x: !nix 'a '' ]'\n", "nix-syntax 4:15-23"),
        // The end of the text.
        ("x: !nix a +\ny: 1\n", "nix-syntax 4:18-18"),
        ("x: !nix |\n  a +\ny: 1\n", "nix-syntax 5:12-12"),
        ("x: !force\n  value: !nix a ]\n", "nix-syntax 5:23-24"),
    ] {
        let found = settings(text);
        if found.first().is_none_or(|f| f != expected) {
            wrong.push(format!("{text:?}: {found:?}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn positions_of_values() {
    for (text, expected) in [
        ("x: yes\n", "ambiguous-scalar 4:10-13"),
        ("x: [1, 010]\n", "ambiguous-scalar 4:14-17"),
        ("x: !nx 1\n", "unknown-tag 4:10-13"),
        ("x: !nix [1]\n", "bad-tag-content 4:10-14"),
        ("x:\n  - !opt y\n", "tag-outside-feature 5:11-15"),
        ("a/b: 1\n", "bad-attribute-path 4:7-10"),
        ("'\"a\".${b}': 1\n", "bad-attribute-path 4:7-17"),
        ("ü: 1\n", "bad-attribute-path 4:7-8"),
    ] {
        assert_eq!(settings(text), [expected], "{text:?}");
    }
    assert_eq!(
        load("hosts:\r\n  a:\r\n    dsc: 1\r\n"),
        ["unknown-key 3:5-8"]
    );
    assert_eq!(load("\u{feff}hots: 1\n"), ["unknown-key 1:1-5"]);
}
