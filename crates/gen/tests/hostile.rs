//! Hostile and broken input: each case gives a finding or an error, never a panic, and costs nobody a
//! file. What the folder of the output does during a run is tried in `output`'s own tests.
#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    clippy::disallowed_methods,
    clippy::format_collect,
    clippy::format_push_string,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests make files and start the command; the builder serves several tests"
)]

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use support::{FLEET, Project, Run};

/// A second fleet file besides the small fleet, and what the message must hold.
const SPECS: &[(&str, &str, &str)] = &[
    // Text that wants to be code, a path or a command.
    (
        "host name with ../",
        "hosts:\n  ../../etc: {}\n",
        "bad-name",
    ),
    (
        "host name that is absolute",
        "hosts:\n  /etc/passwd: {}\n",
        "bad-name",
    ),
    (
        "host name with a command",
        "hosts:\n  $(rm -rf ~): {}\n",
        "bad-name",
    ),
    (
        "host name with a quote",
        "hosts:\n  'a\"b': {}\n",
        "bad-name",
    ),
    (
        "host name with a line break",
        "hosts:\n  \"a\\nb\": {}\n",
        "bad-name",
    ),
    ("host name that is empty", "hosts:\n  '': {}\n", "bad-name"),
    (
        "host name of 300 letters",
        "hosts:\n  HOST300: {}\n",
        "bad-name",
    ),
    ("user name with a slash", "users:\n  a/b: {}\n", "bad-name"),
    (
        "user name that is code",
        "users:\n  '${builtins.abort 1}': {}\n",
        "bad-name",
    ),
    (
        "template name with ..",
        "templates:\n  '..': {}\n",
        "bad-name",
    ),
    (
        "profile name with a NUL",
        "profiles:\n  \"a\\0b\": {}\n",
        "bad-name",
    ),
    (
        "feature id that leaves the folder",
        "features:\n  ../../x.app: { summary: X, nixos: {} }\n",
        "bad-name",
    ),
    (
        "feature id without a dot",
        "features:\n  x: { summary: X, nixos: {} }\n",
        "bad-name",
    ),
    (
        "disk name with a quote",
        "disks:\n  'a\"; rm': { layout: ext4, device: /dev/sda }\n",
        "bad-name",
    ),
    (
        "secret name with ../",
        "secrets:\n  items:\n    ../x: { hosts: [all] }\n",
        "bad-name",
    ),
    (
        "input name that is code",
        "inputs:\n  'a; b': { url: 'github:a/b' }\n",
        "bad-name",
    ),
    (
        "zone that is a flag",
        "hosts:\n  two: { network: { zones: { lan: ['-i eth0; reboot'] } } }\n",
        "bad-name",
    ),
    (
        "module that is absolute",
        "hosts:\n  two: { modules: [/etc/passwd] }\n",
        "bad-path",
    ),
    (
        "module above the spec",
        "hosts:\n  two: { modules: [../../secret.nix] }\n",
        "bad-path",
    ),
    (
        "asset above the spec",
        "hosts:\n  two: { settings: { a.b: !file ../secret } }\n",
        "bad-path",
    ),
    (
        "asset in a home folder",
        "hosts:\n  two: { settings: { a.b: !file ~/.ssh/id_ed25519 } }\n",
        "bad-path",
    ),
    (
        "asset with a NUL",
        "hosts:\n  two: { settings: { a.b: !file \"x\\0\" } }\n",
        "bad-path",
    ),
    (
        "body above the spec",
        "features:\n  x.app: { summary: X, body: ../../etc/passwd }\n",
        "bad-path",
    ),
    (
        "code that closes the set around it",
        "hosts:\n  two: { settings: { a.b: !nix '1; } // { evil = 2' } }\n",
        "nix-syntax",
    ),
    (
        "code that ends in an open comment",
        "hosts:\n  two: { settings: { a.b: !nix '1 /* ' } }\n",
        "nix-syntax",
    ),
    (
        "code that is empty",
        "hosts:\n  two: { settings: { a.b: !nix '' } }\n",
        "nix-syntax",
    ),
    (
        "code that nests 100,000 deep",
        "hosts:\n  two: { settings: { a.b: !nix 'OPEN100000' } }\n",
        "nix-syntax",
    ),
    (
        "key with interpolation",
        "hosts:\n  two: { settings: { 'a.\"${x}\"': 1 } }\n",
        "bad-attribute-path",
    ),
    (
        "key that is only dots",
        "hosts:\n  two: { settings: { '...': 1 } }\n",
        "bad-attribute-path",
    ),
    (
        "text with a NUL",
        "hosts:\n  two: { description: \"a\\0b\" }\n",
        "nul-in-text",
    ),
    (
        "derive that reads a file",
        "features:\n  x.app: { summary: X, options: { a: { type: string, description: X, derive: \"read('/etc/passwd')\" } }, nixos: {} }\nhosts:\n  two: { hardware: { platform: lxc }, features: { x: [app] } }\n",
        "derive",
    ),
    (
        "derive that wants 10 GB",
        "features:\n  x.app: { summary: X, options: { a: { type: anything, description: X, derive: \"('x' * 9999999999) | length\" } }, nixos: {} }\nhosts:\n  two: { hardware: { platform: lxc }, features: { x: [app] } }\n",
        "derive",
    ),
    (
        "derive that is not an expression",
        "features:\n  x.app: { summary: X, options: { a: { type: string, description: X, derive: '{{ 1 }}}' } }, nixos: {} }\n",
        "derive",
    ),
    (
        "pattern that is not one",
        "features:\n  x.app: { summary: X, options: { a: { type: { string: { pattern: '(((' } }, description: X } }, nixos: {} }\nhosts:\n  two: { hardware: { platform: lxc }, features: { x: { app: { a: 1 } } } }\n",
        "option-type",
    ),
    // YAML that wants to exhaust the reader.
    ("aliases that explode", "BOMB", "yaml-budget"),
    ("lists 1,000 deep", "DEEPLIST", "yaml-"),
    ("mappings 1,000 deep", "DEEPMAP", "yaml-"),
    ("text of 10 MB", "BIGTEXT", "yaml-budget"),
    ("key of 10 MB", "BIGKEY", "yaml-"),
    ("100,000 unknown keys", "MANYKEYS", "unknown-key"),
    (
        "20,000 hosts without anything",
        "MANYHOSTS",
        "no-root-file-system",
    ),
    (
        "an alias to itself",
        "hosts: &a\n  two: *a\n",
        "yaml-syntax",
    ),
    ("an alias to nothing", "hosts: *nothing\n", "yaml-syntax"),
    (
        "a merge key",
        "hosts:\n  two:\n    <<: { description: x }\n",
        "merge-key",
    ),
    (
        "two documents",
        "hosts: {}\n---\nhosts: {}\n",
        "yaml-documents",
    ),
    (
        "a tag of another language",
        "hosts: !!python/object:os.system {}\n",
        "unknown-tag",
    ),
    ("a key that is a list", "? [a, b]\n: 1\n", "key-not-text"),
    ("a file that is a list", "- hosts\n", "wrong-type"),
    ("a file that is a number", "42\n", "wrong-type"),
    ("an unclosed bracket", "hosts: {\n", "yaml-syntax"),
    ("an unclosed quote", "hosts: \"\n", "yaml-syntax"),
    ("a tab", "hosts:\n\ttwo: {}\n", "yaml-syntax"),
    ("control characters", "hosts: \u{1}\u{2}\n", "yaml-syntax"),
    (
        "an integer beyond 64 bits",
        "hosts:\n  two: { settings: { a.b: 99999999999999999999999 } }\n",
        "ambiguous-scalar",
    ),
    (
        "a size beyond 64 bits",
        "hosts:\n  two: { hardware: { memory: 99999999999999T } }\n",
        "bad-size",
    ),
    (
        "a port beyond 16 bits",
        "hosts:\n  two: { features: { web: { server: { port: 70000 } } } }\n",
        "option-type",
    ),
    (
        "a template that extends itself",
        "templates:\n  loop: { extends: loop }\n",
        "extends-cycle",
    ),
    (
        "features that require each other",
        "features:\n  x.a: { summary: A, requires: [x.b], nixos: { a.b: 1 } }\n  x.b: { summary: B, requires: [x.a], conflicts: [x.a], nixos: { a.b: 1 } }\nhosts:\n  two: { features: { x: [a] } }\n",
        "x.",
    ),
    (
        "a version from the future",
        "version: 999999\n",
        "spec-version",
    ),
    (
        "a private key",
        "secrets:\n  keys:\n    users: { alice: AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ }\n",
        "private-key",
    ),
    (
        "a password",
        "users:\n  bob: { password: hunter2 }\n",
        "literal-credential",
    ),
];

