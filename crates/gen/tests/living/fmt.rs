//! `gen fmt`: what is laid out says what it said, and is laid out once.

use std::fs;
use std::process::Stdio;

use camino::{Utf8Path, Utf8PathBuf};
use diag::{Diagnostics, SourceMap};
use flakesmith::{Unformatted, format_yaml};
use insta::assert_snapshot;
use spec::node::{Node, comments, parse};
use walkdir::WalkDir;

use crate::support::{Project, finish};

const UGLY: &str = "hosts:
    one:   # the first
        hardware: {cpu: none,platform: lxc}


        settings:
            services.fwupd.enable:   false
            environment.etc.motd.text: !nix |
                ''
                  hello
                ''
";

#[test]
fn the_spec_is_laid_out() {
    let project = Project::new();
    assert_snapshot!("fmt_clean", project.clean(&["fmt"]));
    project.write("spec/hosts.yaml", UGLY);
    assert_snapshot!("fmt_check", project.run(&["fmt", "--check"]));
    assert_eq!(
        project.read("spec/hosts.yaml"),
        UGLY,
        "checking wrote something"
    );
    assert_snapshot!("fmt_written", project.clean(&["fmt"]));
    assert_snapshot!("fmt_text", project.read("spec/hosts.yaml"));
    let before = project.state("spec");
    project.clean(&["fmt"]);
    project.clean(&["fmt", "--check"]);
    assert_eq!(
        before,
        project.state("spec"),
        "the second run wrote something"
    );
}

#[test]
fn one_file_and_standard_input() {
    let project = Project::new();
    project.write("spec/hosts.yaml", UGLY);
    project.write("other.yaml", "a:   1\n");
    project.write("more/in/one.YAML", "b:   1\n");
    project.write("more/two.yml", "c:   1\n");
    project.write("more/three.txt", "d:   1\n");
    project.clean(&["fmt", "more"]);
    assert_eq!(project.read("more/in/one.YAML"), "b: 1\n");
    assert_eq!(project.read("more/two.yml"), "c: 1\n");
    assert_eq!(project.read("more/three.txt"), "d:   1\n");
    project.clean(&["fmt", "other.yaml"]);
    assert_eq!(project.read("other.yaml"), "a: 1\n");
    assert_eq!(project.read("spec/hosts.yaml"), UGLY);
    assert_snapshot!("fmt_missing", project.run(&["fmt", "nothing.yaml"]));
    let mut command = project.command(&["fmt", "-"]);
    command.stdin(Stdio::from(
        fs::File::open(project.path("spec/hosts.yaml")).unwrap(),
    ));
    let run = finish(command);
    project.clean(&["fmt"]);
    assert_eq!((run.code, run.stdout), (0, project.read("spec/hosts.yaml")));
}

#[test]
fn what_is_no_yaml_stays() {
    let project = Project::new().file("spec/broken.yaml", "hosts: [\n");
    project.write("spec/hosts.yaml", UGLY);
    assert_snapshot!("fmt_broken", project.run(&["fmt"]));
    assert_eq!(project.read("spec/broken.yaml"), "hosts: [\n");
    assert_ne!(
        project.read("spec/hosts.yaml"),
        UGLY,
        "the others are laid out"
    );
}

fn node(text: &str) -> Result<Option<Node>, Diagnostics> {
    let mut sources = SourceMap::new();
    let mut diagnostics = Diagnostics::new();
    let file = sources.add("a.yaml", text);
    let node = parse(&sources, file, &mut diagnostics);
    if diagnostics.has_errors() {
        return Err(diagnostics);
    }
    Ok(node)
}

