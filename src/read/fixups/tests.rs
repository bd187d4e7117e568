#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice
)]

use super::*;
use crate::read::macho::test_image::{TestImage, chained, classic, got, stubs, words};
use crate::read::macho::{self, Arch};

fn bindings(image: &TestImage) -> Bindings {
    let bytes = image.bytes();
    read(&bytes, &macho::read(&bytes).unwrap())
}

fn pairs(map: &BTreeMap<u64, String>) -> Vec<(u64, &str)> {
    map.iter().map(|(&address, name)| (address, name.as_str())).collect()
}

#[test]
fn a_classic_image_names_stubs_slots_symbols_and_functions() {
    let found = bindings(&classic());
    assert_eq!(found.faults, []);
    assert_eq!(pairs(&found.stubs), [(0x1_0000_0900, "_mmap")]);
    assert_eq!(pairs(&found.slots), [(0x1_0000_1000, "_mmap"), (0x1_0000_1008, "_gone")]);
    assert_eq!(pairs(&found.defined), [(0x1_0000_0000, "__mh_execute_header"), (0x1_0000_0800, "_main")]);
    assert_eq!(found.functions, [0x1_0000_0800, 0x1_0000_0840]);
}

/// A chained image without symbol tables: one stub, through the second slot of `__got`.
fn chained_image(pointer_format: u16, pointers: [u64; 2], stub: &[u32]) -> TestImage {
    let table = chained(pointer_format, 1, &words(&[(1 << 9) | 1, (9 << 9) | 1]), 2, b"\0_dlopen\0_mmap\0", 0x1000);
    let mut section = stubs(0x1_0000_0900, 0x900, 0);
    section.size = stub.len() as u64 * 4;
    section.reserved[1] = stub.len() as u32 * 4;
    TestImage::arm64()
        .segment("__TEXT", 0x1_0000_0000, 0x1000, 0, &[section])
        .segment("__DATA_CONST", 0x1_0000_1000, 0x100, 0x1000, &[got(0x1_0000_1000, 0x1000, 2, 0)])
        .library(0xc, "/usr/lib/libSystem.B.dylib")
        .command(0x8000_0034, &[0x1100, table.len() as u32], &[])
        .at(0x900, &words(stub))
        .at(0x1000, &pointers.map(u64::to_le_bytes).concat())
        .at(0x1100, &table)
}

const PLAIN_STUB: [u32; 3] = [0xb000_0010, 0xf940_0610, 0xd61f_0200];

#[test]
fn chained_pointers_of_all_user_formats_name_slots_and_stubs() {
    let bind = 1u64 << 62;
    let auth = 1u64 << 63;
    // (format, `next` in the first pointer, bind bits of both): the second pointer lies 8 bytes on.
    let formats = [
        (1u16, 1u64 << 51, [bind, bind | auth]),
        (9, 1 << 51, [bind, bind | auth]),
        (12, 1 << 51, [bind, bind | auth]),
        (2, 2 << 51, [auth, auth]),
        (6, 2 << 51, [auth, auth]),
    ];
    for (format, next, bits) in formats {
        let found = bindings(&chained_image(format, [bits[0] | next, bits[1] | 1], &PLAIN_STUB));
        assert_eq!(found.faults, [], "format {format}");
        assert_eq!(pairs(&found.slots), [(0x1_0000_1000, "_dlopen"), (0x1_0000_1008, "_mmap")], "format {format}");
        assert_eq!(pairs(&found.stubs), [(0x1_0000_0900, "_mmap")], "format {format}");
    }
}

#[test]
fn an_authenticated_stub_is_decoded() {
    // adrp x17; add x17, x17, #8; ldr x16, [x17]; braa x16, x17
    let stub = [0xb000_0011, 0x9100_2231, 0xf940_0230, 0xd71f_0a11];
    let image = chained_image(12, [(1 << 62) | (1 << 51), (3 << 62) | 1], &stub).cpu(0x0100_000c, 0x8000_0002);
    assert_eq!(pairs(&bindings(&image).stubs), [(0x1_0000_0900, "_mmap")]);
}

#[test]
fn a_rebase_names_nothing() {
    let found = bindings(&chained_image(6, [(2 << 51) | 0x800, (1 << 63) | 1], &PLAIN_STUB));
    assert_eq!(pairs(&found.slots), [(0x1_0000_1008, "_mmap")]);
}

