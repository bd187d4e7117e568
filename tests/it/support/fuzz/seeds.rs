//! Seeds: what each reader reads, cut out of an ordinary file. Does not use Temper's readers.

/// The inputs for readers that a file holds: (reader, bytes). `name` is the file's name.
pub fn seeds(name: &str, bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut found = Vec::new();
    let lower = name.to_ascii_lowercase();
    if bytes.starts_with(&[0xcf, 0xfa, 0xed, 0xfe]) || bytes.starts_with(&[0xca, 0xfe, 0xba, 0xbe]) {
        of_code(bytes, &mut found);
    } else if lower == "coderesources" {
        found.push(("code_resources", bytes.to_vec()));
    } else if lower.ends_with("provisionprofile") || lower.ends_with("mobileprovision") {
        found.extend([("profile", bytes.to_vec()), ("cms", bytes.to_vec())]);
    } else if lower.ends_with(".entitlements") {
        found.extend([("entitlements", bytes.to_vec()), ("plist", bytes.to_vec())]);
    } else if lower.ends_with(".plist") {
        found.push(("plist", bytes.to_vec()));
    } else if lower.ends_with(".ips") || lower.ends_with(".crash") {
        found.extend([("crash", bytes.to_vec()), ("log", bytes.to_vec())]);
    } else if lower.ends_with(".log") || lower.ends_with(".txt") {
        found.push(("log", bytes.to_vec()));
    } else if lower.ends_with(".pem") || lower.ends_with(".der") {
        found.push(("cms", bytes.to_vec()));
    }
    found
}

fn of_code(bytes: &[u8], found: &mut Vec<(&'static str, Vec<u8>)>) {
    found.extend([("macho", bytes.to_vec()), ("callsites", bytes.to_vec())]);
    for slice in slices(bytes) {
        if slice.len() < bytes.len() {
            found.extend([("macho", slice.to_vec()), ("callsites", slice.to_vec())]);
        }
        let Some(signature) = signature(slice) else { continue };
        found.push(("superblob", signature.to_vec()));
        for (slot, blob) in blobs(signature) {
            let body = blob.get(8..).unwrap_or_default().to_vec();
            match slot {
                0 | 0x1000..0x1005 => found.push(("code_directory", blob.to_vec())),
                2 => {
                    found.push(("requirement", blob.to_vec()));
                    // The requirement itself, behind a set's header and one entry of its index.
                    found.extend(blob.get(20..).map(|one| ("requirement", one.to_vec())));
                }
                5 => found.push(("entitlements", body)),
                7 => found.push(("der", body)),
                8..=11 => found.push(("constraint", body)),
                0x10000 if !body.is_empty() => found.push(("cms", body)),
                _ => {}
            }
        }
    }
}

fn big(bytes: &[u8], at: usize) -> Option<usize> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?) as usize)
}

fn little(bytes: &[u8], at: usize) -> Option<usize> {
    big(bytes, at).and_then(|word| u32::try_from(word).ok()).map(|word| word.swap_bytes() as usize)
}

/// Slices of a universal file, or the whole of a thin one.
pub fn slices(bytes: &[u8]) -> Vec<&[u8]> {
    if !bytes.starts_with(&[0xca, 0xfe, 0xba, 0xbe]) {
        return vec![bytes];
    }
    let one = |n: usize| {
        let at = 8 + n * 20;
        let start = big(bytes, at + 8)?;
        bytes.get(start..start.checked_add(big(bytes, at + 12)?)?)
    };
    (0..big(bytes, 4).unwrap_or(0).min(8)).filter_map(one).collect()
}

/// The signature of a thin slice.
pub fn signature(slice: &[u8]) -> Option<&[u8]> {
    let mut at = 32;
    for _ in 0..little(slice, 16)?.min(4096) {
        if little(slice, at)? == 0x1d {
            let start = little(slice, at + 8)?;
            return slice.get(start..start.checked_add(little(slice, at + 12)?)?);
        }
        at = at.checked_add(little(slice, at + 4)?)?;
    }
    None
}

/// Blobs of a SuperBlob with their slots.
pub fn blobs(signature: &[u8]) -> Vec<(u32, &[u8])> {
    let one = |n: usize| {
        let start = big(signature, 16 + n * 8)?;
        let slot = u32::try_from(big(signature, 12 + n * 8)?).ok()?;
        Some((slot, signature.get(start..start.checked_add(big(signature, start.checked_add(4)?)?)?)?))
    };
    (0..big(signature, 8).unwrap_or(0).min(64)).filter_map(one).collect()
}

