//! arm64 and arm64e instructions: what each does to registers, the frame and control.
//!
//! Only what compilers use to make constants is computed. Everything else makes its destinations unknown.

use super::flow::{Flow, Goal, Machine, Step};
use super::image::Image;
use super::limits::{Compared, Condition};
use super::state::State;
use super::value::{Abs, Table, sign_extend};

/// Number under which the stack pointer is kept; in an instruction 31 is the zero register or the stack pointer.
pub(super) const SP: usize = 31;
/// The frame pointer.
pub(super) const FP: usize = 29;

/// The code of one function.
pub(super) struct Arm64<'a> {
    /// Facts of the slice.
    pub image: &'a Image<'a>,
    /// Its bytes.
    pub code: &'a [u8],
    /// Their address.
    pub start: u64,
}

fn word_at(code: &[u8], offset: u64) -> Option<u32> {
    let from = usize::try_from(offset).ok()?;
    let bytes = code.get(from..from.checked_add(4)?)?;
    bytes.try_into().ok().map(u32::from_le_bytes)
}

/// The register in bits 0 to 4.
pub(super) fn rd(word: u32) -> usize {
    (word & 31) as usize
}
/// The register in bits 5 to 9.
pub(super) fn rn(word: u32) -> usize {
    ((word >> 5) & 31) as usize
}
/// The register in bits 16 to 20.
pub(super) fn rm(word: u32) -> usize {
    ((word >> 16) & 31) as usize
}
/// The register in bits 10 to 14.
pub(super) fn rt2(word: u32) -> usize {
    ((word >> 10) & 31) as usize
}
fn is_wide(word: u32) -> bool {
    word >> 31 == 1
}

/// The target of `b`, `bl`: 26 bits of words.
pub(super) fn branch26(at: u64, word: u32) -> u64 {
    at.wrapping_add(sign_extend(u64::from(word & 0x03ff_ffff), 26).wrapping_mul(4))
}

/// The target of `b.cond`, `cbz`, and the address of an `ldr` literal: 19 bits of words.
pub(super) fn offset19(at: u64, word: u32) -> u64 {
    at.wrapping_add(sign_extend(u64::from((word >> 5) & 0x7_ffff), 19).wrapping_mul(4))
}

/// The target of `tbz`: 14 bits of words.
fn offset14(at: u64, word: u32) -> u64 {
    at.wrapping_add(sign_extend(u64::from((word >> 5) & 0x3fff), 14).wrapping_mul(4))
}

/// The address that `adr` or `adrp` makes.
pub(super) fn adr(at: u64, word: u32) -> u64 {
    let offset = sign_extend(u64::from(((word >> 5) & 0x7_ffff) << 2 | (word >> 29) & 3), 21);
    if is_wide(word) { (at & !0xfff).wrapping_add(offset.wrapping_mul(4096)) } else { at.wrapping_add(offset) }
}

