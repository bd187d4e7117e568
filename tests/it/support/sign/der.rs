//! The little DER that a signature needs.

/// One element: tag, length, body.
pub fn element(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let size = body.len().to_be_bytes();
    let size = &size[size.iter().position(|&b| b != 0).unwrap_or(size.len() - 1)..];
    if body.len() >= 0x80 {
        out.push(0x80 | size.len() as u8);
    }
    out.extend(size);
    out.extend(body);
    out
}

/// SEQUENCE.
pub fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    element(0x30, &parts.concat())
}

/// SET OF: DER wants the members in the order of their bytes.
pub fn set(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut sorted = parts.to_vec();
    sorted.sort();
    element(0x31, &sorted.concat())
}

/// OBJECT IDENTIFIER from its dotted form.
pub fn oid(dotted: &str) -> Vec<u8> {
    let arcs: Vec<u64> = dotted.split('.').map(|arc| arc.parse().unwrap()).collect();
    let mut body = Vec::new();
    for &arc in std::iter::once(&(arcs[0] * 40 + arcs[1])).chain(&arcs[2..]) {
        let mut digits = vec![(arc & 0x7f) as u8];
        let mut rest = arc >> 7;
        while rest > 0 {
            digits.push(0x80 | (rest & 0x7f) as u8);
            rest >>= 7;
        }
        body.extend(digits.iter().rev());
    }
    element(6, &body)
}

/// INTEGER.
pub fn integer(value: i64) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let mut start = 0;
    while start < 7 && (bytes[start] == 0 && bytes[start + 1] < 0x80 || bytes[start] == 0xff && bytes[start + 1] >= 0x80) {
        start += 1;
    }
    element(2, &bytes[start..])
}

/// Entitlements as CoreEntitlements version 1: application tag 16 around the version and the dictionary.
pub fn entitlements(value: &plist::Value) -> Vec<u8> {
    element(0x70, &[integer(1), entitlement(value)].concat())
}

/// A launch or library constraint: the same form, around four fields.
pub fn constraint(requires: &plist::Value) -> Vec<u8> {
    let mut fields = plist::Dictionary::new();
    for (key, number) in [("ccat", 0), ("comp", 1), ("vers", 1)] {
        fields.insert(key.into(), plist::Value::Integer(number.into()));
    }
    fields.insert("reqs".into(), requires.clone());
    entitlements(&plist::Value::Dictionary(fields))
}

fn entitlement(value: &plist::Value) -> Vec<u8> {
    match value {
        plist::Value::Boolean(value) => element(1, &[if *value { 0xff } else { 0 }]),
        plist::Value::Integer(value) => integer(value.as_signed().unwrap()),
        plist::Value::Data(bytes) => element(4, bytes),
        plist::Value::String(text) => element(0x0c, text.as_bytes()),
        plist::Value::Array(values) => sequence(&values.iter().map(entitlement).collect::<Vec<_>>()),
        plist::Value::Dictionary(entries) => {
            let mut pairs: Vec<_> = entries.iter().collect();
            pairs.sort_by_key(|(key, _)| key.as_bytes());
            let pairs: Vec<_> = pairs.iter().map(|(key, value)| sequence(&[element(0x0c, key.as_bytes()), entitlement(value)])).collect();
            element(0xb0, &pairs.concat())
        }
        other => panic!("{other:?} has no DER form in entitlements"),
    }
}
