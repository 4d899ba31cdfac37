//! Two runs at once.

use std::fs;
use std::io;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use output::{Hooks, Operation, Options, Outcome, OutputError};

use crate::lab::{Lab, content, tree};

/// Holds a run at its journal until the test lets it go.
struct Hold {
    reached: Barrier,
    go: Barrier,
}

impl Hooks for Hold {
    fn before(&self, operation: Operation, _: &str) -> io::Result<()> {
        if operation == Operation::Commit {
            self.reached.wait();
            self.go.wait();
        }
        Ok(())
    }
}

#[test]
fn the_second_run_says_who_is_writing() {
    let lab = Lab::with(&[("a.nix", "1\n")]);
    let hold = Hold {
        reached: Barrier::new(2),
        go: Barrier::new(2),
    };
    let (first, second) = (tree(&[("a.nix", "2\n")]), tree(&[("a.nix", "3\n")]));
    std::thread::scope(|scope| {
        let run = scope.spawn(|| {
            lab.run_with(
                &first,
                &[],
                &Options {
                    hooks: &hold,
                    ..Options::default()
                },
            )
        });
        hold.reached.wait();
        let wait = Duration::from_millis(60);
        let start = Instant::now();
        let error = lab
            .run_with(
                &second,
                &[],
                &Options {
                    wait,
                    ..Options::default()
                },
            )
            .unwrap_err();
        assert!(start.elapsed() >= wait);
        let OutputError::Locked { path, pid } = &error else {
            panic!("{error:?}")
        };
        assert_eq!(
            (path.as_str(), *pid),
            ("generated/.gen/lock", Some(std::process::id()))
        );
        assert!(error.to_string().contains("generated/.gen/lock"));
        hold.go.wait();
        assert_eq!(run.join().unwrap().unwrap().outcome, Outcome::Written);
    });
    assert_eq!(lab.disk(), content(&first));
    lab.run(&second).unwrap();
    assert_eq!(lab.disk(), content(&second));
}

#[test]
fn the_second_run_waits_for_the_first() {
    let lab = Lab::with(&[("a.nix", "1\n")]);
    let hold = Hold {
        reached: Barrier::new(2),
        go: Barrier::new(2),
    };
    let new = tree(&[("a.nix", "2\n")]);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            lab.run_with(
                &new,
                &[],
                &Options {
                    hooks: &hold,
                    ..Options::default()
                },
            )
            .unwrap();
        });
        hold.reached.wait();
        let second = scope.spawn(|| {
            let wait = Duration::from_secs(5);
            lab.run_with(
                &new,
                &[],
                &Options {
                    wait,
                    ..Options::default()
                },
            )
        });
        std::thread::sleep(Duration::from_millis(50));
        hold.go.wait();
        assert_eq!(second.join().unwrap().unwrap().outcome, Outcome::Unchanged);
    });
    assert_eq!(lab.disk(), content(&new));
}

#[test]
fn many_runs_at_once_leave_one_of_their_trees() {
    let lab = Lab::with(&[("a/0.nix", "x\n")]);
    let trees: Vec<_> = (0..6)
        .map(|n| {
            let text = format!("{n}\n");
            let names: Vec<String> = (0..20).map(|i| format!("a/{}.nix", i + n)).collect();
            let files: Vec<(&str, &str)> = names
                .iter()
                .map(|name| (name.as_str(), text.as_str()))
                .collect();
            tree(&files)
        })
        .collect();
    std::thread::scope(|scope| {
        for tree in &trees {
            scope.spawn(|| {
                for _ in 0..10 {
                    match lab.run_with(
                        tree,
                        &[],
                        &Options {
                            wait: Duration::from_secs(10),
                            ..Options::default()
                        },
                    ) {
                        // Another run was between this one's plan and its lock.
                        Ok(_) | Err(OutputError::Changed { .. }) => {}
                        Err(error) => panic!("{error:?}"),
                    }
                }
            });
        }
    });
    let disk = lab.disk();
    assert!(
        trees.iter().any(|tree| content(tree) == disk),
        "{:?}",
        disk.keys()
    );
    assert!(trees.iter().any(|tree| lab.plan(tree).is_clean()));
}

#[test]
fn a_lock_file_that_is_left_does_not_matter() {
    let lab = Lab::new();
    lab.write(".gen/lock", "4194305\n");
    lab.run(&tree(&[("a.nix", "1\n")])).unwrap();
    assert_eq!(fs::read_to_string(lab.path("a.nix")).unwrap(), "1\n");
}
