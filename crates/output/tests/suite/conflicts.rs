//! Files that a hand has changed or put there.

use std::fs;
use std::io;

use output::{
    FileTree, Hooks, ObstacleKind, OnConflict, Operation, Options, Outcome, OutputError, State,
    apply, verify,
};

use crate::lab::{Lab, codes, content, meta, set_mode, states, tree};

const SKIP: Options<'_> = Options {
    on_conflict: OnConflict::Skip,
    brief: false,
    wait: std::time::Duration::ZERO,
    hooks: &output::NoHooks,
};

#[test]
fn an_edited_file_stops_the_run() {
    let lab = Lab::with(&[("a.nix", "1\n"), ("b.nix", "1\n")]);
    lab.write("a.nix", "mine\n");
    let before = lab.disk();
    let new = tree(&[("a.nix", "2\n"), ("b.nix", "2\n")]);
    let applied = lab.run(&new).unwrap();
    assert_eq!(applied.outcome, Outcome::Refused);
    assert_eq!(applied.kept, ["a.nix"]);
    assert_eq!(lab.disk(), before);
    let diagnostic = applied.diagnostics.iter().next().unwrap();
    assert_eq!(diagnostic.code, "output-edited");
    assert_eq!(diagnostic.message, "`generated/a.nix` was changed by hand");
    let help = diagnostic.help.join("\n");
    assert!(
        help.contains("`modules:`") && help.contains("`gen diff generated/a.nix`"),
        "{help}"
    );
    assert!(help.contains("`gen --overwrite generated/a.nix`"), "{help}");
    assert!(help.contains("`git checkout -- generated/a.nix`"), "{help}");
}

#[test]
fn a_merge_conflict_is_no_edit() {
    let lab = Lab::with(&[("a.nix", "1\n")]);
    lab.write(
        "a.nix",
        "{\n<<<<<<< HEAD\n2\n=======\n3\n>>>>>>> other\n}\n",
    );
    let new = tree(&[("a.nix", "4\n")]);
    let applied = lab.run(&new).unwrap();
    assert_eq!(applied.outcome, Outcome::Refused);
    let diagnostic = applied.diagnostics.iter().next().unwrap();
    assert_eq!(diagnostic.code, "output-unmerged");
    assert_eq!(
        diagnostic.message,
        "`generated/a.nix` has a merge conflict in line 2"
    );
    assert!(lab.read("a.nix").contains("<<<<<<<"));
    let allowed = ["generated/a.nix"];
    let applied = lab.run_with(&new, &allowed, &Options::default()).unwrap();
    assert_eq!(applied.outcome, Outcome::Written);
    assert_eq!(lab.read("a.nix"), "4\n");
}

#[test]
fn an_edited_file_is_reported_even_if_nothing_else_changes() {
    let lab = Lab::with(&[("a.nix", "1\n")]);
    lab.write("a.nix", "mine\n");
    let same = tree(&[("a.nix", "1\n")]);
    assert_eq!(lab.states(&same), [("a.nix".to_owned(), State::KeepEdited)]);
    assert!(!verify(&lab.target, &lab.manifest().unwrap()).unwrap());
    assert_eq!(lab.run(&same).unwrap().outcome, Outcome::Refused);
}

#[test]
fn an_edited_file_can_be_skipped() {
    let lab = Lab::with(&[("a.nix", "1\n"), ("b.nix", "1\n")]);
    lab.write("a.nix", "mine\n");
    let new = tree(&[("a.nix", "2\n"), ("b.nix", "2\n")]);
    let applied = lab.run_with(&new, &[], &SKIP).unwrap();
    assert_eq!(applied.outcome, Outcome::Written);
    assert_eq!(
        (applied.updated, applied.kept),
        (vec!["b.nix".into()], vec!["a.nix".into()])
    );
    assert_eq!(
        (lab.read("a.nix"), lab.read("b.nix")),
        ("mine\n".into(), "2\n".into())
    );
    // It is still ours and still edited, and a second run writes nothing.
    assert_eq!(lab.states(&new), [("a.nix".to_owned(), State::KeepEdited)]);
    assert_eq!(
        lab.run_with(&new, &[], &SKIP).unwrap().outcome,
        Outcome::Unchanged
    );
    // Undoing the edit by hand brings the update.
    lab.write("a.nix", "1\n");
    lab.run(&new).unwrap();
    assert_eq!(lab.disk(), content(&new));
}

