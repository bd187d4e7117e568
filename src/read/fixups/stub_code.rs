//! Stubs without an indirect symbol: their code says which slot they jump through.

use super::{Bindings, Image, MAX_SLOTS, indirect};
use crate::read::ReadError;
use crate::read::macho::integers::u32_at;
use crate::read::macho::{Arch, Section};

/// Bytes of stubs that are decoded in one image (16 MiB: over a million stubs); sections may overlap.
const MAX_STUB_BYTES: usize = 16 << 20;

/// Names the stubs that the indirect symbol table left out, from the bound slots.
pub(super) fn name_the_rest(image: &Image, bindings: &mut Bindings) {
    let mut left = MAX_STUB_BYTES;
    for section in image.macho.sections.iter().filter(|section| indirect::is_stubs(section)) {
        let step = u64::from(section.reserved2);
        let Some(count) = section.size.checked_div(step) else { continue };
        // What the table covered completely needs no code.
        let end = section.address.saturating_add(section.size);
        let most = usize::try_from(count).unwrap_or(usize::MAX);
        if bindings.stubs.range(section.address..end).take(most).count() == most {
            continue;
        }
        match image.source.read_vec(section.offset, section.size, left) {
            Ok(code) => {
                left = left.saturating_sub(code.len());
                name_section(image.macho.arch, section, &code, bindings);
            }
            Err(fault) => {
                bindings.faults.push(ReadError::new(format!("{},{}: {}", section.segment, section.name, fault.what), section.offset))
            }
        }
    }
}

fn name_section(arch: Arch, section: &Section, code: &[u8], bindings: &mut Bindings) {
    let mut left = super::MAX_NAME_BYTES;
    for (index, stub) in code.chunks_exact((section.reserved2 as usize).max(1)).enumerate() {
        let distance = (index as u64).saturating_mul(u64::from(section.reserved2));
        let address = section.address.wrapping_add(distance);
        if bindings.stubs.contains_key(&address) {
            continue;
        }
        let Some(name) = slot_of(arch, stub, address).and_then(|slot| bindings.slots.get(&slot)) else { continue };
        let Some(rest) = left.checked_sub(name.len()).filter(|_| bindings.stubs.len() < MAX_SLOTS) else {
            return bindings.faults.push(ReadError::new("more stubs than Temper keeps", section.offset));
        };
        left = rest;
        bindings.stubs.insert(address, name.clone());
    }
}

/// Address of the slot that a stub at `address` jumps through; `None` for code of another shape.
pub(super) fn slot_of(arch: Arch, code: &[u8], address: u64) -> Option<u64> {
    match arch {
        Arch::Arm64 | Arch::Arm64e => arm64_slot(code, address),
        Arch::X86_64 => x86_64_slot(code, address),
        _ => None,
    }
}

/// `adrp; ldr; br`, `adrp; add; ldr; braa` (arm64e), `nop; ldr (literal); br` and `adr; ldr; br`.
fn arm64_slot(code: &[u8], address: u64) -> Option<u64> {
    let mut base: Option<(u32, u64)> = None;
    for (index, word) in code.chunks_exact(4).enumerate().take(8) {
        let word = u32_at(word, 0, false)?;
        let here = address.wrapping_add((index as u64).wrapping_mul(4));
        let (target, source) = (word & 31, (word >> 5) & 31);
        let immediate = u64::from((word >> 10) & 0xfff);
        if word & 0x9f00_0000 == 0x9000_0000 {
            base = Some((target, (here & !0xfff).wrapping_add(page_distance(word).wrapping_shl(12))));
        } else if word & 0x9f00_0000 == 0x1000_0000 {
            base = Some((target, here.wrapping_add(page_distance(word))));
        } else if word & 0xffc0_0000 == 0x9100_0000 {
            let (_, value) = base.filter(|&(register, _)| register == source)?;
            base = Some((target, value.wrapping_add(immediate)));
        } else if word & 0xffc0_0000 == 0xf940_0000 {
            let (_, value) = base.filter(|&(register, _)| register == source)?;
            return Some(value.wrapping_add(immediate.wrapping_mul(8)));
        } else if word & 0xff00_0000 == 0x5800_0000 {
            return Some(here.wrapping_add(signed(u64::from((word >> 5) & 0x7_ffff), 19).wrapping_shl(2)));
        }
    }
    None
}

/// The 21-bit signed distance of `adr` and `adrp`.
fn page_distance(word: u32) -> u64 {
    let (high, low) = ((word >> 5) & 0x7_ffff, (word >> 29) & 3);
    signed(u64::from((high << 2) | low), 21)
}

/// Sign-extends the low `bits` of a value, two's complement in 64 bits.
fn signed(value: u64, bits: u32) -> u64 {
    let sign = 1u64.wrapping_shl(bits.wrapping_sub(1));
    (value ^ sign).wrapping_sub(sign)
}

/// `jmp *disp32(%rip)`, after an `endbr64` or not.
fn x86_64_slot(code: &[u8], address: u64) -> Option<u64> {
    let (code, address) = match code.strip_prefix(&[0xf3, 0x0f, 0x1e, 0xfa]) {
        Some(rest) => (rest, address.wrapping_add(4)),
        None => (code, address),
    };
    code.strip_prefix(&[0xff, 0x25])?;
    let distance = signed(u64::from(u32_at(code, 2, false)?), 32);
    Some(address.wrapping_add(6).wrapping_add(distance))
}
