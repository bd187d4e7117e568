//! What integration tests build their inputs with.

pub mod check;
pub mod sign;
pub mod tty;
