//! Headers of Parquet files (Thrift's compact protocol), looked at before they are decoded.
//!
//! What the decoder does not know it steps over, value by value, as often as a list claims to have some. A truth value
//! takes it no byte there, and bytes behind the end of the file count as stepped over: a file of a few bytes may keep it busy
//! for hours. So no header of a page reaches it that has lists, and no footer whose lists claim more than it has bytes for. Nor
//! does one in which a known field has another type than the format gives it: the decoder takes the format's word for it, and would
//! read other lists there than were looked at.
//!
//! Source of the forms: the specification of Thrift's compact protocol.

use std::io::{self, Cursor, Read};

use bytes::Bytes;
use parquet::errors::Result as ParquetResult;
use parquet::file::reader::{ChunkReader, Length};

use super::parquet_format::{FILE_META_DATA, Form, PAGE_HEADER, Type};

/// Length of the footer's length and the closing magic.
pub(super) const TRAILER_BYTES: u64 = 8;
/// What a file ends with whose footer can be read without a key.
const MAGIC: &[u8] = b"PAR1";
/// Deepest that values may lie in each other.
const MOST_DEPTH: usize = 64;
/// A number of 64 bits takes no more bytes.
const MOST_NUMBER_BYTES: usize = 10;

/// Types of the compact protocol.
mod types {
    pub const STOP: u8 = 0;
    pub const TRUE: u8 = 1;
    pub const FALSE: u8 = 2;
    pub const BYTE: u8 = 3;
    pub const I16: u8 = 4;
    pub const I32: u8 = 5;
    pub const I64: u8 = 6;
    pub const DOUBLE: u8 = 7;
    pub const BINARY: u8 = 8;
    pub const LIST: u8 = 9;
    pub const SET: u8 = 10;
    pub const MAP: u8 = 11;
    pub const STRUCT: u8 = 12;
    pub const UUID: u8 = 13;
}

/// A file of which only such headers of pages are read.
#[derive(Clone)]
pub(super) struct Checked<R>(pub R);

impl<R: Length> Length for Checked<R> {
    fn len(&self) -> u64 {
        self.0.len()
    }
}

impl<R: ChunkReader> ChunkReader for Checked<R> {
    type T = Header<R::T>;

    fn get_read(&self, start: u64) -> ParquetResult<Header<R::T>> {
        let input = self.0.get_read(start)?;
        // Columns end before the trailer: what is read there is the trailer, and what is read elsewhere a page's header.
        Ok(match start.checked_add(TRAILER_BYTES) == Some(self.len()) {
            true => Header::Trailer(input),
            false => Header::OfPage(input, None),
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        self.0.get_bytes(start, length)
    }
}

/// What is read of a file in small pieces.
pub(super) enum Header<T> {
    Trailer(T),
    /// A page's header, which is taken whole when a byte of it is asked for.
    OfPage(T, Option<Cursor<Vec<u8>>>),
}

impl<T: Read> Read for Header<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Header::Trailer(input) => input.read(buffer),
            Header::OfPage(_, Some(taken)) => taken.read(buffer),
            Header::OfPage(input, taken) => {
                let mut walk = Walk { input, taken: Vec::new(), of: Of::Page };
                walk.fields(Some(&PAGE_HEADER), 0)?;
                taken.insert(Cursor::new(walk.taken)).read(buffer)
            }
        }
    }
}

/// Whether a footer's lists have no more values than it has bytes for, and its fields the types of the format. Of one that
/// is cut or encrypted the decoder says what is wrong.
///
/// # Errors
/// What it has instead, in words.
pub(super) fn check_footer(input: &impl ChunkReader) -> Result<(), String> {
    let Some(end) = input.len().checked_sub(TRAILER_BYTES) else { return Ok(()) };
    let Ok(trailer) = input.get_bytes(end, TRAILER_BYTES as usize) else { return Ok(()) };
    let Some(trailer) = trailer.strip_suffix(MAGIC) else { return Ok(()) };
    let Some(n_bytes) = trailer.first_chunk().map(|bytes| u32::from_le_bytes(*bytes)) else { return Ok(()) };
    let Some(start) = end.checked_sub(u64::from(n_bytes)) else { return Ok(()) };
    let Ok(footer) = input.get_bytes(start, n_bytes as usize) else { return Ok(()) };
    let mut walk = Walk { input: &*footer, taken: Vec::new(), of: Of::Footer(footer.len()) };
    match walk.fields(Some(&FILE_META_DATA), 0) {
        Err(e) if e.kind() != io::ErrorKind::UnexpectedEof => Err(format!("in its footer {e}")),
        _ => Ok(()),
    }
}

/// What a header is of.
#[derive(Clone, Copy)]
enum Of {
    Page,
    /// Of so many bytes.
    Footer(usize),
}

