//! From files to findings: every file on its own and in parallel, then every tree.

use std::collections::{BTreeMap, BTreeSet};

use diag::did_you_mean;
use rayon::prelude::*;
use rnix::{SyntaxKind, WalkEvent};
use rowan::ast::AstNode;

use crate::check::File;
use crate::config::{Config, Level};
use crate::facts::OptionFacts;
use crate::finding::{Finding, Place};
use crate::module::Facts;
use crate::registry::RULES;
use crate::rule::{Check, Rule};
use crate::rules::{self, Piece};
use crate::scope::Scopes;
use crate::suppress::{self, Problem, Suppression, line_of};
use crate::tree::{Tree, TreeFile, TreeReport};

/// The kinds of syntax, all below this number.
const KINDS: usize = SyntaxKind::NODE_WITH as usize + 1;

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The findings, sorted by file and place.
    pub findings: Vec<Finding>,
    /// The exceptions that silenced nothing although their rule ran, by number.
    pub unused_exceptions: Vec<usize>,
    /// How many findings comments and exceptions silenced.
    pub silenced: usize,
}

/// Which rules look at what.
struct Plan {
    levels: Vec<Level>,
    /// By kind of node.
    nodes: Vec<Vec<usize>>,
    scopes: Vec<usize>,
    modules: Vec<usize>,
    trees: Vec<usize>,
}

impl Plan {
    fn new(config: &Config) -> Self {
        let levels: Vec<Level> = RULES.iter().map(|rule| config.level(rule)).collect();
        let mut plan = Self {
            nodes: vec![Vec::new(); KINDS],
            scopes: Vec::new(),
            modules: Vec::new(),
            trees: Vec::new(),
            levels,
        };
        for (number, rule) in RULES.iter().enumerate() {
            if plan.levels[number] == Level::Off {
                continue;
            }
            match rule.check {
                Check::Nodes(kinds, _) => {
                    for kind in kinds {
                        plan.nodes[*kind as usize].push(number);
                    }
                }
                Check::NodesAndTree(kinds, ..) => {
                    for kind in kinds {
                        plan.nodes[*kind as usize].push(number);
                    }
                    plan.trees.push(number);
                }
                Check::Scopes(_) => plan.scopes.push(number),
                Check::Modules(_) => plan.modules.push(number),
                Check::Tree(_) => plan.trees.push(number),
                Check::Driver => {}
            }
        }
        plan
    }

    fn level(&self, rule: &Rule) -> Level {
        let number = RULES.iter().position(|it| it.name() == rule.name());
        number.map_or(Level::Off, |number| self.levels[number])
    }
}

/// A file after its walk.
struct Checked {
    found: Vec<Finding>,
    facts: Facts,
    pieces: Vec<Piece>,
    suppressions: Vec<Suppression>,
}

/// Checks files, given by path with `/` between the parts.
///
/// Rules about whole trees look at the files of a flake together: those below the same nearest
/// folder with a `flake.nix`.
pub fn lint_tree(
    files: &BTreeMap<String, String>,
    config: &Config,
    options: &dyn OptionFacts,
) -> Report {
    let plan = Plan::new(config);
    let list: Vec<(&String, &String)> = files.iter().collect();
    let mut checked: Vec<Checked> = list
        .par_iter()
        .map(|(path, text)| check_file(path, text, &plan))
        .collect();
    let mut found = check_trees(&list, &checked, &plan, options);
    for file in &mut checked {
        found.append(&mut file.found);
    }
    found.sort_by(|a, b| key(a).cmp(&key(b)));
    found.dedup_by(|a, b| key(a) == key(b));
    let mut used_exceptions: BTreeSet<usize> = BTreeSet::new();
    let before = found.len();
    found.retain(|finding| {
        let exceptions = config.exceptions.iter().enumerate();
        let covering: Vec<usize> = exceptions
            .filter(|(_, it)| it.covers(finding.rule.name(), &finding.place.path))
            .map(|(number, _)| number)
            .collect();
        used_exceptions.extend(&covering);
        covering.is_empty()
    });
    let mut silenced = before - found.len();
    let mut findings = Vec::with_capacity(found.len());
    let mut rest = found.into_iter().peekable();
    for ((path, text), file) in list.iter().zip(&checked) {
        let mut own = Vec::new();
        while let Some(finding) = rest.next_if(|it| it.place.path == **path) {
            own.push(finding);
        }
        let mut kept = silence(own, path, text, &file.suppressions, &plan, &mut silenced);
        findings.append(&mut kept);
    }
    findings.sort_by(|a, b| key(a).cmp(&key(b)));
    let runs = |name: &str| match crate::registry::rule(crate::config::bare(name)) {
        Some(rule) => plan.level(rule) != Level::Off,
        None => name == "*" && config.is_whole(),
    };
    let unused_exceptions = (0..config.exceptions.len())
        .filter(|number| !used_exceptions.contains(number))
        .filter(|number| runs(&config.exceptions[*number].rule))
        .collect();
    Report {
        findings,
        unused_exceptions,
        silenced,
    }
}

