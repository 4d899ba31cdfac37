//! The command as people and programs meet it: the real binary in folders of its own.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files and start programs"
)]

mod support;

use std::process::Stdio;

use insta::assert_snapshot;
use support::{Project, finish};

#[test]
fn help() {
    let project = Project::empty();
    assert_snapshot!("help", project.clean(&["--help"]));
    assert_snapshot!("help_short", project.clean(&["-h"]));
    for command in [
        "check", "diff", "eval", "fmt", "graph", "watch", "lint", "list", "explain", "stats",
        "schema", "init", "new",
    ] {
        assert_snapshot!(format!("help_{command}"), project.clean(&[command, "-h"]));
    }
}

#[test]
fn generate_then_nothing_to_do() {
    let project = Project::new();
    assert_snapshot!("generate_first", project.clean(&[]));
    let before = project.state(".");
    assert_snapshot!("generate_again", project.clean(&[]));
    assert_eq!(before, project.state("."), "the second run wrote something");
    assert_snapshot!("check_clean", project.clean(&["check"]));
    assert_snapshot!("diff_clean", project.clean(&["diff"]));
    assert_eq!(before, project.state("."), "checking wrote something");
}

#[test]
fn change_of_the_spec() {
    let project = Project::new();
    project.clean(&[]);
    let spec = project.read("spec/hosts.yaml");
    project.write("spec/hosts.yaml", spec.replace("8081", "8082"));
    assert_snapshot!("stale_check", project.run(&["check"]));
    assert_snapshot!(
        "stale_check_github",
        project.run(&["check", "--format", "github"])
    );
    assert_snapshot!("stale_diff", project.run(&["diff"]));
    assert_snapshot!("stale_diff_stat", project.run(&["diff", "--stat"]));
    assert_snapshot!(
        "stale_diff_file",
        project.run(&["diff", "generated/templates/base.nix"])
    );
    assert_snapshot!("stale_diff_unknown", project.run(&["diff", "nothing.nix"]));
    assert_snapshot!("stale_generate", project.clean(&[]));
    project.clean(&["check"]);
}

#[test]
fn same_bytes_wherever_the_spec_is() {
    let one = Project::new();
    one.clean(&[]);
    let two = Project::new();
    let (spec, out) = (two.path("spec"), two.path("generated"));
    one.clean(&[
        "--spec",
        spec.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
    ]);
    let three = Project::new();
    one.clean(&["-C", three.path(".").to_str().unwrap()]);
    for path in ["flake.nix", "hosts/one/default.nix", ".gen/manifest.json"] {
        let path = format!("generated/{path}");
        assert_eq!(one.read(&path), two.read(&path));
        assert_eq!(one.read(&path), three.read(&path));
    }
}

#[test]
fn edit_by_hand_is_kept() {
    let project = Project::new();
    project.clean(&[]);
    let edited = project.read("generated/flake.nix") + "# mine\n";
    project.write("generated/flake.nix", &edited);
    assert_snapshot!("edited_generate", project.run(&[]));
    assert_eq!(project.read("generated/flake.nix"), edited);
    assert_snapshot!("edited_check", project.run(&["check"]));
    assert_snapshot!(
        "edited_overwrite",
        project.clean(&["--overwrite", "generated/flake.nix"])
    );
    assert!(!project.read("generated/flake.nix").contains("# mine"));
}

#[test]
fn deleted_by_hand_is_written_again() {
    let project = Project::new();
    project.clean(&[]);
    std::fs::remove_file(project.path("generated/flake.nix")).unwrap();
    assert_snapshot!("deleted_check", project.run(&["check"]));
    assert_snapshot!("deleted_generate", project.clean(&[]));
}

#[test]
fn file_of_someone_else_is_kept() {
    let project = Project::new().file("generated/flake.nix", "{ }\n");
    assert_snapshot!("unowned", project.run(&[]));
    assert_eq!(project.read("generated/flake.nix"), "{ }\n");
    assert!(!project.path("generated/hosts").exists());
}

#[test]
fn broken_manifest() {
    let project = Project::new();
    project.clean(&[]);
    project.write("generated/.gen/manifest.json", "<<<<<<< ours\n");
    assert_snapshot!("broken_manifest", project.run(&[]));
    assert_snapshot!("broken_manifest_json", project.run(&["--format", "json"]));
}

#[test]
fn findings() {
    let project = Project::new().file("spec/more.yaml", "hosts:\n  two: { template: bse }\n");
    assert_snapshot!("findings_generate", project.run(&[]));
    assert_snapshot!(
        "findings_check_json",
        project.run(&["check", "--format", "json"])
    );
    assert_snapshot!("findings_list", project.run(&["list", "hosts"]));
    assert!(!project.path("generated").exists());
}