impl Type {
    /// Whether a value is of it that says to be of the type with this number.
    fn is_of(&self, found: u8) -> bool {
        found
            == match self {
                Type::Bool => return matches!(found, types::TRUE | types::FALSE),
                Type::Byte => types::BYTE,
                Type::I16 => types::I16,
                Type::I32 => types::I32,
                Type::I64 => types::I64,
                Type::Double => types::DOUBLE,
                Type::Text => types::BINARY,
                Type::List(_) => types::LIST,
                Type::Struct(_) => types::STRUCT,
            }
    }
}

/// Takes a header from its input.
struct Walk<R> {
    input: R,
    taken: Vec<u8>,
    of: Of,
}

impl<R: Read> Walk<R> {
    /// The fields of a struct, up to its end. The format names none of it where its form is not known.
    fn fields(&mut self, form: Option<&'static Form>, depth: usize) -> io::Result<()> {
        if depth > MOST_DEPTH {
            return Err(broken("values lie in each other too deep"));
        }
        let mut id: i16 = 0;
        loop {
            let head = self.byte()?;
            let found = head & 0x0f;
            if found == types::STOP {
                return Ok(());
            }
            let next = match head >> 4 {
                0 => i16::try_from(zigzag(self.number()?)).ok(),
                step => id.checked_add(i16::from(step)),
            };
            id = next.ok_or_else(|| broken("a field has no number of 16 bits"))?;
            let wanted = form.and_then(|form| form.field(id));
            if let (Some(form), Some(wanted)) = (form, wanted)
                && !wanted.is_of(found)
            {
                return Err(broken(&format!(
                    "field {id} of {} has type {found}, which is not {}",
                    form.name,
                    wanted.name()
                )));
            }
            self.value(found, wanted, depth)?;
        }
    }

    fn value(&mut self, found: u8, wanted: Option<&'static Type>, depth: usize) -> io::Result<()> {
        match found {
            types::TRUE | types::FALSE => Ok(()),
            types::BYTE => self.bytes(1),
            types::I16 | types::I32 | types::I64 => self.number().map(drop),
            types::DOUBLE => self.bytes(8),
            types::UUID => self.bytes(16),
            types::BINARY => {
                let n_bytes = self.number()?;
                self.bytes(n_bytes)
            }
            types::LIST | types::SET => {
                let head = self.byte()?;
                let n = if head >> 4 == 15 { self.number()? } else { u64::from(head >> 4) };
                let wanted = if let Some(Type::List(values)) = wanted { Some(*values) } else { None };
                self.values(n, &[head & 0x0f], wanted, depth)
            }
            types::MAP => match self.number()? {
                0 => Ok(()),
                n => {
                    let kinds = self.byte()?;
                    self.values(n, &[kinds >> 4, kinds & 0x0f], None, depth)
                }
            },
            types::STRUCT => {
                let form = if let Some(Type::Struct(form)) = wanted { Some(*form) } else { None };
                self.fields(form, depth + 1)
            }
            _ => Err(broken(&format!("no type has the number {found}"))),
        }
    }

    /// So many values of each of these types, in turn.
    fn values(
        &mut self,
        n: u64,
        kinds: &[u8],
        wanted: Option<&'static Type>,
        depth: usize,
    ) -> io::Result<()> {
        let Of::Footer(n_bytes) = self.of else {
            return Err(broken("a page's header has a list"));
        };
        if n > 0 && kinds.iter().any(|kind| matches!(*kind, types::TRUE | types::FALSE)) {
            return Err(broken(&format!("a list of {n} truth values, which no footer has")));
        }
        let left = n_bytes.saturating_sub(self.taken.len());
        if n > left as u64 {
            return Err(broken(&format!("a list claims {n} values, {left} bytes are left for them")));
        }
        if depth >= MOST_DEPTH {
            return Err(broken("values lie in each other too deep"));
        }
        for _ in 0..n {
            for kind in kinds {
                if let Some(wanted) = wanted.filter(|wanted| !wanted.is_of(*kind)) {
                    return Err(broken(&format!(
                        "a list has values of type {kind}, which is not {}",
                        wanted.name()
                    )));
                }
                self.value(*kind, wanted, depth + 1)?;
            }
        }
        Ok(())
    }

    fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        match self.input.read_exact(&mut byte) {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Err(cut()),
            read => read?,
        }
        self.taken.extend(byte);
        Ok(byte[0])
    }

    fn number(&mut self) -> io::Result<u64> {
        let mut number = 0;
        for at in 0..MOST_NUMBER_BYTES {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f).checked_shl(7 * at as u32).unwrap_or(0);
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(broken("a number has more than 64 bits"))
    }

    /// Takes so many bytes. Memory grows with what is there, not with what is claimed.
    fn bytes(&mut self, n_bytes: u64) -> io::Result<()> {
        let read = self.input.by_ref().take(n_bytes).read_to_end(&mut self.taken)?;
        if (read as u64) < n_bytes { Err(cut()) } else { Ok(()) }
    }
}

