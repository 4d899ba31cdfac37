//! The one builder of Grafana dashboards: panels with queries, laid out in rows.
//!
//! Written for schema version 42, which is the last of this format and the one that Grafana 12 and
//! 13 write themselves.

use serde_json::{Value, json};

/// Version of the format.
const SCHEMA_VERSION: u32 = 42;
/// Columns of Grafana's grid.
const COLUMNS: u32 = 24;

/// Steps of colour by value: the first without a bound, the others from their bound on.
pub(crate) type Steps = &'static [(Option<f64>, &'static str)];

/// Good up to 70 and bad from 90 percent, of ratios.
pub(crate) const USE: Steps = &[(None, "green"), (Some(0.7), "orange"), (Some(0.9), "red")];
/// Zero is good.
pub(crate) const NONE_IS_GOOD: Steps = &[(None, "green"), (Some(1.0), "red")];
/// Zero is good, anything else is worth a look.
pub(crate) const NONE_IS_BETTER: Steps = &[(None, "green"), (Some(1.0), "orange")];
/// A neutral colour.
pub(crate) const NEUTRAL: Steps = &[(None, "blue")];
/// One is good.
pub(crate) const ONE_IS_GOOD: Steps = &[(None, "red"), (Some(1.0), "green")];
/// Temperatures of processors.
pub(crate) const HEAT: Steps = &[(None, "green"), (Some(75.0), "orange"), (Some(90.0), "red")];

/// Units, by Grafana's names.
pub(crate) mod unit {
    /// Of 0 to 1.
    pub(crate) const RATIO: &str = "percentunit";
    /// Of 1024.
    pub(crate) const BYTES: &str = "bytes";
    /// Bytes a second.
    pub(crate) const BYTES_RATE: &str = "binBps";
    /// Bits a second.
    pub(crate) const BITS_RATE: &str = "bps";
    /// Seconds, written as the largest units that fit.
    pub(crate) const SECONDS: &str = "s";
    /// A count.
    pub(crate) const COUNT: &str = "short";
    /// Degrees.
    pub(crate) const CELSIUS: &str = "celsius";
    /// Power.
    pub(crate) const WATT: &str = "watt";
    /// Frequency.
    pub(crate) const HERTZ: &str = "hertz";
    /// Turns a minute.
    pub(crate) const RPM: &str = "rotrpm";
}

/// Where queries go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Prometheus,
    Loki,
}

impl Source {
    fn json(self) -> Value {
        let name = match self {
            Source::Prometheus => "prometheus",
            Source::Loki => "loki",
        };
        json!({ "type": name, "uid": name })
    }
}

/// What a panel looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    Stat,
    Series,
    Bars,
    Pie,
    Table,
    Logs,
}

/// A query and the name of its series, in which `{{label}}` is a label.
#[derive(Clone, Debug)]
struct Query {
    expr: String,
    legend: String,
}

/// A column of a table, with the query whose values it shows, or the label.
#[derive(Clone, Debug)]
struct Column {
    /// Name that Grafana gives it: a label, or `Value` and the query's letter.
    field: String,
    title: String,
    unit: Option<&'static str>,
    steps: Option<Steps>,
    link: Option<String>,
}

/// A panel.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    title: String,
    description: Option<&'static str>,
    look: Look,
    source: Source,
    queries: Vec<Query>,
    columns: Vec<Column>,
    unit: &'static str,
    steps: Steps,
    range: (Option<f64>, Option<f64>),
    words: &'static [(i64, &'static str)],
    is_stacked: bool,
    shows_label: bool,
    width: u32,
    height: u32,
}

impl Panel {
    fn new(look: Look, title: &str, width: u32, height: u32) -> Self {
        Panel {
            title: title.to_owned(),
            description: None,
            look,
            source: Source::Prometheus,
            queries: Vec::new(),
            columns: Vec::new(),
            unit: unit::COUNT,
            steps: NEUTRAL,
            range: (None, None),
            words: &[],
            is_stacked: false,
            shows_label: false,
            width,
            height,
        }
    }

    /// One number.
    pub(crate) fn stat(title: &str, expr: impl Into<String>) -> Self {
        Panel::new(Look::Stat, title, 4, 4).query(expr, "")
    }

    /// Lines over time, whose queries are added.
    pub(crate) fn series(title: &str) -> Self {
        Panel::new(Look::Series, title, 12, 8)
    }

    /// Horizontal bars of present values, largest first.
    pub(crate) fn bars(title: &str, expr: impl Into<String>, legend: &str) -> Self {
        let sorted = format!("sort_desc({})", expr.into());
        Panel::new(Look::Bars, title, 12, 8).query(sorted, legend)
    }

    /// Shares of present values.
    pub(crate) fn pie(title: &str, expr: impl Into<String>, legend: &str) -> Self {
        Panel::new(Look::Pie, title, 8, 8).query(expr, legend)
    }

