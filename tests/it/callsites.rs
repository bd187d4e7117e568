//! Calls found in programs that a compiler made from `tests/callsites/calls.c`.

use std::path::Path;
use temper::read::callsites::{self, CallSite, CallSites, Value};
use temper::read::{fixups, macho};

fn find(name: &str) -> CallSites {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/callsites").join(name);
    let bytes = std::fs::read(&path).expect("the practice program is there");
    let image = macho::read(&bytes).expect("the practice program is a Mach-O file");
    let bindings = fixups::read(&bytes, &image);
    callsites::find(&bytes, &image, &bindings)
}

/// The calls to `callee` in the function `symbol`.
fn calls<'a>(sites: &'a CallSites, symbol: &str, callee: &str) -> Vec<&'a CallSite> {
    sites.calls.iter().filter(|call| call.symbol.as_deref() == Some(symbol) && call.callee == callee).collect()
}

fn only<'a>(sites: &'a CallSites, symbol: &str, callee: &str) -> &'a CallSite {
    let found = calls(sites, symbol, callee);
    assert_eq!(found.len(), 1, "{symbol} calls {callee} once: {found:#?}");
    found[0]
}

fn known(value: u64) -> Value {
    Value::Known(value)
}

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

const PROGRAMS: [&str; 6] =
    ["calls-aarch64-O0", "calls-aarch64-O2", "calls-aarch64-symbols", "calls-x86_64-O0", "calls-x86_64-O2", "calls-x86_64-symbols"];

fn in_each(check: impl Fn(&CallSites, &str)) {
    for program in PROGRAMS {
        let sites = find(program);
        assert!(sites.faults.is_empty(), "{program}: {:?}", sites.faults);
        check(&sites, program);
    }
}

#[test]
fn mapping_for_a_jit_is_told_from_plain_mapping() {
    in_each(|sites, program| {
        let jit = only(sites, "_map_jit", "_mmap");
        assert_eq!(jit.arguments, [known(0), Value::Unknown, known(7), known(0x1802), known(0xffff_ffff), known(0)], "{program}");
        let plain = only(sites, "_map_plain", "_mmap");
        assert_eq!(plain.arguments, [known(0), known(65536), known(7), known(0x1002), known(0xffff_ffff), known(0)], "{program}");
        assert_eq!(plain.is_tail, !program.ends_with("O0"), "{program}");
    });
}

#[test]
fn a_flip_shows_both_protections() {
    in_each(|sites, program| {
        assert_eq!(only(sites, "_flip", "_mmap").arguments[2..4], [known(3), known(0x1002)], "{program}");
        assert_eq!(only(sites, "_flip", "_mprotect").arguments[2], known(5), "{program}");
    });
}

#[test]
fn a_condition_gives_both_flags() {
    in_each(|sites, program| {
        assert_eq!(only(sites, "_map_either", "_mmap").arguments[3], Value::OneOf(vec![0x1002, 0x1802]), "{program}");
    });
}

#[test]
fn a_switch_gives_every_case() {
    in_each(|sites, program| {
        for call in calls(sites, "_protect_by_kind", "_mprotect") {
            assert_eq!(call.arguments[2], Value::OneOf(vec![0, 1, 3, 5]), "{program}");
        }
        assert!(!calls(sites, "_protect_by_kind", "_mprotect").is_empty(), "{program}");
    });
}

#[test]
fn what_comes_from_outside_is_unknown() {
    in_each(|sites, program| {
        assert_eq!(only(sites, "_map_as_told", "_mmap").arguments[3], Value::Unknown, "{program}: exported, so anybody may call it");
        assert_eq!(only(sites, "_map_filled", "_mmap").arguments[3], Value::Unknown, "{program}: the callee has its address");
        assert_eq!(only(sites, "_load_any", "_dlopen").arguments, [Value::Unknown, known(1)], "{program}");
    });
}

#[test]
fn a_counter_is_no_constant() {
    in_each(|sites, program| {
        for call in calls(sites, "_count_up", "_mprotect") {
            assert_eq!(call.arguments[1..], [known(4096), Value::Unknown], "{program}");
        }
    });
}

#[test]
fn a_call_through_a_pointer_is_found() {
    in_each(|sites, program| {
        assert_eq!(only(sites, "_by_pointer", "_mprotect").arguments, [Value::Unknown, known(16384), known(5)], "{program}");
    });
}

#[test]
fn a_private_wrapper_takes_what_its_callers_give() {
    in_each(|sites, program| {
        let call = sites.calls.iter().find(|call| call.arguments.get(3) == Some(&known(0x1802)) && call.arguments[2] != known(7));
        let call = call.unwrap_or_else(|| panic!("{program}: {:#?}", sites.calls));
        assert_eq!(call.arguments[1..4], [Value::OneOf(vec![4096, 1 << 20]), Value::OneOf(vec![3, 7]), known(0x1802)], "{program}");
    });
}

#[test]
fn a_wrapper_whose_address_is_in_a_table_stays_unknown() {
    for program in PROGRAMS {
        let sites = find(program);
        let handed_on = sites.calls.iter().filter(|call| call.callee == "_mprotect" && call.arguments[1] == Value::Unknown);
        let wrapped: Vec<_> = handed_on.filter(|call| call.symbol.as_deref() != Some("_flip")).collect();
        assert_eq!(wrapped.len(), 1, "{program}: {wrapped:#?}");
        assert_eq!(wrapped[0].arguments, [Value::Unknown, Value::Unknown, Value::Unknown], "{program}");
    }
}

#[test]
fn constant_paths_and_names_are_read() {
    in_each(|sites, program| {
        assert_eq!(only(sites, "_load_plugin", "_dlopen").arguments, [text("/usr/local/lib/libplugin.dylib"), known(6)], "{program}");
        assert_eq!(only(sites, "_load_self", "_dlopen").arguments, [known(0), known(1)], "{program}");
        let set = only(sites, "_set_environment", "_setenv");
        assert_eq!(set.arguments, [text("DYLD_LIBRARY_PATH"), text("/opt/lib"), known(1)], "{program}");
    });
}

#[test]
fn toggling_jit_memory_is_found_in_its_function() {
    in_each(|sites, program| {
        let toggles: Vec<_> = sites.calls.iter().filter(|call| call.callee == "_pthread_jit_write_protect_np").collect();
        assert_eq!(toggles.iter().map(|call| call.arguments[0].clone()).collect::<Vec<_>>(), [known(0), known(1)], "{program}");
        assert!(toggles.iter().all(|call| call.function.is_some_and(|start| start < call.address)), "{program}");
    });
}
