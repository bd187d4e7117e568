//! The embedded code signature: SuperBlob, BlobIndex, slots, CodeDirectory, flags.
//!
//! Formats: `xnu osfmk/kern/cs_blobs.h`, `Security libsecurity_codesigning/lib/codedirectory.h`. Integers are big-endian. What the kernel
//! refuses (`bsd/kern/ubc_subr.c`) is a fault here, so that the rest can still be shown.

pub mod constraint;
pub mod detached;
mod directory;
mod pages;
mod superblob;
#[cfg(test)]
mod tests;

pub use constraint::{Constrained, Constraint, ConstraintSlot};
pub use pages::{PageCheck, PageResult, check_pages};

pub(in crate::read) use directory::raw_hash_type as directory_hash_type;

use super::ReadError;
use super::cms::Cms;
use super::entitlements::Entitlements;
use super::macho::Version;
use super::requirement::RequirementSet;
use serde::{Deserialize, Serialize};

/// Largest signature that is read (bytes). A 1 GiB executable has about 8 MiB of page hashes.
pub const MAX_SIGNATURE: usize = 256 << 20;

/// CodeDirectory flags (`cs_blobs.h`), as they stand in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CodeSignatureFlags(pub u32);

#[allow(missing_docs)] // Apple's names; the values are in cs_blobs.h.
impl CodeSignatureFlags {
    pub const HOST: u32 = 0x1;
    pub const ADHOC: u32 = 0x2;
    pub const HARD: u32 = 0x100;
    pub const KILL: u32 = 0x200;
    pub const CHECK_EXPIRATION: u32 = 0x400;
    pub const RESTRICT: u32 = 0x800;
    pub const ENFORCEMENT: u32 = 0x1000;
    pub const REQUIRE_LV: u32 = 0x2000;
    pub const RUNTIME: u32 = 0x10000;
    pub const LINKER_SIGNED: u32 = 0x20000;
    /// Of a process only, like the next.
    pub const KILLED: u32 = 0x0100_0000;
    pub const SIGNED: u32 = 0x2000_0000;

    pub fn contains(self, bit: u32) -> bool {
        self.0 & bit != 0
    }
}

impl CodeSignatureFlags {
    /// Whether the flags of a process say that it is hardened. One that was refused at exec is killed before it is signed in the kernel's eyes: its flags say
    /// nothing (`CS_KILLED` without `CS_SIGNED`), nor do none at all.
    pub fn process_is_hardened(self) -> Option<bool> {
        let is_unset = self.0 == 0 || self.contains(Self::KILLED) && !self.contains(Self::SIGNED);
        (!is_unset).then(|| self.contains(Self::RUNTIME))
    }

    /// `codesign`'s spelling in the order of its own table; an unknown bit is `???`.
    pub fn names(self) -> Vec<&'static str> {
        const TABLE: [(u32, &str); 10] = [
            (0x1, "host"),
            (0x2, "adhoc"),
            (0x100, "hard"),
            (0x200, "kill"),
            (0x400, "expires"),
            (0x800, "restrict"),
            (0x1000, "enforcement"),
            (0x2000, "library-validation"),
            (0x10000, "runtime"),
            (0x20000, "linker-signed"),
        ];
        let known = TABLE.iter().fold(0, |mask, (bit, _)| mask | bit);
        let mut names: Vec<_> = TABLE.iter().filter(|(bit, _)| self.contains(*bit)).map(|(_, name)| *name).collect();
        if self.0 & !known != 0 {
            names.push("???");
        }
        names
    }
}

/// Digest algorithm of a CodeDirectory (`hashType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum HashType {
    /// 1: SHA-1, 20 bytes.
    Sha1,
    /// 3: SHA-256 cut to 20 bytes.
    Sha256Truncated,
    /// 2: SHA-256.
    Sha256,
    /// 4: SHA-384.
    Sha384,
    /// Any other number.
    Other(u8),
}

/// One entry of the SuperBlob's index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobIndex {
    /// Slot number (`CSSLOT_*`): 0 CodeDirectory, 2 requirements, 5 entitlements XML, 7 entitlements DER, 0x1000.. alternates, 0x10000 CMS …
    pub slot: u32,
    /// Magic of the blob.
    pub magic: u32,
    /// Offset from the SuperBlob's start.
    pub offset: u32,
    /// Length with its 8-byte header.
    pub length: u32,
}

/// Digests of pages, in order. They lie one after the other: a large program has tens of thousands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CodeSlots {
    digests: Vec<u8>,
    /// Bytes of one digest; 0 when there are none.
    size: usize,
}

