//! Writes a JSON value as YAML in block style, so that the generated templates read well.

use serde_json::Value;
use std::fmt::Write as _;

/// The value as a YAML document, two spaces a level. Strings stay plain where no reader could take them for anything
/// else, and are written in JSON's quotes otherwise (JSON strings are YAML strings).
pub(crate) fn to_yaml(value: &Value) -> String {
    let mut text = String::new();
    block(&mut text, value, 0);
    text
}

fn block(text: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                let _ = write!(text, "{:1$}{2}:", "", depth * 2, scalar(key));
                nested(text, value, depth);
            }
        }
        Value::Array(list) if !list.is_empty() => {
            for value in list {
                let mut item = String::new();
                block(&mut item, value, depth + 1);
                // The item's first line moves up beside its dash.
                let _ = write!(text, "{:1$}- {2}", "", depth * 2, item.trim_start());
            }
        }
        other => {
            let _ = writeln!(text, "{:1$}{2}", "", depth * 2, flow(other));
        }
    }
}

fn nested(text: &mut String, value: &Value, depth: usize) {
    let deep = match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(list) => !list.is_empty(),
        _ => false,
    };
    if deep {
        text.push('\n');
        block(text, value, depth + 1);
    } else {
        let _ = writeln!(text, " {}", flow(value));
    }
}

fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        other => other.to_string(),
    }
}

fn scalar(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"/_-.:$ ".contains(&b))
        && !text.ends_with([':', ' '])
        && !text.contains(": ")
        && !WORDS.iter().any(|word| text.eq_ignore_ascii_case(word));
    if plain {
        text.to_owned()
    } else {
        Value::from(text).to_string()
    }
}

/// Plain words that some reader takes for a boolean or nothing.
const WORDS: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_as_people_write_it() {
        let value = json!({"A": {"B": ["x", {"Ref": "Table", "Z": []}, 3]}, "On": "on", "V": "2012-10-17", "S": "${A}:b", "E": {}});
        let yaml = "A:\n  B:\n    - x\n    - Ref: Table\n      Z: []\n    - 3\n\"On\": \"on\"\nV: \"2012-10-17\"\nS: \"${A}:b\"\nE: {}\n";
        assert_eq!(to_yaml(&value), yaml);
    }
}
