//! The built-in catalog as data.