#[test]
fn no_spec() {
    let project = Project::empty();
    assert_snapshot!("no_spec", project.run(&[]));
    assert_snapshot!(
        "no_spec_check",
        project.run(&["check", "--format", "github"])
    );
    std::fs::create_dir(project.path("spec")).unwrap();
    assert_snapshot!("empty_spec", project.run(&[]));
    assert_snapshot!("no_folder", project.run(&["-C", "nowhere"]));
    assert_snapshot!(
        "spec_is_output",
        project.run(&["--spec", "a", "--out", "./a"])
    );
}

#[test]
fn bad_arguments() {
    let project = Project::empty();
    assert_snapshot!("bad_command", project.run(&["chekc"]));
    assert_snapshot!("bad_mixture", project.run(&["--emit", "spec", "check"]));
    assert_snapshot!(
        "bad_format",
        project.run(&["list", "users", "--format", "sarif"])
    );
}

#[test]
#[cfg(unix)]
fn odd_files_in_the_spec() {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    let project = Project::new()
        .file("spec/latin.yaml", b"fleet:\n  name: caf\xe9\n")
        .file("spec/.hidden.yaml", "nonsense: [")
        .file("spec/hosts.yaml~", "nonsense: [")
        .file("spec/huge.yaml", vec![b'#'; (16 << 20) + 1]);
    symlink("nowhere", project.path("spec/dangling.yaml")).unwrap();
    symlink("/", project.path("spec/outside.yaml")).unwrap();
    symlink("..", project.path("spec/up")).unwrap();
    symlink("loop.yaml", project.path("spec/loop.yaml")).unwrap();
    let fifo = project.path("spec/pipe.yaml");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    let _socket = UnixListener::bind(project.path("spec/socket")).unwrap();
    std::fs::create_dir(project.path("spec/folder.yaml")).unwrap();
    assert_snapshot!("odd_files", project.run(&[]));
}

#[test]
#[cfg(unix)]
fn link_inside_the_spec_is_followed() {
    let project = Project::new().file("spec/hosts.txt", support::HOSTS);
    std::fs::remove_file(project.path("spec/hosts.yaml")).unwrap();
    std::os::unix::fs::symlink("hosts.txt", project.path("spec/hosts.yaml")).unwrap();
    project.clean(&[]);
}

#[test]
fn list() {
    let project = Project::new();
    for what in ["hosts", "users", "templates", "profiles", "files"] {
        assert_snapshot!(format!("list_{what}"), project.clean(&["list", what]));
    }
    assert_snapshot!(
        "list_hosts_json",
        project.clean(&["list", "hosts", "--format", "json"])
    );
}

#[test]
fn list_secrets() {
    let project = Project::new().file(
        "spec/secrets.yaml",
        "secrets:
  keys:
    hosts: { one: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH1ZO5AaPRZp4OyOjwMhOrKrMcJM3oVvKkU6WdBTutSD }
    users: { alice: age120jpt78v6e7u0t0tqk5rttaupk5jlnvm7fv2z3rzlk90rndkj4pq3lw0h4 }
  items:
    here: { hosts: [one], owner: root, mode: \"0400\" }
    missing: { hosts: [one], users: [alice] }
",
    );
    std::fs::create_dir_all(project.path("generated/secrets")).unwrap();
    std::fs::write(project.path("generated/secrets/here.age"), "x").unwrap();
    let listed = project.run(&["list", "secrets"]).stdout;
    let lines: Vec<Vec<&str>> = listed
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        lines[1],
        ["here", "exists", "one", "alice", "-", "root", "0400"]
    );
    assert_eq!(
        lines[2],
        ["missing", "missing", "one", "alice", "-", "-", "-"]
    );
    let json = project.run(&["list", "secrets", "--format", "json"]).stdout;
    let rows: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
    assert_eq!(rows[0]["file"], "secrets/here.age");
    assert_eq!(rows[1]["exists"], false);
}

#[test]
fn list_features_without_a_spec() {
    let text = Project::empty()
        .clean(&["list", "features", "--format", "json"])
        .stdout;
    let features: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(features.len(), catalog::entries().len());
    for feature in features {
        for key in ["id", "category", "summary", "options", "enabledOn"] {
            assert!(feature.get(key).is_some(), "{feature} lacks {key}");
        }
        for option in feature["options"].as_array().unwrap() {
            for key in ["name", "type", "default", "description"] {
                assert!(option.get(key).is_some(), "{option} lacks {key}");
            }
        }
    }
}

