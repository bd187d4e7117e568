//! Bytes → operations.

use super::{Entry, MAX_REQUIREMENT, Match, Op, Requirement, RequirementSet, RequirementType};
use crate::read::ReadError;

const MAGIC_REQUIREMENT: u32 = 0xfade_0c00;
const MAGIC_SET: u32 = 0xfade_0c01;
/// Apple's interpreter gives up at this depth (`reqinterp.h stackLimit`).
const STACK_LIMIT: usize = 1000;
/// Most entries of a set that are read; Apple defines five types.
const MAX_ENTRIES: u32 = 64;

const FLAGS: u32 = 0xff00_0000;
const FLAG_FALSE: u32 = 0x8000_0000;
const FLAG_SKIP: u32 = 0x4000_0000;

/// Big-endian fields that follow each other. `base` is the blob's offset in the outermost input.
struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
    base: u64,
}

impl<'a> Fields<'a> {
    fn fail(&self, what: impl Into<String>) -> ReadError {
        ReadError::new(what, self.base.saturating_add(self.at as u64))
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], ReadError> {
        let end = self.at.checked_add(count).filter(|&end| end <= self.bytes.len());
        let taken = end.and_then(|end| self.bytes.get(self.at..end)).ok_or_else(|| self.fail("requirement cut off"))?;
        self.at = self.at.saturating_add(count);
        Ok(taken)
    }

    fn word(&mut self) -> Result<u32, ReadError> {
        Ok(self.take(4)?.iter().fold(0, |word, &byte| (word << 8) | u32::from(byte)))
    }

    fn slot(&mut self) -> Result<i32, ReadError> {
        Ok(self.word()?.cast_signed())
    }

    fn time(&mut self) -> Result<i64, ReadError> {
        Ok(self.take(8)?.iter().fold(0_i64, |time, &byte| (time << 8) | i64::from(byte)))
    }

    /// Bytes with their length before them, filled up to four bytes. The filling may be missing at the end, as in `reqreader.cpp`.
    fn data(&mut self) -> Result<Vec<u8>, ReadError> {
        let length = self.word()? as usize;
        let data = self.take(length)?.to_vec();
        let filled = length.checked_next_multiple_of(4).and_then(|filled| filled.checked_sub(length));
        self.at = self.at.saturating_add(filled.unwrap_or(0));
        Ok(data)
    }

    fn hash(&mut self) -> Result<Vec<u8>, ReadError> {
        let start = self.fail("certificate hash that is not 20 bytes long");
        let hash = self.data()?;
        if hash.len() == 20 { Ok(hash) } else { Err(start) }
    }

    fn matching(&mut self) -> Result<Match, ReadError> {
        Ok(match self.word()? {
            0 => Match::Exists,
            1 => Match::Equal(self.data()?),
            2 => Match::Contains(self.data()?),
            3 => Match::BeginsWith(self.data()?),
            4 => Match::EndsWith(self.data()?),
            5 => Match::LessThan(self.data()?),
            6 => Match::GreaterThan(self.data()?),
            7 => Match::LessEqual(self.data()?),
            8 => Match::GreaterEqual(self.data()?),
            9 => Match::On(self.time()?),
            10 => Match::Before(self.time()?),
            11 => Match::After(self.time()?),
            12 => Match::OnOrBefore(self.time()?),
            13 => Match::OnOrAfter(self.time()?),
            14 => Match::Absent,
            // Apple assumes that an unknown comparison has one value.
            other => {
                self.data()?;
                Match::Unknown(other)
            }
        })
    }

    /// One operation, without its operands. A known opcode counts by its low bits, whatever its flags.
    fn op(&mut self) -> Result<Op, ReadError> {
        let start = self.at;
        let code = self.word()?;
        Ok(match code & !FLAGS {
            0 => Op::False,
            1 => Op::True,
            2 => Op::Identifier(self.data()?),
            3 => Op::AppleAnchor,
            4 => Op::CertificateHash { slot: self.slot()?, hash: self.hash()? },
            5 => Op::InfoKeyValue { key: self.data()?, value: self.data()? },
            6 => Op::And,
            7 => Op::Or,
            8 => Op::CdHash(self.data()?),
            9 => Op::Not,
            10 => Op::InfoField { key: self.data()?, matching: self.matching()? },
            11 => Op::CertificateField { slot: self.slot()?, key: self.data()?, matching: self.matching()? },
            12 => Op::TrustedCertificate(self.slot()?),
            13 => Op::TrustedCertificates,
            14 => Op::CertificateExtension { slot: self.slot()?, oid: self.data()?, matching: self.matching()? },
            15 => Op::AppleGenericAnchor,
            16 => Op::EntitlementField { key: self.data()?, matching: self.matching()? },
            17 => Op::CertificatePolicy { slot: self.slot()?, oid: self.data()?, matching: self.matching()? },
            18 => Op::NamedAnchor(self.data()?),
            19 => Op::NamedCode(self.data()?),
            20 => Op::Platform(self.slot()?),
            21 => Op::Notarized,
            22 => Op::CertificateDate { slot: self.slot()?, oid: self.data()?, matching: self.matching()? },
            23 => Op::LegacyDeveloperId,
            other if code & (FLAG_FALSE | FLAG_SKIP) != 0 => {
                let length = self.word()? as usize;
                self.take(length)?;
                if code & FLAG_FALSE != 0 { Op::UnknownFalse(other) } else { Op::UnknownSkip(other) }
            }
            _ => {
                let offset = self.base.saturating_add(start as u64);
                return Err(ReadError::new(format!("requirement opcode {code:#x} that is not known"), offset));
            }
        })
    }
}

