//! Bytes as a list of changes to a model's container: so its manifest and its tensors are reached, which stand behind
//! hashes that random changes of a file never match.

use std::mem;

use serde_json::{Value, json};
use tabgraft_model::store::{Blob, Container};

/// Most changes that are made: more of them are seldom read.
const MOST_EDITS: usize = 16;

/// Where the bytes are read from; what is not there is 0.
struct Script<'a>(&'a [u8]);

impl Script<'_> {
    fn byte(&mut self) -> usize {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(*first)
    }

    /// A number below `n`.
    fn below(&mut self, n: usize) -> usize {
        let high = if n > 256 { self.byte() << 8 } else { 0 };
        (high + self.byte()) % n.max(1)
    }
}

/// Makes the changes that `script` says.
pub fn edit(container: &mut Container, script: &[u8]) {
    let mut script = Script(script);
    for _ in 0..MOST_EDITS {
        if script.0.is_empty() {
            return;
        }
        match script.byte() % 12 {
            op @ 0..9 => {
                // A copy is taken before what it replaces is looked for.
                let copied = (op == 8).then(|| node(&mut container.manifest, &mut script).clone());
                let place = node(&mut container.manifest, &mut script);
                change(place, op, copied, &mut script);
            }
            op => change_tensor(container, op, &mut script),
        }
    }
}

/// A value of the manifest: one step down for each byte, until a byte is 255 or there is nothing below.
fn node<'v>(mut value: &'v mut Value, script: &mut Script<'_>) -> &'v mut Value {
    loop {
        let n = match value {
            Value::Array(items) => items.len(),
            Value::Object(items) => items.len(),
            _ => 0,
        };
        if n == 0 || script.0.first() == Some(&255) {
            script.byte();
            return value;
        }
        let child = script.below(n);
        value = match value {
            Value::Array(items) => &mut items[child],
            Value::Object(items) => items.values_mut().nth(child).unwrap(),
            _ => unreachable!("only lists and objects have anything below"),
        };
    }
}

fn change(place: &mut Value, op: usize, copied: Option<Value>, script: &mut Script<'_>) {
    match (op, &mut *place) {
        (8, _) => *place = copied.unwrap_or_default(),
        (1, Value::Number(number)) => {
            let factors = [1.0, -1.0, 0.5, 2.0, 1000.0, 1e-9];
            let changed = number.as_f64().unwrap_or(0.0) * factors[script.below(factors.len())]
                + [0.0, 1.0, -1.0][script.below(3)];
            *place = match number.is_f64() {
                true => json!(changed),
                false => json!(changed as i64),
            };
        }
        (2, Value::Array(items)) if !items.is_empty() => drop(items.remove(script.below(items.len()))),
        (2, Value::Object(items)) if !items.is_empty() => {
            let name = items.keys().nth(script.below(items.len())).cloned().unwrap_or_default();
            drop(items.shift_remove(&name));
        }
        (3, Value::Array(items)) if !items.is_empty() => {
            let again = items[script.below(items.len())].clone();
            let n = [1, 1, 2, 40][script.below(4)];
            items.extend(vec![again; n]);
        }
        (3, Value::Object(items)) if !items.is_empty() => {
            let (name, value) = items.iter().nth(script.below(items.len())).unwrap();
            let (name, value) = (format!("{name}2"), value.clone());
            drop(items.insert(name, value));
        }
        (4, Value::Array(items)) => items.truncate(items.len() / 2),
        (5, Value::Array(items)) => items.reverse(),
        (5, Value::Object(items)) if items.len() > 1 => {
            // Two members change places.
            let (a, b) = (script.below(items.len()), script.below(items.len()));
            let first = items.values_mut().nth(a).map(mem::take).unwrap_or_default();
            let second = items.values_mut().nth(b).map(|v| mem::replace(v, first)).unwrap_or_default();
            items.values_mut().nth(a).into_iter().for_each(|v| *v = second.clone());
        }
        (6, Value::String(text)) => {
            let added = ["\u{0}", "é", "x", "\u{202e}", "9", " "];
            text.push_str(added[script.below(added.len())]);
        }
        (7, Value::String(text)) => drop(text.pop()),
        _ => *place = unusual(script),
    }
}

/// Values at the edge of something.
fn unusual(script: &mut Script<'_>) -> Value {
    let all = [
        Value::Null,
        json!(true),
        json!(false),
        json!(0),
        json!(1),
        json!(-1),
        json!(2),
        json!(255),
        json!(65_536),
        json!(u32::MAX),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(9_007_199_254_740_993_u64),
        json!(0.5),
        json!(-0.0),
        json!(1e308),
        json!(-1e308),
        json!(f64::MIN_POSITIVE),
        json!(""),
        json!("x"),
        json!("\u{0}\n\u{202e}"),
        json!("x".repeat(5000)),
        json!([]),
        json!({}),
        json!([[]]),
        json!([0]),
        json!([1e300, -1e300]),
    ];
    all[script.below(all.len())].clone()
}

fn change_tensor(container: &mut Container, op: usize, script: &mut Script<'_>) {
    let names: Vec<String> = container.tensors.keys().cloned().collect();
    if names.is_empty() {
        return;
    }
    let name = &names[script.below(names.len())];
    match op {
        9 => {
            let value = [0.0, -0.0, 1.0, -1.0, f32::MAX, f32::MIN, 1e-40, 1e20][script.below(8)];
            let Some(blob) = container.tensors.get_mut(name) else { return };
            let n = blob.data.len();
            match script.below(2) {
                0 => blob.data.fill(value),
                _ if n > 0 => blob.data[script.below(n)] = value,
                _ => {}
            }
        }
        10 => {
            let Some(blob) = container.tensors.remove(name) else { return };
            match script.below(4) {
                0 => drop(blob),
                1 => drop(container.tensors.insert(format!("{name}2"), blob)),
                // The weights of another place.
                _ => drop(container.tensors.insert(names[script.below(names.len())].clone(), blob)),
            }
        }
        _ => {
            let Some(Blob { shape, data }) = container.tensors.get_mut(name) else { return };
            match script.below(4) {
                0 => shape.reverse(),
                1 => *shape = vec![data.len()],
                2 => shape.push(1),
                _ => {
                    let rows = shape.first().copied().unwrap_or(1);
                    data.truncate(data.len().checked_div(rows).unwrap_or(0) * (rows / 2));
                    shape.first_mut().into_iter().for_each(|n| *n /= 2);
                }
            }
        }
    }
}
