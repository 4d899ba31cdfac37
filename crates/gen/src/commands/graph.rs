//! `gen graph`: the fleet as a picture: Mermaid, Graphviz DOT, or a page that is searched and clicked.

use std::fmt::Write as _;
use std::fs;

use anyhow::Context as _;
use camino::Utf8PathBuf;
use diag::Span;
use render::graph::{Graph, Kind, Node};
use serde_json::json;

use crate::Generated;
use crate::cli::App;
use crate::console;
use crate::status::Status;

/// The page, with a mark where the data goes.
const PAGE: &str = include_str!("graph.html");
const TITLE: &str = "@TITLE@";
const DATA: &str = "@DATA@";

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How it is drawn: `mermaid` for Markdown, `dot` for Graphviz, `html` for a browser
    #[arg(long = "as", value_name = "PICTURE", default_value = "mermaid")]
    picture: Picture,
    /// Only these hosts, MicroVMs and images, and what they are joined to
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,
    /// What is drawn [default: hosts, microvms, templates, network; for `html` all]
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    what: Vec<What>,
    /// Write to this file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<Utf8PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Picture {
    Mermaid,
    Dot,
    Html,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum What {
    Hosts,
    Microvms,
    Images,
    Templates,
    Users,
    Features,
    Secrets,
    Network,
}

impl What {
    fn kind(self) -> Kind {
        match self {
            Self::Hosts => Kind::Host,
            Self::Microvms => Kind::MicroVm,
            Self::Images => Kind::Image,
            Self::Templates => Kind::Template,
            Self::Users => Kind::User,
            Self::Features => Kind::Feature,
            Self::Secrets => Kind::Secret,
            Self::Network => Kind::Zone,
        }
    }
}

/// Draws.
pub(crate) fn run(app: &App, args: &Args) -> anyhow::Result<Status> {
    anyhow::ensure!(
        !app.wants_json()?,
        "`gen graph` draws; `gen list --format json` gives what is drawn as data"
    );
    let (generated, status) = app.any_fleet(&|_, _| false)?;
    if status != Status::Clean {
        return Ok(status);
    }
    let mut graph = Graph::of(&generated.fleet);
    for name in &args.hosts {
        let is_machine = |kind| matches!(kind, Kind::Host | Kind::MicroVm | Kind::Image);
        let machines = graph.nodes.iter().filter(|node| is_machine(node.kind));
        if !machines.clone().any(|node| node.name == *name) {
            let help = diag::did_you_mean(name, machines.map(|node| node.name.as_str()));
            let help = help.map(|help| format!("; {help}")).unwrap_or_default();
            anyhow::bail!("no host, MicroVM or image is called `{name}`{help}");
        }
    }
    if !args.hosts.is_empty() {
        graph = graph.around(&args.hosts);
    }
    let usual = [Kind::Host, Kind::MicroVm, Kind::Template, Kind::Zone];
    let kinds: Vec<Kind> = match (args.what.as_slice(), args.picture) {
        ([], Picture::Html) => Kind::ALL.to_vec(),
        ([], _) => usual.to_vec(),
        (what, _) => what.iter().map(|what| what.kind()).collect(),
    };
    let graph = graph.only(&kinds);
    let text = match args.picture {
        Picture::Mermaid => graph.mermaid(),
        Picture::Dot => dot(&graph),
        Picture::Html => html(&graph, &generated),
    };
    match &args.output {
        Some(path) => {
            fs::write(path, text).with_context(|| format!("cannot write `{path}`"))?;
            console::say(&format!("wrote {path}"));
        }
        None => console::out(&text)?,
    }
    Ok(Status::Clean)
}

