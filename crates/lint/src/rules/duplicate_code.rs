//! `duplicate-code`: pieces of sets that stand in several files.
//!
//! Entries of sets are hashed without white space and comments, from the leaves up. A piece is the
//! shortest run of entries of one set that is long enough to matter; pieces with equal hashes in
//! different files are copies, and runs of copies that follow one another are one finding.

use std::hash::Hasher;
use std::ops::Range;

use diag::Code;
use rnix::{SyntaxKind, SyntaxNode};
use rowan::{GreenNodeData, NodeOrToken};

use crate::config::Level;
use crate::hash::{Quick, QuickMap};
use crate::rule::{Check, Docs, Rule};
use crate::syntax::count_lines;
use crate::tree::{Tree, TreeReport};

/// The least number of tokens of a copy.
const TOKENS: u32 = 60;
/// The least number of lines of a copy.
const LINES: usize = 10;

pub(crate) static RULE: Rule = Rule {
    code: Code {
        name: "lint/duplicate-code",
        summary: "the same settings in several files",
        explanation: "Of two copies one is forgotten when the other is changed. Put what is common into a module that both \
                      import, with options for what differs.",
    },
    level: Level::Warning,
    docs: Docs {
        what: "Finds runs of attributes, ten lines and sixty tokens and more, that stand word for word in two files of a \
               flake, whatever their layout and comments. Files that tools wrote, by their first lines, are left alone.",
        bad: concat!(
            "#- one.nix\n{\n  services.openssh = {\n    enable = true;\n    openFirewall = false;\n    settings = {\n      PasswordAuthentication = false;\n      PermitRootLogin = \"no\";\n      X11Forwarding = false;\n      AllowTcpForwarding = false;\n      ClientAliveInterval = 60;\n      MaxAuthTries = 3;\n      KexAlgorithms = [ \"curve25519-sha256\" \"sntrup761x25519-sha512\" ];\n      Ciphers = [ \"chacha20-poly1305\" \"aes256-gcm\" \"aes128-gcm\" ];\n      Macs = [ \"hmac-sha2-512-etm\" \"hmac-sha2-256-etm\" ];\n    };\n  };\n}\n",
            "#- two.nix\n{\n  services.openssh = {\n    enable = true;\n    openFirewall = false;\n    settings = {\n      PasswordAuthentication = false;\n      PermitRootLogin = \"no\";\n      X11Forwarding = false;\n      AllowTcpForwarding = false;\n      ClientAliveInterval = 60;\n      MaxAuthTries = 3;\n      KexAlgorithms = [ \"curve25519-sha256\" \"sntrup761x25519-sha512\" ];\n      Ciphers = [ \"chacha20-poly1305\" \"aes256-gcm\" \"aes128-gcm\" ];\n      Macs = [ \"hmac-sha2-512-etm\" \"hmac-sha2-256-etm\" ];\n    };\n  };\n}\n"
        ),
        good: "#- one.nix\n{ imports = [ ./openssh.nix ]; }\n#- two.nix\n{ imports = [ ./openssh.nix ]; }\n",
        reason: "the two machines are to change independently",
    },
    fixes: false,
    check: Check::Tree(check),
};

/// A run of entries of one set.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    hash: u64,
    range: Range<u32>,
}

/// The pieces of a file.
pub(crate) fn pieces(root: &SyntaxNode, text: &str) -> Vec<Piece> {
    if text.len() < 200 || is_made_by_a_tool(text) {
        return Vec::new();
    }
    let mut reader = Reader {
        text,
        pieces: Vec::new(),
    };
    reader.node(root.green(), 0);
    reader.pieces
}

/// Whether the first lines say that a tool wrote the file.
fn is_made_by_a_tool(text: &str) -> bool {
    let head: String = text
        .lines()
        .take(5)
        .collect::<Vec<_>>()
        .join(" ")
        .to_lowercase();
    ["generated", "do not modify", "do not edit"]
        .iter()
        .any(|mark| head.contains(mark))
}

struct Reader<'a> {
    text: &'a str,
    pieces: Vec<Piece>,
}

/// An entry of a set.
struct Entry {
    hash: u64,
    tokens: u32,
    range: Range<u32>,
}

