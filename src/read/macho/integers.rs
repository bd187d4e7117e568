//! Integers at an offset of a byte slice; `None` outside it.

/// Two bytes.
pub(in crate::read) fn u16_at(bytes: &[u8], at: usize, big_endian: bool) -> Option<u16> {
    let raw: [u8; 2] = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
    Some(if big_endian { u16::from_be_bytes(raw) } else { u16::from_le_bytes(raw) })
}

/// Four bytes.
pub(in crate::read) fn u32_at(bytes: &[u8], at: usize, big_endian: bool) -> Option<u32> {
    let raw: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    Some(if big_endian { u32::from_be_bytes(raw) } else { u32::from_le_bytes(raw) })
}

/// Eight bytes.
pub(in crate::read) fn u64_at(bytes: &[u8], at: usize, big_endian: bool) -> Option<u64> {
    let raw: [u8; 8] = bytes.get(at..at.checked_add(8)?)?.try_into().ok()?;
    Some(if big_endian { u64::from_be_bytes(raw) } else { u64::from_le_bytes(raw) })
}

/// Takes an unsigned LEB128 number from the front; `None` when it does not end or does not fit 64 bits.
pub(in crate::read) fn take_uleb(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let part = u64::from(byte & 0x7f);
        let shifted = part.checked_shl(shift)?;
        if shifted.checked_shr(shift)? != part {
            return None;
        }
        value |= shifted;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// The bytes before the first NUL from `at` on; `None` when there is no NUL.
pub(in crate::read) fn c_string_at(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let rest = bytes.get(at..)?;
    rest.get(..memchr::memchr(0, rest)?)
}
