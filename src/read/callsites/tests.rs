//! Hand-made code: each test names the instructions that its bytes stand for.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice
)]

use super::*;
use crate::read::macho::{FileType, Section, Segment};
use std::collections::BTreeMap;

const TEXT: u64 = 0x1_0000_0000;
const STUB: u64 = TEXT + 0x1000;
const GOT: u64 = TEXT + 0x2008;
const STRINGS: u64 = TEXT + 0x3000;

fn section(segment: &str, name: &str, address: u64, size: u64, flags: u32) -> Section {
    let (segment, name) = (segment.to_owned(), name.to_owned());
    Section { segment, name, address, size, offset: address - TEXT + 0x100, flags, reserved1: 0, reserved2: 0 }
}

/// A slice with this code, a stub and a pointer for `callee`, and a string.
fn calls_in(arch: Arch, code: &[u8], callee: &str, functions: &[u64]) -> CallSites {
    let mut bytes = vec![0u8; 0x3200];
    bytes[0x100..0x100 + code.len()].copy_from_slice(code);
    bytes[0x3100..0x3100 + 11].copy_from_slice(b"/tmp/x.so\0\0");
    let macho = MachO {
        arch,
        is_64: true,
        file_type: FileType::Execute,
        flags: 0,
        uuid: None,
        platform: None,
        min_os: None,
        sdk: None,
        install_name: None,
        libraries: Vec::new(),
        rpaths: Vec::new(),
        dyld_environment: Vec::new(),
        segments: vec![Segment {
            name: "__TEXT".to_owned(),
            address: TEXT,
            size: 0x4000,
            offset: 0,
            file_size: 0x3200,
            max_prot: 5,
            init_prot: 5,
        }],
        sections: vec![
            section("__TEXT", "__text", TEXT, code.len() as u64, 0x8000_0400),
            section("__TEXT", "__stubs", STUB, 12, 0x8000_0408),
            section("__DATA_CONST", "__got", TEXT + 0x2000, 16, 6),
            section("__TEXT", "__cstring", STRINGS, 16, 2),
        ],
        undefined: Vec::new(),
        signature: None,
        function_starts: None,
        has_symbols: false,
        info_plist: None,
        faults: Vec::new(),
    };
    let bindings = Bindings {
        stubs: BTreeMap::from([(STUB, callee.to_owned())]),
        slots: BTreeMap::from([(GOT, callee.to_owned())]),
        functions: functions.to_vec(),
        ..Bindings::default()
    };
    find(&bytes, &macho, &bindings)
}

fn arm64(words: &[u32], callee: &str) -> CallSites {
    let code: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    calls_in(Arch::Arm64, &code, callee, &[TEXT])
}

fn x86(code: &[u8], callee: &str) -> CallSites {
    calls_in(Arch::X86_64, code, callee, &[TEXT])
}

/// `bl` to the stub from the word at `index`.
fn bl(index: u64) -> u32 {
    0x9400_0000 | ((STUB - TEXT - index * 4) / 4) as u32
}

/// `call` to the stub from `offset`.
fn call(offset: u64) -> Vec<u8> {
    let mut bytes = vec![0xe8];
    bytes.extend(((STUB - TEXT - offset - 5) as u32).to_le_bytes());
    bytes
}

const RET: u32 = 0xd65f_03c0;

#[track_caller]
fn argument(sites: &CallSites, index: usize) -> Value {
    assert_eq!(sites.calls.len(), 1, "{sites:?}");
    sites.calls[0].arguments[index].clone()
}

#[test]
fn an_immediate_reaches_the_call() {
    // movz w2, #5; bl; ret
    let sites = arm64(&[0x5280_00a2, bl(1), RET], "_mprotect");
    assert_eq!(argument(&sites, 2), Value::Known(5));
    assert_eq!(argument(&sites, 0), Value::Unknown);
    assert_eq!(sites.calls[0].address, TEXT + 4);
    assert_eq!(sites.calls[0].function, Some(TEXT));
}

#[test]
fn wide_moves_and_logic_are_computed() {
    // movz w8, #0x1002; orr w2, w8, #0x800; bl
    assert_eq!(argument(&arm64(&[0x5282_0048, 0x3215_0102, bl(2), RET], "_mprotect"), 2), Value::Known(0x1802));
    // movn w2, #0; bl: 32 bits of an int
    assert_eq!(argument(&arm64(&[0x1280_0002, bl(1), RET], "_mprotect"), 2), Value::Known(0xffff_ffff));
    // movz x1, #1, lsl #32; movk x1, #2; bl
    assert_eq!(argument(&arm64(&[0xd2c0_0021, 0xf280_0041, bl(2), RET], "_mprotect"), 1), Value::Known(0x1_0000_0002));
}

