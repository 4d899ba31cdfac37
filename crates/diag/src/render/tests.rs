//! Snapshots of every format, and what must hold of any rendering.

use insta::assert_snapshot;

use super::{Format, Style, render};
use crate::{Diagnostic, Diagnostics, FileId, Severity, SourceMap, Span};

const PLAIN: Style = Style {
    color: false,
    width: 80,
};

const HOSTS: &str = "\
version: 1
hosts:
  p620:
    template: workstation
    hots: p620.example.org
    users:
      alice: [developer]
      bob: [developer]
  razer:
    template: laptop
  p620:
    template: server
";

/// A finding with any code, registered or not.
fn finding(
    code: &'static str,
    severity: Severity,
    span: Option<Span>,
    message: &str,
) -> Diagnostic {
    Diagnostic {
        code,
        described: None,
        severity,
        message: message.to_owned(),
        span,
        label: None,
        related: Vec::new(),
        help: Vec::new(),
    }
}

fn error(span: Span, message: &str) -> Diagnostic {
    finding("test-code", Severity::Error, Some(span), message)
}

/// The place of the nth (from 0) occurrence of a text.
fn find(sources: &SourceMap, file: FileId, text: &str, nth: usize) -> Span {
    let (start, _) = sources
        .file(file)
        .text
        .match_indices(text)
        .nth(nth)
        .unwrap();
    Span::new(file, start, start + text.len())
}

fn all(diagnostics: impl IntoIterator<Item = Diagnostic>) -> Diagnostics {
    let mut out = Diagnostics::new();
    diagnostics.into_iter().for_each(|d| out.push(d));
    out
}

fn human(diagnostics: impl IntoIterator<Item = Diagnostic>, sources: &SourceMap) -> String {
    render(&all(diagnostics), sources, Format::Human, PLAIN)
}

/// One finding about a text in one file.
fn one(file: &str, text: &str, label: &str) -> String {
    let mut sources = SourceMap::new();
    let id = sources.add("spec/a.yaml", file);
    let span = find(&sources, id, text, 0);
    human([error(span, "something is wrong").label(label)], &sources)
}

/// The findings that all formats are shown with.
fn sample() -> (Diagnostics, SourceMap) {
    let mut sources = SourceMap::new();
    let hosts = sources.add("spec/hosts.yaml", HOSTS);
    let users = sources.add(
        "spec/users, old.yaml",
        "users:\n  alice:\n    admin: yes # 100%\n",
    );
    let catalog = sources.add("catalog:ai/ollama.yaml", "summary: Local inference\n");
    let unknown = Diagnostic::error(
        "yaml-syntax",
        find(&sources, hosts, "hots", 0),
        "unknown key `hots`",
    )
    .label("no such key in a host")
    .help("did you mean `hosts`?")
    .help("`gen explain` lists the keys of a host");
    let twice = error(
        find(&sources, hosts, "p620", 2),
        "host `p620` is defined twice",
    )
    .label("defined again here")
    .related(find(&sources, hosts, "p620", 0), "first defined here")
    .related(find(&sources, users, "alice", 0), "used by this user")
    .related(find(&sources, catalog, "Local", 0), "and by this feature");
    let truth = finding(
        "test-code",
        Severity::Warning,
        Some(find(&sources, users, "yes", 0)),
        "`yes` is text: 100% sure,\r\nreally",
    )
    .help("write `true`");
    let block = finding(
        "other-code",
        Severity::Note,
        Some(find(
            &sources,
            hosts,
            "users:\n      alice: [developer]\n      bob: [developer]\n  ",
            0,
        )),
        "both users have the same profiles",
    );
    let nowhere = finding(
        "test-code",
        Severity::Error,
        None,
        "there is no `spec` folder",
    )
    .help("run `gen init`\nor `cd` to where it is");
    (all([unknown, twice, truth, block, nowhere]), sources)
}