#[test]
fn a_bind_to_a_missing_import_is_a_fault() {
    let found = bindings(&chained_image(6, [(1 << 63) | 2, 0], &PLAIN_STUB));
    assert!(found.faults[0].what.contains("import that is not there"), "{:?}", found.faults);
}

#[test]
fn a_chain_that_leaves_its_segment_is_a_fault() {
    let found = bindings(&chained_image(6, [(1 << 63) | (0xfff << 51), 0], &PLAIN_STUB));
    assert!(found.faults[0].what.contains("chained fixups"), "{:?}", found.faults);
    assert_eq!(pairs(&found.slots), [(0x1_0000_1000, "_dlopen")]);
}

#[test]
fn stub_code_says_its_slot() {
    let slot = |arch, code: &[u8], address| stub_code::slot_of(arch, code, address);
    assert_eq!(slot(Arch::X86_64, &[0xff, 0x25, 0xfa, 0x0f, 0, 0], 0x1000), Some(0x2000));
    assert_eq!(slot(Arch::X86_64, &[0xff, 0x25, 0xfa, 0xff, 0xff, 0xff], 0x1000), Some(0x1000));
    assert_eq!(slot(Arch::X86_64, &[0xf3, 0x0f, 0x1e, 0xfa, 0xff, 0x25, 0xf6, 0x0f, 0, 0], 0x1000), Some(0x2000));
    assert_eq!(slot(Arch::X86_64, &[0xe9, 0, 0, 0, 0, 0], 0x1000), None);
    // nop; ldr x16, #8; br x16
    assert_eq!(slot(Arch::Arm64, &words(&[0xd503_201f, 0x5800_0050, 0xd61f_0200]), 0x1000), Some(0x100c));
    // ldr from a register that nothing set.
    assert_eq!(slot(Arch::Arm64, &words(&[0xb000_0010, 0xf940_0630, 0xd61f_0200]), 0x1000), None);
    assert_eq!(slot(Arch::I386, &[0xff, 0x25, 0, 0, 0, 0], 0x1000), None);
}

#[test]
fn an_export_trie_stands_in_for_stripped_symbols() {
    // "_a" at 0x10, "_b" at 0x20 under the common edge "_".
    let trie = [0, 1, b'_', 0, 5, 0, 2, b'a', 0, 13, b'b', 0, 17, 2, 0, 0x10, 0, 2, 0, 0x20, 0];
    let image = TestImage::arm64().segment("__TEXT", 0x1_0000_0000, 0x200, 0, &[]).command(0x8000_0033, &[0x200, trie.len() as u32], &[]);
    let found = bindings(&image.at(0x200, &trie));
    assert_eq!(found.faults, []);
    assert_eq!(pairs(&found.defined), [(0x1_0000_0010, "_a"), (0x1_0000_0020, "_b")]);
}

#[test]
fn a_trie_that_shares_nodes_is_not_walked_twice() {
    // Each node has two edges to the next: 2⁶⁰ paths.
    let node = |next: u64| {
        let offset = [(next * 10 % 128) as u8 | 0x80, (next * 10 / 128) as u8];
        [&[0, 2, b'a', 0][..], &offset, &[b'b', 0], &offset].concat()
    };
    let trie: Vec<u8> = (1..=60).flat_map(node).chain([0, 0]).collect();
    assert!(defined::walk_trie(&trie, 0, &mut BTreeMap::new()).is_err());
}

#[test]
fn sections_that_claim_the_same_stubs_again_and_again_are_a_fault() {
    let mut section = stubs(0x1_0000_0900, 0x900, 0);
    section.size = 4_000_000;
    section.reserved[1] = 1;
    let sections = vec![section; 16_000];
    let image = TestImage::arm64()
        .segment("__TEXT", 0x1_0000_0000, 0x60_0000, 0, &sections)
        .command(0xb, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x20_0000, 900_000, 0, 0, 0, 0], &[])
        .at(0x20_0000, &[0xff; 3_600_000])
        .at(0x5f_ffff, &[0]);
    let found = bindings(&image);
    assert!(found.stubs.is_empty());
    assert!(found.faults.iter().any(|fault| fault.what.contains("more stubs and symbol pointers")), "{:?}", found.faults);
}