#[test]
fn list_features_with_the_own_ones() {
    let text = Project::new()
        .clean(&["list", "features", "--format", "json"])
        .stdout;
    let features: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let own = features
        .iter()
        .find(|feature| feature["id"] == "web.server")
        .unwrap();
    assert_snapshot!("own_feature", serde_json::to_string_pretty(own).unwrap());
}

#[test]
fn explain() {
    let project = Project::new();
    assert_snapshot!("explain_host", project.clean(&["explain", "one"]));
    assert_eq!(
        project.clean(&["explain", "host", "one"]).stdout,
        project.clean(&["explain", "one"]).stdout
    );
    let json = project.clean(&["explain", "host", "one", "--format", "json"]);
    assert_snapshot!("explain_host_json", json);
    assert_snapshot!(
        "explain_feature",
        project.clean(&["explain", "feature", "web.server"])
    );
    assert_snapshot!("explain_user", project.clean(&["explain", "user", "alice"]));
    assert_snapshot!("explain_unknown", project.run(&["explain", "oen"]));
    assert_eq!(
        project.clean(&["explain", "alice"]).stdout,
        project.clean(&["explain", "user", "alice"]).stdout
    );
    assert_snapshot!(
        "explain_other_kind",
        project.run(&["explain", "host", "alice"])
    );
    assert_snapshot!("explain_no_kind", project.run(&["explain", "thing", "one"]));
}

#[test]
fn stats() {
    let project = Project::new();
    assert_snapshot!("stats", project.clean(&["stats"]));
    assert_snapshot!("stats_json", project.clean(&["stats", "--format", "json"]));
}

#[test]
fn emit() {
    let project = Project::new();
    assert!(
        project
            .clean(&["--emit", "spec"])
            .stdout
            .starts_with("Spec {")
    );
    for stage in ["model", "view"] {
        let text = project.clean(&["--emit", stage]).stdout;
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(value.is_object());
    }
    assert!(
        !project.path("generated").exists(),
        "a stage was printed and files were written"
    );
}

#[test]
fn init() {
    let project = Project::empty();
    assert_snapshot!("init", project.clean(&["init"]));
    assert_snapshot!("init_again", project.run(&["init"]));
}

#[test]
fn init_gives_a_clean_fleet() {
    let project = Project::empty();
    project.clean(&["init", "fleet"]);
    let generated = project.clean(&["-C", "fleet"]);
    assert!(generated.stderr.starts_with("generated: "), "{generated}");
    let before = project.state("fleet");
    assert!(
        project
            .clean(&["-C", "fleet"])
            .stderr
            .starts_with("unchanged: ")
    );
    assert_eq!(before, project.state("fleet"));
    project.clean(&["-C", "fleet", "check"]);
}

#[test]
fn init_touches_nothing_that_is_there() {
    let project = Project::empty()
        .file(".gitignore", "/mine\n")
        .file("spec/users.yaml", "# mine\n");
    assert_snapshot!("init_refused", project.run(&["init"]));
    assert_eq!(project.read("spec/users.yaml"), "# mine\n");
    assert!(!project.path("spec/fleet.yaml").exists());
}

#[test]
fn init_in_a_repository() {
    let project = Project::empty().file(".gitignore", "/mine\n");
    let run = project.clean(&["init"]);
    assert!(
        run.stdout.starts_with("left .gitignore as it is\n"),
        "{run:#?}"
    );
    assert_eq!(project.read(".gitignore"), "/mine\n");
    project.clean(&[]);
}

#[test]
fn the_root_is_not_an_output_folder() {
    let project = Project::new();
    for out in ["/", ""] {
        let run = project.run(&["--out", out]);
        assert_eq!(run.code, 2, "{run:#?}");
    }
}

#[test]
fn new() {
    let project = Project::new();
    let hosts = project.read("spec/hosts.yaml");
    assert_snapshot!("new_host", project.clean(&["new", "host", "two"]));
    assert_snapshot!("new_host_file", project.read("spec/hosts/two.yaml"));
    assert_snapshot!("new_user", project.clean(&["new", "user", "bob"]));
    assert_snapshot!("new_user_file", project.read("spec/users/bob.yaml"));
    assert_snapshot!(
        "new_feature",
        project.clean(&["new", "feature", "core.greeting"])
    );
    assert_snapshot!(
        "new_feature_file",
        project.read("spec/features/core.greeting.yaml")
    );
    assert_snapshot!("new_profile", project.clean(&["new", "profile", "media"]));
    assert_snapshot!("new_profile_file", project.read("spec/profiles/media.yaml"));
    assert_eq!(project.read("spec/hosts.yaml"), hosts);
    project.clean(&[]);
    assert_snapshot!("new_existing", project.run(&["new", "host", "one"]));
    for (kind, name) in [
        ("host", "Two"),
        ("host", "../x"),
        ("user", "a b"),
        ("feature", "x"),
        ("profile", ""),
    ] {
        let run = project.run(&["new", kind, name]);
        assert_eq!(run.code, 2, "{run}");
    }
    assert_snapshot!(
        "new_without_spec",
        Project::empty().run(&["new", "host", "one"])
    );
}

