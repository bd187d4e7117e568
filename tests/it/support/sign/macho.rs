//! Makes room for a signature in a thin 64-bit Mach-O, and joins slices to a universal file.

use std::ops::Range;

const LC_CODE_SIGNATURE: u32 = 0x1d;
const LC_SEGMENT_64: u32 = 0x19;
const LC_UUID: u32 = 0x1b;
const LC_BUILD_VERSION: u32 = 0x32;
const CPU_ARM64: u32 = 0x0100_000c;
const CPU_X86_64: u32 = 0x0100_0007;

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

fn put<const N: usize>(bytes: &mut [u8], at: usize, value: [u8; N]) {
    bytes[at..at + N].copy_from_slice(&value);
}

/// Load commands of a thin slice: (command, offset).
fn commands(slice: &[u8]) -> Vec<(u32, usize)> {
    assert_eq!(word(slice, 0), 0xfeed_facf, "a thin 64-bit Mach-O");
    let mut at = 32;
    (0..word(slice, 16))
        .map(|_| {
            let found = (word(slice, at), at);
            at += word(slice, at + 4) as usize;
            found
        })
        .collect()
}

fn segment(slice: &[u8], name: &str) -> usize {
    let is_named = |at: usize| slice[at + 8..at + 24].split(|&b| b == 0).next() == Some(name.as_bytes());
    commands(slice).into_iter().find(|&(command, at)| command == LC_SEGMENT_64 && is_named(at)).unwrap().1
}

/// Range of the signature in a thin slice.
pub fn signature_range(slice: &[u8]) -> Option<Range<usize>> {
    let (_, at) = commands(slice).into_iter().find(|(command, _)| *command == LC_CODE_SIGNATURE)?;
    let start = word(slice, at + 8) as usize;
    Some(start..start + word(slice, at + 12) as usize)
}

/// A 64-bit Mach-O, thin or in a universal file.
pub fn is_macho(bytes: &[u8]) -> bool {
    bytes.starts_with(&0xfeed_facf_u32.to_le_bytes()) || bytes.starts_with(&0xcafe_babe_u32.to_be_bytes())
}

/// Ranges of the slices; the whole for a thin file.
pub fn slices(bytes: &[u8]) -> Vec<Range<usize>> {
    let big = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    if big(0) != 0xcafe_babe {
        return std::iter::once(0..bytes.len()).collect();
    }
    (0..big(4)).map(|n| 8 + n * 20).map(|at| big(at + 8)..big(at + 8) + big(at + 12)).collect()
}

/// A universal file of thin slices, in their order.
pub fn join(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut header = [0xcafe_babe_u32.to_be_bytes(), (parts.len() as u32).to_be_bytes()].concat();
    let mut body: Vec<u8> = Vec::new();
    let head = 8 + parts.len() * 20;
    for part in parts {
        let align = if word(part, 4) == CPU_ARM64 { 14 } else { 12 };
        let offset = (head + body.len()).next_multiple_of(1 << align);
        body.resize(offset - head, 0);
        body.extend(part);
        for value in [word(part, 4), word(part, 8), offset as u32, part.len() as u32, align] {
            header.extend(value.to_be_bytes());
        }
    }
    [header, body].concat()
}

/// Architecture of a thin slice, in Apple's word.
pub fn arch_name(slice: &[u8]) -> &'static str {
    match word(slice, 4) {
        CPU_ARM64 => "arm64",
        CPU_X86_64 => "x86_64",
        _ => "other",
    }
}

/// LC_UUID of a thin slice, in capitals with hyphens.
pub fn uuid(slice: &[u8]) -> Option<String> {
    let (_, at) = commands(slice).into_iter().find(|(command, _)| *command == LC_UUID)?;
    let hex: String = slice[at + 8..at + 24].iter().map(|b| format!("{b:02X}")).collect();
    Some([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-"))
}

/// Enters an SDK version (packed) into LC_BUILD_VERSION of a thin slice.
pub fn set_sdk(slice: &mut [u8], version: u32) {
    if let Some((_, at)) = commands(slice).into_iter().find(|(command, _)| *command == LC_BUILD_VERSION) {
        put(slice, at + 16, version.to_le_bytes());
    }
}

/// A thin slice that is being signed.
pub struct Image {
    bytes: Vec<u8>,
    /// Where the code ends and the signature will begin.
    limit: usize,
    /// File offset and size of `__TEXT`.
    pub text: (u64, u64),
    /// SDK version, packed; 0 when unknown.
    pub sdk: u32,
}

impl Image {
    /// Cuts off an old signature, or adds the load command for a new one.
    pub fn prepare(slice: &[u8]) -> Self {
        let mut bytes = slice.to_vec();
        match signature_range(slice) {
            Some(range) => bytes.truncate(range.start),
            None => add_command(&mut bytes),
        }
        bytes.resize(bytes.len().next_multiple_of(16), 0);
        let text = segment(&bytes, "__TEXT");
        let sdk = commands(&bytes).into_iter().find(|(command, _)| *command == LC_BUILD_VERSION).map_or(0, |(_, at)| word(&bytes, at + 16));
        Image { limit: bytes.len(), text: (long(&bytes, text + 40), long(&bytes, text + 48)), sdk, bytes }
    }

    /// Enters the signature's place and size into the load commands and grows `__LINKEDIT`.
    pub fn make_room(&mut self, size: usize) {
        let command = commands(&self.bytes).into_iter().find(|(command, _)| *command == LC_CODE_SIGNATURE).unwrap().1;
        let page: u64 = if self.is_arm64() { 0x4000 } else { 0x1000 };
        let linkedit = segment(&self.bytes, "__LINKEDIT");
        let length = (self.limit + size) as u64 - long(&self.bytes, linkedit + 40);
        put(&mut self.bytes, command + 8, (self.limit as u32).to_le_bytes());
        put(&mut self.bytes, command + 12, (size as u32).to_le_bytes());
        put(&mut self.bytes, linkedit + 32, length.next_multiple_of(page).to_le_bytes());
        put(&mut self.bytes, linkedit + 48, length.to_le_bytes());
        self.bytes.resize(self.limit + size, 0);
    }

    /// The file with its signature.
    pub fn finish(mut self, signature: &[u8]) -> Vec<u8> {
        assert!(self.limit + signature.len() <= self.bytes.len(), "the signature fits its room");
        self.bytes[self.limit..self.limit + signature.len()].copy_from_slice(signature);
        self.bytes
    }

    /// What the page hashes cover.
    pub fn code(&self) -> &[u8] {
        &self.bytes[..self.limit]
    }

    /// MH_EXECUTE.
    pub fn is_executable(&self) -> bool {
        word(&self.bytes, 12) == 2
    }

    /// The slice is arm64.
    pub fn is_arm64(&self) -> bool {
        word(&self.bytes, 4) == CPU_ARM64
    }
}

/// Adds an empty LC_CODE_SIGNATURE in the padding behind the load commands (`-headerpad`).
fn add_command(bytes: &mut [u8]) {
    let end = 32 + word(bytes, 20) as usize;
    assert!(bytes[end..end + 16].iter().all(|&b| b == 0), "no room for LC_CODE_SIGNATURE: link with -headerpad");
    put(bytes, end, LC_CODE_SIGNATURE.to_le_bytes());
    put(bytes, end + 4, 16u32.to_le_bytes());
    let (count, size) = (word(bytes, 16) + 1, word(bytes, 20) + 16);
    put(bytes, 16, count.to_le_bytes());
    put(bytes, 20, size.to_le_bytes());
}
