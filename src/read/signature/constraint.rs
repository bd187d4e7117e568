//! Launch and library constraints (slots 8 to 11, magic `0xfade8181`): the DER dictionary with what it demands, in types.
//!
//! The dictionary has the DER form of entitlements (CoreEntitlements version 1) with the fields `vers`, `comp`, `ccat` and `reqs`; facts and operators are those
//! of Apple, "Defining launch environment and library constraints". A fact or an operator that is not known here is kept by its name: what it means is not
//! guessed. What Apple's grammar forbids (an empty constraint, an operator with nothing to act on) is an error, as macOS refuses it too.

use crate::read::ReadError;
use crate::read::entitlements::{self, Value};
use base64::Engine as _;
use serde::{Deserialize, Serialize};

/// `[APPLICATION 16]`, constructed: the older form of entitlements is none of constraints.
const TAG_OUTER: u8 = 0x70;

/// Whom a constraint is about, by its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ConstraintSlot {
    /// Slot 8: the program itself.
    Itself,
    /// Slot 9: the process that starts it.
    Parent,
    /// Slot 10: the process that is responsible for the start.
    Responsible,
    /// Slot 11: each library that the process loads.
    Library,
}

impl ConstraintSlot {
    /// All of them, by slot.
    pub const ALL: [ConstraintSlot; 4] =
        [ConstraintSlot::Itself, ConstraintSlot::Parent, ConstraintSlot::Responsible, ConstraintSlot::Library];

    /// The word of the JSON report.
    pub fn word(self) -> &'static str {
        match self {
            ConstraintSlot::Itself => "self",
            ConstraintSlot::Parent => "parent",
            ConstraintSlot::Responsible => "responsible",
            ConstraintSlot::Library => "library",
        }
    }

    /// The number of the slot.
    pub fn number(self) -> u32 {
        match self {
            ConstraintSlot::Itself => 8,
            ConstraintSlot::Parent => 9,
            ConstraintSlot::Responsible => 10,
            ConstraintSlot::Library => 11,
        }
    }
}

/// A slot with a constraint, and what it says or why that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Constrained {
    /// Slot.
    pub slot: ConstraintSlot,
    /// The constraint.
    pub constraint: Result<Constraint, ReadError>,
}

/// A constraint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Constraint {
    /// `vers`; 1 is the only one known.
    pub version: Option<i64>,
    /// `comp`: the oldest version that a reader must know.
    pub compatibility: Option<i64>,
    /// `ccat`: category; 0 for one that is written out.
    pub category: Option<i64>,
    /// `reqs`: what must hold.
    pub requires: Expression,
    /// Further fields, by name.
    pub other: Vec<String>,
}

/// What must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expression {
    /// Every part: the dictionary itself, `$and`, `$and-array`.
    All(Vec<Expression>),
    /// Any part: `$or`, `$or-array`.
    Any(Vec<Expression>),
    /// `$optional`: outside of [`Expression::Any`] also when it is not determined.
    Optional(Box<Expression>),
    /// A fact and what is asked of it.
    Fact {
        /// Apple's key.
        fact: String,
        /// What is asked.
        test: Test,
    },
    /// An operator in the place of a fact that is not known.
    Unknown {
        /// Its name.
        operator: String,
    },
}

/// What is asked of a fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Test {
    /// A value alone.
    Is(Literal),
    /// `$in`
    In(Vec<Literal>),
    /// `$lt`
    Less(i64),
    /// `$lte`
    AtMost(i64),
    /// `$gt`
    More(i64),
    /// `$gte`
    AtLeast(i64),
    /// `$query`: operation and parameter, in order.
    Query(Vec<(i64, Literal)>),
    /// An operator that is not known, by its name.
    Unknown(String),
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Literal {
    /// `<true/>`
    Bool(bool),
    /// `<integer>`
    Integer(i64),
    /// `<string>`
    #[serde(rename = "constraint_text")] // Case files look for teams here.
    Text(String),
    /// `<data>`
    Data(Vec<u8>),
}

type Entries = [(String, Value)];

