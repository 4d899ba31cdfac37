//! Dashboards and alert rules: each file is one that Grafana takes, each query asks for what exporters
//! export, and Prometheus' own tool reads it.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests read files and start programs"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use flakesmith::{Sources, generate};
use regex_lite::Regex;
use serde_json::Value;

const SPEC: &str = r#"
fleet: { name: demo, stateVersion: "25.11", zones: [lan], packages: { unfree: [nvidia-kernel-modules, nvidia-settings, nvidia-x11] } }
# Stand-ins where the catalog has none; they replace those that it has.
features:
  monitoring.plex-exporter:
    summary: Stand-in
    options: { port: { type: port, default: 9104, description: Port } }
    metrics: { option: port }
    nixos: { services.openssh.enable: true }
  monitoring.nzbget-exporter:
    summary: Stand-in
    options: { port: { type: port, default: 9103, description: Port } }
    metrics: { option: port }
    nixos: { services.openssh.enable: true }
disks: { plain: { layout: ext4, device: /dev/sda } }
hosts:
  hub:
    hardware: { cpu: amd, gpu: [{ vendor: amd }], disks: plain, boot: { loader: systemd-boot } }
    network: { address: 10.0.0.1, zones: { lan: [eno1] } }
    features: { monitoring: { stack: { mode: server } } }
  media:
    hardware: { cpu: intel, gpu: [{ vendor: nvidia }], disks: plain, boot: { loader: systemd-boot } }
    network: { address: "fd00::2", zones: { lan: [eno1] } }
    features:
      monitoring: { stack: { mode: client }, nvidia-gpu-exporter: true, plex-exporter: { port: 9999 }, nzbget-exporter: true }
  guest:
    hardware: { platform: lxc }
    features: { monitoring: { stack: { mode: client }, alloy: { lokiUrl: "http://10.0.0.1:3100" } } }
  apart:
    hardware: { platform: lxc }
  a-name-that-is-as-long-as-names-of-hosts-may-be-and-then-a-bit:
    hardware: { platform: lxc }
    features: { monitoring: [node-exporter] }
"#;

/// Dashboards by path.
static DASHBOARDS: LazyLock<BTreeMap<String, Value>> = LazyLock::new(|| {
    tree(SPEC)
        .into_iter()
        .filter_map(|(path, bytes)| {
            let file = path.strip_prefix("dashboards/")?.to_owned();
            Some((file, serde_json::from_slice(&bytes).unwrap()))
        })
        .collect()
});

fn tree(spec: &str) -> BTreeMap<String, Vec<u8>> {
    let files = BTreeMap::from([("fleet.yaml".to_owned(), spec.as_bytes().to_vec())]);
    let generated = generate(Sources::from_memory("spec", files));
    let tree = generated.tree.expect("the spec is right");
    tree.iter()
        .map(|(path, file)| (path.to_owned(), file.bytes.clone()))
        .collect()
}

fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    let all = dashboard["panels"].as_array().into_iter().flatten();
    all.filter(|panel| panel["type"] != "row")
}

fn targets(dashboard: &Value) -> impl Iterator<Item = &Value> {
    panels(dashboard).flat_map(|panel| panel["targets"].as_array().into_iter().flatten())
}