/// Lays a text out and checks what must hold. False if it is not the YAML of a spec.
fn holds(name: &str, text: &str) -> bool {
    let before = node(text);
    let laid_out = match format_yaml(text) {
        Ok(laid_out) => laid_out,
        Err(Unformatted::Broken) => {
            assert!(
                before.is_err(),
                "{name}: it is refused although it can be read"
            );
            return false;
        }
        Err(Unformatted::Deep) => {
            assert!(text.contains(&" ".repeat(64)), "{name}: nothing is deep");
            return false;
        }
        Err(Unformatted::Kept(_) | Unformatted::Unsafe) => {
            panic!("{name}: it cannot be laid out:\n{text}")
        }
    };
    let (Ok(before), Ok(after)) = (before, node(&laid_out)) else {
        panic!("{name}: it cannot be read:\n{laid_out}");
    };
    match (before, after) {
        (Some(before), Some(after)) => assert!(before.same(&after), "{name}: changed:\n{laid_out}"),
        (before, after) => assert_eq!(before.is_none(), after.is_none(), "{name}"),
    }
    assert_eq!(
        comments(text),
        comments(&laid_out),
        "{name}: comments differ"
    );
    let again = format_yaml(&laid_out).unwrap();
    assert_eq!(again, laid_out, "{name}: laid out twice");
    true
}

fn yaml_files() -> Vec<(String, String)> {
    let root = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    for folder in [
        "spec",
        "golden",
        "crates/catalog",
        "crates/gen/init",
        "crates/spec/tests/corpus",
    ] {
        for entry in WalkDir::new(root.join(folder)).sort_by_file_name() {
            let path = Utf8PathBuf::try_from(entry.unwrap().into_path()).unwrap();
            if path.extension() == Some("yaml")
                && let Ok(text) = fs::read_to_string(&path)
            {
                files.push((path.to_string(), text));
            }
        }
    }
    files
}

#[test]
fn every_spec_that_there_is_says_the_same() {
    let files = yaml_files();
    let laid_out = files
        .iter()
        .filter(|(name, text)| holds(name, text))
        .count();
    assert!(laid_out > 300, "{laid_out} of {}", files.len());
}

#[test]
fn the_hub_is_laid_out_already() {
    let root = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for folder in ["spec", "crates/gen/init"] {
        for entry in WalkDir::new(root.join(folder)) {
            let path = entry.unwrap().into_path();
            if path
                .extension()
                .is_some_and(|extension| extension == "yaml")
            {
                let text = fs::read_to_string(&path).unwrap();
                assert_eq!(format_yaml(&text).unwrap(), text, "{}", path.display());
            }
        }
    }
}

/// A small generator of numbers; the same seed gives the same ones.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }
}

/// What people do to a layout, and what breaks one.
fn disturb(text: &str, numbers: &mut Numbers) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for _ in 0..=numbers.below(6) {
        if lines.is_empty() {
            break;
        }
        let at = numbers.below(lines.len());
        let line = lines[at].clone();
        match numbers.below(9) {
            0 => lines.insert(at, String::new()),
            1 => lines[at] = format!("{line}   "),
            2 => lines[at] = line.replacen(": ", ":    ", 1),
            3 => lines[at] = line.replace(", ", ","),
            4 => lines[at] = line.replace("{ ", "{").replace(" }", "   }"),
            5 => lines.insert(at, "# said by the way".to_owned()),
            6 => lines[at] = format!("{line} # why"),
            7 => {
                for line in &mut lines {
                    let blanks = line.len() - line.trim_start().len();
                    *line = format!("{}{line}", " ".repeat(blanks));
                }
            }
            _ => lines[at] = line.replace('"', "'"),
        }
    }
    lines.join("\n") + "\n"
}

#[test]
fn disturbed_layouts_say_the_same() {
    let files = yaml_files();
    let mut numbers = Numbers(6);
    let mut laid_out = 0;
    for round in 0..400 {
        let (name, text) = &files[numbers.below(files.len())];
        if text.len() > 20_000 {
            continue;
        }
        let disturbed = disturb(text, &mut numbers);
        laid_out += usize::from(holds(&format!("{name}, round {round}"), &disturbed));
    }
    assert!(laid_out > 200, "only {laid_out} could be read");
}
