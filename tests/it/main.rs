//! Integration tests: one binary.
#![allow(clippy::unwrap_used, reason = "tests")]

mod labs;
mod signer;
mod snippets;
mod support;
