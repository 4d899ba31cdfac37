//! `gen affected` and `gen diff --summary`: what a change touches, compared with the folder and with
//! revisions of a repository.
#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files and start programs"
)]

mod support;

use std::fmt::Write as _;
use std::process::Command;

use insta::assert_snapshot;
use support::Project;

const FLEET: &str = r#"version: 1
fleet:
  name: lab
  stateVersion: "25.11"
  system: x86_64-linux
  zones: [lan]
users:
  alice: { fullName: Alice Example, admin: true }
  bob: { fullName: Bob Example }
features:
  web.server:
    summary: Small web server
    options:
      port: { type: port, default: 8080, description: Port it listens on }
    requires: [web.log]
    ports: [{ option: port, zones: [lan] }]
    nixos:
      services.caddy: { enable: true, httpPort: !opt port }
  web.log:
    summary: Log of the web server
    nixos: { services.caddy.logFormat: level INFO }
homeFeatures:
  shell.prompt:
    summary: Prompt
    home: { programs.starship.enable: true }
templates:
  base:
    settings: { time.timeZone: Europe/London, environment.systemPackages: [!pkg htop] }
  desk: { extends: base, settings: { services.fwupd.enable: true } }
profiles:
  shell: { features: { shell: [prompt] }, settings: { programs.bat.enable: true } }
"#;

fn hosts(n: usize) -> String {
    let mut text = "hosts:\n".to_owned();
    for number in 1..=n {
        let template = if number % 2 == 0 { "desk" } else { "base" };
        let _ = write!(
            text,
            "  h{number}:
    template: {template}
    hardware: {{ cpu: none, platform: lxc }}
    network: {{ address: 10.0.0.{number}, zones: {{ lan: [eth{number}] }} }}
    users: {{ alice: [shell] }}
"
        );
    }
    text
}

/// A repository with four hosts, generated and committed.
fn repository() -> Project {
    let project = Project::empty()
        .file("spec/fleet.yaml", FLEET)
        .file("spec/hosts.yaml", hosts(4));
    project.clean(&[]);
    git(&project, &["init", "-q", "-b", "main"]);
    commit(&project);
    project
}

fn git(project: &Project, args: &[&str]) {
    let identity = [
        "-c",
        "user.name=Alice",
        "-c",
        "user.email=alice@example.org",
    ];
    let status = Command::new("git")
        .args(identity)
        .args(args)
        .current_dir(project.path("."))
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .status()
        .unwrap();
    assert!(status.success(), "{args:?}");
}

fn commit(project: &Project) {
    git(project, &["add", "-A"]);
    git(project, &["commit", "-q", "-m", "state", "--allow-empty"]);
}

fn edit(project: &Project, path: &str, from: &str, to: &str) {
    let text = project.read(path);
    assert!(text.contains(from), "{path} has no {from}");
    project.write(path, text.replace(from, to));
}

/// What is affected, before the change is generated and after, which must be the same.
fn affected(project: &Project) -> String {
    let stale = project.clean(&["affected", "--since", "HEAD"]).stdout;
    let folder = project.clean(&["affected"]).stdout;
    assert_eq!(stale, folder, "the folder is what is committed");
    project.clean(&[]);
    let fresh = project.clean(&["affected", "--since", "HEAD"]).stdout;
    assert_eq!(stale, fresh);
    assert_eq!(project.clean(&["affected"]).stdout, "");
    stale
}

#[test]
fn nothing() {
    let project = repository();
    assert_eq!(affected(&project), "");
    assert_snapshot!("summary_nothing", project.clean(&["diff", "--summary"]));
    assert_snapshot!(
        "summary_nothing_markdown",
        project.clean(&[
            "diff",
            "--summary",
            "--since",
            "HEAD",
            "--format",
            "markdown"
        ])
    );
}

#[test]
fn template() {
    let project = repository();
    edit(
        &project,
        "spec/fleet.yaml",
        "services.fwupd.enable: true",
        "services.fwupd.enable: false",
    );
    assert_eq!(affected(&project), "host h2\nhost h4\n");
}

#[test]
fn one_host_and_one_home() {
    let project = repository();
    edit(
        &project,
        "spec/hosts.yaml",
        "    network: { address: 10.0.0.3",
        "    settings: { services.fstrim.enable: true }\n    network: { address: 10.0.0.3",
    );
    assert_eq!(affected(&project), "host h3\n");
    commit(&project);
    edit(
        &project,
        "spec/fleet.yaml",
        "programs.bat.enable: true",
        "programs.bat.enable: false",
    );
    assert_eq!(affected(&project), "host h1\nhost h2\nhost h3\nhost h4\n");
}

