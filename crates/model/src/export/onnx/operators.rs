//! The operators of ONNX that models are made of, under the names of what they do here.

use super::graph::{Attribute, Element, Graph, Value};

use Attribute::{Int, Ints};

impl Graph {
    pub fn add(&mut self, a: &Value, b: &Value) -> Value {
        self.node("Add", &[a, b], &[])
    }

    pub fn sub(&mut self, a: &Value, b: &Value) -> Value {
        self.node("Sub", &[a, b], &[])
    }

    pub fn mul(&mut self, a: &Value, b: &Value) -> Value {
        self.node("Mul", &[a, b], &[])
    }

    pub fn div(&mut self, a: &Value, b: &Value) -> Value {
        self.node("Div", &[a, b], &[])
    }

    pub fn product(&mut self, a: &Value, b: &Value) -> Value {
        self.node("MatMul", &[a, b], &[])
    }

    pub fn not(&mut self, a: &Value) -> Value {
        self.node("Not", &[a], &[])
    }

    pub fn and(&mut self, a: &Value, b: &Value) -> Value {
        self.node("And", &[a, b], &[])
    }

    pub fn or(&mut self, a: &Value, b: &Value) -> Value {
        self.node("Or", &[a, b], &[])
    }

    pub fn equal(&mut self, a: &Value, b: &Value) -> Value {
        self.node("Equal", &[a, b], &[])
    }

    pub fn less(&mut self, a: &Value, b: &Value) -> Value {
        self.node("Less", &[a, b], &[])
    }

    pub fn at_least(&mut self, a: &Value, b: &Value) -> Value {
        self.node("GreaterOrEqual", &[a, b], &[])
    }

    pub fn is_nan(&mut self, a: &Value) -> Value {
        self.node("IsNaN", &[a], &[])
    }

    /// `a` where the condition holds, else `b`.
    pub fn choose(&mut self, condition: &Value, a: &Value, b: &Value) -> Value {
        self.node("Where", &[condition, a, b], &[])
    }

    pub fn cast(&mut self, a: &Value, to: Element) -> Value {
        self.node("Cast", &[a], &[("to", Int(to as i64))])
    }

    pub fn gather(&mut self, table: &Value, rows: &Value, axis: i64) -> Value {
        self.node("Gather", &[table, rows], &[("axis", Int(axis))])
    }

    /// Columns of a matrix `[n_rows, width]`, in this order.
    pub fn columns(&mut self, matrix: &Value, wanted: &[usize], width: usize) -> Value {
        if wanted.iter().copied().eq(0..width) {
            return matrix.clone();
        }
        let wanted: Vec<i64> = wanted.iter().map(|i| *i as i64).collect();
        let wanted = self.ints(&[wanted.len()], &wanted);
        self.gather(matrix, &wanted, 1)
    }

    /// Side by side along an axis.
    pub fn concat(&mut self, parts: &[Value], axis: i64) -> Value {
        match parts {
            [one] => one.clone(),
            _ => self.node("Concat", &parts.iter().collect::<Vec<_>>(), &[("axis", Int(axis))]),
        }
    }

    /// With one more axis of length 1.
    pub fn raised(&mut self, a: &Value, axis: i64) -> Value {
        let axes = self.ints(&[1], &[axis]);
        self.node("Unsqueeze", &[a, &axes], &[])
    }

    /// Vectors `[n_rows]` as the columns of a matrix.
    pub fn beside(&mut self, vectors: &[Value]) -> Value {
        let columns: Vec<Value> = vectors.iter().map(|v| self.raised(v, 1)).collect();
        self.concat(&columns, 1)
    }

    /// In another shape, of which a size 0 stands for the old one and one -1 for what is left.
    pub fn reshaped(&mut self, a: &Value, shape: &[i64]) -> Value {
        let shape = self.ints(&[shape.len()], shape);
        self.node("Reshape", &[a, &shape], &[])
    }

    /// The sum along an axis, which is gone, or kept with length 1.
    pub fn sum_along(&mut self, a: &Value, axis: i64, keep: bool) -> Value {
        self.reduced("ReduceSum", a, axis, keep)
    }

    pub fn reduced(&mut self, kind: &str, a: &Value, axis: i64, keep: bool) -> Value {
        let axes = self.ints(&[1], &[axis]);
        self.node(kind, &[a, &axes], &[("keepdims", Int(i64::from(keep)))])
    }

    /// How many of the conditions along the last axis hold: whole numbers.
    pub fn count(&mut self, conditions: &Value) -> Value {
        let ones = self.cast(conditions, Element::Int64);
        self.sum_along(&ones, -1, false)
    }

    /// The whole number of each text, or `other`.
    pub fn encoded(&mut self, texts: &Value, keys: &[String], codes: &[i64], other: i64) -> Value {
        let attributes = [
            ("keys_strings", Attribute::Texts(keys)),
            ("values_int64s", Ints(codes)),
            ("default_int64", Int(other)),
        ];
        // Without any key the encoder could not say what type it maps from.
        if keys.is_empty() {
            return self.encoded(texts, &[String::new()], &[other], other);
        }
        self.ml_node("LabelEncoder", &[texts], &attributes)
    }

    pub fn double(&mut self, value: f64) -> Value {
        self.doubles(&[], &[value])
    }

    /// Not a number, where a value is missing or not finite.
    pub fn missing(&mut self) -> Value {
        self.double(f64::NAN)
    }

    pub fn text(&mut self, text: &str) -> Value {
        let text = self.texts(&[text.to_owned()]);
        self.reshaped(&text, &[])
    }
}
