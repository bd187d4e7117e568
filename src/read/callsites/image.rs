//! What the analysis asks of the slice: bytes at an address, constants, strings, and which function stands behind an address.

use super::bits::Bits;
use super::flow::Goal;
use super::state::State;
use super::value::Abs;
use crate::read::Source;
use crate::read::fixups::Bindings;
use crate::read::macho::{MachO, Section};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// S_ATTR_PURE_INSTRUCTIONS or S_ATTR_SOME_INSTRUCTIONS in `flags` of a section.
const INSTRUCTIONS: u32 = 0x8000_0400;
/// S_SYMBOL_STUBS: the jumps to bound functions, which are not calls themselves.
const STUBS: u32 = 8;
/// S_CSTRING_LITERALS.
const C_STRINGS: u32 = 2;
/// S_NON_LAZY_SYMBOL_POINTERS and S_LAZY_SYMBOL_POINTERS.
const POINTERS: [u32; 2] = [6, 7];
/// Bytes read of the name of a selector; none of the sought ones is longer.
const MOST_SELECTOR: u64 = 64;
/// Most bytes kept of a string.
const MOST_TEXT: u64 = 1024;

/// One slice, with the functions that are sought in it.
pub(super) struct Image<'a> {
    source: &'a dyn Source,
    macho: &'a MachO,
    /// Address of a stub or of the function itself → index of the sought function.
    pub targets: BTreeMap<u64, usize>,
    /// Address of a pointer that only dyld writes → index of the sought function.
    pub slots: BTreeMap<u64, usize>,
    /// Address of a selector reference → index of the sought message.
    pub selectors: BTreeMap<u64, usize>,
    /// Stubs of `objc_msgSend`.
    pub senders: BTreeSet<u64>,
    /// Pointers to `objc_msgSend`.
    pub sender_slots: BTreeSet<u64>,
    /// Links Swift's runtime, whose calls change more registers.
    pub is_swift: bool,
    /// Answers of [`Self::breaks_convention`].
    unconventional: RefCell<HashMap<u64, bool>>,
}

impl<'a> Image<'a> {
    /// `index`: the number of a sought function by name.
    pub(super) fn new(source: &'a dyn Source, macho: &'a MachO, bindings: &Bindings, index: impl Fn(&str) -> Option<usize>) -> Self {
        let is_swift = macho.libraries.iter().any(|library| library.name.contains("libswiftCore"));
        let mut image = Self {
            source,
            macho,
            targets: BTreeMap::new(),
            slots: BTreeMap::new(),
            selectors: BTreeMap::new(),
            senders: BTreeSet::new(),
            sender_slots: BTreeSet::new(),
            is_swift,
            unconventional: RefCell::default(),
        };
        let sought = |(at, name): (&u64, &String)| index(name).map(|found| (*at, found));
        let defined = bindings.defined.iter().filter_map(sought).filter(|(at, _)| image.code_at(*at).is_some());
        image.targets = bindings.stubs.iter().filter_map(sought).chain(defined).collect();
        image.slots = bindings.slots.iter().filter_map(sought).filter(|(at, _)| image.is_fixed_pointer(*at)).collect();
        image
    }

    /// arm64 or arm64e.
    pub(super) fn is_arm64(&self) -> bool {
        self.macho.arch.is_arm64()
    }

