//! The recipes of the emitted Justfiles by the real `just` and `shellcheck`, and what their scripts do,
//! run against stand-ins for what would reach hosts and disks.
//!
//! Without the tools a test says so and is skipped, unless `GEN_REQUIRE_TOOLS=1`.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests run programs, and say what they could not run"
)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value as Json;
use tempfile::TempDir;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The emitted folders that have a Justfile: the hub and the golden fleets.
fn outputs() -> Vec<PathBuf> {
    let mut all = vec![root().join("generated")];
    let cases = fs::read_dir(root().join("golden")).unwrap();
    let cases = cases.map(|entry| entry.unwrap().path().join("expected"));
    all.extend(cases.filter(|folder| folder.join("Justfile").exists()));
    all.sort();
    all
}

/// Where a program is, or that the test is skipped.
fn tool(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file());
    if found.is_none() {
        let required = std::env::var_os("GEN_REQUIRE_TOOLS").is_some_and(|v| v == "1");
        assert!(!required, "`{name}` is required but not installed");
        eprintln!("skipped: there is no `{name}`");
    }
    found
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn just(just: &Path, folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(just);
    command.current_dir(folder).args(["--justfile", "Justfile"]);
    command.args(arguments).stdin(Stdio::null());
    command.output().unwrap()
}

/// The recipes of a Justfile, as `just` reads them.
fn recipes(program: &Path, folder: &Path) -> Vec<Json> {
    let dump = just(program, folder, &["--dump", "--dump-format", "json"]);
    assert!(dump.status.success(), "{}", text(&dump.stderr));
    let dump: Json = serde_json::from_slice(&dump.stdout).unwrap();
    dump["recipes"]
        .as_object()
        .unwrap()
        .values()
        .cloned()
        .collect()
}

#[test]
fn every_justfile_is_laid_out_as_just_does() {
    let Some(program) = tool("just") else {
        return;
    };
    for folder in outputs() {
        let run = just(&program, &folder, &["--fmt", "--check"]);
        assert!(
            run.status.success(),
            "{}: {}{}",
            folder.display(),
            text(&run.stdout),
            text(&run.stderr)
        );
    }
}

#[test]
fn the_hub_has_a_hundred_recipes_in_groups_with_documentation() {
    let Some(program) = tool("just") else {
        return;
    };
    let folder = root().join("generated");
    let all = recipes(&program, &folder);
    assert!(all.len() >= 100, "{} recipes", all.len());
    let mut groups = BTreeSet::new();
    for recipe in &all {
        let name = recipe["name"].as_str().unwrap();
        assert!(recipe["doc"].is_string(), "{name} has no documentation");
        let attributes = recipe["attributes"].as_array().unwrap();
        let group = attributes.iter().find_map(|a| a["group"].as_str());
        groups.insert(
            group
                .unwrap_or_else(|| panic!("{name} has no group"))
                .to_owned(),
        );
        let asks = attributes.iter().any(|a| a.get("confirm").is_some());
        let destroys = [
            "reboot",
            "shutdown",
            "clean-",
            "gc",
            "rollback",
            "emergency",
        ];
        assert!(
            asks || !destroys.iter().any(|word| name.starts_with(word)),
            "{name} does not ask"
        );
    }
    let list = just(&program, &folder, &["--list"]);
    let list = text(&list.stdout);
    for group in &groups {
        assert!(list.contains(&format!("[{group}]")), "{group}");
    }
    let wide = list.lines().find(|line| line.chars().count() > 140);
    assert_eq!(wide, None, "a line of the list is too long");
}

