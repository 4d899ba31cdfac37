//! Writing values.

use std::collections::BTreeMap;

use crate::depth::MAX_DEPTH;
use crate::expr::Shape;
use crate::number::{self, FloatCode};
use crate::path::{self, PathCode};
use crate::string::{indented, string};
use crate::{Expr, ParseProblem, Value, attr_name};

/// Why a value has no Nix text.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// A path without characters.
    #[error("a path is empty")]
    EmptyPath,
    /// The function of [`Value::Apply`] is not an expression.
    #[error("`{function}` is not a Nix function: {}", first_message(problems))]
    InvalidFunction {
        /// The code as given.
        function: String,
        /// What is wrong with it; offsets are those of `function`.
        problems: Vec<ParseProblem>,
    },
    /// An infinity or not a number, which Nix cannot write.
    #[error("{0} has no Nix literal")]
    NonFiniteFloat(f64),
    /// A NUL character in a string, a path, a name or a comment.
    #[error("a NUL character has no Nix literal (in {text:?})")]
    NulCharacter {
        /// The text that holds it.
        text: String,
    },
    /// More than [`MAX_DEPTH`] values inside one another.
    #[error("nested deeper than {MAX_DEPTH}")]
    TooDeep,
}

fn first_message(problems: &[ParseProblem]) -> &str {
    problems
        .first()
        .map_or("not an expression", |problem| &problem.message)
}

/// What stands around a value, which decides about parentheses.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// After `=`, at the top, or in brackets of its own.
    Alone,
    /// An element of a list or an argument of a function.
    Element,
    /// Between `++`.
    Operand,
}

/// The Nix text of a value, correct but not laid out; see [`crate::format()`].
///
/// # Errors
///
/// See [`RenderError`].
///
/// # Examples
///
/// ```
/// use nix::{Value, render};
///
/// let value = Value::attrs([("services", Value::attrs([("port", Value::Int(80))]))]);
/// assert_eq!(render(&value).unwrap(), "{ services.port = 80; }");
/// ```
pub fn render(value: &Value) -> Result<String, RenderError> {
    let mut code = String::new();
    write_value(&mut code, value, Place::Alone, 0)?;
    Ok(code)
}

/// The Nix text of a value as an element of a list or an argument of a function: in parentheses
/// where it would not be one otherwise.
///
/// # Errors
///
/// See [`RenderError`].
pub fn render_element(value: &Value) -> Result<String, RenderError> {
    let mut code = String::new();
    write_value(&mut code, value, Place::Element, 0)?;
    Ok(code)
}

/// The text of an attribute set without its braces: one `path = value;` a line.
///
/// # Errors
///
/// See [`RenderError`].
pub fn render_bindings(attrs: &BTreeMap<String, Value>) -> Result<String, RenderError> {
    let mut code = String::new();
    for (binding_idx, (name, value)) in attrs.iter().enumerate() {
        if binding_idx > 0 {
            code.push('\n');
        }
        write_binding(&mut code, name, value, 0)?;
    }
    Ok(code)
}

