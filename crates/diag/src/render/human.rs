//! Findings for people, in the look of rustc, drawn by annotate-snippets.
//!
//! Only excerpts of the sources are handed to the drawing: the lines that a finding marks, cropped to
//! what can be shown, with harmless characters.

use std::fmt::Write as _;

use annotate_snippets::renderer::{DEFAULT_ERROR_STYLE, DEFAULT_NOTE_STYLE, DEFAULT_WARNING_STYLE};
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Style, bounds, message, visible};
use crate::source::SourceFile;
use crate::{Diagnostic, Diagnostics, FileId, Severity, SourceMap, Span};

/// So many secondary places of a finding are shown.
const MOST_RELATED: usize = 8;

/// Longer spans are marked on their first line only.
const MOST_LINES: usize = 24;

/// Places nearer than this many lines share an excerpt.
const NEAR: usize = 8;

/// Encloses the number of a place in drawn text, where the place itself is put afterwards: the columns
/// that the drawing counts are those of the cropped line. No other text holds it, see
/// [`super::is_hostile`].
const PLACE: char = '\u{fdd0}';

/// Writes the findings and a line that counts them.
/// Findings that are drawn; nobody reads more, and what they share is mended first.
const MAX_SHOWN: usize = 200;

pub(super) fn render(diagnostics: &Diagnostics, sources: &SourceMap, style: Style) -> String {
    if diagnostics.is_empty() {
        return String::new();
    }
    let width = style.width.clamp(40, 400);
    let renderer = if style.color {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let canvas = Canvas {
        renderer: renderer.term_width(width),
        sources,
        width,
    };
    let mut out = String::new();
    for diagnostic in diagnostics.iter().take(MAX_SHOWN) {
        canvas.finding(&mut out, diagnostic);
        out.push('\n');
    }
    let more = diagnostics.iter().len().saturating_sub(MAX_SHOWN);
    if more > 0 {
        // Writing to a string does not fail.
        let _ = writeln!(out, "… and {more} more; `--format json` gives all\n");
    }
    summary(&mut out, diagnostics, style);
    out
}

fn summary(out: &mut String, diagnostics: &Diagnostics, style: Style) {
    let kinds = [
        (Severity::Error, "error", DEFAULT_ERROR_STYLE),
        (Severity::Warning, "warning", DEFAULT_WARNING_STYLE),
        (Severity::Note, "note", DEFAULT_NOTE_STYLE),
    ];
    let mut separator = "";
    for (severity, name, paint) in kinds {
        let count = diagnostics.count(severity);
        if count == 0 {
            continue;
        }
        let plural = if count == 1 { "" } else { "s" };
        out.push_str(separator);
        // Writing to a string does not fail.
        let _ = if style.color {
            write!(out, "{paint}{count} {name}{plural}{paint:#}")
        } else {
            write!(out, "{count} {name}{plural}")
        };
        separator = ", ";
    }
    out.push('\n');
}

struct Canvas<'a> {
    renderer: Renderer,
    sources: &'a SourceMap,
    width: usize,
}

