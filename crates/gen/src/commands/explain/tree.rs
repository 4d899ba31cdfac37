//! Drawing: sections of indented lines, each with a remark behind it.

/// A text that is built line by line.
#[derive(Debug, Default)]
pub(super) struct Tree {
    text: String,
    section: Vec<(usize, String, String)>,
}

impl Tree {
    /// A line of its own, not indented.
    pub(super) fn title(&mut self, text: &str) {
        self.flush();
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// The first line: what it is, its name, and what it is for.
    pub(super) fn headline(&mut self, kind: &str, name: &str, description: Option<&str>) {
        let description = description
            .map(|text| format!(": {text}"))
            .unwrap_or_default();
        self.title(&format!("{kind} {name}{description}"));
    }

    /// A line below the title, with what is said about it in a column of its own.
    pub(super) fn line(
        &mut self,
        depth: usize,
        text: impl Into<String>,
        remark: impl Into<String>,
    ) {
        self.section.push((depth, text.into(), remark.into()));
    }

    /// A name and a value, where there is one.
    pub(super) fn fact(&mut self, name: &str, value: &str) {
        if !value.is_empty() && value != "-" {
            self.line(1, name, value);
        }
    }

    fn flush(&mut self) {
        /// Lines longer than this do not move the column of the remarks.
        const WIDEST: usize = 60;
        let wide = |(depth, text, _): &(usize, String, String)| depth * 2 + text.chars().count();
        let remarked = self
            .section
            .iter()
            .filter(|(_, _, remark)| !remark.is_empty());
        let column = remarked
            .map(wide)
            .filter(|width| *width <= WIDEST)
            .max()
            .unwrap_or(0);
        for line in std::mem::take(&mut self.section) {
            let width = wide(&line);
            let (depth, text, remark) = line;
            self.text.push_str(&"  ".repeat(depth));
            self.text.push_str(&text);
            if !remark.is_empty() {
                self.text
                    .push_str(&" ".repeat(column.saturating_sub(width) + 2));
                self.text.push_str(&remark);
            }
            self.text.push('\n');
        }
    }

    /// The text.
    pub(super) fn finish(mut self) -> String {
        self.flush();
        self.text
    }
}