impl Machine for Arm64<'_> {
    fn entry(&self) -> State {
        State::entry(SP, FP, &[0, 1, 2, 3, 4, 5, 6, 7])
    }

    fn step(&self, at: u64, state: &mut State) -> Option<Step> {
        let word = word_at(self.code, at.checked_sub(self.start)?)?;
        if state.pending().is_some_and(|register| hands_on(word, register)) {
            state.release();
        }
        let mut flow = Flow::Next;
        match (word >> 25) & 0xf {
            0b1000 | 0b1001 => immediate(at, word, state),
            0b1010 | 0b1011 => flow = control(at, word, state),
            0b0100 | 0b0110 | 0b1100 | 0b1110 => self.memory(at, word, state),
            0b0101 | 0b1101 => register(at, word, state),
            // Permanently undefined: compilers put it where control cannot come.
            _ if word <= 0xffff => flow = Flow::Leave,
            _ => {
                state.set_flags(None);
                set(state, rd(word), Abs::Top, true);
            }
        }
        Some(Step { length: 4, flow })
    }

    fn shape(&self, at: u64) -> Option<Step> {
        let word = word_at(self.code, at.checked_sub(self.start)?)?;
        let jump = |goal| Flow::Jump { goal, leaves: false };
        let flow = match word >> 24 {
            0x14..=0x17 => jump(Goal::Direct(branch26(at, word))),
            0x54 | 0x34 | 0x35 | 0xb4 | 0xb5 => Flow::Branch(offset19(at, word), None),
            0x36 | 0x37 | 0xb6 | 0xb7 => Flow::Branch(offset14(at, word), None),
            0xd4 if word & 0xe0_001f != 1 => Flow::Leave,
            0xd6 | 0xd7 if (word >> 21) & 7 == 0 => jump(Goal::Value(Abs::Top)),
            0xd6 | 0xd7 if (word >> 21) & 7 != 1 => Flow::Leave,
            _ if word <= 0xffff => Flow::Leave,
            _ => Flow::Next,
        };
        Some(Step { length: 4, flow })
    }

    fn after_call(&self, goal: &Goal, state: &mut State) {
        // Only a function of this image can be made to take more than the convention says.
        if !matches!(goal, Goal::Direct(target) if self.image.code_at(*target).is_none()) {
            state.release();
        }
        let odd = matches!(goal, Goal::Direct(target) if self.image.breaks_convention(*target));
        // Swift passes its error and its context in x20 to x22 and lets the callee change them.
        let last_swift = if self.image.is_swift { 22 } else { 18 };
        state.after_call((0..=18).chain(20..=last_swift.max(19)).chain([30]), 0);
        if odd {
            state.weaken();
        }
    }

    fn arguments(&self, state: &State) -> Vec<Abs> {
        (0..8).map(|n| state.get(n)).collect()
    }

    fn table_entry(&self, at: u64, width: u8) -> Option<u64> {
        self.image.constant(at, width)
    }

    fn sought(&self, goal: &Goal, state: &State) -> Option<usize> {
        self.image.sought(goal).or_else(|| self.image.message(goal, &state.get(1)))
    }
}

/// A register where 31 is zero.
pub(super) fn value(state: &State, n: usize, wide: bool) -> Abs {
    let value = if n == 31 { Abs::Const(0) } else { state.get(n) };
    if wide { value } else { value.narrow() }
}

/// The same for arithmetic: a parameter is no longer itself afterwards, so what comparisons told of it counts.
fn operand(state: &State, n: usize, wide: bool) -> Abs {
    if n == 31 { Abs::Const(0) } else { state.operand(n, !wide) }
}

/// Sets a register where 31 is zero and writing it does nothing.
pub(super) fn set(state: &mut State, n: usize, value: Abs, wide: bool) {
    if n != 31 {
        state.set(n, if wide { value } else { value.narrow() });
    }
}

/// Sets a register where 31 is the stack pointer. Arithmetic on an unknown frame register gives an address in the frame that we cannot place.
pub(super) fn set_from_sp(state: &mut State, n: usize, from: usize, value: Abs, wide: bool) {
    if from == SP && n != SP && n != FP && !matches!(value, Abs::Stack(_)) {
        state.escape_all();
    }
    let value = if wide { value } else { value.narrow() };
    // Unoptimised code stores the arguments of `open` and the like through such a register.
    if from == SP && (9..=15).contains(&n) && matches!(value, Abs::Stack(_)) {
        return state.set_pending(n, value);
    }
    state.set(n, value);
}

/// Whether an instruction may read a register for anything but the address of a plain load or store.
fn hands_on(word: u32, register: usize) -> bool {
    match (word >> 25) & 0xf {
        // `b`, `bl`, `b.cond` read none.
        0b1010 | 0b1011 if word & 0x7c00_0000 == 0x1400_0000 || word >> 24 == 0x54 => false,
        0b1000 | 0b1001 => match (word >> 23) & 7 {
            // `movk` and `bfm` read what they write, `extr` reads two.
            5 | 6 => [rd(word), rn(word)].contains(&register),
            7 => [rn(word), rm(word)].contains(&register),
            _ => rn(word) == register,
        },
        // `[x, #…]`, one or a pair.
        _ if word & 0x3b00_0000 == 0x3900_0000 => rd(word) == register,
        _ if word & 0x3b80_0000 == 0x2900_0000 => rd(word) == register || rt2(word) == register,
        _ => [rd(word), rn(word), rt2(word), rm(word)].contains(&register),
    }
}

