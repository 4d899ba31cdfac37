//! The program that installs a host, run against stand-ins for what it would change.
//!
//! The machine of these tests has four disks: `/dev/sda` is free, `/dev/sdb` is the medium that the
//! program runs from, `/dev/sdc` is in use, `/dev/sdd` is read-only. Stand-ins write what they are
//! asked to do into a file.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests run programs, and say what they could not run"
)]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../render/scripts/install-host.sh")
}

const LSBLK: &str = r#"
device=${!#}
case "$*" in
  *PATH,TYPE,SIZE,MODEL)
    printf '%s\n' '/dev/sda disk 477G Big\x20Disk' '/dev/sdb disk 30G Stick' \
      '/dev/sdc disk 1T Data' '/dev/sdd disk 1T Card' '/dev/sr0 rom 4G DVD' '/dev/sde disk 1T More'
    ;;
  *'--output TYPE '*)
    case $device in
      /dev/sd[a-e]) echo disk ;;
      /dev/sda1) echo part ;;
      *) exit 32 ;;
    esac
    ;;
  *'--output RO '*) [[ $device == /dev/sdd ]] && echo 1 || echo 0 ;;
  *--inverse*) printf '%s\n' /dev/sdb1 /dev/sdb ;;
  *'--output MOUNTPOINTS '*) [[ $device == /dev/sdc ]] && printf '\n/boot\\x0a/home\n' || echo ;;
  *) echo "CONTENTS OF $device" ;;
esac
"#;

/// A machine to install.
struct Machine {
    folder: TempDir,
    disks: &'static str,
    system: bool,
}

