//! Entitlement queries: a list of operations on the entitlements of some code, each of which selects a part or compares it (Apple: "Construct an entitlements
//! query").

use crate::read::entitlements::Value;
use crate::read::signature::constraint::Literal;

/// What an operation works on: the whole dictionary, or a value of it.
#[derive(Clone, Copy)]
enum State<'a> {
    Entries(&'a [(String, Value)]),
    Value(&'a Value),
}

impl<'a> State<'a> {
    fn entries(self) -> Option<&'a [(String, Value)]> {
        match self {
            State::Entries(entries) => Some(entries),
            State::Value(Value::Dict(entries)) => Some(entries),
            State::Value(_) => None,
        }
    }

    fn value(self) -> Option<&'a Value> {
        match self {
            State::Value(value) => Some(value),
            State::Entries(_) => None,
        }
    }
}

/// Whether the entitlements satisfy the query; `None` with an operation that is not known.
pub(super) fn run(entries: &[(String, Value)], operations: &[(i64, Literal)]) -> Option<bool> {
    let mut state = State::Entries(entries);
    for (operation, parameter) in operations {
        let next = match (operation, parameter) {
            (1, Literal::Text(key)) => state.entries().and_then(|entries| entry(entries, |known| known == key)),
            (2, Literal::Integer(index)) => element(state, *index),
            (9, Literal::Text(prefix)) => state.entries().and_then(|entries| entry(entries, |known| known.starts_with(prefix.as_str()))),
            (3..=8 | 10 | 11, parameter) => matches(state, *operation, parameter).then_some(state),
            (1 | 2 | 9, _) => None,
            _ => return None,
        };
        match next {
            Some(next) => state = next,
            None => return Some(false),
        }
    }
    Some(true)
}

/// Of several keys the longest.
fn entry<'a>(entries: &'a [(String, Value)], fits: impl Fn(&str) -> bool) -> Option<State<'a>> {
    let found = entries.iter().filter(|(key, _)| fits(key)).max_by_key(|(key, _)| key.len());
    found.map(|(_, value)| State::Value(value))
}

fn element(state: State<'_>, index: i64) -> Option<State<'_>> {
    match state.value()? {
        Value::Array(items) => items.get(usize::try_from(index).ok()?).map(State::Value),
        _ => None,
    }
}

fn matches(state: State<'_>, operation: i64, parameter: &Literal) -> bool {
    if let (11, Literal::Integer(kind)) = (operation, parameter) {
        return kind_of(state) == Some(*kind);
    }
    let Some(value) = state.value() else { return false };
    let is_allowed = |operation: i64| match value {
        Value::Array(items) => items.iter().any(|item| compares(item, operation, parameter)),
        value => compares(value, operation, parameter),
    };
    match operation {
        6 => is_allowed(3),
        8 => is_allowed(4),
        10 => is_allowed(7),
        operation => compares(value, operation, parameter),
    }
}

fn compares(value: &Value, operation: i64, parameter: &Literal) -> bool {
    match (operation, value, parameter) {
        (3, Value::String(text), Literal::Text(wanted)) => text == wanted,
        (4, Value::String(text), Literal::Text(prefix)) => text.starts_with(prefix.as_str()),
        (5, Value::Bool(value), Literal::Bool(wanted)) => value == wanted,
        (7, Value::Integer(number), Literal::Integer(wanted)) => number == wanted,
        _ => false,
    }
}

/// Dictionary, array, integer, string, boolean: 1 to 5.
fn kind_of(state: State<'_>) -> Option<i64> {
    Some(match state {
        State::Entries(_) | State::Value(Value::Dict(_)) => 1,
        State::Value(Value::Array(_)) => 2,
        State::Value(Value::Integer(_)) => 3,
        State::Value(Value::String(_)) => 4,
        State::Value(Value::Bool(_)) => 5,
        State::Value(Value::Other(_)) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Literal {
        Literal::Text(text.into())
    }

    #[test]
    fn operations_select_and_compare() {
        let groups = Value::Array(vec![Value::String("group.one".into()), Value::String("group.two".into())]);
        let inner = Value::Dict(vec![("depth".into(), Value::Integer(3))]);
        let entries = [
            ("com.example.camera".to_owned(), Value::Bool(true)),
            ("com.example.groups".to_owned(), groups),
            ("com.example.groups.more".to_owned(), inner),
        ];
        let camera = (1, text("com.example.camera"));
        let groups = (1, text("com.example.groups"));
        for (operations, answer) in [
            (vec![camera.clone()], Some(true)),
            (vec![camera.clone(), (5, Literal::Bool(true))], Some(true)),
            (vec![camera.clone(), (5, Literal::Bool(false))], Some(false)),
            (vec![(1, text("com.example.other"))], Some(false)),
            (vec![(1, Literal::Integer(1))], Some(false)),
            (vec![groups.clone(), (2, Literal::Integer(1)), (3, text("group.two"))], Some(true)),
            (vec![groups.clone(), (2, Literal::Integer(2))], Some(false)),
            (vec![groups.clone(), (2, Literal::Integer(-1))], Some(false)),
            (vec![groups.clone(), (6, text("group.two"))], Some(true)),
            (vec![groups.clone(), (8, text("group."))], Some(true)),
            (vec![groups.clone(), (3, text("group.two"))], Some(false)),
            (vec![groups, (11, Literal::Integer(2))], Some(true)),
            (vec![(9, text("com.example.groups")), (1, text("depth")), (7, Literal::Integer(3))], Some(true)),
            (vec![(9, text("com.example.groups")), (1, text("depth")), (10, Literal::Integer(4))], Some(false)),
            (vec![(11, Literal::Integer(1))], Some(true)),
            (vec![camera, (12, Literal::Integer(1))], None),
        ] {
            assert_eq!(run(&entries, &operations), answer, "{operations:?}");
        }
    }
}
