//! `gen watch` with real events of files. Lines are waited for, no clock is asked.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use insta::assert_snapshot;

use crate::support::{Project, finish};

/// What hangs for so long is broken.
const HANGS: Duration = Duration::from_secs(120);

struct Watching {
    child: Child,
    lines: Receiver<String>,
}

impl Watching {
    fn start(project: &Project, args: &[&str]) -> Self {
        let mut child = project
            .command(args)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (send, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        Self { child, lines }
    }

    /// The lines up to the one that begins so.
    fn until(&self, start: &str) -> Vec<String> {
        let mut seen = Vec::new();
        loop {
            let line = self
                .lines
                .recv_timeout(HANGS)
                .unwrap_or_else(|error| panic!("no `{start}` ({error}) after {seen:#?}"));
            let is_it = line.starts_with(start);
            seen.push(line);
            if is_it {
                return seen;
            }
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn changes_are_followed_and_a_broken_spec_keeps_the_output() {
    let project = Project::new();
    let watching = Watching::start(&project, &["watch"]);
    let mut told = watching.until("watching");
    let spec = project.read("spec/hosts.yaml");

    project.write("spec/hosts.yaml", spec.replace("8081", "8082"));
    told.extend(watching.until("generated"));
    assert!(
        project
            .read("generated/templates/base.nix")
            .contains("8082")
    );

    let before = project.state("generated");
    project.write("spec/hosts.yaml", spec.replace("port: 8081", "port: many"));
    told.extend(watching.until("waiting"));
    assert_eq!(
        before,
        project.state("generated"),
        "a broken spec changed the output"
    );

    // A new folder is watched too, and a rename is how many editors save.
    project.write(
        "spec/more/two.yaml",
        "hosts:\n  two: { hardware: { cpu: none, platform: lxc } }\n",
    );
    project.write("spec/hosts.tmp", spec.replace("8081", "8083"));
    std::fs::rename(
        project.path("spec/hosts.tmp"),
        project.path("spec/hosts.yaml"),
    )
    .unwrap();
    let last = watching.until("generated");
    told.extend(last.into_iter().filter(|line| !line.starts_with("changed")));
    let done = || {
        project
            .read("generated/templates/base.nix")
            .contains("8083")
            && project.path("generated/hosts/two/default.nix").exists()
    };
    // The two changes may come as one or as two.
    if !done() {
        watching.until("generated");
    }
    assert!(done());
    let is_mention = |line: &&String| line.contains("there is no index");
    assert_eq!(told.iter().filter(is_mention).count(), 1, "{told:#?}");

    let told: Vec<&String> = told
        .iter()
        .filter(|line| !line.starts_with("generated: ") || line.contains("0.0"))
        .collect();
    let told: Vec<&str> = told.iter().map(|line| line.as_str()).collect();
    assert_snapshot!("watch", told.join("\n"));
}

#[test]
fn once_ends_after_a_change() {
    let project = Project::new();
    let mut watching = Watching::start(&project, &["watch", "--once"]);
    watching.until("watching");
    // The same text is no change.
    let spec = project.read("spec/hosts.yaml");
    project.write("spec/hosts.yaml", &spec);
    project.write(
        "spec/hosts.yaml",
        spec.replace("template: base", "template: bse"),
    );
    watching.until("waiting");
    assert_eq!(watching.child.wait().unwrap().code(), Some(1));
    let fixed = Watching::start(&project, &["watch", "--once"]);
    fixed.until("watching");
    project.write("spec/hosts.yaml", &spec);
    fixed.until("unchanged");
}

#[test]
fn nothing_to_watch() {
    let project = Project::empty();
    let run = finish(project.command(&["watch", "--once", "--spec", "nowhere/spec"]));
    assert_snapshot!("watch_nothing", run);
}
