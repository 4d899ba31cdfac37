//! What is the user's stays the user's: ejected files under other names, and commands in messages that
//! do what they say.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files"
)]

mod support;

use std::process::Command;

use insta::assert_snapshot;
use support::Project;

fn generated() -> Project {
    let project = Project::new();
    project.clean(&[]);
    project
}

/// A line by hand in a file, which is ejected.
fn ejected(project: &Project, path: &str) {
    project.clean(&["eject", path]);
    let text = project.read(path);
    project.write(path, format!("{text}# HAND\n"));
}

#[test]
fn ejected_files_go_with_a_new_name() {
    let project = generated();
    project.clean(&["eject", "one"]);
    ejected(&project, "generated/hosts/one/default.nix");
    ejected(&project, "generated/flake.nix");
    let dry = project.clean(&["rename", "host", "one", "first", "--dry-run"]);
    assert_snapshot!("rename_ejected_dry", dry.to_string());
    assert!(project.path("generated/hosts/one/default.nix").exists());

    let run = project.clean(&["rename", "host", "one", "first"]);
    assert!(
        run.stdout
            .contains("generated/hosts/one/default.nix → generated/hosts/first/default.nix"),
        "{run}"
    );
    let text = project.read("generated/hosts/first/default.nix");
    assert!(text.ends_with("# HAND\n"), "{text}");
    assert!(text.contains("networking.hostName = \"first\""), "{text}");
    assert!(!project.path("generated/hosts/one/default.nix").exists());
    // What names the host in another file of the user's follows as well.
    let flake = project.read("generated/flake.nix");
    assert!(flake.ends_with("# HAND\n"), "{flake}");
    assert!(
        flake.contains("./hosts/first") && !flake.contains("./hosts/one"),
        "{flake}"
    );
    project.clean(&[]);
    project.clean(&["check"]);
    assert!(!project.path("generated/hosts/one").exists());
    assert!(
        project
            .read("generated/hosts/first/default.nix")
            .ends_with("# HAND\n")
    );
}

#[test]
fn a_change_where_the_name_stands_is_told() {
    let project = generated();
    let path = "generated/hosts/one/default.nix";
    project.clean(&["eject", path]);
    let text = project.read(path);
    let mine = text.replace("../../users/alice", "../../users/alice # mine");
    assert_ne!(text, mine);
    project.write(path, &mine);
    let run = project.clean(&["rename", "user", "alice", "carol"]);
    assert!(
        run.stdout.contains(&format!("see `gen diff {path}`")),
        "{run}"
    );
    assert_eq!(project.read(path), mine);

    // What it names stays, though nobody else does.
    let run = project.run(&[]);
    assert_eq!(run.code, 1, "{run}");
    assert_snapshot!("rename_ejected_names", run.to_string());
    assert!(project.path("generated/users/alice/default.nix").exists());
    let again = project.run(&["check"]);
    assert!(again.stderr.contains("output-ejected-differs"), "{again}");
    assert!(!again.stderr.contains("output-ejected-names"), "{again}");

    // Once nothing names it, it is told, and can go.
    project.write(path, mine.replace("users/alice", "users/carol"));
    project.clean(&["eject", path]);
    let run = project.run(&[]);
    assert_eq!(run.code, 1, "{run}");
    assert!(run.stderr.contains("output-ejected-orphan"), "{run}");
    project.clean(&["--overwrite", "generated/users/alice"]);
    assert!(!project.path("generated/users/alice").exists());
    project.clean(&["check"]);
}

#[test]
fn a_name_that_is_taken_on_disk_is_refused() {
    let project = generated();
    ejected(&project, "generated/hosts/one/default.nix");
    project.write("generated/hosts/first/default.nix", "{ }\n");
    let before = project.state("spec");
    let run = project.run(&["rename", "host", "one", "first"]);
    assert_eq!(run.code, 2, "{run}");
    assert!(run.stderr.contains("is in the way of a file"), "{run}");
    assert_eq!(project.state("spec"), before);
}

