//! x86_64 instructions: what each does to registers, the frame and control.
//!
//! Only what compilers use to make constants is computed; for everything else the decoder says what is written, and that becomes unknown.

use super::flow::{Flow, Goal, Machine, Step};
use super::image::Image;
use super::limits::{Compared, Condition};
use super::state::State;
use super::value::{Abs, Table};
use iced_x86::{
    ConditionCode, Decoder, DecoderOptions, FlowControl, Instruction, InstructionInfoFactory, Mnemonic, OpAccess, OpKind, Register,
    RflagsBits,
};
use std::cell::RefCell;

/// Numbers of the registers as instructions encode them.
const RAX: usize = 0;
const RSP: usize = 4;
const RBP: usize = 5;
const RSI: usize = 6;
/// rdi, rsi, rdx, rcx, r8, r9.
const ARGUMENTS: [usize; 6] = [7, RSI, 2, 1, 8, 9];
/// Registers a callee may change.
const CLOBBERED: [usize; 9] = [0, 1, 2, 6, 7, 8, 9, 10, 11];
/// r12 to r14: Swift's error, context and self.
const SWIFT: [usize; 3] = [12, 13, 14];

/// The code of one function.
pub(super) struct X86<'a> {
    /// Facts of the slice.
    pub image: &'a Image<'a>,
    /// Its bytes.
    pub code: &'a [u8],
    /// Their address.
    pub start: u64,
    info: RefCell<InstructionInfoFactory>,
}

impl<'a> X86<'a> {
    /// Over `code` at address `start`.
    pub(super) fn new(image: &'a Image<'a>, code: &'a [u8], start: u64) -> Self {
        Self { image, code, start, info: RefCell::new(InstructionInfoFactory::new()) }
    }
}

impl Machine for X86<'_> {
    fn entry(&self) -> State {
        State::entry(RSP, RBP, &ARGUMENTS)
    }

    fn step(&self, at: u64, state: &mut State) -> Option<Step> {
        let instruction = self.decode(at)?;
        let flow = match instruction.flow_control() {
            FlowControl::Next | FlowControl::XbeginXabortXend => {
                let compared = self.compared(&instruction, state);
                if instruction.rflags_modified() != RflagsBits::NONE {
                    state.set_flags(compared);
                }
                self.apply(&instruction, state);
                Flow::Next
            }
            FlowControl::UnconditionalBranch => Flow::Jump { goal: Goal::Direct(instruction.near_branch_target()), leaves: false },
            FlowControl::ConditionalBranch => {
                self.forget_written(&instruction, state);
                Flow::Branch(instruction.near_branch_target(), condition(&instruction))
            }
            FlowControl::IndirectBranch => self.jump(&instruction, state),
            FlowControl::Call if instruction.mnemonic() == Mnemonic::Call => Flow::Call(Goal::Direct(instruction.near_branch_target())),
            FlowControl::Call => {
                // A system call.
                state.after_call(CLOBBERED, RAX);
                Flow::Next
            }
            FlowControl::IndirectCall => Flow::Call(Goal::Value(self.read(&instruction, 0, state))),
            FlowControl::Return | FlowControl::Interrupt | FlowControl::Exception => Flow::Leave,
        };
        Some(Step { length: instruction.len() as u64, flow })
    }

    fn shape(&self, at: u64) -> Option<Step> {
        let instruction = self.decode(at)?;
        let flow = match instruction.flow_control() {
            FlowControl::UnconditionalBranch => Flow::Jump { goal: Goal::Direct(instruction.near_branch_target()), leaves: false },
            FlowControl::ConditionalBranch => Flow::Branch(instruction.near_branch_target(), None),
            FlowControl::IndirectBranch => Flow::Jump { goal: Goal::Value(Abs::Top), leaves: false },
            FlowControl::Return | FlowControl::Interrupt | FlowControl::Exception => Flow::Leave,
            _ => Flow::Next,
        };
        Some(Step { length: instruction.len() as u64, flow })
    }

    fn after_call(&self, _goal: &Goal, state: &mut State) {
        state.after_call(CLOBBERED, RAX);
        if self.image.is_swift {
            SWIFT.iter().for_each(|&register| state.set(register, Abs::Top));
        }
    }

    fn arguments(&self, state: &State) -> Vec<Abs> {
        ARGUMENTS.iter().map(|&register| state.get(register)).collect()
    }

    fn table_entry(&self, at: u64, width: u8) -> Option<u64> {
        self.image.constant(at, width)
    }

    fn sought(&self, goal: &Goal, state: &State) -> Option<usize> {
        self.image.sought(goal).or_else(|| self.image.message(goal, &state.get(RSI)))
    }
}

/// Index of a general register; `None` for others.
fn general(register: Register) -> Option<usize> {
    register.is_gpr().then(|| register.full_register().number())
}