/// All expressions that Prometheus gets.
fn queries() -> BTreeSet<String> {
    DASHBOARDS
        .values()
        .flat_map(targets)
        .filter(|target| target["datasource"]["uid"] == "prometheus")
        .map(|target| target["expr"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn each_has_what_the_fleet_has() {
    let files: Vec<&str> = DASHBOARDS.keys().map(String::as_str).collect();
    assert_eq!(
        files,
        [
            "fleet.json",
            "hosts/a-name-that-is-as-long-as-names-of-hosts-may-be-and-then-a-bit.json",
            "hosts/guest.json",
            "hosts/hub.json",
            "hosts/media.json",
            "logs.json",
            "media/nzbget.json",
            "media/plex-content.json",
            "media/plex-libraries.json",
            "media/plex-places.json",
            "media/plex.json",
        ]
    );
    let rows = |file: &str| -> Vec<String> {
        let all = DASHBOARDS[file]["panels"].as_array().unwrap();
        let rows = all.iter().filter(|panel| panel["type"] == "row");
        rows.map(|row| row["title"].as_str().unwrap().to_owned())
            .collect()
    };
    let hub = rows("hosts/hub.json");
    assert!(hub.contains(&"AMD GPU".to_owned()) && !hub.contains(&"NVIDIA GPU".to_owned()));
    let media = rows("hosts/media.json");
    assert!(media.contains(&"NVIDIA GPU".to_owned()) && !media.contains(&"AMD GPU".to_owned()));
    let guest = rows("hosts/guest.json");
    assert!(
        !guest
            .iter()
            .any(|row| row.ends_with("GPU") || row == "Sensors")
    );
    assert!(guest.contains(&"Logs".to_owned()));
}

#[test]
fn none_without_somebody_who_shows_them() {
    let spec = r#"
fleet: { name: demo, stateVersion: "25.11" }
hosts:
  one:
    hardware: { platform: lxc }
    features: { monitoring: [node-exporter, prometheus] }
"#;
    let files = tree(spec);
    assert!(!files.keys().any(|path| path.starts_with("dashboards/")));
}

#[test]
fn each_is_one_that_grafana_takes() {
    let mut uids = BTreeSet::new();
    for (file, dashboard) in &*DASHBOARDS {
        assert_eq!(dashboard["schemaVersion"], 42, "{file}");
        let uid = dashboard["uid"].as_str().unwrap();
        assert!(!uid.is_empty() && uid.len() <= 40, "{file}: {uid}");
        assert!(
            uid.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'),
            "{file}: {uid}"
        );
        assert!(uids.insert(uid), "{file}: {uid} is not unique");
        assert!(!dashboard["title"].as_str().unwrap().is_empty(), "{file}");
        assert!(panels(dashboard).count() > 0, "{file}");
        let mut ids = BTreeSet::new();
        let mut cells = BTreeSet::new();
        for panel in dashboard["panels"].as_array().unwrap() {
            let title = &panel["title"];
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{file}: {title}");
            let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
            assert!(at("x") + at("w") <= 24, "{file}: {title} is too wide");
            for x in at("x")..at("x") + at("w") {
                for y in at("y")..at("y") + at("h") {
                    assert!(cells.insert((x, y)), "{file}: {title} covers another");
                }
            }
        }
        for panel in panels(dashboard) {
            let title = &panel["title"];
            assert!(!title.as_str().unwrap().is_empty(), "{file}");
            let targets = panel["targets"].as_array().unwrap();
            assert!(!targets.is_empty(), "{file}: {title} asks for nothing");
            let mut names = BTreeSet::new();
            for target in targets {
                assert!(names.insert(target["refId"].as_str()), "{file}: {title}");
                assert_eq!(target["datasource"], panel["datasource"], "{file}: {title}");
                let is_instant = target["instant"].as_bool();
                let wants_one = ["stat", "bargauge", "piechart", "table"];
                if is_instant.is_some() {
                    let kind = panel["type"].as_str().unwrap();
                    assert_eq!(
                        is_instant,
                        Some(wants_one.contains(&kind)),
                        "{file}: {title}"
                    );
                }
            }
            let source = panel["datasource"]["uid"].as_str();
            assert!(
                matches!(source, Some("prometheus" | "loki")),
                "{file}: {title}"
            );
        }
    }
}

/// Columns of a table are fields that its queries give.
#[test]
fn columns_are_what_queries_give() {
    for (file, dashboard) in &*DASHBOARDS {
        for panel in panels(dashboard).filter(|panel| panel["type"] == "table") {
            let title = &panel["title"];
            let number = panel["targets"].as_array().unwrap().len();
            let steps = panel["transformations"].as_array().unwrap();
            let names = steps[1]["options"]["include"]["names"].as_array().unwrap();
            let shown = steps[2]["options"]["renameByName"].as_object().unwrap();
            assert_eq!(names.len(), shown.len(), "{file}: {title}: a column twice");
            let mut values = 0;
            for name in names.iter().map(|name| name.as_str().unwrap()) {
                if let Some(letter) = name.strip_prefix("Value #") {
                    let idx = usize::from(letter.as_bytes()[0] - b'A');
                    assert!(number > 1 && idx < number, "{file}: {title}: {name}");
                    values += 1;
                }
            }
            assert!(values == 0 || values == number, "{file}: {title}");
            let titles: BTreeSet<&str> = shown.values().filter_map(Value::as_str).collect();
            for rule in panel["fieldConfig"]["overrides"].as_array().unwrap() {
                let column = rule["matcher"]["options"].as_str().unwrap();
                assert!(titles.contains(column), "{file}: {title}: {column}");
            }
        }
    }
}

/// Names of metrics with their labels, where those are documented.
fn exported() -> BTreeMap<String, Option<BTreeSet<String>>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = BTreeMap::new();
    for name in ["node", "prometheus", "systemd", "nvidia-gpu"] {
        let list = folder.join(format!("tests/metrics/{name}.txt"));
        for line in std::fs::read_to_string(list).unwrap().lines() {
            all.insert(line.to_owned(), None);
        }
    }
    all.insert("up".into(), None);
    all.insert("ALERTS".into(), None);
    let row = Regex::new(r"^\| `(\w+)` \| ([^|]*)\|").unwrap();
    let label = Regex::new(r"`(\w+)`").unwrap();
    for program in catalog::programs() {
        let Some((_, text)) = program.files.iter().find(|(path, _)| *path == "METRICS.md") else {
            continue;
        };
        for line in std::str::from_utf8(text).unwrap().lines() {
            if let Some(found) = row.captures(line) {
                let labels = label.captures_iter(&found[2]).map(|it| it[1].to_owned());
                all.insert(found[1].to_owned(), Some(labels.collect()));
            }
        }
    }
    all
}

/// The metrics of an expression, each with the labels that it is selected by.
fn metrics(expr: &str) -> Vec<(String, Vec<String>)> {
    const WORDS: [&str; 12] = [
        "and",
        "bool",
        "by",
        "group_left",
        "group_right",
        "ignoring",
        "offset",
        "on",
        "or",
        "unless",
        "without",
        "inf",
    ];
    let strings = Regex::new(r#""[^"]*""#).unwrap();
    let ranges = Regex::new(r"\[[^\]]*\]").unwrap();
    let lists =
        Regex::new(r"\b(by|on|without|ignoring|group_left|group_right) *\([^)]*\)").unwrap();
    let expr = strings.replace_all(expr, "\"\"");
    let expr = ranges.replace_all(&expr, "");
    let expr = lists.replace_all(&expr, "");
    let name = Regex::new(r"\b[a-zA-Z_:][a-zA-Z0-9_:]*").unwrap();
    let label = Regex::new(r#"(\w+) *(?:=~|!~|!=|=) *"""#).unwrap();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(hit) = name.find_at(&expr, at) {
        at = hit.end();
        let rest = expr[at..].trim_start();
        if rest.starts_with('(') || WORDS.contains(&hit.as_str()) {
            continue;
        }
        let mut labels = Vec::new();
        if let Some(inside) = rest.strip_prefix('{') {
            let inside = &inside[..inside.find('}').unwrap()];
            labels.extend(label.captures_iter(inside).map(|it| it[1].to_owned()));
            at = expr.len() - rest.len() + inside.len() + 2;
        }
        found.push((hit.as_str().to_owned(), labels));
    }
    found
}

#[test]
fn metrics_of_an_expression() {
    let expr = r#"sum by (a) (rate(x_total{b="c{d}", e!~"f"}[5m])) / on (g) group_left (h) y and z == 0 or vector(0)"#;
    let names = |labels: &[&str]| labels.iter().map(|&it| it.to_owned()).collect::<Vec<_>>();
    assert_eq!(
        metrics(expr),
        [
            ("x_total".into(), names(&["b", "e"])),
            ("y".into(), vec![]),
            ("z".into(), vec![])
        ]
    );
}

#[test]
fn queries_ask_for_what_is_exported() {
    let exported = exported();
    let mut missing = BTreeSet::new();
    for query in queries() {
        for (name, labels) in metrics(&query) {
            match exported.get(&name) {
                None => {
                    missing.insert(format!("{name} in {query}"));
                }
                Some(None) => {}
                Some(Some(known)) => missing.extend(
                    labels
                        .iter()
                        .filter(|&label| !known.contains(label))
                        .filter(|label| !["host", "instance", "job"].contains(&label.as_str()))
                        .map(|label| format!("{name}{{{label}}} in {query}")),
                ),
            }
        }
    }
    assert!(missing.is_empty(), "not exported:\n{missing:#?}");
}

#[test]
fn rules_ask_for_what_is_exported() {
    let exported = exported();
    let program = catalog::program("fleet-alerts").unwrap();
    let (_, text) = program.files.iter().find(|it| it.0 == "rules.nix").unwrap();
    let name = Regex::new(r"\b(?:node|systemd|nixos|prometheus)_[a-zA-Z0-9_]+").unwrap();
    let text = std::str::from_utf8(text).unwrap();
    let asked: BTreeSet<&str> = name.find_iter(text).map(|it| it.as_str()).collect();
    assert!(asked.len() > 15, "{asked:?}");
    let missing: Vec<_> = asked
        .iter()
        .filter(|&&it| !exported.contains_key(it))
        .collect();
    assert!(missing.is_empty(), "not exported: {missing:?}");
}

#[test]
fn prometheus_reads_the_queries() {
    let mut rules = String::from("groups:\n- name: queries\n  rules:\n");
    for (idx, query) in queries().iter().enumerate() {
        let query = serde_json::to_string(query).unwrap();
        writeln!(rules, "  - {{ record: query_{idx}, expr: {query} }}").unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("queries.yml");
    std::fs::write(&file, rules).unwrap();
    let checked = match Command::new("promtool")
        .arg("check")
        .arg("rules")
        .arg(&file)
        .output()
    {
        Ok(checked) => checked,
        Err(error) => {
            let required = std::env::var_os("GEN_REQUIRE_TOOLS").is_some_and(|it| it == "1");
            assert!(!required, "promtool: {error}");
            eprintln!("skipped: promtool: {error}");
            return;
        }
    };
    let said = String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "{said}");
}

/// Adding a host adds its targets, at its own port and address.
#[test]
fn targets_are_those_of_the_fleet() {
    let files = tree(SPEC);
    let hub = String::from_utf8(files["hosts/hub/default.nix"].clone()).unwrap();
    for line in [
        r#"media = "[fd00::2]:9100";"#,
        r#"hub = "10.0.0.1:9101";"#,
        r#"guest = "guest:9102";"#,
        r#"targets.media = "[fd00::2]:9999";"#,
        r#"job = "nzbget";"#,
        r#"job = "nvidia-gpu";"#,
    ] {
        assert!(hub.contains(line), "no {line} in\n{hub}");
    }
    assert!(!hub.contains("apart"));
}
