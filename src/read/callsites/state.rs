//! Registers and stack slots at one point of a function.

use super::limits::{Compared, Condition, Limits};
use super::value::{Abs, MOST_VALUES};
use std::collections::BTreeMap;

/// Most stack slots followed at one point; more of them are forgotten.
const MOST_SLOTS: usize = 128;

/// Registers followed: 31 and the stack pointer on arm64, 16 on x86_64.
const REGISTERS: usize = 32;

/// A value spilled to the function's own frame.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Slot {
    size: u8,
    value: Abs,
}

/// What is known at one point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct State {
    registers: [Abs; REGISTERS],
    /// By offset from the stack pointer at entry; values that are not known are absent.
    slots: BTreeMap<i64, Slot>,
    /// Lowest stack offset whose address got into a register that a callee or a computed store may use.
    escaped: Option<i64>,
    /// A register that holds a place on the stack and was not used but to store there: the place has not escaped yet.
    pending: Option<usize>,
    /// Registers that point into the frame by convention, and so do not make an address escape.
    frame: [usize; 2],
    /// Ranges that comparisons told.
    limits: Limits,
    /// The comparison that the flags are from.
    flags: Option<Compared>,
}

impl State {
    /// Nothing known, but the stack pointer (`sp`) at its entry value.
    pub(super) fn entry(sp: usize, fp: usize, parameters: &[usize]) -> Self {
        let mut state = Self {
            registers: std::array::from_fn(|_| Abs::Top),
            slots: BTreeMap::new(),
            escaped: None,
            pending: None,
            frame: [sp, fp],
            limits: Limits::default(),
            flags: None,
        };
        state.put(sp, Abs::Stack(0));
        for (index, &register) in parameters.iter().enumerate() {
            state.put(register, Abs::Param { index: index as u8, narrow: false });
        }
        state
    }

    /// Forgets everything but the frame registers: what holds when control comes from code that was not followed.
    pub(super) fn weaken(&mut self) {
        for register in 0..REGISTERS {
            if !self.frame.contains(&register) {
                self.put(register, Abs::Top);
            }
        }
        self.slots.clear();
        self.escaped = Some(i64::MIN);
        self.pending = None;
        self.limits.clear();
        self.flags = None;
    }

    /// The flags come from this comparison, or from something that is not followed.
    pub(super) fn set_flags(&mut self, compared: Option<Compared>) {
        self.flags = compared;
    }

    /// The flags come from a comparison that is followed.
    pub(super) fn is_compared(&self) -> bool {
        self.flags.is_some()
    }

    /// The state where the condition of the flags holds.
    pub(super) fn assume(&mut self, condition: Condition) {
        if let Some(compared) = &self.flags {
            self.limits.note(compared, condition);
        }
    }

    /// Every number that the value of a register may be, when few; `narrow`: of its low half.
    pub(super) fn numbers(&self, register: usize, narrow: bool) -> Option<Vec<u64>> {
        self.limits.numbers(Some(register), self.registers.get(register)?, narrow)
    }

    /// A register for arithmetic: a parameter of which few numbers are possible is those.
    pub(super) fn operand(&self, register: usize, narrow: bool) -> Abs {
        let value = self.get(register);
        let value = if narrow { value.narrow() } else { value };
        match value {
            Abs::Param { .. } => match self.limits.numbers(None, &value, narrow) {
                Some(numbers) if numbers.len() <= MOST_VALUES => Abs::of(numbers),
                _ => value,
            },
            value => value,
        }
    }

    /// The value of a register.
    pub(super) fn get(&self, register: usize) -> Abs {
        self.registers.get(register).cloned().unwrap_or(Abs::Top)
    }

    /// Sets a register; a place on the stack escapes when it gets into one that is not for the frame.
    pub(super) fn set(&mut self, register: usize, value: Abs) {
        if !self.frame.contains(&register) {
            self.escape(&value);
        }
        self.put(register, value);
    }

    fn put(&mut self, register: usize, value: Abs) {
        if let Some(place) = self.registers.get_mut(register) {
            *place = value;
        }
        if self.pending == Some(register) {
            self.pending = None;
        }
        self.limits.forget(register);
        if let Some(compared) = self.flags.as_mut().filter(|compared| compared.register == Some(register)) {
            compared.register = None;
        }
    }

    /// Sets a register of which nobody but this function knows to a place on the stack; it escapes with [`Self::release`].
    pub(super) fn set_pending(&mut self, register: usize, value: Abs) {
        self.release();
        self.put(register, value);
        self.pending = Some(register);
    }

    /// The register set by [`Self::set_pending`], while it holds what was put there.
    pub(super) fn pending(&self) -> Option<usize> {
        self.pending
    }

    /// The place in the pending register may become known elsewhere.
    pub(super) fn release(&mut self) {
        self.escaped = self.escaped_or_pending();
        self.pending = None;
    }

