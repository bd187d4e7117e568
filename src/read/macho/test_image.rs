//! Builds small Mach-O files for tests.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::arithmetic_side_effects)]

/// A Mach-O in the making: commands, and bytes at chosen offsets behind them.
#[derive(Clone)]
pub(in crate::read) struct TestImage {
    big_endian: bool,
    is_64: bool,
    cpu: (u32, u32),
    file_type: u32,
    commands: Vec<Vec<u8>>,
    parts: Vec<(usize, Vec<u8>)>,
}

/// A section of [`TestImage::segment`].
#[derive(Clone, Copy)]
pub(in crate::read) struct TestSection {
    pub name: &'static str,
    pub address: u64,
    pub size: u64,
    pub offset: u32,
    pub flags: u32,
    pub reserved: [u32; 2],
}

impl TestImage {
    /// A 64-bit little-endian arm64 executable without commands.
    pub(in crate::read) fn arm64() -> Self {
        Self { big_endian: false, is_64: true, cpu: (0x0100_000c, 0), file_type: 2, commands: Vec::new(), parts: Vec::new() }
    }

    pub(in crate::read) fn cpu(mut self, cputype: u32, cpusubtype: u32) -> Self {
        self.cpu = (cputype, cpusubtype);
        self
    }

    pub(in crate::read) fn width(mut self, is_64: bool, big_endian: bool) -> Self {
        (self.is_64, self.big_endian) = (is_64, big_endian);
        self
    }

