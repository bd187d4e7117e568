//! What is known of a register or a stack slot at one point of a function.

use super::bits::Bits;

/// Most constants kept for one place; of more only the common bits are kept.
pub(super) const MOST_VALUES: usize = 16;
/// Most pairs of constants that one operation is applied to.
const MOST_PAIRS: usize = 256;
/// Most addresses kept of what made a set.
const MOST_VIA: usize = 8;

/// A table in the code's own image: where it is and how an entry is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Table {
    /// Unslid address of the first entry.
    pub at: u64,
    /// Bytes of one entry.
    pub width: u8,
    /// Entries are signed.
    pub signed: bool,
    /// Left shift of an entry before it is added to the base.
    pub shift: u8,
}

/// Addresses of what made one value into several: conditional selects and tables. Ascending, at most [`MOST_VIA`].
pub(super) type Via = Vec<u64>;

/// An abstract value. Every run-time value of the place is covered by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Abs {
    /// Anything.
    Top,
    /// Anything, loaded by a plain load without an index or returned by a call: a jump to it leaves the function.
    Loaded,
    /// Exactly this number; never an address, because those slide.
    Const(u64),
    /// One of these numbers, ascending, 2 to [`MOST_VALUES`].
    Set(Vec<u64>, Via),
    /// A number of which some bits are known, but too many can be either for a set.
    Bits(Bits, Via),
    /// This unslid address of the image.
    Address(u64),
    /// The stack pointer at the function's entry plus this.
    Stack(i64),
    /// The value that an argument register had at entry; `narrow`: its low half, zero-extended.
    Param {
        /// Index of the argument.
        index: u8,
        /// Only the low 32 bits.
        narrow: bool,
    },
    /// The address of a sought function (its index), loaded from a bound pointer.
    Import(usize),
    /// A sought Objective-C selector (the index of its message), loaded from a selector reference.
    Selector(usize),
    /// An entry of a table, and what is known of it as a number.
    Entry(Table, Box<Abs>),
    /// This base plus an entry of a table: one of the targets of a switch.
    Jump(u64, Table),
}

impl Abs {
    /// The constants it can be, or `None`.
    pub(super) fn values(&self) -> Option<&[u64]> {
        match self {
            Abs::Const(value) => Some(std::slice::from_ref(value)),
            Abs::Set(values, _) => Some(values),
            Abs::Entry(_, number) => match &**number {
                Abs::Const(value) => Some(std::slice::from_ref(value)),
                Abs::Set(values, _) => Some(values),
                _ => None,
            },
            _ => None,
        }
    }

    /// Its known bits; none when it is no number.
    pub(super) fn bits(&self) -> Bits {
        match self {
            Abs::Const(value) => Bits::of(*value),
            Abs::Set(values, _) => Bits::common(values.iter().copied()),
            Abs::Bits(bits, _) => *bits,
            Abs::Param { narrow: true, .. } => Bits::NARROW,
            Abs::Entry(_, number) if !matches!(**number, Abs::Entry(..)) => number.bits(),
            _ => Bits::UNKNOWN,
        }
    }

    /// Where its several values come from.
    pub(super) fn via(&self) -> &[u64] {
        match self {
            Abs::Set(_, via) | Abs::Bits(_, via) => via,
            Abs::Entry(_, number) => match &**number {
                Abs::Set(_, via) | Abs::Bits(_, via) => via,
                _ => &[],
            },
            _ => &[],
        }
    }

    /// The same, named as coming from these addresses too. A single value or nothing comes from nowhere.
    pub(super) fn came_from(self, more: &[u64]) -> Self {
        match self {
            Abs::Set(values, via) => Abs::Set(values, united(via, more)),
            Abs::Bits(bits, via) => Abs::Bits(bits, united(via, more)),
            other => other,
        }
    }

    /// From a list of constants in any order. Of too many only the common bits are kept; none give [`Abs::Top`].
    pub(super) fn of(mut values: Vec<u64>) -> Self {
        values.sort_unstable();
        values.dedup();
        match (values.len(), values.first()) {
            (1, Some(&only)) => Abs::Const(only),
            (2..=MOST_VALUES, _) => Abs::Set(values, Via::new()),
            _ => Abs::of_bits(Bits::common(values)),
        }
    }

