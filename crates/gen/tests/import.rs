//! `gen import`: the repository in `golden/import/<case>/repo` gives `golden/import/<case>/expected`,
//! byte for byte, with what was printed in `report.txt`; the arguments besides are in `args`. What was
//! imported generates without errors and checks without findings, other than those in `findings.txt`.
//!
//! `GOLDEN_UPDATE=1` writes what was expected anew.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files and the environment"
)]

mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use support::Project;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/import")
}

fn files(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in walkdir::WalkDir::new(folder) {
        let Ok(entry) = entry else { continue };
        if entry.file_type().is_file() {
            let path = entry.path().strip_prefix(folder).unwrap();
            let text = fs::read_to_string(entry.path()).unwrap();
            found.insert(path.to_str().unwrap().to_owned(), text);
        }
    }
    found
}

fn compare(case: &Path, name: &str, found: &BTreeMap<String, String>, failures: &mut Vec<String>) {
    let folder = case.join(name);
    if std::env::var_os("GOLDEN_UPDATE").is_some_and(|value| value == "1") {
        let _ = fs::remove_dir_all(&folder);
        for (path, text) in found {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }
    let expected = files(&folder);
    let paths: std::collections::BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    for path in paths {
        if expected.get(path) != found.get(path) {
            let old = expected.get(path).map_or("", String::as_str);
            let new = found.get(path).map_or("", String::as_str);
            let diff = similar::TextDiff::from_lines(old, new);
            failures.push(format!(
                "{}/{name}/{path}\n{}",
                case.display(),
                diff.unified_diff().context_radius(2)
            ));
        }
    }
}

#[test]
fn repositories() {
    let mut failures = Vec::new();
    let mut cases = 0;
    for entry in fs::read_dir(root()).unwrap() {
        let case = entry.unwrap().path();
        cases += 1;
        let args = fs::read_to_string(case.join("args")).unwrap_or_default();
        let repo = case.join("repo");
        let project = Project::empty();
        let mut words = vec![
            "import",
            "--name",
            "golden",
            "--stats",
            repo.to_str().unwrap(),
        ];
        words.extend(args.split_whitespace());
        let run = project.clean(&words);
        let mut found = files(&project.path("spec"))
            .into_iter()
            .map(|(path, text)| (format!("spec/{path}"), text))
            .collect::<BTreeMap<_, _>>();
        for (path, text) in files(&project.path("generated")) {
            found.insert(format!("generated/{path}"), text);
        }
        found.insert("report.txt".to_owned(), run.stdout);
        let run = project.run(&[]);
        let check = project.run(&["check"]);
        let findings: Vec<&str> = [&run.stderr, &check.stdout, &check.stderr]
            .iter()
            .flat_map(|text| text.lines())
            .filter(|line| line.starts_with("error") || line.starts_with("warning"))
            .collect();
        if !findings.is_empty() {
            found.insert("findings.txt".to_owned(), findings.join("\n") + "\n");
        }
        compare(&case, "expected", &found, &mut failures);
    }
    assert!(cases >= 6, "only {cases} cases");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn literals_of_passwords_are_not_written() {
    for (path, text) in files(&root()) {
        if path.contains("/expected/") && path.ends_with(".yaml") {
            assert!(!text.contains("$y$"), "{path}");
        }
    }
}

#[test]
fn refusals() {
    let project = Project::empty()
        .file("empty/README.md", "")
        .file("nameless/configuration.nix", "{ }")
        .file(
            "odd/flake.nix",
            "{ outputs = { nixpkgs, ... }: { nixosConfigurations.a = import nixpkgs { }; }; }",
        )
        .file("broken/flake.nix", "{ outputs = ")
        .file("full/configuration.nix", "{ networking.hostName = \"a\"; }")
        .file("taken/fleet.yaml", "version: 1\n");
    let mut text = String::new();
    for args in [
        &["import", "nowhere"][..],
        &["import", "empty"],
        &["import", "nameless"],
        &["import", "odd"],
        &["import", "broken"],
        &["import", "full", "--spec", "taken"],
        &["import", "full", "--host", "b"],
        &["import", "full", "--host", "b=missing.nix"],
        &["import", "hardware", "full/nothing.nix"],
        &["import", "hardware", "empty/README.md"],
        &["import", "hardware", "broken/flake.nix"],
    ] {
        let _ = write!(text, "$ gen {}\n{}\n\n", args.join(" "), project.run(args));
    }
    insta::assert_snapshot!("import_refusals", text);
}

#[test]
fn hardware_of_one_host() {
    let repo = root().join("hardware-only/repo/hardware-configuration.nix");
    let facter = r#"{
  "version": 1, "system": "x86_64-linux", "virtualisation": "none",
  "hardware": {
    "cpu": [{ "vendor_name": "AuthenticAMD" }],
    "graphics_card": [{ "vendor": { "hex": "1002" } }, { "vendor": { "hex": "1a03" } }],
    "memory": [{ "resources": [{ "type": "phys_mem", "range": 68719476736 }] }]
  }
}"#;
    let project = Project::empty()
        .file("report.json", facter)
        .file("wrong.json", "{}");
    let module = project.clean(&[
        "import",
        "hardware",
        repo.to_str().unwrap(),
        "--host",
        "guest",
    ]);
    let report = project.clean(&["import", "hardware", "report.json", "--host", "box"]);
    let wrong = project.run(&["import", "hardware", "wrong.json"]);
    assert_eq!(wrong.code, 2);
    let text = format!("{}\n---\n{}\n---\n{wrong}", module.stdout, report.stdout);
    insta::assert_snapshot!("import_hardware", text);
}

#[test]
fn what_would_be_written_is_not() {
    let repo = root().join("flake/repo");
    let project = Project::empty();
    let run = project.clean(&["import", "--dry-run", repo.to_str().unwrap()]);
    assert!(run.stdout.starts_with("would write"), "{run}");
    assert!(!project.path("spec").exists());
}

/// As `nixos-generate-config` writes it for a machine with LUKS.
const STOCK: &str = r#"{ config, lib, pkgs, modulesPath, ... }:

{
  imports =
    [ (modulesPath + "/installer/scan/not-detected.nix")
    ];

  boot.initrd.availableKernelModules = [ "nvme" "xhci_pci" "ahci" ];
  boot.initrd.kernelModules = [ ];
  boot.kernelModules = [ "kvm-amd" ];
  boot.extraModulePackages = [ ];

  fileSystems."/" =
    { device = "/dev/disk/by-uuid/1111";
      fsType = "btrfs";
      options = [ "subvol=@" ];
    };

  boot.initrd.luks.devices."crypt-root".device = "/dev/disk/by-uuid/3333";
  boot.initrd.luks.devices."crypt-swap".device = "/dev/disk/by-uuid/4444";

  fileSystems."/boot" =
    { device = "/dev/disk/by-uuid/AAAA-BBBB";
      fsType = "vfat";
      options = [ "umask=0077" ];
    };

  swapDevices = [ { device = "/dev/disk/by-uuid/2222"; } ];

  networking.useDHCP = lib.mkDefault true;
  nixpkgs.hostPlatform = lib.mkDefault "x86_64-linux";
  hardware.cpu.amd.updateMicrocode = lib.mkDefault config.hardware.enableRedistributableFirmware;
}
"#;

const MODULE: &str = r#"{ config, lib, modulesPath, ... }:
{
  imports = [ (modulesPath + "/installer/scan/not-detected.nix") ];
  boot.initrd.availableKernelModules = [ "nvme" "xhci_pci" "ahci" ];
  boot.kernelModules = [ "kvm-amd" ];
  fileSystems."/" = { device = "/dev/disk/by-uuid/1111"; fsType = "ext4"; };
  fileSystems."/boot" = { device = "/dev/disk/by-uuid/AAAA-BBBB"; fsType = "vfat"; options = [ "umask=0077" ]; };
  swapDevices = [ { device = "/dev/disk/by-uuid/2222"; } ];
  nixpkgs.hostPlatform = lib.mkDefault "x86_64-linux";
  hardware.cpu.amd.updateMicrocode = lib.mkDefault config.hardware.enableRedistributableFirmware;
}
"#;

#[test]
fn hardware_into_a_host() {
    let fleet = "fleet: { name: demo, stateVersion: \"25.11\", system: x86_64-linux }\n";
    let block = "# The machines.
hosts:
  box:
    description: A box
    # It starts by UEFI.
    hardware:
      boot: { loader: systemd-boot } # chosen
    network: { address: 10.0.0.1 }
  flow: { hardware: { cpu: intel, boot: { loader: systemd-boot } } }
  kept: { hardware: { disks: own, boot: { loader: systemd-boot } } }
disks:
  own: { layout: ext4, device: /dev/sda }
  # The last one.
";
    let project = Project::empty()
        .file("spec/fleet.yaml", fleet)
        .file("spec/hosts.yaml", block)
        .file("hardware.nix", MODULE);
    let write = |host: &str| {
        project.run(&[
            "import",
            "hardware",
            "hardware.nix",
            "--host",
            host,
            "--write",
        ])
    };
    let mut text = String::new();
    for host in ["box", "box", "kept", "flow", "nobody"] {
        let before = project.read("spec/hosts.yaml");
        let run = write(host);
        writeln!(text, "== {host}\n{run}").unwrap();
        if run.code != 0 {
            assert_eq!(project.read("spec/hosts.yaml"), before);
        }
    }
    text += "== spec/hosts.yaml\n";
    text += &project.read("spec/hosts.yaml");
    insta::assert_snapshot!("import_hardware_write", text);

    // A stock module of an encrypted machine, whose disks are laid out by the spec.
    let encrypted = format!(
        "{fleet}disks: {{ own: {{ layout: luks-btrfs, device: /dev/sda }} }}\nhosts:\n  box:\n    hardware: {{ disks: own, boot: {{ loader: systemd-boot }} }}\n"
    );
    let project = Project::empty()
        .file("spec/fleet.yaml", encrypted)
        .file("hardware.nix", STOCK);
    let run = project.clean(&[
        "import",
        "hardware",
        "hardware.nix",
        "--host",
        "box",
        "--write",
    ]);
    let text = format!("{run}\n---\n{}", project.read("spec/fleet.yaml"));
    insta::assert_snapshot!("import_hardware_write_luks", text);

    // What `gen new host` writes is there to be filled in.
    let project = Project::empty()
        .file("spec/fleet.yaml", fleet)
        .file("spec/hosts.yaml", block)
        .file(
            "hardware.nix",
            MODULE.replace(
                "[ \"kvm-amd\" ];",
                "[ \"kvm-amd\" \"usbmon\" ];\n  hardware.i2c.enable = true;",
            ),
        );
    assert_eq!(project.run(&["new", "host", "new"]).code, 0);
    let run = project.clean(&[
        "import",
        "hardware",
        "hardware.nix",
        "--host",
        "new",
        "--write",
    ]);
    let written = project.read("spec/hosts/new.yaml");
    insta::assert_snapshot!("import_hardware_new_host", format!("{run}\n---\n{written}"));
    // Without a line on microcode the vendor is not told, and what the spec says of it stays.
    let silent = MODULE.lines().filter(|line| !line.contains("Microcode"));
    project.write("hardware.nix", silent.collect::<Vec<_>>().join("\n"));
    project.clean(&[
        "import",
        "hardware",
        "hardware.nix",
        "--host",
        "flow",
        "--write",
    ]);
    assert!(project.read("spec/hosts.yaml").contains("cpu: intel, boot"));

    // The report of nixos-facter goes along.
    let report = r#"{ "version": 1, "system": "x86_64-linux", "virtualisation": "none", "hardware": { "cpu": [{ "vendor_name": "AuthenticAMD" }] } }"#;
    let project = Project::empty()
        .file("spec/fleet.yaml", fleet)
        .file("spec/hosts.yaml", block)
        .file("report.json", report);
    let arguments = [
        "import",
        "hardware",
        "report.json",
        "--host",
        "box",
        "--write",
    ];
    assert_eq!(project.run(&arguments).code, 0);
    assert_eq!(project.read("spec/hardware/box.json"), report);
    assert!(
        project
            .read("spec/hosts.yaml")
            .contains("facter: hardware/box.json")
    );
    project.write("report.json", report.replace("AMD", "AMD "));
    let run = project.run(&arguments);
    assert_eq!(run.code, 1, "{run}");
    assert_eq!(project.read("spec/hardware/box.json"), report);
}

#[test]
fn what_modules_that_stay_say_as_text() {
    let module = "# The box.
{ lib, config, ... }:
{
  imports = [ ./more.nix ] ++ (if lib.versionAtLeast lib.version \"24.05\" then [ ] else [ ./more.nix ]);
  config = lib.mkMerge [
    { networking.hostName = \"box\"; }
    {
      system.stateVersion = \"24.05\";
      nixpkgs.hostPlatform = \"aarch64-linux\";
      services.openssh.enable = true;
    }
  ];
}
";
    let project = Project::empty()
        .file("repo/configuration.nix", module)
        .file(
            "repo/more.nix",
            "{ # why\n  services.fwupd.enable = true; }\n",
        );
    let run = project.clean(&["import", "repo"]);
    for untrue in [
        "hostName",
        "stateVersion",
        "nothing says",
        "say which `system`",
    ] {
        assert!(!run.stdout.contains(untrue), "{run}");
    }
    let host = project.read("spec/hosts/box.yaml");
    assert!(host.contains("system: aarch64-linux"), "{host}");
    assert!(host.contains("stateVersion: \"24.05\""), "{host}");
    project.clean(&[]);
    project.clean(&["check"]);
}

#[test]
fn hardware_alone_says_nothing_of_the_boot_loader() {
    let repo = root().join("hardware-only/repo/hardware-configuration.nix");
    let project = Project::empty();
    fs::copy(&repo, project.path("hardware-configuration.nix")).unwrap();
    let run = project.clean(&["import", "hardware", "hardware-configuration.nix"]);
    assert!(!run.stdout.contains("loader: none"), "{run}");
    assert!(!run.stdout.contains("canTouchEfiVariables"), "{run}");
    assert!(run.stdout.contains("# unknown: the boot loader"), "{run}");
}
