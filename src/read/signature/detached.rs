//! Signatures whose parts lie apart: of bundles without Mach-O code in files of `_CodeSignature` (`bundlediskrep.cpp`), of other files in extended
//! attributes `com.apple.cs.NAME` (`filediskrep.cpp`).

use super::Signature;
use super::superblob::{self, MAGIC_SUPER_BLOB, MAGIC_WRAPPER, SLOT_CMS};
use crate::read::ReadError;

/// Name of the part without which there is no signature.
pub const CODE_DIRECTORY: &str = "CodeDirectory";

/// Longest part that is read (bytes): what is covered has one digest or a few, and the CMS is the longest.
pub const MAX_PART: usize = 8 << 20;

/// The extended attribute that keeps a part of a file's signature (`FileDiskRep::attrName`).
pub fn attribute(part: &str) -> String {
    format!("com.apple.cs.{part}")
}

/// Slots and the names under which their parts are kept (`CodeDirectory::canonicalSlotName`, whose names of alternate directories are odd). The seal is no part
/// here: it is compared where it lies.
const NAMES: [(u32, &str); 16] = [
    (0, CODE_DIRECTORY),
    (2, "CodeRequirements"),
    (4, "CodeTopDirectory"),
    (5, "CodeEntitlements"),
    (6, "CodeRepSpecific"),
    (7, "CodeEntitlementDER"),
    (8, "LaunchConstraintSelf"),
    (9, "LaunchConstraintParent"),
    (10, "LaunchConstraintResponsible"),
    (11, "LibraryConstraint"),
    (0x1000, "CodeRequirements-1"),
    (0x1001, "CodeRequirements-2"),
    (0x1002, "CodeRequirements-3"),
    (0x1003, "CodeRequirements-4"),
    (0x1004, "CodeRequirements-5"),
    (SLOT_CMS, "CodeSignature"),
];

/// Reads the signature from its parts; see [`super_blob`].
pub fn read_parts(part: impl Fn(&str) -> Option<Vec<u8>>) -> Option<Result<Signature, ReadError>> {
    super_blob(part).map(|bytes| superblob::read(&bytes?))
}

/// The SuperBlob that the parts would be in a Mach-O file. `part` gives one by its name, `None` when there is none. `None` without a CodeDirectory.
pub fn super_blob(part: impl Fn(&str) -> Option<Vec<u8>>) -> Option<Result<Vec<u8>, ReadError>> {
    let parts: Vec<(u32, &str, Vec<u8>)> = NAMES.iter().filter_map(|(slot, name)| Some((*slot, *name, part(name)?))).collect();
    let has_directory = parts.first().is_some_and(|(slot, ..)| *slot == 0);
    has_directory.then(|| join(&parts))
}

/// Only the CMS is kept without the header of a blob.
fn join(parts: &[(u32, &str, Vec<u8>)]) -> Result<Vec<u8>, ReadError> {
    let word =
        |value: usize| u32::try_from(value).map(u32::to_be_bytes).map_err(|_| ReadError::new("signature longer than Temper reads", 0));
    let start = parts.len().saturating_mul(8).saturating_add(12);
    let (mut index, mut blobs) = (Vec::new(), Vec::new());
    for (slot, name, bytes) in parts {
        index.extend(slot.to_be_bytes());
        index.extend(word(start.saturating_add(blobs.len()))?);
        if *slot == SLOT_CMS {
            blobs.extend(MAGIC_WRAPPER.to_be_bytes());
            blobs.extend(word(bytes.len().saturating_add(8))?);
        } else if superblob::word(bytes, 4).is_none_or(|length| length as usize > bytes.len()) {
            return Err(ReadError::new(format!("{name} cut off"), 0));
        }
        blobs.extend(bytes);
    }
    let length = start.saturating_add(blobs.len());
    Ok([&MAGIC_SUPER_BLOB.to_be_bytes()[..], &word(length)?, &word(parts.len())?, &index, &blobs].concat())
}
