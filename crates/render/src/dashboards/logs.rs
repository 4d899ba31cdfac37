//! Logs of all hosts.

use model::Fleet;

use super::panel::{Dashboard, Panel, Variable, unit};
use super::{has, shown};

/// Priorities of the journal, worst first.
const LEVELS: [&str; 8] = [
    "emerg", "alert", "crit", "error", "warning", "notice", "info", "debug",
];
const CHOSEN: &str = r#"host=~"$host", level=~"$level""#;

/// The dashboard.
pub(super) fn dashboard(fleet: &Fleet) -> Dashboard {
    let hosts = shown(fleet)
        .filter(|host| has(host, "monitoring.alloy"))
        .map(|host| host.name.to_string());
    let lines = format!("{{{CHOSEN}}} |~ `(?i)${{search:raw}}`");
    Dashboard {
        file: "logs".into(),
        uid: "logs".into(),
        title: "Logs".into(),
        description: "Journals of all hosts".into(),
        span: "1h",
        variables: vec![
            Variable::Choice {
                name: "host",
                label: "Host",
                values: hosts.collect(),
            },
            Variable::Choice {
                name: "level",
                label: "Priority",
                values: LEVELS.map(str::to_owned).into(),
            },
            Variable::Text {
                name: "search",
                label: "Search",
            },
        ],
        rows: vec![(
            "",
            vec![
                Panel::log_series("Lines")
                    .query(
                        format!("sum by (host) (count_over_time({lines} [$__auto]))"),
                        "{{host}}",
                    )
                    .stacked()
                    .unit(unit::COUNT)
                    .min(0.0)
                    .size(12, 7),
                Panel::log_series("Errors")
                    .query(
                        r#"sum by (host, unit) (count_over_time({host=~"$host", level=~"emerg|alert|crit|error"} [$__auto]))"#,
                        "{{host}} {{unit}}",
                    )
                    .unit(unit::COUNT)
                    .min(0.0)
                    .size(12, 7),
                Panel::logs("Journal", lines).size(24, 20),
            ],
        )],
    }
}
