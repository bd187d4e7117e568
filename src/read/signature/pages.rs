//! Page hashes: is the code still what was signed?

use super::{CodeDirectory, CodeSlots, HashType};
use crate::read::{ReadError, Source};
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::digest::Reset;
use sha2::{Digest as _, Sha256, Sha384};

/// Indexes of bad pages that are kept.
const MAX_BAD: usize = 4_096;
/// Bytes read at once.
const CHUNK: u64 = 1 << 20;

/// Checks the pages of one slice against a directory, fed in order from the start or from where [`PageCheck::seek`] says. Bytes beyond the code limit are
/// ignored. Several checks may share the work: together they are fed every page once, then merged.
pub struct PageCheck<'a> {
    expected: &'a CodeSlots,
    digest: Digest,
    page_bytes: u64,
    code_limit: u64,
    /// Where the next byte lies, up to the code limit.
    at: u64,
    /// Pages that were fed to their end.
    compared: u64,
    bad_count: u64,
    bad: Vec<u64>,
}

/// Outcome of a page check.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PageResult {
    /// Pages that the code limit covers: compared, or missing.
    pub checked: u64,
    /// How many did not match.
    pub bad_count: u64,
    /// The first of them.
    pub bad: Vec<u64>,
}

/// A digest under way.
enum Digest {
    Sha1(Sha1),
    Sha256(Sha256),
    Sha256Truncated(Sha256),
    Sha384(Box<Sha384>),
}

impl Digest {
    fn new(hash_type: HashType) -> Option<Self> {
        match hash_type {
            HashType::Sha1 => Some(Digest::Sha1(Sha1::new())),
            HashType::Sha256 => Some(Digest::Sha256(Sha256::new())),
            HashType::Sha256Truncated => Some(Digest::Sha256Truncated(Sha256::new())),
            HashType::Sha384 => Some(Digest::Sha384(Box::new(Sha384::new()))),
            HashType::Other(_) => None,
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Digest::Sha1(state) => state.update(bytes),
            Digest::Sha256(state) | Digest::Sha256Truncated(state) => state.update(bytes),
            Digest::Sha384(state) => state.update(bytes),
        }
    }

    fn reset(&mut self) {
        match self {
            Digest::Sha1(state) => Reset::reset(state),
            Digest::Sha256(state) | Digest::Sha256Truncated(state) => Reset::reset(state),
            Digest::Sha384(state) => Reset::reset(state.as_mut()),
        }
    }

    /// Whether what was fed has the digest `expected`; starts anew.
    fn matches(&mut self, expected: &[u8]) -> bool {
        match self {
            Digest::Sha1(state) => state.finalize_reset().as_slice() == expected,
            Digest::Sha256(state) => state.finalize_reset().as_slice() == expected,
            Digest::Sha256Truncated(state) => state.finalize_reset().get(..20) == Some(expected),
            Digest::Sha384(state) => state.finalize_reset().as_slice() == expected,
        }
    }
}

impl<'a> PageCheck<'a> {
    /// A check for `directory`; `None` when its digest or page size is not one the kernel accepts (4 KiB or 16 KiB; no paging at all is
    /// refused with `disallowing unsupported code signature page shift`, `ubc_subr.c`).
    pub fn new(directory: &'a CodeDirectory) -> Option<Self> {
        Self::of_any_size(directory).filter(|_| matches!(directory.page_size, 12 | 14))
    }

    /// A check for code that the kernel does not map: Security takes pages of any size, and 0 is one page for all (`StaticCode.cpp validateExecutable`).
    /// `None` for an unknown digest.
    pub fn of_any_size(directory: &'a CodeDirectory) -> Option<Self> {
        let page_bytes = match directory.page_size {
            0 => directory.code_limit.max(1),
            size => 1_u64.checked_shl(u32::from(size))?,
        };
        Some(Self {
            expected: &directory.code_slots,
            digest: Digest::new(directory.hash_type)?,
            page_bytes,
            code_limit: directory.code_limit,
            at: 0,
            compared: 0,
            bad_count: 0,
            bad: Vec::new(),
        })
    }

    /// The next byte fed is the one at `offset`, at which a page begins.
    pub fn seek(&mut self, offset: u64) {
        self.at = offset;
        self.digest.reset();
    }

    /// Feeds all of a source, which may end before the code limit does. An error when it cannot be read.
    pub fn read(mut self, source: &dyn Source) -> Result<PageResult, ReadError> {
        let end = source.len().min(self.code_limit);
        let mut offset = 0_u64;
        while offset < end {
            let len = end.saturating_sub(offset).min(CHUNK);
            self.feed(&source.read_vec(offset, len, usize::try_from(CHUNK).unwrap_or(usize::MAX))?);
            offset = offset.saturating_add(len);
        }
        Ok(self.finish())
    }

    /// The next bytes of the slice.
    pub fn feed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() && self.at < self.code_limit {
            let in_page = self.at.checked_rem(self.page_bytes).unwrap_or(0);
            let room = self.page_bytes.saturating_sub(in_page).min(self.code_limit.saturating_sub(self.at));
            let take = usize::try_from(room).unwrap_or(usize::MAX).min(rest.len());
            let (now, later) = rest.split_at_checked(take).unwrap_or((rest, &[]));
            self.digest.update(now);
            let page = self.at.checked_div(self.page_bytes).unwrap_or(0);
            self.at = self.at.saturating_add(now.len() as u64);
            rest = later;
            if now.len() as u64 == room {
                self.end_page(page);
            }
        }
    }

    fn end_page(&mut self, index: u64) {
        let expected = usize::try_from(index).ok().and_then(|index| self.expected.get(index));
        self.compared = self.compared.saturating_add(1);
        if !self.digest.matches(expected.unwrap_or_default()) {
            self.bad_count = self.bad_count.saturating_add(1);
            if self.bad.len() < MAX_BAD {
                self.bad.push(index);
            }
        }
    }

    /// Adds what another check of the same directory found on other pages.
    pub fn merge(&mut self, other: Self) {
        self.compared = self.compared.saturating_add(other.compared);
        self.bad_count = self.bad_count.saturating_add(other.bad_count);
        self.bad.extend(other.bad);
        self.bad.sort_unstable();
        self.bad.truncate(MAX_BAD);
    }

    /// Indexes of pages that do not match (ascending; missing pages too, which are the last ones); at most 4,096 are kept, the count is exact.
    pub fn finish(mut self) -> PageResult {
        let pages = self.code_limit.div_ceil(self.page_bytes.max(1));
        let missing = pages.saturating_sub(self.compared);
        let kept = missing.min(MAX_BAD.saturating_sub(self.bad.len()) as u64);
        self.bad.extend(self.compared..self.compared.saturating_add(kept));
        PageResult { checked: pages, bad_count: self.bad_count.saturating_add(missing), bad: self.bad }
    }
}

/// Convenience for tests and small files: checks the pages of a whole slice. An error when the kernel would not take the directory's page size
/// or digest, or the source cannot be read.
pub fn check_pages(source: &dyn Source, directory: &CodeDirectory) -> Result<PageResult, ReadError> {
    let check = PageCheck::new(directory).ok_or_else(|| ReadError::new("page size or digest that the kernel does not accept", 0))?;
    check.read(source)
}
