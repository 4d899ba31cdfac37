//! Values as written: data with the tags of the language.

use std::collections::BTreeMap;

use diag::{Diagnostic, Diagnostics, Span};
use nix::AttrPath;

use crate::node::{Node, NodeKind, Style};
use crate::scalar::{Plain, plain};

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// What it is.
    pub kind: ValueKind,
    /// Place, without the tag.
    pub span: Span,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub enum ValueKind {
    /// `null`.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// Text.
    Str(String),
    /// A list.
    List(Vec<Value>),
    /// A mapping that is a value of its own: in a list, below a tag, or an option's value.
    Attrs(BTreeMap<String, Value>),
    /// `!nix`.
    Nix(nix::Expr),
    /// `!opt`: option name, with dots for fields of submodules.
    Opt(String),
    /// `!pkg`.
    Pkg(String),
    /// `!secret`.
    Secret(String),
    /// `!file`, relative to the spec folder.
    File(String),
    /// `!lines`.
    Lines(String),
    /// `!default`.
    Default(Box<Value>),
    /// `!force`.
    Force(Box<Value>),
    /// `!before`.
    Before(Box<Value>),
    /// `!after`.
    After(Box<Value>),
    /// `!if`.
    If {
        /// The condition: `!opt` or `!nix`.
        when: Box<Value>,
        /// The value where it holds.
        then: Box<Value>,
        /// And where not.
        otherwise: Option<Box<Value>>,
    },
    /// What several layers give one option, where Nix is to put it together. Never written.
    Merge(Vec<Value>),
}

/// One leaf of a settings tree.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Option path.
    pub path: AttrPath,
    /// Place of the (last part of the) key.
    pub key: Span,
    /// The value.
    pub value: Value,
}

/// A settings tree, flattened to its leaves.
pub type Settings = BTreeMap<AttrPath, Setting>;

/// What the keys of mappings are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    /// Nix attribute paths (settings).
    Paths,
    /// Plain names (values of options).
    Names,
}

/// Where a value stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context {
    /// Whether `!opt` and `!if` have a feature to refer to.
    pub(crate) in_feature: bool,
    /// What keys are.
    pub(crate) keys: Keys,
}

/// Tags of the language.
pub(crate) const TAGS: &[&str] = &[
    "nix", "opt", "pkg", "secret", "file", "lines", "default", "force", "before", "after", "if",
];

/// Reads a value.
pub(crate) fn value(node: &Node, cx: Context, diagnostics: &mut Diagnostics) -> Value {
    let kind = match &node.tag {
        None => untagged(node, cx, diagnostics),
        Some(tag) => tagged(&tag.value, tag.span, node, cx, diagnostics),
    };
    Value {
        kind,
        span: node.span,
    }
}

fn untagged(node: &Node, cx: Context, diagnostics: &mut Diagnostics) -> ValueKind {
    match &node.kind {
        NodeKind::Scalar(text, Style::Text) => text_kind(text, node.span, diagnostics),
        NodeKind::Scalar(text, Style::Plain) => match plain(text) {
            Plain::Null => ValueKind::Null,
            Plain::Bool(b) => ValueKind::Bool(b),
            Plain::Int(i) => ValueKind::Int(i),
            Plain::Float(f) => ValueKind::Float(f),
            Plain::Text => text_kind(text, node.span, diagnostics),
            Plain::Ambiguous(reason) => {
                diagnostics.push(ambiguous(text, reason, node.span));
                ValueKind::Str(text.clone())
            }
        },
        NodeKind::List(items) => ValueKind::List(
            items
                .iter()
                .map(|item| value(item, cx, diagnostics))
                .collect(),
        ),
        NodeKind::Map(_) => ValueKind::Attrs(attrs(node, cx, diagnostics)),
    }
}

fn text_kind(text: &str, span: Span, diagnostics: &mut Diagnostics) -> ValueKind {
    if text.contains('\0') {
        diagnostics.push(
            Diagnostic::error(
                "nul-in-text",
                span,
                "text holds a NUL character, which Nix cannot hold",
            )
            .help("remove it"),
        );
        return ValueKind::Str(text.replace('\0', ""));
    }
    ValueKind::Str(text.to_owned())
}

pub(crate) fn ambiguous(text: &str, reason: &str, span: Span) -> Diagnostic {
    let diagnostic = Diagnostic::error(
        "ambiguous-scalar",
        span,
        format!("`{text}` is ambiguous: {reason}"),
    );
    let boolean = match text.to_ascii_lowercase().as_str() {
        "yes" | "on" | "y" | "true" => Some("true"),
        "no" | "off" | "n" | "false" => Some("false"),
        _ => None,
    };
    match boolean {
        Some(word) => diagnostic.help(format!(
            "write `{word}`, or quote it if text is meant: \"{text}\""
        )),
        None => diagnostic.help(format!("quote it if text is meant: \"{text}\"")),
    }
}

