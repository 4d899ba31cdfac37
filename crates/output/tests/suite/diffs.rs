//! Differences as text.

use std::fs;
use std::process::Command;

use output::{File, FileTree, stat, unified_diff};

use crate::lab::{Lab, content, tree};

fn diff(lab: &Lab, new: &FileTree) -> String {
    unified_diff(&lab.plan(new), new, &lab.target).unwrap()
}

#[test]
fn each_kind_of_change() {
    let lab = Lab::with(&[
        ("a.nix", "1\n2\n3\n"),
        ("b.nix", "1\n"),
        ("run.sh", "1\n"),
        ("same", ""),
    ]);
    let new = tree(&[
        ("a.nix", "1\n2a\n3\n"),
        ("c.nix", "1\n2"),
        ("!run.sh", "1\n"),
        ("same", ""),
    ]);
    assert_eq!(
        diff(&lab, &new),
        "\
diff --git a/a.nix b/a.nix
--- a/a.nix
+++ b/a.nix
@@ -1,3 +1,3 @@
 1
-2
+2a
 3
diff --git a/b.nix b/b.nix
deleted file mode 100644
--- a/b.nix
+++ /dev/null
@@ -1 +0,0 @@
-1
diff --git a/c.nix b/c.nix
new file mode 100644
--- /dev/null
+++ b/c.nix
@@ -0,0 +1,2 @@
+1
+2
\\ No newline at end of file
diff --git a/run.sh b/run.sh
old mode 100644
new mode 100755
"
    );
    assert_eq!(
        stat(&lab.plan(&new), &new, &lab.target).unwrap(),
        " a.nix  | 2 +-\n b.nix  | 1 -\n c.nix  | 2 ++\n run.sh | 0\n 4 files changed, 3 insertions(+), 2 deletions(-)\n"
    );
    lab.run(&new).unwrap();
    assert_eq!(
        (
            diff(&lab, &new),
            stat(&lab.plan(&new), &new, &lab.target).unwrap()
        ),
        Default::default()
    );
}

#[test]
fn what_overwriting_an_edit_would_do() {
    let lab = Lab::with(&[("a.nix", "1\n")]);
    lab.write("a.nix", "mine\n");
    let text = diff(&lab, &tree(&[("a.nix", "2\n")]));
    assert!(text.ends_with("@@ -1 +1 @@\n-mine\n+2\n"), "{text}");
}

#[test]
fn binary_files() {
    let lab = Lab::with(&[("a.png", "\0\u{1}")]);
    let mut new = FileTree::new();
    new.insert("a.png", File::new(vec![0xff, 0xfe])).unwrap();
    new.insert("b.png", File::new(vec![0xff; 10])).unwrap();
    let text = diff(&lab, &new);
    assert!(
        text.contains("Binary files a/a.png and b/a.png differ\n"),
        "{text}"
    );
    assert!(
        text.contains("Binary files /dev/null and b/b.png differ\n"),
        "{text}"
    );
    let text = stat(&lab.plan(&new), &new, &lab.target).unwrap();
    assert!(
        text.starts_with(" a.png | Bin 2 -> 2 bytes\n b.png | Bin 0 -> 10 bytes\n"),
        "{text}"
    );
}

#[test]
fn the_summary_fits_the_line() {
    let lab = Lab::new();
    let long = format!("{}/file.nix", "folder/".repeat(14).trim_end_matches('/'));
    let new = tree(&[
        (long.as_str(), &"x\n".repeat(500)),
        ("b.nix", "x\n"),
        ("c.nix", &"x\n".repeat(90)),
    ]);
    let text = stat(&lab.plan(&new), &new, &lab.target).unwrap();
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert!(text.contains(" .../folder/"), "{text}");
    assert!(text.contains("|   1 +\n"), "{text}");
    assert!(
        text.ends_with(" 3 files changed, 591 insertions(+)\n"),
        "{text}"
    );
}

#[test]
fn git_applies_it() {
    let old: &[(&str, &str)] = &[
        (
            "a.nix",
            "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n",
        ),
        ("gone/b.nix", "1\n2"),
        ("cr.txt", "a\rb\r\nc\n"),
        ("with space.nix", "1\n"),
        ("quote\".nix", "1\n"),
        ("ü.nix", "1\n"),
        ("run.sh", "1\n"),
        ("emptied", "1\n"),
        ("filled", ""),
        ("empty-gone", ""),
        ("newline", "1"),
    ];
    let new = tree(&[
        (
            "a.nix",
            "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n14\n15\n",
        ),
        ("new/c.nix", "1\n2\n"),
        ("cr.txt", "a\rB\r\nc\n"),
        ("with space.nix", "2\n"),
        ("quote\".nix", "2\n"),
        ("ü.nix", "2\n"),
        ("!run.sh", "2\n"),
        ("emptied", ""),
        ("filled", "1\n"),
        ("empty-new", ""),
        ("newline", "1\n"),
    ]);
    let lab = Lab::with(old);
    let patch = lab.dir.path().join("patch");
    fs::write(&patch, diff(&lab, &new)).unwrap();
    let run = Command::new("git")
        .arg("apply")
        .arg(&patch)
        .current_dir(&lab.target.root)
        .output();
    let Ok(run) = run else { return };
    assert!(
        run.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&run.stderr),
        diff(&lab, &new)
    );
    assert_eq!(lab.disk(), content(&new));
    assert!(lab.plan(&new).is_clean());
}
