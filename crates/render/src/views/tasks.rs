//! `Justfile`, and the tables that its scripts read.

use std::fmt::{self, Write as _};

use model::{Backend, Fleet, Host, MicroVm, Parameter, ParameterKind, Protocol, Recipe};
use nix::Value;
use serde::Serialize;

use crate::code::Code;

/// The Justfile.
#[derive(Debug, Serialize)]
pub(crate) struct View {
    header: Code,
    recipes: Code,
}

/// A table of a script: fields with tabs between.
#[derive(Debug, Serialize)]
pub(crate) struct Table {
    header: Code,
    columns: Code,
    rows: Vec<Code>,
}

/// The view of the Justfile.
pub(crate) fn justfile(fleet: &Fleet, header: Code) -> View {
    let mut text = String::new();
    for recipe in &fleet.recipes {
        // Writing to a string cannot fail.
        let _ = write_recipe(&mut text, recipe);
    }
    View {
        header,
        recipes: Code::new(text.trim_matches('\n')),
    }
}

fn write_recipe(text: &mut String, recipe: &Recipe) -> fmt::Result {
    writeln!(text, "\n{}", Code::comment(&recipe.description))?;
    if let Some(question) = &recipe.confirm {
        writeln!(text, "[confirm({})]", quoted(question))?;
    }
    writeln!(text, "[group({})]", quoted(&recipe.group))?;
    text.push_str(&recipe.name);
    for parameter in &recipe.parameters {
        write!(text, " {}", written(parameter))?;
    }
    text.push_str(":\n");
    for line in &recipe.lines {
        if !line.is_empty() {
            // Two braces would begin an expression of just.
            write!(text, "    {}", line.replace("{{", "{{{{"))?;
        }
        text.push('\n');
    }
    Ok(())
}

fn written(parameter: &Parameter) -> String {
    let kind = match parameter.kind {
        ParameterKind::One => "",
        ParameterKind::Some => "+",
        ParameterKind::Any => "*",
    };
    let export = if parameter.export { "$" } else { "" };
    let default = match &parameter.default {
        Some(default) => format!("={}", quoted(default)),
        None => String::new(),
    };
    format!("{kind}{export}{}{default}", parameter.name)
}

/// A string of just.
fn quoted(text: &str) -> String {
    if text.contains('\'') {
        let text = text.replace('\\', "\\\\").replace('"', "\\\"");
        return format!("\"{text}\"");
    }
    format!("'{text}'")
}

/// How hosts are reached.
pub(crate) fn hosts(fleet: &Fleet, header: Code) -> Table {
    let rows = fleet.hosts.iter().filter_map(|(name, host)| {
        let reach = fleet.deploy.reach.get(name)?;
        let target = match &reach.ssh_user {
            Some(user) => format!("{user}@{}", reach.address),
            None => reach.address.clone(),
        };
        let build = if reach.remote_build { "there" } else { "here" };
        let sudo = match (reach.ssh_user.as_deref(), reach.interactive_sudo) {
            (Some("root"), _) => "none",
            (_, true) => "ask",
            _ => "plain",
        };
        let options = match reach.ssh_opts.join(" ") {
            options if options.is_empty() => "-".to_owned(),
            options => options,
        };
        let fields = [name.as_str(), &host.system, &target, build, sudo, &options];
        Some(Code::new(fields.join("\t")))
    });
    Table {
        header,
        columns: Code::new("# host\tplatform\treached at\tbuilt\tsudo\targuments of ssh"),
        rows: rows.collect(),
    }
}