impl Reader<'_> {
    /// The hash of a node and the number of its tokens, without white space and comments. The depth is
    /// bounded by the parser's caller.
    fn node(&mut self, node: &GreenNodeData, start: u32) -> (u64, u32) {
        let kind = node.kind().0;
        let is_set = kind == SyntaxKind::NODE_ATTR_SET as u16;
        let mut entries: Vec<Entry> = Vec::new();
        let mut hasher = Quick::default();
        hasher.write_u64(u64::from(kind));
        let mut tokens = 0;
        let mut at = start;
        for child in node.children() {
            let len = u32::from(child.text_len());
            match child {
                NodeOrToken::Token(token) => {
                    let kind = token.kind().0;
                    let is_blank = kind == SyntaxKind::TOKEN_WHITESPACE as u16
                        || kind == SyntaxKind::TOKEN_COMMENT as u16;
                    if !is_blank {
                        hasher.write(token.text().as_bytes());
                        tokens += 1;
                    }
                }
                NodeOrToken::Node(child) => {
                    let (hash, count) = self.node(child, at);
                    hasher.write_u64(hash);
                    tokens += count;
                    if is_set {
                        entries.push(Entry {
                            hash,
                            tokens: count,
                            range: at..at + len,
                        });
                    }
                }
            }
            at += len;
        }
        if is_set && tokens >= TOKENS {
            self.set(&entries);
        }
        (hasher.finish(), tokens)
    }

    /// The shortest long enough run that starts at each entry.
    fn set(&mut self, entries: &[Entry]) {
        for first in 0..entries.len() {
            let mut tokens = 0;
            let mut hasher = Quick::default();
            for entry in &entries[first..] {
                hasher.write_u64(entry.hash);
                tokens += entry.tokens;
                if tokens < TOKENS {
                    continue;
                }
                let range = entries[first].range.start..entry.range.end;
                let lines = count_lines(&self.text[range.start as usize..range.end as usize]);
                if lines >= LINES {
                    self.pieces.push(Piece {
                        hash: hasher.finish(),
                        range,
                    });
                    break;
                }
            }
        }
    }
}

fn check(tree: &Tree<'_>, report: &mut TreeReport<'_>) {
    // Hash → the first file with it, and where.
    let mut first: QuickMap<u64, (usize, usize)> = QuickMap::default();
    for (number, file) in tree.files.iter().enumerate() {
        let mut copies: Vec<(Range<u32>, usize, Range<u32>)> = Vec::new();
        for (index, piece) in file.pieces.iter().enumerate() {
            let (other, place) = *first.entry(piece.hash).or_insert((number, index));
            if other != number {
                let original = tree.files[other].pieces[place].range.clone();
                copies.push((piece.range.clone(), other, original));
            }
        }
        copies.sort_by_key(|(range, other, _)| (*other, range.start, std::cmp::Reverse(range.end)));
        let mut merged: Vec<(Range<u32>, usize, Range<u32>)> = Vec::new();
        for (range, other, original) in copies {
            match merged.last_mut() {
                Some((last, file, source)) if *file == other && range.start < last.end => {
                    if range.end > last.end {
                        last.end = range.end;
                        source.end = source.end.max(original.end);
                    }
                }
                _ => merged.push((range, other, original)),
            }
        }
        // Of copies of several files that overlap, the longest.
        merged.sort_by_key(|(range, ..)| std::cmp::Reverse(range.len()));
        let mut told: Vec<Range<u32>> = Vec::new();
        for (range, other, original) in merged {
            if told
                .iter()
                .any(|it| range.start < it.end && it.start < range.end)
            {
                continue;
            }
            told.push(range.clone());
            let bytes = |range: &Range<u32>| range.start as usize..range.end as usize;
            let own = bytes(&range);
            let text = &file.text[own.clone()];
            let lines = count_lines(text);
            let head = text.lines().next().map_or(0, str::len);
            let source = bytes(&original);
            let source_head = tree.files[other].text[source.clone()]
                .lines()
                .next()
                .map_or(0, str::len);
            let place = tree.place(other, source.start..source.start + source_head);
            let message = format!(
                "{lines} lines that stand in `{}` too",
                tree.files[other].path
            );
            report
                .report(number, own.start..own.start + head, message)
                .related(place, "the same lines start here")
                .help("put them into a module that both import");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::testing::check;

    fn settings(from: usize, to: usize) -> String {
        let lines: Vec<String> = (from..to)
            .map(|n| format!("  a{n} = [ b c {n} ];\n"))
            .collect();
        lines.concat()
    }

    #[test]
    fn cases() {
        let marked = |text: String| text.replacen("  a", "  «a", 1).replacen(";\n", ";»\n", 1);
        let cases = [
            format!(
                "#- a.nix\n{{\n{}}}\n#- b.nix\n{{\n{}}}\n",
                settings(0, 20),
                marked(settings(0, 20))
            ),
            format!(
                "#- a.nix\n{{\n{}}}\n#- b.nix\n{{ x = 1; y = {{\n{}}}; }}\n",
                settings(0, 20),
                marked(settings(5, 20))
            ),
            format!(
                "#- a.nix\n{{\n{}}}\n#- b.nix\n{{\n{}}}\n",
                settings(0, 20),
                settings(30, 50)
            ),
            format!(
                "#- a.nix\n{{\n{}}}\n#- b.nix\n{{\n{}}}\n",
                settings(0, 5),
                settings(0, 5)
            ),
            format!(
                "#- a.nix\n# This file is generated.\n{{\n{}}}\n#- b.nix\n{{\n{}}}\n",
                settings(0, 20),
                settings(0, 20)
            ),
        ];
        check(&RULE, &cases.each_ref().map(String::as_str));
    }
}
