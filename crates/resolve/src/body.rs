//! Bodies of features: minijinja templates of Nix, rendered once and parsed.
//!
//! Nothing of the spec reaches a body but what is listed here; `{{ … }}` writes a Nix literal.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use diag::{Diagnostic, Diagnostics, Span};
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
    let (name, text) = if home {
        (
            definition.feature.home_body.as_ref(),
            definition.home_body.as_ref(),
        )
    } else {
        (definition.feature.body.as_ref(), definition.body.as_ref())
    };
    let (name, body) = (name?, text?);
    let text = body.text.as_ref();
    let rendered = if has_template(text) {
        match template(world, definition, home, text, name.span, d) {
            Ok(rendered) => rendered,
            Err(error) => {
                let mut diagnostic = Diagnostic::error(
                    "body-template",
                    name.span,
                    format!("`{}` cannot be rendered: {}", name.value, message(&error)),
                );
                if let Some(line) = error.line() {
                    diagnostic = diagnostic.help(format!("at `{}`, line {line}", name.value));
                }
                d.push(diagnostic);
                return None;
            }
        }
    } else {
        text.to_owned()
    };
    if let Some(analysis) = &body.analysis {
        check_variables(name, home, analysis.free.iter().copied(), d);
        return Some(rendered);
    }
    let problems = nix::parse_problems(&rendered);
    for problem in &problems {
        let line = rendered[..problem.start.min(rendered.len())]
            .matches('\n')
            .count()
            + 1;
        d.push(
            Diagnostic::error(
                "nix-syntax",
                name.span,
                format!("`{}` is not valid Nix: {}", name.value, problem.message),
            )
            .help(format!("at line {line} of the rendered body")),
        );
    }
    if !problems.is_empty() {
        return None;
    }
    if let Ok(variables) = nix::free_variables(&rendered) {
        check_variables(name, home, variables.free.iter().map(String::as_str), d);
    }
    Some(rendered)
}

/// A body may use the arguments of its module.
fn check_variables<'v>(
    name: &spec::ast::Text,
    home: bool,
    free: impl Iterator<Item = &'v str>,
    d: &mut Diagnostics,
) {
    let allowed: &[&str] = if home {
        &["cfg", "config", "lib", "pkgs", "pkgs-unstable", "osConfig", "options", "modulesPath"]
    } else {
        &["cfg", "config", "lib", "pkgs", "pkgs-unstable", "options", "modulesPath", "utils"]
    };
    for variable in free.filter(|variable| !allowed.contains(variable)) {
        d.push(
            Diagnostic::error(
                "undefined-variable",
                name.span,
                format!("`{}` uses `{variable}`, which is not defined", name.value),
            )
            .help(format!("a body may use {}", allowed.join(", "))),
        );
    }
}

fn has_template(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|mark| text.contains(mark))
}

fn message(error: &Error) -> String {
    error
        .detail()
        .map_or_else(|| error.kind().to_string(), str::to_owned)
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
        let parts: Vec<String> = std::iter::once(namespace.as_str())
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