fn write_value(
    code: &mut String,
    value: &Value,
    place: Place,
    depth: usize,
) -> Result<(), RenderError> {
    if depth > MAX_DEPTH {
        return Err(RenderError::TooDeep);
    }
    match value {
        Value::Null => code.push_str("null"),
        Value::Bool(value) => code.push_str(if *value { "true" } else { "false" }),
        Value::Int(value) => push_wrapped(
            code,
            &number::int(*value),
            *value < 0 && place != Place::Alone,
        ),
        Value::Float(value) => write_float(code, *value, place)?,
        Value::Lines(text) if text.contains('\n') => code.push_str(&indented(without_nul(text)?)),
        Value::Str(text) | Value::Lines(text) => code.push_str(&string(without_nul(text)?)),
        Value::Path(text) => match path::path(without_nul(text)?) {
            None => return Err(RenderError::EmptyPath),
            Some(PathCode::Literal(literal)) => code.push_str(&literal),
            Some(PathCode::Sum(sum)) => push_wrapped(code, &sum, place != Place::Alone),
        },
        Value::List(elements) => {
            code.push_str("[ ");
            for element in elements {
                write_value(code, element, Place::Element, depth + 1)?;
                code.push(' ');
            }
            code.push(']');
        }
        Value::Attrs(attrs) => {
            code.push_str("{ ");
            for (name, value) in attrs {
                write_binding(code, name, value, depth)?;
                code.push(' ');
            }
            code.push('}');
        }
        Value::Expr(expr) => write_expr(code, expr, place),
        Value::Apply(function, argument) => {
            wrapped(code, place == Place::Element, |code| {
                write_function(code, function)?;
                code.push(' ');
                write_value(code, argument, Place::Element, depth + 1)
            })?;
        }
        Value::Concat(parts) => match parts.as_slice() {
            [] => code.push_str("[ ]"),
            [part] => write_value(code, part, place, depth + 1)?,
            // Joining lists is associative, so a part that is a join needs no parentheses.
            [..] => wrapped(code, place == Place::Element, |code| {
                for (part_idx, part) in parts.iter().enumerate() {
                    if part_idx > 0 {
                        code.push_str(" ++ ");
                    }
                    write_value(code, part, Place::Operand, depth + 1)?;
                }
                Ok(())
            })?,
        },
        Value::Commented(comment, value) => {
            write_comment(code, comment)?;
            write_value(code, value, place, depth + 1)?;
        }
    }
    Ok(())
}

/// Writes `name = value;`, with the names of sets of one attribute joined by dots and the comments
/// above the line.
fn write_binding(
    code: &mut String,
    name: &str,
    value: &Value,
    depth: usize,
) -> Result<(), RenderError> {
    let mut path = attr_name(without_nul(name)?).into_owned();
    let mut value = value;
    let mut depth = depth + 1;
    loop {
        match value {
            Value::Attrs(attrs) if attrs.len() == 1 => {
                for (name, inner) in attrs {
                    path.push('.');
                    path.push_str(&attr_name(without_nul(name)?));
                    value = inner;
                }
            }
            Value::Commented(comment, inner) => {
                write_comment(code, comment)?;
                value = inner;
            }
            _ => break,
        }
        depth += 1;
    }
    code.push_str(&path);
    code.push_str(" = ");
    write_value(code, value, Place::Alone, depth)?;
    code.push(';');
    Ok(())
}

fn write_float(code: &mut String, value: f64, place: Place) -> Result<(), RenderError> {
    match number::float(value).ok_or(RenderError::NonFiniteFloat(value))? {
        FloatCode::Literal(literal) => {
            push_wrapped(
                code,
                &literal,
                literal.starts_with('-') && place != Place::Alone,
            );
        }
        FloatCode::Call(call) => push_wrapped(code, &call, place == Place::Element),
    }
    Ok(())
}

fn write_expr(code: &mut String, expr: &Expr, place: Place) {
    let needs_parens = match place {
        Place::Alone => false,
        Place::Element => expr.shape() != Shape::Simple,
        Place::Operand => expr.shape() == Shape::Other,
    };
    let mut text = expr.as_str().to_owned();
    if expr.ends_in_comment() {
        text.push('\n');
    }
    push_wrapped(code, &text, needs_parens);
}

/// Writes a function before its argument. It is almost always a dotted name with integers after it,
/// which needs no parser to be recognised.
fn write_function(code: &mut String, function: &str) -> Result<(), RenderError> {
    if is_plain_function(function) {
        code.push_str(function);
        return Ok(());
    }
    let expr = Expr::parse(function).map_err(|problems| RenderError::InvalidFunction {
        function: function.to_owned(),
        problems,
    })?;
    // An application applied to one more argument needs no parentheses either.
    let place = if expr.shape() == Shape::Application {
        Place::Alone
    } else {
        Place::Element
    };
    write_expr(code, &expr, place);
    Ok(())
}

fn is_plain_function(function: &str) -> bool {
    let mut words = function.split(' ');
    words
        .next()
        .is_some_and(|name| name.split('.').all(crate::is_identifier))
        && words.all(|word| {
            word.len() < 18 && !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit())
        })
}