#[test]
fn an_unowned_file_stops_the_run() {
    let lab = Lab::with(&[("a.nix", "1\n")]);
    lab.write("b.nix", "mine\n");
    let new = tree(&[("a.nix", "2\n"), ("b.nix", "1\n")]);
    let applied = lab.run(&new).unwrap();
    assert_eq!(applied.outcome, Outcome::Refused);
    assert_eq!(codes(&applied.diagnostics), ["output-unowned"]);
    assert_eq!(lab.read("a.nix"), "1\n");
    lab.run_with(&new, &[], &SKIP).unwrap();
    assert_eq!(
        (lab.read("a.nix"), lab.read("b.nix")),
        ("2\n".into(), "mine\n".into())
    );
    assert!(!lab.manifest().unwrap().files.contains_key("b.nix"));
    // No fingerprint vouches for a folder in which a file was skipped.
    assert_eq!(lab.manifest().unwrap().fingerprint, "");
}

#[test]
fn an_edited_orphan_is_kept_and_reported_until_it_is_settled() {
    let lab = Lab::with(&[("a/b.nix", "1\n"), ("a/c.nix", "1\n"), ("d.nix", "1\n")]);
    lab.write("a/b.nix", "mine\n");
    let new = tree(&[("d.nix", "2\n")]);
    for outcome in [Outcome::Written, Outcome::Unchanged] {
        let applied = lab.run(&new).unwrap();
        assert_eq!(applied.outcome, outcome);
        assert_eq!(codes(&applied.diagnostics), ["output-orphan-edited"]);
        assert_eq!(applied.kept, ["a/b.nix"]);
        assert_eq!(lab.read("a/b.nix"), "mine\n");
        assert!(!lab.exists("a/c.nix"));
    }
    assert!(!lab.plan(&new).is_clean());
    let applied = lab
        .run_with(&new, &["a/b.nix"], &Options::default())
        .unwrap();
    assert_eq!(applied.removed, ["a/b.nix"]);
    assert_eq!(lab.disk(), content(&new));
}

#[test]
fn overwriting_takes_only_what_was_named() {
    let lab = Lab::with(&[("a/b.nix", "1\n"), ("a/c.nix", "1\n"), ("ab.nix", "1\n")]);
    for path in ["a/b.nix", "a/c.nix", "ab.nix", "new.nix"] {
        lab.write(path, "mine\n");
    }
    let new = tree(&[
        ("a/b.nix", "2\n"),
        ("a/c.nix", "2\n"),
        ("ab.nix", "2\n"),
        ("new.nix", "2\n"),
    ]);
    let kept = |overwrite: &[&str]| -> Vec<String> {
        let plan = lab.plan_with(&new, overwrite);
        assert!(
            !codes(&plan.diagnostics()).contains(&"output-overwrite-unmatched"),
            "{overwrite:?}"
        );
        states(&plan)
            .into_iter()
            .filter(|(_, s)| *s != State::Update)
            .map(|(path, _)| path)
            .collect()
    };
    assert_eq!(kept(&["a/b.nix"]), ["a/c.nix", "ab.nix", "new.nix"]);
    assert_eq!(kept(&["a"]), ["ab.nix", "new.nix"]);
    assert_eq!(kept(&["./a/"]), ["ab.nix", "new.nix"]);
    assert_eq!(
        kept(&["generated/a/c.nix", "new.nix"]),
        ["a/b.nix", "ab.nix"]
    );
    assert_eq!(kept(&["generated"]), Vec::<String>::new());
    assert_eq!(kept(&["."]), Vec::<String>::new());
    for unknown in ["b.nix", "a/b", "../a", "/"] {
        let diagnostics = lab.plan_with(&new, &[unknown]).diagnostics();
        assert!(
            codes(&diagnostics).contains(&"output-overwrite-unmatched"),
            "{unknown}"
        );
    }
    lab.run_with(&new, &["a", "ab.nix", "new.nix"], &Options::default())
        .unwrap();
    assert_eq!(lab.disk(), content(&new));
}

