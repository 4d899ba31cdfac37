//! Derived options: expressions over facts of the host and the fleet, evaluated at generation, so
//! that scrape targets, peers and keys are plain data in the output.
//!
//! Only facts, enabled sets and options that are not derived are visible: there are no cycles.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

use diag::{Diagnostic, Diagnostics, Span};
use minijinja::value::{Enumerator, Object, ObjectRepr, Value, ValueKind, from_args};
use minijinja::{Environment, Error, ErrorKind, Expression, UndefinedBehavior, context};
use model::FeatureId;
use spec::ast::OptionDecl;

use crate::lower::{Place, Uses};
use crate::table::ById;
use crate::types;
use crate::world::World;

/// Instructions that one expression may take.
const FUEL: u64 = 2_000_000;

/// The environment in which expressions are compiled.
pub(crate) fn environment() -> Environment<'static> {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_fuel(Some(FUEL));
    env.add_filter("dict", dict);
    env
}

/// A map of pairs, as `names | zip(addresses)` gives them.
fn dict(pairs: &Value) -> Result<Value, Error> {
    let pair = |pair: Value| match pair.try_iter()?.collect::<Vec<_>>().as_slice() {
        [key, value] => Ok((key.clone(), value.clone())),
        _ => Err(Error::new(
            ErrorKind::InvalidOperation,
            "`dict` takes pairs of a name and a value",
        )),
    };
    let map: BTreeMap<Value, Value> = pairs.try_iter()?.map(pair).collect::<Result<_, _>>()?;
    Ok(Value::from(map))
}

/// All derived options of the features in use, compiled.
pub(crate) struct Derivations<'e> {
    by_feature: ById<Vec<Derivation<'e>>>,
}

/// A derived option.
struct Derivation<'e> {
    name: &'e str,
    decl: &'e OptionDecl,
    span: Span,
    expression: Expression<'e, 'e>,
    /// What it gives everywhere, if it reads neither the host nor the user, in each half.
    everywhere: Option<[OnceLock<Given>; 2]>,
}

/// What an expression gives.
#[derive(Clone)]
enum Given {
    Value(nix::Value),
    /// The default, or `none`, which leaves it.
    Default,
    /// A mistake, which each host reports.
    Mistake,
}

/// Where an expression is evaluated.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) place: Place,
    pub(crate) host: &'a Value,
    pub(crate) user: Option<&'a Value>,
    pub(crate) fleet: &'a Value,
}

impl<'e> Derivations<'e> {
    pub(crate) fn compile(
        env: &'e Environment<'static>,
        world: &'e World<'_>,
        d: &mut Diagnostics,
    ) -> Self {
        let mut by_feature: ById<Vec<Derivation<'e>>> = ById::default();
        for (id, definition) in &world.table {
            for (name, option) in &definition.feature.options {
                let Some(text) = &option.value.derive else {
                    continue;
                };
                let expression = match env.compile_expression(&text.value) {
                    Ok(expression) => expression,
                    Err(error) => {
                        d.push(failed(id, name, text.span, &error));
                        continue;
                    }
                };
                let read = expression.undeclared_variables(false);
                let is_local = read.contains("host") || read.contains("user");
                by_feature.entry(id.clone()).or_default().push(Derivation {
                    name,
                    decl: &option.value,
                    span: text.span,
                    expression,
                    everywhere: (!is_local).then(Default::default),
                });
            }
        }
        Self { by_feature }
    }

    /// Evaluates the derived options of a feature that are not `given`. Those that have their default
    /// are left out.
    pub(crate) fn evaluate(
        &self,
        world: &World<'_>,
        id: &FeatureId,
        given: impl Fn(&str) -> bool,
        context: Context<'_>,
        d: &mut Diagnostics,
    ) -> Vec<(String, nix::Value, Span)> {
        let derivations = self.by_feature.get(id).into_iter().flatten();
        let mut result = Vec::new();
        for derivation in derivations.filter(|it| !given(it.name)) {
            let found = match &derivation.everywhere {
                Some(known) => {
                    let known = &known[usize::from(context.place.home)];
                    let mut quiet = Diagnostics::new();
                    let known = known
                        .get_or_init(|| derivation.evaluate(world, id, context, &mut quiet))
                        .clone();
                    match known {
                        Given::Mistake => derivation.evaluate(world, id, context, d),
                        known => known,
                    }
                }
                None => derivation.evaluate(world, id, context, d),
            };
            if let Given::Value(value) = found {
                result.push((derivation.name.to_owned(), value, derivation.span));
            }
        }
        result
    }

