//! The YAML surface: nodes with positions, decoders, schema.
