//! Options, found by path.
//!
//! The text is kept as it is, one option a line and sorted by name; a table says where each name and
//! line is. What lies below a path is one range of the table, so that a step down the tree is a
//! binary search within the range of its parent.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::OnceLock;

use serde::Deserialize;

use crate::{IndexError, Type};

/// The options of one namespace.
#[derive(Clone, Debug, Default)]
pub struct Options {
    text: String,
    /// Names that are written with escapes, unescaped.
    unescaped: String,
    entries: Vec<Entry>,
    /// What is known about each entry, from when it was first asked for.
    facts: Vec<OnceLock<Box<OptionFacts>>>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    line: (u32, u32),
    name: (u32, u32),
    escaped: bool,
}

/// What is known about an option.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct OptionFacts {
    /// Its path; `<name>` (or another word in such brackets) stands for an attribute name, `*` for a
    /// list element.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub ty: Type,
    /// Whether anything is allowed below it.
    pub open: bool,
    /// The input that declares it, when it is not nixpkgs.
    pub from: Option<String>,
    /// The path that it was renamed to.
    pub alias_of: Option<String>,
    /// Whether setting it is an error.
    pub removed: bool,
    /// Its default, when it is a short literal.
    #[serde(deserialize_with = "some")]
    pub default: Option<serde_json::Value>,
    /// Whether it has no default.
    pub no_default: bool,
    /// Whether it may only be read.
    pub read_only: bool,
    /// Whether it is not meant for users.
    pub internal: bool,
}

/// `null` is a default like any other.
fn some<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<serde_json::Value>, D::Error> {
    serde_json::Value::deserialize(deserializer).map(Some)
}

/// A place in the tree of options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The option at this path, if the path is one.
    pub(crate) option: Option<usize>,
    /// The options below it.
    below: (usize, usize),
    /// Bytes of the names that are the path.
    prefix: usize,
    /// The option whose elements are meant, and how many placeholders below it; for places that are
    /// no options themselves.
    holder: Option<(usize, usize)>,
}

impl Place {
    /// Whether anything is listed below.
    pub(crate) fn has_children(self) -> bool {
        self.below.0 < self.below.1
    }
}

impl Options {
    /// Reads a JSON list with one object a line.
    pub(crate) fn parse(file: &str, text: String) -> Result<Self, IndexError> {
        let fail = |message: String| IndexError {
            file: file.to_owned(),
            message,
        };
        if u32::try_from(text.len()).is_err() {
            return Err(fail("it is larger than 4 GiB".to_owned()));
        }
        let mut entries = Vec::with_capacity(text.len() / 100);
        let mut unescaped = String::new();
        let mut start = 0;
        for (line_idx, line) in text.split('\n').enumerate() {
            let end = start + line.len();
            let object = line.trim_end().trim_end_matches(',');
            if object.starts_with('{') {
                let bad = |what: &str| fail(format!("line {}: {what}", line_idx + 1));
                let key = "\"name\":\"";
                let at = object.find(key).ok_or_else(|| bad("no `name`"))? + key.len();
                let rest = &object[at..];
                let (length, escaped) =
                    text_length(rest).ok_or_else(|| bad("an unfinished name"))?;
                let name = if escaped {
                    let name: String = serde_json::from_str(&object[at - 1..=at + length])
                        .map_err(|error| bad(&error.to_string()))?;
                    let from = unescaped.len();
                    unescaped.push_str(&name);
                    (from, unescaped.len())
                } else {
                    (start + at, start + at + length)
                };
                entries.push(Entry {
                    line: (offset(start), offset(start + object.len())),
                    name: (offset(name.0), offset(name.1)),
                    escaped,
                });
            } else if !matches!(object.trim(), "" | "[" | "]") {
                return Err(fail(format!(
                    "line {}: expected one object a line",
                    line_idx + 1
                )));
            }
            start = end + 1;
        }
        let mut options = Self {
            text,
            unescaped,
            facts: std::iter::repeat_with(OnceLock::new)
                .take(entries.len())
                .collect(),
            entries,
        };
        if !options.is_sorted() {
            let mut entries = std::mem::take(&mut options.entries);
            entries.sort_by(|a, b| options.entry_name(a).cmp(options.entry_name(b)));
            options.entries = entries;
        }
        Ok(options)
    }