#[test]
fn a_call_changes_the_registers_of_its_arguments() {
    // movz w2, #5; bl elsewhere (itself); bl; ret
    let sites = arm64(&[0x5280_00a2, 0x9400_0000 | 2, bl(2), RET], "_mprotect");
    assert_eq!(argument(&sites, 2), Value::Unknown);
}

#[test]
fn both_ways_of_a_branch_count() {
    // cbz w0, +12; movz w2, #5; b +8; movz w2, #3; bl
    let sites = arm64(&[0x3400_0060, 0x5280_00a2, 0x1400_0002, 0x5280_0062, bl(4), RET], "_mprotect");
    assert_eq!(argument(&sites, 2), Value::OneOf(vec![3, 5]));
    // cbz w0, +8; movz w2, #5; bl: on the other way it is what came in
    let sites = arm64(&[0x3400_0040, 0x5280_00a2, bl(2), RET], "_mprotect");
    assert_eq!(argument(&sites, 2), Value::Unknown);
    // csel w2, w8, w9, eq after movz w8, #1; movz w9, #4
    let sites = arm64(&[0x5280_0028, 0x5280_0089, 0x1a89_0102, bl(3), RET], "_mprotect");
    assert_eq!(argument(&sites, 2), Value::OneOf(vec![1, 4]));
}

#[test]
fn a_spilled_constant_comes_back_unless_its_address_was_given_away() {
    // sub sp, sp, #32; movz w8, #5; str w8, [sp, #12]; bl elsewhere; ldr w2, [sp, #12]; bl
    let kept = arm64(&[0xd100_83ff, 0x5280_00a8, 0xb900_0fe8, 0x9400_0004, 0xb940_0fe2, bl(5), RET, RET], "_mprotect");
    assert_eq!(argument(&kept, 2), Value::Known(5));
    // the same with add x0, sp, #12 before the call
    let given = [0xd100_83ff, 0x5280_00a8, 0xb900_0fe8, 0x9100_33e0, 0x9400_0004, 0xb940_0fe2, bl(6), RET, RET];
    assert_eq!(argument(&arm64(&given, "_mprotect"), 2), Value::Unknown);
    // half of the slot overwritten: strh wzr, [sp, #12]
    let cut = [0xd100_83ff, 0x5280_00a8, 0xb900_0fe8, 0x7900_1bff, 0xb940_0fe2, bl(5), RET];
    assert_eq!(argument(&arm64(&cut, "_mprotect"), 2), Value::Unknown);
}

#[test]
fn code_that_nothing_leads_to_says_nothing() {
    // ret; movz w2, #5; bl
    let sites = arm64(&[RET, 0x5280_00a2, bl(2), RET], "_mprotect");
    assert_eq!(argument(&sites, 2), Value::Unknown);
}

#[test]
fn code_reached_from_an_exception_joins_with_nothing_known() {
    // movz w2, #5; b +12 (to bl); [landing pad] movz w2, #7; b +4 (to bl); bl
    let sites = arm64(&[0x5280_00a2, 0x1400_0003, 0x5280_00e2, 0x1400_0001, bl(4), RET], "_mprotect");
    assert_eq!(argument(&sites, 2), Value::Unknown);
}

#[test]
fn an_unresolved_computed_jump_makes_the_function_opaque() {
    // movz w2, #5; add x8, x0, x1; cbz w0, +8; br x8; bl
    let sites = arm64(&[0x5280_00a2, 0x8b01_0008, 0x3400_0040, 0xd61f_0100, bl(4), RET], "_mprotect");
    assert_eq!(argument(&sites, 2), Value::Unknown);
}

#[test]
fn a_jump_to_made_code_is_no_switch() {
    // sub sp, sp, #16; bl itself; str x0, [sp, #8]; movz w2, #5; bl; ldr x0, [sp, #8]; br x0
    let words = [0xd100_43ff, 0x97ff_ffff, 0xf900_07e0, 0x5280_00a2, bl(4), 0xf940_07e0, 0xd61f_0000];
    assert_eq!(argument(&arm64(&words, "_mprotect"), 2), Value::Known(5));
}