#[test]
fn deleted_and_renamed_hosts() {
    let project = repository();
    edit(&project, "spec/hosts.yaml", "  h4:\n", "  h5:\n");
    assert_eq!(affected(&project), "host h4 (removed)\nhost h5 (new)\n");
    assert_snapshot!(
        "affected_matrix",
        project.clean(&["affected", "--since", "HEAD", "--format", "matrix"])
    );
    assert_snapshot!(
        "affected_json",
        project.clean(&["affected", "--since", "HEAD", "--format", "json"])
    );
    let run = project.clean(&["diff", "--summary", "--since", "HEAD"]);
    assert_snapshot!("summary_renamed", run);
}

#[test]
fn hand_written_modules() {
    let project = repository();
    project.write(
        "spec/nix/extra.nix",
        "{ environment.etc.motd.source = ./motd.txt; }\n",
    );
    project.write("spec/nix/motd.txt", "one\n");
    edit(
        &project,
        "spec/hosts.yaml",
        "  h2:\n    template: desk\n",
        "  h2:\n    template: desk\n    modules: [nix/extra.nix]\n",
    );
    assert_eq!(affected(&project), "host h2\n");
    commit(&project);
    project.write("spec/nix/motd.txt", "two\n");
    assert_eq!(affected(&project), "host h2\n");
    let because = project.clean(&["affected", "--since", "HEAD", "--because"]);
    assert_eq!(because.stdout, "host h2\n  custom/nix/motd.txt\n");
}

#[cfg(unix)]
#[test]
fn links_are_what_git_takes_them_for() {
    use std::os::unix::fs::symlink;

    let project = repository();
    let link = project.path("generated/hosts/h1/notes.txt");
    symlink("../../README.md", &link).unwrap();
    commit(&project);
    assert_eq!(affected(&project), "");
    std::fs::remove_file(&link).unwrap();
    symlink("../../flake.nix", &link).unwrap();
    let run = project.clean(&["diff", "--summary", "--since", "HEAD"]);
    assert_snapshot!("summary_link", run);
}

#[test]
fn lock_file() {
    let lock = |rev: &str| {
        format!(
            r#"{{"version":7,"root":"root","nodes":{{"root":{{"inputs":{{"nixpkgs":"nixpkgs","home-manager":"home-manager"}}}},"nixpkgs":{{"locked":{{"rev":"{rev}"}}}},"home-manager":{{"locked":{{"rev":"h{rev}"}}}}}}}}"#
        )
    };
    let project = repository();
    project.write("generated/flake.lock", lock("aaaaaaaaaaaaaaaa"));
    commit(&project);
    project.write("generated/flake.lock", lock("bbbbbbbbbbbbbbbb"));
    let run = project.clean(&["affected", "--since", "HEAD"]);
    assert_eq!(run.stdout, "host h1\nhost h2\nhost h3\nhost h4\n");
    assert_snapshot!(
        "summary_lock",
        project.clean(&["diff", "--summary", "--since", "HEAD"])
    );
}

/// Many changes at once.
fn changed() -> Project {
    let project = repository();
    edit(
        &project,
        "spec/fleet.yaml",
        "  base:\n    settings: { time.timeZone: Europe/London, environment.systemPackages: [!pkg htop] }",
        "  base:\n    features: { web: [server] }\n    settings: { time.timeZone: Europe/Paris, environment.systemPackages: [!pkg btop] }",
    );
    edit(
        &project,
        "spec/hosts.yaml",
        "zones: { lan: [eth4] } }\n    users: { alice: [shell] }",
        "zones: { lan: [eth4] } }\n    users: { bob: [shell] }\n    features: { web: { server: { port: 9090 } } }",
    );
    project
}

#[test]
fn summary() {
    let project = changed();
    let stale = project.run(&["diff", "--summary"]);
    assert_eq!(stale.code, 1);
    assert_snapshot!("summary", stale);
    let since = project.clean(&["diff", "--summary", "--since", "HEAD"]);
    assert_eq!(since.stdout, stale.stdout);
    assert_snapshot!(
        "summary_markdown",
        project.run(&["diff", "--summary", "--format", "markdown"])
    );
    assert_snapshot!(
        "summary_json",
        project.run(&["diff", "--summary", "--format", "json"])
    );
}

#[test]
fn many_hosts_are_told_once() {
    let project = Project::empty()
        .file("spec/fleet.yaml", FLEET)
        .file("spec/hosts.yaml", hosts(40));
    project.clean(&[]);
    edit(
        &project,
        "spec/fleet.yaml",
        "  base:\n    settings: {",
        "  base:\n    features: { web: [server] }\n    settings: {",
    );
    assert_snapshot!("summary_of_forty", project.run(&["diff", "--summary"]));
}

