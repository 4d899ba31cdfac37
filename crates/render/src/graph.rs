//! A fleet as nodes and edges: hosts, MicroVMs, images, templates, users, features, secrets, zones; and
//! its picture as Mermaid, for Markdown. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use model::{Fleet, Host};
use serde::Serialize;

/// What joins a template to the one that it extends.
const EXTENDS: &str = "extends";

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A zone of the network.
    Zone,
    /// A host.
    Host,
    /// A MicroVM.
    MicroVm,
    /// An image to start from.
    Image,
    /// A template.
    Template,
    /// A user.
    User,
    /// A feature.
    Feature,
    /// A secret.
    Secret,
}

impl Kind {
    /// All of them, in the order in which they are shown.
    pub const ALL: &[Self] = &[
        Self::Zone,
        Self::Host,
        Self::MicroVm,
        Self::Image,
        Self::Template,
        Self::User,
        Self::Feature,
        Self::Secret,
    ];

    /// Its name in the singular, as identifiers have it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Zone => "zone",
            Self::Host => "host",
            Self::MicroVm => "microvm",
            Self::Image => "image",
            Self::Template => "template",
            Self::User => "user",
            Self::Feature => "feature",
            Self::Secret => "secret",
        }
    }

    /// A heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Zone => "Zones",
            Self::Host => "Hosts",
            Self::MicroVm => "MicroVMs",
            Self::Image => "Images",
            Self::Template => "Templates",
            Self::User => "Users",
            Self::Feature => "Features",
            Self::Secret => "Secrets",
        }
    }
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Its name; with the kind it is unique.
    pub name: String,
    /// One line about it.
    pub about: String,
    /// What else is known of it: a word and a value.
    pub facts: Vec<(String, String)>,
}

/// An edge between two nodes, by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Edge {
    /// From.
    pub from: usize,
    /// To.
    pub to: usize,
    /// What it means, read from `from`.
    pub means: &'static str,
}

/// The graph.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Graph {
    /// Sorted by kind and name.
    pub nodes: Vec<Node>,
    /// Sorted, each once.
    pub edges: Vec<Edge>,
}

impl Graph {
    /// The graph of a fleet.
    pub fn of(fleet: &Fleet) -> Self {
        let mut graph = Builder::default();
        for host in fleet.hosts.values() {
            graph.machine(Kind::Host, host);
        }
        for (name, vm) in &fleet.microvms {
            graph.machine(Kind::MicroVm, &vm.guest);
            let facts = [
                ("memory", format!("{} MiB", vm.memory)),
                ("processors", vm.vcpu.to_string()),
            ];
            graph.facts(Kind::MicroVm, name.as_str(), facts);
            for host in fleet.hosts.values() {
                if host.microvms.contains(name) {
                    let host = (Kind::Host, host.name.as_str());
                    graph.edge(host, (Kind::MicroVm, name.as_str()), "runs");
                }
            }
        }
        for (name, image) in &fleet.images {
            graph.machine(Kind::Image, &image.machine);
            let format = [("format", image.format.word().to_owned())];
            graph.facts(Kind::Image, name.as_str(), format);
        }
        for (name, template) in fleet.templates.iter().chain(&fleet.ancestors) {
            let about = template.description.as_deref().unwrap_or_default();
            graph.node(Kind::Template, name.as_str(), about);
            for feature in &template.imports {
                let feature = (Kind::Feature, feature.as_str());
                graph.edge((Kind::Template, name.as_str()), feature, "sets");
            }
            if let [.., parent, _] = template.chain.as_slice() {
                let parent = (Kind::Template, parent.as_str());
                graph.edge((Kind::Template, name.as_str()), parent, EXTENDS);
            }
        }
        for (name, user) in &fleet.users {
            let about = user.full_name.as_deref().unwrap_or_default();
            graph.node(Kind::User, name.as_str(), about);
            if user.admin {
                let facts = [("administrator", "yes".to_owned())];
                graph.facts(Kind::User, name.as_str(), facts);
            }
        }
        for (id, feature) in &fleet.features {
            graph.node(Kind::Feature, id.as_str(), &feature.summary);
        }
        for (name, secret) in &fleet.secrets.items {
            graph.node(Kind::Secret, name, "");
            let given = [("owner", &secret.owner), ("path", &secret.path)];
            let facts = given
                .into_iter()
                .filter_map(|(word, value)| Some((word, value.clone()?)));
            graph.facts(Kind::Secret, name, facts);
        }
        graph.finish()
    }

    /// The part of it that has only nodes of some kinds.
    pub fn only(&self, kinds: &[Kind]) -> Self {
        self.part(|node| kinds.contains(&node.kind))
    }