#[test]
fn format_names() {
    for (format, name) in Format::ALL.iter().zip(Format::NAMES) {
        assert_eq!(&format.to_string(), name);
        assert_eq!(name.parse(), Ok(*format));
    }
    let unknown = |name: &str| name.parse::<Format>().unwrap_err().to_string();
    assert_eq!(
        unknown("jsno"),
        "unknown format `jsno`: did you mean `json`?"
    );
    assert_eq!(
        unknown("\u{1b}[2J"),
        "unknown format `␛[2J`: expected one of `human`, `json`, `github`, `sarif`"
    );
}

#[test]
fn sample_human() {
    let (diagnostics, sources) = sample();
    assert_snapshot!(render(&diagnostics, &sources, Format::Human, PLAIN));
}

#[test]
fn sample_human_color() {
    let (diagnostics, sources) = sample();
    let text = render(
        &diagnostics,
        &sources,
        Format::Human,
        Style {
            color: true,
            ..PLAIN
        },
    );
    assert_snapshot!(text.replace('\u{1b}', "ESC"));
}

#[test]
fn sample_json() {
    let (diagnostics, sources) = sample();
    let text = render(&diagnostics, &sources, Format::Json, PLAIN);
    serde_json::from_str::<serde_json::Value>(&text).unwrap();
    assert_snapshot!(text);
}

#[test]
fn sample_github() {
    let (diagnostics, sources) = sample();
    assert_snapshot!(render(&diagnostics, &sources, Format::Github, PLAIN));
}

#[test]
fn sample_sarif() {
    let (diagnostics, sources) = sample();
    let text = render(&diagnostics, &sources, Format::Sarif, PLAIN);
    serde_json::from_str::<serde_json::Value>(&text).unwrap();
    assert_snapshot!(text.replace(env!("CARGO_PKG_VERSION"), "VERSION"));
}

#[test]
fn no_findings() {
    let text = |format| render(&Diagnostics::new(), &SourceMap::new(), format, PLAIN);
    assert_eq!(text(Format::Human), "");
    assert_eq!(text(Format::Github), "");
    assert_eq!(text(Format::Json), "[]\n");
    assert_snapshot!(text(Format::Sarif).replace(env!("CARGO_PKG_VERSION"), "VERSION"));
}

#[test]
fn related_places_in_one_file() {
    let mut text = HOSTS.to_owned();
    text.push_str(&"# filler\n".repeat(100));
    text.push_str("features:\n  ai.ollama: {}\n");
    let mut sources = SourceMap::new();
    let id = sources.add("spec/hosts.yaml", text);
    let finding = error(find(&sources, id, "alice", 0), "three places near, one far")
        .label("here")
        .related(find(&sources, id, "bob", 0), "next to it")
        .related(find(&sources, id, "template", 1), "a little off")
        .related(find(&sources, id, "alice", 0), "the same")
        .related(find(&sources, id, "ai.ollama", 0), "far off");
    assert_snapshot!(human([finding], &sources));
}

#[test]
fn many_related_places() {
    let mut sources = SourceMap::new();
    let id = sources.add("spec/a.yaml", "word word word\n".repeat(40));
    let mut finding = error(find(&sources, id, "word", 0), "too many words");
    for n in 1..100 {
        finding = finding.related(find(&sources, id, "word", n), format!("word {n}"));
    }
    let text = human([finding], &sources);
    assert!(
        text.contains("word 8") && !text.contains("word 9"),
        "{text}"
    );
    assert!(text.contains("= note: and 91 more places"), "{text}");
}

#[test]
fn long_block_is_marked_on_its_first_line() {
    let file = format!("a:\n{}b: 1\n", "  - item\n".repeat(60));
    let mut sources = SourceMap::new();
    let id = sources.add("spec/a.yaml", file.as_str());
    let span = Span::new(id, 0, file.find('b').unwrap());
    assert_snapshot!(human(
        [error(span, "too long").label("this list")],
        &sources
    ));
}

#[test]
fn tabs() {
    assert_snapshot!(one("a:\n\tb: \tvalue\t# end\n", "value", "after tabs"));
}

