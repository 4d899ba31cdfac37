//! A step that fails, for every step there is: a full disk, and a run that is killed.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use output::{
    FileTree, Hooks, NoHooks, OnConflict, Operation, Options, Outcome, OutputError, needs_recovery,
    read_manifest, recover,
};

use crate::lab::{Disk, Lab, content, is_executable, set_mode, tree};

/// Fails at the n-th step, or from there on.
pub(crate) struct Fault {
    at: usize,
    forever: bool,
    seen: AtomicUsize,
}

impl Fault {
    pub(crate) fn once(at: usize) -> Self {
        Self {
            at,
            forever: false,
            seen: AtomicUsize::new(0),
        }
    }

    /// As if the run were killed there: nothing is cleared up either.
    pub(crate) fn forever(at: usize) -> Self {
        Self {
            at,
            forever: true,
            seen: AtomicUsize::new(0),
        }
    }

    fn fired(&self) -> bool {
        self.seen.load(Ordering::SeqCst) > self.at
    }
}

impl Hooks for Fault {
    fn before(&self, _: Operation, _: &str) -> io::Result<()> {
        let step = self.seen.fetch_add(1, Ordering::SeqCst);
        if step == self.at || (self.forever && step > self.at) {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        Ok(())
    }
}

fn old_tree() -> FileTree {
    tree(&[
        ("flake.nix", "old\n"),
        ("same.nix", "same\n"),
        ("gone/deep/a.nix", "old\n"),
        ("gone/b.nix", "old\n"),
        ("run.sh", "same\n"),
        ("was-file", "old\n"),
        ("was-folder/x", "old\n"),
        ("edited.nix", "old\n"),
        ("orphan/edited.nix", "old\n"),
    ])
}

fn new_tree() -> FileTree {
    tree(&[
        ("flake.nix", "new\n"),
        ("same.nix", "same\n"),
        ("fresh/deep/c.nix", "new\n"),
        ("fresh/d.nix", "new\n"),
        ("!run.sh", "same\n"),
        ("was-file/x", "new\n"),
        ("was-folder", "new\n"),
        ("edited.nix", "new\n"),
        ("blocked.nix", "new\n"),
        ("missing.nix", "new\n"),
    ])
}

const MINE: [&str; 5] = [
    "edited.nix",
    "orphan/edited.nix",
    "blocked.nix",
    "gone/mine.txt",
    "notes/mine.txt",
];

/// Every state at once, and files of the user everywhere.
fn start() -> Lab {
    let lab = Lab::new();
    lab.run(&old_tree()).unwrap();
    for path in MINE {
        lab.write(path, "mine\n");
    }
    lab
}

fn expected() -> Disk {
    let mut disk = content(&new_tree());
    disk.extend(MINE.map(|path| (path.to_owned(), b"mine\n".to_vec())));
    disk
}

fn skip(hooks: &dyn Hooks) -> Options<'_> {
    Options {
        on_conflict: OnConflict::Skip,
        hooks,
        ..Options::default()
    }
}

/// Every file is whole, old or new, and the user's are as they were.
fn check_each_file(lab: &Lab, context: &str) {
    let (old, new) = (content(&old_tree()), content(&new_tree()));
    for (path, bytes) in lab.disk() {
        if MINE.contains(&path.as_str()) {
            assert_eq!(bytes, b"mine\n", "{context}: {path}");
        } else if !path.ends_with('/') {
            assert!(
                [old.get(&path), new.get(&path)].contains(&Some(&bytes)),
                "{context}: {path}"
            );
        }
    }
    for path in MINE {
        assert!(lab.exists(path), "{context}: {path}");
    }
}

fn check_finished(lab: &Lab, context: &str) {
    let applied = lab.run_with(&new_tree(), &[], &skip(&NoHooks)).unwrap();
    assert_ne!(applied.outcome, Outcome::Refused, "{context}");
    assert_eq!(lab.disk(), expected(), "{context}");
    assert!(is_executable(&lab.path("run.sh")), "{context}");
    assert_eq!(
        lab.own(),
        [".gitignore", "lock", "manifest.json"],
        "{context}"
    );
    let manifest = lab.manifest().unwrap();
    for (path, owned) in &manifest.files {
        let known = ["edited.nix", "orphan/edited.nix"].contains(&path.as_str());
        let new = new_tree()
            .get(path)
            .is_some_and(|file| output::Hash::of(&file.bytes) == owned.hash);
        assert!(known || new, "{context}: {path}");
    }
    assert_eq!(manifest.files.len(), new_tree().len(), "{context}");
    let again = lab.run_with(&new_tree(), &[], &skip(&NoHooks)).unwrap();
    assert_eq!(again.outcome, Outcome::Unchanged, "{context}");
}

