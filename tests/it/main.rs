//! Integration tests: one binary.
#![allow(clippy::unwrap_used, reason = "tests")]

mod callsites;
mod corpus;
mod cases;
mod labs;
mod signer;
mod support;
