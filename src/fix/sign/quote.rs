//! Arguments as shell words.

use std::ffi::{OsStr, OsString};

/// Quotes an argument for a shell so that it can be pasted: as it is when nothing in it is special, in POSIX single quotes, or as `$'…'` (bash and zsh) when it
/// holds control or invisible characters, which are then written as escapes.
pub fn quote(argument: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "_@%+:,./-=".contains(character);
    // zsh replaces a word that begins with `=` by a path.
    if !argument.is_empty() && !argument.starts_with('=') && argument.chars().all(plain) {
        return argument.to_owned();
    }
    if !argument.chars().any(is_invisible) {
        return format!("'{}'", argument.replace('\'', r"'\''"));
    }
    let mut quoted = String::from("$'");
    for character in argument.chars() {
        match character {
            '\\' => quoted.push_str(r"\\"),
            '\'' => quoted.push_str(r"\'"),
            '\n' => quoted.push_str(r"\n"),
            '\t' => quoted.push_str(r"\t"),
            '\r' => quoted.push_str(r"\r"),
            // Three octal digits: `\xHH` would swallow a hex digit that follows in some shells.
            character if is_invisible(character) || character == '!' => {
                character.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| quoted.push_str(&format!("\\{byte:03o}")));
            }
            character => quoted.push(character),
        }
    }
    quoted.push('\'');
    quoted
}

/// Control characters, and the invisible ones that can make a line read otherwise than it is (zero width, direction).
fn is_invisible(character: char) -> bool {
    let invisible = ['\u{61c}', '\u{feff}', '\u{2028}', '\u{2029}'];
    character.is_control()
        || invisible.contains(&character)
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
}

/// A command line for pasting.
pub fn command_line(argv: &[String]) -> String {
    argv.iter().map(|a| quote(a)).collect::<Vec<_>>().join(" ")
}

/// Like [`quote`]; bytes that are not UTF-8 become octal escapes in `$'…'`.
pub fn quote_exact(argument: &OsStr) -> String {
    let Some(bytes) = argument.to_str().is_none().then_some(argument.as_encoded_bytes()) else {
        return quote(&argument.to_string_lossy());
    };
    let word: String = bytes
        .iter()
        .map(|byte| match byte {
            b'\\' | b'\'' | b'!' | 0..=0x1f | 0x7f.. => format!("\\{byte:03o}"),
            byte => char::from(*byte).to_string(),
        })
        .collect();
    format!("$'{word}'")
}

/// A command line for pasting, byte for byte.
pub fn command_line_exact(argv: &[OsString]) -> String {
    argv.iter().map(|argument| quote_exact(argument)).collect::<Vec<_>>().join(" ")
}
