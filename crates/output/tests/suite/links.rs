//! Symbolic links, which nothing follows.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::sync::Mutex;

use output::{
    FileTree, Hooks, Operation, Options, Outcome, OutputError, Target, plan, read_manifest, verify,
};

use crate::lab::{Disk, Lab, codes, content, snapshot, tree};

/// A folder beside the output folder that nobody may touch.
fn outside(lab: &Lab) -> (camino::Utf8PathBuf, Disk) {
    let outside = lab.target.root.with_file_name("outside");
    fs::create_dir_all(outside.join("sub")).unwrap();
    fs::write(outside.join("a.nix"), "1\n").unwrap();
    fs::write(outside.join("sub/b.nix"), "1\n").unwrap();
    let disk = snapshot(outside.as_std_path());
    (outside, disk)
}

#[test]
fn a_folder_that_is_a_link() {
    // The linked folder has the very files that the manifest owns.
    let lab = Lab::with(&[
        ("hosts/a.nix", "1\n"),
        ("hosts/sub/b.nix", "1\n"),
        ("c.nix", "1\n"),
    ]);
    let (outside, before) = outside(&lab);
    fs::remove_dir_all(lab.path("hosts")).unwrap();
    symlink(&outside, lab.path("hosts")).unwrap();
    assert!(!verify(&lab.target, &lab.manifest().unwrap()).unwrap());
    let unchanged = tree(&[
        ("hosts/a.nix", "1\n"),
        ("hosts/sub/b.nix", "1\n"),
        ("c.nix", "2\n"),
    ]);
    let updated = tree(&[
        ("hosts/a.nix", "2\n"),
        ("hosts/sub/b.nix", "2\n"),
        ("c.nix", "2\n"),
    ]);
    let removed = tree(&[("c.nix", "2\n")]);
    let created = tree(&[("hosts/new/x.nix", "2\n"), ("c.nix", "2\n")]);
    for new in [unchanged, updated, removed, created, FileTree::new()] {
        let applied = lab.run_with(&new, &["."], &Options::default()).unwrap();
        assert_eq!(applied.outcome, Outcome::Refused);
        assert_eq!(codes(&applied.diagnostics), ["output-symlink"]);
        let message = &applied.diagnostics.iter().next().unwrap().message;
        assert!(
            message.starts_with("`generated/hosts` is a symbolic link"),
            "{message}"
        );
        assert_eq!(snapshot(outside.as_std_path()), before);
        assert_eq!(lab.read("c.nix"), "1\n");
    }
}

#[test]
fn a_folder_deep_inside_that_is_a_link() {
    let lab = Lab::with(&[("x/y/z/a.nix", "1\n")]);
    let (outside, before) = outside(&lab);
    fs::remove_dir_all(lab.path("x/y/z")).unwrap();
    symlink(&outside, lab.path("x/y/z")).unwrap();
    let applied = lab.run(&tree(&[("x/y/z/a.nix", "2\n")])).unwrap();
    let message = &applied.diagnostics.iter().next().unwrap().message;
    assert!(
        message.starts_with("`generated/x/y/z` is a symbolic link"),
        "{message}"
    );
    assert_eq!(snapshot(outside.as_std_path()), before);
}

#[test]
fn a_file_that_is_a_link() {
    let lab = Lab::with(&[("a.nix", "1\n"), ("b.nix", "1\n")]);
    let (outside, before) = outside(&lab);
    for to in [
        outside.join("a.nix").as_str(),
        "b.nix",
        "nowhere",
        "a.nix",
        "/dev/null",
    ] {
        let _ = fs::remove_file(lab.path("a.nix"));
        symlink(to, lab.path("a.nix")).unwrap();
        for new in [
            tree(&[("a.nix", "2\n"), ("b.nix", "2\n")]),
            tree(&[("b.nix", "2\n")]),
        ] {
            let applied = lab.run(&new).unwrap();
            assert_eq!(codes(&applied.diagnostics), ["output-symlink"], "{to}");
            assert_eq!(fs::read_link(lab.path("a.nix")).unwrap().to_str(), Some(to));
        }
    }
    assert_eq!(snapshot(outside.as_std_path()), before);
    assert_eq!(lab.read("b.nix"), "1\n");
}

#[test]
fn an_output_folder_that_is_a_link() {
    let lab = Lab::new();
    let (outside, before) = outside(&lab);
    symlink(&outside, &lab.target.root).unwrap();
    let new = tree(&[("a.nix", "2\n")]);
    for target in [
        lab.target.clone(),
        Target::new(format!("{}/", lab.target.root)),
    ] {
        assert!(matches!(
            plan(&target, &new, None, &[]),
            Err(OutputError::RootSymlink { .. })
        ));
        let error = read_manifest(&target).unwrap_err();
        assert_eq!(error.diagnostic().unwrap().code, "output-symlink");
    }
    assert_eq!(snapshot(outside.as_std_path()), before);
    // Resolved by the caller, it is fine; and so is a link above it.
    let resolved = Target::new(outside.clone());
    assert!(read_manifest(&resolved).unwrap().is_none());
    let below = Target::new(lab.target.root.join("sub"));
    assert_eq!(plan(&below, &new, None, &[]).unwrap().counts().create, 1);
}