/// An account of every system is changed where it may be, and no other one can be added.
#[test]
fn new_users_of_the_system() {
    let project = Project::new();
    project.clean(&["new", "user", "root"]);
    let file = project.read("spec/users/root.yaml");
    assert_snapshot!("new_user_root_file", file);
    // What stands there to be filled in may be said of it.
    let filled: Vec<String> = file
        .lines()
        .map(|line| match line.strip_prefix("    # ") {
            Some(key) => format!(
                "    {}",
                key.replace(
                    '…',
                    "C3NzaC1lZDI1NTE5AAAAIHPYbbRSGAPSUwFYPXDUHprguLvsY2D4tuc3HkCIho9v"
                )
            ),
            None => line.to_owned(),
        })
        .collect();
    project.write("spec/users/root.yaml", filled.join("\n"));
    let hosts = support::HOSTS.replace("{ alice: [] }", "{ alice: [], root: [] }");
    project.write("spec/hosts.yaml", hosts);
    project.clean(&[]);
    assert!(
        project
            .read("generated/users/root/default.nix")
            .contains("shell = pkgs.zsh"),
    );
    for name in ["nobody", "sshd", "systemd-network", "nixbld1"] {
        let run = project.run(&["new", "user", name]);
        assert_eq!(run.code, 2, "{run}");
        assert!(
            run.stderr
                .contains("an account that the system itself makes"),
            "{run}"
        );
        let file = format!("spec/users/{name}.yaml");
        assert!(!project.path(&file).exists(), "{name}");
    }
}

/// A MicroVM alone, and for hosts whose guests are written in every way that YAML has.
#[test]
fn new_vm() {
    let project = Project::new();
    assert_snapshot!("new_vm", project.clean(&["new", "vm", "box"]));
    assert_snapshot!("new_vm_file", project.read("spec/microvms/box.yaml"));
    project.clean(&[]);
    project.clean(&["check"]);
    for (name, before, after) in [
        ("none", "", "    microvms: [box]\n"),
        (
            "flow",
            "    microvms: [a] # guests\n",
            "    microvms: [a, box] # guests\n",
        ),
        ("empty", "    microvms: []\n", "    microvms: [box]\n"),
        (
            "block",
            "    microvms:\n      - a # first\n",
            "    microvms:\n      - a\n      - box # first\n",
        ),
    ] {
        let one = |guests: &str| {
            format!(
                "hosts:
  one:
{guests}    hardware: {{ cpu: none, disks: d, boot: {{ loader: systemd-boot }} }} # stays
disks: {{ d: {{ layout: ext4, device: /dev/vda }} }}
microvms:
  a: {{ memory: 1GiB, network: {{ forwards: [{{ host: 2222, guest: 22 }}] }}, users: {{ a: {{ password: a }} }} }}
"
            )
        };
        let fleet = support::FLEET;
        let project = Project::empty()
            .file("spec/fleet.yaml", fleet)
            .file("spec/hosts.yaml", one(before));
        let run = project.clean(&["new", "vm", "box", "--host", "one"]);
        if name == "flow" {
            assert_snapshot!("new_vm_of_a_host", run);
        }
        let written = project.read("spec/hosts.yaml");
        if name == "block" {
            assert!(written.contains("- a"), "{written}");
            assert!(written.contains("\n      - box"), "{written}");
        } else {
            assert_eq!(written, one(after), "{name}");
        }
        let file = project.read("spec/microvms/box.yaml");
        assert!(file.contains("host: 2223"), "{file}");
        project.clean(&[]);
        project.clean(&["check"]);
        let explained = project.clean(&["explain", "box"]).stdout;
        assert!(explained.contains("runs on     one"), "{explained}");
    }
    let flow = Project::empty()
        .file("spec/fleet.yaml", support::FLEET)
        .file(
            "spec/hosts.yaml",
            "hosts: { one: { system: aarch64-linux, hardware: { cpu: none, disks: d, boot: { loader: systemd-boot } } } }
disks: { d: { layout: ext4, device: /dev/vda } }
users: { alice: { admin: true, sshKeys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHPYbbRSGAPSUwFYPXDUHprguLvsY2D4tuc3HkCIho9v] } }
",
        );
    flow.clean(&["new", "vm", "box", "--host", "one"]);
    let hosts = flow.read("spec/hosts.yaml");
    assert!(
        hosts.starts_with("hosts: { one: { microvms: [box], system: aarch64-linux"),
        "{hosts}"
    );
    assert_snapshot!("new_vm_file_aarch64", flow.read("spec/microvms/box.yaml"));
    flow.clean(&[]);
    flow.clean(&["check"]);
    for (name, args) in [
        ("of_no_host", vec!["new", "vm", "two", "--host", "on"]),
        ("existing", vec!["new", "vm", "box"]),
        ("existing_host", vec!["new", "vm", "one"]),
        ("name_of_a_vm", vec!["new", "host", "box"]),
        (
            "host_of_a_user",
            vec!["new", "user", "bob", "--host", "one"],
        ),
        ("bad_name", vec!["new", "vm", "Box"]),
    ] {
        let run = flow.run(&args);
        assert_eq!(run.code, 2, "{run}");
        assert_snapshot!(format!("new_vm_refused_{name}"), run);
    }
    assert_eq!(hosts, flow.read("spec/hosts.yaml"));
}