#[test]
fn every_recipe_can_be_run() {
    let Some(program) = tool("just") else {
        return;
    };
    // What several fleets have alike is run once.
    let mut seen = BTreeSet::new();
    for folder in outputs() {
        let mut plain: Vec<String> = Vec::new();
        for recipe in recipes(&program, &folder) {
            let name = recipe["name"].as_str().unwrap().to_owned();
            let parameters = recipe["parameters"].as_array().unwrap();
            if parameters.is_empty() {
                plain.push(name);
                continue;
            }
            let of_a_host = recipe["body"].to_string().contains("scripts/hosts.sh");
            if !of_a_host && !seen.insert(name.clone()) {
                continue;
            }
            if of_a_host && !seen.insert(recipe["body"].to_string()) {
                continue;
            }
            let required = parameters
                .iter()
                .filter(|p| p["default"].is_null() && p["kind"] != "star");
            let mut arguments = vec!["--yes", "--dry-run", name.as_str()];
            arguments.extend(required.map(|_| "a b"));
            let run = just(&program, &folder, &arguments);
            let said = text(&run.stderr);
            assert!(run.status.success() && !said.is_empty(), "{name}: {said}");
        }
        let mut arguments = vec!["--yes", "--dry-run"];
        arguments.extend(plain.iter().map(String::as_str));
        let run = just(&program, &folder, &arguments);
        let said = text(&run.stderr);
        assert!(run.status.success(), "{}: {said}", folder.display());
        assert!(said.lines().count() >= plain.len(), "{said}");
    }
}

#[test]
fn shellcheck_finds_nothing() {
    let (Some(program), Some(shellcheck)) = (tool("just"), tool("shellcheck")) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    // What several fleets have alike is checked once.
    let mut seen = BTreeSet::new();
    for (number, output) in outputs().into_iter().enumerate() {
        for recipe in recipes(&program, &output) {
            let mut script = String::new();
            for line in recipe["body"].as_array().unwrap() {
                for fragment in line.as_array().unwrap() {
                    script.push_str(fragment.as_str().expect("a line without expressions"));
                }
                script.push('\n');
            }
            let script = script
                .trim_start_matches('@')
                .trim_start_matches("#!/usr/bin/env bash");
            let mut whole = "#!/usr/bin/env bash\n".to_owned();
            for parameter in recipe["parameters"].as_array().unwrap() {
                if parameter["export"] == true {
                    writeln!(whole, "{}=$1", parameter["name"].as_str().unwrap()).unwrap();
                }
            }
            whole.push_str(script);
            if !seen.insert(whole.clone()) {
                continue;
            }
            let name = recipe["name"].as_str().unwrap();
            let file = folder.path().join(format!("{number}-{name}.sh"));
            fs::write(&file, whole).unwrap();
            files.push(file);
        }
        for entry in fs::read_dir(output.join("scripts")).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|e| e == "sh")
                && seen.insert(fs::read_to_string(&path).unwrap())
            {
                files.push(path);
            }
        }
    }
    for some in files.chunks(200) {
        let run = Command::new(&shellcheck).args(some).output().unwrap();
        assert!(run.status.success(), "{}", text(&run.stdout));
    }
}

