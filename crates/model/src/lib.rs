//! The resolved fleet.
