//! What integration tests build their inputs with.

pub mod check;
pub mod files;
pub mod fuzz;
pub mod practice;
pub mod sign;
pub mod tty;