/// Where hosts back up to.
pub(crate) fn backups(fleet: &Fleet, header: Code) -> Table {
    let rows = fleet.hosts.iter().filter_map(|(name, host)| {
        host.enabled.get(model::BACKUP)?;
        let given = |option: &str| fleet.option_of(host, model::BACKUP, option);
        let repository = match given("repository") {
            Some(Value::Str(text)) if given("perHost") == Some(&Value::Bool(false)) => text.clone(),
            Some(Value::Str(text)) => format!("{text}/{name}"),
            // Code, which only Nix knows.
            _ => "-".to_owned(),
        };
        let password = match given("passwordFile") {
            Some(Value::Str(text) | Value::Path(text)) => text.clone(),
            Some(Value::Expr(code)) => secret_path(fleet, host, code.as_str()),
            _ => "-".to_owned(),
        };
        let tested = match given("restoreTest") {
            Some(Value::Attrs(fields)) if fields.get("enable") == Some(&Value::Bool(false)) => "no",
            _ => "yes",
        };
        let fields = [name.as_str(), &repository, &password, tested];
        Some(Code::new(fields.join("\t")))
    });
    Table {
        header,
        columns: Code::new("# host\trepository\tits password\ttested by itself"),
        rows: rows.collect(),
    }
}

/// Where the secret that code asks for lies on a host.
fn secret_path(fleet: &Fleet, host: &Host, code: &str) -> String {
    let (set, folder) = match fleet.backend {
        Backend::Agenix => ("age", "/run/agenix"),
        Backend::Sops => ("sops", "/run/secrets"),
    };
    let is_it = |name: &&String| {
        code.trim() == format!("config.{set}.secrets.{}.path", nix::attr_name(name))
    };
    let found = host.secrets.iter().find(|(name, _)| is_it(name));
    found.map_or_else(
        || "-".to_owned(),
        |(name, secret)| {
            let path = secret.path.clone();
            path.unwrap_or_else(|| format!("{folder}/{name}"))
        },
    )
}

/// How MicroVMs are reached.
pub(crate) fn microvms(fleet: &Fleet, header: Code) -> Table {
    let rows = fleet.microvms.values().map(|vm| {
        let (login, port) = login(vm).unwrap_or_else(|| ("-".to_owned(), 22));
        let name = &vm.guest.name;
        let hosts = fleet.hosts.values();
        let hosts = hosts.filter(|host| host.microvms.contains(name));
        let hosts: Vec<&str> = hosts.map(|host| host.name.as_str()).collect();
        let hosts = if hosts.is_empty() {
            "-".to_owned()
        } else {
            hosts.join(" ")
        };
        let port = port.to_string();
        let fields = [name.as_str(), &vm.guest.system, &login, &port, &hosts];
        Code::new(fields.join("\t"))
    });
    Table {
        header,
        columns: Code::new("# MicroVM\tplatform\treached at\tport\thosts"),
        rows: rows.collect(),
    }
}

/// Who logs in where, from the host.
fn login(vm: &MicroVm) -> Option<(String, u16)> {
    let user = vm.accounts.first().map(|(name, _)| name.as_str());
    let user = user.or_else(|| vm.guest.users.keys().next().map(AsRef::as_ref));
    let user = user.unwrap_or("root");
    let forward = vm
        .forwards
        .iter()
        .find(|forward| forward.guest == 22 && forward.protocol == Protocol::Tcp);
    if let Some(forward) = forward {
        let address = match forward.address.as_str() {
            "0.0.0.0" | "" => "127.0.0.1",
            address => address,
        };
        return Some((format!("{user}@{address}"), forward.host));
    }
    let address = vm.address.as_deref()?.split('/').next()?;
    Some((format!("{user}@{address}"), 22))
}

#[cfg(test)]
mod tests {
    use model::{Fleet, Recipe};

    use super::justfile;
    use crate::code::Code;

    #[test]
    fn recipes_are_printed_as_they_are() {
        let recipe = |name: &str, lines: &[&str]| Recipe {
            name: name.to_owned(),
            group: "it's".to_owned(),
            description: "Two\nlines".to_owned(),
            confirm: None,
            parameters: Vec::new(),
            script: false,
            lines: lines.iter().map(|&line| line.to_owned()).collect(),
        };
        let fleet = Fleet {
            recipes: vec![recipe("a", &["x {{y}}", "", "z"]), recipe("b", &["w  "])],
            ..Fleet::default()
        };
        let expected = "# Two\n# lines\n[group(\"it's\")]\na:\n    x {{{{y}}\n\n    z\n\n\
                        # Two\n# lines\n[group(\"it's\")]\nb:\n    w  ";
        assert_eq!(justfile(&fleet, Code::new("")).recipes.as_str(), expected);
    }
}
