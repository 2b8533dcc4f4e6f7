//! Arrow columns of other libraries: nothing in them is believed before it was looked at.
//!
//! What comes through Arrow's C interface are pointers. A column of text may hold bytes that are not UTF-8,
//! its offsets may run backwards or past its end, the key of a dictionary may point beside it; the kernels
//! of the Arrow crate believe them, and then read memory that is not theirs. The lengths of the buffers
//! themselves are the producer's word and cannot be checked.

use std::fmt::Display;
use std::sync::Arc;

use arrow::array::{Array, ArrayData, ArrayRef, AsArray, GenericStringArray, OffsetSizeTrait};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};

use super::guard::guarded;
use crate::error::Error;

/// Bytes of a cell that a message shows.
const SHOWN_BYTES: usize = 32;

/// What is wrong with a column.
#[derive(Debug, PartialEq)]
pub(super) struct Fault {
    /// The first row that shows it, from 0; `None` if it is the whole column's.
    pub(super) row: Option<usize>,
    pub(super) what: String,
    is_text: bool,
}

impl Fault {
    fn at(row: impl Into<Option<usize>>, what: impl Into<String>) -> Self {
        Fault { row: row.into(), what: what.into(), is_text: false }
    }

    pub(super) fn not_utf8(row: usize, bytes: &[u8]) -> Self {
        let shown = bytes[..bytes.len().min(SHOWN_BYTES)].escape_ascii();
        let dots = if bytes.len() > SHOWN_BYTES { "..." } else { "" };
        Fault { row: Some(row), what: format!("`{shown}{dots}` is not UTF-8 text"), is_text: true }
    }

    /// The same fault, in another row.
    pub(super) fn at_row(self, row: usize) -> Self {
        Fault { row: Some(row), ..self }
    }

    /// The same fault, of a value of the column's dictionary and not of a row.
    pub(super) fn of_dictionary(self) -> Self {
        let place = self.row.map_or(String::new(), |place| format!(" {}", place + 1));
        Fault { row: None, what: format!("{}, value{place} of its dictionary", self.what), ..self }
    }

    /// The error of this fault in a column whose first row is row `first` of `file`, both from 0.
    pub(super) fn into_error(self, file: &str, column: &str, first: usize) -> Error {
        let row = self.row.map_or(String::new(), |row| format!(", row {}", first + row));
        let hint = match self.is_text {
            true => "find out its encoding (Latin-1 and Windows-1252 are common) and write it as UTF-8",
            false => "the program that made it is at fault; `pyarrow.Table.validate(full=True)` finds it too",
        };
        Error::value(format!("`{file}`, column `{column}`{row}: {}", self.what)).with_hint(hint)
    }
}

/// The column, if all of it may be believed. Bytes under a missing cell may be anything; where they would
/// harm, the column comes back without them.
///
/// # Errors
/// The first fault.
pub(super) fn validated(array: &ArrayRef) -> Result<ArrayRef, Fault> {
    // Whatever the offsets of a column without rows are, nobody reads them.
    if array.is_empty() {
        return Ok(arrow::array::new_empty_array(array.data_type()));
    }
    let is_sound = match array.data_type() {
        DataType::Utf8 => return text::<i32>(array),
        DataType::LargeUtf8 => return text::<i64>(array),
        DataType::Dictionary(..) => {
            let keys = array.to_data();
            check(&keys, |data| data.validate_data())?;
            let values = array.as_any_dictionary().values();
            validated(values).map(drop).map_err(|fault| at_its_row(fault, array))
        }
        _ => check(&array.to_data(), |data| data.validate_full()),
    };
    is_sound.map(|()| array.clone())
}

fn text<O: OffsetSizeTrait + Display>(array: &ArrayRef) -> Result<ArrayRef, Fault> {
    let column: &GenericStringArray<O> = array.as_string();
    check_nulls(&array.to_data())?;
    let offsets = column.value_offsets();
    let backwards = offsets.windows(2).position(|pair| pair[0] > pair[1]);
    if let Some(row) = backwards.or((offsets[0] < O::default()).then_some(0)) {
        let (start, end) = (offsets[row], offsets[row + 1]);
        return Err(Fault::at(row, format!("a text from byte {start} to {end} of its column")));
    }
    let (start, end) = (offsets[0].as_usize(), offsets[offsets.len() - 1].as_usize());
    if end > column.values().len() {
        let n_bytes = column.values().len();
        let row = offsets.iter().skip(1).position(|offset| offset.as_usize() > n_bytes);
        return Err(Fault::at(row, format!("a text that ends behind the {n_bytes} bytes of its column")));
    }
    let bytes = &column.value_data()[start..end];
    // A cut inside a character leaves two texts that are not UTF-8 of a whole that is.
    let is_start = |offset: &O| bytes.get(offset.as_usize() - start).is_none_or(|byte| byte & 0xc0 != 0x80);
    if bytes.is_ascii() || (std::str::from_utf8(bytes).is_ok() && offsets.iter().all(is_start)) {
        return Ok(array.clone());
    }
    let cell = |row: usize| &bytes[offsets[row].as_usize() - start..offsets[row + 1].as_usize() - start];
    match (0..column.len()).find(|row| column.is_valid(*row) && std::str::from_utf8(cell(*row)).is_err()) {
        Some(row) => Err(Fault::not_utf8(row, cell(row))),
        None => Ok(Arc::new(column.iter().collect::<GenericStringArray<O>>())),
    }
}

