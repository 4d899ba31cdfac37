//! Option types: in words, as Nix, and as checks of values before anything is rendered.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use diag::{Diagnostic, Diagnostics, Span};
use spec::ast::{Item, OptionDecl, OptionType};
use spec::{Value, ValueKind};

use crate::lower::{Place, Uses, lower};
use crate::world::World;

/// The type in words, for messages and the reference.
pub(crate) fn describe(ty: &OptionType) -> String {
    match ty {
        OptionType::Bool => "boolean".to_owned(),
        OptionType::Int {
            min: None,
            max: None,
        } => "integer".to_owned(),
        OptionType::Int { min, max } => format!("integer {}", bounds(min.as_ref(), max.as_ref())),
        OptionType::Float {
            min: None,
            max: None,
        } => "number".to_owned(),
        OptionType::Float { min, max } => format!("number {}", bounds(min.as_ref(), max.as_ref())),
        OptionType::String { pattern: None } => "text".to_owned(),
        OptionType::String { pattern: Some(p) } => format!("text matching `{p}`"),
        OptionType::Lines => "lines of text".to_owned(),
        OptionType::Port => "port (0 to 65535)".to_owned(),
        OptionType::Path => "path".to_owned(),
        OptionType::Package => "package".to_owned(),
        OptionType::Duration => "duration such as `30d`".to_owned(),
        OptionType::Size => "size such as `16GiB`".to_owned(),
        OptionType::Enum(words) => {
            let words: Vec<String> = words.iter().map(|w| format!("`{w}`")).collect();
            format!("one of {}", words.join(", "))
        }
        OptionType::List(inner) => format!("list of {}", describe(inner)),
        OptionType::Attrs(inner) => format!("mapping to {}", describe(inner)),
        OptionType::Nullable(inner) => format!("{} or null", describe(inner)),
        OptionType::Submodule(fields) => {
            let names: Vec<&str> = fields.keys().map(String::as_str).collect();
            format!("mapping with {}", names.join(", "))
        }
        OptionType::OneOf(types) => types.iter().map(describe).collect::<Vec<_>>().join(" or "),
        OptionType::Anything => "anything".to_owned(),
    }
}

fn bounds<T: std::fmt::Display>(min: Option<&T>, max: Option<&T>) -> String {
    match (min, max) {
        (Some(min), Some(max)) => format!("from {min} to {max}"),
        (Some(min), None) => format!("of at least {min}"),
        (None, Some(max)) => format!("of at most {max}"),
        (None, None) => String::new(),
    }
}

/// Whether text given for the type merges with other text, so that it carries no priority.
pub(crate) fn is_lines(ty: &OptionType) -> bool {
    match ty {
        OptionType::Lines => true,
        OptionType::Nullable(inner) => is_lines(inner),
        _ => false,
    }
}

/// The type as Nix.
pub(crate) fn to_nix(
    world: &World<'_>,
    place: Place,
    ty: &OptionType,
    uses: &mut Uses,
    d: &mut Diagnostics,
) -> String {
    let argument = |inner: &OptionType, uses: &mut Uses, d: &mut Diagnostics| {
        let text = to_nix(world, place, inner, uses, d);
        if text.contains(' ') {
            format!("({text})")
        } else {
            text
        }
    };
    match ty {
        OptionType::Bool => "lib.types.bool".to_owned(),
        OptionType::Int {
            min: None,
            max: None,
        } => "lib.types.int".to_owned(),
        OptionType::Int {
            min: Some(0),
            max: None,
        } => "lib.types.ints.unsigned".to_owned(),
        OptionType::Int {
            min: Some(1),
            max: None,
        } => "lib.types.ints.positive".to_owned(),
        OptionType::Int {
            min: Some(min),
            max: Some(max),
        } => format!("lib.types.ints.between {} {}", integer(*min), integer(*max)),
        OptionType::Int {
            min: Some(min),
            max: None,
        } => {
            format!(
                "lib.types.addCheck lib.types.int (value: value >= {})",
                integer(*min)
            )
        }
        OptionType::Int {
            min: None,
            max: Some(max),
        } => {
            format!(
                "lib.types.addCheck lib.types.int (value: value <= {})",
                integer(*max)
            )
        }
        OptionType::Float {
            min: None,
            max: None,
        } => "lib.types.number".to_owned(),
        OptionType::Float {
            min: Some(min),
            max: Some(max),
        } => format!("lib.types.numbers.between {} {}", float(*min), float(*max)),
        OptionType::Float {
            min: Some(min),
            max: None,
        } => {
            format!(
                "lib.types.addCheck lib.types.number (value: value >= {})",
                float(*min)
            )
        }
        OptionType::Float {
            min: None,
            max: Some(max),
        } => {
            format!(
                "lib.types.addCheck lib.types.number (value: value <= {})",
                float(*max)
            )
        }
        OptionType::String { pattern: None } | OptionType::Duration | OptionType::Size => {
            "lib.types.str".to_owned()
        }
        OptionType::String { pattern: Some(p) } => {
            format!("lib.types.strMatching {}", nix::string(p))
        }
        OptionType::Lines => "lib.types.lines".to_owned(),
        OptionType::Port => "lib.types.port".to_owned(),
        OptionType::Path => "lib.types.path".to_owned(),
        OptionType::Package => "lib.types.package".to_owned(),
        OptionType::Enum(words) => {
            let words: Vec<String> = words.iter().map(|w| nix::string(w)).collect();
            format!("lib.types.enum [ {} ]", words.join(" "))
        }
        OptionType::List(inner) => format!("lib.types.listOf {}", argument(inner, uses, d)),
        OptionType::Attrs(inner) => format!("lib.types.attrsOf {}", argument(inner, uses, d)),
        OptionType::Nullable(inner) => format!("lib.types.nullOr {}", argument(inner, uses, d)),
        OptionType::Submodule(fields) => {
            let mut text = String::from("lib.types.submodule { options = {\n");
            for (name, item) in fields {
                text.push_str(&option(world, place, name, &item.value, uses, d));
            }
            text.push_str("}; }");
            text
        }
        OptionType::OneOf(types) => {
            let types: Vec<String> = types.iter().map(|t| argument(t, uses, d)).collect();
            format!("lib.types.oneOf [ {} ]", types.join(" "))
        }
        OptionType::Anything => "lib.types.anything".to_owned(),
    }
}

