//! Pieces of Markdown.

use std::fmt::Write as _;

/// Text as a cell of a table.
pub(super) fn cell(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.replace('|', "\\|")
}

/// Code in a line; in a table, the bar needs an escape even there.
pub(super) fn code(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.contains('`') {
        format!("`` {line} ``")
    } else {
        format!("`{line}`")
    }
}

/// The anchor that a heading gets.
pub(crate) fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, '-' | '_' | ' ');
    let lower = heading.trim().to_lowercase();
    lower
        .chars()
        .filter(kept)
        .collect::<String>()
        .replace(' ', "-")
}

/// A table; nothing when there is no row.
pub(crate) fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let headings: Vec<String> = headings.iter().map(|h| (*h).to_owned()).collect();
    let mut text = line(&headings);
    let _ = writeln!(text, "|{}", "---|".repeat(headings.len()));
    for row in rows {
        text.push_str(&line(row));
    }
    text
}

/// The page with other text between the marks of this name.
pub(crate) fn between_marks(page: &str, name: &str, text: &str) -> anyhow::Result<String> {
    let (begin, end) = (
        format!("<!-- {name}:begin -->\n"),
        format!("<!-- {name}:end -->"),
    );
    let parts = page
        .split_once(&begin)
        .and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
    let Some((before, after)) = parts else {
        anyhow::bail!("there is no `{}` … `{end}`", begin.trim_end());
    };
    Ok(format!(
        "{before}{begin}\n{}\n\n{end}{after}",
        text.trim_end()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_are_those_of_github() {
        assert_eq!(anchor("ai.open-webui"), "aiopen-webui");
        assert_eq!(anchor("`gen new` and more"), "gen-new-and-more");
    }

    #[test]
    fn cells_stay_in_their_column() {
        assert_eq!(cell("a | b\nc"), "a \\| b c");
        assert_eq!(code("a`b"), "`` a`b ``");
    }

    #[test]
    fn text_between_marks_is_replaced() {
        let page = "a\n<!-- x:begin -->\nold\n<!-- x:end -->\nb\n";
        let once = between_marks(page, "x", "new\n").unwrap();
        assert_eq!(once, "a\n<!-- x:begin -->\n\nnew\n\n<!-- x:end -->\nb\n");
        assert_eq!(between_marks(&once, "x", "new").unwrap(), once);
        assert!(between_marks("a", "x", "new").is_err());
    }
}
