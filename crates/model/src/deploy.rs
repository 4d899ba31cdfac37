//! What is done with a fleet: how hosts are reached and deployed, and the recipes for it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::HostName;

/// Deployment of the fleet.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Deploy {
    /// What deploy-rs does with every host.
    pub settings: DeploySettings,
    /// Every active host: how it is reached.
    pub reach: BTreeMap<HostName, Reach>,
    /// What deploy-rs does with hosts: those that are its nodes.
    pub nodes: BTreeMap<HostName, DeploySettings>,
}

/// How a host is reached by ssh.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Reach {
    /// Address; the host's name where none is known.
    pub address: String,
    /// Who logs in, where it is not whoever deploys.
    pub ssh_user: Option<String>,
    /// Arguments of ssh.
    pub ssh_opts: Vec<String>,
    /// Whether it builds for itself.
    pub remote_build: bool,
    /// Whether the password of sudo is asked for.
    pub interactive_sudo: bool,
}

/// Settings of deploy-rs; what is `None` is its default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeploySettings {
    /// Who logs in.
    pub ssh_user: Option<String>,
    /// Who activates.
    pub user: Option<String>,
    /// Arguments of ssh.
    pub ssh_opts: Vec<String>,
    /// Whether the host builds for itself.
    pub remote_build: Option<bool>,
    /// Whether a host that cannot be reached any more goes back by itself.
    pub magic_rollback: Option<bool>,
    /// Whether a host whose activation fails goes back.
    pub auto_rollback: Option<bool>,
    /// Whether all is copied from here.
    pub fast_connection: Option<bool>,
    /// Whether the password of sudo is asked for.
    pub interactive_sudo: Option<bool>,
    /// Seconds until the host must have been reached again.
    pub confirm_timeout: Option<i64>,
    /// Seconds that the activation may take.
    pub activation_timeout: Option<i64>,
}

/// A recipe of the Justfile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Recipe {
    /// Name.
    pub name: String,
    /// Group in the list.
    pub group: String,
    /// What it does, in one line.
    pub description: String,
    /// What is asked before it runs.
    pub confirm: Option<String>,
    /// Parameters in order.
    pub parameters: Vec<Parameter>,
    /// Whether the lines are one script for bash, not a command each.
    pub script: bool,
    /// Lines for the shell. Parameters are `$1`… and, where exported, variables.
    pub lines: Vec<String>,
}

/// A parameter of a recipe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Parameter {
    /// Name.
    pub name: String,
    /// How often it may be given.
    pub kind: ParameterKind,
    /// Default.
    pub default: Option<String>,
    /// Whether it is a variable of the environment.
    pub export: bool,
}

/// How often a parameter may be given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ParameterKind {
    /// Once.
    #[default]
    One,
    /// At least once.
    Some,
    /// Any number of times.
    Any,
}