    /// The part around some hosts or other machines: what they lead to, and what leads to them; of
    /// templates also those that they extend.
    pub fn around(&self, names: &[String]) -> Self {
        let is_machine = |kind| matches!(kind, Kind::Host | Kind::MicroVm | Kind::Image);
        let mut kept: BTreeSet<usize> = (0..self.nodes.len())
            .filter(|at| is_machine(self.nodes[*at].kind) && names.contains(&self.nodes[*at].name))
            .collect();
        let before = kept.clone();
        for edge in &self.edges {
            if before.contains(&edge.from) {
                kept.insert(edge.to);
            }
            if before.contains(&edge.to) {
                kept.insert(edge.from);
            }
        }
        let parent_of = |child: usize| {
            let mut edges = self.edges.iter();
            edges.find(|edge| edge.from == child && edge.means == EXTENDS)
        };
        let mut open: Vec<usize> = kept.iter().copied().collect();
        while let Some(child) = open.pop() {
            if let Some(edge) = parent_of(child) {
                kept.insert(edge.to);
                open.push(edge.to);
            }
        }
        let nodes: Vec<(Kind, String)> = kept
            .iter()
            .map(|at| (self.nodes[*at].kind, self.nodes[*at].name.clone()))
            .collect();
        self.part(|node| nodes.contains(&(node.kind, node.name.clone())))
    }

    fn part(&self, keep: impl Fn(&Node) -> bool) -> Self {
        let mut numbers = BTreeMap::new();
        let mut nodes = Vec::new();
        for (at, node) in self.nodes.iter().enumerate() {
            if keep(node) {
                numbers.insert(at, nodes.len());
                nodes.push(node.clone());
            }
        }
        let edges = self.edges.iter().filter_map(|edge| {
            Some(Edge {
                from: *numbers.get(&edge.from)?,
                to: *numbers.get(&edge.to)?,
                means: edge.means,
            })
        });
        Self {
            edges: edges.collect(),
            nodes,
        }
    }

    /// Mermaid, as GitHub and others draw it.
    pub fn mermaid(&self) -> String {
        let mut text = String::from("flowchart LR\n");
        for kind in Kind::ALL {
            let mut nodes = self.of_kind(*kind).peekable();
            if nodes.peek().is_none() {
                continue;
            }
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  subgraph {}s [{}]", kind.word(), kind.title());
            for (at, node) in nodes {
                let (open, close) = match kind {
                    Kind::Zone => ("([", "])"),
                    Kind::Template | Kind::User => ("[/", "/]"),
                    Kind::Feature | Kind::Secret => ("(", ")"),
                    _ => ("[", "]"),
                };
                let name = label(&node.name);
                let _ = writeln!(text, "    n{at}{open}\"{name}\"{close}");
            }
            text.push_str("  end\n");
        }
        for edge in &self.edges {
            let _ = writeln!(text, "  n{} --> n{}", edge.from, edge.to);
        }
        text
    }

    /// The nodes of a kind with their numbers.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = (usize, &Node)> {
        let nodes = self.nodes.iter().enumerate();
        nodes.filter(move |(_, node)| node.kind == kind)
    }
}