fn integer(value: i64) -> String {
    if value < 0 {
        format!("({value})")
    } else {
        value.to_string()
    }
}

fn float(value: f64) -> String {
    let text = format!("{value:?}");
    if value < 0.0 {
        format!("({text})")
    } else {
        text
    }
}

/// A field of a submodule as an option declaration.
fn option(
    world: &World<'_>,
    place: Place,
    name: &str,
    decl: &OptionDecl,
    uses: &mut Uses,
    d: &mut Diagnostics,
) -> String {
    let ty = to_nix(world, place, &decl.ty, uses, d);
    let mut text = format!(
        "{} = lib.mkOption {{\n type = {ty};\n",
        nix::attr_name(name)
    );
    let default = default(world, place, decl, uses, d);
    if let Some(value) = default.and_then(|v| nix::render(&v).ok()) {
        let _ = writeln!(text, " default = {value};");
    }
    let description = decl
        .description
        .as_ref()
        .map(|t| t.value.trim())
        .unwrap_or_default();
    let _ = writeln!(text, " description = {};\n}};", nix::string(description));
    text
}

/// The default that the module declares; a nullable option without one has null.
pub(crate) fn default(
    world: &World<'_>,
    place: Place,
    decl: &OptionDecl,
    uses: &mut Uses,
    d: &mut Diagnostics,
) -> Option<nix::Value> {
    match &decl.default {
        Some(value) => check(world, place, &decl.ty, value, "default", uses, d),
        None if matches!(decl.ty, OptionType::Nullable(_)) => Some(nix::Value::Null),
        None => None,
    }
}