#[test]
fn a_call_through_the_pointer_is_found_with_and_without_authentication() {
    for branch in [0xd63f_0200, 0xd63f_0a1f] {
        // movz w2, #5; adrp x16, +2 pages; ldr x16, [x16, #8]; blr x16 or blraaz x16
        let sites = arm64(&[0x5280_00a2, 0xd000_0010, 0xf940_0610, branch, RET], "_mprotect");
        assert_eq!(argument(&sites, 2), Value::Known(5));
        assert!(!sites.calls[0].is_tail);
    }
    // br x16
    assert!(arm64(&[0x5280_00a2, 0xd000_0010, 0xf940_0610, 0xd61f_0200], "_mprotect").calls[0].is_tail);
}

#[test]
fn a_path_is_read_from_its_address() {
    // adrp x0, +3 pages; add x0, x0, #0; movz w1, #2; bl
    let sites = arm64(&[0xf000_0000, 0x9100_0000, 0x5280_0041, bl(3), RET], "_dlopen");
    assert_eq!(sites.calls[0].arguments, [Value::Text("/tmp/x.so".to_owned()), Value::Known(2)]);
}

#[test]
fn an_outlined_function_may_change_what_others_keep() {
    // movz w19, #5; bl +16 (outlined: movz w19, #7; ret); mov w2, w19; bl; ret
    let sites = arm64(&[0x5280_00b3, 0x9400_0004, 0x2a13_03e2, bl(3), RET, 0x5280_00f3, RET], "_mprotect");
    assert_eq!(argument(&sites, 2), Value::Unknown);
    // the same calling a function that keeps it (movz w8, #7)
    let sites = arm64(&[0x5280_00b3, 0x9400_0004, 0x2a13_03e2, bl(3), RET, 0x5280_00e8, RET], "_mprotect");
    assert_eq!(argument(&sites, 2), Value::Known(5));
}

#[test]
fn a_loop_that_counts_ends_and_is_unknown() {
    // movz w19, #0; mov w2, w19; bl; add w19, w19, #1; b -12
    let sites = arm64(&[0x5280_0013, 0x2a13_03e2, bl(2), 0x1100_0673, 0x17ff_fffd], "_mprotect");
    assert_eq!(argument(&sites, 2), Value::Unknown);
}

#[test]
fn without_function_starts_a_window_is_decoded() {
    let code: Vec<u8> = [RET, 0x5280_00a2, bl(2), RET].iter().flat_map(|word: &u32| word.to_le_bytes()).collect();
    let sites = calls_in(Arch::Arm64, &code, "_mprotect", &[]);
    assert_eq!(argument(&sites, 2), Value::Known(5));
    assert_eq!(sites.calls[0].function, None);
}

#[test]
fn a_far_call_goes_through_an_island() {
    // movz w2, #5; bl +8; ret; [island] adrp x16, +1 page; add x16, x16, #0; br x16
    let code: Vec<u8> =
        [0x5280_00a2, 0x9400_0002, RET, 0xb000_0010, 0x9100_0210, 0xd61f_0200].iter().flat_map(|word: &u32| word.to_le_bytes()).collect();
    let sites = calls_in(Arch::Arm64, &code, "_mprotect", &[TEXT, TEXT + 12]);
    assert_eq!(argument(&sites, 2), Value::Known(5));
    assert_eq!(sites.calls[0].address, TEXT + 4);
}

#[test]
fn a_wrapper_takes_the_constants_of_its_callers() {
    // movz w2, #5; bl +16; movz w2, #3; bl +8; ret; [wrapper] nop; nop; nop; b stub
    let nop = 0xd503_201f;
    let words = [0x5280_00a2, 0x9400_0004, 0x5280_0062, 0x9400_0002, RET, nop, nop, nop, bl(8) & 0x7fff_ffff];
    let code: Vec<u8> = words.iter().flat_map(|word: &u32| word.to_le_bytes()).collect();
    let sites = calls_in(Arch::Arm64, &code, "_mprotect", &[TEXT, TEXT + 20]);
    assert_eq!(argument(&sites, 2), Value::OneOf(vec![3, 5]));
    // One more caller whose argument is not known: add w2, w2, #1; b wrapper
    let more = [0x1100_0442, 0x17ff_fffb];
    let code: Vec<u8> = words.iter().chain(&more).flat_map(|word: &u32| word.to_le_bytes()).collect();
    let sites = calls_in(Arch::Arm64, &code, "_mprotect", &[TEXT, TEXT + 20, TEXT + 36]);
    assert_eq!(argument(&sites, 2), Value::Unknown);
}