#[test]
fn an_output_that_is_not_committed() {
    let project = repository();
    project.write(".gitignore", "generated/\n");
    git(&project, &["rm", "-q", "-r", "--cached", "generated"]);
    commit(&project);
    edit(
        &project,
        "spec/fleet.yaml",
        "services.fwupd.enable: true",
        "services.fwupd.enable: false",
    );
    assert_eq!(affected(&project), "host h2\nhost h4\n");
}

#[test]
fn what_cannot_be_compared() {
    let project = Project::empty()
        .file("spec/fleet.yaml", FLEET)
        .file("spec/hosts.yaml", hosts(2));
    project.clean(&[]);
    for (name, args) in [
        ("no_repository", vec!["affected", "--since", "main"]),
        (
            "matrix_of_diff",
            vec!["diff", "--summary", "--format", "matrix"],
        ),
        (
            "markdown_of_list",
            vec!["list", "hosts", "--format", "markdown"],
        ),
        ("since_alone", vec!["diff", "--since", "main"]),
    ] {
        let run = project.run(&args);
        assert_eq!(run.code, 2, "{args:?}");
        assert_snapshot!(format!("failure_{name}"), run);
    }
    git(&project, &["init", "-q", "-b", "main"]);
    commit(&project);
    for (name, revision) in [
        ("unknown", "nothing"),
        ("option", "--all"),
        ("empty", ""),
        ("lines", "main\nmain"),
    ] {
        let since = format!("--since={revision}");
        let run = project.run(&["affected", &since]);
        assert_eq!(run.code, 2, "{revision}");
        assert_snapshot!(format!("revision_{name}"), run);
    }
    project.write("spec/more.yaml", "hosts: { h9: { template: none } }\n");
    assert_snapshot!(
        "spec_with_errors",
        project.run(&["affected", "--since", "main"])
    );
}

/// What is said of a change before it is generated.
fn stale(project: &Project) -> String {
    project.clean(&["affected", "--since", "HEAD"]).stdout
}

fn told(project: &Project) -> String {
    project.run(&["diff", "--summary"]).stdout
}

#[test]
fn ejected_files() {
    let project = repository();
    project.clean(&["eject", "hosts/h2/default.nix"]);
    commit(&project);
    edit(
        &project,
        "generated/hosts/h2/default.nix",
        "system.stateVersion",
        "services.nginx.enable = true;\n  system.stateVersion",
    );
    let h1 = "    network: { address: 10.0.0.1";
    let fstrim = |line: &str| {
        let host = line.trim_start();
        format!("    settings: {{ services.fstrim.enable: true }}\n    {host}")
    };
    edit(&project, "spec/hosts.yaml", h1, &fstrim(h1));
    assert_eq!(stale(&project), "host h1\nhost h2\n");
    let run = project.clean(&["diff", "--summary", "--since", "HEAD"]);
    assert!(
        run.stdout.contains("h2\n+ services.nginx.enable = true"),
        "{run}"
    );
    project.clean(&[]);
    assert_eq!(stale(&project), "host h1\nhost h2\n");
    commit(&project);
    // What the spec wants in the file of another is not what happens.
    let h2 = "    network: { address: 10.0.0.2";
    edit(&project, "spec/hosts.yaml", h2, &fstrim(h2));
    assert_eq!(stale(&project), "");
    assert_snapshot!("summary_kept", project.run(&["diff", "--summary"]));
    let json = project
        .run(&["diff", "--summary", "--format", "json"])
        .stdout;
    assert!(json.contains("hosts/h2/default.nix"), "{json}");
    let markdown = project
        .run(&["diff", "--summary", "--format", "markdown"])
        .stdout;
    assert!(markdown.contains("hosts/h2/default.nix"), "{markdown}");
}

#[test]
fn files_edited_by_hand() {
    let project = repository();
    edit(
        &project,
        "generated/hosts/h2/default.nix",
        "system.stateVersion",
        "services.nginx.enable = true;\n  system.stateVersion",
    );
    assert_eq!(stale(&project), "host h2\n");
    assert!(told(&project).contains("hosts/h2/default.nix"));
    // Also one that is no longer generated stays.
    project.write("spec/hosts.yaml", hosts(1));
    let run = project.clean(&["affected", "--since", "HEAD"]).stdout;
    assert_eq!(run, "host h2\nhost h3 (removed)\nhost h4 (removed)\n");
}