/// Graphviz, a cluster for each kind.
fn dot(graph: &Graph) -> String {
    let mut text = String::from(
        "digraph fleet {\n  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n  edge [color=\"#888888\"];\n",
    );
    for kind in Kind::ALL {
        let mut nodes = graph.of_kind(*kind).peekable();
        if nodes.peek().is_none() {
            continue;
        }
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  subgraph cluster_{} {{", kind.word());
        let _ = writeln!(text, "    label={};", dot_string(kind.title()));
        for (at, node) in nodes {
            let label = dot_string(&node.name);
            if node.about.is_empty() {
                let _ = writeln!(text, "    n{at} [label={label}];");
            } else {
                let about = dot_string(&node.about);
                let _ = writeln!(text, "    n{at} [label={label}, tooltip={about}];");
            }
        }
        text.push_str("  }\n");
    }
    for edge in &graph.edges {
        let means = dot_string(edge.means);
        let _ = writeln!(text, "  n{} -> n{} [tooltip={means}];", edge.from, edge.to);
    }
    text.push_str("}\n");
    text
}

fn dot_string(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A page that needs nothing but a browser.
fn html(graph: &Graph, generated: &Generated) -> String {
    let place = |node: &Node| span(node, generated).map(|span| generated.sources.place(span));
    let nodes: Vec<_> = graph
        .nodes
        .iter()
        .map(|node| {
            let mut facts = node.facts.clone();
            facts.extend(place(node).map(|place| ("defined at".to_owned(), place)));
            json!([node.kind.word(), node.name, node.about, facts])
        })
        .collect();
    let mut meanings: Vec<&str> = graph.edges.iter().map(|edge| edge.means).collect();
    meanings.sort_unstable();
    meanings.dedup();
    let edges: Vec<_> = graph
        .edges
        .iter()
        .map(|edge| {
            let means = meanings.iter().position(|known| *known == edge.means);
            json!([edge.from, edge.to, means])
        })
        .collect();
    let kinds: Vec<_> = Kind::ALL
        .iter()
        .map(|kind| json!([kind.word(), kind.title()]))
        .collect();
    let data = json!({
        "fleet": generated.fleet.name,
        "about": generated.fleet.description,
        "kinds": kinds,
        "meanings": meanings,
        "nodes": nodes,
        "edges": edges,
    });
    // Nothing in the data may end the element that it is in.
    let data = data.to_string().replace('<', "\\u003c");
    PAGE.replacen(TITLE, &escaped(&generated.fleet.name), 1)
        .replacen(DATA, &data, 1)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// Where a node is defined.
fn span(node: &Node, generated: &Generated) -> Option<Span> {
    let spec = &generated.spec;
    let name = node.name.as_str();
    match node.kind {
        Kind::Host => spec.hosts.get(name).map(|item| item.name.span),
        Kind::MicroVm => spec.microvms.get(name).map(|item| item.name.span),
        Kind::Image => spec.images.get(name).map(|item| item.name.span),
        Kind::Template => spec.templates.get(name).map(|item| item.name.span),
        Kind::User => spec.users.get(name).map(|item| item.name.span),
        Kind::Secret => spec.secrets.items.get(name).map(|item| item.name.span),
        Kind::Feature => generated.fleet.features.get(name).and_then(|f| f.span),
        Kind::Zone => {
            let zones = spec.fleet.as_ref().map(|fleet| &fleet.value.zones);
            let mut zones = zones.into_iter().flatten();
            zones.find(|zone| zone.value == name).map(|zone| zone.span)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_of_dot() {
        assert_eq!(dot_string("a \"b\" \\ c\nd"), r#""a \"b\" \\ c d""#);
    }

    #[test]
    fn the_page_has_its_marks_and_asks_nobody() {
        assert_eq!(PAGE.matches(TITLE).count(), 1);
        assert_eq!(PAGE.matches(DATA).count(), 1);
        for outside in ["http:", "https:", "//cdn", "@import", "url("] {
            let found = PAGE.replace("http://www.w3.org/2000/svg", "");
            assert!(!found.contains(outside), "{outside}");
        }
    }
}
