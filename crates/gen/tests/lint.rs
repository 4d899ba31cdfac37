//! `gen lint`, and the rules over everything that gen itself writes.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files and start programs"
)]

mod support;

use camino::{Utf8Path, Utf8PathBuf};
use diag::{Diagnostics, Format, SourceMap, Style};
use flakesmith::{Sources, generate, lint_generated, load};
use insta::assert_snapshot;
use support::{FLEET, HOSTS, Project};

fn shown(diagnostics: &Diagnostics, sources: &SourceMap) -> String {
    diag::render(diagnostics, sources, Format::Human, Style::default())
}

/// The specs of the repository that are not about mistakes.
fn specs() -> Vec<Utf8PathBuf> {
    let root = Utf8Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize_utf8()
        .unwrap();
    let mut specs = vec![root.join("spec")];
    for case in root.join("golden").read_dir_utf8().unwrap() {
        let spec = case.unwrap().path().join("spec");
        if spec.is_dir() {
            specs.push(spec);
        }
    }
    specs.sort();
    specs
}

#[test]
fn what_gen_writes_has_no_finding() {
    let specs = specs();
    assert!(specs.len() > 10);
    let mut all = String::new();
    for spec in specs {
        let mut generated = generate(load(&spec, &spec.with_file_name("expected")));
        // A fleet may be about something that is wrong.
        if generated.tree.is_none() {
            continue;
        }
        let case = spec.parent().and_then(Utf8Path::file_name).unwrap();
        let found = lint_generated(&mut generated, &spec, |path| format!("{case}/{path}"));
        all.push_str(&shown(&found, &generated.sources));
    }
    assert!(all.is_empty(), "{all}");
}

#[test]
fn hand_written_modules_are_checked_where_they_stand() {
    let hosts = HOSTS.replace(
        "    settings: { services.fwupd.enable: false }",
        "    modules: [nix/extra.nix]",
    );
    let files = [
        ("fleet.yaml", FLEET),
        ("hosts.yaml", &hosts),
        (
            "nix/extra.nix",
            "{ lib, ... }:\n{\n  networking.firewall.enable = false;\n}\n",
        ),
    ];
    let mut generated = generate(Sources::from_memory("spec", files));
    let found = lint_generated(&mut generated, Utf8Path::new("spec"), str::to_owned);
    assert_snapshot!(shown(&found, &generated.sources), @r"
    warning[lint/unused-argument]: `lib` is never used
     --> spec/nix/extra.nix:1:3
      |
    1 | { lib, ... }:
      |   ^^^
      |
    help: remove the argument

    warning[lint/open-firewall]: the firewall is off
     --> spec/nix/extra.nix:3:3
      |
    3 |   networking.firewall.enable = false;
      |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
    help: leave it on, and open what is used

    2 warnings
    ");
}

#[test]
fn the_section_of_the_spec_counts() {
    let fleet = format!(
        "{FLEET}lint:\n  rules: {{ unused-argument: \"off\", open-firewall: error }}\n  ignore:\n    - {{ rule: rec-set, path: custom/**, reason: nothing }}\n"
    );
    let hosts = HOSTS.replace(
        "    settings: { services.fwupd.enable: false }",
        "    modules: [nix/extra.nix]",
    );
    let project = Project::empty()
        .file("spec/fleet.yaml", fleet)
        .file("spec/hosts.yaml", hosts)
        .file(
            "spec/nix/extra.nix",
            "{ lib, ... }:\n{\n  networking.firewall.enable = false;\n}\n",
        );
    project.clean(&[]);
    assert_snapshot!("section_check", project.run(&["check"]));
    assert_snapshot!("section_lint", project.run(&["lint", "spec/nix"]));
}

const BAD: &str = "{ config, lib, ... }:\nlet\n  unused = 1;\nin\nrec {\n  imports = [ ./more.nix ];\n  boot.tmp.useTmpfs = lib.mkIf true (config.a == 1);\n}\n";

#[test]
fn formats_and_status() {
    let project = Project::empty().file("a/default.nix", BAD);
    assert_snapshot!("lint_human", project.run(&["lint", "a"]));
    assert_snapshot!(
        "lint_github",
        project.run(&["lint", "a", "--format", "github"])
    );
    assert_snapshot!(
        "lint_json",
        project.run(&["lint", "a", "--format", "json", "--rule", "rec-set"])
    );
    let sarif = project.run(&["lint", "a", "--format", "sarif"]);
    assert!(sarif.stdout.contains("\"id\": \"lint/rec-set\""), "{sarif}");
    assert_snapshot!("lint_stats", project.run(&["lint", "a", "--stats"]));
    let all = ["unused-binding", "rec-set", "mkif-true"];
    let mut args = vec!["lint", "a"];
    args.extend(all.iter().flat_map(|rule| ["--allow", rule]));
    assert_snapshot!("lint_clean", project.clean(&args));
    let denied = project.run(&["lint", "a", "--deny", "rec-set"]);
    assert!(denied.stderr.contains("error[lint/rec-set]"), "{denied}");
    project.clean(&["lint", "a", "--exclude", "a/**"]);
}

#[test]
fn fixes_are_shown_and_written_on_demand() {
    let project = Project::empty()
        .file("a.nix", BAD)
        .file("more.nix", "{ boot.tmp.cleanOnBoot = true; }\n");
    let before = project.state(".");
    assert_snapshot!("lint_fix_asked", project.run(&["lint", "--fix"]));
    assert_eq!(before, project.state("."), "it wrote without being asked");
    assert_snapshot!("lint_fix_written", project.run(&["lint", "--fix", "--yes"]));
    let fixed = project.read("a.nix");
    assert_snapshot!(fixed, @r"
    { config, ... }:
    {
      imports = [ ./more.nix ];
      boot.tmp.useTmpfs = config.a == 1;
    }
    ");
    let after = project.state(".");
    assert_snapshot!("lint_fix_again", project.clean(&["lint", "--fix", "--yes"]));
    assert_eq!(after, project.state("."), "fixing again wrote something");
}

#[test]
fn broken_files_are_findings() {
    let project = Project::empty()
        .file("broken.nix", "{ a = ; }")
        .file("deep.nix", "(".repeat(100_000))
        .file("empty.nix", "")
        .file("latin.nix", b"\"\xe9\"".as_slice())
        .file("nul.nix", "\"\0\"")
        .file("good.nix", "{ a = 1; }\n");
    assert_snapshot!("lint_broken", project.run(&["lint"]));
}

#[test]
fn a_small_fleet_is_clean() {
    let project = Project::new();
    project.clean(&[]);
    project.clean(&["check"]);
    project.clean(&["lint"]);
}

#[test]
fn explained_and_listed() {
    let project = Project::empty();
    assert_snapshot!(
        "lint_explain",
        project.clean(&["lint", "--explain", "rec-set"])
    );
    assert_snapshot!("lint_list", project.clean(&["lint", "--list"]));
    assert_snapshot!(
        "lint_unknown_rule",
        project.run(&["lint", "--explain", "rec-sets"])
    );
    assert_snapshot!("lint_no_path", project.run(&["lint", "nothing"]));
}
