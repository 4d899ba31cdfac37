//! Many files and long names.

use output::{FileTree, verify};

use crate::lab::{Lab, content, tree};

fn fleet(hosts: usize, text: &str) -> FileTree {
    let mut tree = FileTree::new();
    for host in 0..hosts {
        for file in ["default", "hardware", "disks", "network", "users"] {
            let text = format!("{{ ... }}:\n{{\n  # {text} {file} of host {host}\n}}\n").repeat(8);
            tree.insert(format!("hosts/h{host:05}/{file}.nix"), text)
                .unwrap();
        }
    }
    tree
}

#[test]
fn ten_thousand_files() {
    let lab = Lab::in_memory();
    let (one, two) = (fleet(2000, "one"), fleet(2000, "two"));
    lab.run(&one).unwrap();
    assert!(verify(&lab.target, &lab.manifest().unwrap()).unwrap());
    assert_eq!(lab.run(&two).unwrap().updated.len(), 10_000);
    assert_eq!(lab.disk(), content(&two));
    assert_eq!(lab.run(&FileTree::new()).unwrap().removed.len(), 10_000);
    assert!(lab.disk().is_empty());
}

#[test]
fn ten_thousand_files_in_one_folder() {
    let lab = Lab::in_memory();
    let mut new = FileTree::new();
    for n in 0..10_000 {
        new.insert(format!("{n}.nix"), "x").unwrap();
    }
    lab.run(&new).unwrap();
    assert!(lab.plan(&new).is_clean());
}

#[test]
fn long_names() {
    let lab = Lab::in_memory();
    let name = "n".repeat(255);
    // Longer than the system takes in one piece.
    let deep = format!("{}x.nix", format!("{}/", "d".repeat(200)).repeat(30));
    let files = [(name.as_str(), "1\n"), (deep.as_str(), "1\n")];
    lab.run(&tree(&files)).unwrap();
    assert!(verify(&lab.target, &lab.manifest().unwrap()).unwrap());
    assert!(lab.plan(&tree(&files)).is_clean());
    lab.run(&tree(&[(name.as_str(), "1\n")])).unwrap();
    assert_eq!(lab.disk().len(), 1);
}

#[test]
fn a_name_that_only_this_file_system_refuses() {
    // 255 characters pass the tree's check by bytes only when they are single bytes.
    let mut tree = FileTree::new();
    assert!(tree.insert("ü".repeat(128), "").is_err());
    tree.insert("ü".repeat(127), "").unwrap();
    Lab::in_memory().run(&tree).unwrap();
}
