//! One CodeDirectory: its fields by version, its slots, its digest.

use super::{CodeDirectory, CodeSignatureFlags, CodeSlots, HashType};
use crate::read::macho::Version;
use crate::read::{ReadError, lossy};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// Most code slots of all directories together: 16 GiB of code in 4 KiB pages.
pub(super) const MAX_CODE_SLOTS: usize = 1 << 22;
/// Most special slots that are read; Apple defines eleven.
const MAX_SPECIAL_SLOTS: u32 = 64;
/// Versions that parsers accept (`Security lib/codedirectory.cpp`).
const VERSIONS: std::ops::Range<u32> = 0x20001..0x2F000;

impl HashType {
    pub(super) fn from_number(number: u8) -> Self {
        match number {
            1 => HashType::Sha1,
            2 => HashType::Sha256,
            3 => HashType::Sha256Truncated,
            4 => HashType::Sha384,
            other => HashType::Other(other),
        }
    }

    /// Bytes of one digest in a slot; `None` for a type that is not known. 5 is SHA-512, which userland reads and the kernel refuses.
    pub fn size(self) -> Option<u8> {
        match self {
            HashType::Sha1 | HashType::Sha256Truncated => Some(20),
            HashType::Sha256 => Some(32),
            HashType::Sha384 => Some(48),
            HashType::Other(5) => Some(64),
            HashType::Other(_) => None,
        }
    }

    /// The kernel's rank; 0 for types it refuses (`ubc_subr.c hash_rank`).
    pub(super) fn rank(self) -> u8 {
        match self {
            HashType::Other(_) => 0,
            HashType::Sha1 => 1,
            HashType::Sha256Truncated => 2,
            HashType::Sha256 => 3,
            HashType::Sha384 => 4,
        }
    }

    /// Digest of `bytes`, cut as the type demands; `None` for a type that is not known.
    pub fn digest(self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut digest = match self {
            HashType::Sha1 => Sha1::digest(bytes).to_vec(),
            HashType::Sha256 | HashType::Sha256Truncated => Sha256::digest(bytes).to_vec(),
            HashType::Sha384 => Sha384::digest(bytes).to_vec(),
            HashType::Other(5) => Sha512::digest(bytes).to_vec(),
            HashType::Other(_) => return None,
        };
        digest.truncate(usize::from(self.size()?));
        Some(digest)
    }
}

/// Type of digest that a raw CodeDirectory blob names; `None` when it is cut off.
pub(in crate::read) fn raw_hash_type(blob: &[u8]) -> Option<HashType> {
    Some(HashType::from_number(*blob.get(37)?))
}

/// Fields of a blob, big-endian; errors carry the offset in the SuperBlob.
struct Fields<'a> {
    blob: &'a [u8],
    base: u64,
}

impl<'a> Fields<'a> {
    fn fail(&self, what: impl Into<String>, at: usize) -> ReadError {
        ReadError::new(what, self.base.saturating_add(at as u64))
    }

    fn bytes<const N: usize>(&self, at: usize) -> Result<[u8; N], ReadError> {
        let found = at.checked_add(N).and_then(|end| self.blob.get(at..end)).and_then(|bytes| bytes.try_into().ok());
        found.ok_or_else(|| self.fail("CodeDirectory cut off", at))
    }

    fn byte(&self, at: usize) -> Result<u8, ReadError> {
        Ok(u8::from_be_bytes(self.bytes(at)?))
    }

    fn word(&self, at: usize) -> Result<u32, ReadError> {
        Ok(u32::from_be_bytes(self.bytes(at)?))
    }

    fn long(&self, at: usize) -> Result<u64, ReadError> {
        Ok(u64::from_be_bytes(self.bytes(at)?))
    }

    /// A NUL-terminated string; the kernel refuses one without its NUL.
    fn text(&self, offset: u32, what: &str) -> Result<String, ReadError> {
        let start = offset as usize;
        let rest = self.blob.get(start..).ok_or_else(|| self.fail(format!("{what} outside the CodeDirectory"), start))?;
        let end = memchr::memchr(0, rest).ok_or_else(|| self.fail(format!("{what} without an end"), start))?;
        Ok(lossy(rest.get(..end).unwrap_or_default()))
    }

    fn slice(&self, start: u64, len: u64) -> Option<&'a [u8]> {
        let end = start.checked_add(len)?;
        self.blob.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
    }
}

