//! A tree of files: what each holds, and which modules a host imports.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::config::Level;
use crate::facts::{Context, OptionFacts};
use crate::finding::{Finding, Place};
use crate::module::{Facts, Host, Import, Module};
use crate::rule::Rule;

/// A file of a tree.
pub(crate) struct TreeFile<'a> {
    /// Its path.
    pub(crate) path: &'a str,
    /// Its text.
    pub(crate) text: &'a str,
    /// What was read off.
    pub(crate) facts: &'a Facts,
    /// The pieces of code that could be copies.
    pub(crate) pieces: &'a [crate::rules::Piece],
}

/// The files below one flake, or all files that are below none.
pub(crate) struct Tree<'a> {
    /// The files, sorted by path.
    pub(crate) files: Vec<TreeFile<'a>>,
    /// What is known from outside.
    pub(crate) options: &'a dyn OptionFacts,
    numbers: BTreeMap<&'a str, usize>,
    /// Which files are modules.
    is_module: Vec<bool>,
}

/// A module and its file.
#[derive(Clone, Copy)]
pub(crate) struct ModuleAt<'a> {
    /// The number of the file.
    pub(crate) file: usize,
    /// The module.
    pub(crate) module: &'a Module,
}

/// A host with all modules that are known to be part of it.
pub(crate) struct HostModules<'a> {
    /// The call.
    pub(crate) host: &'a Host,
    /// Its modules.
    pub(crate) modules: Vec<ModuleAt<'a>>,
}

impl<'a> Tree<'a> {
    pub(crate) fn new(files: Vec<TreeFile<'a>>, options: &'a dyn OptionFacts) -> Self {
        let numbers = files
            .iter()
            .enumerate()
            .map(|(number, file)| (file.path, number))
            .collect();
        let mut tree = Self {
            is_module: vec![false; files.len()],
            files,
            options,
            numbers,
        };
        tree.find_modules();
        tree
    }

    /// Marks the files that are modules: by what they bind, or because a module or a host imports them.
    fn find_modules(&mut self) {
        let mut pending = Vec::new();
        for (number, file) in self.files.iter().enumerate() {
            for host in &file.facts.hosts {
                pending.extend(self.imported(number, &host.imports));
            }
            for module in &file.facts.modules {
                if module.is_root && module.is_certain {
                    pending.push(number);
                } else if !module.is_root {
                    pending.extend(self.imported(number, &module.imports));
                }
            }
        }
        while let Some(number) = pending.pop() {
            if self.is_module[number] {
                continue;
            }
            self.is_module[number] = true;
            for module in self.files[number]
                .facts
                .modules
                .iter()
                .filter(|it| it.is_root)
            {
                pending.extend(self.imported(number, &module.imports));
            }
        }
    }

    fn imported(&self, file: usize, imports: &[Import]) -> Vec<usize> {
        imports
            .iter()
            .filter_map(|import| self.resolve(file, &import.path))
            .collect()
    }

    /// Every module of every file.
    pub(crate) fn modules(&self) -> impl Iterator<Item = ModuleAt<'a>> {
        let files = self.files.iter().zip(&self.is_module).enumerate();
        files.flat_map(|(file, (it, is_module))| {
            it.facts
                .modules
                .iter()
                .filter(move |module| !module.is_root || *is_module)
                .map(move |module| ModuleAt { file, module })
        })
    }

    /// The hosts of the tree, each with its modules: those that stand in the call, and the files that
    /// they import by relative paths, which count only if they are imported without a condition.
    pub(crate) fn hosts(&self) -> Vec<HostModules<'a>> {
        let mut hosts = Vec::new();
        for (number, file) in self.files.iter().enumerate() {
            for host in &file.facts.hosts {
                hosts.push(self.host(number, host));
            }
        }
        hosts
    }

    fn host(&self, file: usize, host: &'a Host) -> HostModules<'a> {
        let mut modules: Vec<ModuleAt<'a>> = Vec::new();
        let mut seen = BTreeSet::new();
        // In the order of the imports, so that the first of several definitions is the first.
        let mut pending = self.resolve_all(file, &host.imports);
        pending.reverse();
        for module in &self.files[file].facts.modules {
            let is_inside =
                host.range.start <= module.range.start && module.range.end <= host.range.end;
            if is_inside && !is_home(module) {
                modules.push(ModuleAt { file, module });
                pending.extend(self.resolve_all(file, &module.imports));
            }
        }
        while let Some(number) = pending.pop() {
            if !seen.insert(number) {
                continue;
            }
            for module in self.files[number]
                .facts
                .modules
                .iter()
                .filter(|it| it.is_root)
            {
                modules.push(ModuleAt {
                    file: number,
                    module,
                });
                let imported = self.resolve_all(number, &module.imports);
                pending.extend(imported.into_iter().rev());
            }
        }
        HostModules { host, modules }
    }

    fn resolve_all(&self, file: usize, imports: &[Import]) -> Vec<usize> {
        imports
            .iter()
            .filter(|import| !import.conditional)
            .filter_map(|import| self.resolve(file, &import.path))
            .collect()
    }

    /// The file that a relative path in a file names.
    pub(crate) fn resolve(&self, file: usize, path: &str) -> Option<usize> {
        let folder = self.files[file]
            .path
            .rsplit_once('/')
            .map_or("", |(it, _)| it);
        let target = join(folder, path);
        let in_folder = if target.is_empty() {
            "default.nix".to_owned()
        } else {
            format!("{target}/default.nix")
        };
        [target, in_folder]
            .iter()
            .find_map(|path| self.numbers.get(path.as_str()).copied())
    }

    /// The place of a range of a file.
    pub(crate) fn place(&self, file: usize, range: Range<usize>) -> Place {
        Place {
            path: self.files[file].path.to_owned(),
            range,
        }
    }
}

fn is_home(module: &Module) -> bool {
    module.context == Some(Context::Home)
}

/// A relative path below a folder, without `.` and `..` where they can be taken out.
fn join(folder: &str, path: &str) -> String {
    let is_absolute = folder.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    if is_absolute {
        format!("/{joined}")
    } else {
        joined
    }
}

/// Findings about a tree.
pub(crate) struct TreeReport<'a> {
    pub(crate) rule: &'static Rule,
    pub(crate) level: Level,
    pub(crate) tree: &'a Tree<'a>,
    pub(crate) found: Vec<Finding>,
}

impl TreeReport<'_> {
    /// Reports a finding in a file.
    pub(crate) fn report(
        &mut self,
        file: usize,
        range: Range<usize>,
        message: impl Into<String>,
    ) -> &mut Finding {
        self.found.push(Finding {
            rule: self.rule,
            level: self.level,
            place: self.tree.place(file, range),
            message: message.into(),
            related: Vec::new(),
            help: None,
            fix: Vec::new(),
            anchor: None,
        });
        let last = self.found.len() - 1;
        &mut self.found[last]
    }
}

#[cfg(test)]
mod tests {
    use super::join;

    #[test]
    fn paths_are_joined() {
        let cases = [
            ("", "./a.nix", "a.nix"),
            ("hosts/a", "./hw.nix", "hosts/a/hw.nix"),
            ("hosts/a", "../../modules/x", "modules/x"),
            ("/srv/c", "../x", "/srv/x"),
            ("../c", "../../x", "../../x"),
            ("", "./.", ""),
        ];
        for (folder, path, expected) in cases {
            assert_eq!(join(folder, path), expected, "{folder} {path}");
        }
    }
}
