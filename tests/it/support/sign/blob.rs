//! SuperBlob, CodeDirectory, requirements (`cs_blobs.h`, `requirement.h`). Integers are big-endian.

use super::macho::Image;
use super::{DerForm, Identity, RUNTIME, SignOptions, cms, der};
use sha2::{Digest, Sha256};

const ADHOC: u32 = 0x2;
const HASH: usize = 32;

/// A blob: magic, length, payload.
fn blob(magic: u32, payload: &[u8]) -> Vec<u8> {
    [&magic.to_be_bytes()[..], &(payload.len() as u32 + 8).to_be_bytes(), payload].concat()
}

/// Blobs with their numbers, behind an index.
fn indexed(magic: u32, blobs: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut index = (blobs.len() as u32).to_be_bytes().to_vec();
    let mut body: Vec<u8> = Vec::new();
    let start = 12 + blobs.len() * 8;
    for (number, bytes) in blobs {
        index.extend(number.to_be_bytes());
        index.extend(((start + body.len()) as u32).to_be_bytes());
        body.extend(bytes);
    }
    index.extend(body);
    blob(magic, &index)
}

/// What a CodeDirectory covers.
struct Covered<'a> {
    code: &'a [u8],
    /// Pages of 1 << this many bytes; 0 for one page of everything.
    page_shift: u8,
    text: (u64, u64),
    is_executable: bool,
    sdk: u32,
}

impl<'a> Covered<'a> {
    fn of(image: &'a Image, options: &SignOptions) -> Self {
        let page_shift = options.page_shift.unwrap_or(if image.is_arm64() { 14 } else { 12 });
        Self { code: image.code(), page_shift, text: image.text, is_executable: image.is_executable(), sdk: image.sdk }
    }
}

/// The signature of what is no Mach-O, by the names of its parts (`bundlediskrep.cpp`, `filediskrep.cpp`).
pub fn parts(code: &[u8], options: &SignOptions) -> Vec<(&'static str, Vec<u8>)> {
    let covered = Covered { code, page_shift: 0, text: (0, 0), is_executable: false, sdk: 0 };
    let options = SignOptions { flags: options.flags & !RUNTIME, ..options.clone() };
    let requirements = requirements(&options);
    let directory = code_directory(&covered, &options, &[(2, requirements.clone())]);
    let cms = cms::signed_data(options.identity, &directory, options.signing_time, options.timestamp);
    vec![("CodeDirectory", directory), ("CodeRequirements", requirements), ("CodeSignature", cms)]
}

/// The whole embedded signature.
pub fn super_blob(image: &Image, options: &SignOptions) -> Vec<u8> {
    let mut blobs = vec![(2, requirements(options))];
    if image.is_executable() || options.force_entitlements {
        blobs.extend(entitlements(options));
    }
    blobs.extend(options.constraints.iter().map(|(slot, der)| (*slot, blob(0xfade_8181, der))));
    let directory = code_directory(&Covered::of(image, options), options, &blobs);
    let cms = cms::signed_data(options.identity, &directory, options.signing_time, options.timestamp);
    blobs.insert(0, (0, directory));
    blobs.push((0x10000, blob(0xfade_0b01, &cms)));
    indexed(0xfade_0cc0, &blobs)
}

fn entitlements(options: &SignOptions) -> Vec<(u32, Vec<u8>)> {
    let Some(xml) = &options.entitlements else { return Vec::new() };
    let mut blobs = vec![(5, blob(0xfade_7171, xml))];
    let bytes = match &options.der {
        DerForm::FromXml => Some(der::entitlements(&plist::Value::from_reader_xml(xml.as_slice()).unwrap())),
        DerForm::Omitted => None,
        DerForm::Bytes(bytes) => Some(bytes.clone()),
    };
    blobs.extend(bytes.map(|bytes| (7, blob(0xfade_7172, &bytes))));
    blobs
}