/// Text between quotes of Mermaid.
fn label(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '"' => out.push_str("#quot;"),
            '#' => out.push_str("#35;"),
            '<' => out.push_str("#lt;"),
            '>' => out.push_str("#gt;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

type Key = (Kind, String);

#[derive(Default)]
struct Builder {
    nodes: BTreeMap<Key, Node>,
    edges: BTreeSet<(Key, Key, &'static str)>,
}

impl Builder {
    fn node(&mut self, kind: Kind, name: &str, about: &str) {
        let node = self.entry(kind, name);
        about.clone_into(&mut node.about);
    }

    fn entry(&mut self, kind: Kind, name: &str) -> &mut Node {
        let node = || Node {
            kind,
            name: name.to_owned(),
            about: String::new(),
            facts: Vec::new(),
        };
        self.nodes
            .entry((kind, name.to_owned()))
            .or_insert_with(node)
    }

    fn facts(
        &mut self,
        kind: Kind,
        name: &str,
        facts: impl IntoIterator<Item = (&'static str, String)>,
    ) {
        let facts = facts
            .into_iter()
            .map(|(word, fact)| (word.to_owned(), fact));
        self.entry(kind, name).facts.extend(facts);
    }

    fn edge(&mut self, from: (Kind, &str), to: (Kind, &str), means: &'static str) {
        for (kind, name) in [from, to] {
            self.entry(kind, name);
        }
        let key = |(kind, name): (Kind, &str)| (kind, name.to_owned());
        self.edges.insert((key(from), key(to), means));
    }

    fn machine(&mut self, kind: Kind, host: &Host) {
        let name = host.name.as_str();
        let own = (kind, name);
        self.node(kind, name, host.description.as_deref().unwrap_or_default());
        let mut facts = vec![("platform", host.system.clone())];
        let mut add = |word, value: Option<String>| {
            facts.extend(value.filter(|v| !v.is_empty()).map(|value| (word, value)));
        };
        add("address", host.address.clone());
        add("tags", Some(host.tags.join(", ")));
        let hardware = &host.hardware;
        add("processor", hardware.cpu.clone());
        let gpus: Vec<&str> = hardware
            .gpus
            .iter()
            .map(|gpu| gpu.vendor.as_str())
            .collect();
        add("graphics", Some(gpus.join(", ")));
        if kind == Kind::Host {
            let memory = hardware.memory.map(|bytes| format!("{} GiB", bytes >> 30));
            add("memory", memory);
        }
        let disks: Vec<&str> = host.disks.keys().map(String::as_str).collect();
        add("disks", Some(disks.join(", ")));
        let mut ports: BTreeMap<(u16, u16), BTreeSet<&str>> = BTreeMap::new();
        for port in &host.ports {
            let numbers = match port.numbers {
                model::PortNumbers::One(one) => (one, one),
                model::PortNumbers::Range(from, to) => (from, to),
            };
            ports.entry(numbers).or_default().insert(&port.zone);
        }
        let ports: Vec<String> = ports
            .iter()
            .map(|((from, to), zones)| {
                let zones: Vec<&str> = zones.iter().copied().collect();
                let zones = zones.join(" and ");
                if from == to {
                    format!("{from} in {zones}")
                } else {
                    format!("{from}–{to} in {zones}")
                }
            })
            .collect();
        add("open ports", Some(ports.join(", ")));
        add("state version", Some(host.state_version.clone()));
        self.facts(kind, name, facts);
        if let Some(template) = &host.template {
            self.edge(own, (Kind::Template, template.as_str()), "follows");
        }
        for user in host.users.keys() {
            self.edge(own, (Kind::User, user.as_str()), "has");
        }
        for zone in host.zones.keys() {
            self.edge(own, (Kind::Zone, zone), "is in");
        }
        for feature in host.enabled.keys() {
            self.edge(own, (Kind::Feature, feature.as_str()), "uses");
        }
        for user in host.users.values() {
            for feature in user.enabled.keys() {
                self.edge(own, (Kind::Feature, feature.as_str()), "uses");
            }
        }
        for secret in host.secrets.keys() {
            self.edge(own, (Kind::Secret, secret), "decrypts");
        }
    }

    fn finish(self) -> Graph {
        let numbers: BTreeMap<&Key, usize> = self
            .nodes
            .keys()
            .enumerate()
            .map(|(at, key)| (key, at))
            .collect();
        let edges: BTreeSet<Edge> = self
            .edges
            .iter()
            .filter_map(|(from, to, means)| {
                Some(Edge {
                    from: *numbers.get(from)?,
                    to: *numbers.get(to)?,
                    means,
                })
            })
            .collect();
        Graph {
            edges: edges.into_iter().collect(),
            nodes: self.nodes.into_values().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph() -> Graph {
        let mut builder = Builder::default();
        builder.node(Kind::Host, "one", "first \"#1\"");
        builder.edge((Kind::Host, "one"), (Kind::Template, "base"), "follows");
        builder.edge((Kind::Host, "two"), (Kind::Template, "base"), "follows");
        builder.edge((Kind::Host, "one"), (Kind::Secret, "a<b"), "decrypts");
        builder.finish()
    }

    #[test]
    fn a_picture() {
        assert_eq!(
            graph().mermaid(),
            "flowchart LR
  subgraph hosts [Hosts]
    n0[\"one\"]
    n1[\"two\"]
  end
  subgraph templates [Templates]
    n2[/\"base\"/]
  end
  subgraph secrets [Secrets]
    n3(\"a#lt;b\")
  end
  n0 --> n2
  n0 --> n3
  n1 --> n2
"
        );
    }

    #[test]
    fn a_host_has_what_its_template_extends() {
        let mut builder = Builder::default();
        builder.edge((Kind::Host, "one"), (Kind::Template, "laptop"), "follows");
        builder.edge((Kind::Host, "two"), (Kind::Template, "server"), "follows");
        for (child, parent) in [
            ("laptop", "desktop"),
            ("desktop", "base"),
            ("server", "base"),
        ] {
            builder.edge((Kind::Template, child), (Kind::Template, parent), EXTENDS);
        }
        let one = builder.finish().around(&["one".to_owned()]);
        let names: Vec<&str> = one.nodes.iter().map(|node| node.name.as_str()).collect();
        assert_eq!(names, ["one", "base", "desktop", "laptop"]);
        assert_eq!(one.edges.len(), 3);
    }

    #[test]
    fn parts() {
        let names = |graph: &Graph| -> Vec<String> {
            graph.nodes.iter().map(|node| node.name.clone()).collect()
        };
        let two = graph().around(&["two".to_owned()]);
        assert_eq!(names(&two), ["two", "base"]);
        assert_eq!(two.edges.len(), 1);
        let hosts = graph().only(&[Kind::Host]);
        assert_eq!(names(&hosts), ["one", "two"]);
        assert_eq!(hosts.edges, []);
    }
}