fn made(text: &str) -> String {
    match text {
        "BOMB" => {
            let mut bomb = String::from("hosts:\n  a: &a [x, x, x, x, x, x, x, x, x]\n");
            for (name, below) in ('b'..='j').zip('a'..) {
                bomb.push_str(&format!(
                    "  {name}: &{name} [{}]\n",
                    vec![format!("*{below}"); 9].join(", ")
                ));
            }
            bomb
        }
        "DEEPLIST" => format!("hosts: {}{}\n", "[".repeat(1000), "]".repeat(1000)),
        "DEEPMAP" => (0..1000)
            .map(|i| format!("{}a:\n", " ".repeat(i)))
            .collect(),
        "BIGTEXT" => format!("fleet:\n  description: {}\n", "x".repeat(10 << 20)),
        "BIGKEY" => format!("{}: 1\n", "x".repeat(10 << 20)),
        "MANYKEYS" => (0..100_000).map(|i| format!("key{i}: 1\n")).collect(),
        "MANYHOSTS" => (0..20_000).fold("hosts:\n".to_owned(), |all, i| {
            all + &format!("  h{i}: {{}}\n")
        }),
        text => text
            .replace("HOST300", &"h".repeat(300))
            .replace("OPEN100000", &"[".repeat(100_000)),
    }
}