    /// Whether a feature has derived options.
    pub(crate) fn has(&self, id: &FeatureId) -> bool {
        self.by_feature.contains_key(id)
    }
}

impl Derivation<'_> {
    fn evaluate(
        &self,
        world: &World<'_>,
        id: &FeatureId,
        context: Context<'_>,
        d: &mut Diagnostics,
    ) -> Given {
        let Context {
            place,
            host,
            user,
            fleet,
        } = context;
        let (name, span) = (self.name, self.span);
        let user = user.cloned().unwrap_or(Value::UNDEFINED);
        let value = match self.expression.eval(context! { host, user, fleet }) {
            Ok(value) => value,
            Err(error) => {
                d.push(failed(id, name, span, &error));
                return Given::Mistake;
            }
        };
        if value.is_none() || value.is_undefined() {
            return Given::Default;
        }
        let Some(written) = to_spec(&value, span) else {
            d.push(
                Diagnostic::error(
                    "derive",
                    span,
                    format!("option `{name}` of `{id}` becomes `{value}`, which is not data"),
                )
                .help("the expression must give text, numbers, booleans, lists or mappings; an attribute may be misspelt"),
            );
            return Given::Mistake;
        };
        let uses = &mut Uses::default();
        let mut quiet = Diagnostics::new();
        let ty = &self.decl.ty;
        let checked = types::check(world, place, ty, &written, name, uses, &mut quiet);
        if quiet.has_errors() {
            d.push(wrong_type(id, name, self.decl, span, &value, host));
            return Given::Mistake;
        }
        let default = types::default(world, place, self.decl, uses, &mut quiet);
        match checked {
            Some(value) if default.as_ref() != Some(&value) => Given::Value(value),
            _ => Given::Default,
        }
    }
}

fn wrong_type(
    id: &FeatureId,
    name: &str,
    decl: &OptionDecl,
    span: Span,
    value: &Value,
    host: &Value,
) -> Diagnostic {
    let host = host.get_attr("name").unwrap_or_default();
    let mut found = value
        .as_str()
        .map_or_else(|| value.to_string(), |text| format!("\"{text}\""));
    if found.chars().count() > 60 {
        found = found.chars().take(60).chain(['…']).collect();
    }
    Diagnostic::error(
        "derive",
        span,
        format!("option `{name}` of `{id}` becomes `{found}` on `{host}`"),
    )
    .help(format!("its type is: {}", types::describe(&decl.ty)))
}

fn failed(id: &FeatureId, name: &str, span: Span, error: &Error) -> Diagnostic {
    let detail = error
        .detail()
        .map_or_else(|| error.kind().to_string(), str::to_owned);
    Diagnostic::error(
        "derive",
        span,
        format!("option `{name}` of `{id}` cannot be derived: {detail}"),
    )
    .help("see `derive` in the documentation of the spec language for what an expression may read")
}

/// Facts of a GPU vendor; false where the host has none of it.
#[derive(Debug)]
pub(crate) struct GpuFacts {
    pub(crate) present: bool,
    pub(crate) rocm: bool,
    pub(crate) cuda: bool,
    pub(crate) bus_id: Option<String>,
}

impl Object for GpuFacts {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "present" => Some(self.present.into()),
            "rocm" => Some(self.rocm.into()),
            "cuda" => Some(self.cuda.into()),
            "busId" => self.bus_id.clone().map(Value::from),
            _ => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(&["present", "rocm", "cuda"])
    }

    fn is_true(self: &Arc<Self>) -> bool {
        self.present
    }
}

