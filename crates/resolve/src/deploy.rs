//! How hosts are reached and deployed, and whether that can work.
//!
//! A check speaks only where it is certain: what hand-written modules or settings may provide is not
//! reported as missing.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use diag::{Diagnostic, Diagnostics, Span, Spanned};
use model::{Definition, DeploySettings, Fleet, Host, Layer, Reach};
use spec::ast::{self, Deploy, Text};

use crate::host::{self, Base, Kind, Partial};
use crate::lower::made;
use crate::shut;
use crate::world::{World, unknown_name};

pub(crate) const SSH_SERVER: &str = "security.ssh-server";

/// How the hosts are reached and deployed.
pub(crate) fn resolve(
    world: &World<'_>,
    base: &Base<'_>,
    fleet: &Fleet,
    partials: &[Partial<'_>],
    d: &mut Diagnostics,
) -> model::Deploy {
    let section = world.spec.deploy.as_ref();
    let nothing = Deploy::default();
    let shared = section.map_or(&nothing, |item| &item.value);
    check_settings(shared, d);
    retired(world, d);
    let all = section.is_some() && shared.enable.as_ref().is_none_or(|e| e.value);
    let mut defaults = settings(shared);
    let mut reach = BTreeMap::new();
    let mut nodes = BTreeMap::new();
    let hosts = partials
        .iter()
        .filter(|partial| matches!(partial.kind, Kind::Host));
    for partial in hosts {
        let (host, item) = (&partial.host, partial.spec);
        let name = &host.name;
        let own = item.deploy.as_ref();
        if let Some(own) = own {
            check_settings(own, d);
        }
        let own_settings = own.map(settings).unwrap_or_default();
        let address = own.and_then(|o| o.address.as_ref());
        if let Some(address) = address {
            check_address(address, d);
        }
        let address = address.map(|a| &a.value).or(host.address.as_ref());
        let both = |own: Option<bool>, shared: Option<bool>| own.or(shared).unwrap_or(false);
        let mut ssh_opts = own_settings.ssh_opts.clone();
        ssh_opts.extend(defaults.ssh_opts.iter().cloned());
        let ssh_user = own_settings.ssh_user.clone();
        let reached = Reach {
            address: address.map_or_else(|| name.to_string(), Clone::clone),
            ssh_user: ssh_user.or_else(|| defaults.ssh_user.clone()),
            ssh_opts,
            remote_build: both(own_settings.remote_build, defaults.remote_build),
            interactive_sudo: both(own_settings.interactive_sudo, defaults.interactive_sudo),
        };
        let is_node = match own {
            Some(own) => own.enable.as_ref().is_none_or(|e| e.value),
            None => all,
        };
        let said = Said::of(base, fleet, host);
        let span = own.and_then(|o| o.span).unwrap_or(partial.place);
        if is_node {
            if address.is_none() && !item.broken {
                d.push(
                    Diagnostic::error(
                        "deploy-address",
                        span,
                        format!("`{name}` has no address to deploy to"),
                    )
                    .help("give it `network.address` or `deploy.address`, or say `deploy: false`"),
                );
            }
            let user = own.and_then(|o| o.ssh_user.as_ref());
            let user = user.or(shared.ssh_user.as_ref());
            let deployed = Deployed {
                world,
                partial,
                user,
                span: user.map_or(span, |u| u.span),
                remote_build: reached.remote_build,
                interactive_sudo: reached.interactive_sudo,
            };
            deployed.check(&said, d);
            nodes.insert(name.clone(), own_settings);
        }
        shut::check(world, partial, &said, is_node.then_some(span), d);
        reach.insert(name.clone(), reached);
    }
    for partial in partials {
        if let Kind::Guest(vm) = partial.kind {
            let said = Said::of(base, fleet, &partial.host);
            shut::check_guest(world, partial, &vm.value.network, &said, d);
        }
    }
    if !nodes.is_empty() && defaults.user.is_none() {
        defaults.user = Some("root".to_owned());
    }
    model::Deploy {
        settings: defaults,
        reach,
        nodes,
    }
}

/// What `knownHosts` defines on every host.
pub(crate) fn known_hosts(
    world: &World<'_>,
    keys: &BTreeMap<String, String>,
    d: &mut Diagnostics,
) -> Vec<Definition> {
    let Some(section) = &world.spec.deploy else {
        return Vec::new();
    };
    let Some(flag) = section.value.known_hosts.as_ref().filter(|k| k.value) else {
        return Vec::new();
    };
    let domain = world
        .spec
        .fleet
        .as_ref()
        .and_then(|f| f.value.domain.as_ref());
    let mut all = Vec::new();
    for (name, item) in &world.spec.hosts {
        let Some(key) = keys.get(name) else {
            continue;
        };
        if host::is_retired(&item.value) || key.starts_with("age1") {
            continue;
        }
        let mut names: Vec<String> = Vec::new();
        names.extend(domain.map(|d| format!("{name}.{}", d.value)));
        names.extend(item.value.address.as_ref().map(|a| a.value.clone()));
        let deploy = item.value.deploy.as_ref();
        names.extend(deploy.and_then(|o| Some(o.address.as_ref()?.value.clone())));
        names.retain(|other| other != name);
        names.sort();
        names.dedup();
        let span = Some(flag.span);
        let path = format!("programs.ssh.knownHosts.{}", nix::attr_name(name));
        if !names.is_empty() {
            let names = names.into_iter().map(nix::Value::from).collect();
            let path = format!("{path}.extraHostNames");
            all.push(made(&path, nix::Value::List(names), &Layer::Fleet, span));
        }
        let path = format!("{path}.publicKey");
        all.push(made(&path, key.as_str(), &Layer::Fleet, span));
    }
    if all.is_empty() {
        d.push(
            Diagnostic::warning("deploy-setting", flag.span, "no ssh key of a host is known")
                .help("add the hosts' `ssh-ed25519` keys to `secrets.keys.hosts`"),
        );
    }
    all
}

fn settings(deploy: &Deploy) -> DeploySettings {
    let flag = |flag: &Option<Spanned<bool>>| flag.as_ref().map(|f| f.value);
    let text = |text: &Option<Text>| text.as_ref().map(|t| t.value.clone());
    let number = |number: &Option<Spanned<i64>>| number.as_ref().map(|n| n.value);
    DeploySettings {
        ssh_user: text(&deploy.ssh_user),
        user: text(&deploy.user),
        ssh_opts: deploy.ssh_opts.iter().map(|o| o.value.clone()).collect(),
        remote_build: flag(&deploy.remote_build),
        magic_rollback: flag(&deploy.magic_rollback),
        auto_rollback: flag(&deploy.auto_rollback),
        fast_connection: flag(&deploy.fast_connection),
        interactive_sudo: flag(&deploy.interactive_sudo),
        confirm_timeout: number(&deploy.confirm_timeout),
        activation_timeout: number(&deploy.activation_timeout),
    }
}

fn check_settings(deploy: &Deploy, d: &mut Diagnostics) {
    for user in [&deploy.ssh_user, &deploy.user].into_iter().flatten() {
        if !crate::names::is_user(&user.value) {
            d.push(Diagnostic::error(
                "bad-name",
                user.span,
                format!("`{}` is not the name of a user", user.value),
            ));
        }
    }
    if let Some(user) = deploy.user.as_ref().filter(|u| u.value != "root") {
        d.push(
            Diagnostic::error(
                "deploy-rights",
                user.span,
                format!("`{}` cannot activate a system, only `root` can", user.value),
            )
            .help("remove `user`; `sshUser` is who logs in"),
        );
    }
    let timeouts = [
        ("confirmTimeout", &deploy.confirm_timeout),
        ("activationTimeout", &deploy.activation_timeout),
    ];
    for (key, timeout) in timeouts {
        if let Some(timeout) = timeout
            && !(1..=65_535).contains(&timeout.value)
        {
            d.push(
                Diagnostic::error(
                    "bad-value",
                    timeout.span,
                    format!("`{key}` cannot be {}", timeout.value),
                )
                .help("seconds, from 1 to 65535"),
            );
        }
    }
    if let (Some(timeout), Some(magic)) = (&deploy.confirm_timeout, &deploy.magic_rollback)
        && !magic.value
    {
        d.push(
            Diagnostic::warning(
                "deploy-setting",
                timeout.span,
                "`confirmTimeout` has no effect without `magicRollback`",
            )
            .related(magic.span, "switched off here")
            .help("remove one of the two"),
        );
    }
    for option in &deploy.ssh_opts {
        let words: Vec<&str> = option.value.split_whitespace().collect();
        if words.len() != 1 || words[0] != option.value {
            d.push(
                Diagnostic::error(
                    "bad-value",
                    option.span,
                    format!("`{}` is not one argument of ssh", option.value),
                )
                .help(match words.as_slice() {
                    [] => "remove it".to_owned(),
                    words => format!("a word an item: [{}]", words.join(", ")),
                }),
            );
        }
    }
}

/// The address of a host: what looks like an IP address is one.
pub(crate) fn check_host_address(address: &Text, d: &mut Diagnostics) {
    let text = address.value.as_str();
    let bad = |help: &str| {
        let message = format!("`{text}` is not an address");
        Diagnostic::error("bad-value", address.span, message).help(help)
    };
    let numeric = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'/'));
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if text.contains('/')
        && text
            .split('/')
            .next()
            .is_some_and(|it| it.parse::<IpAddr>().is_ok())
    {
        d.push(bad("leave out the length of the prefix"));
    } else if numeric {
        if text.parse::<Ipv4Addr>().is_err() {
            d.push(bad(
                "an IPv4 address is four numbers up to 255, such as 192.168.1.10",
            ));
        }
    } else if text.contains(':') {
        // The zone of an address that is local to a link.
        let plain = text.split('%').next().unwrap_or(text);
        if plain.parse::<Ipv6Addr>().is_err() {
            d.push(bad(
                "an IPv6 address, an IPv4 address or a host name, without a port",
            ));
        }
    } else if !text.trim_end_matches('.').split('.').all(is_label) {
        d.push(bad("an IP address or a host name"));
    }
}

