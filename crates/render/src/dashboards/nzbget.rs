//! Downloads of `NZBGet`.

use super::panel::{Dashboard, NEUTRAL, NONE_IS_BETTER, NONE_IS_GOOD, Panel, unit};

/// The dashboard.
pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        file: "media/nzbget".into(),
        uid: "nzbget".into(),
        title: "NZBGet".into(),
        description: "Downloads: speed, queue, and what came of them".into(),
        span: "24h",
        variables: Vec::new(),
        rows: vec![
            ("", now()),
            ("Downloads", downloads()),
            ("Queue", queue()),
            ("History", history()),
        ],
    }
}

fn now() -> Vec<Panel> {
    vec![
        Panel::stat("Speed", "sum(nzbget_download_rate_bytes_per_second)")
            .unit(unit::BYTES_RATE)
            .steps(NEUTRAL),
        Panel::stat("Left", "sum(nzbget_queue_remaining_bytes)").unit(unit::BYTES),
        Panel::stat("Queue", "sum(nzbget_queue_items)"),
        Panel::stat("Paused", r#"max(nzbget_paused{what="download"})"#)
            .words(&[(0, "no"), (1, "yes")])
            .steps(NONE_IS_BETTER),
        Panel::stat("Today", "sum(nzbget_downloaded_day_bytes)").unit(unit::BYTES),
        Panel::stat("Free space", "min(nzbget_disk_free_bytes)").unit(unit::BYTES),
    ]
}

fn downloads() -> Vec<Panel> {
    vec![
        Panel::series("Speed")
            .query("sum(nzbget_download_rate_bytes_per_second)", "now")
            .query(
                "sum(nzbget_download_rate_average_bytes_per_second)",
                "average",
            )
            .unit(unit::BYTES_RATE)
            .min(0.0)
            .size(16, 8),
        Panel::series("Volume within an hour")
            .query("sum(increase(nzbget_downloaded_bytes_total[1h]))", "volume")
            .unit(unit::BYTES)
            .min(0.0)
            .size(8, 8),
    ]
}

fn queue() -> Vec<Panel> {
    vec![
        Panel::series("Left to download")
            .query("sum(nzbget_queue_remaining_bytes)", "left")
            .query("sum(nzbget_queue_bytes)", "all")
            .unit(unit::BYTES)
            .min(0.0)
            .size(8, 8),
        Panel::series("By state")
            .query(
                "sum by (status) (nzbget_queue_items_by_status)",
                "{{status}}",
            )
            .stacked()
            .min(0.0)
            .size(8, 8),
        Panel::pie(
            "By category",
            "sum by (category) (nzbget_queue_items_by_category) > 0",
            "{{category}}",
        ),
    ]
}

fn history() -> Vec<Panel> {
    vec![
        Panel::stat(
            "Successful",
            r#"sum(nzbget_history_items{result="success"}) / sum(nzbget_history_items)"#,
        )
        .unit(unit::RATIO)
        .size(6, 8),
        Panel::pie(
            "Results",
            "sum by (result) (nzbget_history_items) > 0",
            "{{result}}",
        )
        .size(9, 8),
        Panel::bars(
            "Causes of failures",
            "sum by (cause) (nzbget_history_failures) > 0",
            "{{cause}}",
        )
        .steps(NONE_IS_GOOD)
        .min(0.0)
        .size(9, 8),
    ]
}
