//! Plex: what is played now, what was played, where, and what there is.

use super::panel::{Dashboard, NEUTRAL, NONE_IS_BETTER, ONE_IS_GOOD, Panel, USE, unit};

/// The dashboards.
pub(super) fn dashboards() -> [Dashboard; 4] {
    let dashboard = |name: &str, title: &str, description: &str, span, rows| Dashboard {
        file: format!("media/{name}"),
        uid: name.to_owned(),
        title: title.to_owned(),
        description: description.to_owned(),
        span,
        variables: Vec::new(),
        rows,
    };
    [
        dashboard(
            "plex",
            "Plex",
            "What is played now",
            "6h",
            vec![
                ("", now()),
                ("Streams", streams()),
                ("Bandwidth", bandwidth()),
                ("Exporter", exporter()),
            ],
        ),
        dashboard(
            "plex-content",
            "Plex: content and users",
            "What was played within the history of the exporter, and by whom",
            "7d",
            vec![("", history()), ("Content", content()), ("Users", users())],
        ),
        dashboard(
            "plex-places",
            "Plex: places and platforms",
            "Where and on what was played",
            "7d",
            vec![("Places", places()), ("Platforms", platforms())],
        ),
        dashboard(
            "plex-libraries",
            "Plex: libraries",
            "What the libraries hold",
            "30d",
            vec![("", libraries())],
        ),
    ]
}

fn now() -> Vec<Panel> {
    vec![
        Panel::stat("Streams", "sum(plex_streams)").steps(NEUTRAL),
        Panel::stat("Transcodes", "sum(plex_transcodes)").steps(NONE_IS_BETTER),
        Panel::stat("By hardware", "sum(plex_transcodes_hardware)").steps(NEUTRAL),
        Panel::stat(
            "Bandwidth at home",
            r#"sum(plex_bandwidth_bits_per_second{network="lan"})"#,
        )
        .unit(unit::BITS_RATE),
        Panel::stat(
            "Bandwidth away",
            r#"sum(plex_bandwidth_bits_per_second{network="wan"})"#,
        )
        .unit(unit::BITS_RATE),
        Panel::stat("Plays within the history", "sum(plex_history_plays)"),
        Panel::table("Streams now")
            .size(24, 7)
            .label("user", "User")
            .label("title", "Title")
            .label("player", "Player")
            .label("state", "State")
            .label("decision", "Decision")
            .label("resolution", "Resolution")
            .column(
                "Watched",
                unit::RATIO,
                Some(&[(None, "blue")]),
                "plex_stream_progress_ratio",
            ),
    ]
}

fn streams() -> Vec<Panel> {
    vec![
        Panel::series("By decision")
            .query(
                "sum by (decision) (plex_streams_by_decision)",
                "{{decision}}",
            )
            .stacked()
            .min(0.0),
        Panel::series("Transcodes")
            .query("sum(plex_transcodes)", "all")
            .query("sum(plex_transcodes_video)", "video")
            .query("sum(plex_transcodes_hardware)", "by hardware")
            .query("sum(plex_transcodes_throttled)", "far ahead")
            .min(0.0),
        Panel::pie(
            "By user",
            "sum by (user) (plex_streams_by_user) > 0",
            "{{user}}",
        ),
        Panel::pie(
            "By quality",
            "sum by (resolution) (plex_streams_by_quality) > 0",
            "{{resolution}}",
        ),
        Panel::pie(
            "By platform",
            "sum by (platform) (plex_streams_by_platform) > 0",
            "{{platform}}",
        ),
    ]
}

fn bandwidth() -> Vec<Panel> {
    vec![
        Panel::series("Reserved by Plex")
            .query(
                "sum by (network) (plex_bandwidth_bits_per_second)",
                "{{network}}",
            )
            .unit(unit::BITS_RATE)
            .stacked()
            .min(0.0)
            .size(24, 8),
    ]
}

