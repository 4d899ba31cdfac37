//! The program that creates, edits and re-encrypts secrets, run as it is generated, with the real
//! `age` and keys that are thrown away. What sops-nix reads is made by `sops`, or where there is none
//! by `rops`, which reads and writes the same files.
//!
//! Without the tools these tests are skipped, unless `GEN_REQUIRE_TOOLS` is set.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests run programs, and say what they could not run"
)]

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use flakesmith::{Sources, generate};
use tempfile::TempDir;

const VALUE: &str = "the value that must not be seen";

/// Whether the tools are there; otherwise it is said what is missing.
fn tools(names: &[&str]) -> bool {
    let missing: Vec<&&str> = names.iter().filter(|name| find(name).is_none()).collect();
    if missing.is_empty() {
        return true;
    }
    assert!(
        std::env::var_os("GEN_REQUIRE_TOOLS").is_none(),
        "not installed: {missing:?}"
    );
    eprintln!("skipped: not installed: {missing:?}");
    false
}

fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

fn age() -> bool {
    tools(&["age", "age-keygen", "ssh-keygen"])
}

/// A fleet with its keys, and what is generated for it.
struct Fleet {
    folder: TempDir,
    backend: &'static str,
}

/// What a run said.
struct Run {
    ok: bool,
    signal: Option<i32>,
    out: String,
    said: String,
}

