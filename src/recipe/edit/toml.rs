//! Where to write in a TOML text. `toml_edit` keeps comments, order and spacing.

use serde_json::Value;
use toml_edit::{Array, DocumentMut, Item, Table, TableLike, value as item};

pub(super) fn set(text: &str, at: &[String], value: &Value) -> Option<String> {
    let mut document: DocumentMut = text.parse().ok()?;
    let new = match value {
        Value::String(text) => item(text.as_str()),
        Value::Bool(truth) => item(*truth),
        Value::Array(items) => item(items.iter().map(Value::as_str).collect::<Option<Array>>()?),
        _ => return None,
    };
    let (last, outer) = at.split_last()?;
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for (depth, key) in outer.iter().enumerate() {
        if table.get(key).is_none() {
            let mut made = Table::new();
            // The innermost is written `entitlement."key" = …`, in the table it belongs to.
            made.set_dotted(depth + 1 == outer.len());
            table.insert(key, Item::Table(made));
        }
        table = table.get_mut(key)?.as_table_like_mut()?;
    }
    match table.get_mut(last) {
        Some(present) => {
            let decor = present.as_value().map(|value| value.decor().clone())?;
            *present = new;
            *present.as_value_mut()?.decor_mut() = decor;
        }
        None => drop(table.insert(last, new)),
    }
    Some(document.to_string())
}
