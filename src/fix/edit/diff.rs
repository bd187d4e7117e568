//! A small unified diff.

/// Lines of context around a change.
const CONTEXT: usize = 3;
/// Largest table (old lines × new lines) that is filled; beyond, the differing middle is shown as replaced.
const MAX_TABLE: usize = 4_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Same,
    Old,
    New,
}

/// Unified diff of two texts (three lines of context), empty when equal.
pub fn unified_diff(old: &str, new: &str, name: &str) -> String {
    if old == new {
        return String::new();
    }
    let (old_lines, new_lines): (Vec<&str>, Vec<&str>) = (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    let marks = script(&old_lines, &new_lines);
    let name: String = name.chars().map(|character| if character.is_control() { '?' } else { character }).collect();
    let from = if old.is_empty() { "/dev/null" } else { &name };
    let mut diff = format!("--- {from}\n+++ {name}\n");
    for (start, end) in hunks(&marks) {
        write_hunk(&mut diff, &marks, (start, end), &old_lines, &new_lines);
    }
    diff
}

/// One mark for each line of the merged text.
fn script(old: &[&str], new: &[&str]) -> Vec<Mark> {
    let prefix = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let suffix = old[prefix..].iter().rev().zip(new[prefix..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (old_middle, new_middle) = (&old[prefix..old.len() - suffix], &new[prefix..new.len() - suffix]);
    let mut marks = vec![Mark::Same; prefix];
    marks.extend(middle(old_middle, new_middle));
    marks.extend(vec![Mark::Same; suffix]);
    marks
}

/// Longest common subsequence by the usual table, old lines before new ones.
fn middle(old: &[&str], new: &[&str]) -> Vec<Mark> {
    let width = new.len() + 1;
    if (old.len() + 1).saturating_mul(width) > MAX_TABLE {
        return [vec![Mark::Old; old.len()], vec![Mark::New; new.len()]].concat();
    }
    let mut longest = vec![0u32; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            longest[i * width + j] = if old[i] == new[j] {
                longest[(i + 1) * width + j + 1] + 1
            } else {
                longest[(i + 1) * width + j].max(longest[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut marks = Vec::new();
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            marks.push(Mark::Same);
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && longest[(i + 1) * width + j] >= longest[i * width + j + 1]) {
            marks.push(Mark::Old);
            i += 1;
        } else {
            marks.push(Mark::New);
            j += 1;
        }
    }
    marks
}

/// Ranges of marks that belong together with their context.
fn hunks(marks: &[Mark]) -> Vec<(usize, usize)> {
    let mut hunks: Vec<(usize, usize)> = Vec::new();
    for (index, _) in marks.iter().enumerate().filter(|(_, mark)| **mark != Mark::Same) {
        let (start, end) = (index.saturating_sub(CONTEXT), (index + 1 + CONTEXT).min(marks.len()));
        match hunks.last_mut() {
            Some(last) if start <= last.1 => last.1 = end,
            _ => hunks.push((start, end)),
        }
    }
    hunks
}

fn write_hunk(diff: &mut String, marks: &[Mark], (start, end): (usize, usize), old: &[&str], new: &[&str]) {
    let count = |marks: &[Mark], other: Mark| marks.iter().filter(|mark| **mark != other).count();
    let (mut i, mut j) = (count(&marks[..start], Mark::New), count(&marks[..start], Mark::Old));
    let (old_count, new_count) = (count(&marks[start..end], Mark::New), count(&marks[start..end], Mark::Old));
    let range = |first: usize, count: usize| format!("{},{count}", if count == 0 { first } else { first + 1 });
    diff.push_str(&format!("@@ -{} +{} @@\n", range(i, old_count), range(j, new_count)));
    for mark in &marks[start..end] {
        let (sign, line) = match mark {
            Mark::Same => (' ', old[i]),
            Mark::Old => ('-', old[i]),
            Mark::New => ('+', new[j]),
        };
        diff.push(sign);
        diff.push_str(line);
        if !line.ends_with('\n') {
            diff.push_str("\n\\ No newline at end of file\n");
        }
        i += usize::from(*mark != Mark::New);
        j += usize::from(*mark != Mark::Old);
    }
}
