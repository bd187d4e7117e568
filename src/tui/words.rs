//! Text for a terminal: cleaned of control characters, cut and wrapped by columns. Everything that comes from an inspected file passes [`clean`].

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

pub use crate::clean::clean;

/// Columns a cleaned text takes.
pub fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// At most `columns` columns, with `…` where it was cut.
pub fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let next = used + c.width().unwrap_or(0);
        if next + 1 > columns {
            break;
        }
        used = next;
        out.push(c);
    }
    if columns > 0 {
        out.push('…');
    }
    out
}

/// A path of at most `columns` columns: its end is what tells it apart, so its beginning is cut.
pub fn cut_path(path: &str, columns: usize) -> String {
    if width(path) <= columns {
        return path.to_owned();
    }
    let mut kept: Vec<char> = Vec::new();
    let mut used = 1;
    for c in path.chars().rev() {
        used += c.width().unwrap_or(0);
        if used > columns {
            break;
        }
        kept.push(c);
    }
    let end: String = kept.into_iter().rev().collect();
    if columns == 0 { String::new() } else { format!("…{end}") }
}

/// Cut to and filled up to exactly `columns` columns.
pub fn fit(text: &str, columns: usize) -> String {
    let mut out = cut(text, columns);
    let missing = columns.saturating_sub(width(&out));
    out.extend(std::iter::repeat_n(' ', missing));
    out
}

/// Lines of at most `columns` columns, broken at blanks, and inside a word only when it is longer than a line. At least one line.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(4);
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in text.split(' ') {
        let long = width(word);
        if used > 0 && used + 1 + long > columns {
            lines.push(std::mem::take(&mut line));
            used = 0;
        } else if used > 0 {
            line.push(' ');
            used += 1;
        }
        if long <= columns {
            line.push_str(word);
            used += long;
            continue;
        }
        for piece in pieces(word, columns) {
            let wide = width(&piece);
            if used + wide > columns {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push_str(&piece);
            used += wide;
        }
    }
    lines.push(line);
    lines
}

/// A word longer than a line in pieces that fit: after `/`, `-` or `.`, and anywhere only in what is still too long.
fn pieces(word: &str, columns: usize) -> Vec<String> {
    let parts = word.split_inclusive(['/', '-', '.']);
    parts.flat_map(|part| if width(part) <= columns { vec![part.to_owned()] } else { break_anywhere(part, columns) }).collect()
}

/// Lines of at most `columns` columns, broken anywhere and nothing lost: for text that is quoted as it stands.
pub fn break_anywhere(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(4);
    let mut lines = vec![String::new()];
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide > columns {
            lines.push(String::new());
            used = 0;
        }
        if let Some(last) = lines.last_mut() {
            last.push(c);
        }
        used += wide;
    }
    lines
}

/// `1 key`, `2 keys`.
pub fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// Bytes in the unit a person reads.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KB", bytes / 1024),
        1_048_576..10_737_418_240 => format!("{} MB", bytes / 1_048_576),
        _ => format!("{} GB", bytes / 1_073_741_824),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_are_cut_by_columns() {
        assert_eq!(cut("日本語テキスト", 7), "日本語…");
        assert_eq!(width(&fit("日本語テキスト", 6)), 6);
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abc", 0), "");
        assert_eq!(cut_path("Contents/Frameworks/libx.dylib", 14), "…ks/libx.dylib");
    }

    #[test]
    fn wrapping_loses_nothing() {
        let text = "macOS killed it because itranlongword日本語日本語日本語 code";
        let lines = wrap(text, 10);
        assert!(lines.iter().all(|line| width(line) <= 10), "{lines:?}");
        assert_eq!(lines.concat().replace(' ', ""), text.replace(' ', ""));
        assert_eq!(wrap("", 10), [""]);
        assert_eq!(break_anywhere("abcdefgh", 4), ["abcd", "efgh"]);
    }
}
