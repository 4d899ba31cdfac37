//! What a run does with each file where nobody is in its way.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;

use output::{Counts, File, FileTree, Meta, Options, Outcome, State, apply, verify};

use crate::lab::{Lab, codes, content, is_executable, meta, set_mode, snapshot, tree};

#[test]
fn first_run_writes_the_tree_and_the_manifest() {
    let lab = Lab::new();
    let new = tree(&[
        ("flake.nix", "{}\n"),
        ("hosts/a/default.nix", "a\n"),
        ("!scripts/x.sh", "x\n"),
    ]);
    let applied = lab.run(&new).unwrap();
    assert_eq!(applied.outcome, Outcome::Written);
    assert_eq!(
        applied.created,
        ["flake.nix", "hosts/a/default.nix", "scripts/x.sh"]
    );
    assert_eq!(lab.disk(), content(&new));
    assert!(is_executable(&lab.path("scripts/x.sh")));
    assert!(!is_executable(&lab.path("flake.nix")));
    assert_eq!(lab.own(), [".gitignore", "lock", "manifest.json"]);
    assert_eq!(lab.read(".gen/.gitignore"), "lock\njournal*\nstaging*\n");
    assert!(verify(&lab.target, &lab.manifest().unwrap()).unwrap());
}

#[test]
fn second_run_writes_nothing() {
    let files = [("flake.nix", "{}\n"), ("hosts/a/default.nix", "a\n")];
    let lab = Lab::with(&files);
    // What cannot be written, was not: everything is put out of reach, as far as root obeys, and
    // every time stamp is compared.
    let times = |lab: &Lab| -> Vec<_> {
        let paths = [
            "",
            ".gen",
            ".gen/manifest.json",
            ".gen/lock",
            "flake.nix",
            "hosts/a/default.nix",
        ];
        paths
            .iter()
            .map(|path| fs::metadata(lab.path(path)).unwrap().modified().unwrap())
            .collect()
    };
    let before = times(&lab);
    let refuse = crate::faults::Fault::forever(0);
    let options = Options {
        hooks: &refuse,
        ..Options::default()
    };
    let applied = lab.run_with(&tree(&files), &[], &options).unwrap();
    assert_eq!(applied.outcome, Outcome::Unchanged);
    assert_eq!(times(&lab), before);
    assert!(lab.plan(&tree(&files)).is_clean());
}

#[test]
fn a_fresh_clone_is_not_written_to() {
    let files = [("flake.nix", "{}\n")];
    let lab = Lab::with(&files);
    fs::remove_file(lab.path(".gen/lock")).unwrap();
    assert_eq!(lab.run(&tree(&files)).unwrap().outcome, Outcome::Unchanged);
    assert!(!lab.exists(".gen/lock"));
}

#[test]
fn only_what_changed_is_written() {
    let lab = Lab::with(&[
        ("a.nix", "1\n"),
        ("b.nix", "1\n"),
        ("c/d.nix", "1\n"),
        ("!run.sh", "1\n"),
    ]);
    let time = fs::metadata(lab.path("b.nix")).unwrap().modified().unwrap();
    let new = tree(&[
        ("a.nix", "2\n"),
        ("b.nix", "1\n"),
        ("e/f.nix", "1\n"),
        ("run.sh", "1\n"),
    ]);
    let plan = lab.plan(&new);
    assert_eq!(
        lab.states(&new),
        [
            ("a.nix".to_owned(), State::Update),
            ("c/d.nix".to_owned(), State::Remove),
            ("e/f.nix".to_owned(), State::Create),
            ("run.sh".to_owned(), State::ModeOnly),
        ]
    );
    assert_eq!(
        plan.counts(),
        Counts {
            create: 1,
            update: 1,
            mode_only: 1,
            remove: 1,
            unchanged: 1,
            ..Counts::default()
        }
    );
    assert_eq!(plan.new_files(), ["e/f.nix"]);
    assert!(!plan.is_clean());
    assert!(plan.diagnostics().is_empty());

    let applied = lab.run(&new).unwrap();
    assert_eq!(applied.created, ["e/f.nix"]);
    assert_eq!(applied.updated, ["a.nix", "run.sh"]);
    assert_eq!(applied.removed, ["c/d.nix"]);
    assert_eq!(lab.disk(), content(&new));
    assert!(!is_executable(&lab.path("run.sh")));
    assert_eq!(
        fs::metadata(lab.path("b.nix")).unwrap().modified().unwrap(),
        time
    );
    assert!(lab.plan(&new).is_clean());
}