/// Ssh takes what begins with `-` for an option, and a user in front would be another one.
fn check_address(address: &Text, d: &mut Diagnostics) {
    let text = &address.value;
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | '@');
    if text.is_empty() || text.starts_with('-') || text.contains(odd) {
        d.push(
            Diagnostic::error(
                "bad-value",
                address.span,
                format!("`{text}` is not an address"),
            )
            .help("an IP address or a host name; the user is `sshUser`"),
        );
    }
}

/// Retired hosts are not deployed.
fn retired(world: &World<'_>, d: &mut Diagnostics) {
    for item in world.spec.hosts.values() {
        let Some(deploy) = &item.value.deploy else {
            continue;
        };
        if let (true, Some(state)) = (host::is_retired(&item.value), &item.value.state)
            && deploy.enable.as_ref().is_none_or(|e| e.value)
        {
            d.push(
                Diagnostic::error(
                    "retired-host",
                    deploy.span.unwrap_or(item.name.span),
                    format!("host `{}` is retired", item.name.value),
                )
                .related(state.span, "retired here")
                .help("remove `deploy`"),
            );
        }
    }
}

/// A host and who deploys it.
struct Deployed<'a> {
    world: &'a World<'a>,
    partial: &'a Partial<'a>,
    user: Option<&'a Text>,
    span: Span,
    remote_build: bool,
    interactive_sudo: bool,
}