    /// Present values by label; columns are added.
    pub(crate) fn table(title: &str) -> Self {
        Panel::new(Look::Table, title, 24, 9)
    }

    /// Lines over time that are counted from logs.
    pub(crate) fn log_series(title: &str) -> Self {
        let mut panel = Panel::series(title);
        panel.source = Source::Loki;
        panel
    }

    /// Lines of logs.
    pub(crate) fn logs(title: &str, expr: impl Into<String>) -> Self {
        let mut panel = Panel::new(Look::Logs, title, 24, 12).query(expr, "");
        panel.source = Source::Loki;
        panel
    }

    /// Adds a query.
    pub(crate) fn query(mut self, expr: impl Into<String>, legend: &str) -> Self {
        self.queries.push(Query {
            expr: expr.into(),
            legend: legend.to_owned(),
        });
        self
    }

    /// Adds a column of values, which are joined by the labels that the queries have.
    pub(crate) fn column(
        mut self,
        title: &str,
        unit: &'static str,
        steps: Option<Steps>,
        expr: impl Into<String>,
    ) -> Self {
        let field = format!("Value #{}", letter(self.queries.len()));
        self.columns.push(Column {
            field,
            title: title.to_owned(),
            unit: Some(unit),
            steps,
            link: None,
        });
        self.query(expr, "")
    }

    /// Adds a query for its labels alone; which of them are shown, `label` says.
    pub(crate) fn labels_of(self, expr: impl Into<String>) -> Self {
        self.query(expr, "")
    }

    /// Adds a column that shows a label.
    pub(crate) fn label(mut self, name: &str, title: &str) -> Self {
        self.columns.push(Column {
            field: name.to_owned(),
            title: title.to_owned(),
            unit: None,
            steps: None,
            link: None,
        });
        self
    }

    /// Makes the last column a link; `${__value.text}` stands for what it shows.
    pub(crate) fn link(mut self, url: impl Into<String>) -> Self {
        if let Some(column) = self.columns.last_mut() {
            column.link = Some(url.into());
        }
        self
    }