#[test]
fn an_ejected_file_without_a_place_is_told() {
    let project = generated();
    ejected(&project, "generated/hosts/one/default.nix");
    let text = support::HOSTS.replace("  one:", "  two:");
    project.write("spec/hosts.yaml", text);
    let check = project.run(&["check"]);
    assert_eq!(check.code, 1, "{check}");
    for code in ["output-ejected-orphan", "output-ejected-names"] {
        assert!(check.stderr.contains(code), "{check}");
    }
    let run = project.run(&[]);
    assert_snapshot!("ejected_orphan", run.to_string());
    assert!(project.path("generated/hosts/one/hardware.nix").exists());
    let again = project.run(&[]);
    assert_eq!(again.code, 1, "{again}");
    assert!(again.stderr.contains("output-ejected-orphan"), "{again}");

    // To eject it once more is to forget it, and it stays.
    project.clean(&["eject", "generated/hosts/one"]);
    project.clean(&["check"]);
    assert!(
        project
            .read("generated/hosts/one/default.nix")
            .ends_with("# HAND\n")
    );
}

#[test]
fn a_host_that_is_gone_can_be_named() {
    let project = generated();
    let gone = support::HOSTS.replace("  one:", "  two:");
    project.write("spec/hosts.yaml", &gone);
    for what in ["one", "generated/hosts/one"] {
        let run = project.run(&["eject", what]);
        assert_eq!(run.code, 2, "{run}");
        assert!(
            run.stderr.contains("put back what it was made for"),
            "{run}"
        );
    }
    // As it says.
    project.write("spec/hosts.yaml", support::HOSTS);
    project.clean(&["eject", "one"]);
    project.write("spec/hosts.yaml", gone);
    let run = project.run(&[]);
    assert!(run.stderr.contains("output-ejected-orphan"), "{run}");
    let dry = project.clean(&["eject", "one", "--dry-run"]);
    assert!(dry.stdout.contains("hosts/one/default.nix"), "{dry}");
    project.clean(&["eject", "one"]);
    project.clean(&["check"]);
    assert!(project.path("generated/hosts/one/default.nix").exists());
    // Nothing knows it now.
    let run = project.run(&["eject", "one"]);
    assert!(
        run.stderr.contains("neither a generated file nor a host"),
        "{run}"
    );
}

#[test]
fn a_change_elsewhere_blocks_no_ejection() {
    let project = generated();
    project.write("generated/README.md", "x\n");
    let edited = project.run(&[]);
    assert!(
        edited
            .stderr
            .contains("run `gen eject generated/README.md`"),
        "{edited}"
    );
    project.clean(&["eject", "one"]);
    assert_eq!(project.read("generated/README.md"), "x\n");
    assert!(
        !project
            .read("generated/hosts/one/default.nix")
            .contains("DO NOT EDIT")
    );
    let still = project.run(&[]);
    assert!(still.stderr.contains("output-edited"), "{still}");
    project.clean(&["eject", "generated/README.md"]);
    project.clean(&[]);
    assert_eq!(project.read("generated/README.md"), "x\n");
}

#[test]
fn a_second_run_writes_nothing_after_new_names() {
    let project = Project::empty();
    project.clean(&["init"]);
    project.clean(&[]);
    project.clean(&["new", "host", "x"]);
    let run = project.clean(&[]);
    assert!(run.stderr.contains("updated spec/.schema.json"), "{run}");
    let before = project.state("generated");
    let again = project.clean(&[]);
    assert!(again.stderr.contains("unchanged: 38 files"), "{again}");
    assert_eq!(project.state("generated"), before);
}

/// The commands of a text that stand in backticks.
fn commands(text: &str) -> Vec<&str> {
    let parts = text.split('`').skip(1).step_by(2);
    parts
        .filter(|part| part.starts_with("gen ") || part.starts_with("git "))
        .filter(|part| !part.ends_with(" index"))
        .collect()
}

