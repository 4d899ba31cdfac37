//! Source files and places in them.

use std::fmt;
use std::ops::Range;

/// A file of a [`SourceMap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

/// A byte range of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// A range of a file.
    pub fn new(file: FileId, start: usize, end: usize) -> Self {
        Self {
            file,
            start: clamp(start),
            end: clamp(end),
        }
    }
}

/// A value and where it was written. Equality and order ignore the place.
#[derive(Clone, Debug)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// A value at a place.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }

    /// The same place with another value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Spanned<U> {
        Spanned {
            value: f(self.value),
            span: self.span,
        }
    }
}

impl<T: PartialEq> PartialEq for Spanned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Spanned<T> {}

impl<T: PartialOrd> PartialOrd for Spanned<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        self.value.partial_cmp(&other.value)
    }
}

impl<T: Ord> Ord for Spanned<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.value.cmp(&other.value)
    }
}

impl<T: fmt::Display> fmt::Display for Spanned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T> std::ops::Deref for Spanned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// One source text.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// Path as a user would write it, `/` between parts, relative to the working folder
    /// (`spec/hosts.yaml`) or `catalog:` for the built-in catalog (`catalog:ai/ollama.yaml`).
    pub path: String,
    /// The text.
    pub text: String,
    line_starts: Vec<u32>,
    /// Characters before every [`MARK`]th byte; empty for ASCII, where a byte is a character. Makes
    /// a column cost the same wherever in a line it is.
    marks: Vec<u32>,
}

/// Distance in bytes between two entries of [`SourceFile::marks`].
const MARK: usize = 1024;

impl SourceFile {
    fn new(path: String, text: String) -> Self {
        let line_starts = std::iter::once(0)
            .chain(
                text.bytes()
                    .enumerate()
                    .filter(|(_, b)| *b == b'\n')
                    .map(|(i, _)| clamp(i + 1)),
            )
            .collect();
        let mut marks = Vec::new();
        if !text.is_ascii() {
            let mut before = 0;
            for block in text.as_bytes().chunks(MARK) {
                marks.push(clamp(before));
                before += characters(block);
            }
            marks.push(clamp(before));
        }
        Self {
            path,
            text,
            line_starts,
            marks,
        }
    }

    /// How many lines there are: one more than line breaks, so one in an empty file.
    pub fn line_count(&self) -> usize {
        self.line_starts.len()
    }

    /// The bytes of a line, counted from 1, without its line break; of the nearest line if there is
    /// none of that number.
    pub fn line_range(&self, line: usize) -> Range<usize> {
        let line = line.clamp(1, self.line_count());
        let start = self.line_starts[line - 1] as usize;
        let Some(next) = self.line_starts.get(line) else {
            return start..self.text.len();
        };
        let end = *next as usize - 1;
        let cut = usize::from(end > start && self.text.as_bytes()[end - 1] == b'\r');
        start..end - cut
    }

    /// The line, counted from 1, on which a byte lies; the last one for bytes past the end.
    pub fn line_at(&self, byte: usize) -> usize {
        self.line_starts
            .partition_point(|start| *start as usize <= byte)
            .max(1)
    }

    /// Line and column, both counted from 1, of a byte. Columns count characters; a byte order mark
    /// is none; the line break belongs to the column after the last character.
    pub fn line_column(&self, byte: usize) -> (usize, usize) {
        let byte = self.floor(byte);
        let line = self.line_at(byte);
        let Range { start, end } = self.line_range(line);
        let before = self.characters_before(byte.min(end)) - self.characters_before(start);
        let bom = usize::from(line == 1 && before > 0 && self.text.starts_with('\u{feff}'));
        (line, before - bom + 1)
    }

    /// The nearest character boundary at or before a byte; the end for bytes past it.
    pub(crate) fn floor(&self, byte: usize) -> usize {
        let byte = byte.min(self.text.len());
        (0..=byte)
            .rev()
            .find(|i| self.text.is_char_boundary(*i))
            .unwrap_or(0)
    }

    fn characters_before(&self, byte: usize) -> usize {
        match self.marks.get(byte / MARK) {
            None => byte,
            Some(before) => {
                let block = byte / MARK * MARK;
                *before as usize + characters(&self.text.as_bytes()[block..byte])
            }
        }
    }
}

/// How many characters start in some bytes of UTF-8.
fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|b| *b & 0xC0 != 0x80).count()
}

fn clamp(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// All source texts of a run.
#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    files: Vec<SourceFile>,
}

impl SourceMap {
    /// No files yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file.
    pub fn add(&mut self, path: impl Into<String>, text: impl Into<String>) -> FileId {
        let id = FileId(clamp(self.files.len()));
        self.files.push(SourceFile::new(path.into(), text.into()));
        id
    }

