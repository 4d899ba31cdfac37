//! A builder over the real binary in a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A small fleet that uses nothing of the catalog.
pub const FLEET: &str = r#"version: 1
fleet:
  name: lab
  stateVersion: "25.11"
  system: x86_64-linux
  zones: [lan]
"#;

/// One host with one feature of the spec.
pub const HOSTS: &str = r"users:
  alice: { fullName: Alice Example, admin: true }
features:
  web.server:
    summary: Small web server
    options:
      port: { type: port, default: 8080, description: Port it listens on }
    ports: [{ option: port, zones: [lan] }]
    nixos:
      services.caddy: { enable: true, httpPort: !opt port }
templates:
  base:
    description: What every machine has
    features: { web: { server: { port: 8081 } } }
    settings: { time.timeZone: Europe/London }
hosts:
  one:
    description: First machine
    template: base
    hardware: { cpu: none, platform: lxc }
    network: { address: 10.0.0.1, zones: { lan: [eth0] } }
    users: { alice: [] }
    settings: { services.fwupd.enable: false }
";

/// A folder and what was run in it.
pub struct Project {
    dir: TempDir,
}

/// How a run went.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Project {
    /// An empty folder.
    pub fn empty() -> Self {
        Self {
            dir: tempfile::Builder::new()
                .prefix("gen-test")
                .tempdir()
                .unwrap(),
        }
    }

    /// A folder with a small fleet.
    pub fn new() -> Self {
        Self::empty()
            .file("spec/fleet.yaml", FLEET)
            .file("spec/hosts.yaml", HOSTS)
    }

    /// Writes a file.
    pub fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.write(path, content);
        self
    }

    /// Writes a file.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Reads a file.
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    /// A path in the folder.
    pub fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    /// The command, ready to run here with an environment that changes nothing.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gen"));
        command
            .args(args)
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        for name in [
            "NO_COLOR",
            "CLICOLOR",
            "CLICOLOR_FORCE",
            "COLUMNS",
            "GIT_DIR",
        ] {
            command.env_remove(name);
        }
        // A folder above the temporary ones may be a work tree.
        command.env("GIT_CEILING_DIRECTORIES", self.dir.path().parent().unwrap());
        command
    }

    /// Runs the command.
    pub fn run(&self, args: &[&str]) -> Run {
        finish(self.command(args))
    }

    /// Runs the command, which must be clean.
    pub fn clean(&self, args: &[&str]) -> Run {
        let run = self.run(args);
        assert_eq!(run.code, 0, "{args:?}: {run:#?}");
        run
    }

    /// Every file below a folder with its content and time of change.
    pub fn state(&self, folder: &str) -> Vec<(PathBuf, Vec<u8>, std::time::SystemTime)> {
        let mut files = Vec::new();
        collect(&self.path(folder), &mut files);
        files.sort();
        files
    }
}

fn collect(folder: &Path, files: &mut Vec<(PathBuf, Vec<u8>, std::time::SystemTime)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), files);
        } else {
            let time = entry.metadata().unwrap().modified().unwrap();
            files.push((entry.path(), fs::read(entry.path()).unwrap(), time));
        }
    }
}

/// Runs a command to its end.
pub fn finish(mut command: Command) -> Run {
    let output = command.output().unwrap();
    Run {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit {}", self.code)?;
        for (name, text) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !text.is_empty() {
                write!(f, "\n--- {name} ---\n{}", text.trim_end())?;
            }
        }
        Ok(())
    }
}
