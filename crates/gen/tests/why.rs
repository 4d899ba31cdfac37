//! `gen why`: options of hosts, and every line of every generated Nix file.
#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files and start programs"
)]

mod support;

use camino::{Utf8Path, Utf8PathBuf};
use flakesmith::{Generated, WhyLines, generate, load_as};
use insta::assert_snapshot;
use support::Project;

fn root() -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The specs of the repository, with their output folders.
fn fleets() -> Vec<(Utf8PathBuf, Utf8PathBuf)> {
    let mut fleets = vec![(root().join("spec"), root().join("generated"))];
    for case in root().join("golden").read_dir_utf8().unwrap() {
        let case = case.unwrap().into_path();
        if case.join("expected").is_dir() {
            fleets.push((case.join("spec"), case.join("expected")));
        }
    }
    fleets.sort();
    fleets
}

/// Whether a place names a line that is there.
fn exists(generated: &Generated, place: &str) -> bool {
    let Some((file, line)) = place.rsplit_once(':') else {
        return false;
    };
    let line: usize = line.parse().unwrap();
    let text = if let Some((_, source)) = generated.sources.iter().find(|(_, s)| s.path == file) {
        source.text.clone()
    } else if let Some((name, below)) = file
        .strip_prefix("catalog:programs/")
        .and_then(|path| path.split_once('/'))
    {
        let program = catalog::program(name).unwrap();
        let found = program.files.iter().find(|file| file.0 == below);
        found
            .map(|file| String::from_utf8(file.1.to_vec()).unwrap())
            .unwrap_or_default()
    } else if let Some(path) = file.strip_prefix("catalog:") {
        let id = path.split('.').next().unwrap().replacen('/', ".", 1);
        let folder = path.split('/').next().unwrap();
        let bodies = catalog::entries()
            .iter()
            .filter(|entry| entry.id == id || entry.id.starts_with(&format!("{folder}.")));
        let name = path.rsplit('/').next().unwrap();
        let found = bodies
            .flat_map(|entry| entry.bodies)
            .find(|body| body.name == name);
        found.map(|body| body.text.to_owned()).unwrap_or_default()
    } else {
        // Files of a catalog are found below its name, wherever it lies.
        let shared = generated.catalogs.iter().find_map(|(name, folder)| {
            let rest = file.strip_prefix(folder.as_str())?;
            Some(format!("catalogs/{name}{rest}"))
        });
        let own = || file.strip_prefix("spec/").unwrap_or(file).to_owned();
        let path = shared.unwrap_or_else(own);
        let bytes = generated.assets.get(&path).cloned().unwrap_or_default();
        String::from_utf8(bytes).unwrap()
    };
    (1..=text.lines().count()).contains(&line)
}

#[test]
fn every_line_of_every_file_is_explained() {
    let mut problems = Vec::new();
    let mut lines = 0;
    let mut general = 0;
    for (spec, out) in fleets() {
        let generated = generate(load_as(&spec, &out, Utf8Path::new("spec")));
        let Some(tree) = &generated.tree else {
            panic!("{spec} does not generate");
        };
        let mut why = WhyLines::new(&generated);
        for (path, _) in tree.iter().filter(|(path, _)| path.ends_with(".nix")) {
            let Some(answers) = why.of(path) else {
                problems.push(format!("{spec}: {path} is not read"));
                continue;
            };
            for answer in answers {
                lines += 1;
                let at = format!("{spec}: {path}:{} ({})", answer.line, answer.path);
                if answer.places.is_empty() {
                    problems.push(format!("{at}: no answer"));
                }
                general += usize::from(
                    answer
                        .places
                        .iter()
                        .all(|(layer, _)| layer.starts_with("every flake")),
                );
                for (layer, place) in &answer.places {
                    match place {
                        Some(place) if exists(&generated, place) => {}
                        _ => problems.push(format!("{at}: {layer} at {place:?}")),
                    }
                }
            }
        }
    }
    assert!(lines > 20_000, "{lines} lines");
    // What stands in every flake, such as the formatter, has no line of its own in the spec.
    assert!(
        general * 50 < lines,
        "{general} of {lines} lines are a part of every flake"
    );
    let few: Vec<&String> = problems.iter().take(30).collect();
    assert!(
        problems.is_empty(),
        "{} of {lines} lines: {few:#?}",
        problems.len()
    );
}