/// With `pipefail`, what writes into a pipe that is closed early fails now and then.
#[test]
fn no_pipe_is_left_before_its_end() {
    let early = r"\|\s*(grep\b[^|]*\s(-[A-Za-z]*[qm]|--quiet|--silent|--max-count)|head\b)";
    let early = regex_lite::Regex::new(early).unwrap();
    assert!(early.is_match("devices | grep -Fqx -- one") && early.is_match("list | head -n 1"));
    assert!(!early.is_match(r#"grep -Fqx -- one <<<"$(devices)""#));
    let mut found = Vec::new();
    let mut folders = outputs();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let Ok(text) = fs::read_to_string(&path) else {
                continue;
            };
            let lines = text.lines().filter(|line| early.is_match(line));
            found.extend(lines.map(|line| format!("{}: {}", path.display(), line.trim())));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// A fleet of three hosts that runs on `here`, with stand-ins for what reaches them.
struct Fleet {
    folder: TempDir,
}

struct Run {
    ok: bool,
    output: String,
    done: Vec<String>,
}

impl Run {
    fn did(&self, begin: &str) -> Vec<&str> {
        let lines = self.done.iter().map(String::as_str);
        lines.filter(|line| line.starts_with(begin)).collect()
    }
}

const HOSTS: &str = "# a comment
here\tx86_64-linux\t10.0.0.1\there\tplain\t-
near\tx86_64-linux\talice@10.0.0.2\tthere\task\t-p 2222
far\taarch64-linux\troot@10.0.0.3\there\tnone\t-
";

impl Fleet {
    fn new() -> Self {
        let fleet = Fleet {
            folder: tempfile::tempdir().unwrap(),
        };
        for folder in ["bin", "scripts"] {
            fs::create_dir(fleet.path(folder)).unwrap();
        }
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../render/scripts");
        for name in [
            "backups.sh",
            "check.sh",
            "hosts.sh",
            "live.sh",
            "microvms.sh",
        ] {
            let to = fleet.path("scripts").join(name);
            fs::copy(scripts.join(name), &to).unwrap();
            fs::set_permissions(&to, fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::write(fleet.path("scripts/hosts.tsv"), HOSTS).unwrap();
        let justfile = root().join("generated/Justfile");
        fs::copy(justfile, fleet.path("Justfile")).unwrap();
        fleet.notes("uname", "echo here");
        fleet.notes("sudo", "[[ $1 == -- ]] && shift; \"$@\"");
        // What a command on a host prints, by the address and the command.
        fleet.notes(
            "ssh",
            "case \"$*\" in
  *10.0.0.2*current-system*) echo /nix/store/0-near-old ;;
  *10.0.0.3*current-system*) echo /nix/store/0-far ;;
  *10.0.0.3*systemctl*--failed*) echo 'x.service loaded failed failed X' ;;
  *systemctl*--failed*) ;;
  *df*) printf 'Use%%\n 91%%\n' ;;
esac",
        );
        fleet.notes(
            "nix",
            "case \"$*\" in
  *eval*near*) printf /nix/store/0-near ;;
  *eval*far*) printf /nix/store/0-far ;;
esac",
        );
        fleet.notes("nixos-rebuild", "[[ $* != *\"${BROKEN:-nothing}\"* ]]");
        fleet.notes("ping", "[[ $* != *10.0.0.3* ]]");
        fleet
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A stand-in that notes what it is asked to do, and then does something.
    fn notes(&self, name: &str, script: &str) {
        let path = self.path("bin").join(name);
        let text = format!("#!/usr/bin/env bash\necho \"{name} $*\" >>\"$DONE\"\n{script}\n");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn run_with(
        &self,
        program: &Path,
        arguments: &[&str],
        env: &[(&str, &str)],
        answers: &str,
    ) -> Run {
        let done = self.path("done");
        fs::write(&done, "").unwrap();
        let path = format!("{}:/usr/bin:/bin", self.path("bin").display());
        let mut child = Command::new(program)
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.folder.path())
            .env("DONE", &done)
            .envs(env.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that ends before it reads is no mistake of the test.
        let _ = child.stdin.take().unwrap().write_all(answers.as_bytes());
        let output = child.wait_with_output().unwrap();
        let done = fs::read_to_string(done).unwrap();
        Run {
            ok: output.status.success(),
            output: text(&output.stdout) + &text(&output.stderr),
            done: done.lines().map(str::to_owned).collect(),
        }
    }

    fn run(&self, script: &str, arguments: &[&str]) -> Run {
        self.run_with(&self.path("scripts").join(script), arguments, &[], "")
    }
}

#[test]
fn a_host_that_runs_what_it_should_is_not_deployed() {
    let fleet = Fleet::new();
    let run = fleet.run("hosts.sh", &["quick-deploy", "far"]);
    assert!(run.ok, "{}", run.output);
    assert!(run.output.contains("runs this configuration already"));
    assert!(run.did("nixos-rebuild").is_empty());

    let run = fleet.run("hosts.sh", &["quick-deploy", "near"]);
    assert!(run.ok, "{}", run.output);
    let expected = "nixos-rebuild switch --flake .#near --target-host alice@10.0.0.2 \
                    --build-host alice@10.0.0.2 --sudo --ask-sudo-password";
    assert_eq!(run.did("nixos-rebuild"), [expected]);
}