/// Inputs that no practice app holds.
pub fn written() -> Vec<(&'static str, Vec<u8>)> {
    let requirements = [
        "anchor apple generic and identifier \"com.example\" and !(cdhash H\"0102030405060708090a0b0c0d0e0f1011121314\" or always)",
        "certificate leaf[subject.CN] = \"A*\" and certificate 1[field.1.2.840.113635.100.6.2.6] exists and info[CFBundleVersion] >= \"1\"",
        "entitlement[\"a\"] = b* and platform = 1 and notarized and certificate root[timestamp.1.2.3] < timestamp \"20200101000000Z\"",
        "anchor = H\"0102030405060708090a0b0c0d0e0f1011121314\" and anchor trusted and certificate leaf trusted",
        "# designated => a\nlegacy /* c */ or identifier a.b.c",
    ];
    let bomb = format!("<plist><dict><key>a</key>{}<true/>", "<array>".repeat(2_000));
    let profile = "<?xml version=\"1.0\"?><plist version=\"1.0\"><dict><key>Name</key><string>a</string><key>TeamIdentifier</key><array><string>TEAM</string></array>\
         <key>ExpirationDate</key><date>2030-01-01T00:00:00Z</date><key>ProvisionedDevices</key><array><string>00008103-0000000000000000</string></array>\
         <key>Entitlements</key><dict><key>com.apple.application-identifier</key><string>TEAM.*</string></dict></dict></plist>";
    let mut all: Vec<(&'static str, Vec<u8>)> = requirements.iter().map(|text| ("requirement", text.as_bytes().to_vec())).collect();
    all.extend(["plist", "entitlements", "code_resources"].map(|reader| (reader, bomb.as_bytes().to_vec())));
    all.push(("profile", unsigned_profile(profile.as_bytes())));
    all.push(("plist", binary_plist()));
    all.push(("code_resources", binary_plist()));
    all.push(("der", [0x70, 14, 2, 1, 1, 0xb0, 9, 0x30, 7, 0x0c, 1, b'a', 0xb0, 0x02, 0x30, 0].to_vec()));
    all.extend(constraints().map(|constraint| ("constraint", constraint)));
    all
}

/// The constraints of the practice program that `tests/it/constraints.rs` signs, which sees that they are these: every operator, and all that is asked of facts.
pub fn constraints() -> [Vec<u8>; 2] {
    let element = |tag: u8, body: &[u8]| match u8::try_from(body.len()) {
        Ok(size @ ..0x80) => [&[tag, size], body].concat(),
        Ok(size) => [&[tag, 0x81, size], body].concat(),
        Err(_) => [&[tag, 0x82], &u16::try_from(body.len()).unwrap_or(u16::MAX).to_be_bytes()[..], body].concat(),
    };
    let text = |text: &str| element(0x0c, text.as_bytes());
    let list = |items: &[Vec<u8>]| element(0x30, &items.concat());
    let dict = |entries: &[(&str, Vec<u8>)]| {
        element(0xb0, &entries.iter().flat_map(|(key, value)| element(0x30, &[text(key), value.clone()].concat())).collect::<Vec<u8>>())
    };
    let (int, yes) = (|number: u8| vec![2, 1, number], || vec![1, 1, 0xff]);
    let whole = |requires: Vec<u8>| {
        element(0x70, &[int(1), dict(&[("ccat", int(0)), ("comp", int(1)), ("reqs", requires), ("vers", int(1))])].concat())
    };
    let one_of = |items: &[Vec<u8>]| dict(&[("$in", list(items))]);
    let query = list(&[list(&[int(1), text("com.example.key")]), list(&[int(5), yes()])]);
    let both = dict(&[("signing-identifier", text("org.example.other")), ("team-identifier", text("OTHERTEAM1"))]);
    [
        whole(dict(&[
            ("$or-array", list(&[list(&[text("$and"), dict(&[("team-identifier", text("PRACTICE01"))])]), list(&[text("$and"), both])])),
            ("launch-type", dict(&[("$gte", int(0)), ("$lt", int(9))])),
            ("validation-category", one_of(&[int(3), int(6)])),
        ])),
        whole(dict(&[
            ("$and-array", list(&[list(&[text("$optional"), dict(&[("is-sip-protected", yes())])])])),
            ("$or", dict(&[("cdhash", one_of(&[element(4, &[7; 20])])), ("is-init-proc", yes())])),
            ("entitlements", dict(&[("$query", query)])),
            ("moon-phase", dict(&[("$gt", int(1)), ("$lte", int(4))])),
        ])),
    ]
}

/// A profile as a CMS without a signer: what is around it is read, and its plist.
fn unsigned_profile(content: &[u8]) -> Vec<u8> {
    let element = |tag: u8, body: &[u8]| {
        let length = u16::try_from(body.len()).unwrap_or(u16::MAX).to_be_bytes();
        [&[tag, 0x82], &length[..], body].concat()
    };
    let oid = |last: u8| vec![6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, last];
    let content = element(0x30, &[oid(1), element(0xa0, &element(4, content))].concat());
    let signed = element(0x30, &[vec![2, 1, 1], element(0x31, &[]), content, element(0x31, &[])].concat());
    element(0x30, &[oid(2), element(0xa0, &signed)].concat())
}

/// A dictionary with a value of every kind.
fn binary_plist() -> Vec<u8> {
    let mut inner = plist::Dictionary::new();
    inner.insert("real".into(), plist::Value::Real(1.5));
    inner.insert("data".into(), plist::Value::Data(vec![1, 2, 3]));
    inner.insert("date".into(), plist::Value::Date(std::time::SystemTime::UNIX_EPOCH.into()));
    let mut root = plist::Dictionary::new();
    root.insert("CFBundleExecutable".into(), plist::Value::String("a\u{e9}".into()));
    root.insert("files2".into(), plist::Value::Dictionary(inner));
    root.insert("rules2".into(), plist::Value::Array(vec![plist::Value::Boolean(true), plist::Value::Integer(7.into())]));
    let mut out = Vec::new();
    plist::Value::Dictionary(root).to_writer_binary(&mut out).unwrap_or_default();
    out
}
