//! A number of code-signing flags, read bit by bit: `codeSigningFlags` of a crash report, `flags=` of `codesign -d`.

use super::{Kind, Page, all};
use crate::read::signature::CodeSignatureFlags as Flags;

/// Further bits that only a process has (`cs_blobs.h`); their values are Apple's.
const GET_TASK_ALLOW: u32 = 0x4;
const VALIDATED: u32 = 0x4000;
const PLATFORM: u32 = 0x0400_0000;
const DEBUGGED: u32 = 0x1000_0000;

/// The page of a number in decimal or hexadecimal, alone or as `flags=0x10002(adhoc,runtime)`. `None` when it is no such number, or has too few known bits to
/// be one.
pub(super) fn decode(word: &str) -> Option<Page> {
    let bits = number(word)?;
    let known: Vec<(u32, &'static Page)> = all().iter().filter_map(|page| Some((bit_of(page)?, page))).collect();
    let (bit_count, set) = (bits.count_ones(), known.iter().filter(|(bit, _)| bits & bit != 0));
    let of_process = bits & (Flags::SIGNED | PLATFORM | DEBUGGED | Flags::KILLED) != 0;
    let more: Vec<String> = set.map(|(bit, page)| format!("{bit:#010x} {}: {}", page.id, page.title)).collect();
    let unknown = known.iter().fold(bits, |left, (bit, _)| left & !bit);
    // Every bit from 0x1 to 0x80000000 that Apple names is known: a number with others is something else.
    if bits < 0x100 && !word.starts_with("flags") || unknown.count_ones() * 2 > bit_count {
        return None;
    }
    let names = Flags(bits).names();
    let source = if of_process { "a process" } else { "a file" };
    let spelled = if of_process { String::new() } else { format!(", which codesign writes as {bits:#x}({})", names.join(",")) };
    Some(Page {
        id: format!("{bits:#x}"),
        kind: Kind::Flag,
        title: format!("{bits:#x} is {bits}, bit by bit"),
        meaning: if of_process { reading(bits) } else { file_reading(bits) },
        when: format!("These look like the flags of {source}{spelled}."),
        not_this: "The number says nothing about allow-jit: that key has no flag. A process never shows that it is signed ad hoc: look for an empty team \
                   and validation category 10."
            .into(),
        more: more.into_iter().chain((unknown != 0).then(|| format!("{unknown:#010x} bits that Temper does not know"))).collect(),
        related: known.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, page)| page.id.clone()).collect(),
        source: "XNU osfmk/kern/cs_blobs.h, bsd/kern/kern_exec.c; what the bits together mean is read from published crash reports".into(),
        aliases: vec![bits.to_string()],
        phrases: Vec::new(),
    })
}

/// The bit a page of `flags.toml` is about: its first alias.
fn bit_of(page: &Page) -> Option<u32> {
    let is_flag = page.kind == Kind::Flag && page.id.starts_with("CS_");
    page.aliases.first().filter(|_| is_flag).and_then(|alias| u32::from_str_radix(alias.strip_prefix("0x")?, 16).ok())
}

fn number(word: &str) -> Option<u32> {
    let lower = word.to_ascii_lowercase();
    let word = ["codesigningflags", "flags"].iter().find_map(|name| lower.strip_prefix(name)).unwrap_or(&lower);
    let is_named = word.len() < lower.len();
    let word = word.trim_start_matches(['"', ' ', ':', '=']);
    let (word, rest) = word.split_at(word.find(['(', ' ', ',']).unwrap_or(word.len()));
    // A line that only begins with a number is about something else: `1024 bytes`.
    if !is_named && !rest.is_empty() && !rest.starts_with('(') {
        return None;
    }
    match word.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => word.parse().ok(),
    }
}

fn reading(bits: u32) -> String {
    let has = |bit: u32| bits & bit != 0;
    let mut words: Vec<&str> = Vec::new();
    if has(Flags::RUNTIME) {
        words.push("The process was hardened.");
        words.push(match (has(Flags::ENFORCEMENT), has(Flags::HARD)) {
            (true, _) => "Unsigned memory may not run.",
            (false, true) => "Unsigned memory may run: it carries allow-unsigned-executable-memory or a stronger key already.",
            (false, false) => "Unsigned and changed pages may run: it carries disable-executable-page-protection, on Intel.",
        });
        words.push(if has(Flags::REQUIRE_LV) {
            "Library validation was on."
        } else {
            "Library validation was off: it carries disable-library-validation."
        });
    } else if Flags(bits).process_is_hardened().is_none() {
        words.push("The kernel ended it before it had its flags: whether it is hardened they do not say.");
    } else {
        words.push("The process was not hardened: the hardened runtime is not the cause, and its entitlements do nothing here.");
    }
    let rest = [
        (GET_TASK_ALLOW, "It is a development build (get-task-allow)."),
        (DEBUGGED, "A debugger had relaxed the rules: this run says little about a normal one."),
        (Flags::KILLED, "The kernel ended it for its signature; without frames it never ran."),
        (PLATFORM, "It is Apple's own code."),
        (VALIDATED, "A provisioning profile authorised its entitlements."),
    ];
    words.extend(rest.iter().filter(|(bit, _)| has(*bit)).map(|(_, words)| *words));
    words.join(" ")
}

fn file_reading(bits: u32) -> String {
    let has = |bit: u32| bits & bit != 0;
    let hardened = if has(Flags::RUNTIME) {
        "Signed with the hardened runtime."
    } else {
        "Signed without the hardened runtime: its entitlements (com.apple.security.cs.*) do nothing."
    };
    let signer = if has(Flags::LINKER_SIGNED) {
        " The linker signed it, nobody has signed it since."
    } else if has(Flags::ADHOC) {
        " Signed ad hoc: there is no team, so library validation accepts only Apple's libraries."
    } else {
        ""
    };
    format!("{hardened}{signer}")
}
