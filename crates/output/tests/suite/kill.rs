//! A process that applies trees without pause and is killed at random moments.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use output::{FileTree, Meta, NoHooks, OnConflict, Options, apply, needs_recovery, plan, recover};

use crate::lab::{Disk, Lab, content, tree};

const ROOT: &str = "OUTPUT_KILL_ROOT";
const KILLS: usize = 200;
const MINE: [&str; 4] = [
    "edited.nix",
    "orphan/edited.nix",
    "x/blocked.nix",
    "d1/mine.txt",
];

/// Tree `a` or `b`: half of the files are in both with other content, the others in one only.
fn side(name: &str) -> FileTree {
    let mut tree = FileTree::new();
    let text = format!("{name}\n").repeat(2000);
    for n in 0..30 {
        tree.insert(format!("d{}/both{n}.nix", n % 4), text.as_str())
            .unwrap();
        tree.insert(format!("only-{name}/{}/f{n}.nix", n % 3), text.as_str())
            .unwrap();
    }
    tree.insert(
        if name == "a" { "turn" } else { "turn/file" },
        text.as_str(),
    )
    .unwrap();
    tree.insert("same.nix", "same\n").unwrap();
    tree.insert("edited.nix", text.as_str()).unwrap();
    tree.insert("x/blocked.nix", text.as_str()).unwrap();
    tree
}

fn run(lab: &Lab, name: &str) -> output::Applied {
    let options = Options {
        brief: false,
        on_conflict: OnConflict::Skip,
        wait: Duration::from_secs(5),
        hooks: &NoHooks,
    };
    recover(&lab.target, &options).unwrap();
    let meta = Meta {
        tool: name.to_owned(),
        ..Meta::default()
    };
    let tree = side(name);
    let plan = plan(&lab.target, &tree, lab.manifest().as_ref(), &[]).unwrap();
    apply(&lab.target, &plan, &tree, &meta, &options).unwrap()
}

/// The process that is killed: this very test, started with the folder in its environment.
#[test]
fn child_applies_without_pause() {
    let Some(root) = std::env::var_os(ROOT) else {
        return;
    };
    let mut lab = Lab::new();
    lab.target = output::Target::new(root.into_string().unwrap());
    std::fs::write(lab.target.root.with_file_name("ready"), "").unwrap();
    loop {
        run(&lab, "a");
        run(&lab, "b");
    }
}

fn mine() -> Disk {
    MINE.iter()
        .map(|path| ((*path).to_owned(), b"mine\n".to_vec()))
        .collect()
}

fn expected(name: &str) -> Disk {
    let mut disk = content(&side(name));
    disk.extend(mine());
    disk
}

#[test]
fn killed_at_random_moments() {
    let lab = Lab::in_memory();
    lab.run(&tree(&[
        ("edited.nix", "old\n"),
        ("orphan/edited.nix", "old\n"),
    ]))
    .unwrap();
    for path in MINE {
        lab.write(path, "mine\n");
    }
    run(&lab, "a");
    assert_eq!(lab.disk(), expected("a"));

    let seed = u64::from(std::process::id()) << 20 | 1;
    let mut random = seed;
    let (mut completed, mut discarded) = (0, 0);
    for round in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "kill::child_applies_without_pause",
                "--exact",
                "--test-threads=1",
            ])
            .env(ROOT, &lab.target.root)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let ready = lab.dir.path().join("ready");
        let start = Instant::now();
        while !ready.exists() && start.elapsed() < Duration::from_secs(120) {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::fs::remove_file(&ready).unwrap();
        if round % 2 == 0 {
            std::thread::sleep(Duration::from_micros(random % 25_000));
        } else {
            // The files move into place in a short time: wait for it.
            while !lab.exists(".gen/journal.json") && start.elapsed() < Duration::from_secs(10) {}
            std::thread::sleep(Duration::from_micros(random % 1_000));
        }
        // Nothing but the kill may have ended it.
        assert!(
            child.try_wait().unwrap().is_none(),
            "round {round}, seed {seed}"
        );
        child.kill().unwrap();
        child.wait().unwrap();

        let context = format!("round {round}, seed {seed}");
        let (a, b) = (expected("a"), expected("b"));
        for (path, bytes) in lab.disk() {
            let whole = [a.get(&path), b.get(&path)].contains(&Some(&bytes));
            assert!(whole || path.ends_with('/'), "{context}: {path}");
        }
        let options = Options::default();
        let recovered = recover(&lab.target, &options).unwrap();
        assert!(recovered.kept.is_empty(), "{context}");
        completed += usize::from(recovered.completed);
        discarded += usize::from(recovered.discarded);
        assert!(!needs_recovery(&lab.target).unwrap(), "{context}");
        let name = lab.manifest().unwrap().tool;
        assert_eq!(lab.disk(), expected(&name), "{context}");
        if round % 4 == 0 {
            let other = if name == "a" { "b" } else { "a" };
            run(&lab, other);
            assert_eq!(lab.disk(), expected(other), "{context}");
        }
    }
    println!("{KILLS} kills: {completed} runs completed, {discarded} dropped");
    assert!(completed > 0 && discarded > 0);
}
