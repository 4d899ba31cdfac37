//! Options that take a set as one opaque value.
//!
//! Their type joins sets without looking inside, so that a priority on a value inside is not read but
//! kept as data. Below them a layer's values are emitted as written.

use nix::AttrPath;

/// Whether a setting lies below such an option. Sets given as a whole are one value like any other.
pub(crate) fn is_below(path: &AttrPath) -> bool {
    let Some(first) = path.0.first() else {
        return false;
    };
    let is_near = |option: &&&str| {
        option.as_bytes().get(first.len()) == Some(&b'.') && option.starts_with(first.as_str())
    };
    OPTIONS.iter().filter(is_near).any(|option| {
        let mut names = path.0.iter();
        let fits = |part| {
            names
                .next()
                .is_some_and(|name| part == "<name>" || part == name)
        };
        option.split('.').all(fits) && names.next().is_some()
    })
}

/// Options of NixOS 26.11 and Home Manager whose type is `attrs`, or null or something else beside it;
/// `<name>` stands for any name.
const OPTIONS: &[&str] = &[
    "disko.imageBuilder.kernelPackages",
    "disko.imageBuilder.pkgs",
    "hardware.nfc-nci.settings",
    "home-manager.extraSpecialArgs",
    "launchd.agents.<name>.config.LaunchEvents",
    "networking.proxy.envVars",
    "networking.wireless.userControlled",
    "nix.envVars",
    "nix.registry.<name>.flake",
    "nixpkgs.buildPlatform",
    "nixpkgs.crossSystem",
    "nixpkgs.hostPlatform",
    "nixpkgs.localSystem",
    "pam.sessionVariables",
    "programs.anyrun.extraConfigFiles",
    "programs.atop.settings",
    "programs.chromium.extraOpts",
    "programs.chromium.initialPrefs",
    "programs.firefox.wrapperConfig",
    "programs.freetube.settings",
    "programs.joplin-desktop.extraConfig",
    "programs.msmtp.defaults",
    "programs.neovim.configure",
    "programs.wofi.settings",
    "programs.yazi.plugins.<name>.settings",
    "programs.zsh.localVariables",
    "services.activemq.javaProperties",
    "services.archisteamfarm.bots.<name>.settings",
    "services.athens.extraConfig",
    "services.athens.goBinaryEnvVars",
    "services.blockbook-frontend.<name>.extraConfig",
    "services.cassandra.extraConfig",
    "services.cjdns.extraConfig",
    "services.coder.environment.extra",
    "services.couchdb.extraConfig",
    "services.datadog-agent.diskCheck",
    "services.datadog-agent.extraConfig",
    "services.datadog-agent.extraIntegrations",
    "services.datadog-agent.networkCheck",
    "services.deluge.config",
    "services.dnscrypt-proxy.settings",
    "services.dockerRegistry.extraConfig",
    "services.docuseal.extraConfig",
    "services.dolibarr.h2o.settings",
    "services.dolibarr.h2o.tls.extraSettings",
    "services.dolibarr.h2o.tls.quic",
    "services.dysnomia.extraContainerProperties",
    "services.dysnomia.properties",
    "services.engelsystem.settings",
    "services.errbot.instances.<name>.identity",
    "services.factorio.extraSettings",
    "services.flannel.backend",
    "services.github-runners.<name>.extraEnvironment",
    "services.github-runners.<name>.serviceOverrides",
    "services.gitlab.backup.uploadOptions",
    "services.gitlab.extraDatabaseConfig",
    "services.gitlab.extraShellConfig",
    "services.grafana.provision.datasources.settings.datasources.*.jsonData",
    "services.grafana.provision.datasources.settings.datasources.*.secureJsonData",
    "services.h2o.hosts.<name>.settings",
    "services.h2o.hosts.<name>.tls.extraSettings",
    "services.h2o.hosts.<name>.tls.quic",
    "services.hedgedoc.configuration.db",
    "services.hedgedoc.settings.db",
    "services.hoogle.haskellPackages",
    "services.icingaweb2.authentications",
    "services.icingaweb2.generalConfig",
    "services.icingaweb2.groupBackends",
    "services.icingaweb2.resources",
    "services.icingaweb2.roles",
    "services.jitsi-meet.config",
    "services.jitsi-meet.interfaceConfig",
    "services.jitsi-videobridge.config",
    "services.k3s.autoDeployCharts.<name>.values",
    "services.k3s.manifests.<name>.content",
    "services.kubernetes.lib",
    "services.kubernetes.pki.caSpec",
    "services.kubernetes.pki.certs",
    "services.lasuite-meet.livekit.settings",
    "services.mailman.packageSet",
    "services.mailman.webSettings",
    "services.mastodon.extraConfig",
    "services.matrix-appservice-discord.settings",
    "services.matter-server.extraArgs",
    "services.maubot.settings.database_opts",
    "services.maubot.settings.logging",
    "services.maubot.settings.plugin_databases.postgres_opts",
    "services.mjolnir.pantalaimon.options.extraSettings",
    "services.movim.h2o.settings",
    "services.movim.h2o.tls.extraSettings",
    "services.movim.h2o.tls.quic",
    "services.mtprotoproxy.extraConfig",
    "services.nitter.settings",
    "services.node-red.define",
    "services.octoprint.extraConfig",
    "services.openafsServer.roles.backup.fabsExtraConfig",
    "services.osquery.settings",
    "services.pantalaimon-headless.instances.<name>.extraSettings",
    "services.pdns-recursor.forwardZones",
    "services.pdns-recursor.forwardZonesRecurse",
    "services.picom.wintypes",
    "services.podman.settings.policy",
    "services.prometheus.alertmanager.configuration",
    "services.prometheus.exporters.dnssec.configuration",
    "services.prometheus.exporters.idrac.configuration",
    "services.prometheus.exporters.junos-czerwonk.configuration",
    "services.prometheus.exporters.mikrotik.configuration",
    "services.prometheus.exporters.snmp.configuration",
    "services.prometheus.sachet.configuration",
    "services.prometheus.scrapeConfigs.*.authorization",
    "services.prosody.ssl.extraOptions",
    "services.prosody.virtualHosts.<name>.ssl.extraOptions",
    "services.rauc.slots.<name>.*.settings",
    "services.rke2.autoDeployCharts.<name>.values",
    "services.rke2.manifests.<name>.content",
    "services.salt.master.configuration",
    "services.salt.minion.configuration",
    "services.self-deploy.nixArgs",
    "services.shadowsocks.extraConfig",
    "services.spoolman.environment",
    "services.syncoid.commands.<name>.service",
    "services.syncoid.service",
    "services.tandoor-recipes.extraConfig",
    "services.target.config",
    "services.taskserver.config",
    "services.thelounge.extraConfig",
    "services.tiddlywiki.listenOptions",
    "services.twmn.extraConfig",
    "services.vdirsyncer.jobs.<name>.config.general",
    "services.vdirsyncer.jobs.<name>.timerConfig",
    "services.wivrn.monadoEnvironment",
    "services.xserver.virtualScreen",
    "services.xserver.windowManager.xmonad.haskellPackages",
    "targets.genericLinux.gpu.packages",
    "targets.genericLinux.nixGL.packages",
    "virtualisation.containers.policy",
    "wayland.windowManager.river.extraSessionVariables",
];

#[cfg(test)]
mod tests {
    use super::{OPTIONS, is_below};
    use nix::AttrPath;

    #[test]
    fn values_inside_opaque_sets() {
        for (path, expected) in [
            ("programs.chromium.extraOpts.BrowserSignin", true),
            ("programs.chromium.extraOpts", false),
            ("programs.chromium.extensions", false),
            ("services.github-runners.ci.extraEnvironment.A", true),
            ("services.openssh.settings.X11Forwarding", false),
        ] {
            assert_eq!(
                is_below(&AttrPath::parse(path).unwrap()),
                expected,
                "{path}"
            );
        }
    }

    #[test]
    fn options_are_sorted() {
        assert!(OPTIONS.is_sorted());
    }
}
