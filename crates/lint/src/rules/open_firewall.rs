//! `open-firewall`: a firewall that is off, and ports that are open everywhere.

use diag::Code;
use nix::DefValue;

use crate::check::File;
use crate::config::Level;
use crate::module::Module;
use crate::rule::{Check, Docs, Rule};

pub(crate) static RULE: Rule = Rule {
    code: Code {
        name: "lint/open-firewall",
        summary: "a firewall that is off, or a port open on every interface",
        explanation: "A port that is open on every interface is open in every network that a laptop visits and, with \
                      IPv6, often to the whole internet. Open it where it is used: \
                      `networking.firewall.interfaces.NAME.allowedTCPPorts`.",
    },
    level: Level::Warning,
    docs: Docs {
        what: "Finds `networking.firewall.enable = false`, ports in `networking.firewall.allowedTCPPorts` and its relatives, \
               and `openFirewall = true` of services and programs. Ports 80 and 443 are left alone, since web servers are \
               there for everyone. Options named `openFirewall` that the files declare themselves are not meant.",
        bad: "{\n  networking.firewall.allowedTCPPorts = [ 5432 ];\n}\n",
        good: "{\n  networking.firewall.interfaces.lan0.allowedTCPPorts = [ 5432 ];\n}\n",
        reason: "a public mail server",
    },
    fixes: false,
    check: Check::Modules(check),
};

fn check(module: &Module, file: &mut File<'_>) {
    for definition in &module.definitions {
        let path: Vec<&str> = definition.path.0.iter().map(String::as_str).collect();
        let (message, help) = match (path.as_slice(), &definition.value) {
            (["networking", "firewall", "enable"], DefValue::Bool(false)) => (
                "the firewall is off".to_owned(),
                "leave it on, and open what is used",
            ),
            (
                [
                    "networking",
                    "firewall",
                    name @ ("allowedTCPPorts" | "allowedUDPPorts"),
                ],
                DefValue::List(items),
            ) => {
                let ports: Vec<String> = items.iter().filter_map(private_port).collect();
                if ports.is_empty() {
                    continue;
                }
                let word = if ports.len() == 1 { "port" } else { "ports" };
                let verb = if ports.len() == 1 { "is" } else { "are" };
                (
                    format!("{word} {} {verb} open on every interface", ports.join(", ")),
                    if *name == "allowedTCPPorts" {
                        "use `networking.firewall.interfaces.NAME.allowedTCPPorts`"
                    } else {
                        "use `networking.firewall.interfaces.NAME.allowedUDPPorts`"
                    },
                )
            }
            (
                [
                    "networking",
                    "firewall",
                    "allowedTCPPortRanges" | "allowedUDPPortRanges",
                ],
                DefValue::List(items),
            ) if !items.is_empty() => (
                "a range of ports is open on every interface".to_owned(),
                "use `networking.firewall.interfaces.NAME` for it",
            ),
            (
                [
                    "services" | "programs" | "hardware" | "virtualisation",
                    ..,
                    "openFirewall",
                ],
                DefValue::Bool(true),
            ) => (
                format!("`{}` opens ports on every interface", definition.path),
                "open the port in `networking.firewall.interfaces.NAME`",
            ),
            _ => continue,
        };
        file.report_at(definition.start..definition.end, message)
            .help(help);
    }
}

/// A port that is not for everyone; code may be any port.
fn private_port(item: &DefValue) -> Option<String> {
    match item {
        DefValue::Int(80 | 443) => None,
        DefValue::Int(port) => Some(port.to_string()),
        DefValue::Expr(code) => Some(format!(
            "`{}`",
            code.split_whitespace().collect::<Vec<_>>().join(" ")
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::testing::check;

    #[test]
    fn cases() {
        check(
            &RULE,
            &[
                "{ «networking.firewall.enable = false»; }",
                "{ networking.firewall = { «allowedTCPPorts = [ 80 22 ]»; }; }",
                "{ config.networking.firewall = lib.mkIf x { «allowedUDPPorts = [ cfg.port ]»; }; }",
                "{ networking.firewall.allowedTCPPorts = [ 80 443 ]; }",
                "{ networking.firewall.interfaces.lan.allowedTCPPorts = [ 22 ]; }",
                "{ networking.firewall.enable = true; }",
                "{ «services.x.openFirewall = true»; programs.y.openFirewall = false; }",
                "{ features.x.openFirewall = true; }",
                "{ networking.firewall = { «allowedTCPPortRanges = [ { from = 1; to = 2; } ]»; }; }",
                "{ a = nixosSystem { modules = [ { «networking.firewall.enable = false»; } ]; }; }",
            ],
        );
    }
}
