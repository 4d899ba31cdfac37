//! The manifest on disk: its text, and what becomes of broken ones.

use std::fs;

use output::{Hash, Manifest, ManifestProblem, OutputError, Owned};

use crate::lab::{Lab, tree};

const A: &str = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b";

#[test]
fn its_text() {
    let lab = Lab::with(&[
        ("b/c.nix", "1"),
        ("a.nix", "1"),
        ("!run.sh", "1"),
        ("q\"uote", "1"),
    ]);
    let expected = format!(
        r#"{{
  "version": 1,
  "tool": "0.1.0",
  "fingerprint": "f00d",
  "clean": true,
  "files": {{
    "a.nix": "{A}",
    "b/c.nix": "{A}",
    "q\"uote": "{A}",
    "run.sh": {{ "hash": "{A}", "executable": true }}
  }}
}}
"#
    );
    assert_eq!(lab.read(".gen/manifest.json"), expected);
    let manifest = lab.manifest().unwrap();
    assert_eq!(
        manifest.files["a.nix"],
        Owned {
            hash: Hash::of(b"1"),
            executable: false
        }
    );
    assert_eq!(manifest.to_json(), expected);
    let empty = Manifest::default();
    assert!(empty.to_json().ends_with("\"files\": {}\n}\n"));
    assert_eq!(
        Manifest::from_json(empty.to_json().as_bytes()).unwrap(),
        empty
    );
}

#[test]
fn line_ends_do_not_matter() {
    let lab = Lab::with(&[("a.nix", "1")]);
    lab.write(
        ".gen/manifest.json",
        &lab.read(".gen/manifest.json").replace('\n', "\r\n"),
    );
    assert_eq!(
        lab.run(&tree(&[("a.nix", "1")])).unwrap().outcome,
        output::Outcome::Unchanged
    );
}

fn with_files(files: &str) -> String {
    format!(r#"{{"version":1,"tool":"","fingerprint":"","clean":true,"files":{{{files}}}}}"#)
}

#[test]
fn broken_ones_stop_the_run_and_touch_nothing() {
    let conflict = "{\n  \"version\": 1,\n<<<<<<< HEAD\n  \"tool\": \"1\"\n=======\n>>>>>>> x\n}\n";
    for (text, expected) in [
        (conflict.to_owned(), "has a merge conflict in line 3"),
        (String::new(), "is not a manifest: EOF"),
        ("{".to_owned(), "is not a manifest: EOF"),
        ("[]".to_owned(), "is not a manifest"),
        ("null".to_owned(), "is not a manifest"),
        ("{}".to_owned(), "missing field `version`"),
        ("\u{0}\u{1}".to_owned(), "is not a manifest"),
        (r#"{"version": 0}"#.to_owned(), "there is no format 0"),
        (r#"{"version": "1"}"#.to_owned(), "is not a manifest"),
        (
            r#"{"version": 2, "new": 1}"#.to_owned(),
            "has format 2, this gen knows 1",
        ),
        (r#"{"version": 1}"#.to_owned(), "missing field"),
        (
            with_files("").replace("\"tool\"", "\"extra\":1,\"tool\""),
            "unknown field `extra`",
        ),
        (with_files(r#""a.nix":"abc""#), "`abc` is not a SHA-256"),
        (with_files(r#""a.nix":1"#), "is not a manifest"),
        (
            with_files(&format!(r#""a.nix":"{}""#, A.to_uppercase())),
            "is not a SHA-256",
        ),
        (
            with_files(&format!(r#""a.nix":"{A}","a.nix":"{A}""#)),
            "`a.nix` is there twice",
        ),
        (
            with_files(&format!(r#""../victim":"{A}""#)),
            "`../victim` has a `.` or `..` part",
        ),
        (
            with_files(&format!(r#""/etc/x":"{A}""#)),
            "`/etc/x` is not relative",
        ),
        (
            with_files(&format!(r#"".git/config":"{A}""#)),
            "is a place of git",
        ),
        (
            with_files(&format!(r#"".gen/lock":"{A}""#)),
            "is a place of git",
        ),
    ] {
        let lab = Lab::with(&[("a.nix", "1"), ("b.nix", "1")]);
        let victim = lab.dir.path().join("victim");
        fs::write(&victim, "1").unwrap();
        lab.write(".gen/manifest.json", &text);
        let before = lab.disk();
        let error = lab.run_with(
            &tree(&[("a.nix", "2")]),
            &["."],
            &output::Options::default(),
        );
        let error = error.unwrap_err();
        assert!(
            matches!(error, OutputError::BrokenManifest { .. }),
            "{text}: {error:?}"
        );
        assert!(error.to_string().contains(expected), "{text}: {error}");
        assert!(
            error
                .to_string()
                .starts_with("`generated/.gen/manifest.json` "),
            "{error}"
        );
        let diagnostic = error.diagnostic().unwrap();
        assert_eq!(diagnostic.code, "output-manifest");
        assert!(!diagnostic.help.is_empty());
        assert_eq!(lab.disk(), before);
        assert_eq!(lab.read(".gen/manifest.json"), text);
        assert!(victim.exists());
    }
}

#[test]
fn a_folder_in_its_place() {
    let lab = Lab::new();
    fs::create_dir_all(lab.path(".gen/manifest.json")).unwrap();
    let error = lab.run(&tree(&[("a.nix", "1")])).unwrap_err();
    let OutputError::BrokenManifest { problem, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(problem, ManifestProblem::NotAFile);
}

#[test]
fn any_damage_is_an_error_and_no_panic() {
    let lab = Lab::with(&[("a.nix", "1"), ("!b.sh", "2")]);
    let text = lab.read(".gen/manifest.json").into_bytes();
    for end in 0..text.len() - 2 {
        assert!(Manifest::from_json(&text[..end]).is_err(), "cut at {end}");
    }
    for at in 0..text.len() {
        for byte in [0, b'"', b'{', b'}', 0xff, b'\n'] {
            let mut text = text.clone();
            text[at] = byte;
            let _ = Manifest::from_json(&text);
        }
    }
}