/// Reads a constraint: the payload of its blob, without the 8-byte header. Errors are at the start of what was given: the DER is decoded by then.
pub fn read(bytes: &[u8]) -> Result<Constraint, ReadError> {
    if bytes.first() != Some(&TAG_OUTER) {
        return Err(fault("DER that is no constraint"));
    }
    let fields = entitlements::read_der(bytes)?;
    once(&fields)?;
    let requires = match field(&fields, "reqs") {
        Some(Value::Dict(entries)) => Expression::All(dictionary(entries, None)?),
        Some(_) => return Err(fault("constraint whose reqs is no dictionary")),
        None => return Err(fault("constraint without reqs")),
    };
    let known = ["vers", "comp", "ccat", "reqs"];
    Ok(Constraint {
        version: number(&fields, "vers")?,
        compatibility: number(&fields, "comp")?,
        category: number(&fields, "ccat")?,
        requires,
        other: fields.iter().filter(|(key, _)| !known.contains(&key.as_str())).map(|(key, _)| key.clone()).collect(),
    })
}

fn fault(what: impl Into<String>) -> ReadError {
    ReadError::new(what, 0)
}

fn field<'a>(fields: &'a Entries, name: &str) -> Option<&'a Value> {
    fields.iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

fn number(fields: &Entries, name: &str) -> Result<Option<i64>, ReadError> {
    match field(fields, name) {
        None => Ok(None),
        Some(Value::Integer(number)) => Ok(Some(*number)),
        Some(_) => Err(fault(format!("constraint whose {name} is no integer"))),
    }
}

/// A dictionary has each key once. Sorted, since the number of keys is the file's.
fn once(entries: &Entries) -> Result<(), ReadError> {
    let mut keys: Vec<&str> = entries.iter().map(|(key, _)| key.as_str()).collect();
    keys.sort_unstable();
    match keys.windows(2).find(|pair| pair.first() == pair.last()).and_then(<[&str]>::first) {
        Some(key) => Err(fault(format!("constraint with the key {key} twice"))),
        None => Ok(()),
    }
}

/// The parts of a dictionary; `fact` is set below a fact, where operators stand in place of its value. The depth is bounded by the reader of DER.
fn dictionary(entries: &Entries, fact: Option<&str>) -> Result<Vec<Expression>, ReadError> {
    if entries.is_empty() {
        return Err(fault(
            fact.map_or_else(|| "constraint with an empty dictionary".to_owned(), |fact| format!("{fact} with an empty dictionary")),
        ));
    }
    once(entries)?;
    entries.iter().map(|(key, value)| entry(key, value, fact)).collect()
}

fn entry(key: &str, value: &Value, fact: Option<&str>) -> Result<Expression, ReadError> {
    match (key, fact) {
        ("$and", _) => Ok(Expression::All(below(key, value, fact)?)),
        ("$or", _) => Ok(Expression::Any(below(key, value, fact)?)),
        ("$and-array", _) => Ok(Expression::All(array(key, value, fact)?)),
        ("$or-array", _) => Ok(Expression::Any(array(key, value, fact)?)),
        ("$optional", _) => optional(value, fact),
        (operator, Some(fact)) if operator.starts_with('$') => Ok(Expression::Fact { fact: fact.to_owned(), test: test(operator, value)? }),
        (inner, Some(fact)) => Err(self::fault(format!("{fact} with the fact {inner} in place of its value"))),
        (operator, None) if operator.starts_with('$') => Ok(Expression::Unknown { operator: operator.to_owned() }),
        (fact, None) => match value {
            Value::Dict(entries) => Ok(Expression::All(dictionary(entries, Some(fact))?)),
            value => Ok(Expression::Fact { fact: fact.to_owned(), test: Test::Is(literal(fact, value)?) }),
        },
    }
}

fn below(operator: &str, value: &Value, fact: Option<&str>) -> Result<Vec<Expression>, ReadError> {
    match value {
        Value::Dict(entries) => dictionary(entries, fact),
        _ => Err(self::fault(format!("{operator} without a dictionary"))),
    }
}

/// `[["$and", {…}], ["$or", {…}] …]`
fn array(operator: &str, value: &Value, fact: Option<&str>) -> Result<Vec<Expression>, ReadError> {
    let Value::Array(items) = value else { return Err(self::fault(format!("{operator} without an array"))) };
    if items.is_empty() {
        return Err(self::fault(format!("{operator} with nothing in it")));
    }
    let one = |item: &Value| match item {
        Value::Array(pair) => match pair.as_slice() {
            [Value::String(inner), value] if inner.starts_with('$') => entry(inner, value, fact),
            _ => Err(self::fault(format!("{operator} with an element that is no operator with its dictionary"))),
        },
        _ => Err(self::fault(format!("{operator} with an element that is no array"))),
    };
    items.iter().map(one).collect()
}

