//! `gen index` with a stand-in for Nix: what the command makes of answers and failures. What real
//! inputs give is shown by `cargo xtask index-agree`.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files and start programs"
)]

mod support;

use std::os::unix::fs::PermissionsExt as _;

use insta::assert_snapshot;
use support::Project;

const LOCK: &str = r#"{
  "nodes": {
    "nixpkgs": { "locked": { "type": "github", "rev": "0123abcd", "narHash": "sha256-A", "lastModified": 1784073599 } },
    "root": { "inputs": { "nixpkgs": "nixpkgs" } }
  },
  "root": "root",
  "version": 7
}"#;

/// Answers like Nix, by what it is asked for; `$STATE/KIND` is run first where it is there.
const STAND_IN: &str = r#"#!/bin/sh
state=$(dirname "$0")
for expression; do :; done
case $expression in
  *sources.nix*) kind=sources; answer='{"trees":[],"release":"26.11"}' ;;
  *packages.nix*) kind=packages; answer='{"names":["hello"],"aliases":[],"sets":{},"unfree":[],"broken":[],"insecure":[],"unsupported":[],"notPackages":[],"throws":[]}' ;;
  *.nixos) kind=nixos; answer='[{"name":"b","type":{"t":"int"}},{"name":"a","type":{"t":"str"}}]' ;;
  *) kind=other; answer='[]' ;;
esac
echo "$kind" >>"$state/calls"
if [ -e "$state/$kind" ]; then . "$state/$kind"; fi
printf '%s\n' "$answer"
"#;

/// A generated fleet that is locked, and a stand-in for Nix.
fn project() -> Project {
    let project = Project::new();
    project.clean(&[]);
    project.write("generated/flake.lock", LOCK);
    project.write("bin/nix", STAND_IN);
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(project.path("bin/nix"), executable).unwrap();
    project
}

const INDEX: &[&str] = &["index", "--nix", "bin/nix"];

#[test]
fn written_beside_the_spec() {
    let project = project();
    assert_snapshot!("written", project.clean(INDEX));
    assert_snapshot!("release", project.read("index/release.json"));
    assert_eq!(
        project.read("index/options-nixos.json"),
        "[\n{\"name\":\"a\",\"type\":{\"t\":\"str\"}},\n{\"name\":\"b\",\"type\":{\"t\":\"int\"}}\n]\n"
    );
    let before = project.state("index");
    let parallel = ["index", "--nix", "bin/nix", "--jobs", "3"];
    project.clean(&parallel);
    assert_eq!(
        before,
        project.state("index"),
        "the second run wrote something"
    );
    let files = std::fs::read_dir(project.path("index")).unwrap().count();
    assert_eq!(files, 5, "something is left over");
}

#[test]
fn what_cannot_be_read_is_left_out() {
    let project = project();
    project.write(
        "bin/nixos",
        r#"
if [ "$(grep -c nixos "$state/calls")" -lt 3 ]; then
  echo "trace: option x.y" >&2
  echo "error: attribute 'z' missing" >&2
  exit 1
fi
"#,
    );
    assert_snapshot!("left_out", project.clean(INDEX));
}

#[test]
fn failures_say_what_nix_said() {
    let missing = Project::new();
    assert_snapshot!("no_flake", missing.run(&["index"]));
    missing.clean(&[]);
    assert_snapshot!("no_lock", missing.run(&["index"]));
    missing.write("generated/flake.lock", LOCK);
    assert_snapshot!("no_nix", missing.run(&["index", "--nix", "bin/none"]));
    missing.write("generated/flake.lock", "{");
    assert_snapshot!("damaged_lock", missing.run(&["index", "--nix", "bin/none"]));

    let project = project();
    project.write("bin/packages", "echo 'error: out of luck' >&2; exit 1\n");
    assert_snapshot!("failing", project.run(INDEX));
    assert!(!project.path("index").exists(), "half an index was written");
    project.write("bin/packages", "kill -9 $$\n");
    assert_snapshot!("killed", project.run(INDEX));
    project.write("bin/sources", "echo 'error: cannot fetch' >&2; exit 1\n");
    assert_snapshot!("fetching", project.run(INDEX));
}

#[test]
fn a_part_alone() {
    let project = project();
    let options = ["index", "--nix", "bin/nix", "--only", "options"];
    assert_snapshot!("part_first", project.run(&options));
    project.clean(INDEX);
    assert_snapshot!("part_again", project.clean(&options));
    project.write("generated/flake.lock", LOCK.replace("0123abcd", "4567abcd"));
    assert_snapshot!("part_of_others", project.run(&options));
}
