//! What an expression of a derived option reads: facts, features, options of machines.

use std::collections::BTreeSet;

use diag::Span;
use model::{Host, Layer, Reason};

use super::{Cause, MOST_LAYERS, Role, Whence};
use crate::origin;
use crate::yaml::stands_in;

impl<'a> Whence<'a> {
    /// The lines of the spec that an expression of a derived option reads.
    pub(super) fn facts(&mut self, derive: Span) -> Vec<Cause> {
        let Some((host, user)) = self.at.clone() else {
            return Vec::new();
        };
        let fleet = self.fleet;
        let sources = self.sources;
        let text = &sources.file(derive.file).text;
        let expression = &text[derive.start as usize..derive.end as usize];
        let section = self.section(host);
        let name = host.name.as_str();
        let mut causes = Vec::new();
        for read in reads_of(expression) {
            let parts: Vec<&str> = read.split('.').collect();
            let (layer, key): (String, Vec<&str>) = match parts.as_slice() {
                ["fleet", field @ ("domain" | "name"), ..] => {
                    (format!("fleet.{field}"), vec!["fleet", field])
                }
                ["host", field, ..] => {
                    let below: &[&str] = match (*field, parts.get(2)) {
                        ("name", _) => &[],
                        ("address", _) => &["network", "address"],
                        ("zones", Some(zone)) => &["network", "zones", zone],
                        ("zones", None) => &["network", "zones"],
                        ("gpus", _) => &["hardware", "gpu"],
                        ("cpu", _) => &["hardware", "cpu"],
                        ("memory", _) => &["hardware", "memory"],
                        ("system", _) => &["system"],
                        ("description", _) => &["description"],
                        ("tags", _) => &["tags"],
                        ("template", _) => &["template"],
                        ("users", _) => &["users"],
                        _ => continue,
                    };
                    let key = [section, name].iter().chain(below).copied().collect();
                    (format!("`{read}` of {name}"), key)
                }
                ["user", field, ..] => {
                    let Some(user) = user.as_deref() else {
                        continue;
                    };
                    let mut key = vec!["users", user];
                    key.extend(Some(*field).filter(|field| *field != "name"));
                    (format!("`{read}` of {user}"), key)
                }
                _ => continue,
            };
            if let Some((span, depth)) = self.yaml.key(&key, None)
                && depth == key.len()
            {
                causes.push(self.cause(Role::Reads, &layer, Some(span)));
            }
        }
        // Features that it asks for, where they are on.
        for id in pieces(expression) {
            let Some(enabled) = host.enabled.get(id) else {
                continue;
            };
            let named = enabled.reasons.iter().find_map(|reason| match reason {
                Reason::Named(origin) => Some(origin),
                _ => None,
            });
            if let Some(origin) = named {
                let by = origin::layer(&origin.layer, fleet);
                let layer = format!("feature {id}, which is on by {by}");
                causes.push(self.cause(Role::Reads, &layer, origin.span));
            }
        }
        causes.extend(self.options_read(expression, host));
        // Machines that the value names.
        if expression.contains("hosts") || expression.contains("fleet.metrics") {
            let code = self.code.clone();
            let named = fleet.machines().filter(|other| {
                let is_there = |text: &str| code.contains(text) && stands_in(&code, text);
                is_there(other.name.as_str()) || other.address.as_deref().is_some_and(is_there)
            });
            let named: Vec<&'a Host> = named.take(MOST_LAYERS).collect();
            for other in named {
                let name = other.name.as_str();
                let key = [self.section(other), name, "network", "address"];
                let has_address = |address: &String| stands_in(&code, address);
                if !other.address.as_ref().is_some_and(has_address) {
                    let layer = format!("host {name}");
                    causes.push(self.cause(Role::Reads, &layer, Some(other.span)));
                } else if let Some((span, depth)) = self.yaml.key(&key, Some(other.span.file))
                    && depth > 1
                {
                    let layer = format!("host {name}");
                    causes.push(self.cause(Role::Reads, &layer, Some(span)));
                }
                if expression.contains("fleet.metrics") {
                    causes.extend(self.ports_read(other));
                }
            }
        }
        causes
    }

