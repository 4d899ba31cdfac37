//! The one table of diagnostic codes. A code never changes its meaning; a retired one is not reused.

/// A kind of finding.
#[derive(Clone, Copy, Debug)]
pub struct Code {
    /// Its stable name, as printed in brackets.
    pub name: &'static str,
    /// One line: what is wrong.
    pub summary: &'static str,
    /// Why it matters and what to do, in Markdown.
    pub explanation: &'static str,
}

/// Looks a code up.
pub fn code(name: &str) -> Option<&'static Code> {
    REGISTRY.iter().find(|c| c.name == name)
}

macro_rules! codes {
    ($($name:literal: $summary:literal, $explanation:literal;)*) => {
        /// Every code, sorted by name.
        pub const REGISTRY: &[Code] = &[
            $(Code { name: $name, summary: $summary, explanation: $explanation },)*
        ];
    };
}

codes! {
    "internal-error": "gen itself made a mistake", "The spec was found sound, but the output could not be made from it. This is a bug; please report it with the spec that shows it.";
    "output-edited": "a generated file was changed by hand", "The file differs both from what was last written and from what is to be written. It is kept, and by default nothing else is written either, so that the output stays one piece. Move the change to the spec (a setting, or a hand-written module under `modules:`), take the file over with `gen eject`, or discard the change with `gen --overwrite FILE`.";
    "output-manifest": "the manifest cannot be used", "`.gen/manifest.json` says which files belong to gen. Without it nothing can be written or removed safely. After a merge conflict take either side and run gen, which writes it anew. If it is lost, delete it: files that are just as gen writes them become its own again, all others are kept and reported.";
    "output-missing": "a generated file was deleted by hand", "The spec still asks for the file, so it is written again. To do without it, take what it comes from out of the spec.";
    "output-obstructed": "something else is where a generated file belongs", "A file is where a folder is needed, a folder is where a file is needed, or a device, pipe or socket is there. Nothing is written until it is moved.";
    "output-orphan-edited": "a file that is no longer generated was changed by hand", "The spec no longer asks for the file, but it is not as it was written, so it is kept. Move it out of the output folder, take it over with `gen eject`, or delete it.";
    "output-overwrite-unmatched": "`--overwrite` names no generated file", "The path names neither a file that gen generates or owns nor a folder with one. Give the path as messages print it.";
    "output-path": "a generated file cannot have its path", "Two files would be the same where case does not count, or a name holds what a path must not. Rename what the file comes from: an asset, host, user or feature.";
    "output-read-only": "a generated file is to change but is read-only", "Its owner may not write it, which is taken as a wish to keep it. Nothing is written until it is writable.";
    "output-stale": "the output is not what the spec gives", "`gen check` compares the output folder with what the spec gives now. Run `gen` to write it; `gen diff` shows what changes.";
    "output-symlink": "a symbolic link is in the output folder", "A generated file, or a folder above one, is a symbolic link. It could lead anywhere, so it is never followed, and nothing is written until it is replaced.";
    "output-unowned": "a file that gen did not write is in the way", "A file is to be written where another one already is, with other content and not in the manifest. It is kept, and by default nothing else is written either. Move it elsewhere or replace it with `gen --overwrite FILE`.";
    "spec-empty": "the spec folder holds no YAML file", "There is nothing to generate from. `gen init` starts a small fleet.";
    "spec-encoding": "a file of the spec is not UTF-8", "YAML is read as UTF-8, and so are the names of files. Save or rename the file.";
    "spec-missing": "there is no spec folder", "The folder that is named by `--spec`, or `spec` in the working folder, is not there. `gen init` starts a small fleet; `-C DIR` goes to another folder first.";
    "spec-special-file": "a device, pipe or socket is in the spec folder", "It is never opened, since that could block. Move it out of the spec folder.";
    "spec-symlink": "a symbolic link in the spec folder leads nowhere or out of it", "The same spec must give the same output on any machine, so only links to files inside the folder are followed. Copy the file into the spec folder.";
    "spec-too-large": "a file in the spec folder is too large", "A YAML file may have 16 MiB, another file 64 MiB. Split it, or keep it out of the spec folder.";
    "spec-unreadable": "a file of the spec cannot be read", "The system refused to read the file or folder. Nothing that depends on it is checked until it can be read.";
    "yaml-syntax": "the file is not valid YAML", "The parser could not read the file. Everything after the place is not checked until it is mended.";
}

#[cfg(test)]
mod tests {
    use super::REGISTRY;

    #[test]
    fn names_are_sorted_and_kebab_case() {
        for pair in REGISTRY.windows(2) {
            assert!(pair[0].name < pair[1].name, "{} stands before {}", pair[0].name, pair[1].name);
        }
        for code in REGISTRY {
            assert!(code.name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", code.name);
            assert!(!code.summary.ends_with('.'), "{}", code.name);
            assert!(code.explanation.ends_with('.'), "{}", code.name);
        }
    }
}