fn immediate(at: u64, word: u32, state: &mut State) {
    let wide = is_wide(word);
    match (word >> 23) & 7 {
        0 | 1 => set(state, rd(word), Abs::Address(adr(at, word)), true),
        2 => add_immediate(word, state),
        4 => logical_immediate(word, state),
        5 => move_wide(word, state),
        6 => bitfield(word, state),
        // Tags may go to the stack pointer; extract and the rest go to a register.
        3 => set_from_sp(state, rd(word), rn(word), Abs::Top, wide),
        _ => set(state, rd(word), Abs::Top, wide),
    }
}

fn add_immediate(word: u32, state: &mut State) {
    let wide = is_wide(word);
    let shift = if word & 1 << 22 != 0 { 12 } else { 0u32 };
    let by = Abs::Const(u64::from((word >> 10) & 0xfff).wrapping_shl(shift));
    let from = state.operand(rn(word), !wide);
    let result = if word & 1 << 30 != 0 { from.sub(&by) } else { from.add(&by) };
    if word & 1 << 29 != 0 {
        let is_compare = word & 1 << 30 != 0 && rn(word) != 31;
        state.set_flags(by.values().and_then(|v| v.first()).filter(|_| is_compare).map(|&with| Compared {
            value: value(state, rn(word), wide),
            register: Some(rn(word)),
            with,
            wide,
        }));
        set(state, rd(word), result, wide);
    } else {
        set_from_sp(state, rd(word), rn(word), result, wide);
    }
}

fn logical_immediate(word: u32, state: &mut State) {
    let wide = is_wide(word);
    let from = operand(state, rn(word), wide);
    let result = match bitmask((word >> 22) & 1, (word >> 10) & 63, (word >> 16) & 63, wide) {
        None => Abs::Top,
        Some(mask) => match (word >> 29) & 3 {
            1 => from.or(&Abs::Const(mask)),
            2 => from.xor(&Abs::Const(mask)),
            _ => from.and(mask),
        },
    };
    if (word >> 29) & 3 == 3 {
        state.set_flags(None);
        set(state, rd(word), result, wide);
    } else {
        // `and sp, x9, #-16` aligns the stack.
        set_from_sp(state, rd(word), 0, result, wide);
    }
}

/// The constant of a logical instruction (DecodeBitMasks in the Arm Architecture Reference Manual).
fn bitmask(n: u32, imms: u32, immr: u32, wide: bool) -> Option<u64> {
    if n == 1 && !wide {
        return None;
    }
    let length = (n << 6 | (!imms & 63)).checked_ilog2().filter(|&length| length >= 1)?;
    let size = 1u32.wrapping_shl(length);
    let levels = size.wrapping_sub(1);
    let (ones, rotate) = ((imms & levels).wrapping_add(1), immr & levels);
    if ones == size {
        return None;
    }
    let element = 1u64.wrapping_shl(ones).wrapping_sub(1);
    let low = u64::MAX.wrapping_shr(64u32.wrapping_sub(size));
    let turned = if rotate == 0 { element } else { (element.wrapping_shr(rotate) | element.wrapping_shl(size.wrapping_sub(rotate))) & low };
    let mut mask = turned;
    let mut filled = size;
    while filled < 64 {
        mask |= mask.wrapping_shl(filled);
        filled = filled.wrapping_mul(2);
    }
    Some(if wide { mask } else { mask & 0xffff_ffff })
}

fn move_wide(word: u32, state: &mut State) {
    let wide = is_wide(word);
    let shift = ((word >> 21) & 3).wrapping_mul(16);
    let part = u64::from((word >> 5) & 0xffff).wrapping_shl(shift);
    let result = match (word >> 29) & 3 {
        0 => Abs::Const(!part),
        2 => Abs::Const(part),
        3 => operand(state, rd(word), wide).replace(0xffff_u64.wrapping_shl(shift), &Abs::Const(part)),
        _ => Abs::Top,
    };
    set(state, rd(word), result, wide);
}

