//! What Alertmanager and Prometheus of a machine are told, given to their own tools. What they are told is on
//! record as facts, read back from an evaluated machine.
//!
//! Needs `amtool` and `promtool`; skipped without them, unless `GEN_REQUIRE_TOOLS` is set.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests run programs, and say what they could not run"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

/// The value on record of the option that ends so.
fn fact(option: &str) -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/facts/catalog-system.txt");
    let text = fs::read_to_string(file).unwrap();
    let values: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split_once(" = "))
        .filter(|(expression, _)| expression.ends_with(option))
        .map(|(_, value)| value)
        .collect();
    let [value] = values[..] else {
        panic!("{} facts of `{option}`", values.len());
    };
    serde_json::from_str(value).unwrap()
}

/// Whether the tools are there.
fn tools() -> bool {
    let there = |tool: &str| Command::new(tool).arg("--version").output().is_ok();
    let found = there("amtool") && there("promtool");
    if !found {
        assert!(
            std::env::var_os("GEN_REQUIRE_TOOLS").is_none(),
            "GEN_REQUIRE_TOOLS is set, but there is no `amtool` or `promtool`"
        );
        eprintln!("skipped: there is no `amtool` or `promtool`");
    }
    found
}

fn text_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn alerts_reach_whom_their_routes_name() {
    if !tools() {
        return;
    }
    let mut configuration = fact("alertmanager.configuration");
    for receiver in configuration["receivers"].as_array_mut().unwrap() {
        for hook in receiver["webhook_configs"]
            .as_array_mut()
            .into_iter()
            .flatten()
        {
            // Releases before 0.26 read addresses of webhooks from no file.
            if hook.as_object_mut().unwrap().remove("url_file").is_some() {
                hook["url"] = json!("http://127.0.0.1:1/");
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    // YAML takes JSON as it is.
    let file = folder.path().join("alertmanager.yml");
    fs::write(&file, configuration.to_string()).unwrap();
    let checked = Command::new("amtool")
        .arg("check-config")
        .arg(&file)
        .output()
        .unwrap();
    assert!(checked.status.success(), "{}", text_of(&checked));

    let receiver = |labels: &[&str]| {
        let mut file_argument = std::ffi::OsString::from("--config.file=");
        file_argument.push(&file);
        let output = Command::new("amtool")
            .args(["config", "routes", "test"])
            .arg(file_argument)
            .args(labels)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", text_of(&output));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    assert_eq!(
        receiver(&["severity=warning", "host=server", "alertname=HostDown"]),
        "admin"
    );
    assert_eq!(
        receiver(&["severity=critical", "host=server", "alertname=HostDown"]),
        "phone"
    );
    assert_eq!(
        receiver(&["severity=info", "host=media", "alertname=DiskLow"]),
        "nobody"
    );
    assert_eq!(
        receiver(&["severity=warning", "host=media", "alertname=DiskLow"]),
        "desk"
    );
    // The route of critical alerts goes on to those after it.
    assert_eq!(
        receiver(&["severity=critical", "host=media", "alertname=DiskFull"]),
        "phone,desk"
    );
}

#[test]
fn prometheus_takes_what_it_scrapes() {
    if !tools() {
        return;
    }
    let mut jobs = fact("prometheus.scrapeConfigs");
    let targets: usize = jobs
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|job| job["static_configs"].as_array().unwrap())
        .map(|group| group["targets"].as_array().unwrap().len())
        .sum();
    assert!(targets >= 13, "{targets}");
    let configuration = json!({
        "scrape_configs": jobs.take(),
        "alerting": { "alertmanagers": fact("prometheus.alertmanagers") },
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("prometheus.yml");
    fs::write(&file, configuration.to_string()).unwrap();
    let checked = Command::new("promtool")
        .args(["check", "config"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(checked.status.success(), "{}", text_of(&checked));
}