#[test]
fn a_host_that_is_away_is_not_taken_for_one_that_has_changed() {
    let fleet = Fleet::new();
    fleet.notes("ssh", "exit 255");
    let run = fleet.run("hosts.sh", &["quick-deploy", "near"]);
    assert!(!run.ok);
    assert!(run.did("nixos-rebuild").is_empty());
}

#[test]
fn each_host_is_deployed_in_its_own_way() {
    let fleet = Fleet::new();
    let deploy = |host| {
        let run = fleet.run("hosts.sh", &["deploy", host, "--show-trace"]);
        assert!(run.ok, "{}", run.output);
        run.did("nixos-rebuild").join("\n")
    };
    let here = "nixos-rebuild switch --flake .#here --sudo --show-trace";
    assert_eq!(deploy("here"), here);
    let far = "nixos-rebuild switch --flake .#far --target-host root@10.0.0.3 --show-trace";
    assert_eq!(deploy("far"), far);
    let local = [("BUILD", "here")];
    let hosts = fleet.path("scripts/hosts.sh");
    let run = fleet.run_with(&hosts, &["deploy", "near"], &local, "");
    assert!(run.ok && !run.did("nixos-rebuild")[0].contains("--build-host"));
    let run = fleet.run("hosts.sh", &["deploy", "nera"]);
    assert!(!run.ok && run.output.contains("there are: here near far"));
}

#[test]
fn one_failure_does_not_stop_the_others() {
    let fleet = Fleet::new();
    let hosts = fleet.path("scripts/hosts.sh");
    for way in ["all", "all-parallel"] {
        let broken = [("BROKEN", "#near"), ("JOBS", "1")];
        let run = fleet.run_with(&hosts, &[way, "deploy"], &broken, "");
        assert!(!run.ok, "{way}: {}", run.output);
        assert_eq!(run.did("nixos-rebuild").len(), 3, "{way}");
        assert!(
            run.output.contains("failed: near\n"),
            "{way}: {}",
            run.output
        );
        let run = fleet.run_with(&hosts, &[way, "deploy"], &[], "");
        assert!(run.ok, "{way}: {}", run.output);
        assert!(
            run.output.contains("done: 3 hosts"),
            "{way}: {}",
            run.output
        );
    }
}

#[test]
fn hosts_that_are_away_are_named() {
    let fleet = Fleet::new();
    let run = fleet.run("hosts.sh", &["ping"]);
    assert!(!run.ok);
    assert!(run.output.contains("away: far\n"), "{}", run.output);
    assert_eq!(run.did("ping").len(), 2, "the machine itself is not asked");
    fleet.notes("ping", "true");
    assert!(fleet.run("hosts.sh", &["ping"]).ok);
}

#[test]
fn commands_reach_a_host_word_for_word() {
    let fleet = Fleet::new();
    let run = fleet.run(
        "hosts.sh",
        &["run", "near", "journalctl", "--unit", "a b; reboot"],
    );
    assert!(run.ok, "{}", run.output);
    let expected = "ssh -o ConnectTimeout=10 -p 2222 -- alice@10.0.0.2 \
                    'journalctl' '--unit' 'a b; reboot'";
    assert_eq!(run.did("ssh"), [expected]);
    let run = fleet.run("hosts.sh", &["root", "far", "systemctl", "reboot"]);
    let expected = "ssh -o ConnectTimeout=10 -- root@10.0.0.3 'systemctl' 'reboot'";
    assert_eq!(run.did("ssh"), [expected]);
    let run = fleet.run("hosts.sh", &["root", "near", "systemctl", "reboot"]);
    let expected = "ssh -t -p 2222 -- alice@10.0.0.2 'sudo' '--' 'systemctl' 'reboot'";
    assert_eq!(run.did("ssh"), [expected]);
    let run = fleet.run("hosts.sh", &["terminal", "far"]);
    assert_eq!(run.did("ssh"), ["ssh -t -- root@10.0.0.3"]);
}