impl Canvas<'_> {
    fn finding(&self, out: &mut String, diagnostic: &Diagnostic) {
        let level = match diagnostic.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
            Severity::Note => Level::NOTE,
        };
        let mut group = Group::with_title(
            level
                .primary_title(message(&diagnostic.message))
                .id(diagnostic.code),
        );

        let mut places = Vec::new();
        for excerpt in self.excerpts(diagnostic) {
            let file = self.sources.file(excerpt.file);
            let token = format!("{PLACE}{}{PLACE}", places.len());
            let (line, column) = file.line_column(excerpt.marks[0].start);
            places.push(format!("{}:{line}:{column}", message(&file.path)));
            group = group.element(excerpt.snippet(file, self.width).path(token));
        }
        let more = diagnostic.related.len().saturating_sub(MOST_RELATED);
        if more > 0 && !places.is_empty() {
            let plural = if more == 1 { "" } else { "s" };
            group = group.element(Level::NOTE.message(format!("and {more} more place{plural}")));
        }

        let helps = diagnostic.help.iter().map(|help| {
            let lines: Vec<_> = help.lines().map(message).collect();
            Group::with_title(Level::HELP.secondary_title(lines.join("\n")))
        });
        if places.is_empty() {
            // Without an excerpt there is no gutter to connect the lines to.
            for group in std::iter::once(group).chain(helps) {
                out.push_str(&self.renderer.render(&[group]));
                out.push('\n');
            }
        } else {
            let report: Vec<_> = std::iter::once(group).chain(helps).collect();
            fill_places(out, &self.renderer.render(&report), &places);
            out.push('\n');
        }
    }

    /// The parts of the sources to show: the primary place with what is near it, then the others.
    fn excerpts<'a>(&self, diagnostic: &'a Diagnostic) -> Vec<Excerpt<'a>> {
        let primary = diagnostic
            .span
            .map(|span| (span, diagnostic.label.as_deref(), true));
        let related = diagnostic.related.iter().take(MOST_RELATED);
        let related = related.map(|label| (label.span, Some(label.message.as_str()), false));
        let mut excerpts: Vec<Excerpt<'a>> = Vec::new();
        for (span, label, primary) in primary.into_iter().chain(related) {
            let mark = self.mark(span, label, primary);
            match excerpts
                .iter_mut()
                .find(|e| e.file == span.file && e.fits(&mark, self.reach()))
            {
                Some(excerpt) => excerpt.add(mark),
                None => excerpts.push(Excerpt::new(span.file, mark)),
            }
        }
        excerpts
    }

    /// So many columns may lie between the ends of the marks of an excerpt.
    fn reach(&self) -> usize {
        self.width * 2 / 3
    }

    fn mark<'a>(&self, span: Span, label: Option<&'a str>, primary: bool) -> Mark<'a> {
        let file = self.sources.file(span.file);
        let (start, end) = bounds(file, span);
        let (first, left) = file.line_column(start);
        let (mut last, mut right) = file.line_column(end);
        let line = file.line_range(first);
        let start = start.min(line.end);
        let mut end = end.min(file.line_range(last).end);
        let mut through = None;
        if last > first && (last - first >= MOST_LINES || left.max(right) > self.reach()) {
            through = Some(last);
            last = first;
            end = line.end;
        }
        if last == first {
            end = crop(&file.text[start..end.max(start)], self.reach()) + start;
            right = left + file.text[start..end].chars().count();
        }
        Mark {
            first,
            last,
            start,
            end,
            left,
            right,
            label,
            through,
            primary,
        }
    }
}

/// The length in bytes of as much of a text as fits into some columns of a terminal.
fn crop(text: &str, columns: usize) -> usize {
    let mut used = 0;
    for (i, c) in text.char_indices() {
        used += match c {
            '\t' => 4,
            c if c.is_ascii() => 1,
            _ => 2,
        };
        if used > columns {
            return i;
        }
    }
    text.len()
}

/// A span as it is marked: bytes of the file, lines and columns.
struct Mark<'a> {
    first: usize,
    last: usize,
    start: usize,
    end: usize,
    left: usize,
    right: usize,
    label: Option<&'a str>,
    /// The last line of a span of which only the first one is marked.
    through: Option<usize>,
    primary: bool,
}

impl Mark<'_> {
    fn leftmost(&self) -> usize {
        self.left.min(self.right)
    }

    fn rightmost(&self) -> usize {
        self.left.max(self.right)
    }

    fn annotation(&self, span: (usize, usize)) -> Annotation<'static> {
        let kind = if self.primary {
            AnnotationKind::Primary
        } else {
            AnnotationKind::Context
        };
        let label = self.label.map(|label| message(label).into_owned());
        let label = match (label, self.through) {
            (Some(label), Some(line)) => Some(format!("{label} (through line {line})")),
            (None, Some(line)) => Some(format!("through line {line}")),
            (label, None) => label,
        };
        kind.span(span.0..span.1).label(label)
    }
}