    /// Sections of code, without stubs.
    pub(super) fn code(&self) -> impl Iterator<Item = &'a Section> {
        self.macho.sections.iter().filter(|s| s.flags & INSTRUCTIONS != 0 && s.flags & 0xff != STUBS && !s.name.contains("stub"))
    }

    /// The section of code that holds an address.
    pub(super) fn code_at(&self, at: u64) -> Option<&'a Section> {
        self.code().find(|section| holds(section, at))
    }

    /// All sections.
    pub(super) fn sections(&self) -> &'a [Section] {
        &self.macho.sections
    }

    /// Address of the first byte of the image, from which some pointers in data count.
    pub(super) fn base(&self) -> u64 {
        self.macho.segments.iter().find(|segment| segment.name == "__TEXT").map_or(0, |segment| segment.address)
    }

    fn section_at(&self, at: u64) -> Option<&'a Section> {
        self.macho.sections.iter().find(|section| holds(section, at))
    }

    /// A pointer that dyld writes before the program runs and nothing writes later.
    fn is_fixed_pointer(&self, at: u64) -> bool {
        self.section_at(at).is_some_and(|s| {
            POINTERS.contains(&(s.flags & 0xff)) || s.name.ends_with("got") || matches!(s.segment.as_str(), "__DATA_CONST" | "__AUTH_CONST")
        })
    }

    /// Bytes of a section from an address on, at most `most`; fewer at its end.
    pub(super) fn bytes(&self, section: &Section, at: u64, most: u64) -> Option<Vec<u8>> {
        let skip = at.checked_sub(section.address).filter(|_| section.offset != 0)?;
        let length = section.size.checked_sub(skip)?.min(most);
        self.source.read_vec(section.offset.checked_add(skip)?, length, usize::try_from(most).ok()?).ok()
    }

    /// The same into a buffer that is used again; false when they cannot be read.
    pub(super) fn fill(&self, section: &Section, at: u64, most: u64, bytes: &mut Vec<u8>) -> bool {
        let range = at.checked_sub(section.address).filter(|_| section.offset != 0).and_then(|skip| {
            let length = section.size.checked_sub(skip)?.min(most);
            Some((section.offset.checked_add(skip)?, usize::try_from(length).ok()?))
        });
        let Some((offset, length)) = range else { return false };
        if offset.checked_add(length as u64).is_none_or(|end| end > self.source.len()) {
            return false;
        }
        bytes.resize(length, 0);
        self.source.read_at(offset, bytes).is_ok()
    }

    /// Length of the slice in bytes.
    pub(super) fn length(&self) -> u64 {
        self.source.len()
    }

    /// Every address that stands for something sought.
    pub(super) fn sought_addresses(&self) -> impl Iterator<Item = u64> + Clone {
        self.targets.keys().chain(self.slots.keys()).chain(self.selectors.keys()).copied()
    }

    /// `size` bytes that cannot change at run time: in `__TEXT`, which nothing relocates.
    pub(super) fn constant(&self, at: u64, size: u8) -> Option<u64> {
        let section = self.section_at(at).filter(|section| section.segment == "__TEXT")?;
        let bytes = self.bytes(section, at, u64::from(size)).filter(|bytes| bytes.len() == usize::from(size) && size <= 8)?;
        Some(bytes.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte)))
    }

    /// What a load of `size` bytes from a table gives, when every entry that the index can choose is constant.
    pub(super) fn table(&self, at: u64, size: u8, stride: u64, indexes: Option<Vec<u64>>) -> Abs {
        let entry = |index: u64| self.constant(at.wrapping_add(index.wrapping_mul(stride)), size);
        let entries: Option<Vec<u64>> = indexes.and_then(|indexes| indexes.into_iter().map(entry).collect());
        entries.filter(|entries| !entries.is_empty()).map_or(Abs::Top, |entries| Abs::of(entries).came_from(&[at]))
    }

    /// What a load of `size` bytes gives, zero-extended.
    pub(super) fn load(&self, state: &State, address: &Abs, size: u8) -> Abs {
        match address {
            Abs::Stack(at) => state.load_slot(*at, size),
            Abs::Address(at) if size == 8 && self.slots.contains_key(at) => {
                self.slots.get(at).map_or(Abs::Top, |&index| Abs::Import(index))
            }
            Abs::Address(at) if size == 8 && self.sender_slots.contains(at) => Abs::Import(super::objc::SENDER),
            Abs::Address(at) if size == 8 && self.selectors.contains_key(at) => {
                self.selectors.get(at).map_or(Abs::Top, |&index| Abs::Selector(index))
            }
            Abs::Address(at) => self.constant(*at, size).map_or(Abs::Loaded, Abs::Const),
            _ if size == 8 => Abs::Loaded,
            _ => Abs::of_bits(Bits { zeros: u64::MAX.checked_shl(u32::from(size).saturating_mul(8)).unwrap_or(0), ones: 0 }),
        }
    }

    /// The sought function that a call goes to.
    pub(super) fn sought(&self, goal: &Goal) -> Option<usize> {
        match goal {
            Goal::Direct(at) | Goal::Value(Abs::Address(at)) => self.targets.get(at).copied(),
            Goal::Value(Abs::Import(index)) => Some(*index).filter(|index| *index != super::objc::SENDER),
            Goal::Value(_) => None,
        }
    }

    /// The message that a call sends: a call to `objc_msgSend` with a sought selector.
    pub(super) fn message(&self, goal: &Goal, selector: &Abs) -> Option<usize> {
        let Abs::Selector(index) = selector else { return None };
        let sends = match goal {
            Goal::Direct(at) | Goal::Value(Abs::Address(at)) => self.senders.contains(at),
            Goal::Value(Abs::Import(index)) => *index == super::objc::SENDER,
            Goal::Value(_) => false,
        };
        sends.then_some(*index)
    }

    /// The C string at an address; `None` when there is none that can be shown.
    pub(super) fn text(&self, at: u64) -> Option<String> {
        let section = self.section_at(at).filter(|s| s.segment == "__TEXT" && s.flags & INSTRUCTIONS == 0)?;
        let mut bytes = self.bytes(section, at, MOST_TEXT)?;
        match bytes.iter().position(|&byte| byte == 0) {
            Some(end) => bytes.truncate(end),
            None if bytes.len() as u64 == MOST_TEXT => cut_to_character(&mut bytes),
            None => return None,
        }
        let text = String::from_utf8(bytes).ok()?;
        let shown = text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\t'));
        let counts = !text.is_empty() || section.flags & 0xff == C_STRINGS;
        (shown && counts).then_some(text)
    }

    /// The selector whose name begins at an address.
    pub(super) fn selector_name(&self, at: u64) -> Option<String> {
        let section = self.section_at(at).filter(|section| section.name == "__objc_methname")?;
        let mut bytes = self.bytes(section, at, MOST_SELECTOR)?;
        let end = bytes.iter().position(|&byte| byte == 0)?;
        bytes.truncate(end);
        String::from_utf8(bytes).ok()
    }

    /// A function of this image that changes registers or stack slots which the calling convention keeps. The compiler's outliner makes such
    /// functions out of equal runs of instructions (`OUTLINED_FUNCTION_…`); they are short and straight.
    pub(super) fn breaks_convention(&self, target: u64) -> bool {
        let known = self.unconventional.borrow().get(&target).copied();
        known.unwrap_or_else(|| {
            let code = self.code_at(target).and_then(|section| self.bytes(section, target, 256)).unwrap_or_default();
            let answer = changes_kept(&code);
            self.unconventional.borrow_mut().insert(target, answer);
            answer
        })
    }
}