fn bitfield(word: u32, state: &mut State) {
    let wide = is_wide(word);
    let bits = if wide { 64 } else { 32u32 };
    let (rotate, last) = ((word >> 16) & 63, (word >> 10) & 63);
    let from = operand(state, rn(word), wide);
    // The field's length, the shift right that brings it down and the shift left that puts it in place.
    let (length, right, left) = if last >= rotate {
        (last.wrapping_sub(rotate).wrapping_add(1), rotate, 0)
    } else {
        (last.wrapping_add(1), 0, bits.wrapping_sub(rotate))
    };
    let mask = u64::MAX.wrapping_shr(64u32.wrapping_sub(length));
    let field = if right == 0 { from.and(mask) } else { from.shr(right).and(mask) };
    let result = match (word >> 29) & 3 {
        0 => field.sign_extended(length).shl(left),
        // `uxtw` of a parameter and `lsl #0` keep it.
        2 if left == 0 => field,
        2 => field.shl(left),
        1 => operand(state, rd(word), wide).replace(mask.wrapping_shl(left), &field.shl(left)),
        _ => Abs::Top,
    };
    set(state, rd(word), result, wide);
}

fn register(at: u64, word: u32, state: &mut State) {
    match (word >> 24) & 0x1f {
        0b01010 => logical_register(word, state),
        0b01011 => add_register(word, state),
        0b11010 if (word >> 21) & 7 == 0b100 => select(at, word, state),
        // Conditional compare writes flags only.
        0b11010 if (word >> 21) & 7 == 0b010 => state.set_flags(None),
        0b11010 if word & 0x7fe0_f000 == 0x1ac0_2000 => shift_register(word, state),
        _ => {
            state.set_flags(None);
            set(state, rd(word), Abs::Top, true);
        }
    }
}

/// `lslv`, `lsrv`, `asrv`, `rorv`.
fn shift_register(word: u32, state: &mut State) {
    let wide = is_wide(word);
    let bits = if wide { 64 } else { 32u32 };
    let (from, by) = (operand(state, rn(word), wide), operand(state, rm(word), wide));
    let mask = u64::from(bits.wrapping_sub(1));
    let result = match (word >> 10) & 3 {
        0 => from.shift_by(&by, mask, Abs::shl),
        1 => from.shift_by(&by, mask, Abs::shr),
        2 => from.sign_extended(bits).shift_by(&by, mask, Abs::sar),
        _ => Abs::Top,
    };
    set(state, rd(word), result, wide);
}

fn shift_operand(operand: &Abs, kind: u32, by: u32, wide: bool) -> Abs {
    let bits = if wide { 64 } else { 32 };
    match (operand, kind, by) {
        (_, _, 0) => operand.clone(),
        (Abs::Entry(table, number), 0, 1..=3) => Abs::Entry(Table { shift: by as u8, ..*table }, Box::new(number.shl(by))),
        (_, 0, _) => operand.shl(by),
        (_, 1, _) => operand.shr(by),
        (_, 2, _) => operand.sign_extended(bits).sar(by),
        _ => Abs::Top,
    }
}

fn logical_register(word: u32, state: &mut State) {
    let wide = is_wide(word);
    let is_move = (word >> 29) & 3 == 1 && (word >> 10) & 63 == 0 && word & 1 << 21 == 0;
    if is_move && (rn(word) == 31 || rm(word) == 31) {
        // `mov` is `orr` with the zero register.
        let from = if rn(word) == 31 { rm(word) } else { rn(word) };
        return set(state, rd(word), value(state, from, wide), wide);
    }
    let left = operand(state, rn(word), wide);
    let right = shift_operand(&operand(state, rm(word), wide), (word >> 22) & 3, (word >> 10) & 63, wide);
    let right = if word & 1 << 21 != 0 { right.not() } else { right };
    let result = match (word >> 29) & 3 {
        1 => left.or(&right),
        2 => left.xor(&right),
        _ => left.and_value(&right),
    };
    if (word >> 29) & 3 == 3 {
        state.set_flags(None);
    }
    set(state, rd(word), result, wide);
}

