//! Integration tests: one binary.
#![allow(clippy::unwrap_used, reason = "tests")]

mod architecture;
mod samples;
mod schema;
mod text_report;
