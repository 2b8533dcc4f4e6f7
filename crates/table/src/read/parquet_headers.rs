//! Headers of Parquet files (Thrift's compact protocol), looked at before they are decoded.
//!
//! What the decoder does not know it steps over, value by value, as often as a list claims to have some. A truth value
//! takes it no byte there, and bytes behind the end of the file count as stepped over: a file of a few bytes may keep it busy
//! for hours. So no header of a page reaches it that has lists, and no footer whose lists claim more than it has bytes for.
//!
//! Source of the forms: `parquet.thrift` of Apache Parquet, and the specification of the compact protocol.

use std::io::{self, Cursor, Read};

use bytes::Bytes;
use parquet::errors::Result as ParquetResult;
use parquet::file::reader::{ChunkReader, Length};

/// Length of the footer's length and the closing magic.
pub(super) const TRAILER_BYTES: u64 = 8;
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
                walk.fields(Place::Top, 0)?;
                taken.insert(Cursor::new(walk.taken)).read(buffer)
            }
        }
    }
}

/// Whether a footer's lists have no more values than it has bytes for. Of one that is broken otherwise the decoder says what
/// is wrong.
///
/// # Errors
/// A list that claims more, in words.
pub(super) fn check_footer(input: &impl ChunkReader) -> Result<(), String> {
    let Some(end) = input.len().checked_sub(TRAILER_BYTES) else { return Ok(()) };
    let Ok(trailer) = input.get_bytes(end, TRAILER_BYTES as usize) else { return Ok(()) };
    let Some(n_bytes) = trailer.first_chunk().map(|bytes| u32::from_le_bytes(*bytes)) else { return Ok(()) };
    let Some(start) = end.checked_sub(u64::from(n_bytes)) else { return Ok(()) };
    let Ok(footer) = input.get_bytes(start, n_bytes as usize) else { return Ok(()) };
    let mut walk = Walk { input: &*footer, taken: Vec::new(), of: Of::Footer(footer.len()) };
    match walk.fields(Place::Top, 0) {
        Err(e) if e.kind() == io::ErrorKind::InvalidInput => Err(e.to_string()),
        _ => Ok(()),
    }
}

/// What a header is of.
#[derive(Clone, Copy)]
enum Of {
    /// Its known fields have the types that the format gives them, so that the decoder reads the bytes as they are read here.
    Page,
    /// Of so many bytes.
    Footer(usize),
}

/// Where a field lies.
#[derive(Clone, Copy)]
enum Place {
    Top,
    /// In the field of the header with this number.
    In(i16),
    Deeper,
}

impl Place {
    /// The type that the format gives to a field of a page's header.
    fn type_of_page(self, id: i16) -> Option<u8> {
        match (self, id) {
            (Place::Top, 1..=4) | (Place::In(5), 1..=4) | (Place::In(7), 1..=2) | (Place::In(8), 1..=6) => {
                Some(types::I32)
            }
            (Place::Top, 5..=8) | (Place::In(5), 5) | (Place::In(8), 8) => Some(types::STRUCT),
            (Place::In(7), 3) | (Place::In(8), 7) => Some(types::TRUE),
            _ => None,
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
    /// The fields of a struct, up to its end.
    fn fields(&mut self, place: Place, depth: usize) -> io::Result<()> {
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
            let of_format = if let Of::Page = self.of { place.type_of_page(id) } else { None };
            let is_same = |wanted| wanted == found || (wanted == types::TRUE && found == types::FALSE);
            if of_format.is_some_and(|wanted| !is_same(wanted)) {
                return Err(broken(&format!("field {id} of a page's header has type {found}")));
            }
            let within = if let Place::Top = place { Place::In(id) } else { Place::Deeper };
            self.value(found, within, depth)?;
        }
    }

    fn value(&mut self, found: u8, place: Place, depth: usize) -> io::Result<()> {
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
                self.values(n, &[head & 0x0f], depth)
            }
            types::MAP => match self.number()? {
                0 => Ok(()),
                n => {
                    let kinds = self.byte()?;
                    self.values(n, &[kinds >> 4, kinds & 0x0f], depth)
                }
            },
            types::STRUCT => self.fields(place, depth + 1),
            _ => Err(broken(&format!("no type has the number {found}"))),
        }
    }

    /// So many values of each of these types, in turn.
    fn values(&mut self, n: u64, kinds: &[u8], depth: usize) -> io::Result<()> {
        let Of::Footer(n_bytes) = self.of else {
            return Err(broken("a page's header has a list"));
        };
        if n > 0 && kinds.iter().any(|kind| matches!(*kind, types::TRUE | types::FALSE)) {
            return Err(claims(format!("a list of {n} truth values, which no footer has")));
        }
        let left = n_bytes.saturating_sub(self.taken.len());
        if n > left as u64 {
            return Err(claims(format!(
                "a list claims {n} values, {left} bytes of the footer are left for them"
            )));
        }
        if depth >= MOST_DEPTH {
            return Err(broken("values lie in each other too deep"));
        }
        for _ in 0..n {
            for kind in kinds {
                self.value(*kind, Place::Deeper, depth + 1)?;
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

/// What [`check_footer`] says; everything else is left to the decoder.
fn claims(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
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
        assert!(refused(&[0x18, 0x01, 0x61, 0x00]).contains("field 1 of a page's header has type 8"));
        assert!(refused(&[0x9e, 0x00]).contains("no type has the number 14"));
        assert!(refused(&[0x9c; 100]).contains("too deep"));
        assert!(
            refused(&[0x95, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).contains("64 bits")
        );
    }

    #[test]
    fn a_footer_s_lists_have_no_more_values_than_it_has_bytes() {
        footer(&[0x19, 0x35, 0x02, 0x04, 0x06, 0x00]).unwrap();
        assert!(footer(&[0x19, 0xf5, 0x0a, 0x02, 0x00]).unwrap_err().contains("claims 10 values, 2 bytes"));
        assert!(footer(&[0x19, 0x21, 0x01, 0x01, 0x00]).unwrap_err().contains("2 truth values"));
        assert!(footer(&[0x1b, 0x05, 0x11, 0x00]).unwrap_err().contains("5 truth values"));
        // The decoder says what is wrong with these.
        footer(&[0x1e]).unwrap();
        footer(&[]).unwrap();
        check_footer(&Bytes::from_static(b"PAR1")).unwrap();
    }
}
