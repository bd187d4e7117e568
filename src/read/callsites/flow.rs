//! Follows constants forward through one function, over all paths, until nothing changes.

use super::limits::Condition;
use super::state::State;
use super::value::{Abs, Table, sign_extend};
use std::collections::{BTreeMap, BTreeSet};

/// Most bytes of one function that are followed (20,000 arm64 instructions).
pub(super) const MOST_CODE: u64 = 80_000;
/// Most visits of one block; a function that needs more is not followed.
const MOST_VISITS: u32 = 50;
/// Visits of a block after which what still changes in it counts as unknown.
const WIDE_AFTER: u32 = 24;
/// Most times the set of blocks may grow.
const MOST_ROUNDS: usize = 32;
/// Most entries read of one jump table.
const MOST_ENTRIES: u64 = 1024;

/// Where a call or jump goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Goal {
    /// An address written in the instruction.
    Direct(u64),
    /// A value computed before.
    Value(Abs),
}

/// What an instruction does to control.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Flow {
    /// Goes on.
    Next,
    /// May jump, when the condition (if it is one that bounds a value) holds.
    Branch(u64, Option<Condition>),
    /// Calls and goes on.
    Call(Goal),
    /// Jumps. `leaves`: a jump that can only leave the function (authenticated, or through a plain pointer in memory).
    Jump {
        /// To where.
        goal: Goal,
        /// Never to a place in the function, unless that is written in the instruction.
        leaves: bool,
    },
    /// Returns or traps.
    Leave,
}

/// One instruction, applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// Its length in bytes.
    pub length: u64,
    /// Where control goes.
    pub flow: Flow,
}

/// An instruction set: decodes one function's code.
pub(super) trait Machine {
    /// What is known at a function's entry.
    fn entry(&self) -> State;
    /// Applies the instruction at an address; `None` when it cannot be decoded or lies outside the code.
    fn step(&self, at: u64, state: &mut State) -> Option<Step>;
    /// Only where control goes from there; a goal that is computed is any.
    fn shape(&self, at: u64) -> Option<Step>;
    /// Applies what a call leaves behind.
    fn after_call(&self, goal: &Goal, state: &mut State);
    /// The argument registers as the callee would see them.
    fn arguments(&self, state: &State) -> Vec<Abs>;
    /// `width` bytes of the image, little-endian, for a jump table.
    fn table_entry(&self, at: u64, width: u8) -> Option<u64>;
    /// The index of the sought function behind a goal.
    fn sought(&self, goal: &Goal, state: &State) -> Option<usize>;
}

/// A call to a sought function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Index of the sought function.
    pub sought: usize,
    /// Unslid address of the instruction.
    pub address: u64,
    /// The address that the instruction names, when it does: a stub, or an island before one.
    pub through: Option<u64>,
    /// A jump.
    pub is_tail: bool,
    /// Values of the argument registers; empty when they cannot be told.
    pub arguments: Vec<Abs>,
    /// Calls of the functions in between, when the arguments come from callers.
    pub via: Vec<u64>,
}

/// The code of one function.
pub(super) struct Function<'a, M> {
    /// How to decode it.
    pub machine: &'a M,
    /// First address.
    pub start: u64,
    /// Address after the last byte.
    pub end: u64,
    /// Its start is guessed: every place after a jump may be entered, with nothing known.
    pub guessed: bool,
}

/// Work in progress on one function.
struct Analysis<'a, M> {
    function: &'a Function<'a, M>,
    /// Addresses where blocks begin.
    leaders: BTreeSet<u64>,
    /// Leaders that are also reached from code that was not followed.
    forced: BTreeSet<u64>,
    /// What is known at each leader that was reached.
    states: BTreeMap<u64, State>,
    /// Which bytes belong to instructions that were reached.
    covered: Vec<bool>,
    work: BTreeSet<u64>,
    /// How often each block was run.
    visits: BTreeMap<u64, u32>,
    grown: bool,
    /// Something jumps where we cannot see: nothing is known anywhere.
    opaque: bool,
    /// Instructions that may still be applied.
    budget: &'a mut u64,
}

/// Finds the calls to sought functions in one function. `budget`: instructions that may be applied, shared by all functions of a slice.
pub(super) fn follow<M: Machine>(function: &Function<M>, budget: &mut u64) -> Vec<Found> {
    let size = usize::try_from(function.end.saturating_sub(function.start).min(MOST_CODE)).unwrap_or(0);
    let mut analysis = Analysis {
        function,
        leaders: BTreeSet::from([function.start]),
        forced: BTreeSet::new(),
        states: BTreeMap::new(),
        covered: vec![false; size],
        work: BTreeSet::new(),
        visits: BTreeMap::new(),
        grown: false,
        opaque: function.end.saturating_sub(function.start) > MOST_CODE,
        budget,
    };
    analysis.find_leaders();
    analysis.settle();
    analysis.report()
}