#[test]
fn what_hand_written_modules_take_of_the_flake() {
    let project = repository();
    let module = "{ inputs, ... }:\n{\n  environment.etc.a.source = inputs.foo;\n}\n";
    project.write("spec/nix/extra.nix", module);
    project.write(
        "spec/inputs.yaml",
        "inputs:\n  foo: { url: \"github:example/foo\", follows: [nixpkgs] }\n",
    );
    edit(
        &project,
        "spec/hosts.yaml",
        "  h2:\n    template: desk\n",
        "  h2:\n    template: desk\n    modules: [nix/extra.nix]\n",
    );
    project.clean(&[]);
    let lock = |rev: &str| {
        format!(
            r#"{{"version":7,"root":"root","nodes":{{"root":{{"inputs":{{"nixpkgs":"nixpkgs","foo":"foo"}}}},"nixpkgs":{{"locked":{{"rev":"n"}}}},"foo":{{"locked":{{"rev":"{rev}"}}}}}}}}"#
        )
    };
    project.write("generated/flake.lock", lock("1"));
    commit(&project);
    project.write("generated/flake.lock", lock("2"));
    let run = project.clean(&["affected", "--since", "HEAD", "--because"]);
    assert_eq!(run.stdout, "host h2\n  input foo\n");
    commit(&project);
    let whole = "{ inputs, ... }:\n{\n  environment.etc.a.source = \"${inputs.self}/custom/nix/extra.nix\";\n}\n";
    project.write("spec/nix/extra.nix", whole);
    project.clean(&[]);
    commit(&project);
    edit(&project, "spec/fleet.yaml", "name: lab", "name: labs");
    assert_eq!(affected(&project), "host h2\n");
}

/// A repository in which the two hosts have another file than the common one.
fn fleet(files: &[(&str, &str)]) -> Project {
    let mut project = Project::empty();
    for (path, text) in files {
        project = project.file(path, *text);
    }
    project.clean(&[]);
    project
}

const SMALL: &str = r#"version: 1
fleet:
  name: lab
  stateVersion: "25.11"
  system: x86_64-linux
  zones: [lan]
features:
  web.server:
    summary: Small web server
    options:
      jobs: { type: { list: anything }, default: [], description: What it does }
    requires: [web.log]
    nixos: { services.caddy.enable: true }
  web.log:
    summary: Log of the web server
    nixos: { services.caddy.logFormat: level INFO }
  web.watch:
    summary: Watches the web server
    ports: [{ port: 9000, zones: [lan] }, { port: 9001, zones: [lan] }]
    nixos: { services.caddy.group: watch }
templates:
  base:
    features: { web: [server, watch] }
  bare: { settings: { services.fwupd.enable: true } }
hosts:
  a: { template: base, hardware: { cpu: none, platform: lxc }, network: { zones: { lan: [eth0] } } }
  b: { template: base, hardware: { cpu: none, platform: lxc }, network: { zones: { lan: [eth0] } } }
  c: { template: bare, hardware: { cpu: none, platform: lxc } }
"#;

#[test]
fn features_are_told_by_what_machines_have() {
    let path = "spec/fleet.yaml";
    let (base, bare) = ("{ web: [server, watch] }", "{ web: [server] }");
    let own = |name: &str, feature: &str| {
        (
            format!("  {name}: {{ template: base,"),
            format!("  {name}: {{ template: base, features: {{ web: [{feature}] }},"),
        )
    };
    // From the template into both of its hosts: nothing.
    let project = fleet(&[(path, SMALL)]);
    edit(&project, path, base, bare);
    for name in ["a", "b"] {
        let (from, to) = own(name, "watch");
        edit(&project, path, &from, &to);
    }
    let moved = told(&project);
    assert!(!moved.contains("web.watch"), "{moved}");
    assert!(
        moved.contains("with nothing won or lost: a, b\n"),
        "{moved}"
    );
    // Into one of them: the other lost it.
    let project = fleet(&[(path, SMALL)]);
    edit(&project, path, base, bare);
    let (from, to) = own("a", "watch");
    edit(&project, path, &from, &to);
    assert!(
        told(&project).starts_with("b\n- feature web.watch\n"),
        "{}",
        told(&project)
    );
    // Another template that has the same, and what it has by requirement alone.
    let project = fleet(&[(path, SMALL)]);
    edit(
        &project,
        path,
        "  bare: {",
        "  more: { extends: base, features: { web: [log] } }\n  bare: {",
    );
    edit(
        &project,
        path,
        "  a: { template: base",
        "  a: { template: more",
    );
    let same = told(&project);
    assert!(
        same.starts_with("a\n- template base\n+ template more\n\n"),
        "{same}"
    );
    // Another template altogether.
    let project = fleet(&[(path, SMALL)]);
    edit(
        &project,
        path,
        "  a: { template: base",
        "  a: { template: bare",
    );
    let run = told(&project);
    let lost = "a\n+ template bare\n- template base\n- feature web.server\n- feature web.watch\n";
    assert!(run.starts_with(lost), "{run}");
    // Its options go with it.
    let given = SMALL.replace(base, "{ web: { server: { jobs: [1] }, watch: true } }");
    let project = fleet(&[(path, &given)]);
    edit(
        &project,
        path,
        "  a: { template: base",
        "  a: { template: bare",
    );
    let run = told(&project);
    assert!(run.starts_with(lost), "{run}");
    assert!(run.contains("+ services.fwupd.enable = true\n"), "{run}");
    assert!(!run.contains("jobs"), "{run}");
    // Switched off by one host, and by the template.
    let project = fleet(&[(path, SMALL)]);
    edit(
        &project,
        path,
        "  a: { template: base,",
        "  a: { template: base, features: { web: { watch: false } },",
    );
    assert!(told(&project).starts_with("a\n- feature web.watch, switched off\n"));
    let project = fleet(&[(path, SMALL)]);
    edit(&project, path, base, bare);
    assert!(told(&project).starts_with("template base (a, b)\n- feature web.watch\n"));
}

