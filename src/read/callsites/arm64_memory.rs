//! arm64 loads and stores: what comes from the frame or from constants is followed, everything else becomes unknown.

use super::arm64::{Arm64, FP, SP, offset19, rd, rm, rn, rt2, set, set_from_sp, value};
use super::state::State;
use super::value::{Abs, Table, sign_extend};

/// A load or store.
#[derive(Clone, Copy)]
struct Access {
    size: u8,
    /// The other side is a vector register.
    vector: bool,
    load: bool,
    signed: bool,
    /// A signed load fills 64 bits.
    wide: bool,
}

impl Arm64<'_> {
    /// Applies a load or store.
    pub(super) fn memory(&self, at: u64, word: u32, state: &mut State) {
        match word {
            _ if word & 0x3b00_0000 == 0x1800_0000 => self.load_literal(at, word, state),
            _ if word & 0x3a00_0000 == 0x2800_0000 => self.pair(word, state),
            _ if word & 0x3b00_0000 == 0x3900_0000 => {
                let access = access(word);
                let offset = u64::from((word >> 10) & 0xfff).wrapping_mul(u64::from(access.size));
                self.access(access, rd(word), rn(word), &place(state, rn(word)).add(&Abs::Const(offset)), state);
            }
            _ if word & 0x3b20_0000 == 0x3800_0000 => self.unscaled(word, state),
            _ if word & 0x3b20_0c00 == 0x3820_0800 => self.register_offset(word, state),
            _ => other_memory(word, state),
        }
    }

    fn load_literal(&self, at: u64, word: u32, state: &mut State) {
        if word & 1 << 26 != 0 || word >> 30 == 3 {
            return;
        }
        let (size, signed) = match word >> 30 {
            0 => (4, false),
            1 => (8, false),
            _ => (4, true),
        };
        let access = Access { size, vector: false, load: true, signed, wide: true };
        self.access(access, rd(word), 0, &Abs::Address(offset19(at, word)), state);
    }

    fn unscaled(&self, word: u32, state: &mut State) {
        let base = rn(word);
        let by = Abs::Const(sign_extend(u64::from((word >> 12) & 0x1ff), 9));
        let moved = place(state, base).add(&by);
        let kind = (word >> 10) & 3;
        let used = if kind == 1 { place(state, base) } else { moved.clone() };
        self.access(access(word), rd(word), base, &used, state);
        if kind & 1 == 1 {
            set_from_sp(state, base, base, moved, true);
        }
    }

    fn register_offset(&self, word: u32, state: &mut State) {
        let access = access(word);
        let (base, index) = (rn(word), value(state, rm(word), true));
        let scale = if word & 1 << 12 != 0 { u32::from(access.size).checked_ilog2().unwrap_or(0) } else { 0 };
        let offset = match (word >> 13) & 7 {
            2 => index.narrow(),
            6 => index.signed(4),
            _ => index,
        };
        let start = place(state, base);
        let address = start.add(&offset.shl(scale));
        let is_placed = matches!(address, Abs::Address(_) | Abs::Stack(_));
        match (&start, access.load) {
            _ if is_placed => self.access(access, rd(word), base, &address, state),
            (Abs::Address(at), true) if !access.vector => {
                let loaded = self.table_value(*at, access, word, scale, state);
                set(state, rd(word), loaded, true);
            }
            (_, true) if !access.vector => set(state, rd(word), Abs::Top, true),
            (Abs::Stack(_), false) => state.scatter(&start),
            _ => self.access(access, rd(word), base, &address, state),
        }
    }

    /// A load from a place that an index counts from: what a bounded index gives, and where an entry of a switch may come from.
    fn table_value(&self, at: u64, access: Access, word: u32, scale: u32, state: &State) -> Abs {
        let option = (word >> 13) & 7;
        let indexes = match option {
            2 | 6 => state.numbers(rm(word), true).filter(|all| option == 2 || all.iter().all(|&v| v <= 0x7fff_ffff)),
            _ => state.numbers(rm(word), false),
        };
        let loaded = self.image.table(at, access.size, 1u64.wrapping_shl(scale), indexes);
        let number = match (access.signed, access.wide) {
            (false, _) if access.size == 4 => loaded.narrow(),
            (false, _) => loaded,
            (true, true) => loaded.signed(access.size),
            (true, false) => loaded.signed(access.size).narrow(),
        };
        if access.size > 4 || access.signed && !access.wide {
            return number;
        }
        Abs::Entry(Table { at, width: access.size, signed: access.signed, shift: 0 }, Box::new(number))
    }

    fn pair(&self, word: u32, state: &mut State) {
        let vector = word & 1 << 26 != 0;
        let size: u8 = match (vector, word >> 30) {
            (false, 0 | 1) | (true, 0) => 4,
            (false, _) | (true, 1) => 8,
            _ => 16,
        };
        // The single-register forms of the same size say whether it loads; signed words have their own number.
        let access = Access { size, vector, load: word & 1 << 22 != 0, signed: !vector && word >> 30 == 1, wide: true };
        let base = rn(word);
        let offset = sign_extend(u64::from((word >> 15) & 0x7f), 7).wrapping_mul(u64::from(size));
        let moved = place(state, base).add(&Abs::Const(offset));
        let kind = (word >> 23) & 3;
        let first = if kind == 1 { place(state, base) } else { moved.clone() };
        let second = first.add(&Abs::Const(u64::from(size)));
        self.access(access, rd(word), base, &first, state);
        self.access(access, rt2(word), base, &second, state);
        if kind & 1 == 1 {
            set_from_sp(state, base, base, moved, true);
        }
    }

    fn access(&self, access: Access, register: usize, base: usize, address: &Abs, state: &mut State) {
        if !access.load {
            let stored = if access.vector { Abs::Top } else { value(state, register, true) };
            return state.store(address, access.size, stored, base == SP || base == FP);
        }
        if access.vector {
            return;
        }
        let raw = self.image.load(state, address, access.size);
        let loaded = match (access.signed, access.wide) {
            (false, _) => raw,
            (true, true) => raw.signed(access.size),
            (true, false) => raw.signed(access.size).narrow(),
        };
        set(state, register, loaded, true);
    }
}

/// What a base register holds; 31 is the stack pointer.
fn place(state: &State, base: usize) -> Abs {
    state.get(base)
}

fn access(word: u32) -> Access {
    let vector = word & 1 << 26 != 0;
    let (size, kind) = (word >> 30, (word >> 22) & 3);
    if vector {
        let bytes = if kind >= 2 { 16 } else { 1u8.wrapping_shl(size) };
        return Access { size: bytes, vector, load: kind & 1 == 1, signed: false, wide: true };
    }
    Access { size: 1u8.wrapping_shl(size), vector, load: kind != 0, signed: kind >= 2, wide: kind == 2 }
}

/// Exclusives, atomics, vector structures, authenticated loads, memory copies: destinations unknown, memory behind the base unknown.
fn other_memory(word: u32, state: &mut State) {
    let base = rn(word);
    let vector_structure = word & 0xbe00_0000 == 0x0c00_0000;
    state.scatter(&place(state, base));
    state.set_flags(None);
    if base == SP && !matches!(place(state, base), Abs::Stack(_)) {
        state.weaken();
    }
    if !vector_structure {
        for register in [rd(word), rt2(word), rm(word)] {
            set(state, register, Abs::Top, true);
        }
    }
    if base != SP {
        set(state, base, Abs::Top, true);
    } else if vector_structure && word & 1 << 23 != 0 {
        state.set(SP, Abs::Top);
    }
}
