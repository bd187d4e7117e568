//! What comparisons tell: the range that a value lies in on one side of a conditional branch.

use super::value::Abs;
use std::collections::BTreeMap;

/// Most numbers of a range that are told one by one (an index into a table).
const MOST_INDEXES: u64 = 256;

/// What a range is known of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Limited {
    /// The value an argument register had at entry, wherever it is now.
    Param(u8),
    /// What a register holds until it is written.
    Register(u8),
}

/// An inclusive range of unsigned numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    /// Least.
    pub low: u64,
    /// Greatest.
    pub high: u64,
    /// Of all 64 bits; else only the low 32 lie in the range.
    pub wide: bool,
}

impl Range {
    fn both(self, other: Self) -> Self {
        Self { low: self.low.min(other.low), high: self.high.max(other.high), wide: self.wide && other.wide }
    }
}

/// A comparison of a value with a constant, whose flags are still there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Compared {
    /// The value.
    pub value: Abs,
    /// The register that holds it.
    pub register: Option<usize>,
    /// The constant.
    pub with: u64,
    /// All 64 bits were compared.
    pub wide: bool,
}

/// The unsigned conditions that bound a value from above, and equality.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    Below,
    BelowOrEqual,
    Equal,
    AboveOrEqual,
    Above,
    NotEqual,
}

impl Condition {
    /// The opposite.
    pub(super) fn inverted(self) -> Self {
        match self {
            Condition::Below => Condition::AboveOrEqual,
            Condition::BelowOrEqual => Condition::Above,
            Condition::Equal => Condition::NotEqual,
            Condition::AboveOrEqual => Condition::Below,
            Condition::Above => Condition::BelowOrEqual,
            Condition::NotEqual => Condition::Equal,
        }
    }
}

impl Compared {
    /// The range of the value where the condition holds; `None` when that bounds nothing.
    fn range(&self, condition: Condition) -> Option<Range> {
        let (low, high) = match condition {
            Condition::Below => (0, self.with.checked_sub(1)?),
            Condition::BelowOrEqual => (0, self.with),
            Condition::Equal => (self.with, self.with),
            Condition::AboveOrEqual | Condition::Above | Condition::NotEqual => return None,
        };
        Some(Range { low, high, wide: self.wide })
    }
}

/// The ranges known at one point.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Limits(BTreeMap<Limited, Range>);

impl Limits {
    /// The register was written.
    pub(super) fn forget(&mut self, register: usize) {
        if !self.0.is_empty() {
            self.0.remove(&Limited::Register(register as u8));
        }
    }

    /// Forgets what is known of registers.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Notes that a comparison came out so.
    pub(super) fn note(&mut self, compared: &Compared, condition: Condition) {
        let Some(range) = compared.range(condition) else { return };
        let (what, range) = match (&compared.value, compared.register) {
            (Abs::Param { index, narrow }, _) => (Limited::Param(*index), Range { wide: range.wide && !narrow, ..range }),
            (_, Some(register)) => (Limited::Register(register as u8), range),
            _ => return,
        };
        // The narrower of two is kept.
        let size = |range: &Range| range.high.saturating_sub(range.low);
        match self.0.get(&what) {
            Some(known) if size(known) <= size(&range) && (known.wide || !range.wide) => {}
            _ => {
                self.0.insert(what, range);
            }
        }
    }

    /// Keeps what holds on both ways; true when that changed something.
    pub(super) fn join(&mut self, other: &Self) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let mut changed = false;
        self.0.retain(|what, range| {
            let both = other.0.get(what).map(|theirs| range.both(*theirs));
            changed |= both != Some(*range);
            *range = both.unwrap_or(*range);
            both.is_some()
        });
        changed
    }

    /// Every number that a value in a register may be, when few. `narrow`: only its low 32 bits are asked for, as an unsigned number.
    pub(super) fn numbers(&self, register: Option<usize>, value: &Abs, narrow: bool) -> Option<Vec<u64>> {
        let asked = |v: u64| if narrow { v & 0xffff_ffff } else { v };
        if let Some(values) = value.values() {
            return Some(values.iter().copied().map(asked).collect());
        }
        let all = value.bits();
        let by_bits = || if narrow { value.narrow().bits() } else { all }.numbers(MOST_INDEXES.ilog2());
        let range = match (value, register) {
            (Abs::Param { index, .. }, _) => self.0.get(&Limited::Param(*index)),
            (_, Some(register)) => self.0.get(&Limited::Register(register as u8)),
            _ => None,
        };
        // Of a value whose upper half is zero the low half is all.
        let is_short = all.zeros >> 32 == 0xffff_ffff;
        match range.filter(|range| range.wide || narrow || is_short) {
            Some(range) if range.high.saturating_sub(range.low) < MOST_INDEXES && (!narrow || range.high <= 0xffff_ffff) => {
                Some((range.low..=range.high).collect())
            }
            _ => by_bits(),
        }
    }
}
