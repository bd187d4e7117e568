//! Hostile bytes for the readers: the doors, what to begin with, and how it is damaged. Shared by `tests/fuzz` and the seeded mutations of `cargo test`.
#![allow(dead_code, reason = "each user takes a part of it")]

pub mod mutator;
pub mod random;
pub mod readers;
pub mod seeds;