#[test]
fn windows_line_breaks() {
    assert_snapshot!(one(
        "a: 1\r\nb: 2\r\nc: 3\r\n",
        "b: 2\r\nc: 3\r\n",
        "both lines"
    ));
    assert_snapshot!(one("a: 1\r\nb: 2\r\n", "\r\nb", "from the line break on"));
}

#[test]
fn wide_characters() {
    assert_snapshot!(one("名前: 日本語 # é 🙂 x\n", "日本語", "six columns wide"));
    assert_snapshot!(one("名前: 日本語 # é 🙂 x\n", "x", "after a smile"));
}

#[test]
fn empty_file() {
    let mut sources = SourceMap::new();
    let id = sources.add("spec/empty.yaml", "");
    let finding = error(Span::new(id, 0, 0), "the file is empty").label("expected `version: 1`");
    assert_snapshot!(human([finding], &sources));
}

#[test]
fn end_of_file() {
    let mut sources = SourceMap::new();
    let with = sources.add("spec/with.yaml", "a: [1,\n");
    let without = sources.add("spec/without.yaml", "a: [1,");
    let findings = [with, without, with].map(|id| {
        let end = sources.file(id).text.len();
        error(Span::new(id, end, end + 7), "the list has no end").label("expected `]`")
    });
    assert_snapshot!(human(findings, &sources));
}

#[test]
fn byte_order_mark() {
    assert_snapshot!(one("\u{feff}a: 1\n", "a", "first"));
}

#[test]
fn very_long_line() {
    let filler = "0123456789, ".repeat(900_000);
    let mut sources = SourceMap::new();
    let id = sources.add(
        "spec/a.yaml",
        format!("a: [{filler}needle, {filler}日本, {filler}]\n"),
    );
    let len = sources.file(id).text.len();
    let findings = [
        error(find(&sources, id, "a", 0), "at the start").label("here"),
        error(find(&sources, id, "needle", 0), "in the middle")
            .label("here")
            .related(find(&sources, id, "日本", 0), "and far to the right"),
        error(Span::new(id, len - 2, len - 1), "at the end").label("here"),
        error(Span::new(id, 3, len - 1), "all of it").label("this list"),
        error(
            Span::new(id, 0, len),
            &format!("quotes {}", &sources.file(id).text),
        ),
    ];
    let text = human(findings, &sources);
    assert!(text.len() < 8_000, "{} bytes", text.len());
    assert_snapshot!(text.replace(&"0123456789, ".repeat(100), "[…1200 characters…]"));
}

#[test]
fn many_findings_on_a_long_line() {
    let mut sources = SourceMap::new();
    let id = sources.add("spec/a.yaml", "é".repeat(5_000_000));
    let findings = (0..1000).map(|n| error(Span::new(id, n * 10_000, n * 10_000 + 2), "here"));
    let text = human(findings, &sources);
    assert!(text.contains("--> spec/a.yaml:1:995001"));
    assert!(text.ends_with("\n1000 errors\n"));
}

#[test]
fn a_thousand_findings() {
    let mut sources = SourceMap::new();
    let id = sources.add("spec/a.yaml", "key: value\n".repeat(100_000));
    let first = find(&sources, id, "key", 0);
    let findings = (0..1000).map(|n| {
        let start = n * 1100;
        let all = Span::new(id, start, 1_000_000);
        error(all, "a block up to the end").related(first, "the first one")
    });
    let diagnostics = all(findings);
    let text = human(diagnostics.clone(), &sources);
    assert_eq!(text.matches("error[test-code]").count(), 200);
    assert!(text.contains("… and 800 more; `--format json` gives all\n"));
    assert!(text.ends_with("\n1000 errors\n"));
    assert!(text.len() < 1000 * 500, "{} bytes", text.len());
    let text = render(&diagnostics, &sources, Format::Github, PLAIN);
    assert_eq!(text.lines().count(), 1000);
}