#[test]
fn commands_repeat_what_was_given() {
    let project = Project::empty();
    project.clean(&["init"]);
    project.clean(&["--out", "."]);
    project.write("README.md", "x\n");
    let edited = project.run(&["--out", "."]);
    assert_eq!(edited.code, 1, "{edited}");
    assert_eq!(
        commands(&edited.stderr),
        [
            "gen --out . eject README.md",
            "gen --out . diff README.md",
            "gen --out . --overwrite README.md",
            "git checkout -- README.md"
        ]
    );
    // Done literally, it mends this and writes nothing elsewhere.
    project.clean(&["--out", ".", "--overwrite", "README.md"]);
    assert!(!project.path("generated").exists());
    project.clean(&["--out", ".", "check"]);
    let json = project.run(&["--out", ".", "--format", "json"]);
    assert_eq!(json.code, 0, "{json}");

    let project = Project::empty();
    let root = project.path("a b");
    std::fs::create_dir(&root).unwrap();
    let init = project.clean(&["init", "--spec", "fleet", "-C", "a b", "deep"]);
    assert!(
        init.stdout.contains("gen -C 'a b'/deep --spec fleet  "),
        "{init}"
    );
    let at = ["-C", "a b/deep", "--spec", "fleet", "--out", "o"];
    project.clean(&at);
    project.write("a b/deep/o/README.md", "x\n");
    let edited = project.run(&at);
    assert_eq!(
        commands(&edited.stderr),
        [
            "gen -C 'a b/deep' --spec fleet --out o eject o/README.md",
            "gen -C 'a b/deep' --spec fleet --out o diff o/README.md",
            "gen -C 'a b/deep' --spec fleet --out o --overwrite o/README.md",
            "git -C 'a b/deep' checkout -- o/README.md"
        ]
    );
    let rename = project.clean(&[&at[..], &["rename", "host", "desktop", "tower"]].concat());
    assert!(
        rename
            .stdout
            .contains("Next: `gen -C 'a b/deep' --spec fleet --out o diff`"),
        "{rename}"
    );
    let git = Command::new("git").args(["init", "-q"]).arg(&root).status();
    assert!(git.unwrap().success());
    project.clean(&[&at[..], &["--overwrite", "o"]].concat());
    project.clean(&[&at[..], &["new", "host", "x"]].concat());
    let run = project.clean(&at);
    assert!(run.stderr.contains("git -C 'a b/deep' add -N o"), "{run}");
}

#[test]
fn help_names_the_folder_that_was_given() {
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBfwWh7OKSSSz8H+1bOQomCWfnNYZUQszqb2WeATgcLf";
    let spec = format!(
        "fleet: {{ name: x, stateVersion: \"25.11\" }}\n\
         users: {{ alice: {{ password: !secret own }} }}\n\
         hosts: {{ one: {{ hardware: {{ platform: lxc }}, users: {{ alice: }} }} }}\n\
         secrets: {{ items: {{ own: {{ hosts: [one] }} }}, keys: {{ hosts: {{ one: {key} }} }} }}\n"
    );
    let project = Project::empty().file("spec/fleet.yaml", &spec);
    for (out, script) in [
        ("flake", "flake/scripts/manage-secrets.sh"),
        ("generated", "generated/scripts/manage-secrets.sh"),
        (".", "scripts/manage-secrets.sh"),
    ] {
        let run = project.run(&["--out", out]);
        let help = format!(
            "create it: `{script} create own`, which asks for the password and keeps its hash"
        );
        assert!(run.stderr.contains(&help), "{run}");
        assert!(project.path(script).exists());
    }
}

