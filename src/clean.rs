//! Strings from an inspected file, made safe for a terminal: what could move the cursor, hide or reorder text becomes a visible escape.

use std::fmt::Write;

/// The text on one line. A tab becomes four spaces, a line break one; every other control or invisible character an escape: `\x1b`, `\u{202e}`.
pub fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\r' if characters.peek() == Some(&'\n') => {}
            '\t' => out.push_str("    "),
            '\n' => out.push(' '),
            _ => push(&mut out, character),
        }
    }
    out
}

/// The lines of a text, each cleaned.
pub fn clean_lines(text: &str) -> impl Iterator<Item = String> + '_ {
    text.lines().map(clean)
}

/// JSON with the same characters as `\u` escapes: the values stay what they are, and no terminal obeys them.
/// In JSON such a character can stand only inside a string, where the escape means the same.
pub fn clean_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        if character != '\n' && is_unsafe(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(character);
        }
    }
    out
}

fn push(out: &mut String, character: char) {
    // Writing to a String cannot fail.
    let _ = match character {
        c if c.is_control() => write!(out, "\\x{:02x}", u32::from(c)),
        c if is_unsafe(c) => write!(out, "\\u{{{:x}}}", u32::from(c)),
        c => out.write_char(c),
    };
}

/// C0, DEL and C1; direction marks, embeddings, overrides and isolates; zero-width and separator characters; variation selectors (they change a
/// sign's width on some terminals); tag characters.
pub fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(character, '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_of_any_language_stays() {
        for text in ["Grüße an Zoë", "日本語.app", "🎹 Piano", "a  b"] {
            assert_eq!(clean(text), text);
        }
    }

    #[test]
    fn escapes_become_visible() {
        assert_eq!(clean("\x1b[31mred\x1b[0m\x07"), r"\x1b[31mred\x1b[0m\x07");
        assert_eq!(clean("\u{9b}31m"), r"\x9b31m");
        assert_eq!(clean("a\rb\x7f"), r"a\x0db\x7f");
    }

    #[test]
    fn direction_overrides_become_visible() {
        assert_eq!(clean("app\u{202e}gpj.exe"), r"app\u{202e}gpj.exe");
        assert_eq!(clean("\u{200b}\u{2066}\u{feff}"), r"\u{200b}\u{2066}\u{feff}");
    }

    #[test]
    fn a_text_becomes_one_line() {
        assert_eq!(clean("a\r\nb\n\tc"), "a b     c");
        assert_eq!(clean_lines("-\t<key>\r\n+\x1b").collect::<Vec<_>>(), ["-    <key>", r"+\x1b"]);
    }

    #[test]
    fn json_keeps_its_values() {
        let value = serde_json::json!({ "a": "x\u{9b}\u{202e}\u{e0041}\x1b\n", "\u{feff}": 1 });
        let text = clean_json(&serde_json::to_string_pretty(&value).expect("a value of strings and numbers serializes"));
        assert!(!text.chars().any(|c| c != '\n' && is_unsafe(c)), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).expect("it is still JSON"), value);
    }
}
