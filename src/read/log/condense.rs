//! A log of any size, cut down to the lines that may mean something and those around them, while it is read.
//!
//! What [`super::read`] says of the whole text it says of these lines; the numbers of the lines are kept beside them.

use super::keywords::{self, Families};
use super::{LogLine, shell};
use crate::read::crash::clean;
use aho_corasick::AhoCorasick;
use std::sync::OnceLock;

/// Lines kept before a telling one, and after it: more than any reader looks at.
const BEFORE: usize = 24;
const AFTER: usize = 64;
/// After a command, whose output is read to its end.
const AFTER_COMMAND: usize = 420;
/// A longer line is looked at in parts, which only the whole text allows.
const MAX_LINE: usize = 64 << 10;
/// Bytes that are kept; a text in which more may mean something is not cut down.
const MAX_KEPT: usize = 32 << 20;

/// Words of crash reports and notary logs in JSON, and what colours a word: where one stands, the text is read as a whole.
const WHOLE: &[&str] =
    &["\u{1b}", "\"bug_type\"", "\"procName\"", "\"termination\"", "\u{201c}procName\u{201d}", "\"severity\"", "\"logFormatVersion\""];

/// A log under way. Feed it the bytes, then ask what it says.
#[derive(Default)]
pub struct Condenser {
    /// The lines before the next byte: those that may still be wanted, and the beginning of one.
    window: Vec<u8>,
    /// Bytes of `window` that are decided: they are not wanted for their own sake.
    decided: usize,
    /// Number of the first line of `window`, from 0.
    number: usize,
    /// Lines that are still wanted because of one before them.
    wanted: usize,
    kept: Vec<u8>,
    kept_lines: usize,
    /// Where lines were left out: (index of the line in `kept`, its number in the text).
    starts: Vec<(usize, usize)>,
    has_failed: bool,
}

impl Condenser {
    /// The next bytes. False when the text must be read as a whole; it stays so.
    pub fn feed(&mut self, bytes: &[u8]) -> bool {
        if self.has_failed {
            return false;
        }
        let whole = memchr::memrchr(b'\n', bytes).map_or(0, |end| end.saturating_add(1));
        let (lines, rest) = bytes.split_at_checked(whole).unwrap_or((bytes, &[]));
        if !lines.is_empty() {
            self.window.extend_from_slice(lines);
            self.look();
        }
        self.window.extend_from_slice(rest);
        self.has_failed |= self.window.len().saturating_sub(self.decided) > MAX_LINE;
        !self.has_failed
    }

    /// What the text says, with the numbers of its lines; `None` when it must be read as a whole.
    pub fn finish(mut self) -> Option<Vec<LogLine>> {
        if self.window.len() > self.decided {
            self.look();
        }
        if self.has_failed {
            return None;
        }
        let mut facts = super::read(&crate::read::lossy(&self.kept));
        for fact in &mut facts {
            let index = usize::try_from(fact.line.saturating_sub(1)).unwrap_or(usize::MAX);
            let after = self.starts.partition_point(|(kept, _)| *kept <= index);
            if let Some((kept, number)) = after.checked_sub(1).and_then(|at| self.starts.get(at)) {
                let line = index.saturating_sub(*kept).saturating_add(*number).saturating_add(1);
                fact.line = u32::try_from(line).unwrap_or(u32::MAX);
            }
        }
        Some(facts)
    }

    /// Looks through the lines that are not decided yet; all of them are complete, or the text has ended.
    fn look(&mut self) {
        let window = std::mem::take(&mut self.window);
        let new = window.get(self.decided..).unwrap_or_default();
        self.has_failed |= words().is_match(new);
        let mut at = self.decided;
        let mut done = 0_usize;
        while let Some(hit) = keywords::next_in(&window, at) {
            let start = window.get(..hit).and_then(|before| memchr::memrchr(b'\n', before)).map_or(0, |end| end.saturating_add(1));
            let end = memchr::memchr(b'\n', window.get(hit..).unwrap_or_default())
                .map_or(window.len(), |end| hit.saturating_add(end).saturating_add(1));
            done = self.keep_wanted(&window, done.max(at.min(start)), start, done);
            done = self.keep(&window, done, last_lines(&window, done, start, BEFORE), end);
            self.wanted = after(window.get(start..end).unwrap_or_default());
            at = end;
            self.has_failed |= end.saturating_sub(start) > MAX_LINE || self.kept.len() > MAX_KEPT;
            if self.has_failed {
                return;
            }
        }
        let end = window.len();
        done = self.keep_wanted(&window, done.max(self.decided), end, done);
        let from = last_lines(&window, done, end, BEFORE);
        self.number = self.number.saturating_add(lines_in(&window, 0, from));
        self.window.extend_from_slice(window.get(from..).unwrap_or_default());
        self.decided = self.window.len();
    }

    /// Keeps what is still wanted of the lines from `from` to `to`. `done` is where what was kept before ends; gives where it ends now.
    fn keep_wanted(&mut self, window: &[u8], from: usize, to: usize, done: usize) -> usize {
        let mut end = from;
        while self.wanted > 0 && end < to {
            let rest = window.get(end..to).unwrap_or_default();
            end = memchr::memchr(b'\n', rest).map_or(to, |line| end.saturating_add(line).saturating_add(1));
            self.wanted = self.wanted.saturating_sub(1);
        }
        if end > from { self.keep(window, done, from, end) } else { done }
    }