/// The designated requirement `codesign` writes for a Developer ID (TN3127); an empty set for ad hoc.
fn requirements(options: &SignOptions) -> Vec<u8> {
    let Some(team) = options.identity.team() else { return indexed(0xfade_0c01, &[]) };
    let (and, ident, anchor, field, generic) = (6u32, 2u32, 15u32, 11u32, 14u32);
    let mut code = 1u32.to_be_bytes().to_vec();
    let word = |code: &mut Vec<u8>, value: u32| code.extend(value.to_be_bytes());
    let data = |code: &mut Vec<u8>, bytes: &[u8]| {
        code.extend((bytes.len() as u32).to_be_bytes());
        code.extend(bytes);
        code.resize(code.len().next_multiple_of(4), 0);
    };
    for op in [and, and, and, and, ident] {
        word(&mut code, op);
    }
    data(&mut code, options.identifier.as_bytes());
    word(&mut code, anchor);
    for (certificate, name) in [(1, options.identity.marks().0), (0, options.identity.marks().1)] {
        word(&mut code, generic);
        word(&mut code, certificate);
        data(&mut code, &der::oid(name)[2..]);
        word(&mut code, 0); // exists
    }
    word(&mut code, field);
    word(&mut code, 0);
    data(&mut code, b"subject.OU");
    word(&mut code, 1); // equal
    data(&mut code, team.as_bytes());
    indexed(0xfade_0c01, &[(3, blob(0xfade_0c00, &code))])
}

/// The same requirement as text, for seals.
pub fn requirement_text(identifier: &str, identity: Identity, cdhashes: &[[u8; 20]]) -> String {
    let hex = |hash: &[u8; 20]| hash.iter().map(|b| format!("{b:02x}")).collect::<String>();
    match identity.team() {
        Some(team) => format!(
            "identifier \"{identifier}\" and anchor apple generic and certificate 1[field.{}] /* exists */ and \
             certificate leaf[field.{}] /* exists */ and certificate leaf[subject.OU] = {team}",
            identity.marks().0,
            identity.marks().1
        ),
        None => cdhashes.iter().map(|hash| format!("cdhash H\"{}\"", hex(hash))).collect::<Vec<_>>().join(" or "),
    }
}

fn code_directory(covered: &Covered<'_>, options: &SignOptions, blobs: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let special = special_slots(options, blobs);
    let code = covered.code;
    let page = if covered.page_shift == 0 { code.len().max(1) } else { 1usize << covered.page_shift };
    let runtime = options.runtime_version.unwrap_or(if options.flags & RUNTIME != 0 { covered.sdk } else { 0 });
    let hardened = runtime != 0;
    let header = if hardened { 96 } else { 88 };
    let mut names = [options.identifier.as_bytes(), &[0]].concat();
    let team_offset = options.identity.team().map_or(0, |team| {
        let offset = header + names.len();
        names.extend(team.as_bytes());
        names.push(0);
        offset
    });
    let hash_offset = header + names.len() + special.len() * HASH;
    let count = code.len().div_ceil(page);
    let flags = options.flags | if options.identity == Identity::AdHoc { ADHOC } else { 0 };

    let mut out = Vec::new();
    let mut word = |value: usize| out.extend((value as u32).to_be_bytes());
    word(if hardened { 0x20500 } else { 0x20400 });
    word(flags as usize);
    word(hash_offset);
    word(header);
    word(special.len());
    word(count);
    word(code.len());
    out.extend([HASH as u8, 2, 0, covered.page_shift]);
    out.extend([0; 8]); // spare2, scatterOffset
    out.extend((team_offset as u32).to_be_bytes());
    out.extend([0; 12]); // spare3, codeLimit64
    for value in [covered.text.0, covered.text.1, u64::from(covered.is_executable)] {
        out.extend(value.to_be_bytes());
    }
    if hardened {
        out.extend(runtime.to_be_bytes());
        out.extend([0; 4]); // preEncryptOffset
    }
    out.extend(names);
    out.extend(special.iter().rev().flatten());
    out.extend(code.chunks(page).flat_map(|page| Sha256::digest(page).to_vec()));
    blob(0xfade_0c02, &out)
}

/// Digests of slots −1 and down; all zero where there is nothing.
fn special_slots(options: &SignOptions, blobs: &[(u32, Vec<u8>)]) -> Vec<[u8; HASH]> {
    let files = [(1, &options.info_plist), (3, &options.code_resources)];
    let files = files.iter().filter_map(|(slot, bytes)| bytes.as_ref().map(|bytes| (*slot, bytes)));
    let all: Vec<(u32, [u8; HASH])> =
        blobs.iter().map(|(slot, bytes)| (*slot, bytes)).chain(files).map(|(slot, bytes)| (slot, Sha256::digest(bytes).into())).collect();
    let last = all.iter().map(|(slot, _)| *slot).max().unwrap_or(0);
    (1..=last).map(|slot| all.iter().find(|(number, _)| *number == slot).map_or([0; HASH], |(_, hash)| *hash)).collect()
}