#[test]
fn health_is_failed_units_and_room() {
    let fleet = Fleet::new();
    let run = fleet.run("hosts.sh", &["health", "far"]);
    assert!(!run.ok);
    assert!(run.output.contains("far: failed units: x.service"));
    assert!(run.output.contains("far: the root is 91 % full"));
    fleet.notes(
        "ssh",
        "case \"$*\" in *df*) printf 'Use%%\\n 10%%\\n' ;; esac",
    );
    let run = fleet.run("hosts.sh", &["health", "near"]);
    assert!(run.ok, "{}", run.output);
    fleet.notes("ssh", "exit 255");
    let run = fleet.run("hosts.sh", &["health", "near"]);
    assert!(!run.ok && run.output.contains("near: away"));
}

/// A machine with disks: `/dev/sda` runs the system, `/dev/sdb` is free, `/dev/sdc` mounted, `/dev/sdd`
/// read-only, `/dev/sde` tiny; `/dev/sdb1` is a partition.
fn with_disks() -> Fleet {
    let fleet = Fleet::new();
    fleet.notes(
        "lsblk",
        r#"device=${!#}
case "$*" in
  *'--output TYPE '*)
    case $device in
      /dev/sd[a-e]) echo disk ;;
      /dev/sdb1) echo part ;;
      *) exit 32 ;;
    esac
    ;;
  *--inverse*) printf '%s\n' /dev/sda2 /dev/sda ;;
  *'--output RO '*) [[ $device == /dev/sdd ]] && echo 1 || echo 0 ;;
  *'--output MOUNTPOINTS '*) [[ $device == /dev/sdc ]] && printf '\n/media/stick\n' || echo ;;
  *'--output SIZE '*) [[ $device == /dev/sde ]] && echo 4 || echo 8000000000 ;;
  *) echo "CONTENTS OF $device" ;;
esac"#,
    );
    fleet.notes("findmnt", "echo /dev/sda2");
    fleet.notes("dd", "");
    fleet.notes("cmp", "");
    fs::create_dir(fleet.path("image")).unwrap();
    fs::write(fleet.path("image/live.iso"), "an image").unwrap();
    let image = fleet.path("image");
    fleet.notes("nix", &format!("echo {}", image.display()));
    fleet
}

#[test]
fn what_must_not_be_overwritten_is_refused() {
    let fleet = with_disks();
    let live = fleet.path("scripts/live.sh");
    let cases = [
        ("/dev/null", "it is not a block device"),
        ("/dev/sdb1", "it is a part, not a whole disk"),
        ("/dev/sda", "the running system is on it"),
        ("/dev/sdc", "it is in use: /media/stick"),
        ("/dev/sdd", "it is read-only"),
        ("/dev/sde", "it is too small: 4 bytes for an image of 8"),
    ];
    for (device, why) in cases {
        let answer = format!("{device}\n");
        let run = fleet.run_with(&live, &["flash", "near", device], &[], &answer);
        assert!(!run.ok, "{device}: {}", run.output);
        assert!(run.output.contains(why), "{device}: {}", run.output);
        assert!(run.did("dd").is_empty(), "{device}");
    }
}

#[test]
fn a_stick_is_written_when_its_name_was_typed() {
    let fleet = with_disks();
    let live = fleet.path("scripts/live.sh");
    for answer in ["", "\n", "y\n", "/dev/sdc\n"] {
        let run = fleet.run_with(&live, &["flash", "near", "/dev/sdb"], &[], answer);
        assert!(
            !run.ok && run.did("dd").is_empty(),
            "{answer:?}: {}",
            run.output
        );
        assert!(run.output.contains("nothing was written"), "{}", run.output);
    }
    let run = fleet.run_with(&live, &["flash", "near", "/dev/sdb"], &[], "/dev/sdb\n");
    assert!(run.ok, "{}", run.output);
    assert!(
        run.output.contains("CONTENTS OF /dev/sdb"),
        "what is lost is shown"
    );
    let image = fleet.path("image/live.iso");
    let begin = format!("dd if={} of=/dev/sdb ", image.display());
    assert_eq!(run.did(&begin).len(), 1);
    assert_eq!(
        run.did("cmp --bytes 8 ").len(),
        1,
        "and what was written is compared"
    );
    fleet.notes("cmp", "exit 1");
    let run = fleet.run_with(&live, &["flash", "near", "/dev/sdb"], &[], "/dev/sdb\n");
    assert!(!run.ok && run.output.contains("does not hold what was written"));
}