fn key(finding: &Finding) -> (&str, usize, usize, &str, &str) {
    let Place { path, range } = &finding.place;
    (
        path,
        range.start,
        range.end,
        finding.rule.name(),
        &finding.message,
    )
}

fn check_file(path: &str, text: &str, plan: &Plan) -> Checked {
    let root = match nix::syntax(text) {
        Ok(root) => root,
        Err(problems) => return broken(path, problems, plan),
    };
    if let Some(at) = text.find('\0') {
        let problem = nix::ParseProblem {
            start: at,
            end: at + 1,
            message: "a NUL character cannot stand in Nix text".to_owned(),
        };
        return broken(path, vec![problem], plan);
    }
    let root = root.syntax();
    let has_suppressions = suppress::may_have(text);
    let mut file = File {
        path,
        text,
        rule: RULES[0],
        level: Level::Off,
        found: Vec::new(),
        at: None,
        has_suppressions,
    };
    let mut scopes = Scopes::new(text);
    let mut facts = Facts::default();
    let wants_facts = !plan.modules.is_empty() || !plan.trees.is_empty();
    for event in root.preorder() {
        match event {
            WalkEvent::Enter(node) => {
                scopes.enter(&node);
                if wants_facts {
                    facts.enter(&node, text);
                }
                let rules = &plan.nodes[node.kind() as usize];
                if rules.is_empty() {
                    continue;
                }
                file.at = Some(node.clone());
                for number in rules {
                    file.rule = RULES[*number];
                    file.level = plan.levels[*number];
                    if let Check::Nodes(_, check) | Check::NodesAndTree(_, check, _) =
                        file.rule.check
                    {
                        check(&node, &mut file);
                    }
                }
            }
            WalkEvent::Leave(node) => {
                let Some(scope) = scopes.leave(&node) else {
                    continue;
                };
                file.at = Some(node.clone());
                for number in &plan.scopes {
                    file.rule = RULES[*number];
                    file.level = plan.levels[*number];
                    if let Check::Scopes(check) = file.rule.check {
                        check(&scope, &node, &mut file);
                    }
                }
            }
        }
    }
    file.at = None;
    for module in &facts.modules {
        for number in &plan.modules {
            file.rule = RULES[*number];
            file.level = plan.levels[*number];
            if let Check::Modules(check) = file.rule.check {
                check(module, &mut file);
            }
        }
    }
    let pieces = if plan.level(&rules::DUPLICATE_CODE) == Level::Off {
        Vec::new()
    } else {
        rules::pieces(root, text)
    };
    Checked {
        found: file.found,
        facts,
        pieces,
        suppressions: if has_suppressions {
            suppress::suppressions(root, text)
        } else {
            Vec::new()
        },
    }
}

/// A file that is no Nix: nothing else is said about it.
fn broken(path: &str, problems: Vec<nix::ParseProblem>, plan: &Plan) -> Checked {
    let rule = &rules::SYNTAX_ERROR;
    let level = plan.level(rule);
    // What follows the first problem is often a consequence of it.
    let first = problems.into_iter().next().filter(|_| level != Level::Off);
    let found = first.map(|problem| Finding {
        rule,
        level,
        place: Place {
            path: path.to_owned(),
            range: problem.start..problem.end,
        },
        message: problem.message,
        related: Vec::new(),
        help: None,
        fix: Vec::new(),
        anchor: None,
    });
    Checked {
        found: found.into_iter().collect(),
        facts: Facts::default(),
        pieces: Vec::new(),
        suppressions: Vec::new(),
    }
}

