//! Readers: bytes in, facts out.
//!
//! Input is hostile. Nothing here panics, reads a clock, touches a disk or writes text for people. A reader that cannot go on returns a
//! [`ReadError`] that says what was wrong and at which offset; a part that cannot be read is kept as a fault beside the parts that can.
#![deny(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice
)]

pub mod callsites;
pub mod cms;
pub mod code_resources;
pub mod crash;
pub mod entitlements;
pub mod fixups;
pub mod identity;
pub mod info_plist;
pub mod log;
pub mod macho;
pub mod profile;
pub mod requirement;
pub mod signature;
pub mod source;
pub(crate) mod stored;

pub use source::{ReadError, Source};

/// A word that is a constant of the program. A name of its own, so that facts can be read from a file too (a borrowed field could not).
pub type Word = &'static str;

/// Bytes as hexadecimal digits, two for each.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes of a file as text: invalid UTF-8 becomes U+FFFD, so that no fact is lost for an odd name.
pub fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