/// Checks a value against a type and lowers it. `what` names it in messages.
pub(crate) fn check(
    world: &World<'_>,
    place: Place,
    ty: &OptionType,
    value: &Value,
    what: &str,
    uses: &mut Uses,
    d: &mut Diagnostics,
) -> Option<nix::Value> {
    let wrong = |d: &mut Diagnostics| {
        d.push(
            Diagnostic::error(
                "option-type",
                value.span,
                format!(
                    "`{what}` must be {}, found {}",
                    article(&describe(ty)),
                    found(world, value)
                ),
            )
            .label(format!("expected {}", describe(ty))),
        );
        None
    };
    let wrap = |function: &str, inner: &Value, uses: &mut Uses, d: &mut Diagnostics| {
        check(world, place, ty, inner, what, uses, d).map(|v| nix::Value::apply(function, v))
    };
    match &value.kind {
        ValueKind::Force(inner) => return wrap("lib.mkForce", inner, uses, d),
        ValueKind::Default(inner) => return wrap("lib.mkDefault", inner, uses, d),
        ValueKind::Before(inner) => return wrap("lib.mkBefore", inner, uses, d),
        ValueKind::After(inner) => return wrap("lib.mkAfter", inner, uses, d),
        ValueKind::Merge(parts) => {
            let parts: Option<Vec<_>> = parts
                .iter()
                .map(|part| check(world, place, ty, part, what, uses, d))
                .collect();
            return Some(nix::Value::apply("lib.mkMerge", nix::Value::List(parts?)));
        }
        // Code is checked by Nix.
        ValueKind::Nix(_) | ValueKind::Opt(_) | ValueKind::If { .. } => {
            return Some(lower(world, place, value, uses, d));
        }
        _ => {}
    }
    match (ty, &value.kind) {
        (OptionType::Nullable(_), ValueKind::Null) => Some(nix::Value::Null),
        (OptionType::Nullable(inner), _) => check(world, place, inner, value, what, uses, d),
        (OptionType::Anything, _)
        | (OptionType::Bool, ValueKind::Bool(_))
        | (
            OptionType::Float {
                min: None,
                max: None,
            },
            ValueKind::Float(_) | ValueKind::Int(_),
        )
        | (OptionType::Lines, ValueKind::Str(_) | ValueKind::Lines(_))
        | (
            OptionType::String { pattern: None },
            ValueKind::Str(_) | ValueKind::Lines(_) | ValueKind::Secret(_) | ValueKind::File(_),
        )
        | (OptionType::Path, ValueKind::Secret(_) | ValueKind::File(_))
        | (OptionType::Package, ValueKind::Pkg(_)) => Some(lower(world, place, value, uses, d)),
        (OptionType::Int { min, max }, ValueKind::Int(i)) => {
            if min.is_some_and(|m| *i < m) || max.is_some_and(|m| *i > m) {
                wrong(d)
            } else {
                Some(nix::Value::Int(*i))
            }
        }
        (OptionType::Float { min, max }, ValueKind::Float(_) | ValueKind::Int(_)) => {
            #[expect(clippy::cast_precision_loss, reason = "only compared with bounds")]
            let number = match value.kind {
                ValueKind::Float(f) => f,
                ValueKind::Int(i) => i as f64,
                _ => return wrong(d),
            };
            if min.is_some_and(|m| number < m) || max.is_some_and(|m| number > m) {
                return wrong(d);
            }
            Some(lower(world, place, value, uses, d))
        }
        (OptionType::Port, ValueKind::Int(i)) => {
            if u16::try_from(*i).is_ok() {
                Some(nix::Value::Int(*i))
            } else {
                wrong(d)
            }
        }
        (
            OptionType::String {
                pattern: Some(pattern),
            },
            ValueKind::Str(s),
        ) => {
            match regex_lite::Regex::new(&format!("^(?:{pattern})$")) {
                Ok(regex) if regex.is_match(s) => Some(nix::Value::Str(s.clone())),
                Ok(_) => wrong(d),
                // Nix reads POSIX expressions; one that only it understands is left to it.
                Err(_) => Some(nix::Value::Str(s.clone())),
            }
        }
        (OptionType::Path, ValueKind::Str(s)) => {
            if s.starts_with('/') {
                Some(nix::Value::Str(s.clone()))
            } else {
                d.push(
                    Diagnostic::error(
                        "option-type",
                        value.span,
                        format!("`{what}` must be an absolute path, found `{s}`"),
                    )
                    .help("name a secret with `!secret`, a file of the spec with `!file`"),
                );
                None
            }
        }
        (OptionType::Package, ValueKind::Str(s)) => {
            d.push(
                Diagnostic::error(
                    "option-type",
                    value.span,
                    format!("`{what}` must be a package, found text"),
                )
                .help(format!("write `!pkg {s}`")),
            );
            None
        }
        (OptionType::Duration, ValueKind::Str(s)) => match spec::parse_duration(s) {
            Ok(_) => Some(nix::Value::Str(s.clone())),
            Err(_) => wrong(d),
        },
        (OptionType::Size, ValueKind::Str(s)) => match spec::parse_size(s) {
            Ok(_) => Some(nix::Value::Str(s.clone())),
            Err(_) => wrong(d),
        },
        (OptionType::Enum(words), ValueKind::Str(s)) => {
            if words.contains(s) {
                return Some(nix::Value::Str(s.clone()));
            }
            let diagnostic = Diagnostic::error(
                "option-type",
                value.span,
                format!("`{what}` cannot be `{s}`"),
            );
            d.push(match diag::did_you_mean(s, words) {
                Some(help) => diagnostic.help(help),
                None => diagnostic,
            });
            None
        }
        (OptionType::List(inner), ValueKind::List(items)) => {
            let mut result = Vec::new();
            for (i, item) in items.iter().enumerate() {
                if let ValueKind::If { .. } = item.kind {
                    return Some(lower(world, place, value, uses, d));
                }
                result.push(check(
                    world,
                    place,
                    inner,
                    item,
                    &format!("{what}[{i}]"),
                    uses,
                    d,
                )?);
            }
            Some(nix::Value::List(result))
        }
        (OptionType::Attrs(inner), ValueKind::Attrs(attrs)) => {
            let mut result = BTreeMap::new();
            let mut complete = true;
            for (name, item) in attrs {
                match check(
                    world,
                    place,
                    inner,
                    item,
                    &format!("{what}.{name}"),
                    uses,
                    d,
                ) {
                    Some(value) => {
                        result.insert(name.clone(), value);
                    }
                    None => complete = false,
                }
            }
            complete.then_some(nix::Value::Attrs(result))
        }
        (OptionType::Submodule(fields), ValueKind::Attrs(attrs)) => {
            submodule(world, place, fields, attrs, value.span, what, uses, d)
        }
        (OptionType::OneOf(types), _) => {
            for ty in types {
                let mut quiet = Diagnostics::new();
                let mut own = Uses::default();
                if let Some(result) = check(world, place, ty, value, what, &mut own, &mut quiet)
                    && !quiet.has_errors()
                {
                    uses.extend(&own);
                    return Some(result);
                }
            }
            wrong(d)
        }
        _ => wrong(d),
    }
}