fn optional(value: &Value, fact: Option<&str>) -> Result<Expression, ReadError> {
    let mut parts = below("$optional", value, fact)?;
    match (parts.pop(), parts.is_empty()) {
        (Some(part), true) => Ok(Expression::Optional(Box::new(part))),
        _ => Err(self::fault("$optional with more than one fact or operator")),
    }
}

fn test(operator: &str, value: &Value) -> Result<Test, ReadError> {
    let integer = || match value {
        Value::Integer(number) => Ok(*number),
        _ => Err(fault(format!("{operator} without an integer"))),
    };
    match operator {
        "$in" => match value {
            Value::Array(items) if !items.is_empty() => {
                items.iter().map(|item| literal(operator, item)).collect::<Result<_, _>>().map(Test::In)
            }
            _ => Err(fault("$in without a list")),
        },
        "$lt" => integer().map(Test::Less),
        "$lte" => integer().map(Test::AtMost),
        "$gt" => integer().map(Test::More),
        "$gte" => integer().map(Test::AtLeast),
        "$query" => query(value).map(Test::Query),
        _ => Ok(Test::Unknown(operator.to_owned())),
    }
}

/// `[[1, "key"], [5, true] …]`
fn query(value: &Value) -> Result<Vec<(i64, Literal)>, ReadError> {
    let bad = || fault("$query that is no list of operations");
    let Value::Array(items) = value else { return Err(bad()) };
    let one = |item: &Value| match item {
        Value::Array(pair) => match pair.as_slice() {
            [Value::Integer(operation), parameter] => Ok((*operation, literal("$query", parameter)?)),
            _ => Err(bad()),
        },
        _ => Err(bad()),
    };
    if items.is_empty() { Err(bad()) } else { items.iter().map(one).collect() }
}