/// The conditions that bound an unsigned number.
fn condition(instruction: &Instruction) -> Option<Condition> {
    Some(match instruction.condition_code() {
        ConditionCode::e => Condition::Equal,
        ConditionCode::ne => Condition::NotEqual,
        ConditionCode::ae => Condition::AboveOrEqual,
        ConditionCode::b => Condition::Below,
        ConditionCode::a => Condition::Above,
        ConditionCode::be => Condition::BelowOrEqual,
        _ => return None,
    })
}

fn is_high_byte(register: Register) -> bool {
    matches!(register, Register::AH | Register::BH | Register::CH | Register::DH)
}

impl X86<'_> {
    fn decode(&self, at: u64) -> Option<Instruction> {
        let from = usize::try_from(at.checked_sub(self.start)?).ok()?;
        let bytes = self.code.get(from..from.checked_add(15)?.min(self.code.len()))?;
        let instruction = Decoder::with_ip(64, bytes, at, DecoderOptions::NONE).iter().next()?;
        (!instruction.is_invalid()).then_some(instruction)
    }

    fn jump(&self, instruction: &Instruction, state: &State) -> Flow {
        let through_memory = instruction.op0_kind() == OpKind::Memory;
        let indexed = instruction.memory_index() != Register::None;
        Flow::Jump { goal: Goal::Value(self.read(instruction, 0, state)), leaves: through_memory && !indexed }
    }

    /// The address of the memory operand, and whether it counts from a frame register.
    fn address(&self, instruction: &Instruction, state: &State) -> (Abs, bool) {
        if instruction.is_ip_rel_memory_operand() {
            return (Abs::Address(instruction.ip_rel_memory_address()), false);
        }
        if matches!(instruction.memory_segment(), Register::FS | Register::GS) {
            return (Abs::Top, false);
        }
        let base = instruction.memory_base();
        let by_frame = matches!(base, Register::RSP | Register::RBP) || instruction.memory_index() == Register::RBP;
        let mut sum = Abs::Const(instruction.memory_displacement64());
        if base != Register::None {
            sum = general(base).map_or(Abs::Top, |n| state.get(n)).add(&sum);
        }
        if let Some(index) = general(instruction.memory_index()) {
            let scale = instruction.memory_index_scale();
            sum = sum.add(&state.get(index).shl(scale.trailing_zeros()));
        }
        let short = base.size() == 4 || instruction.memory_index().size() == 4;
        (if short { sum.narrow() } else { sum }, by_frame)
    }

    /// The value of an operand, zero-extended; immediates are sign-extended as the instruction does.
    fn read(&self, instruction: &Instruction, operand: u32, state: &State) -> Abs {
        match instruction.op_kind(operand) {
            OpKind::Register => {
                let register = instruction.op_register(operand);
                match general(register) {
                    Some(_) if is_high_byte(register) => Abs::Top,
                    Some(n) => state.get(n).low(register.size() as u8),
                    None => Abs::Top,
                }
            }
            OpKind::Memory => {
                let size = instruction.memory_size().size().min(16) as u8;
                let (address, _) = self.address(instruction, state);
                let indexed = instruction.memory_index() != Register::None;
                if indexed && !matches!(address, Abs::Address(_) | Abs::Stack(_)) {
                    // With an index it may be an entry of a table in the function, so it is no plain pointer.
                    return self.table_value(instruction, size, state);
                }
                self.image.load(state, &address, size)
            }
            _ => instruction.try_immediate(operand).map_or(Abs::Top, Abs::Const),
        }
    }

    /// A load from a place that an index counts from: what a bounded index gives, and where an entry of a switch may come from.
    fn table_value(&self, instruction: &Instruction, size: u8, state: &State) -> Abs {
        let (base, index) = (general(instruction.memory_base()), general(instruction.memory_index()));
        let short = instruction.memory_index().size() == 4;
        let (Some(Abs::Address(base)), Some(index)) = (base.map(|n| state.get(n)), index) else { return Abs::Top };
        let at = base.wrapping_add(instruction.memory_displacement64());
        let scale = instruction.memory_index_scale();
        if size > 8 {
            return Abs::Top;
        }
        let number = self.image.table(at, size, u64::from(scale), state.numbers(index, short));
        let is_signed = instruction.mnemonic() == Mnemonic::Movsxd;
        if scale != 4 || size != 4 {
            return number;
        }
        let number = if is_signed { number.signed(4) } else { number.narrow() };
        Abs::Entry(Table { at, width: 4, signed: is_signed, shift: 0 }, Box::new(number))
    }

    /// `cmp` of a register or a slot with a constant.
    fn compared(&self, instruction: &Instruction, state: &State) -> Option<Compared> {
        if !matches!(instruction.mnemonic(), Mnemonic::Cmp | Mnemonic::Sub) {
            return None;
        }
        let (register, size) = match instruction.op0_kind() {
            OpKind::Register => (general(instruction.op0_register()), instruction.op0_register().size()),
            OpKind::Memory => (None, instruction.memory_size().size()),
            _ => return None,
        };
        let Abs::Const(with) = self.read(instruction, 1, state) else { return None };
        let wide = size == 8;
        // Of fewer bytes than a parameter has, nothing is said.
        (wide || size == 4).then(|| Compared {
            value: self.read(instruction, 0, state),
            register,
            with: if wide { with } else { with & 0xffff_ffff },
            wide,
        })
    }

    /// An operand for arithmetic: a parameter is no longer itself afterwards, so what comparisons told of it counts.
    fn operand(&self, instruction: &Instruction, operand: u32, state: &State) -> Abs {
        let value = self.read(instruction, operand, state);
        match (&value, instruction.op_kind(operand)) {
            (Abs::Param { narrow, .. }, OpKind::Register) => {
                general(instruction.op_register(operand)).map_or(Abs::Top, |n| state.operand(n, *narrow))
            }
            _ => value,
        }
    }

    /// Writes the first operand.
    fn write(&self, instruction: &Instruction, value: Abs, state: &mut State) {
        match instruction.op0_kind() {
            OpKind::Register => write_register(instruction.op0_register(), value, state),
            OpKind::Memory => {
                let size = instruction.memory_size().size().min(64) as u8;
                let (address, by_frame) = self.address(instruction, state);
                let indexed = instruction.memory_index() != Register::None;
                if indexed && by_frame && !matches!(address, Abs::Stack(_)) {
                    // An array in the frame, at an index that is not known.
                    state.store(&Abs::Top, size, value, true);
                } else {
                    state.store(&address, size, value, by_frame);
                }
            }
            _ => {}
        }
    }

    fn apply(&self, instruction: &Instruction, state: &mut State) {
        let arithmetic =
            |f: fn(&Abs, &Abs) -> Abs, state: &State| f(&self.operand(instruction, 0, state), &self.operand(instruction, 1, state));
        let two = instruction.op_count() == 2;
        let same = two
            && instruction.op1_kind() == OpKind::Register
            && instruction.op0_kind() == OpKind::Register
            && instruction.op0_register() == instruction.op1_register();
        let result = match instruction.mnemonic() {
            Mnemonic::Nop | Mnemonic::Endbr64 | Mnemonic::Test | Mnemonic::Cmp | Mnemonic::Bt => return,
            Mnemonic::Push => return self.push(instruction, state),
            Mnemonic::Pop => return self.pop(instruction, state),
            Mnemonic::Leave => return self.leave(state),
            Mnemonic::Mov | Mnemonic::Movzx => self.read(instruction, 1, state),
            Mnemonic::Movsx | Mnemonic::Movsxd => self.sign_extended(instruction, state),
            Mnemonic::Lea => {
                let (address, by_frame) = self.address(instruction, state);
                if by_frame && !matches!(address, Abs::Stack(_)) {
                    state.escape_all();
                }
                address
            }
            Mnemonic::Xor | Mnemonic::Sub if same => Abs::Const(0),
            Mnemonic::Sbb if same => Abs::of(vec![0, u64::MAX]),
            Mnemonic::Xor => arithmetic(Abs::xor, state),
            Mnemonic::Or => arithmetic(Abs::or, state),
            Mnemonic::Bts if instruction.op1_kind() == OpKind::Immediate8 => self.bit(instruction, true, state),
            Mnemonic::Btr if instruction.op1_kind() == OpKind::Immediate8 => self.bit(instruction, false, state),
            Mnemonic::And => arithmetic(Abs::and_value, state),
            Mnemonic::Add if two => arithmetic(Abs::add, state),
            Mnemonic::Sub => arithmetic(Abs::sub, state),
            Mnemonic::Inc => self.read(instruction, 0, state).add(&Abs::Const(1)),
            Mnemonic::Dec => self.read(instruction, 0, state).sub(&Abs::Const(1)),
            Mnemonic::Not => self.read(instruction, 0, state).not(),
            Mnemonic::Neg => self.read(instruction, 0, state).neg(),
            Mnemonic::Shl | Mnemonic::Shr | Mnemonic::Sar if two => self.shift(instruction, state),
            _ => match self.conditional(instruction, state) {
                Some(value) => value,
                None => return self.forget_written(instruction, state),
            },
        };
        if matches!(instruction.op0_kind(), OpKind::Register) && general(instruction.op0_register()).is_none() {
            return self.forget_written(instruction, state);
        }
        self.write(instruction, result, state);
    }

    fn sign_extended(&self, instruction: &Instruction, state: &State) -> Abs {
        let value = self.read(instruction, 1, state);
        if let Abs::Entry(table, number) = value {
            // `movsxd` from the table, or of what `mov` brought from there.
            return Abs::Entry(Table { signed: true, ..table }, Box::new(number.signed(4)));
        }
        let size = match instruction.op1_kind() {
            OpKind::Register => instruction.op1_register().size(),
            _ => instruction.memory_size().size(),
        };
        value.signed(size.min(8) as u8)
    }

    fn shift(&self, instruction: &Instruction, state: &State) -> Abs {
        let size = match instruction.op0_kind() {
            OpKind::Register => instruction.op0_register().size(),
            _ => instruction.memory_size().size(),
        };
        let mask = if size == 8 { 63 } else { 31 };
        // The amount is an immediate or `cl`.
        let by = self.read(instruction, 1, state);
        let value = self.operand(instruction, 0, state);
        match instruction.mnemonic() {
            Mnemonic::Shl => value.shift_by(&by, mask, Abs::shl),
            Mnemonic::Shr => value.shift_by(&by, mask, Abs::shr),
            _ => value.signed(size.min(8) as u8).shift_by(&by, mask, Abs::sar),
        }
    }

    /// `bts` and `btr` with an immediate.
    fn bit(&self, instruction: &Instruction, is_set: bool, state: &State) -> Abs {
        let size = if instruction.op0_kind() == OpKind::Register { instruction.op0_register().size() } else { 4 };
        let mask = 1u64.wrapping_shl(u32::from(instruction.immediate8()) & if size == 8 { 63 } else { 31 });
        let value = self.operand(instruction, 0, state);
        if is_set { value.or(&Abs::Const(mask)) } else { value.and(!mask) }
    }

    /// `cmovcc` and `setcc`.
    fn conditional(&self, instruction: &Instruction, state: &State) -> Option<Abs> {
        if instruction.condition_code() == ConditionCode::None {
            return None;
        }
        match instruction.op_count() {
            1 => Some(Abs::of(vec![0, 1])),
            2 => Some(self.read(instruction, 0, state).join(&self.read(instruction, 1, state)).came_from(&[instruction.ip()])),
            _ => None,
        }
    }

    fn push(&self, instruction: &Instruction, state: &mut State) {
        let size = instruction.stack_pointer_increment().unsigned_abs().min(8) as u8;
        let value = self.read(instruction, 0, state);
        let top = state.get(RSP).sub(&Abs::Const(u64::from(size)));
        state.store(&top, size, value, true);
        state.set(RSP, top);
    }

    fn pop(&self, instruction: &Instruction, state: &mut State) {
        let size = instruction.stack_pointer_increment().unsigned_abs().min(8) as u8;
        let top = state.get(RSP);
        let value = self.image.load(state, &top, size);
        state.set(RSP, top.add(&Abs::Const(u64::from(size))));
        self.write(instruction, value, state);
    }

    fn leave(&self, state: &mut State) {
        let frame = state.get(RBP);
        let saved = self.image.load(state, &frame, 8);
        state.set(RSP, frame.add(&Abs::Const(8)));
        state.set(RBP, saved);
    }

    /// Makes unknown whatever the decoder says the instruction writes.
    fn forget_written(&self, instruction: &Instruction, state: &mut State) {
        let mut factory = self.info.borrow_mut();
        let info = factory.info(instruction);
        let writes =
            |access: OpAccess| matches!(access, OpAccess::Write | OpAccess::CondWrite | OpAccess::ReadWrite | OpAccess::ReadCondWrite);
        let repeated = instruction.has_rep_prefix() || instruction.has_repne_prefix();
        for memory in info.used_memory().iter().filter(|memory| writes(memory.access())) {
            let base = general(memory.base()).map_or(Abs::Top, |n| state.get(n));
            let by_frame = matches!(memory.base(), Register::RSP | Register::RBP);
            let size = memory.memory_size().size();
            if repeated || size == 0 || size > 64 || memory.index() != Register::None {
                if by_frame {
                    state.store(&Abs::Top, 8, Abs::Top, true);
                }
                state.scatter(&base);
            } else {
                state.store(&base.add(&Abs::Const(memory.displacement())), size as u8, Abs::Top, by_frame);
            }
        }
        for used in info.used_registers().iter().filter(|used| writes(used.access())) {
            if let Some(register) = general(used.register()) {
                state.set(register, Abs::Top);
            }
        }
    }
}

/// Writing 32 bits clears the upper half; writing less keeps what is above.
fn write_register(register: Register, value: Abs, state: &mut State) {
    let Some(n) = general(register) else { return };
    let whole = match register.size() {
        8 => value,
        4 => value.narrow(),
        _ if is_high_byte(register) => Abs::Top,
        2 => state.get(n).replace(0xffff, &value),
        _ => state.get(n).replace(0xff, &value),
    };
    state.set(n, whole);
}