/// Writes each line of a comment as one of Nix, on lines of their own.
fn write_comment(code: &mut String, comment: &str) -> Result<(), RenderError> {
    if !code.is_empty() && !code.ends_with('\n') {
        code.push('\n');
    }
    // Nix ends a comment at a carriage return too.
    for line in without_nul(comment)?.split(['\n', '\r']) {
        code.push_str(format!("# {line}").trim_end());
        code.push('\n');
    }
    Ok(())
}

fn push_wrapped(code: &mut String, text: &str, parens: bool) {
    if parens {
        code.push('(');
    }
    code.push_str(text);
    if parens {
        code.push(')');
    }
}

fn wrapped(
    code: &mut String,
    parens: bool,
    write: impl FnOnce(&mut String) -> Result<(), RenderError>,
) -> Result<(), RenderError> {
    if parens {
        code.push('(');
    }
    write(code)?;
    if parens {
        code.push(')');
    }
    Ok(())
}

fn without_nul(text: &str) -> Result<&str, RenderError> {
    if text.contains('\0') {
        return Err(RenderError::NulCharacter {
            text: text.to_owned(),
        });
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::{RenderError, render, render_bindings};
    use crate::{Expr, MAX_DEPTH, Value, parse_problems};

    fn expr(code: &str) -> Value {
        Value::Expr(Expr::parse(code).unwrap())
    }

    fn attrs<const N: usize>(pairs: [(&str, Value); N]) -> Value {
        Value::attrs(pairs)
    }

    #[test]
    fn written() {
        let int = Value::Int;
        let cases = [
            (Value::Null, "null"),
            (int(i64::MIN), "-9223372036854775807 - 1"),
            (
                Value::List(vec![int(-1), int(i64::MIN)]),
                "[ (-1) (-9223372036854775807 - 1) ]",
            ),
            (
                Value::List(vec![Value::Float(-0.5), Value::Float(-0.0)]),
                "[ (-0.5) (builtins.fromJSON \"-0.0\") ]",
            ),
            (Value::Lines("one".into()), "\"one\""),
            (Value::Lines("one\ntwo\n".into()), "''\n  one\n  two\n''"),
            (Value::Path("./a b".into()), "./. + \"/a b\""),
            (
                Value::List(vec![Value::Path("./a b".into()), Value::Path("./c".into())]),
                "[ (./. + \"/a b\") ./c ]",
            ),
            (
                Value::apply("lib.mkForce", Value::Bool(true)),
                "lib.mkForce true",
            ),
            (
                Value::apply("lib.mkOverride 900", int(-1)),
                "lib.mkOverride 900 (-1)",
            ),
            (
                Value::apply("lib.mkIf (a && b)", attrs([("x", int(1))])),
                "lib.mkIf (a && b) { x = 1; }",
            ),
            (Value::apply("x: x", int(1)), "(x: x) 1"),
            (Value::List(vec![Value::apply("f", int(1))]), "[ (f 1) ]"),
            (Value::apply("f", Value::apply("g", int(1))), "f (g 1)"),
            (Value::Concat(vec![]), "[ ]"),
            (Value::Concat(vec![Value::List(vec![])]), "[ ]"),
            (
                Value::Concat(vec![
                    Value::List(vec![expr("a")]),
                    expr("lib.optional c b"),
                    expr("if c then [ ] else d"),
                    Value::Concat(vec![expr("e"), expr("f ++ g")]),
                ]),
                "[ a ] ++ lib.optional c b ++ (if c then [ ] else d) ++ e ++ f ++ g",
            ),
            (
                Value::apply("f", Value::Concat(vec![expr("a"), expr("b")])),
                "f (a ++ b)",
            ),
            (
                Value::List(vec![expr("a.b"), expr("f x"), expr("a + b")]),
                "[ a.b (f x) (a + b) ]",
            ),
            (Value::List(vec![expr("a # why")]), "[ a # why\n ]"),
            (attrs([("a", expr("x: x # why"))]), "{ a = x: x # why\n; }"),
            (Value::List(vec![expr("f x # why")]), "[ (f x # why\n) ]"),
            (attrs([]), "{ }"),
            (attrs([("a", attrs([]))]), "{ a = { }; }"),
            (
                attrs([("a", attrs([("b", attrs([("c", attrs([]))]))]))]),
                "{ a.b.c = { }; }",
            ),
            (
                attrs([("a", attrs([("b", int(1)), ("c", int(2))]))]),
                "{ a = { b = 1; c = 2; }; }",
            ),
            (
                attrs([("a.b", attrs([("if", int(1))]))]),
                "{ \"a.b\".\"if\" = 1; }",
            ),
            (
                attrs([("", int(1)), ("${x}", int(2))]),
                "{ \"\" = 1; \"\\${x}\" = 2; }",
            ),
            (
                attrs([(
                    "a",
                    Value::Commented("why\nhow".into(), Box::new(attrs([("b", int(1))]))),
                )]),
                "{ \n# why\n# how\na.b = 1; }",
            ),
            (
                Value::List(vec![Value::Commented(
                    "why\r} x".into(),
                    Box::new(expr("f x")),
                )]),
                "[ \n# why\n# } x\n(f x) ]",
            ),
            (Value::Commented("why".into(), Box::new(int(1))), "# why\n1"),
        ];
        for (value, code) in cases {
            assert_eq!(render(&value).unwrap(), code);
            assert_eq!(parse_problems(code), [], "{code}");
        }
    }

    #[test]
    fn bindings() {
        let Value::Attrs(value) = attrs([("a", attrs([("b", Value::Int(1))])), ("c", attrs([]))])
        else {
            unreachable!()
        };
        assert_eq!(render_bindings(&value).unwrap(), "a.b = 1;\nc = { };");
    }

    #[test]
    fn refused() {
        let nul = || "a\0b".to_owned();
        let is_nul = |error: &RenderError| matches!(error, RenderError::NulCharacter { .. });
        let values = [
            Value::Str(nul()),
            Value::Lines(nul()),
            Value::Path(nul()),
            attrs([("a\0", Value::Null)]),
            attrs([("a", attrs([("b\0", Value::Null)]))]),
            Value::Commented(nul(), Box::new(Value::Null)),
        ];
        for value in values {
            assert!(is_nul(&render(&value).unwrap_err()), "{value:?}");
        }
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let error = render(&Value::Float(number)).unwrap_err();
            assert!(matches!(error, RenderError::NonFiniteFloat(_)));
        }
        assert_eq!(
            render(&Value::Path(String::new())),
            Err(RenderError::EmptyPath)
        );
        for function in [
            "",
            "a; b",
            "f }",
            "(",
            "a #",
            "lib..x",
            "f 99999999999999999999",
        ] {
            let result = render(&Value::apply(function, Value::Null));
            match function {
                // A comment is code and stays one.
                "a #" => assert_eq!(result.unwrap(), "a #\n null"),
                _ => assert!(matches!(result, Err(RenderError::InvalidFunction { .. }))),
            }
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nest =
            |n: usize, wrap: fn(Value) -> Value| (0..n).fold(Value::Null, |value, _| wrap(value));
        let wraps: [fn(Value) -> Value; 5] = [
            |value| Value::List(vec![value]),
            |value| Value::attrs([("a", value), ("b", Value::Null)]),
            |value| Value::apply("f", value),
            |value| Value::Concat(vec![value]),
            |value| Value::Commented("c".into(), Box::new(value)),
        ];
        for wrap in wraps {
            render(&nest(MAX_DEPTH, wrap)).unwrap();
            assert_eq!(
                render(&nest(MAX_DEPTH + 1, wrap)),
                Err(RenderError::TooDeep)
            );
        }
        // Flattened sets end in a value that is as deep as it would be in braces.
        let flat: fn(Value) -> Value = |value| Value::attrs([("a", value)]);
        render(&nest(MAX_DEPTH, flat)).unwrap();
        assert_eq!(
            render(&nest(MAX_DEPTH + 1, flat)),
            Err(RenderError::TooDeep)
        );
    }
}