    fn is_sorted(&self) -> bool {
        self.entries
            .is_sorted_by_key(|entry| self.entry_name(entry))
    }

    fn entry_name(&self, entry: &Entry) -> &str {
        let text = if entry.escaped {
            &self.unescaped
        } else {
            &self.text
        };
        &text[entry.name.0 as usize..entry.name.1 as usize]
    }

    /// How many options there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| self.entry_name(entry))
    }

    /// The option whose name this is, `<name>` and `*` literally.
    pub fn get(&self, name: &str) -> Option<&OptionFacts> {
        let found = self
            .entries
            .binary_search_by(|entry| self.entry_name(entry).cmp(name));
        found.ok().map(|at| self.facts(at))
    }

    /// The name of an option by its number.
    pub(crate) fn name(&self, at: usize) -> &str {
        self.entry_name(&self.entries[at])
    }

    /// What is known about an option by its number. A line that is no option says nothing.
    pub(crate) fn facts(&self, at: usize) -> &OptionFacts {
        self.facts[at].get_or_init(|| {
            let Entry { line, .. } = self.entries[at];
            let line = &self.text[line.0 as usize..line.1 as usize];
            Box::new(serde_json::from_str(line).unwrap_or_default())
        })
    }

    /// The root of the tree.
    pub(crate) fn root(&self) -> Place {
        Place {
            option: None,
            below: (0, self.entries.len()),
            prefix: 0,
            holder: None,
        }
    }

    /// The place whose last name is `segment`, as it is written in option names.
    pub(crate) fn child(&self, place: Place, segment: &str) -> Option<Place> {
        let dot = usize::from(place.prefix > 0);
        let skip = place.prefix + dot;
        let range = place.below.0..place.below.1;
        let wanted = |at: usize| &self.name(at)[skip..];
        let first = lower(range.clone(), |at| wanted(at) < segment);
        let exact = (first < range.end && wanted(first) == segment).then_some(first);
        // A dot sorts after a hyphen: options of other names may stand between.
        let starts = |at: usize| {
            let rest = wanted(at);
            match rest.strip_prefix(segment) {
                Some(tail) => tail
                    .bytes()
                    .next()
                    .map_or(std::cmp::Ordering::Less, |b| b.cmp(&b'.')),
                None => rest.cmp(segment),
            }
        };
        let start = lower(first..range.end, |at| starts(at).is_lt());
        let end = lower(start..range.end, |at| starts(at).is_eq());
        if exact.is_none() && start == end {
            return None;
        }
        Some(Place {
            option: exact,
            below: (start, end),
            prefix: skip + segment.len(),
            holder: if segment.starts_with(['<', '*']) && exact.is_none() {
                match (place.option, place.holder) {
                    (Some(at), _) => Some((at, 1)),
                    (None, Some((at, depth))) => Some((at, depth + 1)),
                    (None, None) => None,
                }
            } else {
                None
            },
        })
    }

    /// The place below any name: `<name>`, or another word in angle brackets.
    pub(crate) fn named(&self, place: Place) -> Option<Place> {
        let skip = place.prefix + usize::from(place.prefix > 0);
        let range = place.below.0..place.below.1;
        let first = lower(range.clone(), |at| &self.name(at)[skip..] < "<");
        if first == range.end {
            return None;
        }
        let segment = first_segment(&self.name(first)[skip..]);
        if !segment.starts_with('<') {
            return None;
        }
        let segment = segment.to_owned();
        self.child(place, &segment)
    }

    /// The types of a value at a place: of its option, or of the elements of the option around it.
    pub(crate) fn types(&self, place: Place) -> Cow<'_, [Type]> {
        if let Some(at) = place.option {
            return Cow::Borrowed(std::slice::from_ref(&self.facts(at).ty));
        }
        let Some((at, depth)) = place.holder else {
            return Cow::Borrowed(&[]);
        };
        let mut types = vec![self.facts(at).ty.clone()];
        for _ in 0..depth {
            types = types.iter().flat_map(Type::elements).collect();
        }
        Cow::Owned(types)
    }

    /// The names of what is listed directly below a place, each once, in order.
    pub(crate) fn children(&self, place: Place) -> Vec<Cow<'_, str>> {
        let skip = place.prefix + usize::from(place.prefix > 0);
        let mut found: Vec<Cow<'_, str>> = Vec::new();
        for at in place.below.0..place.below.1 {
            let rest = &self.name(at)[skip..];
            let name = first_segment(rest);
            if found.last().map(AsRef::as_ref) != Some(name) {
                found.push(Cow::Borrowed(name));
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// The bytes before the closing quote, and whether there is a backslash among them.
fn text_length(text: &str) -> Option<(usize, bool)> {
    let mut escaped = false;
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return Some((at, escaped)),
            b'\\' => {
                escaped = true;
                bytes.next();
            }
            _ => {}
        }
    }
    None
}

