//! Bits of a number that are known although the number is not.

/// Known bits. A bit that is in neither mask may be either; no bit is in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bits {
    /// Bits that are certainly 0.
    pub zeros: u64,
    /// Bits that are certainly 1.
    pub ones: u64,
}

/// The upper half of a register.
const HIGH: u64 = 0xffff_ffff_0000_0000;

impl Bits {
    /// Nothing known.
    pub(super) const UNKNOWN: Self = Self { zeros: 0, ones: 0 };
    /// A number of 32 bits, zero-extended.
    pub(super) const NARROW: Self = Self { zeros: HIGH, ones: 0 };

    /// All bits of a constant.
    pub(super) fn of(value: u64) -> Self {
        Self { zeros: !value, ones: value }
    }

    /// What all the values have in common; nothing for no values.
    pub(super) fn common(values: impl IntoIterator<Item = u64>) -> Self {
        values.into_iter().map(Self::of).reduce(Self::join).unwrap_or(Self::UNKNOWN)
    }

    /// Bits that may be either.
    pub(super) fn open(self) -> u64 {
        !(self.zeros | self.ones)
    }

    /// Covers both.
    pub(super) fn join(self, other: Self) -> Self {
        Self { zeros: self.zeros & other.zeros, ones: self.ones & other.ones }
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self { zeros: self.zeros | other.zeros, ones: self.ones & other.ones }
    }

    pub(super) fn or(self, other: Self) -> Self {
        Self { zeros: self.zeros & other.zeros, ones: self.ones | other.ones }
    }

    pub(super) fn xor(self, other: Self) -> Self {
        Self { zeros: self.zeros & other.zeros | self.ones & other.ones, ones: self.ones & other.zeros | self.zeros & other.ones }
    }

    pub(super) fn not(self) -> Self {
        Self { zeros: self.ones, ones: self.zeros }
    }

    pub(super) fn shifted_left(self, by: u32) -> Self {
        let filled = !u64::MAX.wrapping_shl(by);
        Self { zeros: self.zeros.wrapping_shl(by) | filled, ones: self.ones.wrapping_shl(by) }
    }

    pub(super) fn shifted_right(self, by: u32) -> Self {
        let filled = !u64::MAX.wrapping_shr(by);
        Self { zeros: self.zeros.wrapping_shr(by) | filled, ones: self.ones.wrapping_shr(by) }
    }

    /// Each mask as a signed number: a sign bit that is not known is in neither, and so are the bits made from it.
    pub(super) fn sign_extended(self, bits: u32) -> Self {
        Self { zeros: super::value::sign_extend(self.zeros, bits), ones: super::value::sign_extend(self.ones, bits) }
    }

    pub(super) fn shifted_arithmetically(self, by: u32) -> Self {
        Self { zeros: (self.zeros as i64).wrapping_shr(by) as u64, ones: (self.ones as i64).wrapping_shr(by) as u64 }
    }

    pub(super) fn add(self, other: Self) -> Self {
        self.sum(other, 0)
    }

    pub(super) fn sub(self, other: Self) -> Self {
        self.sum(other.not(), 1)
    }

    /// A bit of the sum is known where both bits and the carry into it are (as LLVM's `KnownBits::computeForAddCarry`).
    fn sum(self, other: Self, carry: u64) -> Self {
        let most = (!self.zeros).wrapping_add(!other.zeros).wrapping_add(carry);
        let least = self.ones.wrapping_add(other.ones).wrapping_add(carry);
        let carry_zero = !(most ^ self.zeros ^ other.zeros);
        let carry_one = least ^ self.ones ^ other.ones;
        let known = !self.open() & !other.open() & (carry_zero | carry_one);
        Self { zeros: !most & known, ones: least & known }
    }

    /// The numbers that have these bits, ascending, when at most `most` bits are open.
    pub(super) fn numbers(self, most: u32) -> Option<Vec<u64>> {
        let open = self.open();
        if open.count_ones() > most {
            return None;
        }
        let mut values = Vec::new();
        // Counts through the open bits only: subtracting from zero borrows over the others.
        let mut part = 0u64;
        loop {
            values.push(self.ones | part);
            part = part.wrapping_sub(open) & open;
            if part == 0 {
                return Some(values);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
    use super::*;

    #[test]
    fn numbers_count_through_the_open_bits() {
        let bits = Bits { zeros: !0x1802, ones: 2 };
        assert_eq!(bits.numbers(4).unwrap(), [2, 0x802, 0x1002, 0x1802]);
        assert_eq!(Bits::NARROW.numbers(8), None);
        assert_eq!(Bits::of(5).numbers(0).unwrap(), [5]);
    }

    proptest::proptest! {
        /// Whatever is known of two numbers, what is said of the result holds for it.
        #[test]
        fn no_operation_says_a_false_bit(l: u64, r: u64, hide_l: u64, hide_r: u64, by in 0u32..64) {
            let hidden = |value: u64, hide: u64| Bits { zeros: !value & !hide, ones: value & !hide };
            let (a, b) = (hidden(l, hide_l), hidden(r, hide_r));
            let holds = |bits: Bits, value: u64| bits.zeros & value == 0 && bits.ones & !value == 0;
            proptest::prop_assert!(holds(a.and(b), l & r) && holds(a.or(b), l | r) && holds(a.xor(b), l ^ r) && holds(a.not(), !l));
            proptest::prop_assert!(holds(a.add(b), l.wrapping_add(r)) && holds(a.sub(b), l.wrapping_sub(r)));
            proptest::prop_assert!(holds(a.shifted_left(by), l << by) && holds(a.shifted_right(by), l >> by));
            proptest::prop_assert!(holds(a.shifted_arithmetically(by), ((l as i64) >> by) as u64));
            let bits = by.max(1);
            proptest::prop_assert!(holds(a.sign_extended(bits), crate::read::callsites::value::sign_extend(l, bits)));
            proptest::prop_assert!(holds(a.join(b), l) && holds(a.join(b), r));
        }
    }
}