#[test]
fn settings_that_move_between_files() {
    let path = "spec/fleet.yaml";
    let project = fleet(&[(path, SMALL)]);
    edit(
        &project,
        path,
        "bare: { settings: { services.fwupd.enable: true } }",
        "bare: { settings: { services.fstrim.enable: true } }",
    );
    edit(
        &project,
        path,
        "  c: { template: bare,",
        "  c: { template: bare, settings: { services.fwupd.enable: true },",
    );
    let run = told(&project);
    assert!(!run.contains("fwupd"), "{run}");
    assert!(run.contains("services.fstrim.enable = true"), "{run}");
}

const TEMPLATES: &str = r#"version: 1
fleet:
  name: lab
  stateVersion: "25.11"
  system: x86_64-linux
  zones: [lan]
users:
  alice: { fullName: Alice Example, admin: true }
templates:
  common:
    settings: { environment.systemPackages: [!pkg git], time.timeZone: Europe/London }
  base:
    extends: common
    settings:
      services.fwupd.enable: false
      services.fstrim.interval: weekly
      boot.kernelModules: [kvm, tun]
      environment.systemPackages: [!pkg htop, !pkg jq]
  desk:
    extends: common
    settings:
      services.fwupd.enable: true
      services.fstrim.interval: daily
      boot.kernelModules: [tun, uinput]
      environment.systemPackages: [!pkg btop, !pkg jq]
      services.printing.enable: true
  top: { extends: base }
profiles:
  shell: { settings: { programs.bat.enable: true, home.packages: [!pkg fd] } }
  plain: { settings: { programs.bat.enable: false } }
hosts:
  a: { template: base, hardware: { cpu: none, platform: lxc }, users: { alice: [shell] } }
  b: { template: base, hardware: { cpu: none, platform: lxc } }
  c: { template: top, hardware: { cpu: none, platform: lxc }, settings: { services.fstrim.interval: monthly } }
"#;

#[test]
fn settings_and_packages_of_another_template() {
    let path = "spec/fleet.yaml";
    let summed = |edits: &[(&str, &str)]| {
        let project = fleet(&[(path, TEMPLATES)]);
        for (from, to) in edits {
            edit(&project, path, from, to);
        }
        told(&project)
    };
    // What both templates have, and what they share, is not told.
    let run = summed(&[("  b: { template: base,", "  b: { template: desk,")]);
    let other = "- template base
+ template desk
+ package btop
- package htop
~ boot.kernelModules: +\"uinput\" -\"kvm\"
~ services.fstrim.interval: \"weekly\" → \"daily\"
~ services.fwupd.enable: false → true
+ services.printing.enable = true
";
    assert!(run.starts_with(&format!("b\n{other}\n")), "{run}");
    // What the host says itself goes before either; further up, templates say it.
    let run = summed(&[("  c: { template: top,", "  c: { template: desk,")]);
    let lines: Vec<&str> = other.lines().collect();
    for line in &lines[2..] {
        let told = run.contains(line);
        assert_eq!(told, !line.contains("fstrim"), "{line}\n{run}");
    }
    // What it said itself is said by the template now.
    let run = summed(&[
        ("  c: { template: top,", "  c: { template: desk,"),
        (
            ", settings: { services.fstrim.interval: monthly }",
            ", settings: { services.printing.enable: true }",
        ),
    ]);
    assert!(
        run.contains("~ services.fstrim.interval: \"monthly\" → \"daily\"\n"),
        "{run}"
    );
    assert_eq!(run.matches("printing").count(), 1, "{run}");
    // A template that is new, and one that changes along with it: told there.
    let run = summed(&[
        (
            "  top: { extends: base }",
            "  top: { extends: base }\n  more: { extends: desk, settings: { services.fwupd.enable: !force false } }",
        ),
        (
            "services.printing.enable: true",
            "services.printing.enable: false",
        ),
        ("  b: { template: base,", "  b: { template: more,"),
    ]);
    assert!(run.contains("+ template more\n"), "{run}");
    assert!(!run.contains("fwupd"), "{run}");
    assert!(
        run.contains("+ services.printing.enable = false\n"),
        "{run}"
    );
    // Of a template that extends another one, all of its hosts.
    let run = summed(&[("top: { extends: base }", "top: { extends: desk }")]);
    assert!(
        run.contains("~ services.fwupd.enable: false → true\n"),
        "{run}"
    );
    // Of a template that both hosts have as before, once.
    let run = summed(&[("interval: weekly", "interval: hourly")]);
    let once = "~ services.fstrim.interval: \"weekly\" → \"hourly\"\n";
    assert!(
        run.starts_with(&format!("template base, template top (a, b, c)\n{once}")),
        "{run}"
    );
}

