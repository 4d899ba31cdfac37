//! Option types as schemas.
//!
//! A tag is invisible to a schema: editors read `!nix EXPR` as the string `EXPR` and `!force { … }`
//! as the mapping. So each type that is not text admits strings that can be code, and a mapping
//! whose only key is `value` (`!force { value: !nix … }`). What can be code is told by form: it
//! holds a character that a single word cannot have, because a single word as code would be a
//! variable, which no option takes. `port: abc` and a misspelt word of an enum are refused;
//! `port: "80"` passes, because `!force 80` looks the same, and is left to `gen`.

use serde_json::{Map, Value as Json, json};

use crate::ast::OptionType;
use crate::value::{Value, ValueKind};

/// Text that is more than one word: what code looks like.
const CODE: &str = "[^A-Za-z0-9_'-]";

/// The schema of an option's values, tags included.
pub fn type_schema(ty: &OptionType) -> Json {
    match ty {
        OptionType::Anything => json!({}),
        OptionType::Bool => shape("boolean", "^(true|false)$", &json!({})),
        OptionType::Int { min, max } => shape(
            "integer",
            "^-?[0-9]+$",
            &json!({ "minimum": min, "maximum": max }),
        ),
        OptionType::Port => shape(
            "integer",
            "^[0-9]+$",
            &json!({ "minimum": 0, "maximum": 65535 }),
        ),
        OptionType::Float { min, max } => shape(
            "number",
            "^-?[0-9.]+$",
            &json!({ "minimum": min, "maximum": max }),
        ),
        // Text with a tag is text.
        OptionType::String { pattern: None }
        | OptionType::Lines
        | OptionType::Path
        | OptionType::Package => with_wrapper(json!({ "type": "string" })),
        OptionType::String {
            pattern: Some(pattern),
        } => {
            let readable = !pattern.contains("[:") && !pattern.contains("(?");
            let pattern = format!("^({pattern})$|{CODE}");
            with_wrapper(if readable {
                json!({ "type": "string", "pattern": pattern })
            } else {
                json!({ "type": "string" })
            })
        }
        OptionType::Duration => with_wrapper(json!({
            "type": "string",
            "pattern": format!("^[0-9]+(s|m|min|h|d|w)$|{CODE}"),
        })),
        OptionType::Size => with_wrapper(json!({
            "type": "string",
            "pattern": format!("^[0-9]+([KMGT]|[KMGT]iB)$|{CODE}"),
        })),
        OptionType::Enum(words) => json!({
            "anyOf": [
                { "enum": words },
                with_wrapper(json!({ "type": "string", "pattern": CODE })),
            ]
        }),
        OptionType::List(inner) => with_wrapper(json!({
            "type": ["array", "string"],
            "items": type_schema(inner),
            "pattern": CODE,
        })),
        OptionType::Attrs(inner) => json!({
            "type": ["object", "string"],
            "properties": { "value": hidden() },
            "additionalProperties": type_schema(inner),
            "pattern": CODE,
        }),
        OptionType::Submodule(fields) => {
            let mut properties = Map::new();
            let mut required = Vec::new();
            for (name, field) in fields {
                let field = &field.value;
                let names = super::names::OptionNames::of(name, field);
                properties.insert(name.clone(), names.schema());
                if field.default.is_none() && !matches!(field.ty, OptionType::Nullable(_)) {
                    required.push(name.clone());
                }
            }
            json!({
                "anyOf": [
                    {
                        "type": "object",
                        "properties": properties,
                        "required": required,
                        "additionalProperties": false,
                    },
                    with_wrapper(json!({ "type": "string", "pattern": CODE })),
                ]
            })
        }
        OptionType::Nullable(inner) => nullable(type_schema(inner)),
        OptionType::OneOf(types) => {
            json!({ "anyOf": types.iter().map(type_schema).collect::<Vec<_>>() })
        }
    }
}

/// A type that is not text: itself, tagged scalars that may stand for it, and the wrapper.
/// Keywords of one JSON type say nothing about values of another, so one flat schema does, and the
/// messages of editors stay clear.
fn shape(ty: &str, scalars: &str, keywords: &Json) -> Json {
    let mut schema = json!({
        "type": [ty, "string"],
        "pattern": format!("{scalars}|{CODE}"),
    });
    if let (Json::Object(schema), Json::Object(keywords)) = (&mut schema, keywords) {
        for (name, value) in keywords {
            if !value.is_null() {
                schema.insert(name.clone(), value.clone());
            }
        }
    }
    with_wrapper(schema)
}

/// Admits `{ value: … }`, for two tags on one value.
fn with_wrapper(mut schema: Json) -> Json {
    push_type(&mut schema, "object");
    if let Json::Object(schema) = &mut schema {
        schema.insert("properties".to_owned(), json!({ "value": hidden() }));
        schema.insert("required".to_owned(), json!(["value"]));
        schema.insert("additionalProperties".to_owned(), false.into());
    }
    schema
}

/// Anything, not offered by completion.
fn hidden() -> Json {
    json!({ "doNotSuggest": true })
}

fn push_type(schema: &mut Json, ty: &str) {
    let Some(types) = schema.get_mut("type") else {
        return;
    };
    match types {
        Json::Array(types) => types.push(ty.into()),
        one => *one = json!([one.clone(), ty]),
    }
}

fn nullable(mut schema: Json) -> Json {
    if let Some(Json::Array(any)) = schema.get_mut("anyOf") {
        any.push(json!({ "type": "null" }));
        any.push(json!({ "type": "string", "pattern": "^(null|~)$" }));
        return schema;
    }
    push_type(&mut schema, "null");
    if let Some(Json::String(pattern)) = schema.get_mut("pattern") {
        pattern.insert_str(0, "^(null|~)$|");
    }
    schema
}

/// A value as JSON, where it is plain data.
pub(super) fn data(value: &Value) -> Option<Json> {
    Some(match &value.kind {
        ValueKind::Null => Json::Null,
        ValueKind::Bool(b) => (*b).into(),
        ValueKind::Int(i) => (*i).into(),
        ValueKind::Float(f) => (*f).into(),
        ValueKind::Str(text) | ValueKind::Lines(text) => text.clone().into(),
        ValueKind::List(items) => items.iter().map(data).collect::<Option<Vec<_>>>()?.into(),
        ValueKind::Attrs(attrs) => Json::Object(
            attrs
                .iter()
                .map(|(name, value)| Some((name.clone(), data(value)?)))
                .collect::<Option<Map<_, _>>>()?,
        ),
        _ => return None,
    })
}
