//! `open-port`: ports that are open on every interface.

use diag::Code;
use nix::DefValue;

use crate::check::File;
use crate::config::Level;
use crate::module::Module;
use crate::rule::{Check, Docs, Rule};

pub(crate) static RULE: Rule = Rule {
    code: Code {
        name: "lint/open-port",
        summary: "a port that is open on every interface",
        explanation: "A port that is open on every interface is open in every network that a laptop visits and, with \
                      IPv6, often to the whole internet. Open it where it is used: \
                      `networking.firewall.interfaces.NAME.allowedTCPPorts`. For what is there for everyone, such as a \
                      mail server, it is right.",
    },
    level: Level::Note,
    docs: Docs {
        what: "Finds ports in `networking.firewall.allowedTCPPorts` and its relatives, and `openFirewall = true` of services \
               and programs of nixpkgs. Ports 80 and 443 are left alone, since web servers are there for everyone; so are \
               modules that open ports only by an option `openFirewall` of their own, and guests of microvm.nix, which \
               have one interface.",
        bad: "{\n  networking.firewall.allowedTCPPorts = [ 5432 ];\n}\n",
        good: "{\n  networking.firewall.interfaces.lan0.allowedTCPPorts = [ 5432 ];\n}\n",
        reason: "a public mail server",
    },
    fixes: false,
    check: Check::Modules(check),
};

fn check(module: &Module, file: &mut File<'_>) {
    // A guest has one interface, to its host.
    let is_guest = ["hypervisor", "interfaces", "shares", "volumes"]
        .iter()
        .any(|name| module.below(&["microvm", name]).next().is_some());
    if is_guest {
        return;
    }
    let has_switch = module
        .options
        .iter()
        .any(|it| it.path.last().is_some_and(|name| name == "openFirewall"));
    for definition in &module.definitions {
        // Who switches the option on opens the port.
        if has_switch && definition.conditional {
            continue;
        }
        let path: Vec<&str> = definition.path.0.iter().map(String::as_str).collect();
        let (message, help) = match (path.as_slice(), &definition.value) {
            (
                [
                    "networking",
                    "firewall",
                    name @ ("allowedTCPPorts" | "allowedUDPPorts"),
                ],
                DefValue::List(items),
            ) => {
                let ports: Vec<String> = items.iter().filter_map(private_port).collect();
                let (word, verb) = match ports.len() {
                    0 => continue,
                    1 => ("port", "is"),
                    _ => ("ports", "are"),
                };
                (
                    format!("{word} {} {verb} open on every interface", ports.join(", ")),
                    format!("use `networking.firewall.interfaces.NAME.{name}`"),
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
                "use `networking.firewall.interfaces.NAME` for it".to_owned(),
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
                "open the port in `networking.firewall.interfaces.NAME`".to_owned(),
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
        DefValue::Expr(code) => {
            let words: Vec<&str> = code.split_whitespace().collect();
            Some(format!("`{}`", words.join(" ")))
        }
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
                "{ networking.firewall = { «allowedTCPPorts = [ 80 22 ]»; }; }",
                "{ config.networking.firewall = lib.mkIf x { «allowedUDPPorts = [ cfg.port ]»; }; }",
                "{ networking.firewall.allowedTCPPorts = [ 80 443 ]; }",
                "{ networking.firewall.interfaces.lan.allowedTCPPorts = [ 22 ]; }",
                "{ «services.x.openFirewall = true»; programs.y.openFirewall = false; }",
                "{ features.x.openFirewall = true; }",
                "{ networking.firewall = { «allowedTCPPortRanges = [ { from = 1; to = 2; } ]»; }; }",
                "{ microvm.hypervisor = \"qemu\"; networking.firewall.allowedTCPPorts = [ 22 ]; }",
                "{ microvm.vms.a = { }; «networking.firewall.allowedTCPPorts = [ 22 ]»; }",
                "{ options.my.openFirewall = lib.mkEnableOption \"x\"; config.networking.firewall.allowedTCPPorts = lib.mkIf cfg.openFirewall [ 22 ]; }",
                "{ a = nixosSystem { modules = [ { «networking.firewall.allowedTCPPorts = [ 22 ]»; } ]; }; }",
            ],
        );
    }
}
