//! The SuperBlob: its index, and what each blob in it is.

use super::constraint::{self, Constrained, ConstraintSlot};
use super::directory::{self, MAX_CODE_SLOTS};
use super::{BlobIndex, CodeDirectory, MAX_SIGNATURE, Signature};
use crate::read::cms::{self, Cms};
use crate::read::{ReadError, entitlements, requirement};

const MAGIC_REQUIREMENTS: u32 = 0xfade_0c01;
const MAGIC_CODE_DIRECTORY: u32 = 0xfade_0c02;
pub(super) const MAGIC_SUPER_BLOB: u32 = 0xfade_0cc0;
pub(super) const MAGIC_WRAPPER: u32 = 0xfade_0b01;
const MAGIC_ENTITLEMENTS: u32 = 0xfade_7171;
const MAGIC_ENTITLEMENTS_DER: u32 = 0xfade_7172;
const MAGIC_CONSTRAINT: u32 = 0xfade_8181;

const SLOT_DIRECTORY: u32 = 0;
const SLOT_REQUIREMENTS: u32 = 2;
const SLOT_RESOURCES: u32 = 3;
const SLOT_ENTITLEMENTS: u32 = 5;
const SLOT_ENTITLEMENTS_DER: u32 = 7;
/// Slots with a digest in the CodeDirectory of which a blob can be embedded; 1 and 3 are hashes of files.
const SLOTS_HASHED: std::ops::RangeInclusive<u32> = 2..=11;
/// Alternate CodeDirectories (`CSSLOT_ALTERNATE_CODEDIRECTORIES` and its maximum of five).
const SLOTS_ALTERNATE: std::ops::Range<u32> = 0x1000..0x1005;
pub(super) const SLOT_CMS: u32 = 0x10000;

/// Most entries of the index that are read; Apple's signer writes fewer than twenty.
const MAX_BLOBS: u32 = 1_000;
/// Largest CMS that is read (bytes).
const MAX_CMS: usize = 4 << 20;
/// Largest constraint that is read (bytes).
const MAX_CONSTRAINT: usize = 1 << 20;

/// The SuperBlob with the blobs that lie in it.
struct SuperBlob<'a> {
    bytes: &'a [u8],
    blobs: Vec<BlobIndex>,
    faults: Vec<ReadError>,
}

pub(super) fn read(bytes: &[u8]) -> Result<Signature, ReadError> {
    if bytes.len() > MAX_SIGNATURE {
        return Err(ReadError::new("signature longer than Temper reads", 0));
    }
    let mut outer = index(bytes)?;
    let directories = directories(&mut outer)?;
    let chosen = choose(&directories, &mut outer.faults);
    let slot_faults: Vec<Vec<u32>> = directories.iter().map(|directory| bad_slots(&outer, directory)).collect();
    let bad_slots = slot_faults.get(chosen).cloned().unwrap_or_default();
    let requirement_set = outer.blob(SLOT_REQUIREMENTS).map(read_requirements);
    let xml = outer.payload(SLOT_ENTITLEMENTS, MAGIC_ENTITLEMENTS);
    let der = outer.payload(SLOT_ENTITLEMENTS_DER, MAGIC_ENTITLEMENTS_DER);
    let entitlements = (xml.is_some() || der.is_some()).then(|| entitlements::read_embedded(xml, der));
    let cms = read_cms(&mut outer, &directories);
    let requirements = requirements(&mut outer);
    let constraints = ConstraintSlot::ALL.into_iter().filter_map(|slot| read_constraint(&outer, slot)).collect();
    Ok(Signature {
        blobs: outer.blobs,
        directories,
        chosen,
        entitlements,
        cms,
        requirements,
        constraints,
        bad_slots,
        slot_faults,
        requirement_set,
        faults: outer.faults,
    })
}

impl<'a> SuperBlob<'a> {
    fn find(&self, slot: u32) -> Option<&BlobIndex> {
        self.blobs.iter().find(|blob| blob.slot == slot)
    }

    /// The whole blob with its header.
    fn blob(&self, slot: u32) -> Option<&'a [u8]> {
        let blob = self.find(slot)?;
        let end = blob.offset.checked_add(blob.length)?;
        self.bytes.get(blob.offset as usize..end as usize)
    }

    /// The blob without its header; `None`, and a fault, when its magic is another.
    fn payload(&mut self, slot: u32, magic: u32) -> Option<&'a [u8]> {
        let blob = self.find(slot)?;
        if blob.magic != magic {
            let fault = ReadError::new(format!("slot {slot:#x} holds a blob with magic {:#010x}", blob.magic), u64::from(blob.offset));
            self.faults.push(fault);
            return None;
        }
        self.blob(slot)?.get(8..)
    }
}

