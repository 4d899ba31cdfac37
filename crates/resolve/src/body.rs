//! Bodies of features: minijinja templates of Nix, rendered once and parsed.
//!
//! Nothing of the spec reaches a body but what is listed here; `{{ … }}` writes a Nix literal.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use diag::{Diagnostic, Diagnostics, FileId, Span};
use minijinja::value::Value;
use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, context,
};

use crate::lower::{Place, secret_path};
use crate::table::Definition;
use crate::world::World;

/// Instructions that a body may take.
const FUEL: u64 = 200_000;

/// Renders a half's body; what is wrong is reported at the feature.
pub(crate) fn render(
    world: &World<'_>,
    definition: &Definition,
    home: bool,
    d: &mut Diagnostics,
) -> Option<String> {
    let (name, body) = if home {
        (
            definition.feature.home_body.as_ref(),
            definition.home_body.as_ref(),
        )
    } else {
        (definition.feature.body.as_ref(), definition.body.as_ref())
    };
    let (name, body) = (name?, body?);
    let text = body.text.as_ref();
    let is_template = has_template(text);
    // A place in the file, where the text is what is written there.
    let place = |start: usize, end: usize| match body.file {
        Some(file) if !is_template => Span::new(file, start, end),
        _ => name.span,
    };
    let rendered = if is_template {
        match template(world, definition, home, text, name.span, d) {
            Ok(rendered) => rendered,
            Err(error) => {
                let written = error.range().and_then(|range| {
                    let code = text.get(range.clone())?;
                    (!code.trim().is_empty() && !code.contains('\n')).then_some((range, code))
                });
                let span = match (body.file, written.as_ref(), error.line()) {
                    (Some(file), Some((range, _)), _) => Span::new(file, range.start, range.end),
                    (Some(file), None, Some(line)) => line_span(file, text, line),
                    _ => name.span,
                };
                let code = written.map(|(_, code)| code);
                d.push(Diagnostic::error(
                    "body-template",
                    span,
                    format!(
                        "`{}` cannot be rendered: {}",
                        name.value,
                        message(&error, code)
                    ),
                ));
                return None;
            }
        }
    } else {
        text.to_owned()
    };
    if let Some(analysis) = &body.analysis {
        check_variables(home, analysis.free.iter().copied(), |_| name.span, d);
        return Some(rendered);
    }
    let mut characters = rendered.char_indices();
    if let Some((at, control)) = characters.find(|(_, c)| spec::is_bidi_control(*c)) {
        let mut diagnostic = crate::assets::bidi_control(control);
        diagnostic.span = Some(place(at, at + control.len_utf8()));
        d.push(diagnostic);
    }
    let problems = nix::parse_problems(&rendered);
    // What follows the first problem mostly follows from it.
    if let Some(problem) = problems.first() {
        let mut diagnostic = Diagnostic::error(
            "nix-syntax",
            place(problem.start, problem.end),
            format!("`{}` is not valid Nix: {}", name.value, problem.message),
        );
        if is_template {
            let line = rendered[..problem.start.min(rendered.len())]
                .matches('\n')
                .count()
                + 1;
            diagnostic = diagnostic.help(format!("at line {line} of the rendered body"));
        }
        d.push(diagnostic);
        return None;
    }
    if nix::is_function(&rendered) == Some(true) {
        d.push(
            Diagnostic::error(
                "body-shape",
                place(0, rendered.find(':').map_or(1, |colon| colon + 1)),
                format!("`{}` is a module with arguments of its own", name.value),
            )
            .help("begin with the set: a body is what the module defines, and may use `cfg`, `config`, `lib` and `pkgs`"),
        );
        return None;
    }
    check_options(definition, &rendered, place, d);
    if let Ok(variables) = nix::free_variables(&rendered) {
        let at = |variable: &str| {
            word(&rendered, variable)
                .map_or(name.span, |start| place(start, start + variable.len()))
        };
        check_variables(home, variables.free.iter().map(String::as_str), at, d);
    }
    Some(rendered)
}

/// What a body reads of `cfg` are options of its feature.
fn check_options(
    definition: &Definition,
    rendered: &str,
    place: impl Fn(usize, usize) -> Span,
    d: &mut Diagnostics,
) {
    if !rendered.contains("cfg.") {
        return;
    }
    // As the emitted module begins.
    let start = "{ config, ... }: let cfg = config.cfg; in ";
    let Ok(module) = nix::read_module(&format!("{start}{rendered}")) else {
        return;
    };
    let options = &definition.feature.options;
    for read in module.reads {
        let [cfg, option, ..] = read.path.as_slice() else {
            continue;
        };
        if cfg != "cfg" || option == "enable" || options.contains_key(option) {
            continue;
        }
        let Some(from) = read.start.checked_sub(start.len()) else {
            continue;
        };
        let diagnostic = Diagnostic::error(
            "unknown-option",
            place(from, read.end - start.len()),
            format!("`{}` has no option `{option}`", definition.id),
        );
        let names = options.keys().map(String::as_str);
        d.push(match diag::did_you_mean(option, names) {
            Some(help) => diagnostic.help(help),
            None => diagnostic.help("declare it in `options` of the feature"),
        });
    }
}

/// A body may use the arguments of its module.
fn check_variables<'v>(
    home: bool,
    free: impl Iterator<Item = &'v str>,
    at: impl Fn(&str) -> Span,
    d: &mut Diagnostics,
) {
    let allowed = crate::lower::arguments(home);
    for variable in free.filter(|variable| !allowed.contains(variable)) {
        d.push(
            Diagnostic::error(
                "undefined-variable",
                at(variable),
                format!("`{variable}` is not defined in a body"),
            )
            .help(format!("a body may use {}", allowed.join(", "))),
        );
    }
}

