//! Integration tests: one binary.
#![allow(clippy::unwrap_used, reason = "tests")]

mod architecture;
mod bad_input;
mod callsites;
mod cases;
mod command_line;
mod corpus;
mod experiments;
mod labs;
mod memory;
mod minimize;
mod pictures;
mod readme;
mod samples;
mod schema;
mod signer;
mod snippets;
mod support;
mod terminal;
mod text_report;
mod verify;
mod what_if;