#[test]
fn control_characters_are_neutralised() {
    let evil = "\u{1b}]0;title\u{7}\u{1b}[2J\u{9b}31m\u{202e}\u{7f}\u{0}\r\u{e0041}\u{200b}";
    let mut sources = SourceMap::new();
    let id = sources.add(
        format!("spec/{evil}.yaml"),
        format!("a: {evil} x # {evil}\nb: 2\n"),
    );
    let finding = error(
        find(&sources, id, "x", 0),
        &format!("message {evil}\n::error::forged"),
    )
    .label(format!("label {evil}\nline"))
    .related(find(&sources, id, "b", 0), format!("related {evil}\nline"))
    .help(format!("help {evil}\n::error::forged"));
    let diagnostics = all([finding]);
    for format in Format::ALL {
        let text = render(&diagnostics, &sources, *format, PLAIN);
        assert!(
            text.chars().all(|c| c == '\n' || !super::is_hostile(c)),
            "{text:?}"
        );
        assert!(
            !text.lines().any(|line| line.starts_with("::error::")),
            "{text}"
        );
    }
    let text = |format| render(&diagnostics, &sources, format, PLAIN);
    assert_snapshot!("control_human", text(Format::Human));
    assert_snapshot!("control_json", text(Format::Json));
    assert_snapshot!("control_github", text(Format::Github));
    let json: serde_json::Value = serde_json::from_str(&text(Format::Json)).unwrap();
    assert_eq!(json[0]["label"], format!("label {evil}\nline"));
}

#[test]
fn narrow_terminal() {
    let (diagnostics, sources) = sample();
    let narrow = render(
        &diagnostics,
        &sources,
        Format::Human,
        Style {
            color: false,
            width: 0,
        },
    );
    assert!(narrow.contains("--> spec/hosts.yaml:5:5"));
}

/// Every span of awkward texts, in every format: no panic, and the layout holds.
#[test]
fn any_span_of_any_text() {
    let long = format!("{}é\t日{}\n", "x".repeat(500), "y".repeat(500));
    for text in [
        "",
        "\n",
        "\r\n",
        "a",
        "é\r\n\t日\n\n 🙂\r",
        "\u{feff}a\n",
        "a:\n  b\n\n\n",
        long.as_str(),
    ] {
        let mut sources = SourceMap::new();
        let id = sources.add("a.yaml", text);
        let other = sources.add("b.yaml", text);
        let step = text.len() / 20 + 1;
        for start in (0..text.len() + 3).step_by(step) {
            for end in (0..text.len() + 3).step_by(step) {
                let span = Span::new(id, start, end);
                let diagnostics = all([error(span, "m")
                    .label("l")
                    .related(Span::new(id, end, start), "r")
                    .related(Span::new(other, end, start + 9), "o")]);
                for format in Format::ALL {
                    let out = render(&diagnostics, &sources, *format, PLAIN);
                    assert!(out.ends_with('\n') && !out.contains('\u{fdd0}'), "{out}");
                }
                let (line, column) = sources.line_column(id, span.start);
                let out = render(&diagnostics, &sources, Format::Human, PLAIN);
                assert!(
                    out.contains(&format!("--> a.yaml:{line}:{column}\n")),
                    "{span:?}\n{out}"
                );
            }
        }
    }
}

#[test]
fn codes_that_describe_themselves_are_rules_of_sarif() {
    static RULE: crate::Code = crate::Code {
        name: "lint/some-rule",
        summary: "something is odd",
        explanation: "It matters.",
    };
    let mut diagnostics = Diagnostics::new();
    diagnostics.push(Diagnostic::described(&RULE, Severity::Warning, None, "odd"));
    let text = render(
        &diagnostics,
        &SourceMap::new(),
        Format::Sarif,
        Style::default(),
    );
    assert!(text.contains("\"id\": \"lint/some-rule\""), "{text}");
    assert!(text.contains("\"ruleIndex\": 0"), "{text}");
    assert!(text.contains("It matters."), "{text}");
}
