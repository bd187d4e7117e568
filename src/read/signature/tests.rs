#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice
)]

use super::*;
use crate::read::cms::practice::{AUTHORITY, LEAF, certificate, signed_data};
use crate::read::entitlements::Value;

const XML: &[u8] = b"<plist><dict><key>com.apple.security.cs.allow-jit</key><true/></dict></plist>";
/// 4096 bytes of one value and 1,000 of another.
fn code() -> Vec<u8> {
    [vec![0xaa; 4096], vec![0xbb; 1000]].concat()
}

fn blob(magic: u32, payload: &[u8]) -> Vec<u8> {
    [&magic.to_be_bytes(), &(payload.len() as u32 + 8).to_be_bytes(), payload].concat()
}

/// A CodeDirectory of version 0x20500 over [`code`].
fn directory(hash_type: HashType, number: u8, special: &[(usize, &[u8])]) -> Vec<u8> {
    let size = hash_type.size().unwrap() as usize;
    let count = special.iter().map(|(slot, _)| *slot).max().unwrap_or(0);
    let mut slots = vec![0; count * size];
    for (slot, bytes) in special {
        let at = (count - slot) * size;
        slots[at..at + size].copy_from_slice(&hash_type.digest(bytes).unwrap());
    }
    let code = code();
    for page in code.chunks(4096) {
        slots.extend(hash_type.digest(page).unwrap());
    }
    let mut bytes = vec![0_u8; 96];
    let put = |bytes: &mut Vec<u8>, at: usize, value: u32| bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
    put(&mut bytes, 0, 0xfade_0c02);
    put(&mut bytes, 8, 0x20500);
    put(&mut bytes, 12, 0x10000);
    put(&mut bytes, 20, 96);
    put(&mut bytes, 24, count as u32);
    put(&mut bytes, 28, 2);
    put(&mut bytes, 32, code.len() as u32);
    bytes[36..40].copy_from_slice(&[size as u8, number, 0, 12]);
    bytes[87] = 1;
    put(&mut bytes, 88, 0x000f_0200);
    bytes.extend(b"com.example.app\0");
    let team = bytes.len() as u32;
    put(&mut bytes, 48, team);
    bytes.extend(b"TEAM123456\0");
    let first = (bytes.len() + count * size) as u32;
    put(&mut bytes, 16, first);
    bytes.extend(slots);
    let length = bytes.len() as u32;
    put(&mut bytes, 4, length);
    bytes
}

fn super_blob(blobs: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut offset = 12 + 8 * blobs.len();
    let (mut index, mut body) = (Vec::new(), Vec::new());
    for (slot, blob) in blobs {
        index.extend(slot.to_be_bytes());
        index.extend((offset as u32).to_be_bytes());
        offset += blob.len();
        body.extend(blob);
    }
    let header = [0xfade_0cc0_u32, offset as u32, blobs.len() as u32].map(u32::to_be_bytes).concat();
    [header, index, body].concat()
}

fn requirements() -> Vec<u8> {
    blob(0xfade_0c01, &[0; 4])
}

/// Requirements, entitlements and a CMS by the practice leaf.
fn whole() -> Vec<u8> {
    let xml = blob(0xfade_7171, XML);
    let directory = directory(HashType::Sha256, 2, &[(2, &requirements()), (5, &xml)]);
    let cms = signed_data(&directory, LEAF, &[certificate(LEAF), certificate(AUTHORITY)]);
    super_blob(&[(0, directory), (2, requirements()), (5, xml), (0x10000, blob(0xfade_0b01, &cms))])
}

#[test]
fn every_field_of_a_signature_is_read() {
    let mut bytes = whole();
    bytes.extend([0; 64]); // The load command's range is padded.
    let signature = read(&bytes).unwrap();
    assert_eq!(signature.faults, []);
    let directory = signature.directory().unwrap();
    assert_eq!((directory.version, directory.flags.names()), (0x20500, vec!["runtime"]));
    assert_eq!((directory.identifier.as_str(), directory.team.as_deref()), ("com.example.app", Some("TEAM123456")));
    assert_eq!((directory.page_size, directory.code_limit, directory.code_slots.len()), (12, 5096, 2));
    assert_eq!(directory.exec_segment, Some((0, 0, 1)));
    assert_eq!(directory.runtime_version.unwrap().to_string(), "15.2.0");
    assert_eq!(directory.special_slots.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true, false, false, true]);
    assert_eq!(directory.cdhash, directory.digest[..20]);
    assert_eq!(signature.entitlements.unwrap().entries, [("com.apple.security.cs.allow-jit".to_owned(), Value::Bool(true))]);
    assert_eq!((signature.requirements, signature.bad_slots, signature.constraints), (Some(0), vec![], vec![]));
    let cms = signature.cms.unwrap();
    assert!(cms.signature_verifies && cms.digest_matches);
    assert_eq!(cms.cdhashes_match, Some(true));
}