/// A project with output that was written before, a user's file in it, and a user's edit.
fn project() -> Project {
    let project = Project::new();
    project.clean(&[]);
    project.write("generated/notes.txt", "mine");
    project
}

fn assert_sound(name: &str, run: &Run, code: i32, word: &str) {
    assert_eq!(run.code, code, "{name}: {run:#?}");
    assert!(
        run.stderr.contains(word),
        "{name} says nothing of `{word}`: {:.2000}",
        run.stderr
    );
    for bad in ["panicked", "a bug in", "internal-error", "RUST_BACKTRACE"] {
        assert!(!run.stderr.contains(bad), "{name}: {:.2000}", run.stderr);
    }
    assert!(
        !run.stderr.contains('\u{1b}'),
        "{name}: an escape sequence reached the terminal"
    );
}

fn check(cases: &[(&str, &str, &str)]) {
    let project = project();
    let before = project.state("generated");
    for (name, text, word) in cases {
        project.write("spec/zz.yaml", made(text));
        let run = project.run(&[]);
        assert_sound(name, &run, 1, word);
        assert_eq!(
            before,
            project.state("generated"),
            "{name}: the output changed"
        );
    }
}

#[test]
fn specs() {
    let (heavy, light): (Vec<_>, Vec<_>) = SPECS
        .iter()
        .partition(|(_, text, _)| text.chars().all(|c| c.is_ascii_uppercase()));
    assert!(heavy.len() + light.len() >= 50);
    check(&light);
}

#[test]
fn specs_that_want_to_exhaust() {
    let heavy: Vec<_> = SPECS
        .iter()
        .filter(|(_, text, _)| text.chars().all(|c| c.is_ascii_uppercase()))
        .copied()
        .collect();
    assert!(!heavy.is_empty());
    check(&heavy);
}

#[test]
fn bytes_that_are_no_text() {
    let project = project();
    let before = project.state("generated");
    let cases: &[(&str, &[u8], &str)] = &[
        (
            "invalid UTF-8",
            b"hosts:\n  \xff\xfe: {}\n",
            "spec-encoding",
        ),
        ("UTF-16", b"\xff\xfeh\0o\0s\0t\0s\0", "spec-encoding"),
        (
            "half a character",
            b"fleet: { name: \xe2\x82 }\n",
            "spec-encoding",
        ),
        (
            "an ELF file",
            b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\xde\xad",
            "error[",
        ),
    ];
    for (name, bytes, word) in cases {
        project.write("spec/zz.yaml", bytes);
        let run = project.run(&[]);
        assert!(run.code == 1 || run.code == 2, "{name}: {run:#?}");
        assert_sound(name, &run, run.code, word);
        assert_eq!(before, project.state("generated"), "{name}");
    }
}

#[test]
fn strings_stay_strings() {
    let texts = [
        "${builtins.abort \"evil\"}",
        "''${x}",
        "\\${x}",
        "a\"; evil = true; b = \"",
        "'' + builtins.readFile /etc/passwd + ''",
        "$(rm -rf ~)",
        "{{ 7 * 7 }}",
        "{% raw %}",
        "line\nbreak",
        "*/ x /*",
        "# comment",
    ];
    for text in texts {
        let quoted = serde_json::to_string(text).unwrap();
        let project = Project::empty().file("spec/fleet.yaml", FLEET).file(
            "spec/hosts.yaml",
            format!(
                "users:\n  alice: {{ fullName: Alice, email: {quoted} }}\nhosts:\n  one:\n    description: {quoted}\n    hardware: {{ platform: lxc }}\n    users: {{ alice: [] }}\n    settings: {{ a.b: {quoted}, c.{quoted}: [{quoted}] }}\n"
            ).replace("c.\"", "'c.\"").replace("\": [", "\"': ["),
        );
        let run = project.run(&[]);
        // A key with interpolation or a quote is refused; everything else is data.
        if run.code == 1 {
            assert!(
                run.stderr.contains("bad-attribute-path") || run.stderr.contains("yaml-syntax"),
                "{text}: {run:#?}"
            );
            continue;
        }
        assert_eq!(run.code, 0, "{text}: {run:#?}");
        let host = project.read("generated/hosts/one/default.nix");
        assert!(nix::parse_problems(&host).is_empty(), "{text}: {host}");
        let found = nix::definitions(&host).unwrap();
        let value = found
            .iter()
            .find(|d| d.path.to_string() == "a.b")
            .map(|d| d.value.clone());
        assert_eq!(value, Some(nix::DefValue::Str(text.to_owned())), "{host}");
        assert!(
            found
                .iter()
                .all(|d| d.path.parts().first().is_some_and(|p| p != "evil")),
            "{host}"
        );
    }
}

