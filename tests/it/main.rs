//! Integration tests.

mod callsites;
