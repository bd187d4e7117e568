//! Lines of a text by number, read in steps: an index of every 256th line's offset is kept, never the text.

use crate::system::OpenFile;
use std::io;
use std::ops::Range;

/// Lines between two remembered offsets.
const STEP: u64 = 256;
/// Bytes read at once.
const CHUNK: usize = 1 << 20;
/// A line is cut after so many bytes.
const LONGEST: usize = 16 << 10;

/// Reads lines by number.
pub struct LineReader {
    file: Box<dyn OpenFile>,
    /// Offset of line 0, 256, 512 …
    offsets: Vec<u64>,
    total: u64,
}

struct Memory(Vec<u8>);

impl OpenFile for Memory {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.0.get(offset..)).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}

impl LineReader {
    /// Of an open file. Reads it once to find where lines begin.
    pub fn file(file: Box<dyn OpenFile>) -> io::Result<Self> {
        let mut reader = Self { file, offsets: vec![0], total: 0 };
        let mut offsets = vec![0];
        let mut lines: u64 = 0;
        let mut ends_with_break = true;
        let size = reader.each_chunk(0, |offset, chunk| {
            for at in memchr::memchr_iter(b'\n', chunk) {
                lines += 1;
                if lines.is_multiple_of(STEP) {
                    offsets.push(offset + at as u64 + 1);
                }
            }
            ends_with_break = chunk.last() == Some(&b'\n');
            true
        })?;
        reader.offsets = offsets;
        reader.total = lines + u64::from(size > 0 && !ends_with_break);
        Ok(reader)
    }

    /// Of a text in memory.
    pub fn memory(bytes: Vec<u8>) -> io::Result<Self> {
        Self::file(Box::new(Memory(bytes)))
    }

    /// Number of lines.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The lines of a range, without their breaks; fewer at the end.
    pub fn lines(&self, range: Range<u64>) -> io::Result<Vec<String>> {
        let mut out = Vec::new();
        self.each_line(range.start, |number, line| {
            if number < range.end {
                out.push(crate::read::lossy(line));
            }
            number + 1 < range.end
        })?;
        Ok(out)
    }

    /// The next line that contains `needle` after (or before) line `from`, around the end; small letters find both.
    pub fn find(&self, needle: &str, from: u64, backwards: bool) -> io::Result<Option<u64>> {
        let ignore_case = needle.chars().all(|c| !c.is_uppercase());
        let small = needle.to_lowercase();
        let (mut first, mut last, mut before, mut after) = (None, None, None, None);
        self.each_line(0, |number, line| {
            let line = crate::read::lossy(line);
            let fits = if ignore_case { line.to_lowercase().contains(&small) } else { line.contains(needle) };
            if fits {
                first = first.or(Some(number));
                last = Some(number);
                if number < from {
                    before = Some(number);
                }
                if number > from && after.is_none() {
                    after = Some(number);
                }
            }
            backwards || after.is_none()
        })?;
        Ok(if backwards { before.or(last) } else { after.or(first) })
    }

    /// Calls `take` with each line from `start` on until it returns false.
    fn each_line(&self, start: u64, mut take: impl FnMut(u64, &[u8]) -> bool) -> io::Result<()> {
        if start >= self.total {
            return Ok(());
        }
        let remembered = usize::try_from(start / STEP).unwrap_or(usize::MAX).min(self.offsets.len().saturating_sub(1));
        let offset = self.offsets.get(remembered).copied().unwrap_or(0);
        let mut number = remembered as u64 * STEP;
        let mut line: Vec<u8> = Vec::new();
        let mut wants_more = true;
        self.each_chunk(offset, |_, chunk| {
            let mut rest = chunk;
            while let Some(at) = memchr::memchr(b'\n', rest) {
                let (head, tail) = rest.split_at(at);
                push(&mut line, head);
                rest = tail.get(1..).unwrap_or_default();
                if number >= start && !take(number, without_return(&line)) {
                    wants_more = false;
                    return false;
                }
                number += 1;
                line.clear();
            }
            push(&mut line, rest);
            true
        })?;
        if wants_more && number >= start && number < self.total {
            take(number, without_return(&line));
        }
        Ok(())
    }

    /// Calls `take` with each chunk from `offset` on until it returns false; how far it came.
    fn each_chunk(&self, offset: u64, mut take: impl FnMut(u64, &[u8]) -> bool) -> io::Result<u64> {
        let mut buffer = vec![0; CHUNK];
        let mut at = offset;
        loop {
            let count = self.file.read_at(at, &mut buffer)?;
            let Some(chunk) = buffer.get(..count).filter(|chunk| !chunk.is_empty()) else { return Ok(at) };
            let goes_on = take(at, chunk);
            at += count as u64;
            if !goes_on {
                return Ok(at);
            }
        }
    }
}

fn push(line: &mut Vec<u8>, bytes: &[u8]) {
    let room = LONGEST.saturating_sub(line.len()).min(bytes.len());
    line.extend_from_slice(bytes.get(..room).unwrap_or_default());
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn reader(text: &str) -> LineReader {
        LineReader::memory(text.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn lines_are_counted_with_and_without_a_last_break() {
        assert_eq!(reader("").total(), 0);
        assert_eq!(reader("a").total(), 1);
        assert_eq!(reader("a\nb\n").total(), 2);
        assert_eq!(reader("a\r\nb").lines(0..9).unwrap(), ["a", "b"]);
    }

    #[test]
    fn lines_far_down_are_found_by_the_index() {
        let text: String = (0..3000).map(|n| format!("line {n}\n")).collect();
        let reader = reader(&text);
        assert_eq!(reader.lines(2558..2561).unwrap(), ["line 2558", "line 2559", "line 2560"]);
        assert_eq!(reader.lines(2999..4000).unwrap(), ["line 2999"]);
        assert!(reader.lines(3000..4000).unwrap().is_empty());
    }

    #[test]
    fn a_search_goes_around_the_end_both_ways() {
        let reader = reader("Alpha\nbeta\nalpha\ngamma\n");
        assert_eq!(reader.find("alpha", 0, false).unwrap(), Some(2));
        assert_eq!(reader.find("alpha", 2, false).unwrap(), Some(0));
        assert_eq!(reader.find("alpha", 0, true).unwrap(), Some(2));
        assert_eq!(reader.find("Alpha", 0, false).unwrap(), Some(0));
        assert_eq!(reader.find("delta", 0, false).unwrap(), None);
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let reader = reader(&"x".repeat(5 << 20));
        assert_eq!(reader.lines(0..1).unwrap()[0].len(), LONGEST);
    }
}