fn tagged(
    tag: &str,
    tag_span: Span,
    node: &Node,
    cx: Context,
    diagnostics: &mut Diagnostics,
) -> ValueKind {
    let inner = |diagnostics: &mut Diagnostics| Box::new(wrapped(node, cx, diagnostics));
    match tag {
        "str" => match scalar_text(node) {
            Some(text) => text_kind(text, node.span, diagnostics),
            None => wrong_tag_content(tag, "text", tag_span, node, diagnostics),
        },
        "nix" => match scalar_text(node) {
            None => wrong_tag_content(tag, "code", tag_span, node, diagnostics),
            Some(text) => {
                let code = expression(text, node, diagnostics);
                if !cx.in_feature && code.as_ref().is_some_and(|code| uses(code, "cfg")) {
                    diagnostics.push(
                        Diagnostic::error(
                            "undefined-variable",
                            node.span,
                            "`cfg` is not defined outside a feature",
                        )
                        .help("it holds the options of the feature whose body it stands in"),
                    );
                }
                code.map_or_else(broken, ValueKind::Nix)
            }
        },
        "opt" | "pkg" | "secret" | "file" => {
            let Some(text) = scalar_text(node).map(str::trim).filter(|t| !t.is_empty()) else {
                return wrong_tag_content(tag, "a name", tag_span, node, diagnostics);
            };
            let text = text.to_owned();
            match tag {
                "opt" if !cx.in_feature => {
                    diagnostics.push(
                        Diagnostic::error("tag-outside-feature", tag_span, "`!opt` outside a feature")
                            .help("it names an option of the feature whose body it stands in; elsewhere write the value, or `!nix config.…`"),
                    );
                    broken()
                }
                "opt" => {
                    if !text.split('.').all(nix::is_identifier) {
                        diagnostics.push(Diagnostic::error(
                            "bad-name",
                            node.span,
                            format!("`{text}` is not an option name"),
                        ));
                        return broken();
                    }
                    ValueKind::Opt(text)
                }
                "pkg" => {
                    if AttrPath::parse(&text).is_err() {
                        diagnostics.push(
                            Diagnostic::error("bad-name", node.span, format!("`{text}` is not a package path"))
                                .help("write it as below `pkgs`, such as `!pkg hello` or `!pkg python3Packages.requests`"),
                        );
                        return broken();
                    }
                    ValueKind::Pkg(text)
                }
                "secret" => ValueKind::Secret(text),
                _ => ValueKind::File(text),
            }
        }
        "lines" => match scalar_text(node) {
            Some(text) => match text_kind(text, node.span, diagnostics) {
                ValueKind::Str(text) => ValueKind::Lines(text),
                other => other,
            },
            None => wrong_tag_content(tag, "text", tag_span, node, diagnostics),
        },
        "default" => ValueKind::Default(inner(diagnostics)),
        "force" => ValueKind::Force(inner(diagnostics)),
        "before" => ValueKind::Before(inner(diagnostics)),
        "after" => ValueKind::After(inner(diagnostics)),
        "if" => condition(tag_span, node, cx, diagnostics),
        other => {
            let written = format!("!{other}");
            let tags: Vec<String> = TAGS.iter().map(|tag| format!("!{tag}")).collect();
            let message = format!("unknown tag `{written}`");
            let diagnostic = Diagnostic::error("unknown-tag", tag_span, message);
            diagnostics.push(match diag::did_you_mean(&written, &tags) {
                Some(help) => diagnostic.help(help),
                None => diagnostic,
            });
            broken()
        }
    }
}

/// The value below `!force` and its like: the node without its tag, or what `value:` holds.
fn wrapped(node: &Node, cx: Context, diagnostics: &mut Diagnostics) -> Value {
    if let NodeKind::Map(entries) = &node.kind
        && let [(key, inner)] = entries.as_slice()
        && key.value == "value"
    {
        return value(inner, cx, diagnostics);
    }
    let bare = Node {
        tag: None,
        kind: node.kind.clone(),
        span: node.span,
        lines: None,
    };
    value(&bare, cx, diagnostics)
}

