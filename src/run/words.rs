//! Arguments typed on one line.
//!
//! Blanks separate words. In `'…'` every character stands for itself; in `"…"` too, but for `\"` and `\\`; outside, a backslash takes the meaning from the
//! next character. Nothing else is special: no variables, no patterns, no `~`, no comments.

/// The words of a line. The error says what is missing.
pub fn split(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    // `None` between words: an empty word is one only where quotes say so.
    let mut word: Option<String> = None;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            ' ' | '\t' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match characters.next().ok_or("the quote ' has no end")? {
                        '\'' => break,
                        inside => word.push(inside),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match characters.next().ok_or("the quote \" has no end")? {
                        '"' => break,
                        '\\' if matches!(characters.peek(), Some('"' | '\\')) => word.extend(characters.next()),
                        inside => word.push(inside),
                    }
                }
            }
            '\\' => word
                .get_or_insert_default()
                .push(characters.next().ok_or("a \\ stands at the end: the character it belongs to is missing")?),
            plain => word.get_or_insert_default().push(plain),
        }
    }
    words.extend(word);
    Ok(words)
}

/// A line that [`split`] takes apart into these words again.
pub fn join(words: &[String]) -> String {
    let quoted = |word: &String| {
        let is_plain = !word.is_empty() && !word.contains([' ', '\t', '\'', '"', '\\']);
        if is_plain { word.clone() } else { format!("'{}'", word.replace('\'', r"'\''")) }
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_by_the_written_rules() {
        for (line, wanted) in [
            ("", &[][..]),
            ("  a   b\tc ", &["a", "b", "c"]),
            (r#"--open 'my file.txt' "it's" a\ b"#, &["--open", "my file.txt", "it's", "a b"]),
            (r#"'' "" x''y"#, &["", "", "xy"]),
            (r#""\"\\\n" '\n' \'"#, &[r#""\\n"#, r"\n", "'"]),
            ("$HOME ~ *.txt #no `x` ;", &["$HOME", "~", "*.txt", "#no", "`x`", ";"]),
        ] {
            assert_eq!(split(line).unwrap(), wanted, "{line}");
        }
    }

    #[test]
    fn what_has_no_end_is_told() {
        for line in ["a 'b", "a \"b", "a \"b\\", "a\\"] {
            assert!(split(line).is_err(), "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_joined_is_split_into_the_same_words(words in proptest::collection::vec(".*", 0..5)) {
            proptest::prop_assert_eq!(split(&join(&words)).unwrap(), words);
        }

        #[test]
        fn any_line_is_taken_or_refused(line in ".*") {
            let _ = split(&line);
        }
    }
}