    /// From known bits: few open bits are all their numbers, no known bit is nothing.
    pub(super) fn of_bits(bits: Bits) -> Self {
        if bits.open() == u64::MAX {
            return Abs::Top;
        }
        match bits.numbers(MOST_VALUES.ilog2()) {
            Some(values) => Abs::of(values),
            None => Abs::Bits(bits, Via::new()),
        }
    }

    /// Applies an operation to each constant or to the known bits.
    fn apply(&self, exact: impl Fn(u64) -> u64, bits: impl Fn(Bits) -> Bits) -> Self {
        match self.values() {
            Some(values) => Abs::of(values.iter().map(|&v| exact(v)).collect()),
            None => Abs::of_bits(bits(self.bits())),
        }
        .came_from(self.via())
    }

    /// Applies an operation to each pair of constants or to the known bits.
    fn pair(&self, other: &Self, exact: impl Fn(u64, u64) -> u64, bits: impl Fn(Bits, Bits) -> Bits) -> Self {
        match (self.values(), other.values()) {
            (Some(left), Some(right)) if left.len().saturating_mul(right.len()) <= MOST_PAIRS => {
                Abs::of(left.iter().flat_map(|&l| right.iter().map(move |&r| (l, r))).map(|(l, r)| exact(l, r)).collect())
            }
            _ => Abs::of_bits(bits(self.bits(), other.bits())),
        }
        .came_from(self.via())
        .came_from(other.via())
    }

    /// Covers both.
    pub(super) fn join(&self, other: &Self) -> Self {
        if self == other {
            return self.clone();
        }
        match (self.values(), other.values()) {
            (Some(left), Some(right)) => Abs::of(left.iter().chain(right).copied().collect()),
            _ if self.is_number() && other.is_number() => Abs::of_bits(self.bits().join(other.bits())),
            _ => Abs::Top,
        }
        .came_from(self.via())
        .came_from(other.via())
    }

    /// Something is known of it as a number.
    pub(super) fn is_number(&self) -> bool {
        self.bits() != Bits::UNKNOWN
    }

    /// Its low 32 bits, zero-extended.
    pub(super) fn narrow(&self) -> Self {
        match self {
            Abs::Param { index, .. } => Abs::Param { index: *index, narrow: true },
            Abs::Entry(table, _) if !table.signed && table.width <= 4 => self.clone(),
            _ => self.apply(|v| v & 0xffff_ffff, |bits| bits.and(Bits::of(0xffff_ffff))),
        }
    }

    /// Its low `size` bytes, zero-extended.
    pub(super) fn low(&self, size: u8) -> Self {
        match size {
            8 => self.clone(),
            4 => self.narrow(),
            2 => self.and(0xffff),
            1 => self.and(0xff),
            _ => Abs::Top,
        }
    }

    /// Its low `size` bytes, sign-extended to 64 bits.
    pub(super) fn signed(&self, size: u8) -> Self {
        self.sign_extended(u32::from(size).saturating_mul(8))
    }

    /// Its low `bits` bits, sign-extended.
    pub(super) fn sign_extended(&self, bits: u32) -> Self {
        self.apply(|v| sign_extend(v, bits), |known| known.sign_extended(bits))
    }

    /// The sum. An address or a place on the stack moves by a constant only.
    pub(super) fn add(&self, other: &Self) -> Self {
        match (self, other) {
            (Abs::Address(at), Abs::Const(by)) | (Abs::Const(by), Abs::Address(at)) => Abs::Address(at.wrapping_add(*by)),
            (Abs::Stack(at), Abs::Const(by)) | (Abs::Const(by), Abs::Stack(at)) => Abs::Stack(at.wrapping_add(*by as i64)),
            (Abs::Address(base), Abs::Entry(table, _)) | (Abs::Entry(table, _), Abs::Address(base)) => Abs::Jump(*base, *table),
            (kept @ (Abs::Param { narrow: false, .. } | Abs::Import(_)), Abs::Const(0)) => kept.clone(),
            _ => self.pair(other, u64::wrapping_add, Bits::add),
        }
    }

