//! The template environment: strict, and whatever is not code is written as a Nix literal.

use std::collections::BTreeMap;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior};

/// The templates, one for each kind of file, and what they share.
const TEMPLATES: &[(&str, &str)] = &[
    ("attributes.j2", include_str!("../templates/attributes.j2")),
    ("disks.nix.j2", include_str!("../templates/disks.nix.j2")),
    (
        "feature.nix.j2",
        include_str!("../templates/feature.nix.j2"),
    ),
    ("flake.nix.j2", include_str!("../templates/flake.nix.j2")),
    ("fleet.nix.j2", include_str!("../templates/fleet.nix.j2")),
    (
        "hardware.nix.j2",
        include_str!("../templates/hardware.nix.j2"),
    ),
    (
        "home-manager.nix.j2",
        include_str!("../templates/home-manager.nix.j2"),
    ),
    ("home.nix.j2", include_str!("../templates/home.nix.j2")),
    ("host.nix.j2", include_str!("../templates/host.nix.j2")),
    ("index.nix.j2", include_str!("../templates/index.nix.j2")),
    (
        "installer.nix.j2",
        include_str!("../templates/installer.nix.j2"),
    ),
    (
        "installer-module.nix.j2",
        include_str!("../templates/installer-module.nix.j2"),
    ),
    ("justfile.j2", include_str!("../templates/justfile.j2")),
    ("layer.nix.j2", include_str!("../templates/layer.nix.j2")),
    ("module.nix.j2", include_str!("../templates/module.nix.j2")),
    (
        "overlay.nix.j2",
        include_str!("../templates/overlay.nix.j2"),
    ),
    (
        "pre-commit.yaml.j2",
        include_str!("../templates/pre-commit.yaml.j2"),
    ),
    (
        "pull-request.md.j2",
        include_str!("../templates/pull-request.md.j2"),
    ),
    ("readme.md.j2", include_str!("../templates/readme.md.j2")),
    (
        "recipients.txt.j2",
        include_str!("../templates/recipients.txt.j2"),
    ),
    (
        "secrets.nix.j2",
        include_str!("../templates/secrets.nix.j2"),
    ),
    (
        "sections.nix.j2",
        include_str!("../templates/sections.nix.j2"),
    ),
    ("sops.yaml.j2", include_str!("../templates/sops.yaml.j2")),
    ("table.j2", include_str!("../templates/table.j2")),
    ("user.nix.j2", include_str!("../templates/user.nix.j2")),
    (
        "workflow.yml.j2",
        include_str!("../templates/workflow.yml.j2"),
    ),
];

/// The environment with all templates parsed.
pub(crate) fn environment() -> Result<Environment<'static>, Error> {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_syntax(
        SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .keep_trailing_newline(true)
            .build()?,
    );
    env.set_debug(true);
    // What templates capture or macros return is code, not a string to quote.
    env.set_auto_escape_callback(|_| AutoEscape::Custom("nix".into()));
    env.set_formatter(write);
    env.remove_filter("safe");
    for (name, source) in TEMPLATES {
        env.add_template(name, source)?;
    }
    Ok(env)
}

/// Writes code as it is and anything else as a Nix literal.
fn write(output: &mut Output<'_>, _: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let written = match value.as_str() {
        Some(code) if value.is_safe() => output.write_str(code),
        _ => {
            let code = nix::render(&literal(value)?)
                .map_err(|error| Error::new(ErrorKind::BadEscape, error.to_string()))?;
            output.write_str(&code)
        }
    };
    written.map_err(Error::from)
}

/// A template's value as data.
fn literal(value: &Value) -> Result<nix::Value, Error> {
    match value.kind() {
        ValueKind::Undefined => Err(Error::from(ErrorKind::UndefinedError)),
        ValueKind::None => Ok(nix::Value::Null),
        ValueKind::Bool => Ok(nix::Value::Bool(value.is_true())),
        ValueKind::Number => match i64::try_from(value.clone()) {
            Ok(int) => Ok(nix::Value::Int(int)),
            Err(_) => f64::try_from(value.clone()).map(nix::Value::Float),
        },
        ValueKind::String => Ok(nix::Value::from(value.as_str().unwrap_or_default())),
        ValueKind::Seq | ValueKind::Iterable => {
            let elements = value.try_iter()?.map(|element| literal(&element));
            elements.collect::<Result<_, _>>().map(nix::Value::List)
        }
        ValueKind::Map => {
            let mut attrs = BTreeMap::new();
            for key in value.try_iter()? {
                let Some(name) = key.as_str() else {
                    return Err(Error::new(ErrorKind::BadSerialization, "a key is not text"));
                };
                attrs.insert(name.to_owned(), literal(&value.get_item(&key)?)?);
            }
            Ok(nix::Value::Attrs(attrs))
        }
        kind => {
            let message = format!("a value of kind {kind} has no Nix literal");
            Err(Error::new(ErrorKind::BadSerialization, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use minijinja::value::Serde;
    use serde::Serialize;

    use super::environment;
    use crate::code::Code;

    #[derive(Serialize)]
    struct View {
        code: Code,
        text: &'static str,
        list: Vec<&'static str>,
        nothing: Option<bool>,
    }

    fn rendered(template: &str) -> Result<String, minijinja::Error> {
        let view = View {
            code: Code::new("lib.mkForce true"),
            text: "a ${b} \"c\"",
            list: vec!["x"],
            nothing: None,
        };
        environment()
            .unwrap()
            .template_from_str(template)
            .unwrap()
            .render(Serde(view))
    }

    #[test]
    fn code_is_written_as_it_is_and_data_as_literals() {
        let cases = [
            ("{{ code }}", "lib.mkForce true"),
            ("{{ text }}", "\"a \\${b} \\\"c\\\"\""),
            ("{{ list }}", "[ \"x\" ]"),
            ("{{ nothing }}", "null"),
            (
                "{{ {'a.b': 1.5, 'c': true} }}",
                "{ \"a.b\" = 1.5; c = true; }",
            ),
            (
                "{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(code) }}",
                "<lib.mkForce true>",
            ),
        ];
        for (template, expected) in cases {
            assert_eq!(rendered(template).unwrap(), expected, "{template}");
        }
    }

    #[test]
    fn what_is_undefined_is_an_error_and_nothing_is_declared_safe() {
        for template in [
            "{{ other }}",
            "{{ text | safe }}",
            "{% for x in other %}{% endfor %}",
        ] {
            assert!(rendered(template).is_err(), "{template}");
        }
    }
}
