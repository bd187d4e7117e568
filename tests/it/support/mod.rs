//! What integration tests build their inputs with.

pub mod sign;