impl Deployed<'_> {
    /// The value of a feature's option, if the feature is on.
    fn option(&self, feature: &str, option: &str) -> Option<nix::Value> {
        let (id, _) = self.partial.host.enabled.get_key_value(feature)?;
        host::effective(self.world, self.partial, id, option)
    }

    fn check(&self, said: &Said<'_>, d: &mut Diagnostics) {
        let (world, host) = (self.world, &self.partial.host);
        let name = &host.name;
        let server = host.enabled.contains_key(SSH_SERVER);
        if !server && !said.anything(&["services", "openssh"]) {
            d.push(
                Diagnostic::warning(
                    "deploy-login",
                    self.span,
                    format!("`{name}` has no ssh server"),
                )
                .help("enable `security.ssh-server` there, or in its template"),
            );
            return;
        }
        let Some(user) = self.user else {
            return;
        };
        if !crate::names::is_user(&user.value) {
            return;
        }
        let account = ["users", "users", user.value.as_str()];
        let in_spec = world.spec.users.get(&user.value);
        let here = self.partial.users.contains_key(user.value.as_str());
        let is_root = user.value == "root";
        if !here && !is_root && !said.anything(&account) {
            if in_spec.is_some() {
                d.push(
                    Diagnostic::error(
                        "deploy-login",
                        self.span,
                        format!("`{}` has no account on `{name}`", user.value),
                    )
                    .help(format!(
                        "add the user to `users` of `{name}`, or give its `deploy` another `sshUser`"
                    )),
                );
            } else if !world.spec.is_lost("users", &user.value) {
                let names = world.spec.users.keys();
                d.push(unknown_name(
                    "unknown-user",
                    "user",
                    &user.value,
                    user.span,
                    names,
                ));
            }
            return;
        }
        let option = |option: &str| self.option(SSH_SERVER, option);
        let has_keys = in_spec.is_some_and(|u| (here || is_root) && !u.value.ssh_keys.is_empty());
        let own_keys = option("userKeysInHome") == Some(nix::Value::Bool(true));
        if server && !has_keys && !own_keys && !said.anything(&account) {
            d.push(
                Diagnostic::error(
                    "deploy-login",
                    self.span,
                    format!(
                        "`{}` has no ssh key, and `{name}` takes keys only",
                        user.value
                    ),
                )
                .help(if is_root {
                    "name a user with `sshKeys` as `sshUser`".to_owned()
                } else {
                    format!("give `{}` some `sshKeys`", user.value)
                }),
            );
        }
        if is_root {
            if option("permitRootLogin") == Some(nix::Value::from("no")) {
                d.push(
                    Diagnostic::error(
                        "deploy-login",
                        self.span,
                        format!("`root` may not log in to `{name}`"),
                    )
                    .help(
                        "name an admin as `sshUser`, or set `permitRootLogin: prohibit-password` of `security.ssh-server`",
                    ),
                );
            }
            return;
        }
        if let Some(nix::Value::List(allowed)) = option("allowUsers")
            && !allowed.is_empty()
            && !allowed.contains(&nix::Value::from(user.value.as_str()))
        {
            d.push(
                Diagnostic::error(
                    "deploy-login",
                    self.span,
                    format!("`{}` may not log in to `{name}`", user.value),
                )
                .help("add the user to `allowUsers` of `security.ssh-server`"),
            );
        }
        self.rights(in_spec.map(|u| &u.value), said, user, d);
    }

    /// Whether the user may copy and activate.
    fn rights(&self, spec: Option<&ast::User>, said: &Said<'_>, user: &Text, d: &mut Diagnostics) {
        let name = &self.partial.host.name;
        let login = &user.value;
        let Some(spec) = spec else {
            return;
        };
        let admin = spec.admin.as_ref().is_some_and(|a| a.value)
            || spec.groups.iter().any(|g| g.value == "wheel");
        let sudo = |option: &str| self.option("security.sudo", option);
        let has_rules = said.anything(&["security", "sudo"])
            || said.anything(&["security", "sudo-rs"])
            || matches!(sudo("rules"), Some(nix::Value::List(rules)) if !rules.is_empty())
            || matches!(sudo("rules"), Some(nix::Value::Expr(_)));
        if !admin {
            if !has_rules {
                d.push(
                    Diagnostic::error(
                        "deploy-rights",
                        self.span,
                        format!("`{login}` cannot activate a system on `{name}`"),
                    )
                    .help(format!(
                        "make `{login}` an admin (`admin: true`), or name one as `sshUser`"
                    )),
                );
            }
            return;
        }
        let asks = sudo("needsPassword") != Some(nix::Value::Bool(false));
        if asks && !has_rules && !self.interactive_sudo {
            d.push(
                Diagnostic::warning(
                    "deploy-rights",
                    self.span,
                    format!("sudo asks for the password of `{login}` on `{name}`, where nobody can type it"),
                )
                .help("set `interactiveSudo: true`, or `needsPassword: false` of `security.sudo`"),
            );
        }
        if !self.remote_build && !said.trusts(login) {
            d.push(
                Diagnostic::warning(
                    "deploy-rights",
                    self.span,
                    format!("`{name}` does not take what `{login}` has built elsewhere"),
                )
                .help(format!(
                    "add `{login}` to `fleet.nix.trustedUsers`, or let hosts build for themselves: `remoteBuild: true`"
                )),
            );
        }
    }
}