fn check_trees(
    list: &[(&String, &String)],
    checked: &[Checked],
    plan: &Plan,
    options: &dyn OptionFacts,
) -> Vec<Finding> {
    if plan.trees.is_empty() {
        return Vec::new();
    }
    let flakes: BTreeSet<&str> = list
        .iter()
        .filter_map(|(path, _)| path.strip_suffix("flake.nix"))
        .filter(|folder| folder.is_empty() || folder.ends_with('/'))
        .map(|folder| folder.trim_end_matches('/'))
        .collect();
    let mut groups: BTreeMap<Option<&str>, Vec<TreeFile<'_>>> = BTreeMap::new();
    for ((path, text), file) in list.iter().zip(checked) {
        groups
            .entry(flake_of(path, &flakes))
            .or_default()
            .push(TreeFile {
                path,
                text,
                facts: &file.facts,
                pieces: &file.pieces,
            });
    }
    let trees: Vec<Tree<'_>> = groups
        .into_values()
        .map(|files| Tree::new(files, options))
        .collect();
    let work: Vec<(&Tree<'_>, usize)> = trees
        .iter()
        .flat_map(|tree| plan.trees.iter().map(move |number| (tree, *number)))
        .collect();
    work.par_iter()
        .flat_map_iter(|(tree, number)| {
            let mut report = TreeReport {
                rule: RULES[*number],
                level: plan.levels[*number],
                tree,
                found: Vec::new(),
            };
            if let Check::Tree(check) | Check::NodesAndTree(_, _, check) = report.rule.check {
                check(tree, &mut report);
            }
            report.found
        })
        .collect()
}

/// The nearest folder around a file that has a flake.
fn flake_of<'a>(path: &'a str, flakes: &BTreeSet<&'a str>) -> Option<&'a str> {
    let mut folder = path;
    loop {
        folder = match folder.rsplit_once('/') {
            Some((above, _)) => above,
            None if folder.is_empty() => return None,
            None => "",
        };
        if let Some(found) = flakes.get(folder) {
            return Some(found);
        }
    }
}

/// Takes out what comments silence, and adds what is wrong with the comments.
fn silence(
    found: Vec<Finding>,
    path: &str,
    text: &str,
    suppressions: &[Suppression],
    plan: &Plan,
    silenced: &mut usize,
) -> Vec<Finding> {
    if suppressions.is_empty() {
        return found;
    }
    let mut is_used = vec![false; suppressions.len()];
    let mut kept = Vec::new();
    for finding in found {
        let mut lines = vec![line_of(text, finding.place.range.start)];
        lines.extend(finding.anchor.map(|anchor| line_of(text, anchor)));
        let mut is_silenced = false;
        for (suppression, used) in suppressions.iter().zip(&mut is_used) {
            let fits = suppression.problem.is_none()
                && suppression.rule == finding.rule.name()
                && suppression.line.is_none_or(|line| lines.contains(&line));
            *used |= fits;
            is_silenced |= fits;
        }
        if is_silenced {
            *silenced += 1;
        } else {
            kept.push(finding);
        }
    }
    let rule = &rules::SUPPRESSION;
    let level = plan.level(rule);
    if level == Level::Off {
        return kept;
    }
    for (suppression, used) in suppressions.iter().zip(is_used) {
        let name = &suppression.rule;
        let runs = |name: &str| {
            crate::registry::rule(name).is_some_and(|rule| plan.level(rule) != Level::Off)
        };
        let (message, help) = match &suppression.problem {
            Some(Problem::NoReason) => (
                format!("`{name}` is silenced without a reason"),
                Some(format!("say why: `# gen-lint: allow {name}: REASON`")),
            ),
            Some(Problem::UnknownRule) => {
                let names: Vec<&str> = RULES.iter().map(|rule| rule.name()).collect();
                (
                    format!("there is no rule `{name}` to silence"),
                    did_you_mean(name, &names),
                )
            }
            Some(Problem::BadForm) => (
                "the comment is not understood".to_owned(),
                Some("write `# gen-lint: allow RULE: REASON`, or `allow-file`".to_owned()),
            ),
            None if !used && runs(name) => (
                format!("`{name}` finds nothing here that the comment could silence"),
                Some("remove the comment".to_owned()),
            ),
            None => continue,
        };
        kept.push(Finding {
            rule,
            level,
            place: Place {
                path: path.to_owned(),
                range: suppression.range.clone(),
            },
            message,
            related: Vec::new(),
            help,
            fix: Vec::new(),
            anchor: None,
        });
    }
    kept
}
