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

use std::collections::BTreeMap;

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

/// The literals on a line: texts, packages, and numbers of some length that stand alone.
fn literals(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = line;
    while let Some((_, after)) = rest.split_once('"') {
        let Some((text, after)) = after.split_once('"') else {
            break;
        };
        if text.len() > 2 && !text.contains(['$', '\\']) {
            found.push(text);
        }
        rest = after;
    }
    for (at, _) in line.match_indices("pkgs.") {
        let name = &line[at + "pkgs.".len()..];
        let end = name.find(|c: char| !(c.is_alphanumeric() || "_-.".contains(c)));
        let is_part = line[..at].ends_with(|c: char| c.is_alphanumeric() || "_-.".contains(c));
        if !is_part {
            found.push(name[..end.unwrap_or(name.len())].trim_end_matches('.'));
        }
    }
    let value = line.split_once(" = ").map_or(line, |(_, value)| value);
    let number = value.trim().trim_end_matches(';');
    if number.len() > 2 && number.bytes().all(|byte| byte.is_ascii_digit()) {
        found.push(number);
    }
    found
}

/// Whether a text stands in a line by itself.
fn stands_in(line: &str, text: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || "_-.".contains(c);
    line.match_indices(text).any(|(at, _)| {
        !line[..at].ends_with(is_part) && !line[at + text.len()..].starts_with(is_part)
    })
}

/// Literals that stand on that one line of the spec by chance: the line is not where they come from.
fn is_chance(path: &str, text: &str, line: &str) -> bool {
    // Words of Nix, and the group of admins.
    let is_word = ["wheel", "@wheel", "x86_64-linux"].contains(&text);
    // What a layout is made of, `gen` knows; the spec names devices and sizes.
    let is_layout = path.starts_with("disko.") && !path.ends_with(".device");
    // Names that inputs and flakes have for what they hold.
    let is_flake = path.starts_with("inputs.") && path.ends_with(".follows")
        || path.starts_with("outputs.devShells.")
        || path.starts_with("outputs.checks.") && text == "format"
        || path == "outputs.deploy.user";
    // What `gen` adds to every machine of a kind.
    let is_kind = path.starts_with("microvm.interfaces.")
        || path == "boot.initrd.availableKernelModules" && text.starts_with("usb");
    // Jobs are named by the pages of metrics, links by what other machines serve.
    let is_table = path == "features.monitoring.prometheus.jobs.job"
        || path.starts_with("features.services.homepage.fleetLinks.");
    // The port is opened here, and the line has the address of it elsewhere.
    let is_port = path.starts_with("networking.firewall.") && line.contains(&format!(":{text}"));
    // An expression asks for an option of another host.
    let is_asked = path == "features.cluster.node.firstPort";
    // A template of a shared catalog, and not a profile of the fleet.
    let is_shared = path == "environment.systemPackages" && text == "git";
    is_word || is_layout || is_flake || is_kind || is_table || is_port || is_asked || is_shared
}

