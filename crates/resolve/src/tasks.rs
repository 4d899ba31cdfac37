//! Recipes of the Justfile: those of every fleet, those of what a fleet has, and the user's own.
//!
//! Tables say what there is. Where a name is taken, which only a host called `all` and the like can
//! bring about, the first stays: whatever is done with one thing can be done by a parameter as well.

use diag::{Diagnostic, Diagnostics, Spanned};
use model::{Fleet, Parameter, ParameterKind, Recipe};
use rayon::prelude::*;
use rustc_hash::FxHashSet;
use spec::ast::{Gc, Item, Task, Text};

use crate::world::World;

/// Group, signature, question, description, line. `@` stands for a name; the signature is a name and
/// parameters: `A`, `A=DEFAULT`, `+A` or `*A`.
type Row = [&'static str; 5];

const GENERAL: &[Row] = &[
    ["help", "default", "", "List the recipes", "just --list"],
    [
        "help",
        "hosts",
        "",
        "List the hosts and how they are reached",
        "scripts/hosts.sh list",
    ],
    [
        "help",
        "shell",
        "",
        "Open a shell with the tools of these recipes",
        "nix develop",
    ],
    [
        "help",
        "repl",
        "",
        "Open the flake in the interpreter of Nix",
        "nix repl .",
    ],
    [
        "check",
        "validate",
        "",
        "Check spec, syntax, layout and flake",
        "scripts/check.sh several gen-check check-syntax format-check flake-check-fast",
    ],
    [
        "check",
        "ci",
        "",
        "Check all that needs no building",
        "scripts/check.sh several gen-check check-syntax format-check lint quick-test",
    ],
    [
        "check",
        "gen *ARGS",
        "",
        "Generate this folder from the spec",
        "scripts/check.sh generate \"$@\"",
    ],
    [
        "check",
        "gen-check",
        "",
        "Check the spec, and that this folder is what it gives",
        "scripts/check.sh generate check",
    ],
    [
        "check",
        "gen-diff *ARGS",
        "",
        "Show what generating would change",
        "scripts/check.sh generate diff \"$@\"",
    ],
    [
        "check",
        "check-syntax",
        "",
        "Parse every Nix file",
        "scripts/check.sh syntax",
    ],
    [
        "check",
        "format",
        "",
        "Lay out the hand-written Nix files of the spec",
        "scripts/check.sh format",
    ],
    [
        "check",
        "format-check",
        "",
        "Check the layout of the generated Nix files",
        "scripts/check.sh format-check",
    ],
    [
        "check",
        "lint",
        "",
        "Find anti-patterns in the Nix files",
        "gen lint .",
    ],
    [
        "check",
        "flake-check",
        "",
        "Build the checks of the flake",
        "nix flake check --keep-going",
    ],
    [
        "check",
        "flake-check-fast",
        "",
        "Evaluate the flake without building",
        "nix flake check --no-build",
    ],
    [
        "check",
        "flake-show",
        "",
        "Show what the flake offers",
        "nix flake show",
    ],
    [
        "test",
        "test-host HOST",
        "",
        "Evaluate a host, and say what would be built",
        "scripts/hosts.sh dry-build \"$1\"",
    ],
    [
        "test",
        "test-all",
        "",
        "Test every host, one after the other",
        "scripts/hosts.sh all dry-build",
    ],
    [
        "test",
        "test-all-parallel",
        "",
        "Test every host, several at a time",
        "scripts/hosts.sh all-parallel dry-build",
    ],
    [
        "test",
        "quick-test",
        "",
        "Evaluate every host, several at a time",
        "scripts/hosts.sh all-parallel evaluate",
    ],
    [
        "build",
        "build HOST *ARGS",
        "",
        "Build a host",
        "scripts/hosts.sh build \"$@\"",
    ],
    [
        "build",
        "build-all",
        "",
        "Build every host",
        "scripts/hosts.sh all build",
    ],
    [
        "build",
        "build-vm HOST",
        "",
        "Build a virtual machine of a host, to try it out",
        "nix build \".#nixosConfigurations.$1.config.system.build.vm\"",
    ],
    [
        "build",
        "diff HOST",
        "",
        "Show what deploying would change on a host",
        "scripts/hosts.sh compare \"$1\"",
    ],
    [
        "build",
        "diff-all",
        "",
        "Show what deploying would change everywhere",
        "scripts/hosts.sh all compare",
    ],
    [
        "build",
        "size HOST",
        "",
        "Show how large a host's system is",
        "scripts/hosts.sh size \"$1\"",
    ],
    [
        "build",
        "why HOST PACKAGE",
        "",
        "Show why a host's system holds a package of nixpkgs",
        "scripts/hosts.sh why \"$1\" \"$2\"",
    ],
    [
        "deploy",
        "deploy HOST *ARGS",
        "",
        "Deploy a host",
        "scripts/hosts.sh deploy \"$@\"",
    ],
    [
        "deploy",
        "quick-deploy HOST",
        "",
        "Deploy a host unless it runs what it should already",
        "scripts/hosts.sh quick-deploy \"$1\"",
    ],
    [
        "deploy",
        "quick-deploy-all",
        "Deploy every host that has changed?",
        "Deploy every host that has changed",
        "scripts/hosts.sh all quick-deploy",
    ],
    [
        "deploy",
        "deploy-all",
        "Deploy every host?",
        "Deploy every host, one after the other",
        "scripts/hosts.sh all deploy",
    ],
    [
        "deploy",
        "deploy-all-parallel",
        "Deploy every host?",
        "Deploy every host, several at a time",
        "scripts/hosts.sh all-parallel deploy",
    ],
    [
        "deploy",
        "deploy-fast HOST",
        "",
        "Deploy a host by the tools of this machine as they are",
        "scripts/hosts.sh deploy \"$1\" --no-reexec",
    ],
    [
        "deploy",
        "deploy-local-build HOST",
        "",
        "Deploy a host, building here",
        "BUILD=here scripts/hosts.sh deploy \"$1\"",
    ],
    [
        "deploy",
        "deploy-remote-build HOST",
        "",
        "Deploy a host, building there",
        "BUILD=there scripts/hosts.sh deploy \"$1\"",
    ],
    [
        "deploy",
        "deploy-cached HOST",
        "",
        "Deploy a host, which fetches what it can from its caches",
        "scripts/hosts.sh deploy \"$1\" --use-substitutes",
    ],
    [
        "deploy",
        "emergency-deploy HOST",
        "Deploy this host without any check?",
        "Deploy a host whatever caches are away, building here",
        "BUILD=here scripts/hosts.sh deploy \"$1\" --no-reexec --fallback --option connect-timeout 3",
    ],
    [
        "deploy",
        "boot HOST",
        "",
        "Deploy a host with its next boot",
        "scripts/hosts.sh rebuild \"$1\" boot",
    ],
    [
        "deploy",
        "boot-all",
        "Deploy every host with its next boot?",
        "Deploy every host with its next boot",
        "scripts/hosts.sh all rebuild boot",
    ],
    [
        "deploy",
        "try HOST",
        "",
        "Activate a host's configuration until it reboots",
        "scripts/hosts.sh rebuild \"$1\" test",
    ],
    [
        "deploy",
        "dry-activate HOST",
        "",
        "Show which units activating would touch",
        "scripts/hosts.sh rebuild \"$1\" dry-activate",
    ],
    [
        "deploy",
        "rollback HOST",
        "Go back to the generation before?",
        "Go back to the generation before",
        "scripts/hosts.sh rebuild \"$1\" switch --rollback",
    ],
    [
        "deploy",
        "switch",
        "",
        "Deploy the machine that this runs on",
        "scripts/hosts.sh deploy \"$(uname -n)\"",
    ],
    [
        "hosts",
        "ping-hosts",
        "",
        "Say which hosts can be reached",
        "scripts/hosts.sh ping",
    ],
    [
        "hosts",
        "status",
        "",
        "Show what every host runs",
        "scripts/hosts.sh all-parallel status",
    ],
    [
        "hosts",
        "status-host HOST",
        "",
        "Show what a host runs",
        "scripts/hosts.sh status \"$1\"",
    ],
    [
        "hosts",
        "health",
        "",
        "Check failed units and room on every host",
        "scripts/hosts.sh all-parallel health",
    ],
    [
        "hosts",
        "health-host HOST",
        "",
        "Check failed units and room on a host",
        "scripts/hosts.sh health \"$1\"",
    ],
    [
        "hosts",
        "ssh HOST *COMMAND",
        "",
        "Log in to a host, or run a command there",
        "scripts/hosts.sh terminal \"$@\"",
    ],
    [
        "hosts",
        "reboot HOST",
        "Reboot this host?",
        "Reboot a host",
        "scripts/hosts.sh root \"$1\" systemctl reboot",
    ],
    [
        "hosts",
        "shutdown HOST",
        "Switch this host off?",
        "Switch a host off",
        "scripts/hosts.sh root \"$1\" systemctl poweroff",
    ],
    [
        "hosts",
        "services HOST",
        "",
        "List the services that run on a host",
        "scripts/hosts.sh run \"$1\" systemctl list-units --no-pager --type=service --state=running",
    ],
    [
        "hosts",
        "failed HOST",
        "",
        "List the units of a host that failed",
        "scripts/hosts.sh run \"$1\" systemctl --no-pager --failed",
    ],
    [
        "hosts",
        "timers HOST",
        "",
        "List the timers of a host",
        "scripts/hosts.sh run \"$1\" systemctl list-timers --no-pager",
    ],
    [
        "hosts",
        "restart HOST UNIT",
        "",
        "Restart a unit of a host",
        "scripts/hosts.sh root \"$1\" systemctl restart \"$2\"",
    ],
    [
        "hosts",
        "unit HOST UNIT",
        "",
        "Show a unit of a host",
        "scripts/hosts.sh run \"$1\" systemctl status --no-pager \"$2\"",
    ],
    [
        "hosts",
        "uptime HOST",
        "",
        "Show how long a host is up, and its load",
        "scripts/hosts.sh run \"$1\" uptime",
    ],
    [
        "hosts",
        "memory HOST",
        "",
        "Show the memory of a host",
        "scripts/hosts.sh run \"$1\" free --human",
    ],
    [
        "hosts",
        "disk-usage HOST",
        "",
        "Show how full the file systems of a host are",
        "scripts/hosts.sh run \"$1\" df --human-readable --exclude-type=tmpfs --exclude-type=devtmpfs",
    ],
    [
        "hosts",
        "ports HOST",
        "",
        "Show what listens on a host",
        "scripts/hosts.sh root \"$1\" ss --listening --tcp --udp --numeric --processes",
    ],
    [
        "logs",
        "logs HOST UNIT LINES=100",
        "",
        "Show the log of a unit of a host",
        "scripts/hosts.sh run \"$1\" journalctl --no-pager --unit \"$2\" --lines \"$3\"",
    ],
    [
        "logs",
        "follow HOST UNIT",
        "",
        "Follow the log of a unit of a host",
        "scripts/hosts.sh terminal \"$1\" journalctl --follow --unit \"$2\"",
    ],
    [
        "logs",
        "errors HOST",
        "",
        "Show the errors of a host since it booted",
        "scripts/hosts.sh run \"$1\" journalctl --no-pager --boot --priority err",
    ],
    [
        "logs",
        "boot-log HOST",
        "",
        "Show what the kernel of a host said since it booted",
        "scripts/hosts.sh run \"$1\" journalctl --no-pager --boot --dmesg",
    ],
    [
        "logs",
        "boot-time HOST",
        "",
        "Show which units a host's boot waited for",
        "scripts/hosts.sh run \"$1\" systemd-analyze critical-chain --no-pager",
    ],
    [
        "store",
        "generations HOST",
        "",
        "List the generations of a host",
        "scripts/hosts.sh generations \"$1\"",
    ],
    [
        "store",
        "history HOST",
        "",
        "Show what changed from generation to generation",
        "scripts/hosts.sh run \"$1\" nix profile history --profile /nix/var/nix/profiles/system",
    ],
    [
        "store",
        "gc KEEP=@KEEP",
        "Remove old generations and what only they need?",
        "Collect garbage here",
        "nix-collect-garbage --delete-older-than \"$1\"",
    ],
    [
        "store",
        "gc-host HOST KEEP=@KEEP",
        "Remove old generations of this host and what only they need?",
        "Collect garbage on a host",
        "scripts/hosts.sh root \"$1\" nix-collect-garbage --delete-older-than \"$2\"",
    ],
    [
        "store",
        "gc-all KEEP=@KEEP",
        "Remove old generations of every host and what only they need?",
        "Collect garbage on every host",
        "scripts/hosts.sh all root nix-collect-garbage --delete-older-than \"$1\"",
    ],
    [
        "store",
        "optimise HOST",
        "",
        "Store equal files of a host's store once",
        "scripts/hosts.sh root \"$1\" nix store optimise",
    ],
    [
        "store",
        "verify-store HOST",
        "",
        "Check that the files of a host's store are what they should be",
        "scripts/hosts.sh root \"$1\" nix store verify --all --no-trust",
    ],
    [
        "inputs",
        "update",
        "",
        "Update all inputs, and evaluate every host with them",
        "nix flake update && scripts/hosts.sh all-parallel evaluate",
    ],
    [
        "inputs",
        "update-flake",
        "",
        "Update all inputs",
        "nix flake update",
    ],
    [
        "inputs",
        "update-input INPUT",
        "",
        "Update one input",
        "nix flake update \"$1\"",
    ],
    [
        "inputs",
        "update-commit",
        "",
        "Update all inputs, and commit the lock file",
        "nix flake update --commit-lock-file",
    ],
    [
        "inputs",
        "lock",
        "",
        "Lock inputs that are not locked yet",
        "nix flake lock",
    ],
    [
        "inputs",
        "inputs",
        "",
        "Show the inputs and their revisions",
        "nix flake metadata",
    ],
    [
        "caches",
        "caches",
        "",
        "List the caches of this machine",
        "scripts/hosts.sh caches",
    ],
    [
        "caches",
        "ping-caches",
        "",
        "Say which caches of this machine can be reached",
        "scripts/hosts.sh ping-caches",
    ],
    [
        "caches",
        "push HOST TO",
        "",
        "Copy a host's built system to another machine, such as alice@cache",
        "scripts/hosts.sh push \"$1\" \"$2\"",
    ],
];

const PER_HOST: &[Row] = &[
    [
        "test",
        "test-@",
        "",
        "Evaluate @, and say what would be built",
        "scripts/hosts.sh dry-build @",
    ],
    [
        "build",
        "build-@",
        "",
        "Build @",
        "scripts/hosts.sh build @",
    ],
    [
        "build",
        "diff-@",
        "",
        "Show what deploying would change on @",
        "scripts/hosts.sh compare @",
    ],
    [
        "deploy",
        "deploy-@ *ARGS",
        "",
        "Deploy @",
        "scripts/hosts.sh deploy @ \"$@\"",
    ],
    [
        "deploy",
        "quick-deploy-@",
        "",
        "Deploy @ unless it runs what it should already",
        "scripts/hosts.sh quick-deploy @",
    ],
    [
        "hosts",
        "ssh-@ *COMMAND",
        "",
        "Log in to @, or run a command there",
        "scripts/hosts.sh terminal @ \"$@\"",
    ],
    [
        "hosts",
        "status-@",
        "",
        "Show what @ runs",
        "scripts/hosts.sh status @",
    ],
    [
        "hosts",
        "reboot-@",
        "Reboot @?",
        "Reboot @",
        "scripts/hosts.sh root @ systemctl reboot",
    ],
];

const NODES: &[Row] = &[
    [
        "deploy",
        "magic-deploy HOST *ARGS",
        "",
        "Deploy a host by deploy-rs, which goes back if the host is lost",
        "deploy \".#$1\" -- \"${@:2}\"",
    ],
    [
        "deploy",
        "magic-deploy-all",
        "Deploy every host?",
        "Deploy every host by deploy-rs",
        "deploy .",
    ],
    [
        "deploy",
        "magic-dry-run HOST",
        "",
        "Show what deploy-rs would activate",
        "deploy --dry-activate \".#$1\"",
    ],
];

const PER_NODE: &[Row] = &[[
    "deploy",
    "magic-deploy-@",
    "",
    "Deploy @ by deploy-rs, which goes back if it is lost",
    "deploy .#@",
]];

const IMAGES: &[Row] = &[[
    "images",
    "bootstrap HOST ADDRESS USER=bootstrap",
    "Make the machine at this address the host?",
    "Make a machine that was started from an image a host",
    "scripts/hosts.sh bootstrap \"$1\" \"$2\" \"$3\"",
]];

const PER_IMAGE: &[Row] = &[
    [
        "images",
        "build-image-@",
        "",
        "Build the image @",
        "nix build --print-out-paths .#packages.@SYSTEM.@",
    ],
    [
        "images",
        "test-image-@",
        "",
        "Evaluate the image @",
        "nix eval --raw .#packages.@SYSTEM.@.drvPath",
    ],
];

const INSTALLERS: &[Row] = &[
    [
        "live",
        "show-devices",
        "",
        "List the disks and sticks of this machine",
        "scripts/live.sh devices",
    ],
    [
        "live",
        "build-live HOST",
        "",
        "Build the installer of a host",
        "scripts/live.sh build \"$1\"",
    ],
    [
        "live",
        "flash-live HOST DEVICE",
        "",
        "Write the installer of a host to a stick, after a question",
        "scripts/live.sh flash \"$1\" \"$2\"",
    ],
    [
        "live",
        "test-live-config HOST",
        "",
        "Evaluate the installer of a host",
        "scripts/live.sh test \"$1\"",
    ],
];

const PER_INSTALLER: &[Row] = &[
    [
        "live",
        "build-live-@",
        "",
        "Build the installer of @",
        "scripts/live.sh build @",
    ],
    [
        "live",
        "flash-live-@ DEVICE",
        "",
        "Write the installer of @ to a stick, after a question",
        "scripts/live.sh flash @ \"$1\"",
    ],
    [
        "live",
        "test-live-config-@",
        "",
        "Evaluate the installer of @",
        "scripts/live.sh test @",
    ],
];

const MICROVMS: &[Row] = &[
    [
        "microvms",
        "list-microvms",
        "",
        "List the MicroVMs and whether they run",
        "scripts/microvms.sh list",
    ],
    [
        "microvms",
        "run-microvm VM",
        "",
        "Run a MicroVM here, in this terminal",
        "HERE=1 scripts/microvms.sh run \"$1\"",
    ],
    [
        "microvms",
        "microvm-log VM",
        "",
        "Show the log of a MicroVM",
        "scripts/microvms.sh log \"$1\"",
    ],
    [
        "microvms",
        "start-microvms",
        "",
        "Start every MicroVM",
        "scripts/microvms.sh all start",
    ],
    [
        "microvms",
        "stop-microvms",
        "",
        "Stop every MicroVM",
        "scripts/microvms.sh all stop",
    ],
    [
        "microvms",
        "test-microvms",
        "",
        "Evaluate every MicroVM",
        "scripts/microvms.sh all test",
    ],
];

const PER_MICROVM: &[Row] = &[
    [
        "microvms",
        "start-@",
        "",
        "Start @",
        "scripts/microvms.sh start @",
    ],
    [
        "microvms",
        "stop-@",
        "",
        "Stop @",
        "scripts/microvms.sh stop @",
    ],
    [
        "microvms",
        "restart-@",
        "",
        "Restart @",
        "scripts/microvms.sh restart @",
    ],
    [
        "microvms",
        "ssh-@ *COMMAND",
        "",
        "Log in to @, or run a command there",
        "scripts/microvms.sh ssh @ \"$@\"",
    ],
    [
        "microvms",
        "rebuild-@",
        "",
        "Build @ anew, and restart it",
        "scripts/microvms.sh rebuild @",
    ],
    [
        "microvms",
        "test-@",
        "",
        "Evaluate @",
        "scripts/microvms.sh test @",
    ],
    [
        "microvms",
        "clean-@",
        "Remove all that @ keeps?",
        "Stop @, and remove all that it keeps",
        "scripts/microvms.sh clean @",
    ],
];

const SECRETS: &[Row] = &[
    [
        "secrets",
        "manage-secrets",
        "",
        "Manage the secrets by a menu",
        "scripts/manage-secrets.sh",
    ],
    [
        "secrets",
        "create-secret NAME",
        "",
        "Create a secret",
        "scripts/manage-secrets.sh create \"$1\"",
    ],
    [
        "secrets",
        "edit-secret NAME",
        "",
        "Edit a secret",
        "scripts/manage-secrets.sh edit \"$1\"",
    ],
    [
        "secrets",
        "rekey-secrets",
        "",
        "Encrypt the secrets anew for who may read them now",
        "scripts/manage-secrets.sh rekey",
    ],
    [
        "secrets",
        "secrets-status",
        "",
        "Show which secrets there are, and what is amiss",
        "scripts/manage-secrets.sh status",
    ],
];

const BACKUPS: &[Row] = &[
    [
        "backup",
        "list-backups HOST",
        "",
        "List the snapshots of a host",
        "scripts/backups.sh list \"$1\"",
    ],
    [
        "backup",
        "backup-files HOST SNAPSHOT=latest FOLDER=/",
        "",
        "List the files that a snapshot of a host holds",
        "scripts/backups.sh files \"$1\" \"$2\" \"$3\"",
    ],
    [
        "backup",
        "backup-now HOST",
        "",
        "Back a host up now",
        "scripts/backups.sh run \"$1\"",
    ],
    [
        "backup",
        "restore *HOST",
        "",
        "Bring files back: asks for backup, snapshot, files and folder",
        "scripts/backups.sh restore \"$@\"",
    ],
    [
        "backup",
        "test-restore HOST",
        "",
        "Test that files of a host come back from its backup",
        "scripts/backups.sh test \"$1\"",
    ],
    [
        "backup",
        "test-restore-all",
        "",
        "Test that files come back from every backup",
        "scripts/backups.sh test-all",
    ],
];

/// The recipes of a fleet whose hosts and inputs are complete.
pub(crate) fn resolve(world: &World<'_>, fleet: &Fleet, d: &mut Diagnostics) -> Vec<Recipe> {
    let mut recipes = Recipes {
        keep: keep(world),
        ..Recipes::default()
    };
    recipes.rows(GENERAL, "", "");
    let any = |rows, wanted| if wanted { rows } else { &[][..] };
    recipes.rows(any(NODES, !fleet.deploy.nodes.is_empty()), "", "");
    recipes.rows(any(INSTALLERS, !fleet.installers.is_empty()), "", "");
    recipes.rows(any(IMAGES, !fleet.images.is_empty()), "", "");
    recipes.rows(any(MICROVMS, !fleet.microvms.is_empty()), "", "");
    recipes.rows(any(SECRETS, !fleet.secrets.items.is_empty()), "", "");
    recipes.rows(any(BACKUPS, fleet.has_backups()), "", "");
    // Hosts are many.
    let hosts = fleet.hosts.par_iter();
    let hosts =
        hosts.map(|(name, host)| made(PER_HOST, &recipes.keep, name.as_str(), &host.system));
    let nodes = fleet.deploy.nodes.par_iter();
    let nodes = nodes.map(|(name, _)| made(PER_NODE, &recipes.keep, name.as_str(), ""));
    for recipe in hosts.chain(nodes).collect::<Vec<_>>().into_iter().flatten() {
        recipes.add(recipe);
    }
    for name in fleet.installers.keys() {
        recipes.rows(PER_INSTALLER, name.as_str(), "");
    }
    for (name, image) in &fleet.images {
        recipes.rows(PER_IMAGE, name.as_str(), &image.machine.system);
    }
    for (name, vm) in &fleet.microvms {
        recipes.rows(PER_MICROVM, name.as_str(), &vm.guest.system);
    }
    for name in fleet.inputs.keys() {
        let row = [
            "inputs",
            "update-@",
            "",
            "Update the input @",
            "nix flake update @",
        ];
        recipes.rows(&[row], name, "");
    }
    for item in world.spec.tasks.values() {
        if recipes.names.contains(&item.name.value) {
            d.push(
                Diagnostic::error(
                    "task-name",
                    item.name.span,
                    format!("there is a recipe `{}` already", item.name.value),
                )
                .help("give the task another name; `just --list` shows those that are taken"),
            );
            continue;
        }
        recipes.all.push(own(item, d));
    }
    recipes.all
}

fn keep(world: &World<'_>) -> String {
    let fleet = world.spec.fleet.as_ref();
    match fleet.and_then(|f| f.value.nix.gc.as_ref()) {
        Some(Gc::On {
            keep: Some(keep), ..
        }) => keep.value.clone(),
        _ => "30d".to_owned(),
    }
}

#[derive(Default)]
struct Recipes {
    all: Vec<Recipe>,
    names: FxHashSet<String>,
    /// Age of what garbage collection keeps.
    keep: String,
}

impl Recipes {
    /// Adds rows of a table, for a thing of this name and platform.
    fn rows(&mut self, rows: &[Row], name: &str, system: &str) {
        for recipe in made(rows, &self.keep, name, system) {
            self.add(recipe);
        }
    }

    /// The first of a name stays.
    fn add(&mut self, recipe: Recipe) {
        if self.names.insert(recipe.name.clone()) {
            self.all.push(recipe);
        }
    }
}

/// The recipes of rows of a table, for a thing of this name and platform.
fn made(rows: &[Row], keep: &str, name: &str, system: &str) -> Vec<Recipe> {
    let of = |text: &str| filled(text, keep, name, system);
    let recipe = |[group, signature, question, description, line]: &Row| {
        let signature = of(signature);
        let mut words = signature.split(' ');
        let recipe = words.next().unwrap_or_default();
        Recipe {
            name: recipe.to_owned(),
            group: (*group).to_owned(),
            description: of(description),
            confirm: (!question.is_empty()).then(|| of(question)),
            parameters: words.map(|word| parameter(word, false)).collect(),
            script: false,
            lines: vec![format!("@{}", of(line))],
        }
    };
    rows.iter().map(recipe).collect()
}

/// The text of a table with what `@KEEP`, `@SYSTEM` and `@`, the name, stand for.
fn filled(text: &str, keep: &str, name: &str, system: &str) -> String {
    let mut filled = String::with_capacity(text.len() + name.len());
    let mut rest = text;
    while let Some(at) = rest.find('@') {
        filled.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix("KEEP") {
            filled.push_str(keep);
            rest = after;
        } else if let Some(after) = rest.strip_prefix("SYSTEM") {
            filled.push_str(system);
            rest = after;
        } else if name.is_empty() || filled.ends_with('$') {
            // `"$@"` is no place for a name.
            filled.push('@');
        } else {
            filled.push_str(name);
        }
    }
    filled.push_str(rest);
    filled
}

fn parameter(word: &str, export: bool) -> Parameter {
    let (kind, word) = match word.as_bytes().first() {
        Some(b'+') => (ParameterKind::Some, &word[1..]),
        Some(b'*') => (ParameterKind::Any, &word[1..]),
        _ => (ParameterKind::One, word),
    };
    let (name, default) = match word.split_once('=') {
        Some((name, default)) => (name, Some(default.to_owned())),
        None => (word, None),
    };
    Parameter {
        name: name.to_owned(),
        kind,
        default,
        export,
    }
}

/// A task of the user's.
fn own(item: &Item<Task>, d: &mut Diagnostics) -> Recipe {
    let task = &item.value;
    let name = &item.name.value;
    for text in [&task.group, &task.description, &task.confirm]
        .into_iter()
        .flatten()
    {
        one_line(text, d);
    }
    let parameters = parameters(&task.args, d);
    let run = task.run.as_ref();
    if let Some(run) = run {
        let odd = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
        if run.value.trim().is_empty() {
            d.push(Diagnostic::error(
                "bad-task",
                run.span,
                format!("task `{name}` runs nothing"),
            ));
        } else if run.value.contains(odd) {
            d.push(Diagnostic::error(
                "bad-task",
                run.span,
                "a script cannot hold control characters",
            ));
        }
    }
    let mut lines = vec![
        "#!/usr/bin/env bash".to_owned(),
        "set -euo pipefail".to_owned(),
    ];
    let script = run.map_or("", |run| run.value.trim_end());
    lines.extend(script.lines().map(|line| line.trim_end().to_owned()));
    let text = |text: &Option<Text>| text.as_ref().map(|t| t.value.trim().to_owned());
    Recipe {
        name: name.clone(),
        group: text(&task.group).unwrap_or_else(|| "own".to_owned()),
        description: text(&task.description).unwrap_or_else(|| "A task of the spec".to_owned()),
        confirm: text(&task.confirm).map(|question| {
            if question.is_empty() {
                format!("Run {name}?")
            } else {
                question
            }
        }),
        parameters,
        script: true,
        lines,
    }
}

fn one_line(text: &Spanned<String>, d: &mut Diagnostics) {
    if text.value.trim().contains(char::is_control) {
        d.push(
            Diagnostic::error("bad-task", text.span, "more than a line")
                .help("it is shown in a list; say it in one line"),
        );
    }
}

/// Parameters are variables of the script, and stand in the order that `just` wants.
fn parameters(args: &[Text], d: &mut Diagnostics) -> Vec<Parameter> {
    let mut all: Vec<Parameter> = Vec::new();
    for (index, text) in args.iter().enumerate() {
        let found = parameter(&text.value, true);
        let name = &found.name;
        let starts = name.starts_with(|c: char| c.is_ascii_lowercase());
        let chars = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let mut wrong = |message: String, help: &'static str| {
            d.push(Diagnostic::error("bad-task", text.span, message).help(help));
        };
        if !starts || !name.chars().all(chars) {
            wrong(
                format!("`{name}` cannot be a parameter"),
                "lower-case letters, digits and `_`, beginning with a letter: it is a variable of the script",
            );
        } else if all.iter().any(|other| other.name == *name) {
            wrong(
                format!("parameter `{name}` is given twice"),
                "remove one of the two",
            );
        } else if found.kind != ParameterKind::One && index + 1 < args.len() {
            wrong(
                format!("`{}` takes all that follows, so nothing can", text.value),
                "put it last",
            );
        } else if found.kind != ParameterKind::Any
            && found.default.is_none()
            && all.iter().any(|other| other.default.is_some())
        {
            wrong(
                format!("`{name}` is required but follows one that is not"),
                "put required parameters first",
            );
        }
        if found
            .default
            .as_ref()
            .is_some_and(|d| d.contains(char::is_control))
        {
            wrong(
                format!("the default of `{name}` holds a control character"),
                "write it in one line",
            );
        }
        all.push(found);
    }
    all
}