    pub(in crate::read) fn u32(&self, value: u32) -> [u8; 4] {
        if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn pointer(&self, value: u64) -> Vec<u8> {
        match (self.is_64, self.big_endian) {
            (true, true) => value.to_be_bytes().to_vec(),
            (true, false) => value.to_le_bytes().to_vec(),
            (false, _) => self.u32(value as u32).to_vec(),
        }
    }

    /// A command of these bytes, as they are, `cmdsize` and all.
    pub(in crate::read) fn raw_command(mut self, bytes: Vec<u8>) -> Self {
        self.commands.push(bytes);
        self
    }

    /// A command of words and bytes behind them, padded to 8 bytes.
    pub(in crate::read) fn command(self, kind: u32, words: &[u32], tail: &[u8]) -> Self {
        let size = (8 + words.len() * 4 + tail.len()).next_multiple_of(8);
        let mut bytes: Vec<u8> = [kind, size as u32].iter().chain(words).flat_map(|&word| self.u32(word)).collect();
        bytes.extend(tail);
        bytes.resize(size, 0);
        self.raw_command(bytes)
    }

    /// LC_LOAD_DYLIB and its kin.
    pub(in crate::read) fn library(self, kind: u32, name: &str) -> Self {
        self.command(kind, &[24, 2, 0x1_0000, 0x1_0000], format!("{name}\0").as_bytes())
    }

    /// A segment `[address, address + size)` that lies at `offset` in the file with `size` bytes.
    pub(in crate::read) fn segment(self, name: &str, address: u64, size: u64, offset: u64, sections: &[TestSection]) -> Self {
        let mut bytes = fixed(name);
        for value in [address, size, offset, size] {
            bytes.extend(self.pointer(value));
        }
        for value in [7, 5, sections.len() as u32, 0] {
            bytes.extend(self.u32(value));
        }
        for section in sections {
            bytes.extend([fixed(section.name), fixed(name)].concat());
            bytes.extend([self.pointer(section.address), self.pointer(section.size)].concat());
            let words = [section.offset, 0, 0, 0, section.flags, section.reserved[0], section.reserved[1]];
            bytes.extend(words.iter().flat_map(|&word| self.u32(word)));
            bytes.extend(if self.is_64 { &[0u8; 4][..] } else { &[] });
        }
        let kind = if self.is_64 { 0x19 } else { 1 };
        self.command(kind, &[], &bytes)
    }

    /// Bytes at an offset of the file.
    pub(in crate::read) fn at(mut self, offset: usize, bytes: &[u8]) -> Self {
        self.parts.push((offset, bytes.to_vec()));
        self
    }

    pub(in crate::read) fn bytes(&self) -> Vec<u8> {
        let commands = self.commands.concat();
        let magic = if self.is_64 { 0xfeed_facf } else { 0xfeed_face };
        let header = [magic, self.cpu.0, self.cpu.1, self.file_type, self.commands.len() as u32, commands.len() as u32, 0x85, 0];
        let words = if self.is_64 { 8 } else { 7 };
        let mut bytes: Vec<u8> = header[..words].iter().flat_map(|&word| self.u32(word)).collect();
        bytes.extend(commands);
        for (offset, part) in &self.parts {
            assert!(*offset >= words * 4 + self.commands.concat().len(), "part inside the commands");
            bytes.resize(bytes.len().max(offset + part.len()), 0);
            bytes[*offset..offset + part.len()].copy_from_slice(part);
        }
        bytes
    }
}

fn fixed(name: &str) -> Vec<u8> {
    let mut bytes = name.as_bytes().to_vec();
    bytes.resize(16, 0);
    bytes
}

/// An `nlist_64`, little endian.
pub(in crate::read) fn nlist_64(name: u32, kind: u8, section: u8, description: u16, value: u64) -> Vec<u8> {
    [&name.to_le_bytes()[..], &[kind, section], &description.to_le_bytes(), &value.to_le_bytes()].concat()
}

/// Words as little-endian bytes.
pub(in crate::read) fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// An arm64 executable with classic binds: `_mmap` through a stub, `_gone` weakly from a weak library, `_main` defined.
pub(in crate::read) fn classic() -> TestImage {
    let stub = words(&[0xb000_0010, 0xf940_0210, 0xd61f_0200]);
    let strings = b"\0_mmap\0_gone\0_main\0__mh_execute_header\0";
    let symbols = [
        nlist_64(13, 0x0e, 1, 0, 0x1_0000_0800),
        nlist_64(19, 0x0f, 1, 0, 0x1_0000_0000),
        nlist_64(1, 1, 0, 0x0100, 0),
        nlist_64(7, 1, 0, 0x0240, 0),
    ]
    .concat();
    // Library 1, `_mmap`, pointer, segment 1 offset 0, bind; library 2, `_gone` (weak import), bind.
    let binds = [&[0x11, 0x40][..], b"_mmap\0", &[0x51, 0x71, 0, 0x90, 0x12, 0x41], b"_gone\0", &[0x90, 0]].concat();
    TestImage::arm64()
        .segment("__TEXT", 0x1_0000_0000, 0x1000, 0, &[stubs(0x1_0000_0900, 0x900, 0)])
        .segment("__DATA", 0x1_0000_1000, 0x100, 0x1000, &[got(0x1_0000_1000, 0x1000, 2, 1)])
        .segment("__LINKEDIT", 0x1_0000_4000, 0x200, 0x1100, &[])
        .library(0xc, "/usr/lib/libSystem.B.dylib")
        .library(0x8000_0018, "@rpath/libgone.dylib")
        .command(0x8000_001c, &[12], b"@executable_path/../Frameworks\0")
        .command(0x27, &[12], b"DYLD_X=1\0")
        .command(0x1b, &[0x0403_0201, 0x0807_0605, 0x0c0b_0a09, 0x100f_0e0d], &[])
        .command(0x32, &[1, 0x000b_0000, 0x001a_0200, 0], &[])
        .command(2, &[0x1100, 4, 0x1140, strings.len() as u32], &[])
        .command(0xb, &[0, 2, 2, 0, 2, 2, 0, 0, 0, 0, 0, 0, 0x1180, 3, 0, 0, 0, 0], &[])
        .command(0x8000_0022, &[0, 0, 0x1190, binds.len() as u32, 0, 0, 0, 0, 0, 0], &[])
        .command(0x26, &[0x11e0, 8], &[])
        .command(0x1d, &[0x11f0, 0x10], &[])
        .at(0x900, &stub)
        .at(0x1100, &symbols)
        .at(0x1140, strings)
        .at(0x1180, &words(&[2, 2, 3]))
        .at(0x1190, &binds)
        .at(0x11e0, &[0x80, 0x10, 0x40, 0, 0, 0, 0, 0])
        .at(0x12ff, &[0])
}

/// `__stubs` with one stub of 12 bytes.
pub(in crate::read) fn stubs(address: u64, offset: u32, first_indirect: u32) -> TestSection {
    TestSection { name: "__stubs", address, size: 12, offset, flags: 8, reserved: [first_indirect, 12] }
}

/// `__got` with `slots` slots.
pub(in crate::read) fn got(address: u64, offset: u32, slots: u64, first_indirect: u32) -> TestSection {
    TestSection { name: "__got", address, size: slots * 8, offset, flags: 6, reserved: [first_indirect, 0] }
}

/// `dyld_chained_fixups_header` with one segment (number 1, at `segment_offset`) of one page, and imports.
pub(in crate::read) fn chained(
    pointer_format: u16,
    import_format: u32,
    rows: &[u8],
    count: u32,
    names: &[u8],
    segment_offset: u64,
) -> Vec<u8> {
    // Header 28 bytes, padded to 32; starts: 2 segments, offsets 0 and 12; then the segment's own 24 bytes.
    let imports = 72u32;
    let mut bytes = words(&[0, 32, imports, imports + rows.len() as u32, count, import_format, 0, 0]);
    bytes.extend(words(&[2, 0, 12]));
    bytes.extend(words(&[24]));
    bytes.extend([&0x1000u16.to_le_bytes()[..], &pointer_format.to_le_bytes()].concat());
    bytes.extend(segment_offset.to_le_bytes());
    bytes.extend([&0u32.to_le_bytes()[..], &1u16.to_le_bytes(), &0u16.to_le_bytes()].concat());
    bytes.resize(imports as usize, 0);
    bytes.extend(rows);
    bytes.extend(names);
    bytes
}