fn add_register(word: u32, state: &mut State) {
    let wide = is_wide(word);
    let extended = word & 1 << 21 != 0;
    let second = operand(state, rm(word), wide);
    let (left, right) = if extended {
        (state.get(rn(word)), extend_operand(&second, (word >> 13) & 7, (word >> 10) & 7))
    } else {
        (operand(state, rn(word), wide), shift_operand(&second, (word >> 22) & 3, (word >> 10) & 63, wide))
    };
    let left = if wide { left } else { left.narrow() };
    let result = if word & 1 << 30 != 0 { left.sub(&right) } else { left.add(&right) };
    if word & 1 << 29 != 0 {
        state.set_flags(compared_registers(word, state, &right, wide).filter(|_| !extended));
    }
    if extended && word & 1 << 29 == 0 {
        set_from_sp(state, rd(word), rn(word), result, wide);
    } else {
        set(state, rd(word), result, wide);
    }
}

/// `cmp` with a register that holds a constant.
fn compared_registers(word: u32, state: &State, right: &Abs, wide: bool) -> Option<Compared> {
    match right {
        Abs::Const(with) if word & 1 << 30 != 0 && rn(word) != 31 => {
            Some(Compared { value: value(state, rn(word), wide), register: Some(rn(word)), with: *with, wide })
        }
        _ => None,
    }
}

fn extend_operand(operand: &Abs, option: u32, by: u32) -> Abs {
    let extended = match option {
        0 => operand.low(1),
        1 => operand.low(2),
        2 => operand.narrow(),
        3 | 7 => operand.clone(),
        4 => operand.signed(1),
        5 => operand.signed(2),
        _ => operand.signed(4),
    };
    shift_operand(&extended, 0, by, true)
}

/// `csel`, `csinc`, `csinv`, `csneg` and their aliases: either.
fn select(at: u64, word: u32, state: &mut State) {
    let wide = is_wide(word);
    let taken = value(state, rn(word), wide);
    let other = value(state, rm(word), wide);
    let other = match ((word >> 30) & 1, (word >> 10) & 3) {
        (0, 0) => other,
        (0, 1) => other.add(&Abs::Const(1)),
        (1, 0) => other.not(),
        (1, 1) => other.neg(),
        _ => Abs::Top,
    };
    let narrowed = if wide { other } else { other.narrow() };
    set(state, rd(word), taken.join(&narrowed).came_from(&[at]), wide);
}

fn control(at: u64, word: u32, state: &mut State) -> Flow {
    match word >> 26 {
        0b00_0101 => return Flow::Jump { goal: Goal::Direct(branch26(at, word)), leaves: false },
        0b10_0101 => return Flow::Call(Goal::Direct(branch26(at, word))),
        _ => {}
    }
    match word >> 24 {
        0x54 => Flow::Branch(offset19(at, word), condition(word & 15)),
        0x34 | 0x35 | 0xb4 | 0xb5 => Flow::Branch(offset19(at, word), None),
        0x36 | 0x37 | 0xb6 | 0xb7 => Flow::Branch(offset14(at, word), None),
        0xd4 if word & 0xe0_001f == 1 => {
            // A system call: x0 and x1 come back changed, and memory may be written.
            state.after_call(0..=18, 0);
            Flow::Next
        }
        0xd4 => Flow::Leave,
        0xd6 | 0xd7 => branch_register(word, state),
        _ => {
            system(word, state);
            Flow::Next
        }
    }
}

/// The conditions that bound an unsigned number.
fn condition(code: u32) -> Option<Condition> {
    Some(match code {
        0 => Condition::Equal,
        1 => Condition::NotEqual,
        2 => Condition::AboveOrEqual,
        3 => Condition::Below,
        8 => Condition::Above,
        9 => Condition::BelowOrEqual,
        _ => return None,
    })
}

fn branch_register(word: u32, state: &mut State) -> Flow {
    let goal = Goal::Value(value(state, rn(word), true));
    let authenticated = word & 0x0100_0800 != 0;
    match (word >> 21) & 7 {
        0 => Flow::Jump { goal, leaves: authenticated },
        1 => Flow::Call(goal),
        _ => Flow::Leave,
    }
}

fn system(word: u32, state: &mut State) {
    if word & 0xffff_f01f == 0xd503_201f {
        // A hint; some sign or strip x17 or x30.
        if word != 0xd503_201f {
            set(state, 17, Abs::Top, true);
            set(state, 30, Abs::Top, true);
        }
        return;
    }
    state.set_flags(None);
    set(state, rd(word), Abs::Top, true);
}
