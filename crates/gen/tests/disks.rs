//! What disko makes of the layouts in `golden/disks`, run on a disk image.
//!
//! Needs Nix with the trees of the inputs, root, loop devices and the tools; skipped where one is
//! missing, because what it proves does not change with the machine.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests run programs, and say what they could not run"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TOOLS: &[&str] = &[
    "blkid",
    "blockdev",
    "btrfs",
    "cryptsetup",
    "findmnt",
    "losetup",
    "mkfs.btrfs",
    "mkfs.ext4",
    "mkfs.vfat",
    "mkswap",
    "partprobe",
    "sgdisk",
    "unshare",
];

/// The folder with Nix and the inputs, if all is there.
fn lab() -> Result<PathBuf, String> {
    let lab = std::env::var_os("NIXLAB").map(PathBuf::from);
    let lab =
        lab.filter(|lab| lab.join("pool/disko").exists() && lab.join("pool/nixpkgs").exists());
    let lab = lab.ok_or("there are no trees of the inputs (NIXLAB)")?;
    if !root().join("../shared/lab/call-flake.nix").exists() {
        return Err("there is no ../shared/lab".to_owned());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    for tool in TOOLS {
        if !folders.iter().any(|folder| folder.join(tool).exists()) {
            return Err(format!("{tool} is not installed"));
        }
    }
    let free = Command::new("losetup").arg("--find").output();
    if !free.is_ok_and(|out| out.status.success()) {
        return Err("loop devices are not permitted".to_owned());
    }
    Ok(lab)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Hosts of `golden/disks`, and the devices that their layouts are written for.
const HOSTS: &[(&str, &[&str])] = &[
    ("luks", &["/dev/nvme0n1"]),
    ("luks-bios", &["/dev/sda"]),
    ("ext4-swap", &["/dev/sda"]),
    ("ext4-encrypted", &["/dev/sda"]),
    ("mirror", &["/dev/sda", "/dev/sdb", "/dev/sde"]),
    ("striped", &["/dev/sda", "/dev/sdb", "/dev/sdc", "/dev/sdd"]),
];

/// The scripts of disko for all of them, in one evaluation.
fn scripts(lab: &Path) -> serde_json::Value {
    let root = root().canonicalize().unwrap();
    let names: Vec<String> = HOSTS.iter().map(|(host, _)| format!("{host:?}")).collect();
    let expression = format!(
        "let flake = (import {root}/../shared/lab/call-flake.nix {{ pool = \"{lab}/pool\"; }}) \"{root}/golden/disks/expected\";
         scripts = host: {{ inherit (flake.nixosConfigurations.${{host}}.config.disko.devices) _create _mount; }};
         in builtins.listToAttrs (map (name: {{ inherit name; value = scripts name; }}) [ {names} ])",
        root = root.display(),
        lab = lab.display(),
        names = names.join(" ")
    );
    let out = Command::new(lab.join("nix/bin/nix"))
        .args(["eval", "--impure", "--json", "--expr", &expression])
        .output()
        .unwrap();
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    serde_json::from_slice(&out.stdout).unwrap()
}

/// Runs the scripts for a host, and gives what came of it.
fn partitioned(scripts: &serde_json::Value, host: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    for script in ["create", "mount"] {
        let text = scripts[host][format!("_{script}")].as_str().unwrap();
        fs::write(folder.path().join(script), text).unwrap();
    }
    let devices = HOSTS.iter().find(|(name, _)| *name == host).unwrap().1;
    let out = Command::new("bash")
        .arg(root().join("crates/gen/tests/support/disko.sh"))
        .arg(folder.path())
        .args(devices)
        .output()
        .unwrap();
    assert!(
        out.status.success(),
        "{host}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    let text = String::from_utf8(out.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn layouts_on_a_disk_image() {
    let lab = match lab() {
        Ok(lab) => lab,
        Err(missing) => {
            eprintln!("skipped: {missing}");
            return;
        }
    };
    let has = |lines: &[String], start: &str, words: &[&str]| {
        let found = lines
            .iter()
            .any(|line| line.starts_with(start) && words.iter().all(|word| line.contains(word)));
        assert!(found, "no `{start}` with {words:?} in {lines:#?}");
    };

    let scripts = scripts(&lab);
    let lines = partitioned(&scripts, "luks");
    has(&lines, "part EF00 1024M disk-luks-ESP vfat", &[]);
    has(&lines, "part 8300", &["disk-luks-luks crypto_LUKS"]);
    has(&lines, "luks crypt-luks", &[]);
    for (point, subvolume) in [("/", "/root"), ("/home", "/home"), ("/nix", "/nix")] {
        let subvolume = format!("subvol={subvolume}");
        let words = ["noatime", "compress=zstd", &subvolume];
        has(&lines, &format!("mount {point} btrfs"), &words);
    }
    has(&lines, "mount /.swap btrfs", &["subvol=/swap"]);
    has(&lines, "mount /boot vfat", &["umask=0077"]);
    has(&lines, "swapfile 17179869184 swap", &[]);

    let lines = partitioned(&scripts, "luks-bios");
    has(&lines, "part EF02 1M disk-luks-bios-bios -", &[]);
    has(&lines, "part EF00 256M disk-luks-bios-ESP vfat", &[]);

    let lines = partitioned(&scripts, "ext4-swap");
    has(&lines, "part 8200 8192M disk-ext4-swap-swap swap", &[]);
    has(&lines, "part 8300", &["disk-ext4-swap-root ext4"]);
    has(&lines, "mount / ext4", &[]);

    let lines = partitioned(&scripts, "ext4-encrypted");
    has(
        &lines,
        "part 8300",
        &["disk-ext4-encrypted-luks crypto_LUKS"],
    );
    has(&lines, "luks crypt-ext4-encrypted", &[]);
    has(&lines, "mount / ext4", &[]);

    let lines = partitioned(&scripts, "mirror");
    has(&lines, "btrfs 2 devices, Data RAID1 Metadata RAID1", &[]);
    has(&lines, "luks crypt-mirror-1", &[]);
    has(&lines, "luks crypt-mirror-2", &[]);
    has(&lines, "mount / btrfs", &["subvol=/root"]);
    has(&lines, "mount /srv/vault ext4", &[]);

    let lines = partitioned(&scripts, "striped");
    has(
        &lines,
        "btrfs 3 devices, Data RAID1C3 Metadata RAID1C3",
        &[],
    );
    has(&lines, "part EF02 1M disk-striped-1-bios -", &[]);
    has(&lines, "part 8300", &["disk-striped-2-root btrfs"]);
    has(&lines, "mount /srv btrfs", &["subvol=/srv"]);
    has(&lines, "mount /srv/scratch ext4", &["noatime"]);
}
