//! What every parser of a big file takes: a length and checked reads at an offset.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a reader could not go on: what it was reading, and where.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
#[error("{what} at offset {offset:#x}")]
pub struct ReadError {
    /// What was wrong, lower case, no full stop ("load command larger than the commands area").
    pub what: String,
    /// Offset in the source where the faulty thing begins.
    pub offset: u64,
}

impl ReadError {
    /// A fault at `offset`.
    pub fn new(what: impl Into<String>, offset: u64) -> Self {
        Self { what: what.into(), offset }
    }
}

/// Random access to bytes that may be a file of any size. Never mapped: on macOS a mapped Mach-O with a broken signature can kill the reader.
pub trait Source {
    /// Length in bytes.
    fn len(&self) -> u64;

    /// Fills `buf` from `offset`; an error when the range leaves the source or cannot be read.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError>;

    /// True when there is nothing to read.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes `[offset, offset + len)`; an error when that leaves the source or is longer than `cap`.
    fn read_vec(&self, offset: u64, len: u64, cap: usize) -> Result<Vec<u8>, ReadError> {
        let size = usize::try_from(len)
            .ok()
            .filter(|&n| n <= cap)
            .ok_or_else(|| ReadError::new("more bytes claimed than Temper reads at once", offset))?;
        if offset.checked_add(len).is_none_or(|end| end > self.len()) {
            return Err(ReadError::new("range leaves the file", offset));
        }
        let mut buf = vec![0; size];
        self.read_at(offset, &mut buf)?;
        Ok(buf)
    }
}

impl Source for [u8] {
    fn len(&self) -> u64 {
        <[u8]>::len(self) as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        let range = usize::try_from(offset).ok().and_then(|start| Some(start..start.checked_add(buf.len())?));
        let bytes = range.and_then(|range| self.get(range)).ok_or_else(|| ReadError::new("range leaves the file", offset))?;
        buf.copy_from_slice(bytes);
        Ok(())
    }
}

impl Source for Vec<u8> {
    fn len(&self) -> u64 {
        Source::len(self.as_slice())
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        self.as_slice().read_at(offset, buf)
    }
}

/// A part of another source, such as one slice of a universal file. Offsets are relative to its start.
pub struct Window<'a> {
    source: &'a dyn Source,
    start: u64,
    len: u64,
}

impl<'a> Window<'a> {
    /// `[start, start + len)` of `source`; `None` when that leaves it.
    pub fn new(source: &'a dyn Source, start: u64, len: u64) -> Option<Self> {
        start.checked_add(len).filter(|&end| end <= source.len()).map(|_| Self { source, start, len })
    }
}

impl Source for Window<'_> {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        let end = offset.checked_add(buf.len() as u64);
        let at = self.start.checked_add(offset);
        match (at, end) {
            (Some(at), Some(end)) if end <= self.len => self.source.read_at(at, buf),
            _ => Err(ReadError::new("range leaves the slice", offset)),
        }
    }
}
