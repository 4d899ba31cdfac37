//! From the spec and the catalog to the resolved fleet.
