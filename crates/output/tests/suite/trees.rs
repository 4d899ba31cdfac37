//! What a tree takes.

use output::{File, FileTree, PathProblem};

fn problem(path: &str) -> PathProblem {
    let mut tree = FileTree::new();
    let problem = tree.insert(path, "x").unwrap_err().problem;
    assert!(tree.is_empty());
    problem
}

#[test]
fn paths_that_could_lead_elsewhere() {
    use PathProblem as P;
    for (path, expected) in [
        ("/etc/passwd", P::Absolute),
        ("//a", P::Absolute),
        ("..", P::Dots),
        ("../a", P::Dots),
        ("a/../b", P::Dots),
        ("a/..", P::Dots),
        (".", P::Dots),
        ("./a", P::Dots),
        ("a/./b", P::Dots),
        ("", P::EmptyPart),
        ("a//b", P::EmptyPart),
        ("a/", P::EmptyPart),
        ("a\0b", P::Control),
        ("a\nb", P::Control),
        ("a\\b", P::Backslash),
        (".git", P::Reserved),
        (".git/hooks/pre-commit", P::Reserved),
        ("sub/.git/config", P::Reserved),
        (".GIT/config", P::Reserved),
        (".gen", P::Reserved),
        (".gen/manifest.json", P::Reserved),
        (".Gen/lock", P::Reserved),
    ] {
        assert_eq!(problem(path), expected, "{path:?}");
    }
    assert_eq!(problem(&"x".repeat(256)), P::LongPart);
}

#[test]
fn ordinary_paths() {
    let mut tree = FileTree::new();
    let paths = [
        ".gitattributes",
        ".github/workflows/ci.yml",
        "a b/ü.nix",
        "...",
        "sub/.gen/x",
        "a.b",
    ];
    for path in paths {
        tree.insert(path, "x").unwrap();
    }
    assert_eq!(tree.len(), paths.len());
}

#[test]
fn the_same_file_twice() {
    let mut tree = FileTree::new();
    tree.insert("Hosts/A.nix", "1").unwrap();
    assert_eq!(
        tree.insert("Hosts/A.nix", "2").unwrap_err().problem,
        PathProblem::Duplicate
    );
    let error = tree.insert("hosts/a.nix", "2").unwrap_err();
    assert_eq!(
        error.problem,
        PathProblem::SameButCase("Hosts/A.nix".into())
    );
    assert_eq!(
        error.to_string(),
        "`hosts/a.nix` is the same file as `Hosts/A.nix` where case does not count"
    );
    assert_eq!(tree.get("Hosts/A.nix"), Some(&File::new("1")));
    assert_eq!(tree.len(), 1);
}

#[test]
fn what_cannot_stand_in_a_tree_leaves_the_rest() {
    let paths = ["b/c", "a", "A", "../x", "b"];
    let files = paths.map(|path| (path.to_owned(), File::new(path)));
    let (tree, errors) = FileTree::of(files.into());
    let there: Vec<&str> = tree.iter().map(|(path, _)| path).collect();
    assert_eq!(there, ["a", "b/c"]);
    let problems: Vec<PathProblem> = errors.into_iter().map(|error| error.problem).collect();
    assert_eq!(
        problems,
        [
            PathProblem::SameButCase("a".into()),
            PathProblem::Dots,
            PathProblem::IsFolder("b/c".into()),
        ]
    );
}

#[test]
fn a_file_and_a_folder_of_one_name() {
    let mut tree = FileTree::new();
    tree.insert("a/b/c", "").unwrap();
    for path in ["a", "a/b", "A/B"] {
        let problem = tree.insert(path, "").unwrap_err().problem;
        assert_eq!(problem, PathProblem::IsFolder("a/b/c".into()), "{path}");
    }
    for path in ["a/b/c/d", "a/b/c/d/e", "A/b/C/d"] {
        let problem = tree.insert(path, "").unwrap_err().problem;
        assert_eq!(problem, PathProblem::BelowFile("a/b/c".into()), "{path}");
    }
    // A refused path leaves no folder behind that would refuse another one.
    tree.insert("a/b/d", "").unwrap();
}
