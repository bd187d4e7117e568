#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice
)]

use super::test_image::{TestImage, chained, classic, words};
use super::*;
use crate::read::fixups;
use crate::read::source::Window;

/// Both readers on one slice.
fn read_all(bytes: &[u8]) -> Result<(MachO, fixups::Bindings), ReadError> {
    let bytes = bytes.to_vec();
    let macho = read(&bytes)?;
    let bindings = fixups::read(&bytes, &macho);
    Ok((macho, bindings))
}

fn faults(image: &TestImage) -> String {
    let (macho, bindings) = read_all(&image.bytes()).unwrap();
    macho.faults.iter().chain(&bindings.faults).map(|fault| fault.to_string()).collect::<Vec<_>>().join("; ")
}

#[test]
fn a_classic_image_gives_all_its_facts() {
    let bytes = classic().bytes();
    let macho = read(&bytes).unwrap();
    assert_eq!(macho.faults, []);
    assert_eq!((macho.arch, macho.is_64, macho.file_type, macho.flags), (Arch::Arm64, true, FileType::Execute, 0x85));
    assert_eq!(macho.uuid.as_deref(), Some("01020304-0506-0708-090A-0B0C0D0E0F10"));
    assert_eq!(
        (macho.platform, macho.min_os.unwrap().to_string(), macho.sdk.unwrap().to_string()),
        (Some(1), "11.0.0".into(), "26.2.0".into())
    );
    let libraries: Vec<_> = macho.libraries.iter().map(|library| (library.name.as_str(), library.kind)).collect();
    assert_eq!(libraries, [("/usr/lib/libSystem.B.dylib", LinkKind::Required), ("@rpath/libgone.dylib", LinkKind::Weak)]);
    assert_eq!(macho.rpaths, ["@executable_path/../Frameworks"]);
    assert_eq!(macho.dyld_environment, ["DYLD_X=1"]);
    let undefined: Vec<_> = macho.undefined.iter().map(|u| (u.name.as_str(), u.library.as_deref(), u.weak)).collect();
    assert_eq!(undefined, [("_gone", Some("@rpath/libgone.dylib"), true), ("_mmap", Some("/usr/lib/libSystem.B.dylib"), false)]);
    assert!(macho.imports("_mmap") && !macho.imports("_main"));
    assert!(macho.has_symbols);
    assert_eq!(macho.signature, Some(FileRange { offset: 0x11f0, size: 0x10 }));
    assert_eq!(macho.segments[1].address, 0x1_0000_1000);
    assert_eq!(macho.section("__TEXT", "__stubs").unwrap().reserved2, 12);
}

#[test]
fn every_truncation_gives_a_value_or_an_error() {
    let rows = words(&[(1 << 9) | 1]);
    let newer = classic().command(0x8000_0034, &[0x1300, 83], &[]).at(0x1300, &chained(6, 1, &rows, 1, b"\0_dlopen\0", 0x1000));
    for bytes in [classic().bytes(), newer.bytes()] {
        assert!(read_all(&bytes).is_ok());
        for end in 0..bytes.len() {
            let cut = bytes[..end].to_vec();
            if let Ok((macho, bindings)) = read_all(&cut) {
                assert!(!macho.faults.is_empty() || !bindings.faults.is_empty(), "a file cut at {end} bytes read without a fault");
            }
            let _ = slices(&cut);
        }
    }
}

#[test]
fn every_flipped_byte_gives_a_value_or_an_error() {
    let bytes = classic().bytes();
    for at in (0..0x500).chain(0x1100..0x1200) {
        for value in [0, 0x7f, 0xff] {
            let mut changed = bytes.clone();
            changed[at] = value;
            let _ = read_all(&changed);
        }
    }
}