/// Where a word stands in a text.
fn word(text: &str, word: &str) -> Option<usize> {
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '\'' | '.' | '"');
    text.match_indices(word).map(|(at, _)| at).find(|at| {
        !text[..*at].ends_with(part)
            && !text[at + word.len()..].starts_with(|c: char| c != '.' && part(c))
    })
}

/// A line of a file, from 1, without its indentation.
fn line_span(file: FileId, text: &str, line: usize) -> Span {
    let start: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    let line = text[start..].lines().next().unwrap_or_default();
    let indent = line.len() - line.trim_start().len();
    Span::new(
        file,
        start + indent,
        start + line.trim_end().len().max(indent),
    )
}

fn has_template(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|mark| text.contains(mark))
}

/// What went wrong, of which the code is known by its place.
fn message(error: &Error, code: Option<&str>) -> String {
    match (error.detail(), code) {
        (Some(detail), _) => detail.to_owned(),
        (None, Some(code)) if error.kind() == ErrorKind::UndefinedError => {
            format!("`{}` is undefined", code.trim())
        }
        (None, _) => error.kind().to_string(),
    }
}

fn template(
    world: &World<'_>,
    definition: &Definition,
    home: bool,
    text: &str,
    span: Span,
    d: &mut Diagnostics,
) -> Result<String, Error> {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_fuel(Some(FUEL));
    env.set_auto_escape_callback(|_| AutoEscape::Custom("nix".into()));
    env.set_formatter(write_nix);
    let namespace = world.namespace.clone();
    let path = move |feature: &str| {
        let parts: Vec<_> = std::iter::once(namespace.as_str())
            .chain(feature.splitn(2, '.'))
            .map(nix::attr_name)
            .collect();
        format!("config.{}", parts.join("."))
    };
    let option_path = path.clone();
    env.add_function("option", move |name: &str| -> Result<Value, Error> {
        match name.rsplit_once('.') {
            Some((feature, option))
                if crate::names::is_feature(feature) && nix::is_identifier(option) =>
            {
                Ok(Value::from_safe_string(format!(
                    "{}.{option}",
                    option_path(feature)
                )))
            }
            _ => Err(Error::new(
                ErrorKind::InvalidOperation,
                format!("`{name}` is not `category.name.option`"),
            )),
        }
    });
    env.add_function("enabled", move |feature: &str| -> Result<Value, Error> {
        if !crate::names::is_feature(feature) {
            return Err(Error::new(
                ErrorKind::InvalidOperation,
                format!("`{feature}` is not `category.name`"),
            ));
        }
        Ok(Value::from_safe_string(format!(
            "({}.enable or false)",
            path(feature)
        )))
    });
    let declared: BTreeSet<String> = definition
        .feature
        .secrets
        .iter()
        .map(|s| s.value.clone())
        .collect();
    let undeclared: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&undeclared);
    let backend = world.backend;
    let place = if home { Place::HOME } else { Place::SYSTEM };
    env.add_function("secret", move |name: &str| {
        if !declared.contains(name)
            && let Ok(mut seen) = seen.lock()
        {
            seen.push(name.to_owned());
        }
        Value::from_safe_string(secret_path(backend, place, name))
    });
    let programs: BTreeMap<String, String> = definition
        .feature
        .programs
        .iter()
        .map(|name| {
            let catalog = definition.feature.catalog.as_deref();
            let path = crate::programs::path(&name.value, catalog, world.around);
            (name.value.clone(), path)
        })
        .collect();
    env.add_function("program", move |name: &str| match programs.get(name) {
        Some(path) => Ok(Value::from_safe_string(format!(
            "(pkgs.callPackage {path} {{ }})"
        ))),
        None => Err(Error::new(
            ErrorKind::InvalidOperation,
            format!("program `{name}` is not listed in `programs` of the feature"),
        )),
    });
    let fleet = world.spec.fleet.as_ref().map(|f| &f.value);
    let context = context! {
        namespace => world.namespace.clone(),
        feature => definition.id.as_str(),
        fleet => context! {
            name => fleet.and_then(|f| f.name.as_ref()).map(|t| t.value.clone()),
            domain => fleet.and_then(|f| f.domain.as_ref()).map(|t| t.value.clone()),
        },
    };
    let rendered = env
        .template_from_named_str("body.nix", text)?
        .render(context)?;
    if let Ok(undeclared) = undeclared.lock() {
        for name in undeclared.iter() {
            d.push(
                Diagnostic::error(
                    "undeclared-secret",
                    span,
                    format!(
                        "the body uses secret `{name}`, which `{}` does not list",
                        definition.id
                    ),
                )
                .help(format!("add it to the feature: `secrets: [{name}]`")),
            );
        }
    }
    Ok(rendered)
}

/// Writes a value as a Nix literal; what functions return as code stays as it is.
fn write_nix(out: &mut Output<'_>, _: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let bad = |what: String| Error::new(ErrorKind::BadSerialization, what);
    if value.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    if value.is_safe() {
        return out
            .write_str(value.as_str().unwrap_or_default())
            .map_err(Error::from);
    }
    let value =
        crate::derive::to_nix(value).ok_or_else(|| bad(format!("`{value}` has no form in Nix")))?;
    let text = nix::render(&value).map_err(|e| bad(e.to_string()))?;
    out.write_str(&text).map_err(Error::from)
}