    /// Keeps the lines from `from` to `to`; those between `done` and `from` are left out. Gives the new end of what is kept.
    fn keep(&mut self, window: &[u8], done: usize, from: usize, to: usize) -> usize {
        let lines = lines_in(window, from, to);
        let number = self.number.saturating_add(lines_in(window, 0, from));
        if from > done || self.starts.is_empty() || done == 0 {
            self.starts.push((self.kept_lines, number));
        }
        self.kept.extend_from_slice(window.get(from..to).unwrap_or_default());
        self.kept_lines = self.kept_lines.saturating_add(lines);
        to
    }
}

fn lines_in(window: &[u8], from: usize, to: usize) -> usize {
    memchr::memchr_iter(b'\n', window.get(from..to).unwrap_or_default()).count()
}

/// Where the last `count` lines before `end` begin, not before `floor`.
fn last_lines(window: &[u8], floor: usize, end: usize, count: usize) -> usize {
    let before = window.get(floor..end).unwrap_or_default();
    let line = memchr::memrchr_iter(b'\n', before).nth(count);
    line.map_or(floor, |line| floor.saturating_add(line).saturating_add(1))
}

/// How many lines after a telling one are wanted.
fn after(line: &[u8]) -> usize {
    let line = crate::read::lossy(line);
    let is_command = shell::prompt(&clean::line(&line)).is_some();
    let is_listed = keywords::searcher().families(&line).has(Families::CODESIGN);
    if is_command || is_listed { AFTER_COMMAND } else { AFTER }
}

fn words() -> &'static AhoCorasick {
    static WORDS: OnceLock<AhoCorasick> = OnceLock::new();
    #[allow(clippy::expect_used)] // The words are constants; a test builds the automaton.
    WORDS.get_or_init(|| AhoCorasick::new(WHOLE).expect("seven short constant words make an automaton"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use crate::read::log;

    const BUSY: &str =
        "2026-03-02 10:14:22.000000+0100 0x1 Default 0x0 300 0 process1: (Network) [com.apple.network:connection] connected\n";
    const KILLED: &str = "2026-03-02 10:14:22.000000+0100 0x1 Default 0x0 0 0 kernel: CODE SIGNING: process 4711[Lumaplay]: rejecting invalid page at address 0x10a2f1000 from offset 0x0 in file \"<nil>\" (cs_mtime:0.0 == mtime:0.0) (signed:0 validated:0 tainted:0 nx:0 wpmapped:0 dirty:1 depth:0)\n";

    fn condensed(text: &[u8], step: usize) -> Option<Vec<LogLine>> {
        let mut condenser = Condenser::default();
        text.chunks(step).all(|bytes| condenser.feed(bytes)).then(|| condenser.finish())?
    }

    /// A log with a telling line here and there, a dyld message of several lines, and a transcript.
    fn long() -> String {
        let mut text = String::new();
        for number in 0..4_000 {
            match number {
                7 | 8 | 900 | 2_100 | 3_999 => text.push_str(KILLED),
                1_500 => text.push_str("dyld[77]: Library not loaded: @rpath/libbrush.dylib\n  Referenced from: <0> /x/Sketchbook.app/Contents/MacOS/Sketchbook\n  Reason: tried: '/x/libbrush.dylib' (no such file)\n"),
                3_000 => text.push_str("$ ./tool --start\nstarting\nzsh: killed     ./tool --start\n$ cp tool other\n$ ./other --start\nready\n"),
                _ => text.push_str(BUSY),
            }
        }
        text
    }

    #[test]
    fn a_condensed_log_says_what_the_whole_one_says() {
        let text = long();
        let whole = log::read(&text);
        assert!(whole.len() >= 7, "{whole:?}");
        for step in [100, 1_000, 4_096, 65_537, text.len()] {
            assert_eq!(condensed(text.as_bytes(), step).unwrap(), whole, "in steps of {step}");
        }
        let cut = text.trim_end();
        assert_eq!(condensed(cut.as_bytes(), 5_000).unwrap(), log::read(cut));
    }

    #[test]
    fn little_is_kept_of_a_long_log() {
        let text = BUSY.repeat(20_000) + KILLED + &BUSY.repeat(20_000);
        let mut condenser = Condenser::default();
        for bytes in text.as_bytes().chunks(4_096) {
            assert!(condenser.feed(bytes));
            assert!(condenser.window.len() < 16 << 10 && condenser.kept.len() < 16 << 10);
        }
        let facts = condenser.finish().unwrap();
        assert_eq!((facts.len(), facts[0].line), (1, 20_001));
    }

    #[test]
    fn reports_colours_and_endless_lines_are_read_as_a_whole() {
        for odd in ["{\"bug_type\":\"309\"}\n", "\u{1b}[31mred\n", "\"severity\": \"error\"\n"] {
            assert!(condensed((BUSY.repeat(9) + odd + BUSY).as_bytes(), 777).is_none(), "{odd}");
        }
        assert!(condensed(&vec![b'x'; MAX_LINE * 2], 4_096).is_none());
    }
}