/// What is said about a host besides its features.
pub(crate) struct Said<'a> {
    pub(crate) definitions: Vec<&'a Definition>,
    /// Hand-written modules.
    pub(crate) modules: Vec<&'a str>,
}

impl<'a> Said<'a> {
    fn of(base: &'a Base<'_>, fleet: &'a Fleet, host: &'a Host) -> Self {
        let template = host.template.as_ref();
        let template = template.and_then(|name| base.templates.get(name));
        let template = template.map(|flat| &flat.model);
        let own = fleet.definitions.iter().chain(&host.definitions);
        let definitions = own
            .chain(template.into_iter().flat_map(|t| &t.definitions))
            .collect();
        let modules = fleet.modules.iter().chain(&host.modules);
        let modules = modules.chain(template.into_iter().flat_map(|t| &t.modules));
        Self {
            definitions,
            modules: modules.map(String::as_str).collect(),
        }
    }

    fn by_hand(&self) -> bool {
        !self.modules.is_empty()
    }

    /// Whether anything at or below a path may be set.
    fn anything(&self, path: &[&str]) -> bool {
        self.by_hand()
            || self.definitions.iter().any(|definition| {
                let parts = definition.path.parts();
                parts.iter().zip(path).all(|(part, wanted)| part == wanted)
            })
    }

    /// Whether the host takes unsigned store paths of a user.
    fn trusts(&self, user: &str) -> bool {
        let is_trusted = |value: &nix::Value| match value {
            nix::Value::Str(name) => name == user || name == "@wheel" || name == "*",
            _ => true,
        };
        self.by_hand()
            || self.definitions.iter().any(|definition| {
                let path = definition.path.to_string();
                match (path.as_str(), &definition.value) {
                    ("nix.settings.trusted-users", nix::Value::List(names)) => {
                        names.iter().any(is_trusted)
                    }
                    ("nix.settings.trusted-users", _)
                    | ("nix.settings.require-sigs", nix::Value::Bool(false)) => true,
                    _ => false,
                }
            })
    }
}
