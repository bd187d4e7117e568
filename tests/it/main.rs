//! Integration tests: one binary.
#![allow(clippy::unwrap_used, reason = "tests")]

mod architecture;
mod callsites;
mod corpus;
mod labs;
mod memory;
mod samples;
mod schema;
mod signer;
mod support;
mod text_report;