/// What expressions see as `fleet`.
#[derive(Debug, Default)]
pub(crate) struct FleetFacts {
    pub(crate) name: String,
    pub(crate) domain: Option<String>,
    pub(crate) hosts: Value,
    pub(crate) users: Value,
    /// Pages of metrics, by job.
    pub(crate) metrics: Value,
    /// Features of the spec.
    pub(crate) features: BTreeSet<String>,
    /// Feature → the hosts where it is on.
    pub(crate) hosts_with: HashMap<String, Value>,
    /// Host → `feature.option` → value, where it was given.
    pub(crate) given: HashMap<String, HashMap<String, Value>>,
    /// `feature.option` → default.
    pub(crate) defaults: HashMap<String, Value>,
}

impl Object for FleetFacts {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "name" => Some(self.name.clone().into()),
            "domain" => Some(self.domain.clone().into()),
            "hosts" => Some(self.hosts.clone()),
            "users" => Some(self.users.clone()),
            "metrics" => Some(self.metrics.clone()),
            _ => None,
        }
    }

    fn call_method(
        self: &Arc<Self>,
        _: &mut minijinja::State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        match method {
            "hosts_with" => {
                let (feature,): (&str,) = from_args(args)?;
                if !crate::names::is_feature(feature) {
                    return Err(Error::new(
                        ErrorKind::InvalidOperation,
                        format!("`{feature}` is not `category.name`"),
                    ));
                }
                if !self.features.contains(feature) && catalog::entry(feature).is_none() {
                    let all = self.features.iter().map(String::as_str);
                    let hint =
                        diag::closest(feature, all.chain(catalog::entries().iter().map(|e| e.id)))
                            .map(|best| format!("; did you mean `{best}`?"));
                    return Err(Error::new(
                        ErrorKind::InvalidOperation,
                        format!("unknown feature `{feature}`{}", hint.unwrap_or_default()),
                    ));
                }
                Ok(self
                    .hosts_with
                    .get(feature)
                    .cloned()
                    .unwrap_or_else(|| Value::from(Vec::<Value>::new())))
            }
            "option" => {
                let (host, feature, option): (&str, &str, &str) = from_args(args)?;
                let key = format!("{feature}.{option}");
                if let Some(value) = self.given.get(host).and_then(|g| g.get(&key)) {
                    return Ok(value.clone());
                }
                Ok(self
                    .defaults
                    .get(&key)
                    .cloned()
                    .unwrap_or_else(|| Value::from(())))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

/// Features of which some expression asks the hosts, so that only those are kept: all of them, where
/// one asks by a name that it makes.
pub(crate) fn asked_features(world: &World<'_>) -> Vec<FeatureId> {
    let options = world
        .table
        .values()
        .flat_map(|it| it.feature.options.values());
    let texts = options.filter_map(|option| option.value.derive.as_ref());
    let mut asked = BTreeSet::new();
    for text in texts {
        for rest in text.value.split("hosts_with").skip(1) {
            let Some(name) = quoted_argument(rest) else {
                return world.table.keys().cloned().collect();
            };
            asked.insert(name);
        }
    }
    let all = world.table.keys();
    all.filter(|id| asked.contains(id.as_str()))
        .cloned()
        .collect()
}

/// `name` of `("name")`, where that is all.
fn quoted_argument(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('(')?.trim_start();
    let quote = inner.chars().next().filter(|c| "'\"".contains(*c))?;
    let (name, rest) = inner[1..].split_once(quote)?;
    let is_plain = !name.contains('\\') && rest.trim_start().starts_with(')');
    is_plain.then_some(name)
}

/// Features whose options some expression reads of a host, so that only those are kept.
pub(crate) fn read_features(world: &World<'_>) -> Vec<FeatureId> {
    let texts: Vec<&str> = world
        .table
        .values()
        .flat_map(|definition| definition.feature.options.values())
        .filter_map(|option| option.value.derive.as_ref())
        .map(|text| text.value.as_str())
        .filter(|text| text.contains(".option("))
        .collect();
    world
        .table
        .keys()
        .filter(|id| texts.iter().any(|text| text.contains(id.as_str())))
        .cloned()
        .collect()
}

/// Defaults of features' options that are data.
pub(crate) fn defaults(world: &World<'_>, features: &[FeatureId]) -> HashMap<String, Value> {
    let mut result = HashMap::new();
    for id in features {
        let Some(definition) = world.table.get(id) else {
            continue;
        };
        for (name, option) in &definition.feature.options {
            if let Some(value) = default_of(world, &option.value) {
                result.insert(format!("{id}.{name}"), value);
            }
        }
    }
    result
}

fn default_of(world: &World<'_>, decl: &OptionDecl) -> Option<Value> {
    let value = types::default(
        world,
        Place::SYSTEM,
        decl,
        &mut Uses::default(),
        &mut Diagnostics::new(),
    )?;
    from_nix(&value)
}

/// Data of Nix as a value of an expression.
pub(crate) fn from_nix(value: &nix::Value) -> Option<Value> {
    Some(match value {
        nix::Value::Null => Value::from(()),
        nix::Value::Bool(b) => Value::from(*b),
        nix::Value::Int(i) => Value::from(*i),
        nix::Value::Float(f) => Value::from(*f),
        nix::Value::Str(s) | nix::Value::Lines(s) => Value::from(s.clone()),
        nix::Value::List(items) => {
            Value::from(items.iter().map(from_nix).collect::<Option<Vec<_>>>()?)
        }
        nix::Value::Attrs(attrs) => Value::from(
            attrs
                .iter()
                .map(|(k, v)| Some((k.clone(), from_nix(v)?)))
                .collect::<Option<BTreeMap<String, Value>>>()?,
        ),
        nix::Value::Commented(_, inner) | nix::Value::Apply(_, inner) => from_nix(inner)?,
        _ => return None,
    })
}

/// A value of an expression as data of Nix.
pub(crate) fn to_nix(value: &Value) -> Option<nix::Value> {
    Some(match value.kind() {
        ValueKind::None => nix::Value::Null,
        ValueKind::Bool => nix::Value::Bool(value.is_true()),
        ValueKind::Number => match i64::try_from(value.clone()) {
            Ok(i) if value.is_integer() => nix::Value::Int(i),
            _ => nix::Value::Float(f64::try_from(value.clone()).ok()?),
        },
        ValueKind::String => nix::Value::Str(value.as_str()?.to_owned()),
        ValueKind::Seq | ValueKind::Iterable => nix::Value::List(
            value
                .try_iter()
                .ok()?
                .map(|v| to_nix(&v))
                .collect::<Option<_>>()?,
        ),
        ValueKind::Map => {
            let mut attrs = BTreeMap::new();
            for key in value.try_iter().ok()? {
                attrs.insert(
                    key.as_str()?.to_owned(),
                    to_nix(&value.get_item(&key).ok()?)?,
                );
            }
            nix::Value::Attrs(attrs)
        }
        _ => return None,
    })
}

/// A value of an expression as if it had been written.
fn to_spec(value: &Value, span: Span) -> Option<spec::Value> {
    fn convert(value: &nix::Value, span: Span) -> Option<spec::Value> {
        let kind = match value {
            nix::Value::Null => spec::ValueKind::Null,
            nix::Value::Bool(b) => spec::ValueKind::Bool(*b),
            nix::Value::Int(i) => spec::ValueKind::Int(*i),
            nix::Value::Float(f) => spec::ValueKind::Float(*f),
            nix::Value::Str(s) => spec::ValueKind::Str(s.clone()),
            nix::Value::List(items) => spec::ValueKind::List(
                items
                    .iter()
                    .map(|i| convert(i, span))
                    .collect::<Option<_>>()?,
            ),
            nix::Value::Attrs(attrs) => spec::ValueKind::Attrs(
                attrs
                    .iter()
                    .map(|(k, v)| Some((k.clone(), convert(v, span)?)))
                    .collect::<Option<_>>()?,
            ),
            _ => return None,
        };
        Some(spec::Value { kind, span })
    }
    convert(&to_nix(value)?, span)
}
