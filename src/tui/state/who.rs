//! Who signs a fix: what there is to choose from, and the password of a file.

use super::{JobId, Place};
use crate::fix::sign::Who;
use crate::read::identity::Identity;
use crate::system::Secret;
use std::path::PathBuf;

/// Whose signature a fix gets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SignWith {
    /// The identity in use.
    #[default]
    InUse,
    /// Nobody's, as an experiment.
    AdHoc,
    /// An identity of the keychain, as codesign is told it; and what to know of it.
    Keychain(Who, Vec<String>),
    /// Certificate and key in a PKCS #12 file.
    File(PathBuf),
}

/// The page on which it is chosen.
#[derive(Debug, Clone)]
pub struct WhoPage {
    /// What there is to sign with.
    pub tools: Option<Tools>,
    /// The job that looks for it.
    pub looking: JobId,
    /// What is known of the keychain.
    pub keychain: Keychain,
    /// Place.
    pub place: Place,
}

/// Programs of PATH.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tools {
    /// codesign, which signs with the keychain.
    pub codesign: bool,
    /// rcodesign, which signs with a file.
    pub rcodesign: bool,
    /// The program that lists the identities of a keychain.
    pub security: Option<PathBuf>,
}

/// What is known of the keychain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Keychain {
    /// It was not asked.
    #[default]
    Closed,
    /// The user wants to know; it is being asked.
    Asked(JobId),
    /// It could not be asked; why.
    Failed(String),
    /// Its identities.
    Open(Vec<Identity>),
}

/// A row of that page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignRow {
    /// The identity in use.
    InUse,
    /// Ad hoc.
    AdHoc,
    /// Ask the keychain.
    Look,
    /// An identity of the keychain; index into the list.
    Identity(usize),
    /// A PKCS #12 file.
    File,
}

/// The line on which a password is typed. Its characters are not here: each goes to the worker as it comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Masked {
    /// The file it opens.
    pub file: PathBuf,
    /// Characters typed so far.
    pub typed: usize,
}

/// A change of the password that is being typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stroke {
    /// These are added at its end.
    Add(Secret),
    /// The last character goes away.
    Erase,
    /// All of it is overwritten and forgotten.
    Wipe,
}
