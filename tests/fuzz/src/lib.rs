//! What the fuzz targets share: the doors to the readers, and what to begin with.

pub mod readers;
pub mod seeds;