#[test]
fn a_changed_mode_is_put_right_where_reading_is_allowed() {
    let lab = Lab::with(&[("!run.sh", "1\n")]);
    set_mode(&lab.path("run.sh"), 0o640);
    lab.run(&tree(&[("!run.sh", "1\n")])).unwrap();
    assert_eq!(
        fs::metadata(lab.path("run.sh"))
            .unwrap()
            .permissions()
            .mode()
            & 0o777,
        0o750
    );
}

#[test]
fn folders_that_become_empty_go() {
    let lab = Lab::with(&[
        ("a/b/c/d.nix", ""),
        ("a/b/e.nix", ""),
        ("f/g/h.nix", ""),
        ("i.nix", ""),
    ]);
    lab.write("f/mine.txt", "mine");
    fs::create_dir(lab.path("f/g/mine")).unwrap();
    let applied = lab.run(&tree(&[("i.nix", "")])).unwrap();
    assert_eq!(applied.removed, ["a/b/c/d.nix", "a/b/e.nix", "f/g/h.nix"]);
    let left: Vec<String> = lab.disk().into_keys().collect();
    assert_eq!(left, ["f/g/mine/", "f/mine.txt", "i.nix"]);
    // The output folder itself stays even when nothing is in it.
    lab.run(&FileTree::new()).unwrap();
    assert!(!lab.exists("i.nix"));
    assert!(lab.exists(""));
}

#[test]
fn a_deleted_file_is_written_again() {
    let files = [("a/b.nix", "1\n"), ("c.nix", "1\n")];
    let lab = Lab::with(&files);
    fs::remove_dir_all(lab.path("a")).unwrap();
    assert!(!verify(&lab.target, &lab.manifest().unwrap()).unwrap());
    let plan = lab.plan(&tree(&files));
    assert_eq!(plan.entries()[0].state, State::Missing);
    assert_eq!((plan.counts().create, plan.counts().missing), (1, 1));
    assert_eq!(plan.new_files(), ["a/b.nix"]);
    assert_eq!(codes(&plan.diagnostics()), ["output-missing"]);
    lab.run(&tree(&files)).unwrap();
    assert_eq!(lab.disk(), content(&tree(&files)));
}

#[test]
fn a_deleted_file_that_is_no_longer_generated_is_forgotten() {
    let lab = Lab::with(&[("a.nix", "1\n"), ("b/c.nix", "1\n"), ("d.nix", "")]);
    fs::remove_file(lab.path("a.nix")).unwrap();
    // What took the place of an owned file is not ours either.
    fs::remove_dir_all(lab.path("b")).unwrap();
    lab.write("b", "mine");
    let new = tree(&[("d.nix", "")]);
    assert!(lab.plan(&new).is_clean());
    lab.run(&new).unwrap();
    assert_eq!(lab.manifest().unwrap().files.len(), 1);
    assert_eq!(lab.read("b"), "mine");
}

#[test]
fn identical_bytes_are_adopted() {
    let lab = Lab::new();
    lab.write("a.nix", "1\n");
    let new = tree(&[("a.nix", "1\n")]);
    let plan = lab.plan(&new);
    assert!(plan.is_clean());
    assert!(!plan.writes_nothing(&meta()));
    let applied = lab.run(&new).unwrap();
    assert_eq!(
        (applied.outcome, applied.diagnostics.is_empty()),
        (Outcome::Written, true)
    );
    // Ours now, so that it goes when it is no longer generated.
    assert_eq!(lab.run(&FileTree::new()).unwrap().removed, ["a.nix"]);
}