pub(super) fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(digits.try_into().ok()?))
}

fn index(bytes: &[u8]) -> Result<SuperBlob<'_>, ReadError> {
    let cut_off = || ReadError::new("signature cut off", 0);
    let magic = word(bytes, 0).ok_or_else(cut_off)?;
    let length = word(bytes, 4).ok_or_else(cut_off)?;
    let mut faults = Vec::new();
    if bytes.len() < length as usize {
        faults.push(ReadError::new("signature longer than its place in the file", 4));
    }
    let bytes = bytes.get(..length as usize).unwrap_or(bytes);
    if magic == MAGIC_CODE_DIRECTORY {
        // The kernel takes a bare CodeDirectory too (`cs_validate_csblob`).
        let length = u32::try_from(bytes.len()).map_err(|_| cut_off())?;
        return Ok(SuperBlob { bytes, blobs: vec![BlobIndex { slot: SLOT_DIRECTORY, magic, offset: 0, length }], faults });
    }
    if magic != MAGIC_SUPER_BLOB {
        return Err(ReadError::new(format!("signature with magic {magic:#010x}"), 0));
    }
    let count = word(bytes, 8).ok_or_else(cut_off)?;
    if count > MAX_BLOBS {
        faults.push(ReadError::new(format!("signature with {count} blobs, of which {MAX_BLOBS} are read"), 8));
    }
    let mut blobs: Vec<BlobIndex> = Vec::new();
    for number in 0..count.min(MAX_BLOBS) {
        let at = (number as usize).saturating_mul(8).saturating_add(12);
        let Some((slot, offset)) = word(bytes, at).zip(word(bytes, at.saturating_add(4))) else {
            faults.push(ReadError::new("index of the signature cut off", at as u64));
            break;
        };
        match entry(bytes, slot, offset) {
            Ok(blob) if blobs.iter().any(|known| known.slot == blob.slot) => {
                faults.push(ReadError::new(format!("slot {slot:#x} twice; the first counts"), u64::from(offset)));
            }
            Ok(blob) => blobs.push(blob),
            Err(fault) => faults.push(fault),
        }
    }
    Ok(SuperBlob { bytes, blobs, faults })
}

fn entry(bytes: &[u8], slot: u32, offset: u32) -> Result<BlobIndex, ReadError> {
    let start = offset as usize;
    let header = word(bytes, start).zip(start.checked_add(4).and_then(|at| word(bytes, at)));
    let (magic, length) =
        header.ok_or_else(|| ReadError::new(format!("blob of slot {slot:#x} outside the signature"), u64::from(offset)))?;
    let end = offset.checked_add(length).map(|end| end as usize);
    if length < 8 || end.is_none_or(|end| end > bytes.len()) {
        return Err(ReadError::new(format!("blob of slot {slot:#x} with a length of {length}"), u64::from(offset)));
    }
    Ok(BlobIndex { slot, magic, offset, length })
}

/// Every readable CodeDirectory: slot 0 first, then the alternates. An error, the first fault, when there is none.
fn directories(outer: &mut SuperBlob<'_>) -> Result<Vec<CodeDirectory>, ReadError> {
    let mut budget = MAX_CODE_SLOTS;
    let mut directories = Vec::new();
    let mut faults = Vec::new();
    for slot in std::iter::once(SLOT_DIRECTORY).chain(SLOTS_ALTERNATE) {
        let Some((blob, bytes)) = outer.find(slot).zip(outer.blob(slot)) else { continue };
        let base = u64::from(blob.offset);
        if blob.magic != MAGIC_CODE_DIRECTORY {
            faults.push(ReadError::new(format!("slot {slot:#x} holds no CodeDirectory"), base));
            continue;
        }
        match directory::read(bytes, slot, base, &mut budget) {
            Ok(directory) => directories.push(directory),
            Err(fault) => faults.push(fault),
        }
    }
    if directories.is_empty() {
        let first = faults.into_iter().chain(outer.faults.drain(..)).next();
        return Err(first.unwrap_or_else(|| ReadError::new("signature without a CodeDirectory", 0)));
    }
    if outer.find(SLOT_DIRECTORY).is_none() {
        faults.push(ReadError::new("signature without a primary CodeDirectory", 0));
    }
    outer.faults.append(&mut faults);
    Ok(directories)
}