#[test]
fn literals_lead_to_the_lines_that_they_stand_on() {
    let mut problems = Vec::new();
    let mut asked = 0;
    for (spec, out) in fleets() {
        let generated = generate(load_as(&spec, &out, Utf8Path::new("spec")));
        let tree = generated.tree.as_ref().unwrap();
        let lines: Vec<(String, String)> = generated
            .sources
            .iter()
            .filter(|(_, source)| {
                source.path.starts_with("spec/") && !source.path.contains("/catalogs/")
            })
            .flat_map(|(_, source)| {
                let said = |line: &str| line.split(" #").next().unwrap_or_default().to_owned();
                source
                    .text
                    .lines()
                    .enumerate()
                    .filter(|(_, line)| !line.trim_start().starts_with('#'))
                    .map(move |(at, line)| (format!("{}:{}", source.path, at + 1), said(line)))
            })
            .collect();
        let text_of = |place: &str| {
            let found = lines.iter().find(|(known, _)| known == place);
            found.map_or("", |(_, line)| line.as_str())
        };
        let mut known: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        let mut why = WhyLines::new(&generated);
        for (path, file) in tree.iter() {
            let parts: Vec<&str> = path.split('/').collect();
            // The bodies of features and files of the user say what they say.
            let is_spec = match parts.as_slice() {
                ["home", "profiles", _] | ["modules", "fleet.nix"] => true,
                ["home" | "modules" | "custom" | "pkgs", ..] => false,
                _ => path.ends_with(".nix"),
            };
            if !is_spec {
                continue;
            }
            let text = std::str::from_utf8(&file.bytes).unwrap();
            for answer in why.of(path).unwrap() {
                let line = text.lines().nth(answer.line - 1).unwrap().trim();
                for literal in literals(line) {
                    let on = known.entry(literal.to_owned()).or_insert_with(|| {
                        let here = |(_, line): &&(String, String)| stands_in(line, literal);
                        let on = lines.iter().filter(here);
                        on.map(|(place, _)| place.as_str()).collect()
                    });
                    let [place] = on.as_slice() else {
                        continue;
                    };
                    if is_chance(&answer.path, literal, text_of(place)) {
                        continue;
                    }
                    asked += 1;
                    let cited: Vec<&str> = answer
                        .places
                        .iter()
                        .filter_map(|(_, place)| place.as_deref())
                        .collect();
                    if !cited.contains(place) {
                        let name = spec.parent().and_then(Utf8Path::file_name).unwrap_or("hub");
                        problems.push(format!(
                            "{name} {path}:{} {} `{literal}` stands at {place}, not {cited:?}",
                            answer.line, answer.path
                        ));
                    }
                }
            }
        }
    }
    assert!(asked > 1_300, "{asked} literals");
    assert!(
        problems.is_empty(),
        "{} of {asked}: {}",
        problems.len(),
        problems.join("\n")
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

const ASKED: &str = r#"version: 1
fleet: { name: lab, stateVersion: "25.11", system: x86_64-linux, zones: [lan] }
hosts:
  asks:
    hardware: { cpu: none, platform: lxc }
    features: { ai: [litellm] }
  both:
    hardware: { cpu: none, platform: lxc }
    features:
      ai:
        litellm: true
        ollama:
          port: 11500
  serves:
    hardware: { cpu: none, platform: lxc }
    network: { address: 10.0.0.9, zones: { lan: [eth0] } }
    features:
      ai:
        ollama:
          port: PORT
          openFirewall: true
"#;

/// An option that is derived from one of another host, or of the same one.
#[test]
fn options_of_other_hosts() {
    let answer = |spec: &str, host: &str| {
        let project = Project::empty().file("spec/fleet.yaml", spec);
        project.run(&[]);
        let run = project.clean(&["why", host, "ai.litellm.ollamaUrl"]);
        run.stdout
    };
    let line = |wanted: &str| {
        let at = ASKED.lines().position(|line| line.trim() == wanted);
        format!("spec/fleet.yaml:{}", at.unwrap() + 1)
    };
    let spec = ASKED.replace("PORT", "11600");
    let own = format!(
        "reads `ai.ollama.port` of both, set by host both, {}\n",
        line("port: 11500")
    );
    let run = answer(&spec, "both");
    assert!(run.contains(&own), "{run}");
    assert!(!run.contains("of serves"), "{run}");
    // The first host that has it serves nobody else.
    let run = answer(&spec, "asks");
    assert!(!run.contains("ai.ollama.port"), "{run}");
    let alone = spec.replace(
        "        litellm: true\n        ollama:\n          port: 11500\n",
        "        litellm: true\n",
    );
    let run = answer(&alone, "asks");
    assert!(run.contains("10.0.0.9:11600"), "{run}");
    let at = alone.lines().position(|line| line.contains("port: 11600"));
    let other = format!(
        "reads `ai.ollama.port` of serves, set by host serves, spec/fleet.yaml:{}\n",
        at.unwrap() + 1
    );
    assert!(run.contains(&other), "{run}");
    // A default is set nowhere.
    let run = answer(&alone.replace("          port: 11600\n", ""), "asks");
    assert!(!run.contains("reads `ai.ollama.port`"), "{run}");
}

/// Errors elsewhere are reported beside the answer; where they may be about what is asked, there is none.
#[test]
fn with_errors_in_the_spec() {
    let project = layered();
    let two = "  two:\n    template: base\n";
    let wrong = project.read("spec/hosts.yaml").replace(
        two,
        &format!("{two}    features: {{ web: [sevrer] }}\n    settings: {{ services.caddy.group: 1, services.caddy.group: 2 }}\n"),
    );
    project.write("spec/hosts.yaml", wrong);
    let run = project.run(&["why", "one", "web.server.port"]);
    assert_eq!(run.code, 1);
    assert_snapshot!("errors_elsewhere", run);
    let line = project.read("generated/hosts/one/default.nix");
    let at = line
        .lines()
        .position(|it| it.contains("boot.kernelModules"));
    let place = format!("generated/hosts/one/default.nix:{}", at.unwrap() + 1);
    let run = project.run(&["why", &place, "--format", "json"]);
    assert_eq!(run.code, 1);
    let answer: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(answer["path"], "boot.kernelModules");
    assert!(run.stderr.contains("web.sevrer"), "{run}");
    for args in [
        ["why", "two", "services.caddy.user"],
        ["why", "on", "services.caddy"],
    ] {
        let run = project.run(&args);
        assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{run}");
    }
}

/// A set and an attribute in it are put together; two literals must agree.
#[test]
fn options_in_sets() {
    let project = Project::empty()
        .file(
            "spec/fleet.yaml",
            "fleet: { name: lab, stateVersion: \"25.11\", system: x86_64-linux, modules: [nix/own.nix, nix/other.nix] }\nhosts: { one: { hardware: { cpu: none, platform: lxc } } }\n",
        )
        .file(
            "spec/nix/own.nix",
            "{ lib, ... }:\n{\n  services.caddy.globals = lib.genAttrs [ \"a\" \"b\" ] (name: name);\n  networking.search = [ \"example.org\" ];\n  networking.domain = \"example.org\";\n}\n",
        )
        .file(
            "spec/nix/other.nix",
            "{\n  services.caddy.globals.b = \"c\";\n  networking.domain = \"example.org\";\n}\n",
        );
    project.clean(&[]);
    for (name, option) in [
        ("in_a_set", "services.caddy.globals.b"),
        ("that_agree", "networking.domain"),
    ] {
        assert_snapshot!(
            format!("option_{name}"),
            project.clean(&["why", "one", option])
        );
    }
}

/// Mappings and submodules of features: keys, fields, their defaults, and what code makes of them below
/// a name that it computes.
#[test]
fn options_in_mappings() {
    let project = Project::empty().file(
        "spec/fleet.yaml",
        "fleet: { name: lab, stateVersion: \"25.11\", system: x86_64-linux, zones: [lan] }
hosts:
  one:
    hardware: { cpu: none, platform: lxc }
    network: { zones: { lan: [eth0] } }
    features:
      services:
        caddy:
          sites:
            a.example.org: { proxy: \"127.0.0.1:8080\" }
            b.example.org: { root: /srv/b, tls: internal }
      networking:
        wireguard:
          interface: wg7
          addresses: [10.9.0.1/24]
          privateKeyFile: /var/key
      backup:
        restic:
          repository: /srv/backup
          passwordFile: /var/password
          restoreTest: { sample: 5 }
",
    );
    project.clean(&[]);
    for (name, option) in [
        ("with_keys", "services.caddy.sites"),
        ("key_without_quotes", "services.caddy.sites.a.example.org"),
        ("field", "services.caddy.sites.\"b.example.org\".tls"),
        (
            "default_of_a_field",
            "services.caddy.sites.\"b.example.org\".compress",
        ),
        ("read_by_keys", "services.caddy.virtualHosts"),
        ("submodule", "backup.restic.restoreTest"),
        ("default_in_a_submodule", "backup.restic.restoreTest.maxAge"),
        ("computed_name", "networking.wireguard.interfaces"),
        (
            "below_a_computed_name",
            "networking.wireguard.interfaces.wg7.ips",
        ),
    ] {
        assert_snapshot!(
            format!("option_{name}"),
            project.clean(&["why", "one", option])
        );
    }
    // A key that is not there has no fields, and a path of NixOS is none of a feature.
    for (name, option) in [
        (
            "of_no_key",
            "services.caddy.sites.\"c.example.org\".compress",
        ),
        ("no_field", "backup.restic.restoreTest.sampel"),
        ("misspelt", "networking.wireguard.adresses"),
    ] {
        assert_snapshot!(
            format!("option_{name}"),
            project.run(&["why", "one", option])
        );
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

/// A desktop whose features open ports and give groups, with a guest and an image.
const DESKTOP: &str = r#"templates:
  graphical:
    features:
      security: [ssh-server]
      virtualization: [docker]
      networking: [network-manager]
      storage: { fstrim: { interval: daily } }
users:
  alice: { fullName: Alice Example, email: alice@example.org, admin: true, home: { profiles: [shell] } }
  bob: { fullName: Bob Example, email: bob@example.org, home: { profiles: [shell] } }
profiles:
  shell:
    features: { development: [git] }
hosts:
  desktop:
    template: graphical
    hardware: { cpu: amd, memory: 32GiB, cores: 8, disks: plain, boot: { loader: systemd-boot } }
    network: { address: 10.0.0.1, zones: { lan: [eth0] } }
    users: { alice: [], bob: [] }
    microvms: [guest]
    settings:
      networking.firewall.interfaces.eth0.allowedTCPPorts: !force [80]
  server:
    template: graphical
    hardware: { cpu: none, platform: lxc }
    network: { address: 10.0.0.2, zones: { lan: [eth0] } }
    features: { desktop: [pipewire], gaming: [steam] }
microvms:
  guest:
    memory: 1GiB
    network:
      mac: "02:00:00:00:00:01"
      forwards:
        - { host: 2222, guest: 22 }
        - { host: 8081, guest: 80 }
    packages:
      - jq
      - ripgrep
    settings: { time.timeZone: Europe/London }
disks:
  plain: { layout: ext4, device: /dev/sda }
"#;

fn desktop() -> Project {
    let unfree = "  packages: { unfree: [steam, steam-unwrapped] }\n";
    let project = Project::empty()
        .file("spec/fleet.yaml", format!("{}{unfree}", support::FLEET))
        .file("spec/hosts.yaml", DESKTOP);
    project.clean(&[]);
    project
}

/// The line of a file that starts with a text, as `FILE:LINE`.
fn place(project: &Project, file: &str, start: &str) -> String {
    let text = project.read(file);
    let at = text
        .lines()
        .position(|line| line.trim().starts_with(start))
        .unwrap_or_else(|| panic!("no `{start}` in {file}:\n{text}"));
    format!("{file}:{}", at + 1)
}

#[test]
fn what_features_give_leads_to_them_and_to_who_switches_them_on() {
    let project = desktop();
    for (name, args) in [
        ("groups", vec!["desktop", "users.users.alice.extraGroups"]),
        (
            "forced_ports",
            vec![
                "desktop",
                "networking.firewall.interfaces.eth0.allowedTCPPorts",
            ],
        ),
        ("switched_on", vec!["desktop", "services.openssh.enable"]),
        ("inherited", vec!["desktop", "services.fstrim.interval"]),
        (
            "derived",
            vec!["desktop", "development.git.userEmail", "--user", "bob"],
        ),
        (
            "derived_by_a_body",
            vec!["desktop", "programs.git.settings.user", "--user", "bob"],
        ),
        (
            "derived_from_a_feature",
            vec!["server", "desktop.pipewire.support32Bit"],
        ),
        ("guest", vec!["guest", "time.timeZone"]),
    ] {
        let args: Vec<&str> = ["why"].into_iter().chain(args).collect();
        assert_snapshot!(format!("story_{name}"), project.clean(&args));
    }
    let guest = "generated/microvms/guest.nix";
    let host = "generated/modules/security/ssh-server.nix";
    for (name, file, start) in [
        ("package", guest, "pkgs.ripgrep"),
        ("forward", guest, "port = 8081"),
        ("module", host, "services.openssh = {"),
    ] {
        let line = place(&project, file, start);
        assert_snapshot!(format!("story_line_{name}"), project.clean(&["why", &line]));
    }
}

#[test]
fn a_file_that_is_the_users() {
    let project = desktop();
    project.clean(&["eject", "generated/hosts/desktop/default.nix"]);
    let run = project.run(&["why", "generated/hosts/desktop/default.nix:3"]);
    assert_ne!(run.code, 0);
    assert_snapshot!("ejected_file", run);
    // An option is still told by what the spec says of the rest.
    project.clean(&["why", "server", "services.openssh.enable"]);
}

/// What machines know of each other comes from more than one line.
#[test]
fn names_and_ports_of_other_hosts() {
    let project = Project::empty().file(
        "spec/fleet.yaml",
        r#"version: 1
fleet: { name: lab, stateVersion: "25.11", system: x86_64-linux, zones: [lan], domain: example.org }
deploy: { knownHosts: true }
secrets:
  keys:
    hosts: { box: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFy/H0qQJbGAd5JcZtTfK8tpCPOLQfVUz+MM8pxSJBFX }
hosts:
  watch:
    hardware: { cpu: none, platform: lxc }
    network: { address: 10.0.0.1, zones: { lan: [eth0] } }
    features: { monitoring: [prometheus] }
    deploy: false
  box:
    hardware: { cpu: none, platform: lxc }
    network: { address: 10.0.0.2, zones: { lan: [eth0] } }
    deploy: false
    features:
      monitoring:
        node-exporter:
          port: 9110
"#,
    );
    project.run(&[]);
    let of = |file: &str, start: &str| {
        let run = project.clean(&["why", &place(&project, file, start)]);
        run.stdout
    };
    let known = of("generated/modules/fleet.nix", "\"box.example.org\"");
    let lines: Vec<&str> = known.lines().filter(|it| it.contains("spec/")).collect();
    assert_eq!(
        lines,
        [
            "from fleet, spec/fleet.yaml:2",
            "because of fleet, spec/fleet.yaml:3"
        ],
        "{known}"
    );
    let target = of("generated/hosts/watch/default.nix", "targets.box");
    assert!(
        target.contains(
            "reads `monitoring.node-exporter.port` of box, set by host box, spec/fleet.yaml:20\n"
        ),
        "{target}"
    );
    assert!(
        target.contains("reads host box, spec/fleet.yaml:15\n"),
        "{target}"
    );
}