fn zigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the file ends in a header")
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut taken = Vec::new();
        Header::OfPage(bytes, None).read_to_end(&mut taken).map(|_| taken)
    }

    fn footer(bytes: &[u8]) -> Result<(), String> {
        let n_bytes = u32::try_from(bytes.len()).unwrap().to_le_bytes();
        check_footer(&Bytes::from([bytes, &n_bytes[..], b"PAR1"].concat()))
    }

    /// A data page of one value, with statistics and a field that no version of the format has.
    const PAGE: &[u8] = &[
        0x15, 0x00, 0x15, 0x1c, 0x15, 0x1c, 0x2c, 0x15, 0x02, 0x15, 0x00, 0x15, 0x06, 0x15, 0x06, 0x1c, 0x18,
        0x02, 0x61, 0x62, 0x00, 0x00, 0x47, 0, 0, 0, 0, 0, 0, 0, 0, 0x00,
    ];

    #[test]
    fn a_page_s_header_is_taken_up_to_its_end() {
        assert_eq!(page(&[PAGE, b"and the page"].concat()).unwrap(), PAGE);
        for n in 0..PAGE.len() {
            assert_eq!(page(&PAGE[..n]).unwrap_err().kind(), io::ErrorKind::UnexpectedEof, "{n} bytes");
        }
    }

    #[test]
    fn lists_and_fields_of_other_types_reach_no_decoder_of_pages() {
        let refused = |bytes: &[u8]| page(bytes).unwrap_err().to_string();
        // Field 9: 2^31 - 1 doubles, truth values, pairs of them.
        assert!(refused(&[0x99, 0xf7, 0xff, 0xff, 0xff, 0xff, 0x07, 0x00]).contains("has a list"));
        assert!(refused(&[0x99, 0xf1, 0xff, 0xff, 0xff, 0xff, 0x07, 0x00]).contains("has a list"));
        assert!(refused(&[0x9b, 0xff, 0xff, 0xff, 0xff, 0x07, 0x11, 0x00]).contains("has a list"));
        // Field 1 as text, in which a list could hide.
        assert!(
            refused(&[0x18, 0x01, 0x61, 0x00]).contains("field 1 of PageHeader has type 8, which is not i32")
        );
        assert!(refused(&[0x9e, 0x00]).contains("no type has the number 14"));
        assert!(refused(&[0x9c; 100]).contains("too deep"));
        assert!(
            refused(&[0x95, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).contains("64 bits")
        );
    }

    #[test]
    fn a_footer_s_lists_have_no_more_values_than_it_has_bytes() {
        // Field 10, which the format does not know: three numbers, ten of them in two bytes, two truth values.
        footer(&[0xa9, 0x35, 0x02, 0x04, 0x06, 0x00]).unwrap();
        assert!(footer(&[0xa9, 0xf5, 0x0a, 0x02, 0x00]).unwrap_err().contains("claims 10 values, 2 bytes"));
        assert!(footer(&[0xa9, 0x21, 0x01, 0x01, 0x00]).unwrap_err().contains("2 truth values"));
        assert!(footer(&[0xab, 0x05, 0x11, 0x00]).unwrap_err().contains("5 truth values"));
        assert!(footer(&[0xae]).unwrap_err().contains("no type has the number 14"));
        // The decoder says what is wrong with these.
        footer(&[]).unwrap();
        check_footer(&Bytes::from_static(b"PAR1")).unwrap();
        check_footer(&Bytes::from_static(b"\x1e\x01\0\0\0PARE")).unwrap();
    }

    /// The decoder would take the text's length for a number, and its bytes for fields.
    #[test]
    fn a_footer_s_fields_have_the_types_of_the_format() {
        let refused = |bytes: &[u8]| footer(bytes).unwrap_err();
        assert_eq!(
            refused(&[0x18, 0x03, 0x91, 0x05, 0x00, 0x00]),
            "in its footer field 1 of FileMetaData has type 8, which is not i32"
        );
        // Schema, its element, its third field.
        assert!(
            refused(&[0x29, 0x1c, 0x38, 0x01, 0x61, 0x00]).contains("field 3 of SchemaElement has type 8")
        );
        // Row groups that are numbers; a name as a map.
        assert!(refused(&[0x49, 0x15, 0x02, 0x00]).contains("values of type 5, which is not RowGroup"));
        assert!(refused(&[0x59, 0x1c, 0x1b, 0x00, 0x00]).contains("field 1 of KeyValue has type 11"));
        // The number of a field in 64 bits, of which the decoder would keep 16.
        assert!(refused(&[0x05, 0x82, 0x80, 0x08, 0x00]).contains("no number of 16 bits"));
        // Of an empty list the type of its values means nothing.
        footer(&[0x29, 0x00, 0x00]).unwrap();
    }
}