#[test]
fn an_edit_that_the_spec_caught_up_with_is_no_edit() {
    let lab = Lab::with(&[("a.nix", "1\n")]);
    lab.write("a.nix", "2\n");
    let new = tree(&[("a.nix", "2\n")]);
    assert!(lab.plan(&new).is_clean());
    lab.run(&new).unwrap();
    assert!(verify(&lab.target, &lab.manifest().unwrap()).unwrap());
}

#[test]
fn a_file_becomes_a_folder_and_back() {
    let lab = Lab::with(&[("a", "1\n"), ("b/c/d", "1\n"), ("b/e", "1\n")]);
    let new = tree(&[("a/x/y", "2\n"), ("b", "2\n")]);
    assert_eq!(lab.plan(&new).counts().create, 2);
    lab.run(&new).unwrap();
    assert_eq!(lab.disk(), content(&new));
    let old = tree(&[("a", "1\n"), ("b/c/d", "1\n"), ("b/e", "1\n")]);
    lab.run(&old).unwrap();
    assert_eq!(lab.disk(), content(&old));
}

#[test]
fn only_the_fingerprint_changed() {
    let lab = Lab::with(&[("a.nix", "1\n")]);
    let new = tree(&[("a.nix", "1\n")]);
    let meta = Meta {
        fingerprint: "beef".into(),
        ..meta()
    };
    let plan = lab.plan(&new);
    assert!(plan.is_clean() && !plan.writes_nothing(&meta));
    let applied = apply(&lab.target, &plan, &new, &meta, &Options::default()).unwrap();
    assert_eq!(applied.outcome, Outcome::Written);
    assert_eq!(lab.manifest().unwrap().fingerprint, "beef");
}

#[test]
fn a_name_that_is_not_utf_8_is_nobodys_business() {
    let lab = Lab::with(&[("a/b.nix", "1\n")]);
    let odd = lab
        .path("a")
        .as_std_path()
        .join(std::ffi::OsStr::from_bytes(b"\xff\xfe.nix"));
    fs::write(&odd, "mine").unwrap();
    let new = tree(&[("a/b.nix", "2\n")]);
    lab.run(&new).unwrap();
    lab.run(&tree(&[("c.nix", "")])).unwrap();
    assert_eq!(fs::read(&odd).unwrap(), b"mine");
    assert!(!lab.exists("a/b.nix"));
}

#[test]
fn a_users_gitignore_is_kept() {
    let lab = Lab::new();
    lab.write(".gen/.gitignore", "*\n");
    lab.run(&tree(&[("a.nix", "")])).unwrap();
    assert_eq!(lab.read(".gen/.gitignore"), "*\n");
}

#[test]
fn any_bytes_are_written_as_they_are() {
    let lab = Lab::new();
    let mut new = FileTree::new();
    let bytes: Vec<u8> = (0..=255).cycle().take(200_000).collect();
    new.insert("all.bin", File::new(bytes)).unwrap();
    new.insert("empty", "").unwrap();
    lab.run(&new).unwrap();
    assert_eq!(
        snapshot(lab.target.root.as_std_path())["all.bin"],
        new.get("all.bin").unwrap().bytes
    );
    assert!(lab.plan(&new).is_clean());
}

#[test]
fn a_tree_in_the_working_folder_itself() {
    // `--out .`: other files of the repository live beside.
    let lab = Lab::new();
    lab.write("spec/hosts.yaml", "hosts: {}\n");
    lab.write(".git/HEAD", "ref: refs/heads/main\n");
    lab.run(&tree(&[
        ("flake.nix", "{}\n"),
        (".github/workflows/ci.yml", "on: push\n"),
    ]))
    .unwrap();
    lab.run(&FileTree::new()).unwrap();
    let left: Vec<String> = lab.disk().into_keys().collect();
    assert_eq!(left, [".git/HEAD", "spec/hosts.yaml"]);
}

