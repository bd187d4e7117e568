//! Diagnosis → exact diff, exact argv; [`apply`], the one thing that writes; and [`prove`]: did it mend, and nothing else?

pub mod after;
pub mod apply;
pub mod edit;
pub mod identity;
pub mod minimal;
pub mod plan;
pub mod prove;
pub mod sign;

#[cfg(test)]
use crate::evidence::sample;