    /// Where a machine was given the ports of which the value has the pages.
    fn ports_read(&self, other: &'a Host) -> Vec<Cause> {
        let address = other.address.as_deref().unwrap_or(other.name.as_str());
        let address = if address.contains(':') {
            format!("[{address}]")
        } else {
            address.to_owned()
        };
        let mut causes = Vec::new();
        for (id, enabled) in &other.enabled {
            for (option, given) in &enabled.options {
                let nix::Value::Int(port) = &given.value else {
                    continue;
                };
                let is_given = !matches!(given.origin.layer, Layer::Default(_) | Layer::Derived(_));
                if is_given && stands_in(&self.code, &format!("{address}:{port}")) {
                    let by = origin::layer(&given.origin.layer, self.fleet);
                    let layer = format!("`{id}.{option}` of {}, set by {by}", other.name);
                    causes.push(self.cause(Role::Reads, &layer, given.origin.span));
                }
            }
        }
        causes
    }

    /// Where options were set that an expression asks of machines, as far as those can be known: of the
    /// machine itself, or of another one where the value has what stands there.
    fn options_read(&self, expression: &str, host: &'a Host) -> Vec<Cause> {
        let fleet = self.fleet;
        let calls = options_of(expression);
        let has = |host: &Host, feature: &str| host.enabled.contains_key(feature);
        let is_own = |call: &OptionOf<'_>| call.of == Asked::Own && has(host, call.feature);
        let mut causes = Vec::new();
        for call in &calls {
            let other = match call.of {
                Asked::Own => Some(host),
                Asked::FirstWith(feature) => fleet.hosts.values().find(|it| has(it, feature)),
                Asked::Named(name) => fleet.hosts.get(name),
            };
            let Some(other) = other else {
                continue;
            };
            let enabled = other.enabled.get(call.feature);
            let Some(given) = enabled.and_then(|it| it.options.get(call.option)) else {
                continue;
            };
            if matches!(given.origin.layer, Layer::Default(_) | Layer::Derived(_)) {
                continue;
            }
            // An expression that asks the machine itself asks another one where that has no answer.
            let same = |own: &OptionOf<'_>| {
                is_own(own) && (own.feature, own.option) == (call.feature, call.option)
            };
            let is_elsewhere = other.name != host.name;
            if is_elsewhere && (calls.iter().any(same) || !self.holds(&given.value)) {
                continue;
            }
            let by = origin::layer(&given.origin.layer, fleet);
            let option = format!("{}.{}", call.feature, call.option);
            let layer = format!("`{option}` of {}, set by {by}", other.name);
            causes.push(self.cause(Role::Reads, &layer, given.origin.span));
        }
        causes
    }

    /// Whether the code that is asked about holds a text or a number of a value.
    fn holds(&self, value: &nix::Value) -> bool {
        match value {
            nix::Value::Str(text) => !text.is_empty() && stands_in(&self.code, text),
            nix::Value::Int(number) => stands_in(&self.code, &number.to_string()),
            nix::Value::List(items) => items.iter().any(|item| self.holds(item)),
            nix::Value::Attrs(attrs) => attrs.values().any(|value| self.holds(value)),
            nix::Value::Commented(_, inner) | nix::Value::Apply(_, inner) => self.holds(inner),
            _ => false,
        }
    }
}

/// The facts that an expression names: `host.address`, `user.email`.
fn reads_of(expression: &str) -> BTreeSet<String> {
    let is_word = |c: char| c.is_alphanumeric() || "_.".contains(c);
    let words = expression.split(|c: char| !is_word(c));
    let facts = words.filter(|word| {
        let root = word.split('.').next().unwrap_or_default();
        matches!(root, "host" | "user" | "fleet") && word.contains('.')
    });
    facts
        .map(|word| word.trim_end_matches('.').to_owned())
        .collect()
}