/// A fleet whose layers all say something about one thing.
const LAYERS: &str = r"templates:
  root:
    settings: { time.timeZone: Europe/Paris, environment.variables.EDITOR: vi }
  base:
    extends: root
    features: { web: { server: { port: 8081 } } }
    settings:
      time.timeZone: Europe/London
      boot.kernelModules: [loop]
features:
  web.server:
    summary: Small web server
    options:
      port: { type: port, default: 8080, description: Port it listens on }
      paths: { type: { list: string }, default: [], description: Paths }
    requires: [web.log]
    ports: [{ option: port, zones: [lan] }]
    nixos:
      services.caddy: { enable: true, httpPort: !opt port }
      boot.kernelModules: [tls]
      services.caddy.email: !default nobody@example.org
  web.log:
    summary: Log of the web server
    nixos: { services.caddy.logFormat: level INFO }
homeFeatures:
  shell.prompt:
    summary: Prompt
    options: { colour: { type: string, default: green, description: Colour } }
    home: { programs.starship: { enable: true, settings.format: !opt colour } }
users:
  alice: { fullName: Alice Example, admin: true, groups: [video] }
profiles:
  shell:
    features: { shell: { prompt: { colour: blue } } }
    settings: { programs.bat.enable: true }
hosts:
  one:
    template: base
    hardware: { cpu: none, platform: lxc }
    network: { address: 10.0.0.1, zones: { lan: [eth0] } }
    users: { alice: { profiles: [shell], settings: { programs.bat.enable: false } } }
    features: { web: { server: { port: 9000 } } }
    settings:
      services.fwupd.enable: false
      boot.kernelModules: [br_netfilter]
      services.caddy.email: alice@example.org
  two:
    template: base
    hardware: { cpu: none, platform: lxc }
    network: { address: 10.0.0.2, zones: { lan: [eth0] } }
";

fn layered() -> Project {
    let project = Project::empty()
        .file("spec/fleet.yaml", support::FLEET)
        .file("spec/hosts.yaml", LAYERS);
    project.clean(&[]);
    project
}

#[test]
fn options() {
    let project = layered();
    for (name, args) in [
        ("feature_option", vec!["one", "web.server.port"]),
        ("of_template", vec!["two", "features.web.server.port"]),
        ("template_chain", vec!["one", "time.timeZone"]),
        ("through_a_feature", vec!["one", "services.caddy.httpPort"]),
        ("merged", vec!["one", "boot.kernelModules"]),
        ("default_overridden", vec!["one", "services.caddy.email"]),
        ("prefix", vec!["one", "services.caddy"]),
        ("feature", vec!["one", "web.server"]),
        (
            "ports",
            vec!["one", "networking.firewall.interfaces.eth0.allowedTCPPorts"],
        ),
        (
            "home",
            vec!["one", "programs.bat.enable", "--user", "alice"],
        ),
        (
            "home_by_path",
            vec![
                "one",
                "home-manager.users.alice.programs.starship.settings.format",
            ],
        ),
        ("json", vec!["one", "web.server.port", "--format", "json"]),
    ] {
        let args: Vec<&str> = ["why"].into_iter().chain(args).collect();
        assert_snapshot!(format!("option_{name}"), project.clean(&args));
    }
}