#[test]
fn folders_and_files_of_every_kind() {
    // A name, how the project is prepared, and what the message holds.
    type Prepare = fn(&Project);
    let cases: &[(&str, Prepare, &str)] = &[
        (
            "the output is a file",
            |p| {
                fs::remove_dir_all(p.path("generated")).unwrap();
                p.write("generated", "a file");
            },
            "generated",
        ),
        (
            "a folder of the output leads away",
            |p| {
                fs::create_dir_all(p.path("elsewhere")).unwrap();
                p.write("elsewhere/default.nix", "theirs");
                fs::remove_dir_all(p.path("generated/hosts/one")).unwrap();
                symlink(p.path("elsewhere"), p.path("generated/hosts/one")).unwrap();
            },
            "output-symlink",
        ),
        (
            "a file of the output leads away",
            |p| {
                p.write("theirs.nix", "theirs");
                fs::remove_file(p.path("generated/flake.nix")).unwrap();
                symlink(p.path("theirs.nix"), p.path("generated/flake.nix")).unwrap();
            },
            "output-symlink",
        ),
        (
            "a folder stands where a file should be",
            |p| {
                fs::remove_file(p.path("generated/flake.nix")).unwrap();
                fs::create_dir(p.path("generated/flake.nix")).unwrap();
            },
            "output-obstructed",
        ),
        (
            "a file stands where a folder should be",
            |p| {
                fs::remove_dir_all(p.path("generated/hosts")).unwrap();
                p.write("generated/hosts", "mine");
            },
            "output-obstructed",
        ),
        (
            "the manifest is a merge conflict",
            |p| {
                p.write(
                    "generated/.gen/manifest.json",
                    "<<<<<<< ours\n{}\n=======\n{}\n>>>>>>> theirs\n",
                );
            },
            "output-manifest",
        ),
        (
            "the manifest names files outside",
            |p| {
                p.write("generated/.gen/manifest.json", "{\"version\":1,\"tool\":\"0\",\"fingerprint\":\"\",\"clean\":false,\"files\":{\"../../victim\":\"00\"}}");
                p.write("victim", "theirs");
            },
            "output-manifest",
        ),
        (
            "a spec file cannot be followed",
            |p| {
                symlink("nowhere.yaml", p.path("spec/dangling.yaml")).unwrap();
            },
            "spec-symlink",
        ),
        (
            "a spec file leads outside",
            |p| {
                symlink("/etc/passwd", p.path("spec/passwd.yaml")).unwrap();
            },
            "spec-symlink",
        ),
        (
            "a hand-edited file",
            |p| {
                let text = p.read("generated/flake.nix");
                p.write("generated/flake.nix", format!("{text}# mine\n"));
            },
            "output-edited",
        ),
    ];
    for (name, prepare, word) in cases {
        let project = project();
        prepare(&project);
        // Something to write, so that the run does not stop early.
        project.write(
            "spec/more.yaml",
            "hosts:\n  two: { hardware: { platform: lxc } }\n",
        );
        let run = project.run(&[]);
        assert!(run.code == 1 || run.code == 2, "{name}: {run:#?}");
        assert_sound(name, &run, run.code, word);
        for (path, content) in [
            ("elsewhere/default.nix", "theirs"),
            ("theirs.nix", "theirs"),
            ("victim", "theirs"),
        ] {
            if project.path(path).exists() {
                assert_eq!(project.read(path), content, "{name}: {path}");
            }
        }
    }
}

#[test]
fn a_folder_of_the_spec_that_leads_to_itself() {
    let project = project();
    symlink(".", project.path("spec/loop")).unwrap();
    project.write(
        "spec/more.yaml",
        "hosts:\n  two: { hardware: { platform: lxc } }\n",
    );
    let run = project.run(&[]);
    assert_sound("a loop", &run, 0, "spec-symlink");
    assert!(
        project.path("generated/hosts/two/default.nix").exists(),
        "{run:#?}"
    );
}

#[test]
fn files_that_cannot_be_read() {
    let project = project();
    project.write("spec/closed.yaml", "hosts: {}\n");
    let path = project.path("spec/closed.yaml");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&path).is_ok() {
        println!("SKIPPED: the superuser reads every file");
        return;
    }
    let run = project.run(&[]);
    assert_sound("an unreadable file", &run, run.code, "spec-unreadable");
    assert_ne!(run.code, 0);
}
