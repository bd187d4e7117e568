//! Diagnosis → exact diff, exact argv; [`apply`], the one thing that writes; and [`prove`]: did it mend, and nothing else?

pub mod after;
pub mod apply;
pub mod edit;
pub mod plan;
pub mod prove;
#[cfg(test)]
pub(crate) mod sample;
pub mod sign;
