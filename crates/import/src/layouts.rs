//! Disks that a repository declares for disko, matched with the layouts of `disks`.
//!
//! A layout is proposed by what its disks hold, rendered, and taken only if what comes out is the same
//! tree: the same partitions in the same order, the same contents, names, mount points and options.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::assemble::{Host, Layouts, World, push_new};
use crate::eval::{Eval, Slot, Value};
use crate::repo::Repo;
use crate::report::Report;
use crate::unit::{self, Arguments};
use crate::yaml::{MapBuilder, Yaml};

/// What a host's disks became.
#[derive(Default)]
pub(crate) struct Matched {
    /// Names of layouts, for `hardware.disks`.
    pub(crate) names: Vec<String>,
    /// Layouts that this host is the first to have.
    pub(crate) layouts: Vec<(String, Yaml)>,
    /// `hardware.boot.efiMountPoint`, where it is not `/boot`.
    pub(crate) efi_mount_point: Option<String>,
    /// Whether one of them is a pool of ZFS.
    pub(crate) has_zfs: bool,
}

/// Attributes by name.
#[derive(Clone, Debug, PartialEq)]
enum Node {
    Attrs(BTreeMap<String, Node>),
    Leaf(Yaml),
}

impl Node {
    fn new(value: &Yaml) -> Self {
        match value {
            Yaml::Map(entries) => Self::Attrs(
                entries
                    .iter()
                    .map(|(key, value)| (plain_key(key), Self::new(value)))
                    .collect(),
            ),
            Yaml::Tag("default", inner) | Yaml::Commented(_, inner) => Self::new(inner),
            other => Self::Leaf(other.clone()),
        }
    }

    fn insert(&mut self, path: &[String], value: Self) {
        let Self::Attrs(attrs) = self else { return };
        match path {
            [] => {}
            [last] => {
                attrs.insert(last.clone(), value);
            }
            [first, rest @ ..] => attrs
                .entry(first.clone())
                .or_insert_with(|| Self::Attrs(BTreeMap::new()))
                .insert(rest, value),
        }
    }

    fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, part| match node {
            Self::Attrs(attrs) => attrs.get(*part),
            Self::Leaf(_) => None,
        })
    }

    fn text(&self, path: &[&str]) -> Option<&str> {
        match self.at(path)? {
            Self::Leaf(Yaml::Str(text)) => Some(text),
            _ => None,
        }
    }

    fn texts(&self, path: &[&str]) -> Vec<&str> {
        match self.at(path) {
            Some(Self::Leaf(Yaml::List(items))) => items
                .iter()
                .filter_map(|item| match item {
                    Yaml::Str(text) => Some(text.as_str()),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    fn attrs(&self, path: &[&str]) -> impl Iterator<Item = (&String, &Self)> {
        let attrs = match self.at(path) {
            Some(Self::Attrs(attrs)) => Some(attrs),
            _ => None,
        };
        attrs.into_iter().flatten()
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Attrs(attrs) => attrs.is_empty(),
            Self::Leaf(value) => matches!(value, Yaml::Null) || *value == Yaml::List(Vec::new()),
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Attrs(_) => "a set".to_owned(),
            Self::Leaf(Yaml::Str(text)) => format!("`{text}`"),
            Self::Leaf(Yaml::List(_)) => {
                let texts = self.texts(&[]);
                format!("`[{}]`", texts.join(", "))
            }
            Self::Leaf(Yaml::Bool(b)) => format!("`{b}`"),
            Self::Leaf(Yaml::Int(n)) => format!("`{n}`"),
            Self::Leaf(_) => "something else".to_owned(),
        }
    }
}

fn plain_key(key: &str) -> String {
    match nix::AttrPath::parse(key) {
        Ok(path) if path.0.len() == 1 => path.0[0].clone(),
        _ => key.to_owned(),
    }
}

/// The order of partitions, among the attributes of a table.
const ORDER: &str = "order of partitions";

/// Disks that one layout would be, and what it says.
struct Proposal {
    name: String,
    /// Names below `disko.devices`, such as `disk.main`.
    parts: Vec<(&'static str, String)>,
    layout: Result<Yaml, String>,
    efi_mount_point: Option<String>,
    is_zfs: bool,
}

impl Proposal {
    fn title(&self) -> String {
        let parts: Vec<String> = self
            .parts
            .iter()
            .map(|(kind, name)| format!("`disko.devices.{kind}.{}`", nix::attr_name(name)))
            .collect();
        parts.join(", ")
    }

    fn holds(&self, path: &[String]) -> bool {
        matches!(path, [disko, devices, kind, name, ..]
            if disko == "disko" && devices == "devices"
                && self.parts.iter().any(|(k, n)| k == kind && n == name))
    }
}

/// Matches the disks of all hosts; what matched is taken.
pub(crate) fn matched(
    world: &mut World,
    layouts: &dyn Layouts,
    report: &mut Report,
) -> Vec<Matched> {
    let mut all: Vec<Vec<Proposal>> = (0..world.hosts.len())
        .map(|host| proposals(world, host, layouts))
        .collect();
    // A module of several hosts goes if it goes for each of them.
    loop {
        let mut lost: Vec<(usize, usize, String)> = Vec::new();
        for (h, own) in all.iter().enumerate() {
            for (p, proposal) in own.iter().enumerate() {
                if proposal.layout.is_err() {
                    continue;
                }
                let other = places(world, h, proposal).into_iter().find_map(|(e, _)| {
                    world.entries[e].hosts.iter().copied().find(|other| {
                        !all[*other]
                            .iter()
                            .any(|it| it.layout == proposal.layout && it.parts == proposal.parts)
                    })
                });
                if let Some(other) = other {
                    lost.push((h, p, world.hosts[other].name.clone()));
                }
            }
        }
        if lost.is_empty() {
            break;
        }
        for (h, p, other) in lost {
            all[h][p].layout = Err(format!(
                "host `{other}` shares the module, and does not have the same"
            ));
        }
    }
    // One name is one layout of the fleet.
    let mut named: BTreeMap<String, (usize, Yaml)> = BTreeMap::new();
    for (h, own) in all.iter_mut().enumerate() {
        for proposal in own {
            let Ok(layout) = &proposal.layout else {
                continue;
            };
            match named.get(&proposal.name) {
                Some((first, other)) if other != layout => {
                    proposal.layout = Err(format!(
                        "the layout would be called `{}`, as that of host `{}` is, and partitions have its name in their labels",
                        proposal.name, world.hosts[*first].name
                    ));
                }
                Some(_) => {}
                None => {
                    named.insert(proposal.name.clone(), (h, layout.clone()));
                }
            }
        }
    }
    let mut result = Vec::new();
    for (h, own) in all.into_iter().enumerate() {
        let mut found = Matched::default();
        for proposal in own {
            match &proposal.layout {
                Ok(layout) => {
                    for place in places(world, h, &proposal) {
                        world.take(place);
                    }
                    if let Some(point) = &proposal.efi_mount_point {
                        let path = ["boot", "loader", "efi", "efiSysMountPoint"];
                        if let Some((place, _)) = world.one(h, &path) {
                            world.take(place);
                        }
                        found.efi_mount_point = Some(point.clone());
                    }
                    if proposal.is_zfs
                        && let Some((place, _)) = world.one(h, &["networking", "hostId"])
                    {
                        world.take(place);
                    }
                    found.has_zfs |= proposal.is_zfs;
                    if named
                        .get(&proposal.name)
                        .is_some_and(|(first, _)| *first == h)
                    {
                        found.layouts.push((proposal.name.clone(), layout.clone()));
                    }
                    found.names.push(proposal.name);
                }
                Err(why) => push_new(
                    &mut report.disks,
                    format!("{} of `{}`: {why}", proposal.title(), world.hosts[h].name),
                ),
            }
        }
        result.push(found);
    }
    result
}

fn places(world: &World, host: usize, proposal: &Proposal) -> Vec<(usize, usize)> {
    let mut found = world.below(host, &["disko", "devices"]);
    found.retain(|(e, a)| proposal.holds(&world.assign(*e, *a).path));
    found
}

/// What a host declares for disko, as far as it is data, and the parts that are not.
fn declared(world: &World, host: usize) -> (Node, BTreeSet<(String, String)>) {
    let mut root = Node::Attrs(BTreeMap::new());
    let mut computed = BTreeSet::new();
    for (e, a) in world.below(host, &["disko", "devices"]) {
        let assign = world.assign(e, a);
        match (&assign.path[2..], &assign.value) {
            (path, Ok(value)) if !crate::facts::has_code(value) => {
                root.insert(path, Node::new(value));
            }
            ([kind, name, ..], _) => {
                computed.insert((kind.clone(), name.clone()));
            }
            _ => {}
        }
    }
    (root, computed)
}

fn proposals(world: &World, host: usize, layouts: &dyn Layouts) -> Vec<Proposal> {
    let (root, computed) = declared(world, host);
    let mut found = groups(&root, world, host);
    for proposal in &mut found {
        let Ok(layout) = &proposal.layout else {
            continue;
        };
        let is_computed = |(kind, name): &(&'static str, String)| {
            computed.contains(&((*kind).to_owned(), name.clone()))
        };
        if proposal.parts.iter().any(is_computed) {
            proposal.layout = Err("a part of it is computed".to_owned());
        } else if !is_from_disko(&world.hosts[host]) {
            proposal.layout = Err("its module is not that of the input `disko`".to_owned());
        } else if let Err(why) = compare(&root, proposal, layout, layouts) {
            proposal.layout = Err(why);
        }
    }
    found
}

fn is_from_disko(host: &Host) -> bool {
    let is = |path: &Vec<String>| matches!(path.as_slice(), [_, input, set, _] if input == "disko" && set == "nixosModules");
    host.inputs.iter().any(is)
}

/// Takes the disks of a host together as layouts have them.
fn groups(root: &Node, world: &World, host: usize) -> Vec<Proposal> {
    let mut found = Vec::new();
    let mut left: BTreeMap<&String, &Node> = root.attrs(&["disk"]).collect();
    for (pool, node) in root.attrs(&["zpool"]) {
        let members: Vec<&String> = left
            .iter()
            .filter(|(_, disk)| {
                disk.attrs(&["content", "partitions"]).any(|(_, part)| {
                    part.text(&["content", "type"]) == Some("zfs")
                        && part.text(&["content", "pool"]) == Some(pool)
                })
            })
            .map(|(name, _)| *name)
            .collect();
        let disks: Vec<&Node> = members.iter().map(|name| left[*name]).collect();
        let name = layout_name(&members);
        let esp = disks.first().and_then(|disk| esp_of(disk));
        let id = world.one(host, &["networking", "hostId"]);
        let layout = match (&name, id) {
            (None, _) => Err("its disks are not called as those of a layout are".to_owned()),
            (_, Some((_, Yaml::Str(id)))) => zfs(&disks, pool, node, id),
            _ => Err("no module says `networking.hostId` as text".to_owned()),
        };
        let mut parts: Vec<(&'static str, String)> = members
            .iter()
            .map(|name| ("disk", (*name).clone()))
            .collect();
        parts.push(("zpool", pool.clone()));
        for member in members {
            left.remove(member);
        }
        found.push(proposal(name, parts, layout, esp, true, (world, host)));
    }
    // btrfs names its other devices where it is made: on the last of them.
    let over_several: Vec<&String> = left
        .iter()
        .filter(|(_, disk)| {
            main_of(disk).is_some_and(|main| {
                main.content.text(&["type"]) == Some("btrfs")
                    && main.content.texts(&["extraArgs"]).contains(&"-d")
            })
        })
        .map(|(name, _)| *name)
        .collect();
    for last in over_several {
        let Some((stem, _)) = last.rsplit_once('-') else {
            continue;
        };
        let is_member = |name: &str| {
            name.strip_prefix(stem)
                .and_then(|rest| rest.strip_prefix('-'))
                .is_some_and(|n| !n.is_empty() && n.chars().all(|c| c.is_ascii_digit()))
        };
        let members: Vec<&String> = left
            .keys()
            .copied()
            .filter(|name| is_member(name))
            .collect();
        let disks: Vec<&Node> = members.iter().map(|name| left[*name]).collect();
        let name = layout_name(&members);
        let layout = btrfs(&disks);
        let esp = disks.first().and_then(|disk| esp_of(disk));
        let parts = members
            .iter()
            .map(|name| ("disk", (*name).clone()))
            .collect();
        for member in members {
            left.remove(member);
        }
        found.push(proposal(name, parts, layout, esp, false, (world, host)));
    }
    for (name, disk) in left {
        let parts = vec![("disk", name.clone())];
        let layout = single(disk);
        let esp = esp_of(disk);
        found.push(proposal(
            Some(name.clone()),
            parts,
            layout,
            esp,
            false,
            (world, host),
        ));
    }
    // What has no layout at all.
    for (kind, node) in root.attrs(&[]) {
        let kind = match kind.as_str() {
            "lvm_vg" => "lvm_vg",
            "mdadm" => "mdadm",
            "nodev" => "nodev",
            "bcachefs_filesystems" => "bcachefs_filesystems",
            _ => continue,
        };
        for (name, _) in node.attrs(&[]) {
            found.push(Proposal {
                name: name.clone(),
                parts: vec![(kind, name.clone())],
                layout: Err(format!("no layout has `{kind}`")),
                efi_mount_point: None,
                is_zfs: false,
            });
        }
    }
    found
}

fn proposal(
    name: Option<String>,
    parts: Vec<(&'static str, String)>,
    layout: Result<Yaml, String>,
    esp: Option<&str>,
    is_zfs: bool,
    (world, host): (&World, usize),
) -> Proposal {
    let mut layout = layout;
    // The host says elsewhere where the EFI partition is, and so does a layout's.
    let said = world.one(host, &["boot", "loader", "efi", "efiSysMountPoint"]);
    let said = said.and_then(|(_, value)| match value {
        Yaml::Str(text) => Some(text.clone()),
        _ => None,
    });
    let efi_mount_point = said.filter(|said| esp == Some(said) && said != "/boot");
    if let (Some(esp), None) = (esp, &efi_mount_point)
        && esp != "/boot"
        && layout.is_ok()
    {
        layout = Err(format!(
            "the EFI partition is mounted at `{esp}`, and `boot.loader.efi.efiSysMountPoint` does not say so as text"
        ));
    }
    let name = name.unwrap_or_default();
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if layout.is_ok() && (name.is_empty() || !name.chars().all(good)) {
        layout = Err(format!("`{name}` is no name of a layout"));
    }
    Proposal {
        name,
        parts,
        layout,
        efi_mount_point,
        is_zfs,
    }
}

/// The name of the layout whose disks are called so.
fn layout_name(disks: &[&String]) -> Option<String> {
    match disks {
        [] => None,
        [only] => Some((*only).clone()),
        several => {
            let (stem, _) = several[0].rsplit_once('-')?;
            let name = |idx: usize| match several.len() {
                ..10 => format!("{stem}-{}", idx + 1),
                _ => format!("{stem}-{:02}", idx + 1),
            };
            let same = several
                .iter()
                .enumerate()
                .all(|(idx, own)| **own == name(idx));
            same.then(|| stem.to_owned())
        }
    }
}

/// What a disk is there for.
struct Main<'a> {
    content: &'a Node,
    is_encrypted: bool,
}

fn main_of(disk: &Node) -> Option<Main<'_>> {
    disk.attrs(&["content", "partitions"])
        .find_map(|(_, part)| {
            if part.text(&["type"]) == Some("EF00") {
                return None;
            }
            let content = part.at(&["content"])?;
            match content.text(&["type"])? {
                "swap" => None,
                "luks" => Some(Main {
                    content: content.at(&["content"])?,
                    is_encrypted: true,
                }),
                _ => Some(Main {
                    content,
                    is_encrypted: false,
                }),
            }
        })
}

fn esp_of(disk: &Node) -> Option<&str> {
    disk.attrs(&["content", "partitions"])
        .find(|(_, part)| part.text(&["type"]) == Some("EF00"))
        .and_then(|(_, part)| part.text(&["content", "mountpoint"]))
}

fn device(disk: &Node) -> Result<&str, String> {
    let device = disk.text(&["device"]);
    device.ok_or_else(|| "no module says its `device` as text".to_owned())
}

/// What partitions beside the main one say.
fn besides(disk: &Node, layout: &mut MapBuilder, with_swap: bool) {
    for (_, part) in disk.attrs(&["content", "partitions"]) {
        match part.text(&["type"]) {
            Some("EF00") => {
                if let Some(size) = part.text(&["size"]).filter(|size| *size != "1G") {
                    layout.add("esp", Yaml::text(size));
                }
            }
            Some("EF02") => {
                layout.add("bios", Yaml::Bool(true));
            }
            _ => {}
        }
        if with_swap && part.text(&["content", "type"]) == Some("swap") {
            layout.add_some("swap", part.text(&["size"]).map(Yaml::text));
        }
    }
}

/// Mount options, unless they are those that disko takes anyway.
fn options(node: &Node) -> Vec<&str> {
    let options = node.texts(&["mountOptions"]);
    if options == ["defaults"] {
        Vec::new()
    } else {
        options
    }
}

fn single(disk: &Node) -> Result<Yaml, String> {
    match disk.text(&["content", "type"]) {
        Some("gpt") => {}
        Some(other) => return Err(format!("no layout has `{other}` on the whole disk")),
        None => return Err("it has no partition table as text".to_owned()),
    }
    let main = main_of(disk).ok_or("it holds nothing that a layout has")?;
    match main.content.text(&["type"]) {
        Some("btrfs") => return btrfs(&[disk]),
        Some("filesystem") => {}
        Some(other) => return Err(format!("no layout has `{other}`")),
        None => return Err("what it holds is not said as text".to_owned()),
    }
    match main.content.text(&["format"]) {
        Some("ext4") => {}
        other => {
            return Err(format!(
                "no layout has the file system `{}`",
                other.unwrap_or("that is computed")
            ));
        }
    }
    let mut layout = MapBuilder::default();
    layout.add("layout", Yaml::text("ext4"));
    layout.add("device", Yaml::text(device(disk)?));
    let point = main.content.text(&["mountpoint"]);
    let point = point.ok_or("its file system is not mounted")?;
    if point != "/" {
        layout.add("mountPoint", Yaml::text(point));
    }
    let options = options(main.content);
    if !options.is_empty() {
        layout.add("mountOptions", Yaml::texts(options));
    }
    if main.is_encrypted {
        layout.add("encrypt", Yaml::Bool(true));
    }
    besides(disk, &mut layout, true);
    Ok(layout.build())
}

fn btrfs(disks: &[&Node]) -> Result<Yaml, String> {
    let (Some(first), Some(last)) = (disks.first(), disks.last()) else {
        return Err("it has no disks".to_owned());
    };
    let main = main_of(last).ok_or("its last disk holds no file system")?;
    let mut layout = MapBuilder::default();
    layout.add("layout", Yaml::text("luks-btrfs"));
    if let [only] = disks {
        layout.add("device", Yaml::text(device(only)?));
    } else {
        let devices: Result<Vec<&str>, String> = disks.iter().map(|disk| device(disk)).collect();
        layout.add("devices", Yaml::texts(devices?));
        let arguments = main.content.texts(&["extraArgs"]);
        let mode = arguments.iter().position(|it| *it == "-d");
        let mode = mode.and_then(|at| arguments.get(at + 1));
        layout.add_some("mode", mode.map(|mode| Yaml::text(*mode)));
    }
    if !main.is_encrypted {
        layout.add("encrypt", Yaml::Bool(false));
    }
    besides(first, &mut layout, false);
    let mut subvolumes = Vec::new();
    let mut options: Option<Vec<&str>> = None;
    for (name, subvolume) in main.content.attrs(&["subvolumes"]) {
        let point = subvolume.text(&["mountpoint"]);
        let point = point.ok_or_else(|| format!("subvolume `{name}` is not mounted"))?;
        subvolumes.push((name.clone(), Yaml::text(point)));
        if let Some(size) = subvolume.text(&["swap", "swapfile", "size"]) {
            layout.add("swap", Yaml::text(size));
        } else {
            options.get_or_insert_with(|| self::options(subvolume));
        }
    }
    if subvolumes.is_empty() {
        return Err("no layout has btrfs without subvolumes".to_owned());
    }
    layout.add("subvolumes", Yaml::Map(subvolumes));
    match options {
        Some(options) if options.is_empty() => {
            return Err(
                "its subvolumes have no mount options, and those of a layout do".to_owned(),
            );
        }
        Some(options) => {
            layout.add("mountOptions", Yaml::texts(options));
        }
        None => {}
    }
    Ok(layout.build())
}

fn zfs(disks: &[&Node], pool: &str, node: &Node, id: &str) -> Result<Yaml, String> {
    let devices: Result<Vec<&str>, String> = disks.iter().map(|disk| device(disk)).collect();
    let mut layout = MapBuilder::default();
    layout.add("layout", Yaml::text("zfs"));
    layout.add("devices", Yaml::texts(devices?));
    layout.add("pool", Yaml::text(pool));
    match node.at(&["mode"]) {
        None => {}
        Some(Node::Leaf(Yaml::Str(mode))) if mode.is_empty() => {}
        Some(Node::Leaf(Yaml::Str(mode))) => {
            layout.add("mode", Yaml::text(mode));
        }
        Some(_) => return Err("no layout has a topology of devices".to_owned()),
    }
    layout.add("hostId", Yaml::text(id));
    if node.text(&["rootFsOptions", "encryption"]).is_some() {
        layout.add("encrypt", Yaml::Bool(true));
    }
    if let Some(first) = disks.first() {
        besides(first, &mut layout, false);
    }
    let mut datasets = Vec::new();
    for (name, dataset) in node.attrs(&["datasets"]) {
        match dataset.text(&["type"]) {
            Some("zfs_fs") => {}
            other => {
                return Err(format!(
                    "no layout has `{}`, as data set `{name}` is",
                    other.unwrap_or("what is computed")
                ));
            }
        }
        let point = dataset.text(&["mountpoint"]).unwrap_or("none");
        datasets.push((name.clone(), Yaml::text(point)));
    }
    if datasets.is_empty() {
        return Err("no layout has a pool without data sets".to_owned());
    }
    layout.add("datasets", Yaml::Map(datasets));
    Ok(layout.build())
}

/// Renders a layout and compares what comes out.
fn compare(
    root: &Node,
    proposal: &Proposal,
    layout: &Yaml,
    layouts: &dyn Layouts,
) -> Result<(), String> {
    let text = layouts
        .render(&proposal.name, layout, proposal.efi_mount_point.as_deref())
        .map_err(|why| format!("a layout cannot say it: {why}"))?;
    let rendered = read(&text).ok_or("what a layout renders is not understood")?;
    let mut theirs = Node::Attrs(BTreeMap::new());
    for (kind, name) in &proposal.parts {
        if let Some(node) = root.at(&[kind, name]) {
            theirs.insert(&[(*kind).to_owned(), name.clone()], node.clone());
        }
    }
    let mut differences = Vec::new();
    differ(
        &normal(&theirs, &[]),
        &normal(&rendered, &[]),
        &mut Vec::new(),
        &mut differences,
    );
    if differences.is_empty() {
        return Ok(());
    }
    let more = differences.len().saturating_sub(3);
    let mut text = differences[..differences.len().min(3)].join("; ");
    if more > 0 {
        let _ = write!(text, "; and {more} more");
    }
    Err(text)
}

/// What a rendered file declares for disko.
fn read(text: &str) -> Option<Node> {
    let file = "layout.nix";
    let repo = Repo::new(BTreeMap::from([(
        file.to_owned(),
        text.as_bytes().to_vec(),
    )]));
    let eval = Eval::new(&repo);
    let (place, is_file) = unit::locate(&eval, &Slot::Value(Value::Path(file.to_owned())))?;
    let arguments = Arguments {
        special: BTreeMap::new(),
    };
    let read = unit::read(&eval, place, is_file, None, &arguments, &|_| false);
    let mut root = Node::Attrs(BTreeMap::new());
    for assign in &read.unit.assigns {
        if let [disko, devices, path @ ..] = assign.path.as_slice()
            && disko == "disko"
            && devices == "devices"
        {
            root.insert(path, Node::new(assign.value.as_ref().ok()?));
        }
    }
    Some(root)
}

/// A tree without what disko takes for granted.
fn normal(node: &Node, path: &[&str]) -> Node {
    let Node::Attrs(attrs) = node else {
        return node.clone();
    };
    let last = path.last().copied();
    let before = path
        .len()
        .checked_sub(2)
        .and_then(|at| path.get(at))
        .copied();
    let mut result = BTreeMap::new();
    for (key, value) in attrs {
        let mut path = path.to_vec();
        path.push(key);
        let value = normal(value, &path);
        let text = value.text(&[]);
        let is_granted = match key.as_str() {
            "mountOptions" => value.texts(&[]) == ["defaults"],
            "extraArgs" | "extraFormatArgs" | "extraOpenArgs" | "additionalKeyFiles" => {
                value.is_empty()
            }
            "name" => {
                before.is_some_and(|it| ["disk", "partitions", "zpool"].contains(&it))
                    && text == last
            }
            "type" => match before {
                Some("disk") => text == Some("disk"),
                Some("zpool") => text == Some("zpool"),
                Some("subvolumes") => text == Some("btrfs_subvol"),
                Some("partitions") => match node.text(&["content", "type"]) {
                    Some("swap") => text == Some("8200"),
                    _ => text == Some("8300"),
                },
                _ => false,
            },
            "mode" => before == Some("zpool") && text == Some(""),
            // The order of partitions is compared instead.
            "priority" => before == Some("partitions"),
            _ => value == Node::Leaf(Yaml::Null),
        };
        if !is_granted {
            result.insert(key.clone(), value);
        }
    }
    if last == Some("content") && attrs.contains_key("partitions") {
        result.insert(ORDER.to_owned(), order(node));
    }
    Node::Attrs(result)
}

/// The names of partitions in the order that disko makes them in.
fn order(table: &Node) -> Node {
    let mut parts: Vec<(i64, &String)> = table
        .attrs(&["partitions"])
        .map(|(name, part)| {
            let priority = match part.at(&["priority"]) {
                Some(Node::Leaf(Yaml::Int(n))) => *n,
                _ if part.text(&["size"]) == Some("100%") => 9001,
                _ if part.text(&["type"]) == Some("EF02") => 100,
                _ => 1000,
            };
            (priority, name)
        })
        .collect();
    parts.sort();
    Node::Leaf(Yaml::texts(parts.iter().map(|(_, name)| name.as_str())))
}

/// What is here and there is another, in words.
fn differ(theirs: &Node, ours: &Node, path: &mut Vec<String>, found: &mut Vec<String>) {
    let (Node::Attrs(theirs), Node::Attrs(ours)) = (theirs, ours) else {
        let texts = |node: &Node| -> BTreeSet<String> {
            node.texts(&[])
                .iter()
                .map(|text| (*text).to_owned())
                .collect()
        };
        if path.last().is_some_and(|last| last == ORDER) {
            if theirs != ours && texts(theirs) == texts(ours) {
                found.push(format!(
                    "its partitions are {}, in this order, and {} in a layout",
                    theirs.words(),
                    ours.words()
                ));
            }
        } else if theirs != ours {
            found.push(format!(
                "`{}` is {}, and {} in a layout",
                path.join("."),
                theirs.words(),
                ours.words()
            ));
        }
        return;
    };
    let keys: BTreeSet<&String> = theirs.keys().chain(ours.keys()).collect();
    for key in keys {
        path.push(if key == ORDER {
            key.clone()
        } else {
            nix::attr_name(key).into_owned()
        });
        match (theirs.get(key), ours.get(key)) {
            (Some(theirs), Some(ours)) => differ(theirs, ours, path, found),
            (Some(theirs), None) if key != ORDER => found.push(format!(
                "`{}` is {}, which no layout has",
                path.join("."),
                theirs.words()
            )),
            (None, Some(ours)) if key != ORDER => found.push(format!(
                "`{}` is not there, and {} in a layout",
                path.join("."),
                ours.words()
            )),
            _ => {}
        }
        path.pop();
    }
}