/// The fleet with guests: a service of the hosts `near` and `here`, one of `far`, one of nobody.
fn with_guests() -> Fleet {
    let fleet = Fleet::new();
    let table = "# a comment
web\tx86_64-linux\tdev@127.0.0.1\t2222\tnear here
db\tx86_64-linux\talice@10.20.0.2\t22\tfar
play\tx86_64-linux\troot@127.0.0.1\t2224\t-
";
    fs::write(fleet.path("scripts/microvms.tsv"), table).unwrap();
    fleet.notes("systemctl", "[[ $* != *is-active* || -n ${ACTIVE:-} ]]");
    fleet.notes("ssh", "[[ $* != *is-active* || -n ${ACTIVE:-} ]]");
    // The runner is a process that ends when it is told to.
    fleet.notes(
        "nix",
        r#"for argument; do last=$out out=$argument; [[ $last == --out-link ]] && break; done
mkdir -p "$out/bin"
printf '#!/usr/bin/env bash\nexec sleep 600\n' >"$out/bin/microvm-run"
printf '#!/usr/bin/env bash\nkill "$(<pid)"\n' >"$out/bin/microvm-shutdown"
chmod +x "$out/bin/"*"#,
    );
    fleet
}

#[test]
fn a_guest_is_a_service_of_its_host() {
    let fleet = with_guests();
    let run = fleet.run("microvms.sh", &["start", "web"]);
    assert!(run.ok, "{}", run.output);
    assert_eq!(
        run.did("systemctl start"),
        ["systemctl start microvm@web.service"]
    );
    let run = fleet.run("microvms.sh", &["start", "db"]);
    assert!(run.ok, "{}", run.output);
    assert!(
        run.did("ssh")
            .last()
            .unwrap()
            .ends_with("'systemctl' 'start' 'microvm@db.service'")
    );
    let microvms = fleet.path("scripts/microvms.sh");
    let run = fleet.run_with(&microvms, &["start", "db"], &[("ACTIVE", "1")], "");
    assert!(
        run.ok && run.output.contains("db: runs already"),
        "{}",
        run.output
    );
    let run = fleet.run("microvms.sh", &["ssh", "db", "uptime"]);
    let expected =
        "ssh -p 22 -o StrictHostKeyChecking=accept-new -J root@10.0.0.3 -- alice@10.20.0.2 uptime";
    assert_eq!(run.did("ssh"), [expected]);
}

#[test]
fn a_guest_of_no_host_runs_here_and_forgets_when_it_is_cleaned() {
    let fleet = with_guests();
    let state = fleet.path(".local/state/microvms/play");
    let run = fleet.run("microvms.sh", &["start", "play"]);
    assert!(run.ok, "{}", run.output);
    assert!(state.join("pid").exists());
    let run = fleet.run("microvms.sh", &["start", "play"]);
    assert!(run.output.contains("play: runs already"), "{}", run.output);
    let run = fleet.run("microvms.sh", &["stop", "play"]);
    assert!(
        run.ok && run.output.contains("play: stopped"),
        "{}",
        run.output
    );
    assert!(!state.join("pid").exists());
    fs::write(state.join("disk.img"), "kept").unwrap();
    let run = fleet.run("microvms.sh", &["clean", "play"]);
    assert!(run.ok && !state.exists(), "{}", run.output);
}