#[test]
fn options_that_are_not_there() {
    let project = layered();
    for (name, args) in [
        ("unset", vec!["one", "services.caddy.emial"]),
        (
            "unset_json",
            vec!["one", "services.nothing", "--format", "json"],
        ),
        ("host", vec!["on", "services.caddy"]),
        ("user", vec!["one", "programs.bat.enable", "--user", "alic"]),
        (
            "user_elsewhere",
            vec!["two", "programs.bat.enable", "--user", "alice"],
        ),
        ("path", vec!["one", "a..b"]),
        ("alone", vec!["one"]),
        ("format", vec!["one", "services.caddy", "--format", "sarif"]),
    ] {
        let args: Vec<&str> = ["why"].into_iter().chain(args).collect();
        let run = project.run(&args);
        assert_ne!(run.code, 0, "{args:?}");
        assert_snapshot!(format!("missing_{name}"), run);
    }
}

#[test]
fn lines() {
    let project = layered();
    let text = project.read("generated/hosts/one/default.nix");
    let line = |wanted: &str| {
        let at = text
            .lines()
            .position(|line| line.trim().starts_with(wanted));
        format!("generated/hosts/one/default.nix:{}", at.unwrap() + 1)
    };
    for (name, start) in [
        ("attribute", "features.web.server"),
        ("element", "boot.kernelModules"),
        ("import", "../../templates/base.nix"),
        ("host_name", "networking.hostName"),
    ] {
        assert_snapshot!(
            format!("line_{name}"),
            project.clean(&["why", &line(start)])
        );
    }
    let json = project.clean(&["why", "--format", "json", &line("system.stateVersion")]);
    assert_snapshot!("line_json", json);
    // From the output folder, as a shell there completes it.
    let inside = project.clean(&[
        "-C",
        "generated",
        "--spec",
        "../spec",
        "--out",
        ".",
        "why",
        "flake.nix:3",
    ]);
    assert!(inside.stdout.contains("fleet.yaml:"), "{inside}");
}

#[test]
fn lines_that_are_not_there() {
    let project = layered();
    let run = |place: &str| {
        let run = project.run(&["why", place]);
        assert_ne!(run.code, 0, "{place}");
        run
    };
    assert_snapshot!("no_file", run("generated/hosts/on/default.nix:3"));
    assert_snapshot!("no_line", run("generated/hosts/one/default.nix:4000"));
    assert_snapshot!("line_zero", run("generated/hosts/one/default.nix:0"));
    assert_snapshot!("no_nix", run("generated/README.md:1"));
    let flake = project.read("generated/flake.nix");
    project.write("generated/flake.nix", flake + "# mine\n");
    assert_snapshot!("stale_file", run("generated/flake.nix:3"));
}

#[test]
fn sides_of_hosts() {
    let project = layered();
    let spec = project.read("spec/hosts.yaml");
    let more = "    settings:
      services.openssh.enable: true
      services.avahi: { enable: true, openFirewall: true }
      networking.firewall.allowedUDPPorts: [53]
      networking.firewall.interfaces.eth0.allowedTCPPorts: [7000]
";
    project.write("spec/hosts.yaml", spec + more);
    // An option of that name of a feature is none of NixOS.
    project.write(
        "spec/more.yaml",
        "features:
  net.tool:
    summary: Tool
    options: { openFirewall: { type: bool, default: false, description: Open } }
    nixos: { services.tool.enable: !opt openFirewall }
hosts:
  three:
    hardware: { cpu: none, platform: lxc }
    features: { net: { tool: { openFirewall: true } } }
",
    );
    for topic in ["ports", "services", "secrets"] {
        let flag = format!("--{topic}");
        assert_snapshot!(format!("side_{topic}"), project.clean(&["explain", &flag]));
    }
    assert_snapshot!("side_of_one", project.clean(&["explain", "two", "--ports"]));
    assert_snapshot!(
        "side_json",
        project.clean(&["explain", "one", "--ports", "--format", "json"])
    );
    let run = project.run(&["explain", "tow", "--ports"]);
    assert_eq!(run.code, 2);
    assert_snapshot!("side_unknown", run);
}