/// Index of the directory with the strongest digest. The kernel refuses two of one type; then the first counts here.
fn choose(directories: &[CodeDirectory], faults: &mut Vec<ReadError>) -> usize {
    let mut best: Option<(usize, u8)> = None;
    for (index, directory) in directories.iter().enumerate() {
        if directories.iter().take(index).any(|other| other.hash_type == directory.hash_type) {
            faults.push(ReadError::new(format!("two CodeDirectories of one digest type (slot {:#x})", directory.slot), 0));
        }
        let rank = directory.hash_type.rank();
        if best.is_none_or(|(_, highest)| rank > highest) {
            best = Some((index, rank));
        }
    }
    best.map_or(0, |(index, _)| index)
}

fn read_requirements(blob: &[u8]) -> Result<requirement::RequirementSet, ReadError> {
    if blob.len() > requirement::MAX_REQUIREMENT {
        return Err(ReadError::new("requirements longer than Temper reads", 0));
    }
    requirement::read_set(blob)
}

/// The constraint of a slot; `None` when the slot is not there. One that cannot be read is there, with its fault.
fn read_constraint(outer: &SuperBlob<'_>, slot: ConstraintSlot) -> Option<Constrained> {
    let (blob, bytes) = outer.find(slot.number()).zip(outer.blob(slot.number()))?;
    let fault = |what: String| ReadError::new(what, u64::from(blob.offset));
    let constraint = match bytes.get(8..) {
        _ if blob.magic != MAGIC_CONSTRAINT => Err(fault(format!("no constraint: a blob with magic {:#010x}", blob.magic))),
        Some(payload) if payload.len() <= MAX_CONSTRAINT => constraint::read(payload).map_err(|mut fault| {
            fault.offset = fault.offset.saturating_add(u64::from(blob.offset)).saturating_add(8);
            fault
        }),
        _ => Err(fault("constraint longer than Temper reads".into())),
    };
    Some(Constrained { slot, constraint })
}

/// A blob needs its digest (`ubc_subr.c csblob_get_entitlements`), and a digest needs its blob (`StaticCode.cpp component`); slot 3 is the digest of a file.
fn bad_slots(outer: &SuperBlob<'_>, directory: &CodeDirectory) -> Vec<u32> {
    let is_bad = |slot: u32| {
        let digest = (slot as usize).checked_sub(1).and_then(|index| directory.special_slots.get(index)).and_then(Option::as_ref);
        match outer.blob(slot) {
            Some(blob) => digest.is_none() || directory.hash_type.digest(blob).as_ref() != digest,
            None => digest.is_some() && slot != SLOT_RESOURCES,
        }
    };
    SLOTS_HASHED.filter(|&slot| is_bad(slot)).collect()
}

/// The CMS; `None` when there is none or the wrapper is empty. One that cannot be read is there, with its fault and nothing else.
fn read_cms(outer: &mut SuperBlob<'_>, directories: &[CodeDirectory]) -> Option<Cms> {
    let offset = u64::from(outer.find(SLOT_CMS)?.offset).saturating_add(8);
    let payload = outer.payload(SLOT_CMS, MAGIC_WRAPPER)?;
    if payload.is_empty() {
        return None;
    }
    let raw: Vec<&[u8]> = directories.iter().filter_map(|directory| outer.blob(directory.slot)).collect();
    let read = if payload.len() > MAX_CMS { Err(ReadError::new("CMS longer than Temper reads", 0)) } else { cms::read(payload, &raw) };
    Some(read.unwrap_or_else(|mut fault| {
        fault.offset = fault.offset.saturating_add(offset);
        cms::unreadable(payload.len(), fault)
    }))
}

/// Count of requirements in the vector of slot 2.
/// `None` too when the set is cut off; its own error says so ([`Signature::requirement_set`]).
fn requirements(outer: &mut SuperBlob<'_>) -> Option<u32> {
    let payload = outer.payload(SLOT_REQUIREMENTS, MAGIC_REQUIREMENTS)?;
    let fits = |count: &u32| (*count as usize).saturating_mul(8).saturating_add(4) <= payload.len();
    word(payload, 0).filter(fits)
}