    /// What the numbers are.
    pub(crate) fn unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }

    /// Colours by value.
    pub(crate) fn steps(mut self, steps: Steps) -> Self {
        self.steps = steps;
        self
    }

    /// A ratio of 0 to 1, coloured as use.
    pub(crate) fn ratio(self) -> Self {
        self.unit(unit::RATIO).steps(USE).min(0.0).max(1.0)
    }

    /// The least value of the scale.
    pub(crate) fn min(mut self, min: f64) -> Self {
        self.range.0 = Some(min);
        self
    }

    /// The largest value of the scale.
    pub(crate) fn max(mut self, max: f64) -> Self {
        self.range.1 = Some(max);
        self
    }

    /// Words for numbers.
    pub(crate) fn words(mut self, words: &'static [(i64, &'static str)]) -> Self {
        self.words = words;
        self
    }

    /// Series on top of each other.
    pub(crate) fn stacked(mut self) -> Self {
        self.is_stacked = true;
        self
    }

    /// A number's legend instead of the number.
    pub(crate) fn legend(mut self, legend: &str) -> Self {
        self.shows_label = true;
        if let Some(query) = self.queries.last_mut() {
            legend.clone_into(&mut query.legend);
        }
        self
    }

    /// A note behind the panel's title.
    pub(crate) fn note(mut self, text: &'static str) -> Self {
        self.description = Some(text);
        self
    }

    /// Its size on the grid, of which a row has 24 columns.
    pub(crate) fn size(mut self, width: u32, height: u32) -> Self {
        self.width = width.min(COLUMNS);
        self.height = height;
        self
    }

    fn json(&self, id: u32, x: u32, y: u32) -> Value {
        let kind = match self.look {
            Look::Stat => "stat",
            Look::Series => "timeseries",
            Look::Bars => "bargauge",
            Look::Pie => "piechart",
            Look::Table => "table",
            Look::Logs => "logs",
        };
        let mut panel = json!({
            "id": id,
            "type": kind,
            "title": self.title,
            "datasource": self.source.json(),
            "gridPos": { "x": x, "y": y, "w": self.width, "h": self.height },
            "targets": self.targets(),
            "options": self.options(),
            "fieldConfig": { "defaults": self.defaults(), "overrides": self.overrides() },
        });
        if let Some(text) = self.description {
            panel["description"] = text.into();
        }
        if self.look == Look::Table {
            panel["transformations"] = self.transformations();
        }
        panel
    }

    fn targets(&self) -> Value {
        let is_instant = matches!(self.look, Look::Stat | Look::Bars | Look::Pie | Look::Table);
        self.queries
            .iter()
            .enumerate()
            .map(|(idx, query)| {
                let mut target = json!({
                    "refId": letter(idx),
                    "datasource": self.source.json(),
                    "expr": query.expr,
                });
                target["editorMode"] = "code".into();
                if self.source == Source::Loki {
                    target["queryType"] = "range".into();
                } else {
                    target["instant"] = is_instant.into();
                    target["range"] = (!is_instant).into();
                }
                if self.look == Look::Table {
                    target["format"] = "table".into();
                }
                if !query.legend.is_empty() {
                    target["legendFormat"] = query.legend.as_str().into();
                }
                target
            })
            .collect()
    }

    fn options(&self) -> Value {
        let reduce = json!({ "calcs": ["lastNotNull"], "fields": "", "values": false });
        match self.look {
            Look::Stat => json!({
                "colorMode": "value",
                "graphMode": "none",
                "justifyMode": "auto",
                "orientation": "auto",
                "reduceOptions": reduce,
                "textMode": if self.shows_label { "name" } else { "value" },
            }),
            Look::Series => json!({
                "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true },
                "tooltip": { "mode": "multi", "sort": "desc" },
            }),
            Look::Bars => json!({
                "displayMode": "basic",
                "minVizHeight": 16,
                "minVizWidth": 8,
                "namePlacement": "auto",
                "orientation": "horizontal",
                "reduceOptions": reduce,
                "showUnfilled": true,
                "sizing": "auto",
                "valueMode": "color",
            }),
            Look::Pie => json!({
                "displayLabels": ["percent"],
                "legend": {
                    "displayMode": "table",
                    "placement": "right",
                    "showLegend": true,
                    "values": ["value"],
                },
                "pieType": "donut",
                "reduceOptions": reduce,
                "tooltip": { "mode": "single" },
            }),
            Look::Table => json!({ "cellHeight": "sm", "showHeader": true }),
            Look::Logs => json!({
                "dedupStrategy": "none",
                "enableLogDetails": true,
                "prettifyLogMessage": false,
                "showLabels": false,
                "showTime": true,
                "sortOrder": "Descending",
                "wrapLogMessage": true,
            }),
        }
    }

    fn defaults(&self) -> Value {
        if self.look == Look::Logs {
            return json!({});
        }
        let is_plain = matches!(self.look, Look::Series | Look::Pie | Look::Table);
        let mut defaults = json!({
            "color": { "mode": if is_plain { "palette-classic" } else { "thresholds" } },
            "thresholds": thresholds(self.steps),
        });
        if self.look == Look::Table {
            defaults["custom"] = json!({ "align": "auto" });
            return defaults;
        }
        defaults["unit"] = self.unit.into();
        if let Some(min) = self.range.0 {
            defaults["min"] = min.into();
        }
        if let Some(max) = self.range.1 {
            defaults["max"] = max.into();
        }
        if !self.words.is_empty() {
            defaults["mappings"] = words(self.words);
        }
        if self.look == Look::Series {
            defaults["custom"] = json!({
                "drawStyle": "line",
                "fillOpacity": if self.is_stacked { 40 } else { 10 },
                "lineWidth": 1,
                "showPoints": "never",
                "spanNulls": false,
                "stacking": { "mode": if self.is_stacked { "normal" } else { "none" } },
            });
        }
        defaults
    }

    /// Of columns: their units, colours and links.
    fn overrides(&self) -> Value {
        let with_properties = |column: &Column| {
            let mut properties = Vec::new();
            let mut set = |id: &str, value: Value| {
                properties.push(json!({ "id": id, "value": value }));
            };
            if let Some(unit) = column.unit {
                set("unit", unit.into());
            }
            if let Some(steps) = column.steps {
                set("thresholds", thresholds(steps));
                set("color", json!({ "mode": "thresholds" }));
                set("custom.cellOptions", json!({ "type": "color-text" }));
                if steps == NONE_IS_GOOD || steps == NONE_IS_BETTER {
                    set("mappings", words(&[(0, "no"), (1, "yes")]));
                }
                if steps == ONE_IS_GOOD {
                    set("mappings", words(&[(0, "down"), (1, "up")]));
                }
            }
            if let Some(url) = &column.link {
                set("links", json!([{ "title": column.title, "url": url }]));
            }
            (!properties.is_empty()).then(|| {
                json!({
                    "matcher": { "id": "byName", "options": column.title },
                    "properties": properties,
                })
            })
        };
        self.columns.iter().filter_map(with_properties).collect()
    }

    /// The tables of all queries in one, with the columns that are shown, in order.
    fn transformations(&self) -> Value {
        // Grafana numbers the values of several queries only.
        let name = |column: &Column| match column.unit {
            Some(_) if self.queries.len() == 1 => "Value".to_owned(),
            _ => column.field.clone(),
        };
        let names: Vec<String> = self.columns.iter().map(name).collect();
        let renamed: serde_json::Map<String, Value> = self
            .columns
            .iter()
            .map(|it| (name(it), it.title.as_str().into()))
            .collect();
        let order: serde_json::Map<String, Value> = names
            .iter()
            .enumerate()
            .map(|(idx, name)| (name.clone(), idx.into()))
            .collect();
        json!([
            { "id": "merge", "options": {} },
            { "id": "filterFieldsByName", "options": { "include": { "names": names } } },
            {
                "id": "organize",
                "options": { "excludeByName": {}, "indexByName": order, "renameByName": renamed },
            },
        ])
    }
}