    fn escaped_or_pending(&self) -> Option<i64> {
        let pending = self.pending.and_then(|register| self.registers.get(register));
        lowest(self.escaped, if let Some(Abs::Stack(at)) = pending { Some(*at) } else { None })
    }

    fn escape(&mut self, value: &Abs) {
        if let Abs::Stack(at) = value {
            self.escaped = Some(self.escaped.map_or(*at, |lowest| lowest.min(*at)));
        }
    }

    /// An address was computed from a stack pointer that is not known: any slot may be reached by it.
    pub(super) fn escape_all(&mut self) {
        self.escaped = Some(i64::MIN);
    }

    /// Writes `size` bytes at `address`. `by_frame`: the address comes from a frame register, so when it is unknown it may be any slot.
    pub(super) fn store(&mut self, address: &Abs, size: u8, value: Abs, by_frame: bool) {
        self.escape(&value);
        match address {
            Abs::Stack(at) => self.store_slot(*at, size, value),
            Abs::Address(_) | Abs::Import(_) => {}
            _ if by_frame => self.slots.clear(),
            _ => self.scatter(address),
        }
    }

    /// Writes an unknown amount through `address`.
    pub(super) fn scatter(&mut self, address: &Abs) {
        // A pointer of unknown value reaches the frame only once an address in it was taken; from there it may have been moved either way.
        if matches!(address, Abs::Stack(_)) || (self.escaped.is_some() && !matches!(address, Abs::Address(_))) {
            self.slots.clear();
        }
    }

    fn store_slot(&mut self, at: i64, size: u8, value: Abs) {
        let end = at.saturating_add(i64::from(size));
        self.drop_overlapping(at, end);
        let value = value.low(size);
        if value != Abs::Top && self.slots.len() < MOST_SLOTS {
            self.slots.insert(at, Slot { size, value });
        }
    }

    fn drop_overlapping(&mut self, at: i64, end: i64) {
        // No slot is longer than 8 bytes, so one that begins more than 7 before `at` cannot reach it.
        let near = at.saturating_sub(7)..end;
        let gone: Vec<i64> = if at < end {
            self.slots
                .range(near)
                .filter(|(start, slot)| start.saturating_add(i64::from(slot.size)) > at)
                .map(|(start, _)| *start)
                .collect()
        } else {
            Vec::new()
        };
        for start in gone {
            self.slots.remove(&start);
        }
    }

    /// Reads `size` bytes of the stack, zero-extended.
    pub(super) fn load_slot(&self, at: i64, size: u8) -> Abs {
        match self.slots.get(&at) {
            Some(slot) if slot.size >= size => slot.value.low(size),
            _ => Abs::Top,
        }
    }

    /// What a call leaves: `clobbered` registers unknown, `result` too, slots that the callee may have been given an address of forgotten.
    pub(super) fn after_call(&mut self, clobbered: impl IntoIterator<Item = usize>, result: usize) {
        for register in clobbered {
            self.put(register, Abs::Top);
        }
        self.put(result, Abs::Loaded);
        self.flags = None;
        if let Some(lowest) = self.escaped {
            self.slots.retain(|start, slot| start.saturating_add(i64::from(slot.size)) <= lowest);
        }
        let sp = self.frame.first().map(|&sp| self.get(sp));
        if let Some(Abs::Stack(top)) = sp {
            self.slots.retain(|start, _| *start >= top);
        }
    }

    /// Covers what comes in too; true when that changed something. `widen`: what changes becomes unknown, so that a loop comes to an end.
    pub(super) fn join(&mut self, other: &Self, widen: bool) -> bool {
        let mut changed = self.limits.join(&other.limits);
        if widen && changed {
            self.limits.clear();
        }
        if self.flags.is_some() && self.flags != other.flags {
            self.flags = None;
            changed = true;
        }
        let same = |register: usize| self.registers.get(register) == other.registers.get(register);
        let mut theirs = other.escaped;
        if self.pending != other.pending || self.pending.is_some_and(|register| !same(register)) {
            theirs = other.escaped_or_pending();
            changed |= self.pending.is_some();
            self.release();
        }
        let joined = |mine: &Abs, theirs: &Abs| match mine.join(theirs) {
            both if widen && both != *mine => Abs::Top,
            both => both,
        };
        for (mine, theirs) in self.registers.iter_mut().zip(&other.registers) {
            if mine != theirs {
                let both = joined(mine, theirs);
                changed |= both != *mine;
                *mine = both;
            }
        }
        let before = self.slots.len();
        self.slots.retain(|start, slot| match other.slots.get(start) {
            Some(theirs) if theirs.size == slot.size => {
                let both = joined(&slot.value, &theirs.value);
                changed |= both != slot.value;
                slot.value = both;
                slot.value != Abs::Top
            }
            _ => false,
        });
        changed |= before != self.slots.len();
        let escaped = lowest(self.escaped, theirs);
        changed |= escaped != self.escaped;
        self.escaped = escaped;
        changed
    }
}

fn lowest(one: Option<i64>, other: Option<i64>) -> Option<i64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