#[test]
fn other_machines_are_read_too() {
    for (is_64, big_endian, cpu, arch) in [
        (false, false, (7, 3), Arch::I386),
        (true, false, (0x0100_0007, 8), Arch::X86_64),
        (true, false, (0x0100_000c, 0x8000_0002), Arch::Arm64e),
        (false, true, (18, 0), Arch::Other(18, 0)),
        (true, true, (0x0100_0012, 0), Arch::Other(0x0100_0012, 0)),
    ] {
        let image = TestImage::arm64().width(is_64, big_endian).cpu(cpu.0, cpu.1);
        let image = image.segment("__TEXT", 0x1000, 0x200, 0, &[]).library(0xc, "/usr/lib/libSystem.B.dylib").at(0x1ff, &[0]);
        let (macho, bindings) = read_all(&image.bytes()).unwrap();
        assert_eq!((macho.arch, macho.is_64), (arch, is_64));
        assert_eq!(macho.libraries[0].name, "/usr/lib/libSystem.B.dylib");
        assert_eq!((macho.segments[0].address, macho.segments[0].file_size), (0x1000, 0x200));
        assert_eq!((macho.faults, bindings.faults), (vec![], vec![]));
    }
}

fn universal(wide: bool, slices: &[(u32, u32, Vec<u8>)]) -> Vec<u8> {
    let mut header = [if wide { 0xcafe_babf_u32 } else { 0xcafe_babe }, slices.len() as u32].map(u32::to_be_bytes).concat();
    let mut offset = 0x1000u64;
    let mut body = Vec::new();
    for (cputype, cpusubtype, bytes) in slices {
        header.extend([*cputype, *cpusubtype].map(u32::to_be_bytes).concat());
        let size = bytes.len() as u64;
        match wide {
            true => header.extend([&offset.to_be_bytes()[..], &size.to_be_bytes(), &[0; 8]].concat()),
            false => header.extend([offset as u32, size as u32, 12].map(u32::to_be_bytes).concat()),
        }
        body.extend(bytes);
        offset += size;
    }
    header.resize(0x1000, 0);
    [header, body].concat()
}

#[test]
fn universal_files_of_both_widths_give_their_slices() {
    let (arm64e, intel) = (classic().cpu(0x0100_000c, 0x8000_0002).bytes(), classic().cpu(0x0100_0007, 3).bytes());
    for wide in [false, true] {
        let file = universal(wide, &[(0x0100_0007, 3, intel.clone()), (0x0100_000c, 0x8000_0002, arm64e.clone())]);
        assert!(looks_like_macho(&file[..8]));
        let found = slices(&file).unwrap();
        assert!(found.universal && found.faults.is_empty());
        assert_eq!(found.slices.iter().map(|slice| slice.arch).collect::<Vec<_>>(), [Arch::X86_64, Arch::Arm64e]);
        let second = &found.slices[1];
        let window = Window::new(&file, second.offset, second.size).unwrap();
        assert_eq!(read(&window).unwrap(), read(&arm64e).unwrap());
        let cut = slices(&file[..file.len() - 1].to_vec()).unwrap();
        assert_eq!((cut.slices.len(), cut.faults.len()), (1, 1));
    }
}

#[test]
fn a_class_file_is_not_a_mach_o() {
    let class = [0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 61, 0, 10].to_vec();
    assert!(!looks_like_macho(&class));
    assert!(slices(&class).is_err() && read(&class).is_err());
    assert!(!looks_like_macho(b"") && !looks_like_macho(b"#!/bin/sh") && !looks_like_macho(&[0xca, 0xfe, 0xba, 0xbe]));
    assert!(looks_like_macho(&[0xcf, 0xfa, 0xed, 0xfe]));
}

#[test]
fn an_export_trie_pointing_at_itself_is_a_fault() {
    let image = TestImage::arm64().command(0x8000_0033, &[0x100, 5], &[]).at(0x100, &[0, 1, b'a', 0, 0]);
    assert!(faults(&image).contains("export trie"));
}

#[test]
fn a_reexport_of_a_missing_library_is_no_definition() {
    let trie = [0, 1, b'a', 0, 5, 3, 8, 99, 0, 0];
    let image = TestImage::arm64().command(0x8000_0033, &[0x100, 10], &[]).at(0x100, &trie);
    let (_, bindings) = read_all(&image.bytes()).unwrap();
    assert!(bindings.defined.is_empty() && bindings.faults.is_empty());
}