impl Fleet {
    fn new(backend: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let fleet = Fleet { folder, backend };
        for name in ["keys", "bin", "home", "tmp"] {
            fs::create_dir(fleet.path(name)).unwrap();
        }
        for host in ["one", "two", "three"] {
            let key = fleet.key(host);
            let done = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-C", host, "-f"])
                .arg(key)
                .status();
            assert!(done.unwrap().success());
        }
        for user in ["alice", "bob"] {
            let done = Command::new("age-keygen")
                .arg("-o")
                .arg(fleet.key(user))
                .output();
            assert!(done.unwrap().status.success());
        }
        fleet
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn key(&self, name: &str) -> PathBuf {
        self.path("keys").join(name)
    }

    /// The public key of a host or user, as it stands in the key book.
    fn public(&self, name: &str) -> String {
        let file = self.key(&format!("{name}.pub"));
        if file.exists() {
            return fs::read_to_string(file).unwrap().trim().to_owned();
        }
        let out = Command::new("age-keygen")
            .arg("-y")
            .arg(self.key(name))
            .output();
        String::from_utf8(out.unwrap().stdout)
            .unwrap()
            .trim()
            .to_owned()
    }

    /// Generates for these hosts. `shared` is for all of them, `own` for host `one`.
    fn generate(&self, hosts: &[&str]) {
        let mut spec = format!(
            "fleet: {{ name: x, stateVersion: \"25.11\", secrets: {{ backend: {} }} }}\nhosts:\n",
            self.backend
        );
        for host in hosts {
            let own = if *host == "one" {
                ", environment.etc.own.source: !secret own"
            } else {
                ""
            };
            writeln!(spec, "  {host}: {{ hardware: {{ platform: lxc }}, settings: {{ environment.etc.shared.source: !secret shared{own} }} }}").unwrap();
        }
        spec += "secrets:\n  items: { own: { hosts: [one], users: [alice] }, shared: { hosts: [all] } }\n  keys:\n";
        spec += "    users:\n";
        for user in ["alice", "bob"] {
            writeln!(spec, "      {user}: {}", self.public(user)).unwrap();
        }
        spec += "    hosts:\n";
        for host in hosts {
            writeln!(spec, "      {host}: {}", self.public(host)).unwrap();
        }
        self.generate_from(&spec);
    }

    fn generate_from(&self, spec: &str) {
        let sources = Sources::from_memory("spec", [("spec.yaml", spec.to_owned())]);
        let generated = generate(sources);
        let findings: Vec<&String> = generated.diagnostics.iter().map(|d| &d.message).collect();
        let tree = generated.tree.unwrap_or_else(|| panic!("{findings:?}"));
        for (path, file) in tree.iter() {
            let path = self.path("out").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &file.bytes).unwrap();
            let mode = if file.executable { 0o755 } else { 0o644 };
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        let extension = if self.backend == "sops" {
            "yaml"
        } else {
            "age"
        };
        self.path("out/secrets").join(format!("{name}.{extension}"))
    }

    /// An editor that does this to the file `$1`.
    fn editor(&self, text: &str) -> PathBuf {
        self.program("editor", text)
    }

    fn program(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path("bin").join(name);
        fs::write(&path, format!("#!/usr/bin/env bash\nset -eu\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn command(&self, program: &Path) -> Command {
        // What runs in the background of a shell ignores interrupts, and a script cannot undo that.
        let mut command = Command::new("env");
        let path = std::env::var("PATH").unwrap();
        command
            .args(["--default-signal", "--"])
            .arg(program)
            .current_dir(self.path("keys"))
            .env_clear()
            .env("PATH", format!("{}:{path}", self.path("bin").display()))
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.path("tmp"))
            .env("NOTES", self.path("notes"))
            .env("FLEET", self.folder.path())
            .env("EDITOR", self.path("bin/editor"));
        command
    }

    fn run(&self, arguments: &[&str], input: &str) -> Run {
        let mut command = self.command(&self.path("out/scripts/manage-secrets.sh"));
        let mut child = command
            .args(arguments)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that ends before it reads is no mistake of the test.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        Run {
            ok: output.status.success(),
            signal: output.status.signal(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            said: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs it as a user, and it must do what it is asked.
    fn as_user(&self, user: &str, arguments: &[&str], input: &str) -> Run {
        let mut all = vec!["--identity", user];
        all.extend(arguments);
        let run = self.run(&all, input);
        assert!(run.ok, "{arguments:?}: {}{}", run.out, run.said);
        run
    }

    fn fails(&self, arguments: &[&str], input: &str, message: &str) {
        let run = self.run(arguments, input);
        assert!(!run.ok, "{arguments:?}: {}", run.said);
        assert!(run.said.contains(message), "{arguments:?}: {}", run.said);
    }

    /// What `age` itself makes of a file with a key; nothing where the key does not open it.
    fn opened(&self, secret: &str, key: &str) -> Option<String> {
        let out = Command::new("age")
            .args(["--decrypt", "--identity"])
            .arg(self.key(key))
            .arg(self.file(secret))
            .output()
            .unwrap();
        let text = String::from_utf8(out.stdout).unwrap();
        out.status.success().then_some(text)
    }

    fn bytes(&self, secret: &str) -> Vec<u8> {
        fs::read(self.file(secret)).unwrap()
    }

    /// The line of `status` about a secret.
    fn status(&self, user: &str, secret: &str) -> String {
        let run = self.run(&["--identity", user, "status"], "");
        let line = run.out.lines().find(|line| line.starts_with(secret));
        line.unwrap_or_else(|| panic!("{}{}", run.out, run.said))
            .to_owned()
    }

    /// Nothing is left behind, and no file below the folder of the test holds the text.
    fn is_clean(&self, text: &str) {
        assert_eq!(fs::read_dir(self.path("tmp")).unwrap().count(), 0);
        let found = Command::new("grep")
            .args([
                "--recursive",
                "--files-with-matches",
                "--text",
                "--fixed-strings",
                text,
            ])
            .args([self.path("out"), self.path("home"), self.path("tmp")])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&found.stdout), "");
        let names = fs::read_dir(self.path("out/secrets")).unwrap();
        for name in names.map(|entry| entry.unwrap().file_name()) {
            assert!(
                !name.to_str().unwrap().starts_with('.'),
                "{}",
                name.display()
            );
        }
    }
}

#[test]
fn a_secret_is_created_for_its_readers() {
    if !age() {
        return;
    }
    let fleet = Fleet::new("agenix");
    fleet.generate(&["one", "two"]);
    assert!(fleet.status("alice", "own").contains("missing"));
    let run = fleet.as_user("alice", &["create", "own"], VALUE);
    assert!(
        run.said
            .contains("git add secrets/own.age secrets/recorded.txt"),
        "{}",
        run.said
    );
    for reader in ["one", "alice"] {
        assert_eq!(
            fleet.opened("own", reader).as_deref(),
            Some(VALUE),
            "{reader}"
        );
    }
    for stranger in ["two", "three", "bob"] {
        assert_eq!(fleet.opened("own", stranger), None, "{stranger}");
    }
    assert!(fleet.status("alice", "own").contains(" ok "));
    assert!(fleet.status("bob", "own").contains("not for your keys"));
    assert_eq!(fleet.as_user("alice", &["show", "own"], "").out, VALUE);
    // Who creates a secret need not be able to read it.
    fleet.as_user("bob", &["create", "shared", "--random"], "");
    assert_eq!(fleet.opened("shared", "two").unwrap().len(), 44);
    let mode = fs::metadata(fleet.file("own"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o644);
    assert!(fleet.run(&["--identity", "alice", "status"], "").ok);
    fleet.is_clean(VALUE);
}

/// The fleet of these tests with a password of `alice`.
fn with_password(backend: &'static str) -> Fleet {
    let fleet = Fleet::new(backend);
    let host = "{ hardware: { platform: lxc }, users: { alice: } }";
    fleet.generate_from(&format!(
        "fleet: {{ name: x, stateVersion: \"25.11\", secrets: {{ backend: {backend} }} }}\n\
         users: {{ alice: {{ password: !secret own }} }}\nhosts: {{ one: {host} }}\n\
         secrets:\n  items: {{ own: {{ hosts: [one], users: [alice] }} }}\n  keys:\n    \
         users: {{ alice: {} }}\n    hosts: {{ one: {} }}\n",
        fleet.public("alice"),
        fleet.public("one"),
    ));
    fleet
}

/// Whether a text is the hash of a password.
fn is_hash_of(hash: &str, password: &str) -> bool {
    let Some((setting, _)) = hash.rsplit_once('$') else {
        return false;
    };
    let out = Command::new("mkpasswd")
        .args(["--salt", setting, password])
        .output()
        .unwrap();
    String::from_utf8(out.stdout).unwrap().trim_end() == hash
}

#[test]
fn the_password_of_a_user_is_kept_as_a_hash() {
    if !age() || !tools(&["mkpasswd"]) {
        return;
    }
    let fleet = with_password("agenix");
    fleet.fails(&["create", "own", "--random"], "", "nobody would know it");
    assert!(!fleet.file("own").exists());
    for text in [VALUE.to_owned(), format!("{VALUE}\n")] {
        fleet.as_user("alice", &["create", "own"], &text);
        let hash = fleet.opened("own", "one").unwrap();
        assert!(is_hash_of(&hash, VALUE), "{hash}");
        fs::remove_file(fleet.file("own")).unwrap();
    }
    // A hash that somebody made is no password.
    let hash = "$y$j9T$tGDXLzKhC0HCkSkIrI6gk0$1EvPq6c9VJxF4mRQQHbbIjkNcv3FI5Ye0xxYX6qq1S6";
    fleet.as_user("alice", &["create", "own"], hash);
    assert_eq!(fleet.opened("own", "one").as_deref(), Some(hash));
    fleet.editor("echo 'an editor' >\"$1\"");
    fleet.as_user("alice", &["edit", "own"], "another\n");
    assert!(is_hash_of(&fleet.opened("own", "one").unwrap(), "another"));
    fleet.fails(
        &["--identity", "alice", "edit", "own"],
        "",
        "the value is empty",
    );
    fleet.is_clean(VALUE);
}

#[test]
fn the_password_of_a_user_is_asked_for() {
    if !age() || !tools(&["script", "mkpasswd"]) {
        return;
    }
    let fleet = with_password("agenix");
    let mut command = fleet.command(Path::new("script"));
    let line = format!(
        "{} --identity alice create own",
        fleet.path("out/scripts/manage-secrets.sh").display()
    );
    let mut child = command
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let typed = format!("{VALUE}\n{VALUE}\n");
    child
        .stdin
        .take()
        .unwrap()
        .write_all(typed.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("Password: "), "{text}");
    let hash = fleet.opened("own", "one").unwrap();
    assert!(is_hash_of(&hash, VALUE), "{hash}");
    fleet.is_clean(VALUE);
}

#[test]
fn what_is_refused() {
    if !age() {
        return;
    }
    let fleet = Fleet::new("agenix");
    fleet.generate(&["one"]);
    fleet.editor("cat >/dev/null");
    fleet.as_user("alice", &["create", "own"], VALUE);
    let before = fleet.bytes("own");
    let cases: &[(&[&str], &str, &str)] = &[
        (&["create", "own"], "other", "secrets/own.age exists"),
        (&["create", "shared"], "", "the value is empty"),
        (&["create", "nothing"], "x", "there is no secret nothing"),
        (&["create"], "x", "create which secret?"),
        (&["edit", "shared"], "", "secrets/shared.age does not exist"),
        (
            &["--identity", "bob", "edit", "own"],
            "",
            "cannot be decrypted",
        ),
        (
            &["--identity", "nobody", "edit", "own"],
            "",
            "cannot read the identity",
        ),
        (&["--identity"], "", "--identity wants a file"),
        (&["shred", "own"], "", "unknown command shred"),
        (&["--everything"], "", "unknown option --everything"),
        (&[], "", "Usage: manage-secrets.sh"),
    ];
    for (arguments, input, message) in cases {
        fleet.fails(arguments, input, message);
    }
    assert_eq!(fleet.bytes("own"), before);
    assert!(!fleet.file("shared").exists());
    fleet.is_clean(VALUE);
}

#[test]
fn an_edit() {
    if !age() {
        return;
    }
    let fleet = Fleet::new("agenix");
    fleet.generate(&["one"]);
    fleet.as_user("alice", &["create", "own"], VALUE);
    let first = fleet.bytes("own");

    fleet.editor("true");
    let run = fleet.as_user("alice", &["edit", "own"], "");
    assert!(run.said.contains("nothing was changed"), "{}", run.said);
    for editor in ["exit 1", "echo broken >\"$1\"; exit 3", ": >\"$1\""] {
        fleet.editor(editor);
        fleet.fails(
            &["--identity", "alice", "edit", "own"],
            "",
            "nothing was changed",
        );
    }
    assert_eq!(fleet.bytes("own"), first);

    fleet.editor("printf ', and more' >>\"$1\"");
    fleet.as_user("alice", &["edit", "own"], "");
    let changed = format!("{VALUE}, and more");
    assert_eq!(
        fleet.opened("own", "one").as_deref(),
        Some(changed.as_str())
    );
    assert!(fleet.status("alice", "own").contains(" ok "));
    fleet.is_clean(VALUE);
}

#[test]
fn the_value_is_in_memory_only_and_private() {
    if !age() {
        return;
    }
    let fleet = Fleet::new("agenix");
    fleet.generate(&["one"]);
    fleet.as_user("alice", &["create", "own"], VALUE);
    fleet.editor(
        "{ stat --format=%a \"$1\" \"${1%/*}\"; stat --file-system --format=%T \"$1\"; echo \"$1\"
           grep -rlF 'must not be seen' \"$FLEET/out\" \"$FLEET/tmp\" \"$FLEET/home\" || true; } >\"$NOTES\"",
    );
    fleet.as_user("alice", &["edit", "own"], "");
    let notes = fs::read_to_string(fleet.path("notes")).unwrap();
    let lines: Vec<&str> = notes.lines().collect();
    let [file_mode, folder_mode, kind, file, seen @ ..] = lines.as_slice() else {
        panic!("{notes}");
    };
    assert_eq!((*file_mode, *folder_mode), ("600", "700"));
    assert!(!Path::new(file).exists(), "{file} is left");
    let has_memory = Command::new("stat")
        .args(["--file-system", "--format=%T", "/dev/shm"])
        .output();
    if has_memory.unwrap().stdout == b"tmpfs\n" {
        assert_eq!(*kind, "tmpfs");
        assert!(seen.is_empty(), "{seen:?}");
    }
    fleet.is_clean(VALUE);
}

#[test]
fn a_signal_leaves_nothing() {
    if !age() {
        return;
    }
    let fleet = Fleet::new("agenix");
    fleet.generate(&["one"]);
    fleet.as_user("alice", &["create", "own"], VALUE);
    let before = fleet.bytes("own");
    for (name, number) in [("TERM", 15), ("INT", 2), ("HUP", 1)] {
        fleet.editor(&format!(
            "echo more >>\"$1\"; echo \"$1\" >\"$NOTES\"; kill -s {name} 0; sleep 20"
        ));
        let run = fleet.run(&["--identity", "alice", "edit", "own"], "");
        assert_eq!(run.signal, Some(number), "{name}: {}", run.said);
        let file = fs::read_to_string(fleet.path("notes")).unwrap();
        let file = Path::new(file.trim());
        assert!(!file.parent().unwrap().exists(), "{name}: {file:?} is left");
        assert_eq!(fleet.bytes("own"), before, "{name}");
        fleet.is_clean(VALUE);
    }
}

#[test]
fn a_second_run_at_the_same_time() {
    if !age() {
        return;
    }
    let fleet = Fleet::new("agenix");
    fleet.generate(&["one"]);
    fleet.as_user("alice", &["create", "own"], VALUE);
    fleet.editor("\"$FLEET/out/scripts/manage-secrets.sh\" rekey >\"$NOTES\" 2>&1 && exit 7; true");
    fleet.as_user("alice", &["edit", "own"], "");
    let notes = fs::read_to_string(fleet.path("notes")).unwrap();
    assert!(notes.contains("another run is at work"), "{notes}");
}

#[test]
fn a_host_comes_and_goes() {
    if !age() {
        return;
    }
    let fleet = Fleet::new("agenix");
    fleet.generate(&["one", "two"]);
    fleet.as_user("alice", &["create", "own"], "own");
    fleet.as_user("alice", &["create", "shared"], VALUE);
    let own = fleet.bytes("own");
    let shared = fleet.bytes("shared");
    let run = fleet.as_user("alice", &["rekey"], "");
    assert!(run.said.contains("0 encrypted again"), "{}", run.said);
    assert_eq!(fleet.bytes("shared"), shared);

    fleet.generate(&["one", "three", "two"]);
    let status = fleet.status("alice", "shared");
    assert!(
        status.contains("stale") && status.contains("+host:three"),
        "{status}"
    );
    assert!(fleet.status("alice", "own").contains(" ok "));
    assert_eq!(fleet.opened("shared", "three"), None);
    let run = fleet.as_user("alice", &["rekey"], "");
    assert!(
        run.said.contains("1 encrypted again, 0 failed"),
        "{}",
        run.said
    );
    assert_eq!(fleet.opened("shared", "three").as_deref(), Some(VALUE));
    assert_eq!(fleet.bytes("own"), own);

    fleet.generate(&["one", "three"]);
    assert!(fleet.status("alice", "shared").contains("stale"));
    fleet.as_user("alice", &["rekey"], "");
    assert_eq!(fleet.opened("shared", "two"), None);
    assert_eq!(fleet.opened("shared", "one").as_deref(), Some(VALUE));
    assert_eq!(fleet.bytes("own"), own);
    assert!(fleet.run(&["--identity", "alice", "status"], "").ok);
    fleet.is_clean(VALUE);
}

#[test]
fn a_file_that_cannot_be_decrypted_is_kept() {
    if !age() {
        return;
    }
    let fleet = Fleet::new("agenix");
    fleet.generate(&["one"]);
    fleet.as_user("alice", &["create", "own"], "own");
    fleet.as_user("alice", &["create", "shared"], VALUE);
    let (own, shared) = (fleet.bytes("own"), fleet.bytes("shared"));
    // bob may read one of the two: that one is done, the other is left.
    let run = fleet.run(&["--identity", "bob", "rekey", "--all"], "");
    assert!(!run.ok, "{}", run.said);
    assert!(
        run.said
            .contains("secrets/own.age cannot be decrypted, it is left as it is"),
        "{}",
        run.said
    );
    assert!(
        run.said.contains("1 encrypted again, 1 failed"),
        "{}",
        run.said
    );
    assert_eq!(fleet.bytes("own"), own);
    assert_ne!(fleet.bytes("shared"), shared);

    // A file of another tool, or a damaged one, is told from what was recorded.
    let mut damaged = fleet.bytes("own");
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(fleet.file("own"), &damaged).unwrap();
    let status = fleet.status("alice", "own");
    assert!(
        status.contains("unrecorded") && status.contains("do not open"),
        "{status}"
    );
    fleet.fails(&["--identity", "alice", "rekey"], "", "it is left as it is");
    assert_eq!(fleet.bytes("own"), damaged);
    fs::write(fleet.path("out/secrets/left-over.age"), "x").unwrap();
    assert!(
        fleet
            .status("alice", "left-over")
            .contains("no secret of the spec")
    );
}

#[test]
fn nobody_locks_themselves_out() {
    if !age() {
        return;
    }
    let fleet = Fleet::new("agenix");
    fleet.generate(&["one"]);
    fleet.as_user("alice", &["create", "own"], VALUE);
    // The matrix changes, and who encrypts would not be among the readers.
    let rules = fleet.path("out/secrets/recipients.txt");
    let text = fs::read_to_string(&rules).unwrap();
    let without: Vec<&str> = text
        .lines()
        .filter(|line| !line.contains("own.age user:alice"))
        .collect();
    fs::write(&rules, without.join("\n") + "\n").unwrap();
    let before = fleet.bytes("own");
    fleet.fails(
        &["--identity", "alice", "rekey"],
        "",
        "you could not decrypt own afterwards",
    );
    assert_eq!(fleet.bytes("own"), before);
    fleet.as_user("alice", &["--force", "rekey"], "");
    assert_eq!(fleet.opened("own", "alice"), None);
    assert_eq!(fleet.opened("own", "one").as_deref(), Some(VALUE));
    fleet.is_clean(VALUE);
}

#[test]
fn a_key_with_a_passphrase_is_not_asked_for_without_a_terminal() {
    if !age() {
        return;
    }
    let fleet = Fleet::new("agenix");
    fleet.generate(&["one"]);
    fleet.as_user("alice", &["create", "own"], VALUE);
    let done = Command::new("ssh-keygen")
        .args(["-q", "-p", "-N", "long enough", "-f"])
        .arg(fleet.key("one"))
        .status();
    assert!(done.unwrap().success());
    fleet.fails(
        &["--identity", "one", "edit", "own"],
        "",
        "cannot be decrypted",
    );
    fleet.is_clean(VALUE);
}

#[test]
fn the_menu() {
    if !age() || !tools(&["script"]) {
        return;
    }
    let fleet = Fleet::new("agenix");
    fleet.generate(&["one"]);
    fleet.as_user("alice", &["create", "own"], VALUE);
    let mut command = fleet.command(Path::new("script"));
    let line = format!(
        "{} --identity alice",
        fleet.path("out/scripts/manage-secrets.sh").display()
    );
    // Its own terminal: 1 is status, 4 shows a secret, 6 ends it.
    let mut child = command
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .env("TERM", "dumb")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"1\n4\n1\n6\n")
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("What to do"), "{text}");
    assert!(text.contains("SECRET"), "{text}");
    assert!(text.contains(VALUE), "{text}");
    fleet.is_clean(VALUE);
}

/// Puts a program `sops` into the fleet's path that does with `rops` what is asked of sops here.
fn sops(fleet: &Fleet) -> bool {
    if find("sops").is_some() {
        return true;
    }
    let Some(rops) = std::env::var_os("ROPS")
        .map(PathBuf::from)
        .or_else(|| find("rops"))
    else {
        assert!(
            std::env::var_os("GEN_REQUIRE_TOOLS").is_none(),
            "GEN_REQUIRE_TOOLS is set, but neither sops nor rops is installed"
        );
        eprintln!("skipped: neither sops nor rops is installed");
        return false;
    };
    fleet.program(
        "sops",
        &format!(
            r#"rops={}
keys=() action=
while (($# > 1)); do
  case $1 in
    --encrypt | --decrypt) action=${{1#--}} ;;
    --age) IFS=, read -ra list <<<"$2"; for key in "${{list[@]}}"; do keys+=(--age "$key"); done; shift ;;
    --input-type | --output-type) [[ $2 == yaml ]]; shift ;;
    --filename-override) [[ $2 == secrets/*.yaml && -e .sops.yaml ]]; shift ;;
    *) echo "what is $1?" >&2; exit 64 ;;
  esac
  shift
done
if [[ $action == decrypt ]]; then
  # It knows no comments among keys.
  plain=$(ROPS_AGE=$(grep -v '^#' "$SOPS_AGE_KEY_FILE" | paste -sd,) ROPS_AGE_KEY_FILE=/dev/null "$rops" decrypt --format yaml <"$1")
  # Programs may write in pieces, and fail where nobody reads the last one.
  printf '%s\n' "$plain"
  sleep 0.02
  echo
  exit
fi
exec "$rops" encrypt "${{keys[@]}}" --format yaml <"$1""#,
            rops.display()
        ),
    );
    true
}

#[test]
fn files_of_sops() {
    if !age() {
        return;
    }
    let fleet = Fleet::new("sops");
    if !sops(&fleet) {
        return;
    }
    if tools(&["mkpasswd"]) {
        let fleet = with_password("sops");
        sops(&fleet);
        fleet.as_user("alice", &["create", "own"], VALUE);
        let own: serde_json::Value = yaml(&fleet.as_user("alice", &["show", "own"], "").out);
        assert!(is_hash_of(own["own"].as_str().unwrap(), VALUE), "{own}");
        fleet.as_user("alice", &["edit", "own"], "another");
        let own: serde_json::Value = yaml(&fleet.as_user("alice", &["show", "own"], "").out);
        assert!(is_hash_of(own["own"].as_str().unwrap(), "another"), "{own}");
    }
    fleet.generate(&["one", "two"]);
    let lines = "-----BEGIN: a key\n  with: \"every\" 'mark' \\ # and spaces\n---\n";
    fleet.as_user("alice", &["create", "own"], VALUE);
    fleet.as_user("alice", &["create", "shared"], lines);
    let file = fs::read_to_string(fleet.file("own")).unwrap();
    assert!(file.starts_with("own: ENC["), "{file}");
    assert_eq!(
        fleet.as_user("alice", &["show", "own"], "").out.trim(),
        format!("own: {VALUE}")
    );
    let shared: serde_json::Value = yaml(&fleet.as_user("bob", &["show", "shared"], "").out);
    assert_eq!(shared["shared"], lines);
    assert!(fleet.status("alice", "own").contains(" ok "));
    assert!(fleet.status("bob", "own").contains("not for your keys"));

    fleet.editor("sed -i 's/own: .*/own: another value/' \"$1\"");
    fleet.as_user("alice", &["edit", "own"], "");
    assert!(
        fleet
            .as_user("alice", &["show", "own"], "")
            .out
            .contains("another value")
    );

    let (own, shared) = (fleet.bytes("own"), fleet.bytes("shared"));
    fleet.generate(&["one", "three", "two"]);
    let status = fleet.status("alice", "shared");
    assert!(
        status.contains("stale") && status.contains("+host:three"),
        "{status}"
    );
    fleet.as_user("alice", &["rekey"], "");
    assert_eq!(fleet.bytes("own"), own);
    assert_ne!(fleet.bytes("shared"), shared);
    let again: serde_json::Value = yaml(&fleet.as_user("alice", &["show", "shared"], "").out);
    assert_eq!(again["shared"], lines);
    assert!(fleet.run(&["--identity", "alice", "status"], "").ok);
    fleet.fails(
        &["--identity", "bob", "edit", "own"],
        "",
        "cannot be decrypted",
    );
    fleet.is_clean(VALUE);
}

fn yaml(text: &str) -> serde_json::Value {
    serde_yaml::from_str(text).unwrap()
}