fn literal(of: &str, value: &Value) -> Result<Literal, ReadError> {
    let bad = || fault(format!("{of} with a value of an unknown kind"));
    match value {
        Value::Bool(value) => Ok(Literal::Bool(*value)),
        Value::Integer(number) => Ok(Literal::Integer(*number)),
        Value::String(text) => Ok(Literal::Text(text.clone())),
        // In DER only an OCTET STRING gives this, and always as base64.
        Value::Other(data) => base64::engine::general_purpose::STANDARD.decode(data).map(Literal::Data).map_err(|_| bad()),
        Value::Array(_) | Value::Dict(_) => Err(bad()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn tlv(tag: u8, parts: &[Vec<u8>]) -> Vec<u8> {
        let body = parts.concat();
        let size = u8::try_from(body.len()).unwrap();
        if size < 0x80 { [vec![tag, size], body].concat() } else { [vec![tag, 0x81, size], body].concat() }
    }

    fn text(text: &str) -> Vec<u8> {
        tlv(0x0c, &[text.as_bytes().to_vec()])
    }

    fn int(number: u8) -> Vec<u8> {
        vec![2, 1, number]
    }

    fn dict(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
        tlv(0xb0, &entries.iter().map(|(key, value)| tlv(0x30, &[text(key), value.clone()])).collect::<Vec<_>>())
    }

    fn list(items: &[Vec<u8>]) -> Vec<u8> {
        tlv(0x30, items)
    }

    fn whole(reqs: Vec<u8>) -> Vec<u8> {
        let fields = dict(&[("ccat", int(0)), ("comp", int(1)), ("reqs", reqs), ("vers", int(1))]);
        tlv(0x70, &[int(1), fields])
    }

    fn requires(entries: &[(&str, Vec<u8>)]) -> Result<Vec<Expression>, String> {
        match read(&whole(dict(entries))) {
            Ok(Constraint { requires: Expression::All(parts), .. }) => Ok(parts),
            Ok(other) => Err(format!("{other:?}")),
            Err(error) => Err(error.to_string()),
        }
    }

    fn fact(name: &str, test: Test) -> Expression {
        Expression::Fact { fact: name.into(), test }
    }

    fn is(text: &str) -> Test {
        Test::Is(Literal::Text(text.into()))
    }

    #[test]
    fn the_fields_are_read_and_unknown_ones_named() {
        let read = read(&whole(dict(&[("team-identifier", text("TEAM123456"))]))).unwrap();
        assert_eq!((read.version, read.compatibility, read.category), (Some(1), Some(1), Some(0)));
        assert_eq!(read.requires, Expression::All(vec![fact("team-identifier", is("TEAM123456"))]));
        let odd = tlv(0x70, &[int(1), dict(&[("new", int(1)), ("reqs", dict(&[("a", int(1))]))])]);
        let odd = super::read(&odd).unwrap();
        assert_eq!((odd.other, odd.version), (vec!["new".to_owned()], None));
    }

    #[test]
    fn operators_stand_in_place_of_keys_and_of_values() {
        let parts = requires(&[
            ("$or", dict(&[("on-system-volume", vec![1, 1, 0xff]), ("validation-category", int(1))])),
            ("signing-identifier", dict(&[("$in", list(&[text("a"), text("b")]))])),
            ("launch-type", dict(&[("$gte", int(1)), ("$lt", int(4))])),
            ("cdhash", vec![4, 2, 0xab, 0xcd]),
        ]);
        let expected = vec![
            Expression::Any(vec![
                fact("on-system-volume", Test::Is(Literal::Bool(true))),
                fact("validation-category", Test::Is(Literal::Integer(1))),
            ]),
            Expression::All(vec![fact("signing-identifier", Test::In(vec![Literal::Text("a".into()), Literal::Text("b".into())]))]),
            Expression::All(vec![fact("launch-type", Test::AtLeast(1)), fact("launch-type", Test::Less(4))]),
            fact("cdhash", Test::Is(Literal::Data(vec![0xab, 0xcd]))),
        ];
        assert_eq!(parts.unwrap(), expected);
    }

    #[test]
    fn arrays_pair_an_operator_with_a_dictionary() {
        let pair = |operator: &str, key: &str| list(&[text(operator), dict(&[(key, text("x"))])]);
        let parts = requires(&[("$or-array", list(&[pair("$and", "team-identifier"), pair("$optional", "signing-identifier")]))]).unwrap();
        let expected = Expression::Any(vec![
            Expression::All(vec![fact("team-identifier", is("x"))]),
            Expression::Optional(Box::new(fact("signing-identifier", is("x")))),
        ]);
        assert_eq!(parts, [expected]);
    }

    #[test]
    fn an_entitlement_query_keeps_its_operations() {
        let query = list(&[list(&[int(1), text("com.example.key")]), list(&[int(5), vec![1, 1, 0xff]])]);
        let parts = requires(&[("entitlements", dict(&[("$query", query)]))]).unwrap();
        let operations = vec![(1, Literal::Text("com.example.key".into())), (5, Literal::Bool(true))];
        assert_eq!(parts, [Expression::All(vec![fact("entitlements", Test::Query(operations))])]);
    }

    #[test]
    fn what_is_not_known_is_kept_by_its_name() {
        let parts = requires(&[("$xor", dict(&[("a", int(1))])), ("moon-phase", int(3)), ("x", dict(&[("$like", int(1))]))]).unwrap();
        let expected = vec![
            Expression::Unknown { operator: "$xor".into() },
            fact("moon-phase", Test::Is(Literal::Integer(3))),
            Expression::All(vec![fact("x", Test::Unknown("$like".into()))]),
        ];
        assert_eq!(parts, expected);
    }

    #[test]
    fn what_the_grammar_forbids_is_an_error() {
        for (entries, said) in [
            (vec![], "empty dictionary"),
            (vec![("a", int(1)), ("a", int(2))], "twice"),
            (vec![("$or", int(1))], "$or without a dictionary"),
            (vec![("$or", dict(&[]))], "empty dictionary"),
            (vec![("$and-array", list(&[]))], "nothing in it"),
            (vec![("$and-array", list(&[int(1)]))], "no array"),
            (vec![("$optional", dict(&[("a", int(1)), ("b", int(1))]))], "more than one"),
            (vec![("a", dict(&[("$in", list(&[]))]))], "$in without a list"),
            (vec![("a", dict(&[("$lt", text("1"))]))], "$lt without an integer"),
            (vec![("a", dict(&[("b", int(1))]))], "in place of its value"),
            (vec![("a", list(&[int(1)]))], "unknown kind"),
            (vec![("a", dict(&[("$query", list(&[int(1)]))]))], "no list of operations"),
        ] {
            let error = requires(&entries).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
        for (bytes, said) in [
            (vec![], "no constraint"),
            (vec![0x31, 0], "no constraint"),
            (tlv(0x70, &[int(1), dict(&[("vers", int(1))])]), "without reqs"),
            (tlv(0x70, &[int(1), dict(&[("reqs", int(1))])]), "no dictionary"),
            (tlv(0x70, &[int(1), dict(&[("reqs", dict(&[("a", int(1))])), ("vers", text("1"))])]), "vers is no integer"),
            (tlv(0x70, &[int(2), dict(&[])]), "unknown version"),
        ] {
            let error = read(&bytes).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