fn with_binds(opcodes: &[u8]) -> TestImage {
    let image = TestImage::arm64().segment("__DATA", 0x1000, 0x100, 0x200, &[]).at(0x2ff, &[0]);
    image.command(0x8000_0022, &[0, 0, 0x300, opcodes.len() as u32, 0, 0, 0, 0, 0, 0], &[]).at(0x300, opcodes)
}

#[test]
fn a_bind_without_a_segment_is_a_fault() {
    assert!(faults(&with_binds(&[0x11, 0x40, b'a', 0, 0x51, 0x90])).contains("Missing Mach-O bind segment"));
    assert!(faults(&with_binds(&[0x11, 0x40, b'a', 0, 0x51, 0x75, 0, 0x90])).contains("bind outside its segment"));
}

#[test]
fn a_bind_repeated_without_end_is_a_fault() {
    let count = [0xff, 0xff, 0xff, 0xff, 0x0f];
    let step_back = [0xf8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
    let opcodes = [&[0x11, 0x40, b'a', 0, 0x51, 0x70, 0, 0xc0][..], &count, &step_back].concat();
    assert!(faults(&with_binds(&opcodes)).contains("more binds than Temper reads"));
}

#[test]
fn a_symbol_count_beyond_the_file_is_a_fault() {
    let image = TestImage::arm64().command(2, &[0x100, u32::MAX, 0x100, 4], &[]).at(0x100, &[0; 64]);
    assert!(faults(&image).contains("symbol table larger than Temper reads"));
    let image = TestImage::arm64().command(2, &[0x100, 5, 0x100, 4], &[]).at(0x100, &[0; 64]);
    assert!(faults(&image).contains("symbol table leaves the file"));
}

#[test]
fn a_text_segment_below_its_file_offset_is_read() {
    let image = TestImage::arm64().segment("__TEXT", 0, 0x10, 0x200, &[]).command(0x8000_0028, &[u32::MAX, u32::MAX, 0, 0], &[]);
    assert_eq!(faults(&image.at(0x20f, &[0])), "");
}

#[test]
fn a_library_name_outside_its_command_is_a_fault_and_keeps_the_ordinals() {
    let image = TestImage::arm64().command(0xc, &[200, 2, 0, 0], b"a\0").library(0xc, "second");
    let image =
        image.command(2, &[0x100, 1, 0x110, 4], &[]).at(0x100, &super::test_image::nlist_64(1, 1, 0, 0x0200, 0)).at(0x110, b"\0_f\0");
    let macho = read(&image.bytes()).unwrap();
    assert_eq!(macho.libraries.len(), 1);
    assert_eq!(macho.undefined[0].library.as_deref(), Some("second"));
    assert!(macho.faults[0].what.contains("string outside its load command"));
}

#[test]
fn an_rpath_that_is_not_utf_8_is_read_lossily() {
    let macho = read(&TestImage::arm64().command(0x8000_001c, &[12], b"/a\xff\0").bytes()).unwrap();
    assert_eq!((macho.rpaths, macho.faults), (vec!["/a\u{fffd}".to_owned()], vec![]));
}

#[test]
fn a_command_size_of_zero_ends_the_commands() {
    let image = TestImage::arm64().library(0xc, "first").raw_command(words(&[0xc, 0])).library(0xc, "never");
    let macho = read(&image.bytes()).unwrap();
    assert_eq!(macho.libraries.len(), 1);
    assert!(macho.faults[0].what.contains("does not fit the commands area"), "{:?}", macho.faults);
}

#[test]
fn a_dylib_use_command_says_its_kind_in_flags() {
    let image = TestImage::arm64().command(0xc, &[28, 0x1a74_1800, 0, 0, 1], b"lib\0");
    assert_eq!(read(&image.bytes()).unwrap().libraries, [Library { name: "lib".into(), kind: LinkKind::Weak }]);
}

#[test]
fn all_three_chained_import_formats_name_library_and_weakness() {
    // `_f` from library 1, weak; `_g` by flat lookup.
    let narrow = [(1u32 << 9) | 0x101, (4 << 9) | 0xfe];
    let wide = [(1u64 << 32) | 0x1_0001, (4 << 32) | 0xfffe];
    let formats = [
        (1, words(&narrow)),
        (2, words(&[narrow[0], 7, narrow[1], 0])),
        (3, [wide[0], 7, wide[1], 0].iter().flat_map(|word| word.to_le_bytes()).collect()),
    ];
    for (format, rows) in formats {
        let table = chained(6, format, &rows, 2, b"\0_f\0_g\0", 0x1000);
        let image = TestImage::arm64().library(0xc, "lib").command(0x8000_0034, &[0x200, table.len() as u32], &[]).at(0x200, &table);
        let macho = read(&image.bytes()).unwrap();
        let undefined: Vec<_> = macho.undefined.iter().map(|u| (u.name.as_str(), u.library.as_deref(), u.weak)).collect();
        assert_eq!(undefined, [("_f", Some("lib"), true), ("_g", None, false)], "format {format}");
        assert_eq!(macho.faults, []);
    }
}

#[test]
fn an_embedded_info_plist_is_kept_unless_too_long() {
    let section =
        super::test_image::TestSection { name: "__info_plist", address: 0x200, size: 6, offset: 0x200, flags: 0, reserved: [0, 0] };
    let image = TestImage::arm64().segment("__TEXT", 0, 0x206, 0, &[section]).at(0x200, b"<plist");
    assert_eq!(read(&image.bytes()).unwrap().info_plist.as_deref(), Some(&b"<plist"[..]));
    let long = super::test_image::TestSection { size: (1 << 20) + 1, ..section };
    let macho = read(&TestImage::arm64().segment("__TEXT", 0, 0x206, 0, &[long]).at(0x200, b"<plist").bytes()).unwrap();
    assert!(macho.info_plist.is_none() && macho.faults[0].what.contains("__info_plist"));
}

/// Reads every Mach-O below the folder that `TEMPER_CORPUS` names.
#[test]
fn real_files_read_without_a_fault() {
    let Some(root) = std::env::var_os("TEMPER_CORPUS") else { return println!("skipped: TEMPER_CORPUS is not set") };
    let mut open = vec![std::path::PathBuf::from(root)];
    let mut count = 0;
    while let Some(path) = open.pop() {
        let Ok(kind) = std::fs::symlink_metadata(&path) else { continue };
        if kind.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().flatten().map(|entry| entry.path()));
        } else if kind.is_file() {
            count += check_file(&path);
        }
    }
    assert!(count > 0, "no Mach-O in the corpus");
}

fn check_file(path: &std::path::Path) -> usize {
    let bytes = std::fs::read(path).unwrap();
    if !looks_like_macho(&bytes[..bytes.len().min(8)]) {
        return 0;
    }
    let found = slices(&bytes).unwrap();
    assert_eq!(found.faults, [], "{}", path.display());
    for slice in &found.slices {
        let window = Window::new(&bytes, slice.offset, slice.size).unwrap();
        let macho = read(&window).unwrap();
        let bindings = fixups::read(&window, &macho);
        assert_eq!((&macho.faults, &bindings.faults), (&vec![], &vec![]), "{} {}", path.display(), slice.arch.name());
        let tables = commands::read(&window).unwrap().tables;
        if tables.chained.is_some() && macho.file_type == FileType::Execute {
            assert!(!macho.undefined.is_empty(), "{}", path.display());
        }
        // Stubs of 32-bit images may lead to functions of the image itself.
        let stubs: u64 = macho.sections.iter().filter(|s| s.flags & 0xff == 8).filter_map(|s| s.size.checked_div(s.reserved2.into())).sum();
        assert!(!macho.is_64 || bindings.stubs.len() as u64 == stubs, "stubs without a name in {}", path.display());
    }
    found.slices.len()
}
