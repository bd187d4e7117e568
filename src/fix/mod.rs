//! Diagnosis → exact diff, exact argv; and [`apply`], the one thing that writes.

pub mod apply;
pub mod edit;
pub mod minimal;
pub mod plan;
pub mod sign;

#[cfg(test)]
use crate::evidence::sample;