#[test]
fn the_tools_own_folder_is_a_link() {
    let lab = Lab::new();
    let (outside, before) = outside(&lab);
    fs::create_dir(&lab.target.root).unwrap();
    symlink(&outside, lab.path(".gen")).unwrap();
    let error = lab.run(&tree(&[("a.nix", "2\n")])).unwrap_err();
    assert!(matches!(error, OutputError::OwnFolder { .. }), "{error:?}");
    assert_eq!(error.diagnostic().unwrap().code, "output-obstructed");
    assert_eq!(snapshot(outside.as_std_path()), before);
    assert!(!lab.exists("a.nix"));
}

#[test]
fn parts_of_the_tools_own_folder_are_links() {
    for part in ["manifest.json", "lock", "staging", "journal.json"] {
        let lab = Lab::with(&[("a.nix", "1\n")]);
        let (outside, before) = outside(&lab);
        let _ = fs::remove_file(lab.path(".gen").join(part));
        let to = if part == "staging" {
            outside.clone()
        } else {
            outside.join("a.nix")
        };
        symlink(to, lab.path(".gen").join(part)).unwrap();
        // A dangling staging link is dropped; the others stop the run.
        let result = lab.run(&tree(&[("a.nix", "2\n")]));
        assert_eq!(result.is_ok(), part == "staging", "{part}: {result:?}");
        assert_eq!(snapshot(outside.as_std_path()), before, "{part}");
        assert_eq!(
            lab.read("a.nix"),
            if part == "staging" { "2\n" } else { "1\n" }
        );
    }
}

/// Puts a link where a folder was, at a step.
struct Swap<'a> {
    at: Operation,
    folder: camino::Utf8PathBuf,
    outside: &'a camino::Utf8Path,
    /// Files move from several threads, of which one makes the swap while the others wait.
    turn: Mutex<()>,
}

impl Hooks for Swap<'_> {
    fn before(&self, operation: Operation, _: &str) -> io::Result<()> {
        if operation != self.at {
            return Ok(());
        }
        let _turn = self.turn.lock().unwrap();
        if !self.folder.is_symlink() {
            fs::rename(&self.folder, self.folder.with_extension("moved"))?;
            symlink(self.outside, &self.folder)?;
        }
        Ok(())
    }
}

const STEPS: [Operation; 9] = [
    Operation::WriteOwn,
    Operation::Stage,
    Operation::Commit,
    Operation::CreateFolder,
    Operation::Remove,
    Operation::RemoveFolder,
    Operation::Rename,
    Operation::PublishManifest,
    Operation::CleanUp,
];

#[test]
fn the_output_folder_is_replaced_by_a_link_during_the_run() {
    for at in STEPS {
        let lab = Lab::with(&[
            ("a.nix", "1\n"),
            ("gone/b.nix", "1\n"),
            ("sub/b.nix", "1\n"),
        ]);
        let (outside, before) = outside(&lab);
        let new = tree(&[("a.nix", "2\n"), ("sub/b.nix", "2\n"), ("new/c.nix", "2\n")]);
        let swap = Swap {
            at,
            folder: lab.target.root.clone(),
            outside: &outside,
            turn: Mutex::new(()),
        };
        let error = lab.run_with(
            &new,
            &[],
            &Options {
                hooks: &swap,
                ..Options::default()
            },
        );
        let error = error.unwrap_err();
        assert!(
            matches!(error, OutputError::RootReplaced { .. }),
            "{at:?}: {error:?}"
        );
        assert_eq!(snapshot(outside.as_std_path()), before, "{at:?}");
        // The folder itself, wherever it is now, is wholly old or wholly new.
        let mut moved = snapshot(lab.target.root.with_extension("moved").as_std_path());
        moved.retain(|path, _| !path.starts_with(".gen/"));
        let old = tree(&[
            ("a.nix", "1\n"),
            ("gone/b.nix", "1\n"),
            ("sub/b.nix", "1\n"),
        ]);
        assert!(
            moved == content(&new) || moved == content(&old),
            "{at:?}: {moved:?}"
        );
    }
}

#[test]
fn a_folder_inside_is_replaced_by_a_link_during_the_run() {
    for at in STEPS {
        let lab = Lab::with(&[
            ("a.nix", "1\n"),
            ("sub/a.nix", "1\n"),
            ("sub/sub/b.nix", "1\n"),
        ]);
        let (outside, before) = outside(&lab);
        let new = tree(&[
            ("a.nix", "2\n"),
            ("sub/a.nix", "2\n"),
            ("sub/new/c.nix", "2\n"),
        ]);
        let swap = Swap {
            at,
            folder: lab.path("sub"),
            outside: &outside,
            turn: Mutex::new(()),
        };
        let _ = lab.run_with(
            &new,
            &[],
            &Options {
                hooks: &swap,
                ..Options::default()
            },
        );
        assert_eq!(snapshot(outside.as_std_path()), before, "{at:?}");
        let applied = lab.run(&new).unwrap();
        assert_eq!(codes(&applied.diagnostics), ["output-symlink"], "{at:?}");
        assert_eq!(snapshot(outside.as_std_path()), before, "{at:?}");
    }
}
