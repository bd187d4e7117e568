//! Integration tests: one binary.
#![allow(clippy::unwrap_used, reason = "tests")]

mod architecture;
mod bad_input;
mod callsites;
mod casefile;
mod cases;
mod collect;
mod command_line;
mod constraints;
mod corpus;
mod display;
mod experiments;
mod fix_loop;
mod hostile;
mod labs;
mod launch;
mod memory;
mod minimize;
mod mutations;
mod object_agrees;
mod pictures;
mod readme;
mod recipes;
mod reports;
mod robustness;
mod run;
mod samples;
mod schema;
mod signer;
mod snippets;
mod support;
mod terminal;
mod text_report;
mod verify;
mod what_if;
mod who_signs;