/// The fleet with backups of `here` and `far`, with a stand-in for the program of the hosts.
fn with_backups() -> Fleet {
    let fleet = Fleet::new();
    let table = "# a comment
here\t/mnt/backup/here\t/run/agenix/restic\tyes
far\tsftp:nas:/backup/far\t-\tno
";
    fs::write(fleet.path("scripts/backups.tsv"), table).unwrap();
    fleet.notes(
        "backup-restore",
        "echo \"with ${RESTIC_REPOSITORY:-its own}\" >>\"$DONE\"",
    );
    fleet.notes("systemctl", "[[ -z ${BROKEN:-} ]]");
    fleet.notes("cat", "echo '{\"ok\": true}'");
    fleet.notes("journalctl", "echo 'what went wrong'");
    fleet
}

#[test]
fn files_come_back_after_questions() {
    let fleet = with_backups();
    let script = fleet.path("scripts/backups.sh");
    let restore = |arguments: &[&str], answers: &str| {
        let arguments = [&["restore"], arguments].concat();
        fleet.run_with(&script, &arguments, &[], answers)
    };
    // Host, backup, snapshot, files, folder, name.
    let run = restore(&[], "here\n\n1a2b\n/home/a /home/b\n/mnt/back\nhere\n");
    assert!(run.ok, "{}", run.output);
    assert_eq!(
        run.did("backup-restore"),
        [
            "backup-restore list",
            "backup-restore restore --snapshot 1a2b --target /mnt/back /home/a /home/b"
        ]
    );
    assert_eq!(run.did("with"), ["with its own", "with its own"]);
    let run = restore(&["here"], "\n\n\n\nhere\n");
    assert_eq!(
        run.did("backup-restore").last(),
        Some(&"backup-restore restore --snapshot latest"),
        "{}",
        run.output
    );
    let run = restore(&["here"], "\n\n/home/a\nin-place\nhere\n");
    assert_eq!(
        run.did("backup-restore").last(),
        Some(&"backup-restore restore --snapshot latest --in-place /home/a")
    );
    // On a host that is away, word for word.
    let run = restore(&["far"], "\n\n/home/it's\n\nfar\n");
    let expected = r"ssh -o ConnectTimeout=10 -- root@10.0.0.3 'backup-restore' 'restore' '--snapshot' 'latest' '/home/it'\''s'";
    assert_eq!(run.did("ssh").last(), Some(&expected), "{}", run.output);
    // Of another host, on one that is there.
    let run = restore(&["far"], "here\n\n\n\nfar\n");
    let last = run.did("ssh").last().copied().unwrap_or_default();
    for word in [
        "'env' 'RESTIC=restic'",
        "'RESTIC_REPOSITORY=/mnt/backup/here'",
        "'RESTIC_PASSWORD_FILE=/run/agenix/restic'",
    ] {
        assert!(last.contains(word), "{last}");
    }
    for (arguments, answers, why) in [
        (&["here"][..], "\n\n\n\nfar\n", "far is not here"),
        (&["here"], "\n\n\n\n", "no answer"),
        (&["here"], "\n\n\nback\n", "back is not absolute"),
        (&["here"], "\n\n\nin-place\n", "files must be named"),
        (&["here"], "far\n", "password file of far is not known"),
        (&["near"], "", "near backs nothing up; these do: here far"),
        (&[], "", "no answer"),
    ] {
        let run = restore(arguments, answers);
        let restored = run.did("backup-restore restore").len() + run.did("ssh").len();
        assert!(
            !run.ok && restored == 0 && run.output.contains(why),
            "{why}: {}",
            run.output
        );
    }
}

#[test]
fn backups_are_tested_and_made() {
    let fleet = with_backups();
    let run = fleet.run("backups.sh", &["test", "here"]);
    assert!(
        run.ok && run.output.contains("\"ok\": true"),
        "{}",
        run.output
    );
    let started = ["systemctl start --wait backup-restore-test.service"];
    assert_eq!(run.did("systemctl"), started);
    // One without a test of its own is tested by the program.
    let run = fleet.run("backups.sh", &["test", "far"]);
    assert!(run.did("ssh")[0].ends_with("'backup-restore' 'test'"));
    let script = fleet.path("scripts/backups.sh");
    let run = fleet.run_with(&script, &["test-all"], &[("BROKEN", "1")], "");
    assert!(
        !run.ok && run.output.contains("what went wrong") && run.output.contains("failed: here"),
        "{}",
        run.output
    );
    assert_eq!(
        run.did("ssh").len(),
        1,
        "the others are tested all the same"
    );
    let run = fleet.run("backups.sh", &["run", "here"]);
    assert_eq!(
        run.did("systemctl"),
        ["systemctl start --wait restic-backups-main.service"]
    );
    let run = fleet.run("backups.sh", &["files", "here", "latest", "/a b"]);
    assert_eq!(
        run.did("backup-restore"),
        ["backup-restore files latest /a b"]
    );
}