#[test]
fn settings_and_packages_of_another_profile() {
    let path = "spec/fleet.yaml";
    let project = fleet(&[(path, TEMPLATES)]);
    edit(&project, path, "alice: [shell]", "alice: [plain]");
    let run = told(&project);
    let other = "a
+ profile plain of alice
- profile shell of alice
- package fd of alice
~ programs.bat.enable of alice: true → false

";
    assert!(run.starts_with(other), "{run}");
    // Of a user who goes, the profiles say enough.
    edit(&project, path, ", users: { alice: [plain] }", "");
    let run = told(&project);
    assert!(run.contains("- user alice\n"), "{run}");
    assert!(!run.contains("bat"), "{run}");
}

#[test]
fn long_values_are_compared_whole() {
    let path = "spec/fleet.yaml";
    let job = |name: &str, target: &str| {
        format!(
            "{{ name: {name}, description: a long text so that this part of it cannot stand on one line with the rest, target: {target} }}"
        )
    };
    let spec = |target: &str, unfree: &str, also: &str| {
        let jobs = format!("[{}, {}]", job("x", "one"), job("z", target));
        let script = "!lines |\n          if true; then\n            echo a\n          fi\n";
        SMALL
            .replace("{ web: [server, watch] }", &format!("{{ web: {{ server: {{ jobs: {jobs} }}, watch: true }} }}"))
            .replace("  zones: [lan]\n", &format!("  zones: [lan]\n  packages: {{ unfree: [aaaaaaaaaaaaaaaa, bbbbbbbbbbbbbbbbbbbbbb, cccccccccccccccccccc, dddddddddddddddd, {unfree}zzzz] }}\n"))
            .replace("  c: { template: bare, hardware: { cpu: none, platform: lxc } }\n", &format!("  c:\n    template: bare\n    hardware: {{ cpu: none, platform: lxc }}\n    settings:\n{also}      systemd.services.x.script: {script}"))
    };
    let project = fleet(&[(path, &spec("two", "", ""))]);
    project.write(path, spec("three", "", ""));
    let run = told(&project);
    assert!(run.contains("web.server.jobs: -"), "{run}");
    assert!(run.contains("target = \"two\""), "{run}");
    assert!(run.contains("target = \"three\""), "{run}");
    assert!(!run.contains("order"), "{run}");
    let project = fleet(&[(path, &spec("two", "", ""))]);
    project.write(path, spec("two", "mmmm, ", ""));
    let run = told(&project);
    assert!(run.contains("\"mmmm\" …"), "{run}");
    assert!(!run.contains("priority"), "{run}");
    // Further in, since it has a neighbour now; the script is what it was.
    let project = fleet(&[(path, &spec("two", "", ""))]);
    project.write(
        path,
        spec("two", "", "      systemd.services.x.enable: false\n"),
    );
    let run = told(&project);
    assert!(
        run.starts_with("c\n+ systemd.services.x.enable = false\n\n"),
        "{run}"
    );
}

#[test]
fn interfaces_and_ports() {
    let path = "spec/fleet.yaml";
    let project = fleet(&[(path, SMALL)]);
    edit(
        &project,
        path,
        "  a: { template: base, hardware: { cpu: none, platform: lxc }, network: { zones: { lan: [eth0] } } }",
        "  a: { template: base, hardware: { cpu: none, platform: lxc }, network: { zones: { lan: [eth9] } } }",
    );
    let run = told(&project);
    assert!(
        run.starts_with("a\n~ interface of lan: eth0 → eth9\n\n"),
        "{run}"
    );
    let project = fleet(&[(path, SMALL)]);
    edit(
        &project,
        path,
        "  a: { template: base,",
        "  a: { template: base, settings: { networking.firewall.interfaces.eth0.allowedTCPPorts: !force [80] },",
    );
    let run = told(&project);
    let closed = "a\n+ port 80/tcp opened on lan\n- port 9000/tcp closed on lan\n- port 9001/tcp closed on lan\n";
    assert!(run.starts_with(closed), "{run}");
    let markdown = project
        .run(&["diff", "--summary", "--format", "markdown"])
        .stdout;
    assert!(
        markdown.contains("\n- port `9000/tcp` closed on lan\n"),
        "{markdown}"
    );
}