    /// A file. Panics on an id of another map, which is a bug.
    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.files[id.0 as usize]
    }

    /// A file's path.
    pub fn path(&self, id: FileId) -> &str {
        &self.file(id).path
    }

    /// The files in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        self.files
            .iter()
            .enumerate()
            .map(|(i, f)| (FileId(clamp(i)), f))
    }

    /// 1-based line and column (in characters) of a byte; see [`SourceFile::line_column`].
    pub fn line_column(&self, file: FileId, byte: u32) -> (usize, usize) {
        self.file(file).line_column(byte as usize)
    }

    /// `spec/hosts.yaml:12` for messages that name a second place in words.
    pub fn place(&self, span: Span) -> String {
        let (line, _) = self.line_column(span.file, span.start);
        format!("{}:{line}", self.path(span.file))
    }

    /// The text of a range; as much of it as there is.
    pub fn slice(&self, span: Span) -> &str {
        let file = self.file(span.file);
        file.text
            .get(file.floor(span.start as usize)..file.floor(span.end as usize))
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::{FileId, MARK, SourceMap, Span};

    fn map(text: &str) -> (SourceMap, FileId) {
        let mut map = SourceMap::new();
        let id = map.add("spec/a.yaml", text);
        (map, id)
    }

    #[test]
    fn an_empty_file_has_one_empty_line() {
        let (map, id) = map("");
        assert_eq!(map.file(id).line_count(), 1);
        assert_eq!(map.file(id).line_range(1), 0..0);
        assert_eq!(map.line_column(id, 0), (1, 1));
        assert_eq!(map.line_column(id, 9), (1, 1));
        assert_eq!(map.slice(Span::new(id, 0, 9)), "");
    }

    #[test]
    fn line_breaks_of_both_kinds_belong_to_their_line() {
        let (map, id) = map("ab\r\ncd\n\r\nx\ry");
        let file = map.file(id);
        let ranges: Vec<_> = (1..=file.line_count())
            .map(|n| &file.text[file.line_range(n)])
            .collect();
        assert_eq!(ranges, ["ab", "cd", "", "x\ry"]);
        for (byte, place) in [
            (0, (1, 1)),
            (2, (1, 3)),
            (3, (1, 3)),
            (4, (2, 1)),
            (6, (2, 3)),
            (7, (3, 1)),
            (8, (3, 1)),
        ] {
            assert_eq!(map.line_column(id, byte), place, "byte {byte}");
        }
    }

    #[test]
    fn places_past_the_end_are_the_end() {
        let (map, id) = map("a: 1\n");
        assert_eq!(map.line_column(id, 5), (2, 1));
        assert_eq!(map.line_column(id, u32::MAX), (2, 1));
        assert_eq!(map.slice(Span::new(id, 3, 900)), "1\n");
        assert_eq!(map.slice(Span::new(id, 4, 2)), "");
        assert_eq!(map.place(Span::new(id, 900, 901)), "spec/a.yaml:2");
        assert_eq!(map.file(id).line_range(0), 0..4);
        assert_eq!(map.file(id).line_range(99), 5..5);
    }

    #[test]
    fn columns_count_characters() {
        let (map, id) = map("é: 日本\n");
        // Bytes 0–1 `é`, 2 `:`, 3 ` `, 4–6 `日`, 7–9 `本`.
        for (byte, column) in [
            (0, 1),
            (1, 1),
            (2, 2),
            (4, 4),
            (5, 4),
            (7, 5),
            (10, 6),
            (11, 1),
        ] {
            assert_eq!(map.line_column(id, byte).1, column, "byte {byte}");
        }
        assert_eq!(map.slice(Span::new(id, 5, 8)), "日");
    }

    #[test]
    fn a_byte_order_mark_is_no_column() {
        let (map, id) = map("\u{feff}ab\n");
        assert_eq!(map.line_column(id, 0), (1, 1));
        assert_eq!(map.line_column(id, 3), (1, 1));
        assert_eq!(map.line_column(id, 4), (1, 2));
    }

    #[test]
    fn columns_agree_with_counting_across_marks() {
        let text: String = (0..3 * MARK)
            .map(|i| ['a', 'é', '日', '🙂'][i * i % 4])
            .collect();
        let (map, id) = map(&text);
        for (count, (byte, _)) in text.char_indices().enumerate() {
            assert_eq!(
                map.line_column(id, u32::try_from(byte).unwrap()),
                (1, count + 1)
            );
        }
        let all = text.chars().count();
        assert_eq!(map.line_column(id, u32::MAX), (1, all + 1));
    }
}
