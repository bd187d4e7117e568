//! Digests of files and of what a CodeDirectory names, fed in steps.

use super::file::FileSource;
use super::{Meter, file::STEP};
use crate::read::Source;
use crate::read::signature::HashType;
use crate::system::System;
use sha2::Digest;
use std::path::Path;
use std::sync::atomic::AtomicBool;

/// The digests a CodeDirectory may use.
pub(super) enum Hasher {
    Sha1(sha1::Sha1),
    Sha256(sha2::Sha256),
    Sha384(Box<sha2::Sha384>),
}

impl Hasher {
    pub(super) fn new(hash_type: HashType) -> Option<Self> {
        match hash_type {
            HashType::Sha1 => Some(Hasher::Sha1(sha1::Sha1::new())),
            HashType::Sha256 | HashType::Sha256Truncated => Some(Hasher::Sha256(sha2::Sha256::new())),
            HashType::Sha384 => Some(Hasher::Sha384(Box::new(sha2::Sha384::new()))),
            HashType::Other(_) => None,
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Hasher::Sha1(hasher) => hasher.update(bytes),
            Hasher::Sha256(hasher) => hasher.update(bytes),
            Hasher::Sha384(hasher) => hasher.update(bytes),
        }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        match self {
            Hasher::Sha1(hasher) => hasher.finalize().to_vec(),
            Hasher::Sha256(hasher) => hasher.finalize().to_vec(),
            Hasher::Sha384(hasher) => hasher.finalize().to_vec(),
        }
    }
}

/// Which digests of a whole file a seal asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) sha1: bool,
    pub(super) sha256: bool,
}

/// Digests of a whole file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Digests {
    pub(super) sha1: Option<[u8; 20]>,
    pub(super) sha256: Option<[u8; 32]>,
}

/// The digests of a whole file under way.
pub(super) struct WholeFile {
    sha1: Option<sha1::Sha1>,
    sha256: Option<sha2::Sha256>,
}

impl WholeFile {
    pub(super) fn new(wanted: Wanted) -> Self {
        Self { sha1: wanted.sha1.then(sha1::Sha1::new), sha256: wanted.sha256.then(sha2::Sha256::new) }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        if let Some(hasher) = &mut self.sha1 {
            hasher.update(bytes);
        }
        if let Some(hasher) = &mut self.sha256 {
            hasher.update(bytes);
        }
    }

    pub(super) fn finish(self) -> Digests {
        Digests { sha1: self.sha1.map(|hasher| hasher.finalize().into()), sha256: self.sha256.map(|hasher| hasher.finalize().into()) }
    }
}

/// Digests of a file that is not read for anything else. The error says why it cannot be read.
pub(super) fn of_file(system: &dyn System, path: &Path, wanted: Wanted, cancel: &AtomicBool, meter: &Meter<'_>) -> Result<Digests, String> {
    let file = system.open(path).map_err(|error| format!("cannot be opened: {error}"))?;
    of_source(&FileSource::new(file, cancel, meter), wanted)
}

/// Digests of all of a source.
pub(super) fn of_source(source: &dyn Source, wanted: Wanted) -> Result<Digests, String> {
    let mut whole = WholeFile::new(wanted);
    let mut buffer = vec![0; usize::try_from(STEP.min(source.len())).unwrap_or(0)];
    let mut offset = 0;
    while offset < source.len() {
        let count = usize::try_from(STEP.min(source.len() - offset)).unwrap_or(0);
        let Some(bytes) = buffer.get_mut(..count) else { break };
        source.read_at(offset, bytes).map_err(|error| format!("could not be read to its end: {error}"))?;
        whole.update(bytes);
        offset += count as u64;
    }
    Ok(whole.finish())
}
