//! What is known of a register or a stack slot at one point of a function.

/// Most constants kept for one place; more of them count as unknown.
pub(super) const MOST_VALUES: usize = 16;

/// A jump table in the code's own image: where it is and how an entry is read.
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
    Set(Vec<u64>),
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
    /// An entry of a table.
    Entry(Table),
    /// This base plus an entry of a table: one of the targets of a switch.
    Jump(u64, Table),
}

impl Abs {
    /// The constants it can be, or `None`.
    pub(super) fn values(&self) -> Option<&[u64]> {
        match self {
            Abs::Const(value) => Some(std::slice::from_ref(value)),
            Abs::Set(values) => Some(values),
            _ => None,
        }
    }

    /// From a list of constants in any order; none or too many give [`Abs::Top`].
    pub(super) fn of(mut values: Vec<u64>) -> Self {
        values.sort_unstable();
        values.dedup();
        match (values.len(), values.first()) {
            (1, Some(&only)) => Abs::Const(only),
            (2..=MOST_VALUES, _) => Abs::Set(values),
            _ => Abs::Top,
        }
    }

    /// Applies `f` to each constant; unknown otherwise.
    pub(super) fn map(&self, f: impl Fn(u64) -> u64) -> Self {
        self.values().map_or(Abs::Top, |values| Abs::of(values.iter().map(|&v| f(v)).collect()))
    }

    /// Applies `f` to each pair of constants; unknown otherwise.
    pub(super) fn zip(&self, other: &Self, f: impl Fn(u64, u64) -> u64) -> Self {
        match (self.values(), other.values()) {
            (Some(left), Some(right)) => {
                Abs::of(left.iter().flat_map(|&l| right.iter().map(move |&r| (l, r))).map(|(l, r)| f(l, r)).collect())
            }
            _ => Abs::Top,
        }
    }

    /// Covers both.
    pub(super) fn join(&self, other: &Self) -> Self {
        if self == other {
            return self.clone();
        }
        match (self.values(), other.values()) {
            (Some(left), Some(right)) => Abs::of(left.iter().chain(right).copied().collect()),
            _ => Abs::Top,
        }
    }

    /// Its low 32 bits, zero-extended.
    pub(super) fn narrow(&self) -> Self {
        match self {
            Abs::Const(_) | Abs::Set(_) => self.map(|v| v & 0xffff_ffff),
            Abs::Param { index, .. } => Abs::Param { index: *index, narrow: true },
            Abs::Entry(table) if !table.signed && table.width <= 4 => Abs::Entry(*table),
            _ => Abs::Top,
        }
    }

    /// Its low `size` bytes, zero-extended.
    pub(super) fn low(&self, size: u8) -> Self {
        match size {
            8 => self.clone(),
            4 => self.narrow(),
            2 => self.map(|v| v & 0xffff),
            1 => self.map(|v| v & 0xff),
            _ => Abs::Top,
        }
    }

    /// Its low `size` bytes, sign-extended to 64 bits.
    pub(super) fn signed(&self, size: u8) -> Self {
        self.map(|v| sign_extend(v, u32::from(size).saturating_mul(8)))
    }

    /// The sum. An address or a place on the stack moves by a constant only.
    pub(super) fn add(&self, other: &Self) -> Self {
        match (self, other) {
            (Abs::Address(at), Abs::Const(by)) | (Abs::Const(by), Abs::Address(at)) => Abs::Address(at.wrapping_add(*by)),
            (Abs::Stack(at), Abs::Const(by)) | (Abs::Const(by), Abs::Stack(at)) => Abs::Stack(at.wrapping_add(*by as i64)),
            (Abs::Address(base), Abs::Entry(table)) | (Abs::Entry(table), Abs::Address(base)) => Abs::Jump(*base, *table),
            (kept @ (Abs::Param { narrow: false, .. } | Abs::Import(_)), Abs::Const(0)) => kept.clone(),
            _ => self.zip(other, u64::wrapping_add),
        }
    }

    /// The difference.
    pub(super) fn sub(&self, other: &Self) -> Self {
        match (self, other) {
            (Abs::Address(left), Abs::Address(right)) => Abs::Const(left.wrapping_sub(*right)),
            (_, Abs::Const(by)) => self.add(&Abs::Const(by.wrapping_neg())),
            _ => self.zip(other, u64::wrapping_sub),
        }
    }

    /// The conjunction with a mask. Of an unknown value a mask of few bits leaves few possible results, and those are said.
    pub(super) fn and(&self, mask: u64) -> Self {
        if self.values().is_some() {
            return self.map(|v| v & mask);
        }
        subsets(mask)
    }

    /// `and` with two operands of which either may be the mask.
    pub(super) fn and_value(&self, other: &Self) -> Self {
        match (self, other) {
            (_, Abs::Const(mask)) => self.and(*mask),
            (Abs::Const(mask), _) => other.and(*mask),
            _ => self.zip(other, |l, r| l & r),
        }
    }
}

/// All numbers whose bits lie in the mask, when there are at most [`MOST_VALUES`].
fn subsets(mask: u64) -> Abs {
    if mask.count_ones() > MOST_VALUES.ilog2() {
        return Abs::Top;
    }
    let mut values = Vec::with_capacity(MOST_VALUES);
    let mut subset = mask;
    loop {
        values.push(subset);
        if subset == 0 {
            return Abs::of(values);
        }
        subset = subset.wrapping_sub(1) & mask;
    }
}

/// Takes the low `bits` bits as a signed number.
pub(super) fn sign_extend(value: u64, bits: u32) -> u64 {
    let unused = 64u32.saturating_sub(bits);
    (value.wrapping_shl(unused) as i64).wrapping_shr(unused) as u64
}