impl Op {
    /// Count of operands.
    pub(super) fn operands(&self) -> u8 {
        match self {
            Op::And | Op::Or => 2,
            Op::Not | Op::UnknownSkip(_) => 1,
            _ => 0,
        }
    }
}

/// A blob's fields behind its header of magic and length; what lies behind the length is cut off.
fn open(bytes: &[u8], base: u64, magic: u32) -> Result<Fields<'_>, ReadError> {
    if bytes.len() > MAX_REQUIREMENT {
        return Err(ReadError::new("requirement longer than Temper reads", base));
    }
    let mut fields = Fields { bytes, at: 0, base };
    let found = fields.word()?;
    if found != magic {
        return Err(ReadError::new(format!("requirement with magic {found:#010x}"), base));
    }
    let length = fields.word()? as usize;
    fields.bytes = bytes.get(..length).ok_or_else(|| ReadError::new(format!("requirement with a length of {length}"), base))?;
    Ok(fields)
}

pub(super) fn requirement(bytes: &[u8], base: u64) -> Result<Requirement, ReadError> {
    let mut fields = open(bytes, base, MAGIC_REQUIREMENT)?;
    match fields.word()? {
        1 => expression(&mut fields).map(Requirement::Expression),
        2 => fields.data().map(Requirement::Lightweight),
        other => Err(ReadError::new(format!("requirement of kind {other}"), base.saturating_add(8))),
    }
}

fn expression(fields: &mut Fields<'_>) -> Result<Vec<Op>, ReadError> {
    let mut ops = Vec::new();
    // How many operands each open operator still wants, the program itself one.
    let mut open: Vec<u8> = vec![1];
    loop {
        while open.last() == Some(&0) {
            open.pop();
        }
        let Some(wanted) = open.last_mut() else { return Ok(ops) };
        *wanted = wanted.saturating_sub(1);
        if open.len() >= STACK_LIMIT {
            return Err(fields.fail("requirement nested too deeply"));
        }
        let op = fields.op()?;
        if op.operands() > 0 {
            open.push(op.operands());
        }
        ops.push(op);
    }
}

/// The program is nested deeper than Apple's interpreter goes; the same count as in [`expression`].
pub(super) fn is_too_deep(ops: &[Op]) -> bool {
    let mut open: Vec<u8> = vec![1];
    for op in ops {
        while open.last() == Some(&0) {
            open.pop();
        }
        if open.len() >= STACK_LIMIT {
            return true;
        }
        if let Some(wanted) = open.last_mut() {
            *wanted = wanted.saturating_sub(1);
        }
        if op.operands() > 0 {
            open.push(op.operands());
        }
    }
    false
}

pub(super) fn set(bytes: &[u8]) -> Result<RequirementSet, ReadError> {
    let mut fields = open(bytes, 0, MAGIC_SET)?;
    let count = fields.word()?;
    let mut set = RequirementSet::default();
    if count > MAX_ENTRIES {
        set.faults.push(ReadError::new(format!("requirement set with {count} entries, of which {MAX_ENTRIES} are read"), 8));
    }
    for _ in 0..count.min(MAX_ENTRIES) {
        let entry = fields.word().and_then(|kind| Ok((kind, fields.word()?)));
        let (kind, offset) = match entry {
            Ok(entry) => entry,
            Err(fault) => {
                set.faults.push(fault);
                break;
            }
        };
        let blob = fields.bytes.get(offset as usize..).unwrap_or_default();
        let requirement = requirement(blob, u64::from(offset));
        set.entries.push(Entry { kind: RequirementType::from_number(kind), requirement });
    }
    Ok(set)
}