#[test]
fn another_namespace_is_one_line() {
    let path = "spec/fleet.yaml";
    let project = fleet(&[(path, SMALL)]);
    edit(
        &project,
        path,
        "  name: lab\n",
        "  name: lab\n  namespace: my\n",
    );
    let run = told(&project);
    assert!(
        run.starts_with("options of features (a, b)\n~ prefix: features → my\n\n"),
        "{run}"
    );
    assert!(!run.contains("web."), "{run}");
}

#[test]
fn packages_disks_secrets_and_installers() {
    let path = "spec/fleet.yaml";
    // Those of the example fleet.
    let rules = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../generated/secrets/secrets.nix"
    ))
    .unwrap();
    let keys: Vec<&str> = rules
        .split('"')
        .filter(|text| text.starts_with("ssh-ed25519 "))
        .collect();
    let key = |n: usize| keys[n];
    let spec = |packages: &str, disk: &str, hosts: &str, key_of_b: usize, installer: &str| {
        format!(
            r#"version: 1
fleet: {{ name: lab, stateVersion: "25.11", system: x86_64-linux, packages: {{ unstable: true, pins: {{ {packages} }} }} }}
inputs: {{ other: {{ url: "github:NixOS/nixpkgs/nixos-25.05" }} }}
users: {{ alice: {{ fullName: Alice Example, admin: true, sshKeys: ["{} alice@example"] }} }}
disks: {{ d: {disk} }}
secrets:
  keys: {{ hosts: {{ a: "{}", b: "{}" }}, users: {{ alice: "{}" }} }}
  items: {{ token: {{ hosts: {hosts} }} }}
hosts:
  a: {{ installer: {installer}, users: {{ alice: [] }}, hardware: {{ cpu: intel, boot: {{ loader: systemd-boot }}, disks: d }} }}
  b: {{ hardware: {{ cpu: none, platform: lxc }} }}
"#,
            key(0),
            key(2),
            key(key_of_b),
            key(3),
        )
    };
    let disk = "{ layout: ext4, device: /dev/sda, swap: 8G }";
    let before = spec("jq: unstable", disk, "[a]", 1, "true");
    let summed = |after: &str| {
        let project = Project::empty().file(path, before.as_str());
        project.write("generated/secrets/token.age", "age-encryption.org/v1");
        project.run(&[]);
        project.write(path, after);
        told(&project)
    };
    let run = summed(&spec("jq: unstable", disk, "[a, b]", 1, "true"));
    assert!(
        run.contains("secrets\n~ secret token, now also readable by host b\n"),
        "{run}"
    );
    assert!(!run.contains("recipients"), "{run}");
    let run = summed(&spec(
        "jq: unstable, hello: unstable",
        disk,
        "[a]",
        3,
        "true",
    ));
    assert!(run.starts_with("packages (a, b)\n+ package hello"), "{run}");
    let luks = "{ layout: luks-btrfs, device: /dev/sdb, swap: 4G }";
    let run = summed(&spec("jq: unstable", luks, "[a]", 1, "true"));
    assert!(run.starts_with("disk layout d (a)\n~ disk layout d: root (ext4), swap → luks (btrfs)\n~ disko.devices.disk.d.device: \"/dev/sda\" → \"/dev/sdb\"\n\n"), "{run}");
    let run = summed(&spec("jq: unstable", disk, "[a]", 1, "false"));
    assert!(
        run.starts_with("- installer a (removed)\n\nalso: "),
        "{run}"
    );
    let run = summed(&before.replace("alice@example", "alice@home"));
    assert!(
        run.contains("installer a\n~ users.users.root.openssh.authorizedKeys.keys: "),
        "{run}"
    );
    let both = spec("jq: unstable", disk, "[a, b]", 1, "true");
    let project = Project::empty().file(path, both);
    project.write("generated/secrets/token.age", "age-encryption.org/v1");
    project.run(&[]);
    project.write(path, spec("jq: unstable", disk, "[a, b]", 4, "true"));
    let run = told(&project);
    assert!(
        run.contains("~ reader host b, with another key: token\n"),
        "{run}"
    );
}

/// Gives host `h2` a module by hand.
fn with_module(project: &Project, text: &str) {
    project.write("spec/nix/more.nix", text);
    edit(
        project,
        "spec/hosts.yaml",
        "  h2:\n    template: desk\n",
        "  h2:\n    template: desk\n    modules: [nix/more.nix]\n",
    );
}

