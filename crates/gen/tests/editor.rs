//! The schema in an editor: the real YAML language server completes this fleet's names, shows what an
//! option is for, and underlines what is wrong.
//!
//! `YAML_LANGUAGE_SERVER` names it, otherwise it is looked for in the path (`npm install --global
//! yaml-language-server`). Without one the tests say that they were skipped, unless
//! `GEN_REQUIRE_TOOLS=1`. VS Code's extension and Neovim's configurations run this same server; its
//! settings are those that `gen init` writes.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test runs programs"
)]

use std::ffi::OsString;
use std::fs;
use std::io::{BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

/// Before a server that says nothing is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// A language server with one folder open.
struct Server {
    child: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    settings: Value,
    next: i64,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(program: &OsString, folder: &Path) -> Option<Self> {
        let mut child = Command::new(program)
            .arg("--stdio")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let to = child.stdin.take()?;
        let mut output = BufReader::new(child.stdout.take()?);
        let (sender, from) = channel();
        std::thread::spawn(move || {
            while let Some(message) = receive(&mut output) {
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let text = fs::read_to_string(folder.join(".vscode/settings.json")).unwrap();
        let flat: Value = serde_json::from_str(&text).unwrap();
        let settings = json!({
            "customTags": flat["yaml.customTags"],
            "completion": true, "hover": true, "validate": true,
            "schemaStore": { "enable": false },
        });
        let mut server = Server {
            child,
            to,
            from,
            settings,
            next: 0,
        };
        let root = uri(folder);
        server.request(
            "initialize",
            json!({
                "processId": null, "rootUri": root,
                "workspaceFolders": [{ "uri": root, "name": "fleet" }],
                "capabilities": {
                    "workspace": { "configuration": true, "workspaceFolders": true },
                    "textDocument": {
                        "hover": { "contentFormat": ["markdown"] },
                        "completion": { "completionItem": { "documentationFormat": ["markdown"] } },
                    },
                },
            }),
        );
        server.notify("initialized", json!({}));
        let settings = json!({ "settings": { "yaml": server.settings } });
        server.notify("workspace/didChangeConfiguration", settings);
        Some(server)
    }

    fn send(&mut self, message: &Value) {
        let text = message.to_string();
        write!(self.to, "Content-Length: {}\r\n\r\n{text}", text.len()).unwrap();
        self.to.flush().unwrap();
    }

    fn notify(&mut self, method: &str, params: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    fn request(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let id = self.next;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        let answer = self.until(|message| message["id"] == id && message.get("method").is_none());
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// The next message that is wanted; what the server asks meanwhile is answered.
    fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = self
                .from
                .recv_timeout(PATIENCE)
                .expect("the server is silent");
            if wanted(&message) {
                return message;
            }
            if let (Some(id), Some(method)) = (message.get("id"), message["method"].as_str()) {
                let result = match method {
                    "workspace/configuration" => {
                        let items = message["params"]["items"].as_array().unwrap();
                        items.iter().map(|item| self.section(item)).collect()
                    }
                    _ => Value::Null,
                };
                let answer = json!({ "jsonrpc": "2.0", "id": id, "result": result });
                self.send(&answer);
            }
        }
    }

    fn section(&self, item: &Value) -> Value {
        match item["section"].as_str() {
            Some("yaml") => self.settings.clone(),
            _ => json!({}),
        }
    }

    /// Opens a file with a text and gives what is underlined: text and message.
    fn open(&mut self, file: &Path, text: &str) -> Vec<(String, String)> {
        let file = uri(file);
        let document = json!({ "uri": file, "languageId": "yaml", "version": 1, "text": text });
        self.notify("textDocument/didOpen", json!({ "textDocument": document }));
        let message = self.until(|message| {
            message["method"] == "textDocument/publishDiagnostics"
                && message["params"]["uri"] == file.as_str()
        });
        let found = message["params"]["diagnostics"].as_array().unwrap();
        let lines: Vec<&str> = text.lines().collect();
        found
            .iter()
            .map(|finding| {
                let (start, end) = (&finding["range"]["start"], &finding["range"]["end"]);
                let index = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap();
                let line = lines[index(&start["line"])];
                let from = index(&start["character"]);
                let to = if start["line"] == end["line"] {
                    index(&end["character"])
                } else {
                    line.len()
                };
                let message = finding["message"].as_str().unwrap().to_owned();
                (line[from..to].to_owned(), message)
            })
            .collect()
    }

    fn close(&mut self, file: &Path) {
        let document = json!({ "uri": uri(file) });
        self.notify("textDocument/didClose", json!({ "textDocument": document }));
    }
}

fn receive(output: &mut impl std::io::BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("Content-Length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    output.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}

fn uri(path: &Path) -> String {
    format!("file://{}", path.display())
}

/// The text without the cursor `|`, and its place.
fn cursor(text: &str) -> (String, Value) {
    let at = text.find('|').expect("a cursor");
    let before = &text[..at];
    let line = before.matches('\n').count();
    let character = before.rsplit('\n').next().unwrap_or_default().len();
    let place = json!({ "line": line, "character": character });
    (text.replacen('|', "", 1), place)
}

/// A fleet as `gen init` starts it, and a server in it; none where there is no server.
fn fleet() -> Option<(tempfile::TempDir, Server)> {
    let folder = tempfile::tempdir().unwrap();
    let gen_ = Path::new(env!("CARGO_BIN_EXE_gen"));
    let done = Command::new(gen_)
        .arg("init")
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
    let program = std::env::var_os("YAML_LANGUAGE_SERVER");
    let program = program.unwrap_or_else(|| "yaml-language-server".into());
    let Some(server) = Server::start(&program, folder.path()) else {
        let required = std::env::var_os("GEN_REQUIRE_TOOLS").is_some_and(|value| value == "1");
        assert!(!required, "{} cannot run", program.display());
        eprintln!("SKIPPED: there is no YAML language server, so no editor was tried");
        return None;
    };
    Some((folder, server))
}

const MODELINE: &str = "# yaml-language-server: $schema=.schema.json\n";

#[test]
fn names_of_this_fleet_and_options_are_completed() {
    let Some((folder, mut server)) = fleet() else {
        return;
    };
    // Text with a cursor, what is offered among other things, what is not.
    let cases: &[(&str, &[&str], &[&str])] = &[
        (
            "hosts:\n  one:\n    template: |\n",
            &["base", "workstation"],
            &["developer"],
        ),
        (
            "hosts:\n  one:\n    users: { alice: [|] }\n",
            &["developer"],
            &["workstation"],
        ),
        (
            "hosts:\n  one:\n    hardware:\n      cpu: |\n",
            &["amd", "intel", "arm"],
            &[],
        ),
        (
            "hosts:\n  one:\n    hardware:\n      |\n",
            &["cpu", "gpu", "disks", "memory"],
            &["settings"],
        ),
        (
            "hosts:\n  one:\n    features:\n      |\n",
            &["ai", "desktop", "monitoring"],
            &["hosts"],
        ),
        (
            "hosts:\n  one:\n    features:\n      ai:\n        |\n",
            &["ollama", "litellm"],
            &["plasma"],
        ),
        (
            "hosts:\n  one:\n    features:\n      monitoring:\n        stack:\n          |\n",
            &["mode"],
            &["port"],
        ),
        (
            "hosts:\n  one:\n    features:\n      monitoring:\n        stack:\n          mode: |\n",
            &["client", "server"],
            &[],
        ),
        (
            "profiles:\n  mine:\n    features:\n      development: [|]\n",
            &["git", "rust"],
            &["steam"],
        ),
        (
            "|\n",
            &["hosts", "users", "microvms", "secrets"],
            &["features2"],
        ),
    ];
    for (index, (text, offered, not)) in cases.iter().enumerate() {
        let (text, mut place) = cursor(text);
        place["line"] = (place["line"].as_u64().unwrap() + 1).into();
        let file = folder.path().join(format!("spec/case-{index}.yaml"));
        server.open(&file, &format!("{MODELINE}{text}"));
        let params = json!({ "textDocument": { "uri": uri(&file) }, "position": place });
        let answer = server.request("textDocument/completion", params);
        let items = answer.get("items").unwrap_or(&answer).as_array().unwrap();
        let labels: Vec<&str> = items
            .iter()
            .filter_map(|item| item["label"].as_str())
            .collect();
        for label in *offered {
            assert!(labels.contains(label), "{text}: no `{label}` in {labels:?}");
        }
        for label in *not {
            assert!(!labels.contains(label), "{text}: `{label}` in {labels:?}");
        }
        server.close(&file);
    }
}

#[test]
fn hovers_say_what_keys_are_for() {
    let Some((folder, mut server)) = fleet() else {
        return;
    };
    let cases = [
        ("hosts:\n  one:\n    tem|plate: base\n", "template"),
        (
            "hosts:\n  one:\n    features: { ai: { oll|ama: true } }\n",
            "inference",
        ),
        (
            "hosts:\n  one:\n    features: { monitoring: { stack: { mo|de: server } } }\n",
            "Part that the host plays",
        ),
        (
            "disks:\n  one:\n    lay|out: ext4\n    device: /dev/sda\n",
            "how a disk is laid out",
        ),
    ];
    for (index, (text, expected)) in cases.into_iter().enumerate() {
        let (text, mut place) = cursor(text);
        place["line"] = (place["line"].as_u64().unwrap() + 1).into();
        let file = folder.path().join(format!("spec/case-{index}.yaml"));
        server.open(&file, &format!("{MODELINE}{text}"));
        let params = json!({ "textDocument": { "uri": uri(&file) }, "position": place });
        let answer = server.request("textDocument/hover", params);
        let shown = answer["contents"]["value"].as_str().unwrap_or_default();
        let (shown, expected) = (shown.to_lowercase(), expected.to_lowercase());
        assert!(shown.contains(&expected), "{text}: {answer}");
        server.close(&file);
    }
}

#[test]
fn what_is_wrong_is_underlined() {
    let Some((folder, mut server)) = fleet() else {
        return;
    };
    // Text, and what is underlined in it.
    let cases: &[(&str, &[&str])] = &[
        (
            "hosts:\n  one:\n    template: base\n    features: { ai: { ollama: { port: 11434 } } }\n",
            &[],
        ),
        ("hosts:\n  one:\n    template: laptopp\n", &["laptopp"]),
        ("hosts:\n  one:\n    tempalte: base\n", &["tempalte"]),
        (
            "hosts:\n  one:\n    features: { monitoring: { stack: { mode: sever } } }\n",
            &["sever"],
        ),
        (
            "hosts:\n  one:\n    features: { ai: { ollama: { prot: 1 } } }\n",
            &["prot"],
        ),
        ("hosts:\n  one:\n    stateVersion: 25.11\n", &["25.11"]),
        (
            "hosts:\n  one:\n    settings:\n      services.x: !nix pkgs.hello\n      y: !force { value: !pkg jq }\n      z: !if { when: !nix 1 == 1, then: a, else: b }\n",
            &[],
        ),
    ];
    for (index, (text, expected)) in cases.iter().enumerate() {
        let file = folder.path().join(format!("spec/case-{index}.yaml"));
        let found = server.open(&file, &format!("{MODELINE}{text}"));
        let underlined: Vec<&str> = found.iter().map(|(text, _)| text.as_str()).collect();
        assert_eq!(underlined, *expected, "{text}: {found:?}");
        server.close(&file);
    }
}