#[test]
fn a_full_disk_at_each_step() {
    let before = start().disk();
    for at in 0.. {
        let context = format!("step {at}");
        let lab = start();
        let fault = Fault::once(at);
        let result = lab.run_with(&new_tree(), &[], &skip(&fault));
        if !fault.fired() {
            assert!(result.is_ok());
            assert!(at > 30, "only {at} steps");
            break;
        }
        match result {
            Err(OutputError::HalfWritten { source }) => {
                assert!(matches!(*source, OutputError::Io { .. }), "{context}");
                check_each_file(&lab, &context);
                assert!(needs_recovery(&lab.target).unwrap(), "{context}");
            }
            Err(error @ OutputError::Io { .. }) => {
                assert_eq!(lab.disk(), before, "{context}");
                assert!(!needs_recovery(&lab.target).unwrap(), "{context}");
                assert_eq!(error.help(), ["make room on the disk, then run gen again"]);
            }
            other => panic!("{context}: {other:?}"),
        }
        check_finished(&lab, &context);
    }
}

#[test]
fn killed_at_each_step() {
    for at in 0.. {
        let context = format!("step {at}");
        let lab = start();
        let fault = Fault::forever(at);
        let result = lab.run_with(&new_tree(), &[], &skip(&fault));
        if !fault.fired() {
            break;
        }
        result.unwrap_err();
        check_each_file(&lab, &context);
        check_finished(&lab, &context);
    }
}

#[test]
fn killed_at_each_step_and_again_while_recovering() {
    for at in (0..).step_by(2) {
        let fault = Fault::forever(at);
        let lab = start();
        let _ = lab.run_with(&new_tree(), &[], &skip(&fault));
        if !fault.fired() {
            break;
        }
        for again in 0.. {
            let context = format!("step {at}, then {again}");
            // Each recovery goes on where the last one stopped, and is killed a little later.
            let fault = Fault::forever(again);
            let result = recover(&lab.target, &skip(&fault));
            check_each_file(&lab, &context);
            if result.is_ok() {
                break;
            }
            assert!(again < 100, "{context} makes no progress");
        }
        check_finished(&lab, &format!("step {at}"));
    }
}

#[test]
fn a_completed_run_says_so() {
    let (mut completed, mut discarded) = (0, 0);
    for at in 0.. {
        let lab = start();
        let fault = Fault::forever(at);
        let _ = lab.run_with(&new_tree(), &[], &skip(&fault));
        if !fault.fired() {
            break;
        }
        let recovered = recover(&lab.target, &skip(&NoHooks)).unwrap();
        assert!(recovered.kept.is_empty() && recovered.diagnostics.is_empty());
        if recovered.completed {
            completed += 1;
            assert_eq!(lab.disk(), expected(), "step {at}");
        }
        discarded += usize::from(recovered.discarded);
        assert_eq!(
            recover(&lab.target, &skip(&NoHooks)).unwrap(),
            output::Recovered::default()
        );
    }
    assert!(completed > 15 && discarded > 8, "{completed} {discarded}");
}

#[test]
fn edits_between_a_kill_and_the_recovery_are_kept() {
    for at in 0.. {
        let context = format!("step {at}");
        let lab = start();
        let fault = Fault::forever(at);
        let _ = lab.run_with(&new_tree(), &[], &skip(&fault));
        if !fault.fired() {
            break;
        }
        let touched = ["flake.nix", "gone/deep/a.nix", "fresh/d.nix", "missing.nix"];
        for path in touched {
            lab.write(path, "edited since\n");
        }
        let recovered = recover(&lab.target, &skip(&NoHooks)).unwrap();
        for path in touched {
            assert_eq!(lab.read(path), "edited since\n", "{context}: {path}");
        }
        assert_eq!(
            recovered.kept.len(),
            recovered.diagnostics.iter().count(),
            "{context}"
        );
        lab.run_with(&new_tree(), &[], &skip(&NoHooks)).unwrap();
        for path in touched {
            assert_eq!(lab.read(path), "edited since\n", "{context}: {path}");
        }
        // And they can be given up at last.
        let all: Vec<&str> = touched.to_vec();
        lab.run_with(&new_tree(), &all, &skip(&NoHooks)).unwrap();
        let mut disk = lab.disk();
        // A file that git or the user put back after it was removed is the user's.
        disk.remove("gone/deep/a.nix");
        assert_eq!(disk, expected(), "{context}");
    }
}

#[test]
fn a_journal_of_another_state_of_the_folder_is_dropped() {
    for at in 0.. {
        let lab = start();
        let fault = Fault::forever(at);
        let old = lab.read(".gen/manifest.json");
        let _ = lab.run_with(&new_tree(), &[], &skip(&fault));
        if !fault.fired() {
            break;
        }
        // As after a forced checkout of another branch.
        let other = old.replace("f00d", "beef");
        let published = lab.read(".gen/manifest.json") != old;
        if !published && lab.exists(".gen/journal.json") {
            lab.write(".gen/manifest.json", &other);
            let before = lab.disk();
            let recovered = recover(&lab.target, &skip(&NoHooks)).unwrap();
            assert!(recovered.discarded && !recovered.completed);
            assert_eq!(lab.disk(), before);
            assert_eq!(lab.read(".gen/manifest.json"), other);
            assert!(!needs_recovery(&lab.target).unwrap());
        }
    }
}