#[test]
fn files_by_computed_paths() {
    for module in [
        "{ config, ... }:\n{\n  environment.etc.a.source = ./parts/a-${config.networking.hostName};\n}\n",
        "{ config, ... }:\n{\n  environment.etc.a.source = ./parts + \"/a-${config.networking.hostName}\";\n}\n",
        "{ config, ... }:\n{\n  environment.etc.a.source = ../nix/parts/a + \"-${config.networking.hostName}\";\n}\n",
        "{ config, ... }:\n{\n  environment.etc.a.source = ./. + \"/parts/${config.networking.hostName}\";\n}\n",
    ] {
        let project = repository();
        project.write("spec/nix/parts/a-h2", "one\n");
        project.write("spec/nix/parts/default.nix", "{ }\n");
        with_module(&project, module);
        assert_eq!(affected(&project), "host h2\n", "{module}");
        assert_eq!(project.read("generated/custom/nix/parts/a-h2"), "one\n");
        commit(&project);
        project.write("spec/nix/parts/a-h2", "two\n");
        assert_eq!(affected(&project), "host h2\n", "{module}");
    }
}

#[test]
fn machines_touched_by_what_they_read() {
    let project = repository();
    with_module(
        &project,
        "{ inputs, ... }:\n{\n  environment.etc.a.text = inputs.self.nixosConfigurations.h1.config.time.timeZone;\n}\n",
    );
    project.clean(&[]);
    commit(&project);
    edit(
        &project,
        "spec/hosts.yaml",
        "    network: { address: 10.0.0.1",
        "    settings: { services.fstrim.enable: true }\n    network: { address: 10.0.0.1",
    );
    let human = told(&project);
    assert!(
        human.contains("\ntouched by hosts/h1/default.nix: h2\n"),
        "{human}"
    );
    let markdown = project.run(&["diff", "--summary", "--format", "markdown"]);
    let markdown = markdown.stdout;
    assert!(
        markdown.contains("\nTouched by hosts/h1/default.nix: h2.\n"),
        "{markdown}"
    );
}

#[test]
fn elements_that_move_to_what_is_shared() {
    let project = repository();
    edit(
        &project,
        "spec/hosts.yaml",
        "zones: { lan: [eth1] } }\n    users: { alice: [shell] }",
        "zones: { lan: [eth1] } }\n    users: { alice: { profiles: [shell], groups: [video] } }",
    );
    project.clean(&[]);
    edit(
        &project,
        "spec/fleet.yaml",
        "admin: true }",
        "admin: true, groups: [video] }",
    );
    let some = told(&project);
    assert!(
        some.contains("user alice (h1, h2, h3, h4)\n~ users.users.alice.extraGroups: +\"video\"\n"),
        "{some}"
    );
    assert!(!some.contains("-\"video\""), "{some}");
}

#[test]
fn a_feature_that_a_host_switches_off() {
    let path = "spec/fleet.yaml";
    let project = fleet(&[(path, SMALL)]);
    edit(
        &project,
        path,
        "  a: { template: base,",
        "  a: { template: base, features: { web: { watch: false } },",
    );
    let off = told(&project);
    assert!(off.contains("- feature web.watch, switched off\n"), "{off}");
    assert!(!off.contains("text of"), "{off}");
}

#[test]
fn what_differs_in_the_flake_alone() {
    let project = repository();
    project.clean(&["eject", "flake.nix"]);
    commit(&project);
    edit(
        &project,
        "generated/flake.nix",
        "formatter.",
        "templates = { };\n\n      formatter.",
    );
    let run = project.clean(&["diff", "--summary", "--since", "HEAD"]);
    assert_eq!(run.stdout, "also: flake.nix\n\nunchanged: h1, h2, h3, h4\n");
}

#[test]
fn code_that_is_no_set() {
    let project = repository();
    let tool = "{ writeShellApplication }:\nwriteShellApplication {\n  name = \"a\";\n  text = \"echo one\";\n}\n";
    project.write("spec/nix/tool.nix", tool);
    with_module(
        &project,
        "{ pkgs, ... }:\n{\n  environment.systemPackages = [ (pkgs.callPackage ./tool.nix { }) ];\n}\n",
    );
    project.clean(&[]);
    project.write("spec/nix/tool.nix", tool.replace("one", "two"));
    let human = told(&project);
    assert!(
        human.contains("hand-written nix/tool.nix (h2)\n~ text of custom/nix/tool.nix\n"),
        "{human}"
    );
}

#[test]
fn a_folder_that_is_copied_as_it_is() {
    let project = repository();
    project.write("spec/site/default.nix", "{ }\n");
    project.write("spec/site/pages/a.html", "one\n");
    edit(
        &project,
        "spec/hosts.yaml",
        "    network: { address: 10.0.0.2",
        "    settings: { environment.etc.site.source: !file site }\n    network: { address: 10.0.0.2",
    );
    assert_eq!(affected(&project), "host h2\n");
    commit(&project);
    project.write("spec/site/pages/a.html", "two\n");
    assert_eq!(affected(&project), "host h2\n");
}
