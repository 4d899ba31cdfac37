//! From the model through views and templates to a tree of files.