/// Lines of a file and the marks on them.
struct Excerpt<'a> {
    file: FileId,
    first: usize,
    last: usize,
    left: usize,
    right: usize,
    marks: Vec<Mark<'a>>,
}

impl<'a> Excerpt<'a> {
    fn new(file: FileId, mark: Mark<'a>) -> Self {
        let (left, right) = (mark.leftmost(), mark.rightmost());
        Self {
            file,
            first: mark.first,
            last: mark.last,
            left,
            right,
            marks: vec![mark],
        }
    }

    fn fits(&self, mark: &Mark<'_>, reach: usize) -> bool {
        let near = mark.first <= self.last + NEAR && self.first <= mark.last + NEAR;
        near && self.right.max(mark.rightmost()) - self.left.min(mark.leftmost()) <= reach
    }

    fn add(&mut self, mark: Mark<'a>) {
        self.first = self.first.min(mark.first);
        self.last = self.last.max(mark.last);
        self.left = self.left.min(mark.leftmost());
        self.right = self.right.max(mark.rightmost());
        self.marks.push(mark);
    }

    /// The excerpt as text with annotations.
    fn snippet(&self, file: &SourceFile, width: usize) -> Snippet<'static, Annotation<'static>> {
        let mut text = String::new();
        let mut spans = vec![(0, 0); self.marks.len()];
        for number in self.first..=self.last {
            let line = file.line_range(number);
            let (from, to) = self.window(file, number, width);
            if from > line.start {
                text.push('…');
            }
            let shown = file.text[from..to]
                .char_indices()
                .map(|(i, c)| (from + i, Some(c)));
            for (byte, c) in shown.chain(std::iter::once((to, None))) {
                for (mark, span) in self.marks.iter().zip(&mut spans) {
                    if mark.start == byte {
                        span.0 = text.len();
                    }
                    if mark.end == byte {
                        span.1 = text.len();
                    }
                }
                match c {
                    Some('\u{feff}') if byte == 0 => {}
                    Some(c) => text.push(visible(c)),
                    None if to < line.end => text.push('…'),
                    None => {}
                }
            }
            text.push('\n');
        }
        let annotations = self
            .marks
            .iter()
            .zip(spans)
            .map(|(mark, span)| mark.annotation(span));
        Snippet::source(text)
            .line_start(self.first)
            .annotations(annotations)
    }

    /// The part of a line to show, in bytes: all of it, or of a long one some text around the marks.
    /// It is wider than the terminal, since the drawing crops it again, knowing the labels.
    fn window(&self, file: &SourceFile, number: usize, width: usize) -> (usize, usize) {
        let line = file.line_range(number);
        if line.len() <= 4 * width {
            return (line.start, line.end);
        }
        let starts = self
            .marks
            .iter()
            .filter(|mark| mark.first == number)
            .map(|mark| mark.start);
        let ends = self
            .marks
            .iter()
            .filter(|mark| mark.last == number)
            .map(|mark| mark.end);
        let anchor = starts.chain(ends).min().unwrap_or(line.start);
        let before = file.text[line.start..anchor]
            .char_indices()
            .rev()
            .take(width)
            .last();
        let from = before.map_or(anchor, |(i, _)| line.start + i);
        let after = file.text[anchor..line.end].char_indices().nth(2 * width);
        let to = after.map_or(line.end, |(i, _)| anchor + i);
        (from, to)
    }
}

/// Appends drawn text with the places put in.
fn fill_places(out: &mut String, drawn: &str, places: &[String]) {
    let mut rest = drawn;
    while let Some((before, after)) = rest.split_once(PLACE) {
        out.push_str(before);
        rest = after;
        let Some((number, after)) = rest.split_once(PLACE) else {
            break;
        };
        if let Some(place) = number.parse::<usize>().ok().and_then(|n| places.get(n)) {
            out.push_str(place);
        }
        // The line and column that the drawing counted.
        rest = after.trim_start_matches(|c: char| c == ':' || c.is_ascii_digit());
    }
    out.push_str(rest);
}
