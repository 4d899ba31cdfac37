//! `gen eval` with a stand-in for Nix: what the command makes of answers and failures. What real
//! failures become is shown by `eval_errors`.

use std::os::unix::fs::PermissionsExt as _;

use insta::assert_snapshot;

use crate::support::{Project, Run};

/// Answers like Nix; `$STATE/NAME` is run first where it is there.
const STAND_IN: &str = r#"#!/bin/sh
state=$(dirname "$0")
for expression; do :; done
name=flake
case $expression in
  *'"one"'*) name=one ;;
  *'"two"'*) name=two ;;
esac
printf '%s\n' "$name" >>"$state/calls"
echo '{"nrFunctionCalls": 12345, "gc": {"heapSize": 1048576}}' >"$NIX_SHOW_STATS_PATH"
place=$(cd "$state/../generated" && pwd -P)
answer=/nix/store/x.drv
[ "$name" = flake ] && answer=$place
if [ -e "$state/$name" ]; then . "$state/$name"; fi
printf '%s' "$answer"
"#;

const TWO: &str = "hosts:
  two:
    template: base
    hardware: { cpu: none, platform: lxc }
    network: { zones: { lan: [eth0] } }
    settings: { time.timeZone: Europe/Paris }
";

fn project() -> Project {
    let project = Project::new().file("spec/two.yaml", TWO);
    project.clean(&[]);
    project.write("pool/nixpkgs/flake.nix", "{ }");
    project.write("bin/nix", STAND_IN);
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(project.path("bin/nix"), executable).unwrap();
    project
}

/// Seconds and temporary folders differ from run to run.
fn timeless(project: &Project, mut run: Run) -> Run {
    run.stderr = placeless(project, &run.stderr);
    let lines: Vec<String> = run
        .stdout
        .lines()
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let is_time = |word: &str| word.contains('.') && word.parse::<f64>().is_ok();
            let words = words
                .iter()
                .map(|word| if is_time(word) { "N.N" } else { word });
            words.collect::<Vec<_>>().join(" ")
        })
        .collect();
    run.stdout = lines.join("\n");
    run
}

fn placeless(project: &Project, text: &str) -> String {
    let folder = project.path(".").canonicalize().unwrap();
    text.replace(folder.to_str().unwrap(), "/fleet")
}

const EVAL: &[&str] = &["eval", "--nix", "bin/nix", "--inputs", "pool"];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    EVAL.iter().chain(more).copied().collect()
}

#[test]
fn everything_evaluates() {
    let project = project();
    assert_snapshot!("eval_clean", timeless(&project, project.clean(EVAL)));
    assert_eq!(project.read("bin/calls").lines().count(), 3);
    assert_snapshot!(
        "eval_one",
        timeless(&project, project.clean(&with(&["two", "--jobs", "1"])))
    );
    assert_snapshot!("eval_unknown", project.run(&with(&["tow"])));
    // What does not fit beside another one waits for it.
    project.clean(&with(&["--jobs", "2", "--max-memory", "1MiB"]));
}

const WARNS: &str = "echo 'evaluation warning: the option time.timeZone is old' >&2\n";
const FAILS: &str = r"
cat >&2 <<END
error:
       … while evaluating the option \`time.timeZone':

       error: A definition for option \`time.timeZone' is not of type \`null or string'. Definition values:
       - In \`$place/hosts/two': 1
END
exit 1
";

#[test]
fn warnings_are_grouped_and_errors_told_at_the_spec() {
    let project = project();
    project.write("bin/one", WARNS);
    project.write("bin/two", WARNS);
    assert_snapshot!("eval_warns", timeless(&project, project.run(EVAL)));
    // One that leads nowhere is told once, at a machine that has it.
    project.write("bin/one", "echo 'evaluation warning: odd' >&2\n");
    project.write("bin/two", "echo 'evaluation warning: odd' >&2\n");
    assert_snapshot!("eval_warns_nowhere", timeless(&project, project.run(EVAL)));
    project.write("bin/one", WARNS);
    project.write("bin/two", WARNS);
    project.write("bin/two", format!("{WARNS}{FAILS}"));
    assert_snapshot!("eval_fails", timeless(&project, project.run(EVAL)));
    assert_snapshot!(
        "eval_trace",
        timeless(&project, project.run(&with(&["two", "--show-trace"])))
    );
    let json = project.run(&with(&["--format", "json"]));
    let mut value: serde_json::Value =
        serde_json::from_str(&placeless(&project, &json.stdout)).unwrap();
    for machine in value["machines"].as_array_mut().unwrap() {
        machine["seconds"] = 0.into();
    }
    assert_snapshot!("eval_json", serde_json::to_string_pretty(&value).unwrap());
}

#[test]
fn nix_that_is_killed_or_missing() {
    let project = project();
    project.write("bin/two", "kill -9 $$\n");
    assert_snapshot!("eval_killed", timeless(&project, project.run(EVAL)));
    project.write("bin/flake", "echo \"error: input 'nixpkgs' of 'the flake' is not among the given inputs\" >&2; exit 1\n");
    assert_snapshot!("eval_no_input", timeless(&project, project.run(EVAL)));
    let none = ["eval", "--nix", "bin/none", "--inputs", "pool"];
    assert_snapshot!("eval_no_nix", project.run(&none));
    assert_snapshot!("eval_no_lock", project.run(&["eval", "--nix", "bin/nix"]));
    project.write("spec/two.yaml", TWO.replace("Paris", "Madrid"));
    assert_snapshot!("eval_stale", project.run(EVAL));
    project.write("spec/two.yaml", TWO.replace("base", "bse"));
    assert_snapshot!("eval_broken", project.run(EVAL));
}