#[test]
fn colour() {
    let project = Project::empty();
    let has_colour = |args: &[&str], set: &[(&str, &str)]| {
        let mut command = project.command(args);
        command.envs(set.iter().copied());
        finish(command).stderr.contains('\u{1b}')
    };
    assert!(!has_colour(&[], &[]), "not on a terminal");
    assert!(has_colour(&["--color", "always"], &[]));
    assert!(
        has_colour(&["--color=always", "nonsense"], &[]),
        "clap's messages too"
    );
    assert!(
        has_colour(&["--color", "always"], &[("NO_COLOR", "1")]),
        "asked for by hand"
    );
    assert!(!has_colour(
        &[],
        &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]
    ));
    assert!(!has_colour(
        &["--color", "never"],
        &[("CLICOLOR_FORCE", "1")]
    ));
}

#[test]
fn broken_pipe() {
    let project = Project::new();
    let mut command = project.command(&["--emit", "spec"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn completions_and_manual() {
    let project = Project::empty();
    for shell in ["bash", "zsh", "fish"] {
        assert!(
            project
                .clean(&["completions", shell])
                .stdout
                .contains("explain")
        );
    }
    assert!(project.clean(&["man"]).stdout.starts_with(".ie"));
    project.clean(&["man", "pages"]);
    assert!(project.path("pages/gen.1").exists());
    assert!(project.path("pages/gen-check.1").exists());
}

#[test]
fn schema() {
    let project = Project::empty();
    let general = project.clean(&["schema"]).stdout;
    assert!(
        serde_json::from_str::<serde_json::Value>(&general)
            .unwrap()
            .is_object()
    );
    let project = Project::new();
    let own = project.clean(&["schema"]).stdout;
    assert_ne!(own, general, "it has this fleet's names");
    project.clean(&["schema", "--output", "x/schema.json"]);
    assert_eq!(project.read("x/schema.json"), own);
}

#[test]
fn schema_follows_the_spec() {
    let project = Project::empty();
    project.clean(&["init"]);
    assert_eq!(
        project.read("spec/.schema.json"),
        project.clean(&["schema"]).stdout
    );
    let run = project.clean(&[]);
    assert!(!run.stderr.contains("schema"), "{run}");
    project.clean(&["new", "host", "laptop"]);
    let run = project.clean(&[]);
    assert!(run.stderr.contains("updated spec/.schema.json"), "{run}");
    assert_eq!(
        project.read("spec/.schema.json"),
        project.clean(&["schema"]).stdout
    );
}

#[test]
fn new_files_are_named_for_git() {
    let project = Project::new();
    let git = |args: &[&str]| {
        let mut command = std::process::Command::new("git");
        command
            .args(args)
            .current_dir(project.path("."))
            .env("GIT_CONFIG_GLOBAL", "/dev/null");
        command.output().is_ok_and(|output| output.status.success())
    };
    if !git(&["init", "-q"]) {
        return;
    }
    assert_snapshot!("git_all_new", project.clean(&[]));
    assert!(git(&["add", "-N", "generated"]));
    project.write(
        "spec/two.yaml",
        support::HOSTS
            .split_once("hosts:\n")
            .map(|(_, host)| {
                format!(
                    "hosts:\n{}",
                    host.replace("one:", "two:").replace("10.0.0.1", "10.0.0.2")
                )
            })
            .unwrap(),
    );
    assert_snapshot!("git_some_new", project.clean(&[]));
}