/// The first number of a range for which `is_before` no longer holds.
fn lower(range: Range<usize>, is_before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (range.start, range.end);
    while low < high {
        let middle = low.midpoint(high);
        if is_before(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// The part before the first dot that does not stand between quotes.
fn first_segment(name: &str) -> &str {
    let mut quoted = false;
    for (at, byte) in name.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'.' if !quoted => return &name[..at],
            _ => {}
        }
    }
    name
}

/// The segments of an option's name.
pub(crate) fn segments(name: &str) -> Vec<&str> {
    let mut rest = name;
    let mut found = Vec::new();
    loop {
        let first = first_segment(rest);
        found.push(first);
        match rest.get(first.len() + 1..) {
            Some(tail) => rest = tail,
            None => return found,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(names: &[&str]) -> Options {
        let mut sorted = names.to_vec();
        sorted.sort_unstable();
        let lines: Vec<String> = sorted
            .iter()
            .map(|name| {
                let name = serde_json::to_string(name).unwrap();
                format!("{{\"default\":1,\"name\":{name},\"type\":{{\"t\":\"int\"}}}}")
            })
            .collect();
        Options::parse("x", format!("[\n{}\n]\n", lines.join(",\n"))).unwrap()
    }

    #[test]
    fn steps() {
        let options = options(&[
            "a.foo",
            "a.foo-bar",
            "a.foo-bar.x",
            "a.foo.x",
            "a.foo.<name>.y",
            "a.\"b.c\".d",
            "z",
        ]);
        let root = options.root();
        let a = options.child(root, "a").unwrap();
        assert_eq!(a.option, None);
        let foo = options.child(a, "foo").unwrap();
        assert_eq!(foo.option.map(|at| options.name(at)), Some("a.foo"));
        assert_eq!(options.children(foo), ["<name>", "x"]);
        let named = options.named(foo).unwrap();
        assert_eq!(options.children(named), ["y"]);
        assert!(options.named(a).is_none());
        let dashed = options.child(a, "foo-bar").unwrap();
        assert_eq!(options.children(dashed), ["x"]);
        assert!(
            options
                .child(options.child(a, "\"b.c\"").unwrap(), "d")
                .is_some()
        );
        assert!(options.child(a, "fo").is_none());
        assert!(options.child(root, "z").unwrap().option.is_some());
        assert_eq!(options.children(root), ["a", "z"]);
    }

    #[test]
    fn what_is_no_index() {
        let fails = |text: &str| Options::parse("x", text.to_owned()).unwrap_err().message;
        assert_eq!(fails("{ }\n"), "line 1: no `name`");
        assert_eq!(fails("[\nnull\n]"), "line 2: expected one object a line");
        assert_eq!(fails("[\n{\"name\":\"a\n"), "line 2: an unfinished name");
    }

    #[test]
    fn order_does_not_matter() {
        let text = "[\n{\"name\":\"b\"},\n{\"name\":\"a\"}\n]".to_owned();
        let options = Options::parse("x", text).unwrap();
        assert_eq!(options.names().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn parts_of_a_name() {
        assert_eq!(
            segments("a.\"b.c\".<name>.*"),
            ["a", "\"b.c\"", "<name>", "*"]
        );
    }
}