/// Reads the directory in `blob` (exactly the blob), which lies at `base` of the SuperBlob. `budget` is the count of code slots that may still
/// be read; it is lowered by those of this directory.
pub(super) fn read(blob: &[u8], slot: u32, base: u64, budget: &mut usize) -> Result<CodeDirectory, ReadError> {
    let fields = Fields { blob, base };
    let version = fields.word(8)?;
    if !VERSIONS.contains(&version) {
        return Err(fields.fail(format!("CodeDirectory version {version:#x} that is not known"), 8));
    }
    let hash_type = HashType::from_number(fields.byte(37)?);
    let hash_size = fields.byte(36)?;
    if hash_type.size() != Some(hash_size) {
        return Err(fields.fail(format!("digest of type {} with {hash_size} bytes", fields.byte(37)?), 36));
    }
    let digest = hash_type.digest(blob).ok_or_else(|| fields.fail("digest type that is not known", 37))?;
    let cdhash = digest.first_chunk().copied().ok_or_else(|| fields.fail("digest type that is not known", 37))?;
    let (code_slots, special_slots) = slots(&fields, hash_size, budget)?;
    Ok(CodeDirectory {
        slot,
        version,
        flags: CodeSignatureFlags(fields.word(12)?),
        identifier: fields.text(fields.word(20)?, "identifier")?,
        team: team(&fields, version)?,
        hash_type,
        hash_size,
        platform: fields.byte(38)?,
        page_size: fields.byte(39)?,
        code_limit: code_limit(&fields, version)?,
        code_slots,
        special_slots,
        exec_segment: exec_segment(&fields, version)?,
        runtime_version: runtime_version(&fields, version)?,
        cdhash,
        digest,
        length: u32::try_from(blob.len()).unwrap_or(u32::MAX),
    })
}

fn team(fields: &Fields<'_>, version: u32) -> Result<Option<String>, ReadError> {
    let offset = if version >= 0x20200 { fields.word(48)? } else { 0 };
    if offset == 0 {
        return Ok(None);
    }
    Ok(Some(fields.text(offset, "team identifier")?).filter(|team| !team.is_empty()))
}

fn code_limit(fields: &Fields<'_>, version: u32) -> Result<u64, ReadError> {
    let long = if version >= 0x20300 { fields.long(56)? } else { 0 };
    Ok(if long != 0 { long } else { u64::from(fields.word(32)?) })
}

fn exec_segment(fields: &Fields<'_>, version: u32) -> Result<Option<(u64, u64, u64)>, ReadError> {
    if version < 0x20400 {
        return Ok(None);
    }
    Ok(Some((fields.long(64)?, fields.long(72)?, fields.long(80)?)))
}

fn runtime_version(fields: &Fields<'_>, version: u32) -> Result<Option<Version>, ReadError> {
    let packed = if version >= 0x20500 { fields.word(88)? } else { 0 };
    Ok((packed != 0).then_some(Version(packed)))
}

type Slots = (CodeSlots, Vec<Option<Vec<u8>>>);

fn slots(fields: &Fields<'_>, hash_size: u8, budget: &mut usize) -> Result<Slots, ReadError> {
    let size = u64::from(hash_size);
    let first = u64::from(fields.word(16)?);
    let (special, code) = (fields.word(24)?, fields.word(28)?);
    let leaves = || fields.fail("slots outside the CodeDirectory", 16);
    if special > MAX_SPECIAL_SLOTS {
        return Err(fields.fail(format!("{special} special slots"), 24));
    }
    let count = usize::try_from(code).unwrap_or(usize::MAX);
    let code_bytes = fields.slice(first, u64::from(code).saturating_mul(size)).ok_or_else(leaves)?;
    *budget = budget.checked_sub(count).ok_or_else(|| fields.fail("more code slots than Temper reads", 28))?;
    let special_start = first.checked_sub(u64::from(special).saturating_mul(size)).ok_or_else(leaves)?;
    let special_bytes = fields.slice(special_start, first.saturating_sub(special_start)).ok_or_else(leaves)?;

    let size = usize::from(hash_size).max(1);
    let code_slots = CodeSlots { digests: code_bytes.to_vec(), size };
    let mut special_slots: Vec<Option<Vec<u8>>> =
        special_bytes.chunks_exact(size).map(|digest| digest.iter().any(|&byte| byte != 0).then(|| digest.to_vec())).collect();
    special_slots.reverse();
    Ok((code_slots, special_slots))
}
