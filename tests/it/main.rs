//! Integration tests: one binary.
#![allow(clippy::unwrap_used, reason = "tests")]

mod architecture;
mod callsites;
mod command_line;
mod corpus;
mod cases;
mod labs;
mod samples;
mod schema;
mod signer;
mod snippets;
mod support;
mod text_report;
mod verify;
