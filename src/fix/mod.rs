//! Diagnosis → exact diff, exact argv; and [`apply`], the one thing that writes.

pub mod after;
pub mod apply;
pub mod edit;
pub mod plan;
#[cfg(test)]
mod sample;
pub mod sign;
