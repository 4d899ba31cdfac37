//! `gen graph`: Mermaid, DOT that Graphviz draws, and a page that a browser shows without complaint.

use std::fs;
use std::process::{Command, Stdio};

use insta::assert_snapshot;

use crate::support::Project;
use crate::tool;

const MORE: &str = r#"secrets:
  keys: { hosts: { one: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA one" } }
  items:
    token: { hosts: [one] }
hosts:
  two:
    description: Second machine with "quotes" & <marks>
    template: base
    hardware: { cpu: none, platform: lxc }
"#;

fn project() -> Project {
    Project::new()
        .file("spec/more.yaml", MORE)
        .file("generated/secrets/token.age", "")
}

#[test]
fn mermaid_and_dot() {
    let project = project();
    assert_snapshot!("graph_mermaid", project.clean(&["graph"]));
    let features = ["graph", "--what", "hosts,features,secrets", "--host", "one"];
    assert_snapshot!("graph_part", project.clean(&features));
    assert_snapshot!("graph_dot", project.clean(&["graph", "--as", "dot"]));
    assert_snapshot!("graph_unknown", project.run(&["graph", "--host", "tow"]));
    project.write("spec/more.yaml", "hosts: { two: { template: bse } }\n");
    assert_snapshot!("graph_broken", project.run(&["graph"]));
}

/// The zones that a host chose for a feature, in place of those of the feature.
#[test]
fn zones_of_open_ports() {
    let project = project();
    let facts = |spec: &str| {
        project.write("spec/fleet.yaml", spec);
        project.clean(&["graph", "--as", "html"]).stdout
    };
    let fleet = project.read("spec/fleet.yaml");
    let page = facts(&fleet);
    assert!(page.contains(r#"["open ports","8081 in lan"]"#), "{page}");
    let hosts = project.read("spec/hosts.yaml").replace(
        "zones: { lan: [eth0] } }",
        "zones: { lan: [eth0], vpn: [wg0], far: [wg1] }, open: { web.server: [vpn, far] } }",
    );
    project.write("spec/hosts.yaml", hosts);
    let page = facts(&fleet.replace("zones: [lan]", "zones: [lan, vpn, far]"));
    assert!(
        page.contains(r#"["open ports","8081 in far and vpn"]"#),
        "{page}"
    );
}

#[test]
fn graphviz_draws_it() {
    let Some(dot) = tool(&["dot"]) else { return };
    let project = project();
    for more in [
        &[][..],
        &["--what", "hosts,templates,users,features,secrets,network"],
    ] {
        let mut args = vec!["graph", "--as", "dot", "--output", "fleet.dot"];
        args.extend(more);
        project.clean(&args);
        let drawn = Command::new(&dot)
            .args(["-Tsvg", "fleet.dot"])
            .current_dir(project.path("."))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&drawn.stderr);
        assert!(drawn.status.success() && said.is_empty(), "{said}");
        let svg = String::from_utf8(drawn.stdout).unwrap();
        assert!(
            svg.contains("&lt;marks&gt;") && svg.contains(">two<"),
            "{svg}"
        );
    }
}

/// What a person does to the page, and what they see, as JSON in the document's title.
const VISIT: &str = r#"
<script>
const said = [];
addEventListener("error", (event) => said.push(String(event.message)));
console.error = console.warn = (...words) => said.push(words.join(" "));
</script>
"#;
const PERSON: &str = r##"
<script>
(async () => {
  const pause = () => new Promise((done) => setTimeout(done, 0));
  const visible = () => [...document.querySelectorAll("#board .chip")].filter((chip) => chip.checkVisibility()).map((chip) => chip.firstChild.textContent);
  const type = (text) => { search.value = text; search.dispatchEvent(new Event("input")); };
  const press = (key, on = document.body) => on.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  const seen = { all: visible() };
  press("/");
  seen.focused = document.activeElement.id;
  type("second mach");
  seen.found = visible();
  type("zzz");
  seen.nothing = [visible(), find("none").hidden];
  type("FIRST");
  press("Enter", search);
  await pause();
  seen.chosen = detail.querySelector("h2").textContent;
  seen.facts = [...detail.querySelectorAll("dt, dd")].map((part) => part.textContent);
  seen.hash = location.hash;
  type("");
  [...detail.querySelectorAll(".chip")].find((chip) => chip.textContent === "base").click();
  await pause();
  seen.clicked = [detail.querySelector(".badge").textContent, detail.querySelector("h2").textContent];
  seen.near = [...document.querySelectorAll("#board .near")].map((chip) => chip.firstChild.textContent);
  detail.querySelector("svg g").dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
  await pause();
  seen.drawn = detail.querySelector("h2").textContent;
  [...document.querySelectorAll("#kinds button")].find((button) => button.textContent.startsWith("Hosts")).click();
  seen.without = visible();
  press("Escape");
  await pause();
  seen.after = detail.querySelector("h2").textContent;
  seen.reachable = [...document.querySelectorAll("button, input")].every((element) => element.tabIndex === 0);
  seen.said = said;
  document.body.textContent = JSON.stringify(seen);
})().catch((error) => { document.body.textContent = `failed: ${error.stack}`; });
</script>
"##;

#[test]
fn a_browser_shows_it() {
    let Some(browser) = tool(&["chromium", "chromium-browser", "google-chrome"]) else {
        return;
    };
    let project = project();
    project.clean(&["graph", "--as", "html", "--output", "fleet.html"]);
    let page = project.read("fleet.html");
    assert!(!page.contains("<marks>"), "text of the spec became markup");
    let visited = page
        .replacen(
            "<script id=\"data\"",
            &format!("{VISIT}<script id=\"data\""),
            1,
        )
        .replacen("</body>", &format!("{PERSON}</body>"), 1);
    fs::write(project.path("visited.html"), visited).unwrap();
    let output = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
        ])
        .args([
            "--window-size=1400,900",
            "--virtual-time-budget=10000",
            "--dump-dom",
        ])
        .arg(format!(
            "--user-data-dir={}",
            project.path("profile").display()
        ))
        .arg(format!("file://{}", project.path("visited.html").display()))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let dom = String::from_utf8(output.stdout).unwrap();
    let (_, body) = dom
        .split_once("<body>")
        .unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let body = body.split_once("</body>").unwrap().0;
    let body = body
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
    let seen: serde_json::Value =
        serde_json::from_str(body.trim()).unwrap_or_else(|error| panic!("{error}: {body}"));
    assert_snapshot!(
        "graph_visited",
        serde_json::to_string_pretty(&seen).unwrap()
    );
    assert_eq!(seen["said"], serde_json::json!([]), "the page complains");
}
