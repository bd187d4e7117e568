//! Patterns of paths: `*` within a name, `**` for any number of folders.

/// True when the path matches. Both are separated by `/`.
pub(super) fn matches(pattern: &str, path: &str) -> bool {
    let pattern: Vec<&str> = pattern.split('/').collect();
    let path: Vec<&str> = path.split('/').collect();
    folders(&pattern, &path)
}

/// Without recursion: only the last `**` needs to be tried again.
fn folders(pattern: &[&str], path: &[&str]) -> bool {
    let (mut at_pattern, mut at_path) = (0, 0);
    let mut again: Option<(usize, usize)> = None;
    while at_path < path.len() {
        match pattern.get(at_pattern) {
            Some(&"**") => {
                again = Some((at_pattern + 1, at_path));
                at_pattern += 1;
                continue;
            }
            Some(part) if name(part, path.get(at_path).copied().unwrap_or_default()) => {
                at_pattern += 1;
                at_path += 1;
                continue;
            }
            _ => {}
        }
        match again {
            Some((after, from)) => {
                again = Some((after, from + 1));
                at_pattern = after;
                at_path = from + 1;
            }
            None => return false,
        }
    }
    pattern.get(at_pattern..).unwrap_or_default().iter().all(|part| *part == "**")
}

/// One name with `*`.
pub(super) fn name(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_names_and_folders() {
        for (pattern, path) in [
            ("a/b", "a/b"),
            ("**/b", "b"),
            ("**/b", "x/y/b"),
            ("a/**", "a/x/y"),
            ("a/**/c", "a/b/b/c"),
            ("*.spec", "my.spec"),
            ("a*b*c", "aXbXXc"),
            ("**/x/**/z", "x/x/y/z"),
        ] {
            assert!(matches(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in
            [("a/b", "a/b/c"), ("**/b", "xb"), ("a/*", "a/x/y"), ("*.spec", "a.spec.md"), ("a/**/c", "b/c"), ("ab*ba", "aba"), ("a", "A")]
        {
            assert!(!matches(pattern, path), "{pattern} {path}");
        }
    }
}
