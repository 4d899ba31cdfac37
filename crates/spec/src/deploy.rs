//! Decoders of what is done with a fleet: deployment and tasks.

use diag::{Diagnostics, Spanned};

use crate::ast::{Deploy, Task};
use crate::decode::{Fields, boolean, text};
use crate::node::{Node, NodeKind};
use crate::scalar::{Plain, plain};

/// Section `deploy`.
pub(crate) fn decode_section(node: &Node, d: &mut Diagnostics) -> Option<Deploy> {
    let mut f = Fields::of(node, "`deploy`", d)?;
    let mut deploy = settings(&mut f, d);
    deploy.known_hosts = f.boolean("knownHosts", d);
    f.finish(d);
    Some(deploy)
}

/// `deploy` of a host: whether, or how.
pub(crate) fn decode_of_host(node: &Node, d: &mut Diagnostics) -> Option<Deploy> {
    if let NodeKind::Scalar(..) = node.kind {
        let enable = boolean(node, "deploy", d)?;
        return Some(Deploy {
            span: Some(enable.span),
            enable: Some(enable),
            ..Deploy::default()
        });
    }
    let mut f = Fields::of(node, "`deploy`", d)?;
    let mut deploy = settings(&mut f, d);
    deploy.address = f.text("address", d);
    f.finish(d);
    Some(deploy)
}

fn settings(f: &mut Fields<'_>, d: &mut Diagnostics) -> Deploy {
    Deploy {
        enable: f.boolean("enable", d),
        ssh_user: f.text("sshUser", d),
        user: f.text("user", d),
        remote_build: f.boolean("remoteBuild", d),
        magic_rollback: f.boolean("magicRollback", d),
        auto_rollback: f.boolean("autoRollback", d),
        fast_connection: f.boolean("fastConnection", d),
        interactive_sudo: f.boolean("interactiveSudo", d),
        confirm_timeout: f.integer("confirmTimeout", d),
        activation_timeout: f.integer("activationTimeout", d),
        ssh_opts: f.texts_in_order("sshOpts", d),
        span: Some(f.span()),
        ..Deploy::default()
    }
}

pub(crate) fn decode_task(node: &Node, d: &mut Diagnostics) -> Option<Task> {
    let mut f = Fields::of(node, "a task", d)?;
    let mut task = Task {
        group: f.text("group", d),
        description: f.text("description", d),
        args: f.texts_in_order("args", d),
        run: f.required_text("run", d),
        confirm: None,
    };
    if let Some(node) = f.take_some("confirm") {
        task.confirm = confirm(node, d);
    }
    f.finish(d);
    Some(task)
}

/// A question, or whether the usual one is asked.
fn confirm(node: &Node, d: &mut Diagnostics) -> Option<Spanned<String>> {
    if let (None, NodeKind::Scalar(raw, crate::node::Style::Plain)) = (&node.tag, &node.kind)
        && let Plain::Bool(asked) = plain(raw)
    {
        return asked.then(|| Spanned::new(String::new(), node.span));
    }
    text(node, "`confirm`", d)
}