impl CodeSlots {
    /// Count of slots.
    pub fn len(&self) -> usize {
        self.digests.len().checked_div(self.size).unwrap_or(0)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.digests.is_empty()
    }

    /// The digest of a page; `None` past the last one.
    pub fn get(&self, page: usize) -> Option<&[u8]> {
        let start = page.checked_mul(self.size)?;
        self.digests.get(start..start.checked_add(self.size)?).filter(|digest| !digest.is_empty())
    }

    /// Every digest, in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.digests.chunks_exact(self.size.max(1))
    }
}

/// One CodeDirectory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeDirectory {
    /// Slot it lies in (0 or 0x1000..).
    pub slot: u32,
    /// `version` (0x20500 …).
    pub version: u32,
    /// Flags.
    pub flags: CodeSignatureFlags,
    /// Signing identifier.
    pub identifier: String,
    /// Team identifier as written in the directory; `None` when there is none.
    pub team: Option<String>,
    /// Digest algorithm of the slots.
    pub hash_type: HashType,
    /// Bytes of one digest.
    pub hash_size: u8,
    /// Platform identifier; not 0 for platform binaries.
    pub platform: u8,
    /// log2 of the page size; 0 means no paging.
    pub page_size: u8,
    /// Bytes of the file that the code slots cover.
    pub code_limit: u64,
    /// Digests of pages, in order.
    #[serde(skip)]
    pub code_slots: CodeSlots,
    /// Special slots: index 0 is slot −1 (Info.plist), index 1 slot −2 …; an all-zero digest is `None`.
    pub special_slots: Vec<Option<Vec<u8>>>,
    /// execSegBase, execSegLimit, execSegFlags (0x20400 and later).
    pub exec_segment: Option<(u64, u64, u64)>,
    /// Hardened-runtime version (0x20500 and later); `None` when absent or 0.
    pub runtime_version: Option<Version>,
    /// First 20 bytes of the directory's own digest.
    pub cdhash: [u8; 20],
    /// The directory's whole digest with its own algorithm.
    pub digest: Vec<u8>,
    /// Length of the blob in bytes.
    pub length: u32,
}

/// What a Mach-O slice's embedded signature says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// Index entries in file order.
    pub blobs: Vec<BlobIndex>,
    /// Every CodeDirectory that could be read.
    pub directories: Vec<CodeDirectory>,
    /// Index in `directories` of the one the kernel uses: the strongest digest (SHA-384 > SHA-256 > truncated > SHA-1).
    pub chosen: usize,
    /// Entitlements as embedded; `None` when neither blob is there.
    pub entitlements: Option<Entitlements>,
    /// The CMS wrapper; `None` when the slot is missing or empty (ad hoc, linker-signed).
    pub cms: Option<Cms>,
    /// Internal requirements blob (slot 2): count of requirements; `None` when the slot is missing.
    pub requirements: Option<u32>,
    /// Slots 8 to 11 that are present (launch and library constraints), by slot.
    pub constraints: Vec<Constrained>,
    /// Special slots whose embedded blob does not match the chosen directory's digest (−2, −5, −7 …), a blob without a digest, or a
    /// digest without a blob, which Security refuses too. Positive slot numbers, ascending.
    pub bad_slots: Vec<u32>,
    /// The same for every directory, in the order of `directories`.
    #[serde(default)]
    pub slot_faults: Vec<Vec<u32>>,
    /// The requirements of slot 2, decoded; `None` when the slot is missing, an error when it cannot be read.
    #[serde(skip)] // Names of the signer stand in it as bytes; what a report says of it is evaluated before a case is saved.
    pub requirement_set: Option<Result<RequirementSet, ReadError>>,
    /// Blobs that could not be read, two directories of one digest type, …
    pub faults: Vec<ReadError>,
}

impl Signature {
    /// The directory the kernel uses.
    pub fn directory(&self) -> Option<&CodeDirectory> {
        self.directories.get(self.chosen)
    }

    /// The constraint in a slot; an error when it cannot be read.
    pub fn constraint(&self, slot: ConstraintSlot) -> Option<&Result<Constraint, ReadError>> {
        self.constraints.iter().find(|known| known.slot == slot).map(|known| &known.constraint)
    }
}

/// Reads the signature blob (`bytes` is the range of LC_CODE_SIGNATURE). An error when there is no usable CodeDirectory in it.
pub fn read(bytes: &[u8]) -> Result<Signature, ReadError> {
    superblob::read(bytes)
}