/// The fault that is in a dictionary, at the first row whose key leads to it.
fn at_its_row(fault: Fault, array: &ArrayRef) -> Fault {
    let keys = cast(array.as_any_dictionary().keys(), &DataType::Int64);
    let row = keys.ok().zip(fault.row).and_then(|(keys, value)| {
        let keys = keys.as_primitive::<Int64Type>();
        keys.iter().position(|key| key == Some(value as i64))
    });
    match row {
        Some(_) => Fault { row, ..fault },
        None => Fault { row, what: format!("{}, a value of its dictionary", fault.what), ..fault },
    }
}

/// Runs one of Arrow's own checks, and finds the row that fails it.
fn check(data: &ArrayData, rule: impl Fn(&ArrayData) -> ArrowResult) -> Result<(), Fault> {
    let passes = |data: ArrayData| guarded(|| rule(&data)).is_ok();
    let Err(found) = guarded(|| rule(data)) else { return Ok(()) };
    check_nulls(data)?;
    // A missing cell's bytes mean nothing.
    let row = (0..data.len()).find(|row| data.is_valid(*row) && !passes(data.slice(*row, 1)));
    match row {
        Some(row) if found.contains("UTF-8") => Err(Fault::not_utf8(row, &view_bytes(&data.slice(row, 1)))),
        Some(row) => Err(Fault::at(row, found)),
        None if data.null_count() > 0 => Ok(()),
        None => Err(Fault::at(None, found)),
    }
}

type ArrowResult = Result<(), arrow::error::ArrowError>;

fn check_nulls(data: &ArrayData) -> Result<(), Fault> {
    guarded(|| data.validate_nulls()).map_err(|found| Fault::at(None, found))
}

/// The bytes of a text view, which Arrow's check has found inside its buffers.
fn view_bytes(one: &ArrayData) -> Vec<u8> {
    let view = one.buffers()[0].typed_data::<u128>().get(one.offset()).copied().unwrap_or(0);
    let length = view as u32 as usize;
    let number = |shift: u32| (view >> shift) as u32 as usize;
    match length {
        0..=12 => view.to_le_bytes()[4..4 + length].to_vec(),
        _ => {
            let (buffer, start) = (number(64), number(96));
            let bytes = one.buffers().get(1 + buffer).and_then(|b| b.get(start..start + length));
            bytes.unwrap_or_default().to_vec()
        }
    }
}

#[cfg(test)]
#[allow(unsafe_code, reason = "as another library would, these tests make columns that break the rules")]
mod tests {
    use arrow::array::{
        DictionaryArray, Int32Array, LargeStringArray, StringArray, StringViewArray, make_array,
    };
    use arrow::buffer::{Buffer, NullBuffer};
    use arrow::datatypes::Int32Type;

    use super::*;

    fn column(data_type: DataType, len: usize, buffers: Vec<Buffer>, nulls: Option<&[bool]>) -> ArrayRef {
        let builder = ArrayData::builder(data_type).len(len).buffers(buffers);
        let builder = builder.nulls(nulls.map(|present| NullBuffer::from(present.to_vec())));
        // SAFETY: nobody reads a cell before it was validated.
        make_array(unsafe { builder.build_unchecked() })
    }

    fn text_of(offsets: &[i32], bytes: &[u8], nulls: Option<&[bool]>) -> ArrayRef {
        let buffers = vec![Buffer::from_slice_ref(offsets), Buffer::from_slice_ref(bytes)];
        column(DataType::Utf8, offsets.len() - 1, buffers, nulls)
    }

    fn fault(array: &ArrayRef) -> (Option<usize>, String) {
        let fault = validated(array).unwrap_err();
        (fault.row, fault.what)
    }

