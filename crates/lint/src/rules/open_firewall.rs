//! `open-firewall`: a firewall that is off.

use diag::Code;
use nix::DefValue;

use crate::check::File;
use crate::config::Level;
use crate::module::Module;
use crate::rule::{Check, Docs, Rule};

pub(crate) static RULE: Rule = Rule {
    code: Code {
        name: "lint/open-firewall",
        summary: "a firewall that is off",
        explanation: "Everything that listens on the machine can be reached by everyone who reaches the machine, also \
                      what listens only by accident. Leave the firewall on, and open the ports that are used.",
    },
    level: Level::Warning,
    docs: Docs {
        what: "Finds `networking.firewall.enable = false`, at any priority and below any condition. Single ports are the \
               matter of `open-port`.",
        bad: "{\n  networking.firewall.enable = false;\n}\n",
        good: "{\n  networking.firewall.interfaces.lan0.allowedTCPPorts = [ 5432 ];\n}\n",
        reason: "a guest whose host has the firewall",
    },
    fixes: false,
    check: Check::Modules(check),
};

fn check(module: &Module, file: &mut File<'_>) {
    for definition in &module.definitions {
        let is_it = definition.path.0 == ["networking", "firewall", "enable"]
            && definition.value == DefValue::Bool(false);
        if is_it {
            file.report_at(definition.start..definition.end, "the firewall is off")
                .help("leave it on, and open what is used");
        }
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
                "{ networking = lib.mkIf x { «firewall.enable = lib.mkDefault false»; }; }",
                "{ networking.firewall.enable = true; }",
                "{ networking.firewall.enable = x; networking.nftables.enable = false; }",
                "{ a = nixosSystem { modules = [ { «networking.firewall.enable = false»; } ]; }; }",
            ],
        );
    }
}
