//! The rules, a file each.

pub(crate) mod bool_comparison;
pub(crate) mod cache_without_key;
pub(crate) mod default_pinned;
pub(crate) mod desktop_package;
pub(crate) mod discovered_imports;
pub(crate) mod duplicate_code;
pub(crate) mod empty_let;
pub(crate) mod import_from_derivation;
pub(crate) mod legacy_let;
pub(crate) mod lib_wrapper;
pub(crate) mod literal_credential;
pub(crate) mod manual_inherit;
pub(crate) mod manual_inherit_from;
pub(crate) mod mkif_true;
pub(crate) mod monolithic_flake;
pub(crate) mod needless_mkforce;
pub(crate) mod nix_env;
pub(crate) mod no_garbage_collection;
pub(crate) mod open_firewall;
pub(crate) mod open_port;
pub(crate) mod rec_set;
pub(crate) mod root_service;
pub(crate) mod scalar_conflict;
pub(crate) mod secret_read;
pub(crate) mod service_in_host;
pub(crate) mod suppression;
pub(crate) mod syntax_error;
pub(crate) mod unquoted_url;
pub(crate) mod untyped_option;
pub(crate) mod unused_argument;
pub(crate) mod unused_binding;
pub(crate) mod unused_flag;
pub(crate) mod with_scope;

pub(crate) use duplicate_code::{Piece, RULE as DUPLICATE_CODE, pieces};
pub(crate) use suppression::RULE as SUPPRESSION;
pub(crate) use syntax_error::RULE as SYNTAX_ERROR;