#[test]
fn x86_constants_reach_the_call() {
    // mov edx, 5; call; ret
    let sites = x86(&[&[0xba, 5, 0, 0, 0][..], &call(5), &[0xc3]].concat(), "_mprotect");
    assert_eq!(argument(&sites, 2), Value::Known(5));
    // push 7; pop rdx; call
    let sites = x86(&[&[0x6a, 7, 0x5a][..], &call(3), &[0xc3]].concat(), "_mprotect");
    assert_eq!(argument(&sites, 2), Value::Known(7));
    // xor edx, edx; test edi, edi; sete dl; call
    let sites = x86(&[&[0x31, 0xd2, 0x85, 0xff, 0x0f, 0x94, 0xc2][..], &call(7), &[0xc3]].concat(), "_mprotect");
    assert_eq!(argument(&sites, 2), Value::OneOf(vec![0, 1]));
    // mov edx, 1; mov eax, 4; test edi, edi; cmove edx, eax; call
    let code = [&[0xba, 1, 0, 0, 0, 0xb8, 4, 0, 0, 0, 0x85, 0xff, 0x0f, 0x44, 0xd0][..], &call(15), &[0xc3]].concat();
    assert_eq!(argument(&x86(&code, "_mprotect"), 2), Value::OneOf(vec![1, 4]));
}

#[test]
fn x86_writes_that_are_not_computed_make_unknown() {
    // mov edx, 5; cpuid; call
    let sites = x86(&[&[0xba, 5, 0, 0, 0, 0x0f, 0xa2][..], &call(7), &[0xc3]].concat(), "_mprotect");
    assert_eq!(argument(&sites, 2), Value::Unknown);
    // mov edx, 5; mov dl, [rdi]; call: only what is above the byte stays
    let sites = x86(&[&[0xba, 5, 0, 0, 0, 0x8a, 0x17][..], &call(7), &[0xc3]].concat(), "_mprotect");
    assert_eq!(argument(&sites, 2), Value::Bits { zeros: !0xff, ones: 0 });
}

#[test]
fn x86_calls_through_the_pointer_are_found() {
    // mov edx, 5; call [rip + got]
    let code = [&[0xba, 5, 0, 0, 0, 0xff, 0x15][..], &((GOT - TEXT - 11) as u32).to_le_bytes(), &[0xc3]].concat();
    assert_eq!(argument(&x86(&code, "_mprotect"), 2), Value::Known(5));
    // mov rax, [rip + got]; mov edx, 5; jmp rax
    let code = [&[0x48, 0x8b, 0x05][..], &((GOT - TEXT - 7) as u32).to_le_bytes(), &[0xba, 5, 0, 0, 0, 0xff, 0xe0]].concat();
    let sites = x86(&code, "_mprotect");
    assert_eq!(argument(&sites, 2), Value::Known(5));
    assert!(sites.calls[0].is_tail);
}

#[test]
fn an_immediate_that_looks_like_a_call_is_none() {
    // mov eax, imm32 whose bytes hold e8: b8 e8 …; the four bytes after e8 would lead to the stub
    let mut code = vec![0xb8];
    code.extend(call(1));
    code.extend([0x90, 0xc3]);
    assert_eq!(x86(&code, "_mprotect").calls, []);
}

#[test]
fn an_architecture_that_is_not_followed_is_a_fault() {
    assert_eq!(calls_in(Arch::I386, &[0xc3], "_mprotect", &[TEXT]).faults.len(), 1);
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_taken(code in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..512), cut in 0u64..600) {
        for arch in [Arch::Arm64, Arch::X86_64] {
            let mut with_call = code.clone();
            with_call.truncate(code.len() / 4 * 4);
            let at = with_call.len() as u64;
            if arch == Arch::Arm64 { with_call.extend(bl(at / 4).to_le_bytes()) } else { with_call.extend(call(at)) }
            let sites = calls_in(arch, &with_call, "_mmap", &[TEXT, TEXT + cut]);
            proptest::prop_assert!(arch == Arch::X86_64 || !sites.calls.is_empty());
        }
    }
}