/// Whether a straight run of arm64 code writes a kept register that it did not save, or a slot of its caller's frame.
fn changes_kept(code: &[u8]) -> bool {
    let (mut saved, mut framed) = (0u32, false);
    for word in code.chunks_exact(4).filter_map(|c| c.try_into().ok()).map(u32::from_le_bytes) {
        if word >> 26 == 0b00_0101 || word >> 25 == 0x6b || word >> 24 == 0xd4 {
            // A jump, a return or a trap ends it.
            return false;
        }
        let is_pair = word & 0x3a00_0000 == 0x2800_0000;
        let is_single = word & 0x3a00_0000 == 0x3800_0000;
        let is_vector = (is_pair || is_single) && word & 1 << 26 != 0;
        let stores = is_pair && word & 1 << 22 == 0 || is_single && word & 0x00c0_0000 == 0;
        let named = bit(word & 31) | if is_pair { bit((word >> 10) & 31) } else { 0 };
        if stores && (word >> 5) & 31 == 31 {
            let moves_sp = is_pair && word & 0x0180_0000 == 0x0180_0000 || is_single && word & 0x0100_0c00 == 0x0c00;
            framed |= moves_sp;
            if !framed {
                return true;
            }
            saved |= if is_vector { 0 } else { named };
        } else if word & 0xff80_03ff == 0xd100_03ff {
            // `sub sp, sp, #…`
            framed = true;
        } else if !is_vector && !stores && !is_branch(word) && named & KEPT & !saved != 0 {
            return true;
        }
    }
    false
}

/// x19 to x28.
const KEPT: u32 = 0x1ff8_0000;

fn bit(register: u32) -> u32 {
    1u32.wrapping_shl(register)
}

/// `b.cond`, `cbz`, `tbz`, `bl`: no destination register. System instructions count as such too.
fn is_branch(word: u32) -> bool {
    (word >> 26) & 7 == 0b101
}

fn holds(section: &Section, at: u64) -> bool {
    at.checked_sub(section.address).is_some_and(|offset| offset < section.size)
}

/// Drops a character whose bytes were cut.
fn cut_to_character(bytes: &mut Vec<u8>) {
    if let Err(error) = std::str::from_utf8(bytes)
        && error.error_len().is_none()
    {
        bytes.truncate(error.valid_up_to());
    }
}
