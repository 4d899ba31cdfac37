//! Data on its way to Nix.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::Expr;

/// A Nix value to write.
///
/// Strings are data: whatever they hold, they stay strings. Only [`Value::Expr`] and the function
/// name of [`Value::Apply`] are code, and both are checked.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Value {
    /// `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer; all of `i64` is written exactly.
    Int(i64),
    /// A floating-point number, which must be finite; it is read back bit for bit.
    Float(f64),
    /// Text, written between double quotes.
    Str(String),
    /// Text written as an indented string (`''…''`) when it has more than one line.
    Lines(String),
    /// A path literal, relative to the file it is written in or absolute.
    ///
    /// Characters that a path literal cannot hold are added as text: `./. + "/odd name"`.
    Path(String),
    /// `[ … ]`.
    List(Vec<Value>),
    /// `{ … }`, in the order of the keys; each key is one attribute name, not a path.
    Attrs(BTreeMap<String, Value>),
    /// Checked code.
    Expr(Expr),
    /// A function applied to a value, such as `lib.mkForce` or `lib.mkOverride 900`.
    ///
    /// The function is code and is checked when it is written.
    Apply(String, Box<Value>),
    /// Lists joined by `++`.
    Concat(Vec<Value>),
    /// A value with comment lines before it (before the attribute, where it is one).
    Commented(String, Box<Value>),
}

impl Value {
    /// An attribute set of the given pairs; the last of equal keys wins.
    pub fn attrs<K: Into<String>>(pairs: impl IntoIterator<Item = (K, Value)>) -> Value {
        Value::Attrs(
            pairs
                .into_iter()
                .map(|(key, value)| (key.into(), value))
                .collect(),
        )
    }

    /// The function `function` applied to `argument`.
    pub fn apply(function: impl Into<String>, argument: Value) -> Value {
        Value::Apply(function.into(), Box::new(argument))
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Value::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Value::Int(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Value::Str(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Value::Str(value)
    }
}

impl From<Expr> for Value {
    fn from(value: Expr) -> Self {
        Value::Expr(value)
    }
}

impl From<Vec<Value>> for Value {
    fn from(value: Vec<Value>) -> Self {
        Value::List(value)
    }
}