#[test]
fn fields_of_later_versions_are_not_read_from_earlier_ones() {
    let mut bytes = directory(HashType::Sha256, 2, &[]);
    bytes[8..12].copy_from_slice(&0x20100_u32.to_be_bytes());
    let signature = read(&super_blob(&[(0, bytes)])).unwrap();
    let directory = signature.directory().unwrap();
    assert_eq!((directory.team.as_deref(), directory.exec_segment, directory.runtime_version), (None, None, None));
}

#[test]
fn the_strongest_directory_is_chosen() {
    let types = [(HashType::Sha1, 1), (HashType::Sha256Truncated, 3), (HashType::Sha256, 2), (HashType::Sha384, 4)];
    for count in 1..=types.len() {
        let mut blobs: Vec<_> = types[..count].iter().enumerate().collect();
        blobs.reverse(); // The order in the index does not matter.
        let blobs: Vec<_> = blobs
            .into_iter()
            .map(|(index, (hash_type, number))| (if index == 0 { 0 } else { 0xfff + index as u32 }, directory(*hash_type, *number, &[])))
            .collect();
        let signature = read(&super_blob(&blobs)).unwrap();
        assert_eq!(signature.directory().unwrap().hash_type, types[count - 1].0);
        assert_eq!(signature.directories.len(), count);
        assert_eq!(signature.faults, []);
    }
}

#[test]
fn two_directories_of_one_type_are_a_fault() {
    let one = directory(HashType::Sha256, 2, &[]);
    let signature = read(&super_blob(&[(0, one.clone()), (0x1000, one)])).unwrap();
    assert_eq!(signature.chosen, 0);
    assert!(signature.faults[0].what.contains("two CodeDirectories"));
}

#[test]
fn a_blob_with_a_wrong_or_missing_digest_is_bad() {
    let xml = blob(0xfade_7171, XML);
    let der = blob(0xfade_7172, &[0x70, 0x05, 0x02, 0x01, 0x01, 0xb0, 0x00]);
    let constraint = blob(0xfade_8181, &[]);
    let directory = directory(HashType::Sha256, 2, &[(2, b"other"), (5, &xml)]);
    let signature = read(&super_blob(&[(0, directory), (2, requirements()), (5, xml), (7, der), (8, constraint)])).unwrap();
    assert_eq!(signature.bad_slots, [2, 7, 8]);
    let [constrained] = signature.constraints.as_slice() else { panic!("{:?}", signature.constraints) };
    assert_eq!(constrained.slot, ConstraintSlot::Itself);
    assert!(constrained.constraint.as_ref().unwrap_err().what.contains("no constraint"));
}

#[test]
fn an_entitlements_digest_without_its_blob_is_bad() {
    let directory = directory(HashType::Sha256, 2, &[(5, XML), (3, b"resources")]);
    assert_eq!(read(&super_blob(&[(0, directory)])).unwrap().bad_slots, [5]);
}

#[test]
fn an_empty_or_unreadable_cms_is_told_apart() {
    let directory = directory(HashType::Sha256, 2, &[]);
    let with = |cms: &[u8]| read(&super_blob(&[(0, directory.clone()), (0x10000, blob(0xfade_0b01, cms))])).unwrap().cms;
    assert_eq!(with(&[]), None);
    let damaged = with(&[0x30, 0x80]).unwrap();
    assert_eq!((damaged.chain.len(), damaged.faults.len(), damaged.length), (0, 1, 2));
}

#[test]
fn what_has_no_directory_is_an_error() {
    for bytes in [vec![], vec![0; 64], super_blob(&[]), super_blob(&[(2, requirements())]), super_blob(&[(0, requirements())])] {
        assert!(read(&bytes).is_err());
    }
}