#[test]
fn broken_journals() {
    let hash = "0".repeat(64);
    let outside = format!(
        r#"{{"version":1,"base":null,"writes":[],"modes":[],"removals":[{{"path":"../victim","old":"{hash}","owned":null}}]}}"#
    );
    for text in [
        "",
        "{",
        "[]",
        "{}",
        r#"{"version":1}"#,
        "\u{0}",
        outside.as_str(),
    ] {
        let lab = start();
        let before = lab.disk();
        lab.write(".gen/journal.json", text);
        lab.write(".gen/staging/0", "x");
        assert!(needs_recovery(&lab.target).unwrap());
        let recovered = recover(&lab.target, &skip(&NoHooks)).unwrap();
        assert!(recovered.discarded, "{text}");
        assert_eq!(lab.disk(), before, "{text}");
        check_finished(&lab, text);
    }
    let lab = start();
    lab.write(".gen/journal.json", r#"{"version":2}"#);
    let error = recover(&lab.target, &skip(&NoHooks)).unwrap_err();
    assert!(matches!(error, OutputError::FutureJournal { .. }));
    assert!(lab.exists(".gen/journal.json"));
}

#[test]
fn a_folder_that_gets_closed_half_way() {
    // Only where the system obeys modes; root does not.
    let lab = start();
    set_mode(&lab.path("gone"), 0o555);
    let before = lab.disk();
    match lab.run_with(&new_tree(), &[], &skip(&NoHooks)) {
        Err(OutputError::Io { path, .. }) => {
            assert!(path.as_str().starts_with("generated/gone"), "{path}");
            assert_eq!(lab.disk(), before);
        }
        Ok(_) => {}
        Err(error) => panic!("{error:?}"),
    }
    set_mode(&lab.path("gone"), 0o755);
    check_finished(&lab, "closed folder");
    assert!(read_manifest(&lab.target).unwrap().is_some());
}

/// Giving files away is a run like any other: killed at whatever step, each file still has its header or
/// is without it, and the next run knows whose it is.
#[test]
fn killed_at_each_step_of_giving_files_away() {
    const AWAY: [&str; 3] = ["flake.nix", "hosts/a.nix", "run.sh"];
    let generated = tree(&[
        ("flake.nix", "# generated\n{ }\n"),
        ("hosts/a.nix", "# generated\n{ a = 1; }\n"),
        ("hosts/b.nix", "# generated\n{ b = 1; }\n"),
        ("!run.sh", "#!/bin/sh\n# generated\n"),
    ]);
    let given = tree(&[
        ("flake.nix", "{ }\n"),
        ("hosts/a.nix", "{ a = 1; }\n"),
        ("hosts/b.nix", "# generated\n{ b = 1; }\n"),
        ("!run.sh", "#!/bin/sh\n"),
    ]);
    let names: Vec<String> = AWAY.map(str::to_owned).to_vec();
    let ejected = || {
        let hash = |path: &str| output::Hash::of(&generated.get(path).unwrap().bytes);
        let all = AWAY.map(|path| (path.to_owned(), hash(path)));
        all.into_iter().collect()
    };
    let eject = |lab: &Lab, hooks: &dyn Hooks| {
        let plan = output::plan(&lab.target, &given, lab.manifest().as_ref(), &names)?;
        let meta = output::Meta {
            ejected: ejected(),
            ..output::Meta::default()
        };
        output::apply(&lab.target, &plan, &given, &meta, &skip(hooks))
    };
    let mut steps = 0;
    for at in 0.. {
        let context = format!("step {at}");
        let lab = Lab::new();
        lab.run(&generated).unwrap();
        lab.write("mine.nix", "mine\n");
        let fault = Fault::forever(at);
        let result = eject(&lab, &fault);
        if !fault.fired() {
            result.unwrap();
            steps = at;
            break;
        }
        result.unwrap_err();
        let (old, new) = (content(&generated), content(&given));
        for (path, bytes) in lab.disk() {
            let whole = [old.get(&path), new.get(&path)].contains(&Some(&bytes));
            let is_mine = path == "mine.nix" && bytes == b"mine\n";
            assert!(whole || is_mine || path.ends_with('/'), "{context}: {path}");
        }
        // The next run completes it or drops it, and then all of it.
        recover(&lab.target, &Options::default()).unwrap();
        let manifest = lab.manifest().unwrap();
        let is_done = !manifest.ejected.is_empty();
        let mut expected = if is_done { new } else { old };
        expected.insert("mine.nix".to_owned(), b"mine\n".to_vec());
        assert_eq!(lab.disk(), expected, "{context}");
        if is_done {
            assert_eq!(manifest.ejected, ejected(), "{context}");
            assert!(!manifest.files.contains_key("flake.nix"), "{context}");
        } else {
            eject(&lab, &NoHooks).unwrap();
        }
        assert_eq!(lab.manifest().unwrap().ejected, ejected(), "{context}");
        assert!(is_executable(&lab.path("run.sh")), "{context}");
    }
    assert!(steps > 8, "only {steps} steps");
}