#[test]
fn many_findings_of_a_kind_are_one() {
    let project = generated();
    std::fs::remove_dir_all(project.path("generated/.gen")).unwrap();
    for (path, _, _) in project.state("generated") {
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, format!("{text}\n")).unwrap();
    }
    let run = project.run(&[]);
    assert_eq!(run.code, 1, "{run}");
    assert_snapshot!("many_unowned", run.to_string());
    let json = project.run(&["--format", "json"]);
    assert!(json.stdout.matches("output-unowned").count() > 5, "{json}");
    project.clean(&["--overwrite", "generated"]);
    project.clean(&["check"]);
}

#[test]
fn a_file_beside_the_module_of_a_named_folder_goes() {
    let project = Project::empty();
    project.clean(&["init"]);
    project.clean(&[]);
    // It imports `../../users/alice`, which is a folder with a module.
    project.clean(&["eject", "generated/hosts/desktop/default.nix"]);
    project.clean(&["rename", "host", "desktop", "tower"]);
    let run = project.clean(&[]);
    assert!(!run.stderr.contains("no longer generated"), "{run}");
    assert!(!project.path("generated/users/alice/desktop.nix").exists());
    assert!(project.path("generated/users/alice/tower.nix").exists());
    assert!(project.path("generated/users/alice/default.nix").exists());
}

/// The markers of a merge are nothing to make one's own.
#[test]
fn a_file_that_was_not_merged_is_not_ejected() {
    let project = Project::empty();
    project.clean(&["init"]);
    project.clean(&[]);
    let file = "generated/hosts/desktop/default.nix";
    let text = project.read(file);
    project.write(
        file,
        format!("<<<<<<< HEAD\n{text}=======\n{{ }}\n>>>>>>> other\n"),
    );
    let refused = project.run(&["eject", file]);
    assert_ne!(refused.code, 0, "{refused}");
    assert!(
        refused.stderr.contains("has a merge conflict in line 1"),
        "{refused}"
    );
    // The help is followed.
    project.clean(&["--overwrite", file]);
    assert_eq!(project.read(file), text);
    project.clean(&["eject", file]);
}

/// What is copied from the spec may be read as a folder, also with a module in it.
#[test]
fn a_copied_folder_that_an_ejected_file_names_stays_whole() {
    let spec = |site: &str| {
        format!(
            "fleet: {{ name: lab, stateVersion: \"25.11\", system: x86_64-linux }}
hosts:
  one:
    hardware: {{ cpu: none, platform: lxc }}
    settings: {{ environment.etc: {{ {site} }} }}
"
        )
    };
    let project = Project::empty()
        .file("spec/fleet.yaml", spec("site: { source: !file site }"))
        .file("spec/site/default.nix", "{ }\n")
        .file("spec/site/pages/a.html", "a\n");
    project.clean(&[]);
    project.clean(&["eject", "generated/hosts/one/default.nix"]);
    project.write("spec/fleet.yaml", spec("motd: { text: hello }"));
    project.run(&[]);
    for file in ["default.nix", "pages/a.html"] {
        let path = format!("generated/custom/site/{file}");
        assert!(project.path(&path).exists(), "{path}");
    }
}

/// A fleet whose modules by hand name what is renamed.
const BY_HAND: &str = r#"
secrets:
  keys: { hosts: { one: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBFQslC0YFEQ7HS+syuWP+gG4Dp8hsiUN0XXahCJl0Du } }
  items:
    token: { hosts: [one], owner: alice }
features:
  own.names:
    summary: Names of others
    options:
      people: { type: { list: string }, default: [], description: Who may }
      first: { type: string, derive: "host.name if host.name == 'one' else ''", description: First }
    nixos:
      users.users.alice.description: The admin
"#;