#[test]
fn an_index_that_claims_more_than_there_is_stays_bounded() {
    let mut bytes = super_blob(&[(0, directory(HashType::Sha256, 2, &[]))]);
    bytes[8..12].copy_from_slice(&u32::MAX.to_be_bytes());
    let signature = read(&bytes).unwrap();
    assert!(signature.faults.len() <= 1_002);
    let mut many = directory(HashType::Sha256, 2, &[]);
    many[28..32].copy_from_slice(&u32::MAX.to_be_bytes());
    assert!(read(&super_blob(&[(0, many)])).unwrap_err().what.contains("slots outside"));
}

fn chosen() -> CodeDirectory {
    read(&super_blob(&[(0, directory(HashType::Sha256, 2, &[]))])).unwrap().directory().unwrap().clone()
}

#[test]
fn pages_match_however_the_bytes_are_cut() {
    for (hash_type, number) in [(HashType::Sha1, 1), (HashType::Sha256, 2), (HashType::Sha256Truncated, 3), (HashType::Sha384, 4)] {
        let directory = read(&super_blob(&[(0, directory(hash_type, number, &[]))])).unwrap().directory().unwrap().clone();
        for size in [1, 7, 4095, 4096, 4097, 9000] {
            let mut check = PageCheck::new(&directory).unwrap();
            [code(), vec![1; 500]].concat().chunks(size).for_each(|bytes| check.feed(bytes));
            assert_eq!(check.finish(), PageResult { checked: 2, bad_count: 0, bad: vec![] });
        }
    }
}

#[test]
fn checks_that_share_the_pages_find_what_one_finds() {
    let mut changed = code();
    changed[4100] ^= 1;
    for bytes in [code(), changed.clone(), changed[..5000].to_vec()] {
        let directory = chosen();
        let (first, second) = bytes.split_at(4096);
        let mut one = PageCheck::new(&directory).unwrap();
        let mut other = PageCheck::new(&directory).unwrap();
        other.seek(4096);
        other.feed(second);
        one.feed(first);
        one.merge(other);
        assert_eq!(one.finish(), check_pages(&bytes, &directory).unwrap());
    }
}

#[test]
fn a_changed_page_and_a_missing_page_are_bad() {
    let mut changed = code();
    changed[4100] ^= 1;
    assert_eq!(check_pages(&changed, &chosen()).unwrap().bad, [1]);
    assert_eq!(check_pages(&code()[..4096].to_vec(), &chosen()).unwrap().bad, [1]);
    assert_eq!(check_pages(&code()[..5095].to_vec(), &chosen()).unwrap().bad, [1]);
    assert_eq!(check_pages(&code()[..4000].to_vec(), &chosen()).unwrap().bad, [0, 1]);
}

#[test]
fn a_page_beyond_the_slots_is_bad_and_a_huge_limit_costs_nothing() {
    let mut directory = chosen();
    directory.code_limit = u64::MAX;
    let result = check_pages(&code(), &directory).unwrap();
    assert_eq!((result.bad.len(), result.checked), (4096, u64::MAX.div_ceil(4096)));
    assert_eq!(result.bad_count, result.checked - 1);
}

#[test]
fn page_sizes_and_digests_the_kernel_refuses_are_not_checked() {
    for page_size in [0, 11, 13, 16, 63, 255] {
        assert!(PageCheck::new(&CodeDirectory { page_size, ..chosen() }).is_none());
    }
    assert!(PageCheck::new(&CodeDirectory { hash_type: HashType::Other(5), ..chosen() }).is_none());
    assert!(check_pages(&code(), &CodeDirectory { page_size: 0, ..chosen() }).is_err());
}

#[test]
fn no_truncation_and_no_random_change_panics() {
    let bytes = whole();
    for end in 0..bytes.len() {
        let _ = read(&bytes[..end]);
    }
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    for _ in 0..500 {
        let mut changed = bytes.clone();
        for _ in 0..=random() % 4 {
            // Half of the changes hit the headers, where they matter most.
            let range = if random() % 2 == 0 { changed.len() } else { 200 };
            let at = random() % range;
            changed[at] = random() as u8;
        }
        if let Ok(signature) = read(&changed) {
            let directory = signature.directory().unwrap();
            if directory.code_limit < 1 << 20 {
                let _ = check_pages(&code(), directory);
            }
        }
    }
}