fn condition(tag_span: Span, node: &Node, cx: Context, diagnostics: &mut Diagnostics) -> ValueKind {
    if !cx.in_feature {
        diagnostics.push(
            Diagnostic::error("tag-outside-feature", tag_span, "`!if` outside a feature")
                .help("a host or profile knows what it wants: write the value, or `!nix if … then … else …`"),
        );
        return broken();
    }
    let NodeKind::Map(entries) = &node.kind else {
        return wrong_tag_content(
            "if",
            "a mapping with `when` and `then`",
            tag_span,
            node,
            diagnostics,
        );
    };
    let mut parts: [Option<Value>; 3] = [None, None, None];
    let mut misspelt = false;
    for (key, inner) in entries {
        let slot = match key.value.as_str() {
            "when" => 0,
            "then" => 1,
            "else" => 2,
            other => {
                let message = format!("unknown key `{other}` in `!if`");
                let diagnostic = Diagnostic::error("unknown-key", key.span, message);
                diagnostics.push(match diag::did_you_mean(other, &["when", "then", "else"]) {
                    Some(help) => diagnostic.help(help),
                    None => diagnostic,
                });
                misspelt = true;
                continue;
            }
        };
        if parts[slot].is_some() {
            diagnostics.push(Diagnostic::error(
                "duplicate-key",
                key.span,
                format!("`{}` is given twice", key.value),
            ));
        }
        parts[slot] = Some(value(inner, cx, diagnostics));
    }
    let [when, then, otherwise] = parts;
    let (when, then) = match (when, then) {
        (Some(when), Some(then)) => (when, then),
        // Said already, most likely.
        _ if misspelt => return broken(),
        (when, _) => {
            let missing = if when.is_none() { "when" } else { "then" };
            diagnostics.push(Diagnostic::error(
                "bad-tag-content",
                tag_span,
                format!("`!if` lacks `{missing}`"),
            ));
            return broken();
        }
    };
    if !matches!(when.kind, ValueKind::Opt(_) | ValueKind::Nix(_)) {
        diagnostics.push(
            Diagnostic::error(
                "bad-condition",
                when.span,
                "`when` must be `!opt NAME` or `!nix EXPR`",
            )
            .help("a condition that is known now needs no `!if`"),
        );
    }
    ValueKind::If {
        when: Box::new(when),
        then: Box::new(then),
        otherwise: otherwise.map(Box::new),
    }
}

fn wrong_tag_content(
    tag: &str,
    wanted: &str,
    tag_span: Span,
    node: &Node,
    diagnostics: &mut Diagnostics,
) -> ValueKind {
    diagnostics.push(Diagnostic::error(
        "bad-tag-content",
        tag_span,
        format!("`!{tag}` wants {wanted}, not {}", node.describe()),
    ));
    broken()
}

/// Whether code uses a name that it does not bind.
fn uses(code: &nix::Expr, name: &str) -> bool {
    code.as_str().contains(name)
        && nix::free_variables(code.as_str()).is_ok_and(|found| found.free.contains(name))
}

/// Stands for a value that was reported: code, about which nothing more is said.
fn broken() -> ValueKind {
    nix::Expr::parse("null").map_or(ValueKind::Null, ValueKind::Nix)
}

fn scalar_text(node: &Node) -> Option<&str> {
    match &node.kind {
        NodeKind::Scalar(text, _) => Some(text),
        _ => None,
    }
}

/// Parses code; what is wrong in it is reported at its place in the YAML where that is known.
fn expression(text: &str, node: &Node, diagnostics: &mut Diagnostics) -> Option<nix::Expr> {
    match nix::Expr::parse(text) {
        Ok(expr) => Some(expr),
        Err(problems) => {
            // What follows the first problem mostly follows from it.
            if let Some(problem) = problems.first() {
                let span = match &node.lines {
                    None => node.span,
                    Some(lines) => {
                        let end = node.span.end as usize;
                        let start = lines.locate(problem.start).min(end);
                        let last = problem.end.max(problem.start + 1) - 1;
                        let stop = (lines.locate(last) + 1).clamp(start, end);
                        Span::new(node.span.file, start, stop)
                    }
                };
                diagnostics.push(Diagnostic::error(
                    "nix-syntax",
                    span,
                    format!("invalid Nix: {}", problem.message),
                ));
            }
            None
        }
    }
}

/// A mapping as a value.
fn attrs(node: &Node, cx: Context, diagnostics: &mut Diagnostics) -> BTreeMap<String, Value> {
    match cx.keys {
        Keys::Names => {
            let NodeKind::Map(entries) = &node.kind else {
                return BTreeMap::new();
            };
            let mut result = BTreeMap::new();
            let mut places: BTreeMap<&str, Span> = BTreeMap::new();
            for (key, inner) in entries {
                if let Some(first) = places.insert(&key.value, key.span) {
                    diagnostics.push(duplicate(&key.value, key.span, first));
                }
                result.insert(key.value.clone(), value(inner, cx, diagnostics));
            }
            result
        }
        Keys::Paths => unflatten(settings(node, cx, diagnostics)),
    }
}

pub(crate) fn duplicate(name: &str, second: Span, first: Span) -> Diagnostic {
    Diagnostic::error("duplicate-key", second, format!("`{name}` is given twice"))
        .label("given again here")
        .related(first, "first given here")
        .help("keep one of them")
}