#[test]
fn files_that_were_given_away() {
    use output::{Hash, Yours};

    let old = tree(&[("a.nix", "# header\na\n"), ("b.nix", "b\n")]);
    let lab = Lab::new();
    lab.run(&old).unwrap();
    let mine = tree(&[("a.nix", "a\n"), ("b.nix", "b\n")]);
    let give = |then: &str| Meta {
        ejected: [("a.nix".to_owned(), Hash::of(then.as_bytes()))].into(),
        ..meta()
    };
    let run = |tree: &FileTree, overwrite: &[&str], meta: &Meta| {
        let plan = lab.plan_with(tree, overwrite);
        apply(&lab.target, &plan, tree, meta, &Options::default()).unwrap()
    };
    run(&mine, &["a.nix"], &give("# header\na\n"));
    let manifest = lab.manifest().unwrap();
    assert!(manifest.ejected.contains_key("a.nix") && !manifest.files.contains_key("a.nix"));
    assert_eq!(
        output::Manifest::from_json(manifest.to_json().as_bytes()).unwrap(),
        manifest
    );

    let state = |tree: &FileTree| lab.states(tree)[0].1.clone();
    lab.write("a.nix", "edited\n");
    assert_eq!(state(&old), State::Yours(Yours::Settled));
    let applied = lab.run(&old).unwrap();
    assert!(applied.diagnostics.is_empty() && lab.read("a.nix") == "edited\n");

    let new = tree(&[("a.nix", "# header\nc\n"), ("b.nix", "b\n")]);
    assert_eq!(state(&new), State::Yours(Yours::Differs));
    let applied = lab.run(&new).unwrap();
    assert_eq!(codes(&applied.diagnostics), ["output-ejected-differs"]);
    // It is said again, however often the same spec runs.
    assert!(lab.manifest().unwrap().fingerprint.is_empty());
    lab.write("a.nix", "# header\nc\n");
    assert_eq!(state(&new), State::Yours(Yours::Settled));

    fs::remove_file(lab.path("a.nix")).unwrap();
    assert_eq!(state(&new), State::Yours(Yours::Missing));
    run(&new, &["a.nix"], &meta());
    assert!(lab.manifest().unwrap().ejected.is_empty());
    assert_eq!(lab.read("a.nix"), "# header\nc\n");

    // One that is no longer generated is told by every run, until it is forgotten.
    run(&mine, &["a.nix"], &give("# header\nc\n"));
    let less = tree(&[("b.nix", "b\n")]);
    for _ in 0..2 {
        let applied = lab.run(&less).unwrap();
        assert_eq!(codes(&applied.diagnostics), ["output-ejected-orphan"]);
        assert_eq!(lab.read("a.nix"), "a\n");
        assert!(lab.manifest().unwrap().ejected.contains_key("a.nix"));
        assert!(lab.manifest().unwrap().fingerprint.is_empty());
    }
    let forget = Meta {
        forgotten: ["a.nix".to_owned()].into(),
        ..meta()
    };
    run(&less, &[], &forget);
    assert!(lab.manifest().unwrap().ejected.is_empty());
    assert_eq!(lab.read("a.nix"), "a\n");

    // What one of the user's names stays, and is the user's from then on.
    let named = [("b.nix".to_owned(), "a.nix".to_owned())];
    let none = tree(&[]);
    let mut plan = lab.plan_with(&none, &[]);
    plan.keep(named.into(), &[].into());
    let applied = apply(&lab.target, &plan, &none, &meta(), &Options::default()).unwrap();
    assert_eq!(codes(&applied.diagnostics), ["output-ejected-names"]);
    assert_eq!(lab.read("b.nix"), "b\n");
    assert!(lab.manifest().unwrap().ejected.contains_key("b.nix"));
    let mut plan = lab.plan_with(&none, &[]);
    assert_eq!(codes(&plan.diagnostics()), ["output-ejected-orphan"]);
    plan.keep([].into(), &["b.nix".to_owned()].into());
    assert!(plan.is_clean());
}
