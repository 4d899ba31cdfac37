//! Text that goes into a file as it is.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::error::{Problem, Result};

/// A fragment that templates print unchanged, unlike a string, which they print as a Nix string.
///
/// Its constructors are the only places where text becomes code.
#[derive(Clone, Debug)]
pub(crate) struct Code(minijinja::Value);

impl Code {
    /// Takes text that is code already.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(minijinja::Value::from_safe_string(text.into()))
    }

    /// A value.
    pub(crate) fn value(value: &nix::Value) -> Result<Self> {
        Ok(Self::new(nix::render(value)?))
    }

    /// A string.
    pub(crate) fn string(text: &str) -> Result<Self> {
        Self::value(&nix::Value::from(text))
    }

    /// A path, relative to the file it is written in, as an element of a list or an argument: with
    /// odd characters it is a sum.
    pub(crate) fn path(path: impl Into<String>) -> Result<Self> {
        Ok(Self::new(nix::render_element(&nix::Value::Path(
            path.into(),
        ))?))
    }

    /// The name of an attribute.
    pub(crate) fn name(name: &str) -> Self {
        Self::new(nix::attr_name(name))
    }

    /// Code of the model, as an element of a list.
    pub(crate) fn element(code: &str) -> Result<Self> {
        Ok(Self::new(nix::render_element(&expr(code)?)?))
    }

    /// The imports of modules; nothing where there are none.
    pub(crate) fn imports(modules: &[Self]) -> Self {
        if modules.is_empty() {
            return Self::new("");
        }
        let mut code = String::from("imports = [\n");
        for module in modules {
            code.push_str(module.as_str());
            code.push('\n');
        }
        code.push_str("];");
        Self::new(code)
    }

    /// Comment lines, without a line break at the end.
    pub(crate) fn comment(text: &str) -> Self {
        let text = text.trim();
        if !text.bytes().any(|byte| matches!(byte, b'\n' | b'\r' | 0)) {
            return Self::new(["#", text].join(if text.is_empty() { "" } else { " " }));
        }
        let lines = text.split(['\n', '\r']);
        let lines = lines.map(|line| {
            format!("# {}", line.replace('\0', ""))
                .trim_end()
                .to_owned()
        });
        Self::new(lines.collect::<Vec<_>>().join("\n"))
    }

    /// The text.
    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str().unwrap_or_default()
    }
}

/// Code of the model, checked.
pub(crate) fn expr(code: &str) -> Result<nix::Value> {
    match nix::Expr::parse(code) {
        Ok(expr) => Ok(nix::Value::Expr(expr)),
        Err(problems) => Err(Problem::code(&problems, code)),
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        // A template's value keeps that it is safe when it is serialized for a template.
        self.0.serialize(serializer)
    }
}