/// An option that an expression asks of a machine: `fleet.option(host.name, 'ai.ollama', 'port')`.
#[derive(Debug, PartialEq)]
struct OptionOf<'e> {
    of: Asked<'e>,
    feature: &'e str,
    option: &'e str,
}

/// The machine of which an expression asks.
#[derive(Debug, PartialEq)]
enum Asked<'e> {
    /// The one that it is evaluated for.
    Own,
    /// `(fleet.hosts_with('ai.ollama') | first).name`.
    FirstWith(&'e str),
    Named(&'e str),
}

/// The options that an expression asks of machines, where its text alone tells which.
fn options_of(expression: &str) -> Vec<OptionOf<'_>> {
    let calls = expression.split("fleet.option(").skip(1);
    calls
        .filter_map(|rest| match arguments(rest)?.as_slice() {
            [of, feature, option] => Some(OptionOf {
                of: asked(of)?,
                feature: quoted(feature)?,
                option: quoted(option)?,
            }),
            _ => None,
        })
        .collect()
}

/// The arguments of a call, of the text after the bracket that opens them.
fn arguments(text: &str) -> Option<Vec<&str>> {
    let (mut depth, mut start, mut inside) = (0, 0, None);
    let mut found = Vec::new();
    for (at, c) in text.char_indices() {
        match (inside, c) {
            (Some(quote), _) if c == quote => inside = None,
            (None, '"' | '\'') => inside = Some(c),
            (None, '(' | '[') => depth += 1,
            (None, ')') if depth == 0 => {
                found.push(text[start..at].trim());
                return Some(found);
            }
            (None, ')' | ']') => depth -= 1,
            (None, ',') if depth == 0 => {
                found.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    None
}

fn asked(text: &str) -> Option<Asked<'_>> {
    if text == "host.name" {
        return Some(Asked::Own);
    }
    let Some((before, rest)) = text.split_once("fleet.hosts_with(") else {
        return quoted(text).map(Asked::Named);
    };
    let (feature, rest) = rest.split_once(')')?;
    let rest: String = rest.split_whitespace().collect();
    let is_first = matches!(
        (before.trim(), rest.as_str()),
        ("(", "|first).name") | ("", "[0].name")
    );
    quoted(feature.trim())
        .filter(|_| is_first)
        .map(Asked::FirstWith)
}

/// What stands between quotes, which YAML may double, and is all of a text.
fn quoted(text: &str) -> Option<&str> {
    const QUOTES: [char; 2] = ['"', '\''];
    let inner = text.trim_matches(QUOTES);
    let is_whole = text.starts_with(QUOTES) && text.ends_with(QUOTES);
    (is_whole && !inner.is_empty() && !inner.contains(['"', '\'', '\\'])).then_some(inner)
}

/// The pieces of an expression between quotes of any kind, its own in YAML among them: what is a text
/// and what is not, the caller tells.
fn pieces(expression: &str) -> BTreeSet<&str> {
    expression.split(['"', '\'']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_expressions_ask_for() {
        let of = |of, feature, option| OptionOf {
            of,
            feature,
            option,
        };
        let text = "fleet.option(host.name, 'a.b', 'c') if x else fleet.option((fleet.hosts_with('a.b')\n | first).name, \"a.b\", ''d'') ~ fleet.option('h', 'a.b', 'e')";
        let found = [
            of(Asked::Own, "a.b", "c"),
            of(Asked::FirstWith("a.b"), "a.b", "d"),
            of(Asked::Named("h"), "a.b", "e"),
        ];
        assert_eq!(options_of(text), found);
        // Of whom is computed, or what.
        for text in [
            "[fleet.option(h.name, 'a.b', 'c') for h in fleet.hosts]",
            "fleet.option((fleet.hosts_with('a.b') | last).name, 'a.b', 'c')",
            "fleet.option(host.name, 'a.' ~ x, 'c')",
            "fleet.option(host.name, 'a.b', 'c'",
        ] {
            assert_eq!(options_of(text), [], "{text}");
        }
    }
}