#[expect(clippy::too_many_arguments, reason = "one step of `check`")]
fn submodule(
    world: &World<'_>,
    place: Place,
    fields: &BTreeMap<String, Item<OptionDecl>>,
    attrs: &BTreeMap<String, Value>,
    span: Span,
    what: &str,
    uses: &mut Uses,
    d: &mut Diagnostics,
) -> Option<nix::Value> {
    let mut result = BTreeMap::new();
    let mut complete = true;
    for (name, item) in attrs {
        let Some(field) = fields.get(name) else {
            let diagnostic = Diagnostic::error(
                "unknown-option",
                key_span(world, name, item.span),
                format!("`{what}` has no field `{name}`"),
            );
            d.push(match diag::did_you_mean(name, fields.keys()) {
                Some(help) => diagnostic.help(help),
                None => diagnostic,
            });
            complete = false;
            continue;
        };
        match check(
            world,
            place,
            &field.value.ty,
            item,
            &format!("{what}.{name}"),
            uses,
            d,
        ) {
            Some(value) => {
                result.insert(name.clone(), value);
            }
            None => complete = false,
        }
    }
    for (name, field) in fields {
        let optional =
            field.value.default.is_some() || matches!(field.value.ty, OptionType::Nullable(_));
        if !optional && !attrs.contains_key(name) {
            d.push(
                Diagnostic::error("missing-option", span, format!("`{what}` lacks `{name}`"))
                    .label(format!("give it {}", article(&describe(&field.value.ty)))),
            );
            complete = false;
        }
    }
    complete.then_some(nix::Value::Attrs(result))
}

/// The place of the key before a value; that of the value where the key does not stand there.
fn key_span(world: &World<'_>, name: &str, value: Span) -> Span {
    let text = &world.sources.file(value.file).text;
    let before = text.get(..value.start as usize).unwrap_or_default();
    let Some(start) = before.rfind(name) else {
        return value;
    };
    let end = start + name.len();
    let between = before[end..].trim_start_matches(['"', '\'']).trim_start();
    let between = between.strip_prefix(':').map(str::trim);
    if between.is_some_and(|tag| tag.is_empty() || tag.starts_with('!') && !tag.contains('\n')) {
        Span::new(value.file, start, end)
    } else {
        value
    }
}

fn article(text: &str) -> String {
    if text.starts_with("one of")
        || text.starts_with("text")
        || text.starts_with("anything")
        || text.starts_with("lines")
    {
        return text.to_owned();
    }
    let an = text.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {text}", if an { "an" } else { "a" })
}

fn found(world: &World<'_>, value: &Value) -> String {
    match &value.kind {
        ValueKind::Null => "nothing".to_owned(),
        ValueKind::List(_) => "a list".to_owned(),
        ValueKind::Attrs(_) => "a mapping".to_owned(),
        ValueKind::Str(_) => {
            let text = world.sources.slice(value.span).trim();
            if text.is_empty() || text.len() > 60 {
                "text".to_owned()
            } else {
                format!("`{text}`")
            }
        }
        ValueKind::Pkg(name) => format!("the package `{name}`"),
        ValueKind::Secret(name) => format!("the secret `{name}`"),
        ValueKind::File(name) => format!("the file `{name}`"),
        _ => format!("`{}`", world.sources.slice(value.span).trim()),
    }
}