#[test]
fn a_folder_with_files_of_others_is_in_the_way() {
    let lab = Lab::with(&[("a/b.nix", "1\n")]);
    lab.write("a/mine.nix", "mine\n");
    let new = tree(&[("a", "2\n")]);
    let applied = lab.run(&new).unwrap();
    assert_eq!(codes(&applied.diagnostics), ["output-obstructed"]);
    assert!(lab.exists("a/b.nix") && lab.exists("a/mine.nix"));
    fs::remove_file(lab.path("a/mine.nix")).unwrap();
    fs::create_dir(lab.path("a/empty")).unwrap();
    assert_eq!(lab.run(&new).unwrap().outcome, Outcome::Refused);
}

#[test]
fn a_file_of_others_where_a_folder_is_needed() {
    let lab = Lab::new();
    lab.write("hosts", "mine\n");
    let new = tree(&[("hosts/a.nix", ""), ("hosts/b/c.nix", ""), ("d.nix", "")]);
    // Skipping is for files that are kept; here the output could not be what was asked for.
    let applied = lab.run_with(&new, &[], &SKIP).unwrap();
    assert_eq!(applied.outcome, Outcome::Refused);
    let message = &applied.diagnostics.iter().next().unwrap().message;
    assert_eq!(
        message,
        "`generated/hosts` is a file, and a folder is to be there"
    );
    assert_eq!(
        applied.diagnostics.iter().count(),
        1,
        "one finding for one obstacle"
    );
    assert_eq!(lab.disk().into_keys().collect::<Vec<_>>(), ["hosts"]);
    assert!(!lab.exists(".gen"));
}

#[test]
fn a_socket_is_in_the_way() {
    let lab = Lab::with(&[("a", "")]);
    let _socket = std::os::unix::net::UnixListener::bind(lab.path("s")).unwrap();
    let plan = lab.plan(&tree(&[("a", ""), ("s", "")]));
    let State::Obstructed(obstacle) = &plan.entries()[1].state else {
        panic!()
    };
    assert_eq!(obstacle.kind, ObstacleKind::Special);
}

#[test]
fn a_read_only_file_is_not_replaced() {
    let lab = Lab::with(&[("a.nix", "1\n"), ("b.nix", "1\n"), ("c.nix", "1\n")]);
    let new = tree(&[("a.nix", "2\n"), ("c.nix", "1\n")]);
    for path in ["a.nix", "b.nix", "c.nix"] {
        set_mode(&lab.path(path), 0o444);
    }
    let before = lab.disk();
    let applied = lab.run(&new).unwrap();
    assert_eq!(
        codes(&applied.diagnostics),
        ["output-read-only", "output-read-only"]
    );
    assert_eq!(lab.disk(), before);
    set_mode(&lab.path("a.nix"), 0o644);
    set_mode(&lab.path("b.nix"), 0o644);
    lab.run(&new).unwrap();
    assert_eq!(lab.disk(), content(&new));
}

#[test]
fn a_folder_that_cannot_be_written() {
    let lab = Lab::with(&[("a/b.nix", "1\n"), ("c.nix", "1\n")]);
    set_mode(&lab.path("a"), 0o555);
    let obeyed = fs::write(lab.path("a/probe"), "").is_err();
    if obeyed {
        let before = lab.disk();
        let error = lab
            .run(&tree(&[("a/b.nix", "2\n"), ("c.nix", "2\n")]))
            .unwrap_err();
        assert!(
            matches!(&error, OutputError::Io { path, .. } if path == "generated/a"),
            "{error:?}"
        );
        assert_eq!(lab.disk(), before);
        assert_eq!(lab.own(), [".gitignore", "lock", "manifest.json"]);
    }
    set_mode(&lab.path("a"), 0o755);
}

#[test]
fn a_file_that_cannot_be_read() {
    let lab = Lab::with(&[("a.nix", "1\n")]);
    set_mode(&lab.path("a.nix"), 0o200);
    let obeyed = fs::read(lab.path("a.nix")).is_err();
    if obeyed {
        let error = lab.run(&tree(&[("a.nix", "2\n")])).unwrap_err();
        assert!(
            matches!(&error, OutputError::Io { path, .. } if path == "generated/a.nix"),
            "{error:?}"
        );
    }
}