#[test]
fn names_in_code_by_hand_follow() {
    let hosts = support::HOSTS
        .replace("users: { alice: [] }", "users: { alice: [] }\n    modules: [own.nix]\n    features: { own: { names: { people: [alice] } } }")
        .replace(
            "settings: { services.fwupd.enable: false }",
            "settings:\n      users.users.alice.linger: true\n      home-manager.users: { alice: { home.stateVersion: \"25.11\" } }\n      environment.etc.who.text: !nix config.users.users.alice.home",
        );
    let project = Project::new()
        .file("spec/hosts.yaml", hosts)
        .file("spec/names.yaml", BY_HAND)
        .file(
            "spec/own.nix",
            "{ inputs, config, ... }:\n{\n  # alice is the admin of one\n  users.users.alice.extraGroups = [ \"wheel\" ];\n  environment.etc.a.text = \"${inputs.self.nixosConfigurations.one.config.networking.hostName} ${config.users.users.alice.home}\";\n}\n",
        )
        .file("spec/notes.md", "The machine of alice is one.\n")
        .file("spec/tool.sh", "#!/bin/sh\nssh one true\n");
    let before = project.run(&[]);
    assert!(!before.stderr.contains("error"), "{before}");
    let user = project.clean(&["rename", "user", "alice", "carol"]);
    assert_snapshot!("rename_user_by_hand", user.to_string());
    let host = project.clean(&["rename", "host", "one", "first"]);
    assert_snapshot!("rename_host_by_hand", host.to_string());
    assert_snapshot!(
        "rename_by_hand_files",
        ["spec/hosts.yaml", "spec/names.yaml", "spec/own.nix"]
            .map(|path| format!("# {path}\n{}", project.read(path)))
            .concat()
    );
    let after = project.run(&[]);
    assert!(!after.stderr.contains("error"), "{after}");
}

#[test]
fn a_feature_of_a_catalog_keeps_its_name() {
    let project = Project::new()
        .file(
            "spec/catalogs.yaml",
            "catalogs: { shared: { path: ../shared } }\n",
        )
        .file(
            "shared/motd.yaml",
            "features:\n  shared.motd:\n    summary: Message\n    nixos: { users.motd: Hello }\n",
        );
    let run = project.run(&["rename", "feature", "shared.motd", "shared.hello"]);
    assert_eq!(run.code, 2, "{run}");
    assert!(
        run.stderr.contains("belongs to a catalog") && run.stderr.contains("shared/motd.yaml:2"),
        "{run}"
    );
}

#[test]
fn a_folder_inside_of_a_fleet() {
    let project = Project::empty();
    project.clean(&["init"]);
    std::fs::create_dir_all(project.path("spec/hosts/deep")).unwrap();
    for (folder, up) in [("spec", ".."), ("spec/hosts/deep", "../../..")] {
        let run = project.run(&["-C", folder]);
        assert_eq!(run.code, 2, "{run}");
        assert!(!run.stderr.contains("gen init"), "{run}");
        assert!(
            run.stderr.contains(&format!("run `gen -C {folder}/{up}`")),
            "{run}"
        );
        let mut here = project.command(&["check"]);
        here.current_dir(project.path(folder));
        let run = support::finish(here);
        assert!(run.stderr.contains(&format!("run `gen -C {up}`")), "{run}");
        let before = project.state(".");
        for args in [&["init"][..], &["init", "new"]] {
            let mut here = project.command(args);
            here.current_dir(project.path(folder));
            let run = support::finish(here);
            assert_eq!(run.code, 2, "{run}");
            assert!(run.stderr.contains("is a part of the fleet"), "{run}");
        }
        assert_eq!(project.state("."), before);
    }
    // Beside the spec there may well be another fleet.
    project.clean(&["init", "other"]);
}

#[test]
fn names_are_no_commands() {
    let project = Project::empty().file(
        "fleet/spec/fleet.yaml",
        "fleet: { name: x, stateVersion: \"25.11\", system: x86_64-linux }
hosts: { git: { hardware: { platform: lxc, cpu: none } } }
",
    );
    let run = project.run(&["-C", "fleet", "explain", "gti"]);
    assert!(run.stderr.contains("did you mean `git`?"), "{run}");
}