    /// The difference.
    pub(super) fn sub(&self, other: &Self) -> Self {
        match (self, other) {
            (Abs::Address(left), Abs::Address(right)) => Abs::Const(left.wrapping_sub(*right)),
            (_, Abs::Const(by)) => self.add(&Abs::Const(by.wrapping_neg())),
            _ => self.pair(other, u64::wrapping_sub, Bits::sub),
        }
    }

    /// The conjunction with a mask. Of an unknown value a mask of few bits leaves few possible results, and those are said.
    pub(super) fn and(&self, mask: u64) -> Self {
        match mask {
            u64::MAX => self.clone(),
            0xffff_ffff => self.narrow(),
            _ => self.apply(|v| v & mask, |bits| bits.and(Bits::of(mask))),
        }
    }

    /// `and` with two operands of which either may be the mask.
    pub(super) fn and_value(&self, other: &Self) -> Self {
        match (self, other) {
            (_, Abs::Const(mask)) => self.and(*mask),
            (Abs::Const(mask), _) => other.and(*mask),
            _ => self.pair(other, |l, r| l & r, Bits::and),
        }
    }

    /// The disjunction.
    pub(super) fn or(&self, other: &Self) -> Self {
        match (self, other) {
            (kept, Abs::Const(0)) | (Abs::Const(0), kept) => kept.clone(),
            _ => self.pair(other, |l, r| l | r, Bits::or),
        }
    }

    /// The exclusive disjunction.
    pub(super) fn xor(&self, other: &Self) -> Self {
        self.pair(other, |l, r| l ^ r, Bits::xor)
    }

    /// All bits turned.
    pub(super) fn not(&self) -> Self {
        self.apply(|v| !v, Bits::not)
    }

    /// Zero minus it.
    pub(super) fn neg(&self) -> Self {
        Abs::Const(0).sub(self)
    }

    /// Shifted left by fewer than 64 bits.
    pub(super) fn shl(&self, by: u32) -> Self {
        self.apply(|v| v.wrapping_shl(by), |bits| bits.shifted_left(by))
    }

    /// Shifted right by fewer than 64 bits, filled with zeros.
    pub(super) fn shr(&self, by: u32) -> Self {
        self.apply(|v| v.wrapping_shr(by), |bits| bits.shifted_right(by))
    }

    /// Shifted right as a signed number of 64 bits.
    pub(super) fn sar(&self, by: u32) -> Self {
        self.apply(|v| (v as i64).wrapping_shr(by) as u64, |bits| bits.shifted_arithmetically(by))
    }

    /// Shifted by an amount that is known to be one of a few; `mask` is what the processor takes of the amount.
    pub(super) fn shift_by(&self, amount: &Self, mask: u64, shift: impl Fn(&Self, u32) -> Self) -> Self {
        let Some(amounts) = amount.values() else { return Abs::Top };
        let mut shifted = amounts.iter().map(|&by| shift(self, (by & mask) as u32));
        let first = shifted.next().unwrap_or(Abs::Top);
        shifted.fold(first, |all, one| all.join(&one)).came_from(amount.via())
    }

    /// The bits of `mask` replaced by those of `new`, which has no others.
    pub(super) fn replace(&self, mask: u64, new: &Self) -> Self {
        self.and(!mask).or(&new.and(mask))
    }
}

fn united(mut via: Via, more: &[u64]) -> Via {
    if more.iter().any(|at| !via.contains(at)) {
        via.extend_from_slice(more);
        via.sort_unstable();
        via.dedup();
        via.truncate(MOST_VIA);
    }
    via
}

/// Takes the low `bits` bits as a signed number.
pub(super) fn sign_extend(value: u64, bits: u32) -> u64 {
    let unused = 64u32.saturating_sub(bits);
    (value.wrapping_shl(unused) as i64).wrapping_shr(unused) as u64
}
