//! Integration tests: one binary.
#![allow(clippy::unwrap_used, reason = "tests")]

mod architecture;
mod callsites;
mod cases;
mod command_line;
mod corpus;
mod labs;
mod samples;
mod schema;
mod signer;
mod snippets;
mod support;
mod text_report;