/// Turns leaves back into nested sets.
fn unflatten(settings: Settings) -> BTreeMap<String, Value> {
    fn insert(level: &mut BTreeMap<String, Value>, path: &[String], setting: Setting) {
        match path {
            [] => {}
            [last] => {
                level.insert(last.clone(), setting.value);
            }
            [first, rest @ ..] => {
                let entry = level.entry(first.clone()).or_insert_with(|| Value {
                    kind: ValueKind::Attrs(BTreeMap::new()),
                    span: setting.key,
                });
                if let ValueKind::Attrs(inner) = &mut entry.kind {
                    insert(inner, rest, setting);
                }
            }
        }
    }
    let mut root = BTreeMap::new();
    for (path, setting) in settings {
        insert(&mut root, &path.0, setting);
    }
    root
}

/// Reads a settings tree and flattens it: `a: { b.c: 1 }` is the leaf `a.b.c`.
pub(crate) fn settings(node: &Node, cx: Context, diagnostics: &mut Diagnostics) -> Settings {
    let mut result = Settings::new();
    collect(node, &AttrPath(Vec::new()), cx, &mut result, diagnostics);
    remove_nested(&mut result, diagnostics);
    result
}

fn collect(
    node: &Node,
    prefix: &AttrPath,
    cx: Context,
    into: &mut Settings,
    diagnostics: &mut Diagnostics,
) {
    if let Some(tag) = &node.tag {
        diagnostics.push(
            Diagnostic::error(
                "unexpected-tag",
                tag.span,
                format!("a tree of options cannot have the tag `!{}`", tag.value),
            )
            .help("tag the values in it"),
        );
        return;
    }
    let NodeKind::Map(entries) = &node.kind else {
        if !node.is_null() {
            diagnostics.push(
                Diagnostic::error(
                    "wrong-type",
                    node.span,
                    format!("expected a mapping of options, found {}", node.describe()),
                )
                .help("write options as `path.to.option: value`"),
            );
        }
        return;
    };
    for (key, inner) in entries {
        let parsed = match AttrPath::parse(&key.value) {
            Ok(path) => path,
            Err(error) => {
                let error = error.to_string();
                let reason = error.split("; ").next().unwrap_or_default();
                let mut diagnostic = Diagnostic::error(
                    "bad-attribute-path",
                    key.span,
                    format!("`{}` is not an attribute path: {reason}", key.value),
                );
                if key.value.contains("${") {
                    diagnostic = diagnostic
                        .help("`${…}` is code; write a `body`, or `!nix` for the whole value");
                } else if key.value.contains(['/', ' ', ':', '@']) {
                    diagnostic = diagnostic.help(format!(
                        "quote the part, as Nix does: '{}'",
                        suggest_quotes(&key.value)
                    ));
                }
                diagnostics.push(diagnostic);
                continue;
            }
        };
        let mut path = prefix.clone();
        path.0.extend(parsed.0);
        let descend = inner.tag.is_none()
            && matches!(&inner.kind, NodeKind::Map(entries) if !entries.is_empty());
        if descend {
            collect(inner, &path, cx, into, diagnostics);
            continue;
        }
        let setting = Setting {
            path: path.clone(),
            key: key.span,
            value: value(inner, cx, diagnostics),
        };
        if let Some(first) = into.get(&path) {
            diagnostics.push(duplicate(&path.to_string(), key.span, first.key));
            continue;
        }
        into.insert(path, setting);
    }
}

fn suggest_quotes(key: &str) -> String {
    key.split('.')
        .map(|part| {
            if nix::is_identifier(part) {
                part.to_owned()
            } else {
                format!("\"{part}\"")
            }
        })
        .collect::<Vec<_>>()
        .join(".")
}

/// `a: 1` beside `a.b: 2` cannot both be.
fn remove_nested(settings: &mut Settings, diagnostics: &mut Diagnostics) {
    let mut parent: Option<(AttrPath, Span, bool)> = None;
    let mut drop = Vec::new();
    for (path, setting) in settings.iter() {
        if let Some((outer, outer_span, empty)) = &parent
            && path.0.starts_with(&outer.0)
        {
            if *empty {
                drop.push(outer.clone());
            } else {
                diagnostics.push(
                    Diagnostic::error(
                        "duplicate-key",
                        setting.key,
                        format!("`{path}` lies below `{outer}`, which has a value"),
                    )
                    .related(*outer_span, "the value"),
                );
                drop.push(path.clone());
                continue;
            }
        }
        let empty = matches!(&setting.value.kind, ValueKind::Attrs(a) if a.is_empty());
        parent = Some((path.clone(), setting.key, empty));
    }
    for path in drop {
        settings.remove(&path);
    }
}