/// `A` for the first query, and so on.
fn letter(idx: usize) -> String {
    let letter = u8::try_from(idx).map_or(b'Z', |idx| b'A' + idx.min(25));
    char::from(letter).to_string()
}

fn thresholds(steps: Steps) -> Value {
    let steps: Vec<Value> = steps
        .iter()
        .map(|(from, colour)| json!({ "color": colour, "value": from }))
        .collect();
    json!({ "mode": "absolute", "steps": steps })
}

fn words(words: &[(i64, &str)]) -> Value {
    let options: serde_json::Map<String, Value> = words
        .iter()
        .map(|(number, word)| (number.to_string(), json!({ "text": word })))
        .collect();
    json!([{ "type": "value", "options": options }])
}

/// A choice at the top of a dashboard.
#[derive(Clone, Debug)]
pub(crate) enum Variable {
    /// One or several of some words; all is a regular expression that takes everything.
    Choice {
        /// Name in queries.
        name: &'static str,
        /// Name on the page.
        label: &'static str,
        /// The words.
        values: Vec<String>,
    },
    /// Any text.
    Text {
        /// Name in queries.
        name: &'static str,
        /// Name on the page.
        label: &'static str,
    },
}

impl Variable {
    fn json(&self) -> Value {
        match self {
            Variable::Choice {
                name,
                label,
                values,
            } => json!({
                "type": "custom",
                "name": name,
                "label": label,
                "query": values.join(","),
                "includeAll": true,
                "allValue": ".+",
                "multi": true,
                "current": { "text": ["All"], "value": ["$__all"] },
            }),
            Variable::Text { name, label } => json!({
                "type": "textbox",
                "name": name,
                "label": label,
                "query": "",
                "current": { "text": "", "value": "" },
            }),
        }
    }
}

/// A dashboard.
#[derive(Clone, Debug)]
pub(crate) struct Dashboard {
    /// File below `dashboards/`, without `.json`.
    pub(crate) file: String,
    /// Its name in addresses.
    pub(crate) uid: String,
    /// Its title.
    pub(crate) title: String,
    /// What it shows.
    pub(crate) description: String,
    /// How far it looks back, such as `6h`.
    pub(crate) span: &'static str,
    /// Choices at the top.
    pub(crate) variables: Vec<Variable>,
    /// Rows; one without a title has no heading.
    pub(crate) rows: Vec<(&'static str, Vec<Panel>)>,
}

impl Dashboard {
    /// The file's text.
    pub(crate) fn text(&self) -> String {
        format!("{:#}\n", self.json())
    }

    fn json(&self) -> Value {
        json!({
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": ["fleet"],
            "schemaVersion": SCHEMA_VERSION,
            "editable": false,
            "graphTooltip": 1,
            "refresh": "1m",
            "time": { "from": format!("now-{}", self.span), "to": "now" },
            "timezone": "browser",
            "links": [{
                "type": "dashboards",
                "title": "Fleet",
                "tags": ["fleet"],
                "asDropdown": true,
                "includeVars": false,
                "keepTime": true,
            }],
            "templating": { "list": self.variables.iter().map(Variable::json).collect::<Vec<_>>() },
            "annotations": { "list": [] },
            "panels": self.panels(),
        })
    }

    /// Panels from left to right; one that does not fit begins a new line.
    fn panels(&self) -> Vec<Value> {
        let mut panels = Vec::new();
        let mut id = 0;
        let (mut y, mut line) = (0, 0);
        for (title, row) in &self.rows {
            y += line;
            line = 0;
            if !title.is_empty() {
                id += 1;
                panels.push(json!({
                    "id": id,
                    "type": "row",
                    "title": title,
                    "collapsed": false,
                    "gridPos": { "x": 0, "y": y, "w": COLUMNS, "h": 1 },
                    "panels": [],
                }));
                y += 1;
            }
            let mut x = 0;
            for panel in row {
                if x + panel.width > COLUMNS {
                    y += line;
                    (x, line) = (0, 0);
                }
                id += 1;
                panels.push(panel.json(id, x, y));
                x += panel.width;
                line = line.max(panel.height);
            }
        }
        panels
    }
}