/// A file that is lost comes back by the recipe, the program that is shipped, and a real restic.
#[test]
fn a_lost_file_comes_back() {
    let (Some(program), Some(restic)) = (tool("just"), tool("restic")) else {
        return;
    };
    let fleet = with_backups();
    let justfile = root().join("golden/homelab/expected/Justfile");
    fs::copy(justfile, fleet.path("Justfile")).unwrap();
    let (repository, lost) = (fleet.path("repository"), fleet.path("letter.txt"));
    let secret = fleet.path("secret");
    fs::write(&secret, "correct horse").unwrap();
    fs::write(&lost, "dear bob").unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../catalog/programs/backup-restore/backup-restore.sh");
    let wrapper = fleet.path("bin/backup-restore");
    let text = format!(
        "#!/usr/bin/env bash\nset -euo pipefail\nexport RESTIC={} RESTIC_REPOSITORY={} RESTIC_PASSWORD_FILE={}\nexec bash -euo pipefail {} \"$@\"\n",
        restic.display(),
        repository.display(),
        secret.display(),
        shipped.display()
    );
    fs::write(&wrapper, text).unwrap();
    for arguments in [&["init"][..], &["backup", lost.to_str().unwrap()]] {
        let status = Command::new(&restic)
            .args(arguments)
            .env("RESTIC_REPOSITORY", &repository)
            .env("RESTIC_PASSWORD_FILE", &secret)
            .env("HOME", fleet.path("."))
            .stdout(Stdio::null())
            .status();
        assert!(status.unwrap().success());
    }
    fs::remove_file(&lost).unwrap();
    let to = fleet.path("back");
    let answers = format!("\n\n{}\n{}\nhere\n", lost.display(), to.display());
    let run = fleet.run_with(&program, &["restore", "here"], &[], &answers);
    assert!(run.ok, "{}", run.output);
    let back = to.join(lost.strip_prefix("/").unwrap());
    assert_eq!(fs::read_to_string(back).unwrap(), "dear bob");
}

#[test]
fn recipes_hand_their_arguments_on() {
    let Some(program) = tool("just") else {
        return;
    };
    let fleet = Fleet::new();
    let run = fleet.run_with(&program, &["deploy", "far", "--option", "a b"], &[], "");
    let expected = "nixos-rebuild switch --flake .#far --target-host root@10.0.0.3 --option a b";
    assert_eq!(run.did("nixos-rebuild"), [expected], "{}", run.output);
    let run = fleet.run_with(&program, &["reboot", "far"], &[], "n\n");
    assert!(!run.ok && run.did("ssh").is_empty(), "{}", run.output);
    let run = fleet.run_with(&program, &["reboot", "far"], &[], "y\n");
    assert!(run.ok && run.did("ssh").len() == 1, "{}", run.output);
}

#[test]
fn tasks_of_the_spec_are_data() {
    let Some(program) = tool("just") else {
        return;
    };
    let folder = root().join("golden/deployment/expected");
    let run = just(&program, &folder, &["greet", "a $b", "c'd", "x y"]);
    assert_eq!(
        text(&run.stdout),
        "c'd|a $b|x y|{{|",
        "{}",
        text(&run.stderr)
    );
    let run = just(&program, &folder, &["greet", "bob", "it's", "x"]);
    assert_eq!(
        text(&run.stdout),
        "it's|bob|x|{{|bob|",
        "{}",
        text(&run.stderr)
    );
}
