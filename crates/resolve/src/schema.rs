//! The names of a fleet and the catalog, for the schema of its spec files.

use diag::{Diagnostics, SourceMap};
use spec::Spec;
use spec::ast::Feature;
use spec::schema::Names;

/// What the schema of this fleet's files names: `spec::schema::schema(&schema_names(…))`.
pub fn schema_names(spec: &Spec, sources: &mut SourceMap, diagnostics: &mut Diagnostics) -> Names {
    let catalog: Vec<(&str, Feature)> = catalog::entries()
        .iter()
        .filter_map(|entry| Some((entry.id, entry.decode(sources, diagnostics).1?)))
        .collect();
    Names::new(spec, catalog.iter().map(|(id, feature)| (*id, feature)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_knows_the_whole_catalog() {
        let (mut sources, mut diagnostics) = (SourceMap::new(), Diagnostics::new());
        let names = schema_names(&Spec::default(), &mut sources, &mut diagnostics);
        assert!(diagnostics.is_empty());
        assert_eq!(names.features.len(), catalog::entries().len());
        let schema = spec::schema::schema(&names);
        for feature in &names.features {
            let (category, name) = feature.id.split_once('.').unwrap();
            for (half, definition) in [
                (feature.system, "SystemFeatures"),
                (feature.home, "HomeFeatures"),
            ] {
                let known =
                    &schema["definitions"][definition]["properties"][category]["properties"];
                assert_eq!(known[name].is_object(), half, "{} {definition}", feature.id);
            }
        }
    }
}