fn exporter() -> Vec<Panel> {
    vec![
        Panel::table("Sources")
            .size(12, 6)
            .label("source", "Source")
            .column(
                "State",
                unit::COUNT,
                Some(ONE_IS_GOOD),
                "max by (source) (plex_exporter_source_up)",
            )
            .column(
                "Read before",
                unit::SECONDS,
                None,
                "max by (source) (time() - plex_exporter_source_last_success_timestamp_seconds)",
            ),
        Panel::series("Errors")
            .query(
                "sum by (source, reason) (increase(plex_exporter_source_errors_total[1h]))",
                "{{source}} {{reason}}",
            )
            .min(0.0)
            .size(12, 6),
    ]
}

fn history() -> Vec<Panel> {
    vec![
        Panel::stat("Covers", "max(plex_history_window_seconds)").unit(unit::SECONDS),
        Panel::stat("Plays", "sum(plex_history_plays)"),
        Panel::stat("Watched", "sum(plex_history_watch_seconds)").unit(unit::SECONDS),
        Panel::stat("Users", "sum(plex_history_users)"),
        Panel::stat(
            "Last play",
            "time() - max(plex_history_last_play_timestamp_seconds)",
        )
        .unit(unit::SECONDS),
        Panel::stat(
            "Transcoded",
            r#"sum(plex_history_plays_by_decision{decision="transcode"}) / sum(plex_history_plays)"#,
        )
        .unit(unit::RATIO)
        .steps(USE),
    ]
}

fn content() -> Vec<Panel> {
    vec![
        Panel::bars(
            "Most plays",
            "topk(15, sum by (title, media_type) (plex_history_title_plays))",
            "{{title}} ({{media_type}})",
        )
        .min(0.0)
        .size(12, 12),
        Panel::bars(
            "Most time",
            "topk(15, sum by (title, media_type) (plex_history_title_watch_seconds))",
            "{{title}} ({{media_type}})",
        )
        .unit(unit::SECONDS)
        .min(0.0)
        .size(12, 12),
        Panel::pie(
            "Kinds",
            "sum by (media_type) (plex_history_plays_by_type)",
            "{{media_type}}",
        )
        .size(12, 8),
        Panel::pie(
            "Decisions",
            "sum by (decision) (plex_history_plays_by_decision)",
            "{{decision}}",
        )
        .size(12, 8),
    ]
}

fn users() -> Vec<Panel> {
    vec![
        Panel::bars(
            "Most plays",
            "topk(15, sum by (user) (plex_history_user_plays))",
            "{{user}}",
        )
        .min(0.0),
        Panel::bars(
            "Most time",
            "topk(15, sum by (user) (plex_history_user_watch_seconds))",
            "{{user}}",
        )
        .unit(unit::SECONDS)
        .min(0.0),
    ]
}

fn places() -> Vec<Panel> {
    vec![
        Panel::pie(
            "Plays at home and away",
            "sum by (network) (plex_history_plays_by_network)",
            "{{network}}",
        ),
        Panel::series("Streams at home and away")
            .query("sum by (network) (plex_streams_by_network)", "{{network}}")
            .stacked()
            .min(0.0)
            .size(16, 8),
    ]
}

fn platforms() -> Vec<Panel> {
    vec![
        Panel::bars(
            "Plays by platform",
            "topk(15, sum by (platform) (plex_history_platform_plays))",
            "{{platform}}",
        )
        .min(0.0)
        .size(12, 10),
        Panel::bars(
            "Plays by quality",
            "sum by (resolution, decision) (plex_history_plays_by_quality)",
            "{{resolution}} {{decision}}",
        )
        .min(0.0)
        .size(12, 10),
        Panel::series("Streams by platform")
            .query(
                "sum by (platform) (plex_streams_by_platform)",
                "{{platform}}",
            )
            .stacked()
            .min(0.0)
            .size(24, 8),
    ]
}

fn libraries() -> Vec<Panel> {
    vec![
        Panel::bars(
            "Items",
            "sum by (library, kind) (plex_library_items)",
            "{{library}} {{kind}}",
        )
        .min(0.0)
        .size(12, 12),
        Panel::pie("By kind", "sum by (kind) (plex_library_items)", "{{kind}}").size(12, 12),
        Panel::series("Growth")
            .query(
                "sum by (library, kind) (plex_library_items)",
                "{{library}} {{kind}}",
            )
            .size(24, 9),
    ]
}