impl<M: Machine> Analysis<'_, M> {
    /// Branch targets by decoding the whole function in a line. Those that only appear later (switches) are added by [`Self::flow_to`].
    fn find_leaders(&mut self) {
        let mut at = self.function.start;
        while self.holds(at)
            && let Some(step) = self.function.machine.shape(at).filter(|step| step.length > 0)
        {
            let next = at.saturating_add(step.length);
            match step.flow {
                Flow::Branch(target, _) | Flow::Jump { goal: Goal::Direct(target), .. } if self.holds(target) => {
                    self.leaders.insert(target);
                }
                _ => {}
            }
            if self.function.guessed && matches!(step.flow, Flow::Jump { .. } | Flow::Leave) {
                self.leaders.insert(next);
                self.forced.insert(next);
            }
            at = next;
        }
    }

    fn step(&mut self, at: u64, state: &mut State) -> Option<Step> {
        if !self.holds(at) || *self.budget == 0 {
            return None;
        }
        *self.budget = self.budget.saturating_sub(1);
        self.function.machine.step(at, state).filter(|step| step.length > 0)
    }

    fn holds(&self, at: u64) -> bool {
        (self.function.start..self.function.end).contains(&at)
    }

    /// Runs to the fixed point, again whenever a block begins in the middle of another or code that was not followed comes in.
    fn settle(&mut self) {
        for _ in 0..MOST_ROUNDS {
            if self.opaque {
                return;
            }
            self.fixpoint();
            if !self.grown {
                // Only now is what was not reached known.
                self.sweep(None);
            }
            if !self.grown {
                self.opaque |= *self.budget == 0;
                return;
            }
        }
        self.opaque = true;
    }

    fn fixpoint(&mut self) {
        self.grown = false;
        self.states.clear();
        self.covered.fill(false);
        let start = self.function.start;
        self.states.insert(start, self.root(start));
        self.work = BTreeSet::from([start]);
        if self.function.guessed {
            for at in self.forced.clone() {
                self.states.insert(at, self.root(at));
                self.work.insert(at);
            }
        }
        self.visits.clear();
        while let Some(leader) = self.work.pop_first() {
            let count = self.visits.entry(leader).or_default();
            *count = count.saturating_add(1);
            if *count > MOST_VISITS || *self.budget == 0 {
                self.opaque = true;
                return;
            }
            self.run(leader, &mut None);
        }
    }

    fn root(&self, at: u64) -> State {
        let mut state = self.function.machine.entry();
        if at != self.function.start || self.function.guessed || self.forced.contains(&at) {
            state.weaken();
        }
        state
    }

    /// Applies one block from its leader on; with `found`, only notes the calls.
    fn run(&mut self, leader: u64, found: &mut Option<Vec<Found>>) {
        let Some(mut state) = self.states.get(&leader).cloned() else { return };
        let mut at = leader;
        loop {
            if at != leader && self.leaders.contains(&at) {
                return self.flow_to(at, &state, found.is_some());
            }
            let Some(step) = self.step(at, &mut state) else { return };
            self.cover(at, step.length);
            if let Some(found) = found {
                found.extend(self.found_at(at, &step.flow, &state, true));
            }
            match &step.flow {
                Flow::Next => {}
                Flow::Call(goal) => self.function.machine.after_call(goal, &mut state),
                Flow::Branch(target, condition) => self.branch(*target, *condition, &mut state, found.is_some()),
                Flow::Jump { goal, leaves } => {
                    for target in self.targets(goal, *leaves) {
                        self.flow_to(target, &state, found.is_some());
                    }
                    return;
                }
                Flow::Leave => return,
            }
            at = at.saturating_add(step.length);
        }
    }

    fn cover(&mut self, at: u64, length: u64) {
        let from = usize::try_from(at.wrapping_sub(self.function.start)).unwrap_or(usize::MAX);
        let to = from.saturating_add(usize::try_from(length).unwrap_or(0)).min(self.covered.len());
        if let Some(bytes) = self.covered.get_mut(from..to) {
            bytes.fill(true);
        }
    }

    fn is_covered(&self, at: u64) -> bool {
        usize::try_from(at.wrapping_sub(self.function.start)).ok().and_then(|i| self.covered.get(i)).copied().unwrap_or(false)
    }

    /// Both ways of a branch, each with what the condition tells there.
    fn branch(&mut self, target: u64, condition: Option<Condition>, state: &mut State, noting: bool) {
        let Some(condition) = condition.filter(|_| state.is_compared()) else { return self.flow_to(target, state, noting) };
        if !noting {
            let mut taken = state.clone();
            taken.assume(condition);
            self.flow_to(target, &taken, noting);
        }
        state.assume(condition.inverted());
    }

    /// Control comes to `target` with `state`.
    fn flow_to(&mut self, target: u64, state: &State, noting: bool) {
        if noting || !self.holds(target) {
            return;
        }
        if self.leaders.insert(target) {
            self.grown = true;
            return;
        }
        let weak = self.forced.contains(&target).then(|| {
            let mut weak = state.clone();
            weak.weaken();
            weak
        });
        let state = weak.as_ref().unwrap_or(state);
        let changed = match self.states.get_mut(&target) {
            Some(known) => known.join(state, self.visits.get(&target).is_some_and(|count| *count > WIDE_AFTER)),
            None => {
                self.states.insert(target, state.clone());
                true
            }
        };
        if changed {
            self.work.insert(target);
        }
    }

    /// The places in this function where a jump may go.
    fn targets(&mut self, goal: &Goal, leaves: bool) -> Vec<u64> {
        match goal {
            Goal::Direct(target) | Goal::Value(Abs::Address(target)) => vec![*target],
            Goal::Value(Abs::Jump(base, table)) => self.table_targets(*base, *table),
            Goal::Value(Abs::Import(_) | Abs::Loaded | Abs::Param { .. }) => Vec::new(),
            Goal::Value(_) => {
                self.opaque |= !leaves;
                Vec::new()
            }
        }
    }

    /// Entries up to the first that leaves the function. Too many only make the answer less exact.
    fn table_targets(&mut self, base: u64, table: Table) -> Vec<u64> {
        let mut targets = BTreeSet::new();
        for index in 0..MOST_ENTRIES {
            let at = table.at.wrapping_add(index.wrapping_mul(u64::from(table.width)));
            let Some(raw) = self.function.machine.table_entry(at, table.width) else { break };
            let entry = if table.signed { sign_extend(raw, u32::from(table.width).saturating_mul(8)) } else { raw };
            let target = base.wrapping_add(entry.wrapping_shl(u32::from(table.shift)));
            if !self.holds(target) {
                break;
            }
            // A table among the code is no code.
            self.cover(at, u64::from(table.width));
            targets.insert(target);
        }
        self.opaque |= targets.is_empty();
        targets.into_iter().collect()
    }

    /// Goes over the code that was not reached (landing pads of exceptions, data): where it leads into reached code, nothing is known there.
    fn sweep(&mut self, mut found: Option<&mut Vec<Found>>) {
        let mut at = self.function.start;
        let mut state = self.unreached();
        while self.holds(at) && !self.opaque_without(&found) {
            if self.is_covered(at) {
                at = self.next_uncovered(at);
                state = self.unreached();
                continue;
            }
            if self.leaders.contains(&at) {
                state = self.unreached();
            }
            let Some(step) = self.step(at, &mut state) else {
                at = at.saturating_add(1);
                continue;
            };
            let next = at.saturating_add(step.length);
            if let Some(found) = found.as_deref_mut() {
                found.extend(self.found_at(at, &step.flow, &state, false));
            } else {
                self.enter_from_unreached(&step.flow, next);
            }
            match &step.flow {
                Flow::Call(goal) => self.function.machine.after_call(goal, &mut state),
                Flow::Jump { .. } | Flow::Leave => state = self.unreached(),
                _ => {}
            }
            at = next;
        }
    }

    /// The first place from `at` on that was not reached.
    fn next_uncovered(&self, at: u64) -> u64 {
        let from = usize::try_from(at.wrapping_sub(self.function.start)).unwrap_or(usize::MAX);
        let skipped = self.covered.get(from..).unwrap_or_default().iter().take_while(|covered| **covered).count();
        at.saturating_add(skipped as u64)
    }

    fn opaque_without(&self, found: &Option<&mut Vec<Found>>) -> bool {
        self.opaque && found.is_none()
    }

    fn unreached(&self) -> State {
        let mut state = self.function.machine.entry();
        state.weaken();
        state
    }

    fn enter_from_unreached(&mut self, flow: &Flow, next: u64) {
        let mut entered = Vec::new();
        match flow {
            Flow::Next | Flow::Call(_) => entered.push(next),
            Flow::Branch(target, _) => entered.extend([*target, next]),
            Flow::Jump { goal, leaves } => entered = self.targets(goal, *leaves),
            Flow::Leave => {}
        }
        for target in entered {
            if self.is_covered(target) && self.forced.insert(target) {
                self.leaders.insert(target);
                self.grown = true;
            }
        }
    }

    fn found_at(&self, at: u64, flow: &Flow, state: &State, reached: bool) -> Option<Found> {
        let (goal, is_tail) = match flow {
            Flow::Call(goal) => (goal.clone(), false),
            Flow::Jump { goal, .. } => (goal.clone(), true),
            Flow::Branch(target, _) => (Goal::Direct(*target), true),
            _ => return None,
        };
        let sought = self.function.machine.sought(&goal, state)?;
        let arguments = if reached && !self.opaque { self.function.machine.arguments(state) } else { Vec::new() };
        let through = if let Goal::Direct(target) = goal { Some(target) } else { None };
        Some(Found { sought, address: at, through, is_tail, arguments, via: Vec::new() })
    }

    /// Notes the calls with what is known at the end.
    fn report(&mut self) -> Vec<Found> {
        let mut noted = Some(Vec::new());
        let cut = self.opaque;
        if !cut {
            for leader in self.states.keys().copied().collect::<Vec<_>>() {
                self.run(leader, &mut noted);
            }
        } else {
            self.covered.fill(false);
        }
        let mut found = noted.unwrap_or_default();
        if self.opaque {
            found.iter_mut().for_each(|f| f.arguments.clear());
        }
        self.sweep(Some(&mut found));
        found.sort_by_key(|f| f.address);
        found.dedup_by_key(|f| f.address);
        found
    }
}