/// What a run said and did.
struct Run {
    ok: bool,
    output: String,
    done: Vec<String>,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let machine = Machine {
            folder,
            disks: "main /dev/sda",
            system: false,
        };
        for folder in ["bin", "mnt", "state", "keys"] {
            fs::create_dir(machine.path(folder)).unwrap();
        }
        machine.stand_in("lsblk", LSBLK);
        machine.stand_in(
            "findmnt",
            "[[ ${!#} == /iso ]] && echo /dev/sdb1 || echo overlay",
        );
        machine.stand_in("id", "echo 0");
        machine.stand_in("mountpoint", "[[ -e $INSTALL_STATE/mounted ]]");
        for name in [
            "nixos-install",
            "reboot",
            "umount",
            "format",
            "mount-layout",
        ] {
            machine.notes(name, "");
        }
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn stand_in(&self, name: &str, text: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, format!("#!/usr/bin/env bash\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A stand-in that notes what it is asked to do, and then does something.
    fn notes(&self, name: &str, text: &str) {
        let note = format!("echo \"{name} $*\" >>\"$DONE\"\n{text}");
        self.stand_in(name, &note);
    }

    fn run(&self, arguments: &[&str], answers: &str) -> Run {
        let done = self.path("done");
        fs::write(&done, "").unwrap();
        let path = format!("{}:/usr/bin:/bin", self.path("bin").display());
        let mut command = Command::new("bash");
        command
            .arg(script())
            .args(arguments)
            .env_clear()
            .env("PATH", path)
            .env("DONE", &done)
            .env("INSTALL_HOST", "hp")
            .env("INSTALL_FLAKE", "/nix/store/flake")
            .env("INSTALL_DISKS", self.disks)
            .env("INSTALL_STATE", self.path("state"))
            .env("INSTALL_LOG", self.path("log/install.log"))
            .env("INSTALL_ROOT", self.path("mnt"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if !self.disks.is_empty() {
            command
                .env("INSTALL_FORMAT", self.path("bin/format"))
                .env("INSTALL_MOUNT", self.path("bin/mount-layout"));
        }
        if self.system {
            command.env("INSTALL_SYSTEM", "/nix/store/system");
        }
        let mut child = command.spawn().unwrap();
        // A program that ends before it reads is no mistake of the test.
        let _ = child.stdin.take().unwrap().write_all(answers.as_bytes());
        let output = child.wait_with_output().unwrap();
        Run {
            ok: output.status.success(),
            output: format!(
                "{}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            ),
            done: fs::read_to_string(&done)
                .unwrap()
                .lines()
                .map(str::to_owned)
                .collect(),
        }
    }

    fn install(&self) -> String {
        let mnt = self.path("mnt");
        let source = if self.system {
            "--system /nix/store/system"
        } else {
            "--flake /nix/store/flake#hp"
        };
        format!(
            "nixos-install --root {} --no-root-password {source}",
            mnt.display()
        )
    }
}

const FORMAT: &str = "format --yes-wipe-all-disks";

#[test]
fn the_whole_way() {
    let machine = Machine::new();
    let run = machine.run(&["--no-reboot"], "\nhp\n");
    assert!(run.ok, "{}", run.output);
    assert_eq!(run.done, [FORMAT.to_owned(), machine.install()]);
    let link = fs::read_link(machine.path("state/disks/main")).unwrap();
    assert_eq!(link, Path::new("/dev/sda"));
    // What is destroyed is shown before the name is asked for.
    assert!(
        run.output.contains("CONTENTS OF /dev/sda"),
        "{}",
        run.output
    );
    assert!(run.output.contains("Big Disk"), "{}", run.output);
    let log = fs::read_to_string(machine.path("log/install.log")).unwrap();
    assert!(log.contains("nixos-install"), "{log}");
}

#[test]
fn another_disk_than_the_layout_names() {
    let machine = Machine::new();
    let run = machine.run(&["--no-reboot"], "/dev/sde\nhp\n");
    assert!(run.ok, "{}", run.output);
    let link = fs::read_link(machine.path("state/disks/main")).unwrap();
    assert_eq!(link, Path::new("/dev/sde"));
}

#[test]
fn disks_that_cannot_be_used() {
    let cases = [
        ("/dev/sdb", "this medium"),
        ("/dev/sdc", "in use: /boot"),
        ("/dev/sdd", "read-only"),
        ("/dev/sda1", "not a whole disk but: part"),
        ("/dev/sdz", "not a disk of this machine"),
    ];
    for (disk, reason) in cases {
        let machine = Machine::new();
        let argument = format!("main={disk}");
        let run = machine.run(&["--disk", &argument], "hp\n");
        assert!(!run.ok, "{disk}: {}", run.output);
        let message = format!("{disk} cannot be used: {reason}");
        assert!(run.output.contains(&message), "{disk}: {}", run.output);
        assert!(run.done.is_empty(), "{disk}: {:?}", run.done);
        // Chosen by hand it is refused as well, and asked for again.
        let run = machine.run(&["--no-reboot"], &format!("{disk}\n/dev/sda\nhp\n"));
        assert!(run.ok, "{disk}: {}", run.output);
        assert!(run.output.contains(&message), "{disk}: {}", run.output);
    }
}

#[test]
fn one_disk_for_two_names() {
    let machine = Machine {
        disks: "data /dev/sde\nmain /dev/sda",
        ..Machine::new()
    };
    let run = machine.run(
        &["--disk", "data=/dev/sda", "--disk", "main=/dev/sda"],
        "hp\n",
    );
    assert!(!run.ok, "{}", run.output);
    assert!(
        run.output.contains("/dev/sda is disk data already"),
        "{}",
        run.output
    );
    assert!(run.done.is_empty(), "{:?}", run.done);
}

#[test]
fn the_wrong_name() {
    for answers in ["\np620\n", "\n\n", "\nyes\n", "\n", ""] {
        let machine = Machine::new();
        let run = machine.run(&[], answers);
        assert!(!run.ok, "{answers:?}: {}", run.output);
        assert!(run.done.is_empty(), "{answers:?}: {:?}", run.done);
        assert!(!machine.path("state/partitioned").exists());
    }
}

#[test]
fn a_dry_run_changes_nothing() {
    let machine = Machine::new();
    let keys = machine.path("keys");
    fs::write(keys.join("ssh_host_ed25519_key"), "secret").unwrap();
    // Nobody has to be root to see what would happen.
    machine.stand_in("id", "echo 1000");
    let run = machine.run(&["--dry-run", "--keys", keys.to_str().unwrap()], "\n");
    assert!(run.ok, "{}", run.output);
    assert!(run.done.is_empty(), "{:?}", run.done);
    for command in [
        "'mkdir'",
        "'ln'",
        "/format' '--yes-wipe-all-disks'",
        "'install'",
        "'nixos-install'",
    ] {
        let is_shown = run
            .output
            .lines()
            .any(|line| line.starts_with("would run: ") && line.contains(command));
        assert!(is_shown, "{command}: {}", run.output);
    }
    for path in ["log", "state/partitioned", "state/disks", "mnt/etc"] {
        assert!(!machine.path(path).exists(), "{path}");
    }
}

#[test]
fn a_failure_and_another_run() {
    let machine = Machine::new();
    machine.notes("nixos-install", "exit 1");
    let run = machine.run(&["--no-reboot"], "\nhp\n");
    assert!(!run.ok, "{}", run.output);
    assert!(
        run.output.contains("run install-hp again"),
        "{}",
        run.output
    );
    assert_eq!(run.done, [FORMAT.to_owned(), machine.install()]);
    machine.notes("nixos-install", "");
    // The disks were unmounted meanwhile, and are not partitioned again.
    let run = machine.run(&["--no-reboot"], "\n");
    assert!(run.ok, "{}", run.output);
    assert_eq!(run.done, ["mount-layout ".to_owned(), machine.install()]);
    // Starting over asks for the name again.
    let run = machine.run(&["--no-reboot"], "s\n\nhp\n");
    assert!(run.ok, "{}", run.output);
    assert_eq!(run.done, [FORMAT.to_owned(), machine.install()]);
}

#[test]
fn a_partitioning_that_fails_is_not_taken_for_done() {
    let machine = Machine::new();
    machine.notes("format", "exit 1");
    let run = machine.run(&[], "\nhp\n");
    assert!(!run.ok, "{}", run.output);
    assert_eq!(run.done, [FORMAT]);
    assert!(!machine.path("state/partitioned").exists());
}

#[test]
fn keys_are_copied_if_asked_for() {
    let machine = Machine::new();
    let keys = machine.path("keys");
    for name in [
        "ssh_host_ed25519_key",
        "ssh_host_ed25519_key.pub",
        "age.key",
        "other",
    ] {
        fs::write(keys.join(name), name).unwrap();
    }
    let run = machine.run(&["--no-reboot"], "\nhp\n");
    assert!(run.ok, "{}", run.output);
    assert!(!machine.path("mnt/etc/ssh").exists());
    fs::remove_file(machine.path("state/partitioned")).unwrap();
    let run = machine.run(&["--no-reboot", "--keys", keys.to_str().unwrap()], "\nhp\n");
    assert!(run.ok, "{}", run.output);
    let mode = |path: &str| {
        let path = machine.path("mnt").join(path);
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    assert_eq!(mode("etc/ssh/ssh_host_ed25519_key"), 0o600);
    assert_eq!(mode("etc/ssh/ssh_host_ed25519_key.pub"), 0o644);
    assert_eq!(mode("var/lib/sops-nix/key.txt"), 0o600);
    assert!(!machine.path("mnt/etc/ssh/other").exists());
}

#[test]
fn a_built_system_needs_no_flake() {
    let machine = Machine {
        system: true,
        ..Machine::new()
    };
    let run = machine.run(&["--no-reboot"], "\nhp\n");
    assert!(run.ok, "{}", run.output);
    assert_eq!(run.done, [FORMAT.to_owned(), machine.install()]);
}

#[test]
fn the_offer_to_reboot() {
    let machine = Machine::new();
    let run = machine.run(&[], "\nhp\nn\n");
    assert!(run.ok, "{}", run.output);
    assert_eq!(run.done.len(), 2, "{:?}", run.done);
    fs::remove_file(machine.path("state/partitioned")).unwrap();
    let run = machine.run(&[], "\nhp\ny\n");
    assert!(run.ok, "{}", run.output);
    assert_eq!(run.done.last().unwrap(), "reboot ");
}

#[test]
fn only_root_installs() {
    let machine = Machine::new();
    machine.stand_in("id", "echo 1000");
    let run = machine.run(&[], "\nhp\n");
    assert!(!run.ok && run.done.is_empty(), "{}", run.output);
    assert!(run.output.contains("must run as root"), "{}", run.output);
}

#[test]
fn a_host_that_was_partitioned_by_hand() {
    let machine = Machine {
        disks: "",
        ..Machine::new()
    };
    let run = machine.run(&["--no-reboot"], "");
    assert!(!run.ok && run.done.is_empty(), "{}", run.output);
    assert!(run.output.contains("has no disk layout"), "{}", run.output);
    fs::write(machine.path("state/mounted"), "").unwrap();
    let run = machine.run(&["--no-reboot"], "");
    assert!(run.ok, "{}", run.output);
    assert_eq!(run.done, [machine.install()]);
}

#[test]
fn arguments_that_make_no_sense() {
    for arguments in [
        &["--disk", "/dev/sda"][..],
        &["--disk", "other=/dev/sda"],
        &["--disk"],
        &["--keys", "/nonexistent"],
        &["--yes"],
    ] {
        let machine = Machine::new();
        let run = machine.run(arguments, "\nhp\n");
        assert!(
            !run.ok && run.done.is_empty(),
            "{arguments:?}: {}",
            run.output
        );
    }
    let run = Machine::new().run(&["--help"], "");
    assert!(run.ok && run.output.contains("main"), "{}", run.output);
}

#[test]
fn shellcheck_finds_nothing() {
    let found = Command::new("shellcheck").arg(script()).output();
    match found {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{text}");
        }
        Err(error) => {
            let required = std::env::var_os("GEN_REQUIRE_SHELLCHECK").is_some();
            assert!(!required, "shellcheck cannot run: {error}");
            eprintln!(
                "SKIPPED: shellcheck is not installed, so the installer was not checked by it"
            );
        }
    }
}