#[test]
fn a_file_changed_between_plan_and_apply() {
    let new = tree(&[("a.nix", "2\n"), ("b.nix", "2\n"), ("c.nix", "2\n")]);
    for path in ["a.nix", "c.nix"] {
        let lab = Lab::with(&[("a.nix", "1\n"), ("b.nix", "1\n")]);
        let plan = lab.plan(&new);
        lab.write(path, "mine\n");
        let error = apply(&lab.target, &plan, &new, &meta(), &Options::default()).unwrap_err();
        assert!(
            matches!(&error, OutputError::Changed { path: p } if *p == format!("generated/{path}"))
        );
        assert_eq!(
            (lab.read(path), lab.read("b.nix")),
            ("mine\n".into(), "1\n".into())
        );
        assert!(!lab.exists(".gen/staging"));
    }
}

#[test]
fn another_run_between_plan_and_apply() {
    let lab = Lab::with(&[("a.nix", "1\n")]);
    let new = tree(&[("a.nix", "2\n")]);
    let plan = lab.plan(&new);
    lab.run(&tree(&[("a.nix", "1\n"), ("b.nix", "1\n")]))
        .unwrap();
    let error = apply(&lab.target, &plan, &new, &meta(), &Options::default()).unwrap_err();
    assert!(matches!(error, OutputError::Changed { .. }));
    assert_eq!(lab.read("a.nix"), "1\n");
}

/// Does something at a step.
struct At<F>(Operation, F);

impl<F: Fn() + Sync> Hooks for At<F> {
    fn before(&self, operation: Operation, _: &str) -> io::Result<()> {
        if operation == self.0 {
            (self.1)();
        }
        Ok(())
    }
}

#[test]
fn files_changed_while_the_others_move_into_place() {
    let lab = Lab::with(&[("a.nix", "1\n"), ("b.nix", "1\n"), ("c.nix", "1\n")]);
    let new = tree(&[
        ("a.nix", "2\n"),
        ("c.nix", "2\n"),
        ("d.nix", "2\n"),
        ("e.nix", "2\n"),
    ]);
    let edit = At(Operation::Commit, || {
        for path in ["a.nix", "b.nix", "d.nix"] {
            lab.write(path, "mine\n");
        }
    });
    let applied = lab
        .run_with(
            &new,
            &[],
            &Options {
                hooks: &edit,
                ..Options::default()
            },
        )
        .unwrap();
    assert_eq!(applied.kept, ["a.nix", "b.nix", "d.nix"]);
    assert_eq!(codes(&applied.diagnostics), ["output-edited"; 3]);
    assert_eq!(
        (applied.created, applied.updated),
        (vec!["e.nix".into()], vec!["c.nix".into()])
    );
    for path in ["a.nix", "b.nix", "d.nix"] {
        assert_eq!(lab.read(path), "mine\n");
    }
    // The next run sees them for what they are.
    assert_eq!(
        lab.states(&new),
        [
            ("a.nix".to_owned(), State::KeepEdited),
            ("b.nix".to_owned(), State::KeepOrphanEdited),
            ("d.nix".to_owned(), State::BlockedUnowned),
        ]
    );
    assert_eq!(lab.manifest().unwrap().fingerprint, "");
}

#[test]
fn a_file_that_appears_at_the_last_moment() {
    let lab = Lab::with(&[("a.nix", "1\n")]);
    let appear = At(Operation::Rename, || lab.write("b.nix", "mine\n"));
    let new = tree(&[("a.nix", "1\n"), ("b.nix", "2\n")]);
    let applied = lab
        .run_with(
            &new,
            &[],
            &Options {
                hooks: &appear,
                ..Options::default()
            },
        )
        .unwrap();
    assert_eq!(applied.kept, ["b.nix"]);
    assert_eq!(lab.read("b.nix"), "mine\n");
}

#[test]
fn nothing_is_ever_removed_without_a_manifest() {
    let lab = Lab::with(&[("a.nix", "1\n"), ("b.nix", "1\n")]);
    fs::remove_file(lab.path(".gen/manifest.json")).unwrap();
    lab.run(&tree(&[("a.nix", "1\n")])).unwrap();
    assert_eq!(lab.read("b.nix"), "1\n");
    lab.run(&FileTree::new()).unwrap();
    assert_eq!(lab.disk().into_keys().collect::<Vec<_>>(), ["b.nix"]);
}