    #[test]
    fn sound_columns_pass_as_they_are() {
        let sound: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from(vec![Some("käse"), None, Some("")])),
            Arc::new(LargeStringArray::from(vec!["日本", "x"]).slice(1, 1)),
            Arc::new(StringViewArray::from(vec!["a longer text than fits inline: käse", "ö"])),
            Arc::new(["a", "b", "a"].into_iter().collect::<DictionaryArray<Int32Type>>()),
            Arc::new(Int32Array::from(vec![Some(1), None])),
        ];
        for array in sound {
            assert_eq!(&validated(&array).unwrap(), &array);
            assert_eq!(validated(&array.slice(0, 0)).unwrap().len(), 0);
        }
    }

    #[test]
    fn text_that_is_not_utf8_is_named_with_its_row() {
        let latin = text_of(&[0, 2, 6], b"okCaf\xe9", None);
        assert_eq!(fault(&latin), (Some(1), r"`Caf\xe9` is not UTF-8 text".to_owned()));
        assert_eq!(fault(&latin.slice(1, 1)).0, Some(0), "rows count from the slice's own start");
        assert!(validated(&latin.slice(0, 1)).is_ok(), "what lies behind a slice is nobody's business");
        let cut_inside = text_of(&[0, 1, 2], "ä".as_bytes(), None);
        assert_eq!(fault(&cut_inside).0, Some(0), "the whole is UTF-8, its parts are not");
        // 5 bytes, inline: the length, then the text.
        let mut view = [0_u8; 16];
        view[..9].copy_from_slice(b"\x05\0\0\0Caf\xe9!");
        let views =
            column(DataType::Utf8View, 1, vec![Buffer::from_vec(vec![u128::from_le_bytes(view)])], None);
        assert_eq!(fault(&views), (Some(0), r"`Caf\xe9!` is not UTF-8 text".to_owned()));
    }

    #[test]
    fn bytes_under_a_missing_cell_harm_nobody() {
        let hidden = text_of(&[0, 2, 3], b"ok\xe9", Some(&[true, false]));
        let mended = validated(&hidden).unwrap();
        assert_eq!(mended.as_string::<i32>().value_data(), b"ok");
        assert!(mended.is_null(1) && mended.as_string::<i32>().value(0) == "ok");
    }

    #[test]
    fn offsets_are_not_believed() {
        for (offsets, row) in [
            (vec![0, 3, 1, 4], 1),
            (vec![0, 1, 2, 1 << 30], 2),
            (vec![-5, 1, 2, 3], 0),
            (vec![0, 1, 2, -1], 2),
        ] {
            let (found, what) = fault(&text_of(&offsets, b"abcd", None));
            assert_eq!(found, Some(row), "{offsets:?}: {what}");
        }
    }

    #[test]
    fn keys_and_values_of_a_dictionary_are_looked_at() {
        let dictionary = |keys: Vec<i32>, values: &ArrayRef| {
            let data_type =
                DataType::Dictionary(Box::new(DataType::Int32), Box::new(values.data_type().clone()));
            let builder = ArrayData::builder(data_type).len(keys.len()).add_buffer(Buffer::from_vec(keys));
            // SAFETY: as above.
            make_array(unsafe { builder.add_child_data(values.to_data()).build_unchecked() })
        };
        let sound: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
        assert!(validated(&dictionary(vec![0, 1, 0], &sound)).is_ok());
        assert_eq!(fault(&dictionary(vec![0, 1, 2], &sound)).0, Some(2));
        assert_eq!(fault(&dictionary(vec![0, -1, 2], &sound)).0, Some(1));
        let latin = text_of(&[0, 1, 2], b"a\xe9", None);
        assert_eq!(
            fault(&dictionary(vec![0, 0, 1], &latin)),
            (Some(2), r"`\xe9` is not UTF-8 text".to_owned())
        );
        let (row, what) = fault(&dictionary(vec![0, 0], &latin));
        assert!(row.is_none() && what.ends_with("a value of its dictionary"), "{row:?} {what}");
    }

    #[test]
    fn a_wrong_number_of_missing_cells_is_a_fault() {
        // SAFETY: the count is validated before anything relies on it.
        let nulls = unsafe { NullBuffer::new_unchecked(NullBuffer::from(vec![true, false]).into_inner(), 2) };
        let array: ArrayRef = Arc::new(Int32Array::new(vec![1, 2].into(), Some(nulls)));
        let (row, what) = fault(&array);
        assert!(row.is_none() && what.contains("null_count"), "{what}");
    }
}
