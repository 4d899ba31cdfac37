//! Objects of a repository by their names, read through one process of git.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::Context as _;
use camino::Utf8Path;

/// So many are asked for at once: the names fit into a pipe, so that git can always answer.
const AT_ONCE: usize = 256;

/// Asks git for objects.
#[derive(Debug)]
pub(crate) struct Objects {
    process: Child,
    /// Taken when the process is to end.
    asked: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    /// How many were asked for.
    #[cfg(test)]
    read: usize,
}

/// An object.
#[derive(Debug, PartialEq)]
pub(crate) struct Object {
    /// Its name, in hexadecimal.
    pub(crate) id: String,
    /// `blob`, `tree`, `commit` or `tag`.
    pub(crate) kind: String,
    pub(crate) bytes: Vec<u8>,
}

impl Objects {
    /// Starts git in a folder of the repository.
    pub(crate) fn of(folder: &Utf8Path) -> anyhow::Result<Self> {
        let mut git = Command::new("git");
        git.arg("-C").arg(folder);
        Self::by(git)
    }

    /// Starts git as a command has it, before its arguments.
    pub(crate) fn by(mut git: Command) -> anyhow::Result<Self> {
        let mut process = git
            .args(["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot run `git`")?;
        let answers = process.stdout.take().context("git gives no answers")?;
        Ok(Self {
            asked: process.stdin.take(),
            answers: BufReader::new(answers),
            process,
            #[cfg(test)]
            read: 0,
        })
    }

    /// How many objects were asked for.
    #[cfg(test)]
    pub(crate) fn read_so_far(&self) -> usize {
        self.read
    }

    /// Objects by what git calls them, in order; nothing for those that are not there.
    pub(crate) fn read<N: AsRef<str>>(
        &mut self,
        names: &[N],
    ) -> anyhow::Result<Vec<Option<Object>>> {
        let mut found = Vec::with_capacity(names.len());
        for names in names.chunks(AT_ONCE) {
            let asked = self.asked.as_mut().context("git has ended")?;
            let mut text = String::new();
            for name in names {
                text.push_str(name.as_ref());
                text.push('\n');
            }
            asked.write_all(text.as_bytes())?;
            for _ in names {
                found.push(self.answer()?);
            }
        }
        Ok(found)
    }

    /// Contents by name, in order.
    pub(crate) fn contents(&mut self, ids: &[&str]) -> anyhow::Result<Vec<Vec<u8>>> {
        let found = self.read(ids)?.into_iter().zip(ids);
        let content = |(object, id): (Option<Object>, &&str)| {
            let object = object.with_context(|| format!("git does not have the content {id}"))?;
            Ok(object.bytes)
        };
        found.map(content).collect()
    }

    fn answer(&mut self) -> anyhow::Result<Option<Object>> {
        #[cfg(test)]
        {
            self.read += 1;
        }
        let mut head = String::new();
        self.answers.read_line(&mut head)?;
        anyhow::ensure!(head.ends_with('\n'), "git ended without an answer");
        // `ID KIND SIZE`, or the name as it was asked for and what is wrong with it.
        let words: Vec<&str> = head.trim_end().split(' ').collect();
        let [id, kind, size] = words.as_slice() else {
            return Ok(None);
        };
        let Ok(size) = size.parse::<usize>() else {
            return Ok(None);
        };
        let mut bytes = vec![0; size + 1];
        self.answers.read_exact(&mut bytes)?;
        bytes.pop();
        Ok(Some(Object {
            id: (*id).to_owned(),
            kind: (*kind).to_owned(),
            bytes,
        }))
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        drop(self.asked.take());
        let _ = self.process.wait();
    }
}
