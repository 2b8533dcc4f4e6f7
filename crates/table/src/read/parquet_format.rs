//! The types that Parquet's format gives to the fields of a page's header and of a footer.
//!
//! Source: `parquet.thrift` of Apache Parquet, format 2.12. A field that it does not name may have any type.

use Type::{Bool, Byte, Double, I16, I32, I64, List, Struct, Text};

/// What a field holds. Numbers that name something, such as a codec, are [`I32`]; bytes are [`Text`].
pub(super) enum Type {
    Bool,
    Byte,
    I16,
    I32,
    I64,
    Double,
    Text,
    List(&'static Type),
    Struct(&'static Form),
}

/// A struct, or a union, of which it has one field.
pub(super) struct Form {
    pub name: &'static str,
    fields: &'static [(i16, Type)],
}

impl Type {
    /// What the format calls it.
    pub fn name(&self) -> &'static str {
        match self {
            Bool => "bool",
            Byte => "byte",
            I16 => "i16",
            I32 => "i32",
            I64 => "i64",
            Double => "double",
            Text => "binary",
            List(_) => "list",
            Struct(form) => form.name,
        }
    }
}

impl Form {
    /// The type of the field with this number.
    pub fn field(&self, id: i16) -> Option<&'static Type> {
        self.fields.iter().find(|(known, _)| *known == id).map(|(_, of_field)| of_field)
    }
}

const fn form(name: &'static str, fields: &'static [(i16, Type)]) -> Form {
    Form { name, fields }
}

pub(super) static PAGE_HEADER: Form = form(
    "PageHeader",
    &[
        (1, I32),
        (2, I32),
        (3, I32),
        (4, I32),
        (5, Struct(&DATA_PAGE_HEADER)),
        (6, Struct(&EMPTY)),
        (7, Struct(&DICTIONARY_PAGE_HEADER)),
        (8, Struct(&DATA_PAGE_HEADER_V2)),
    ],
);

pub(super) static FILE_META_DATA: Form = form(
    "FileMetaData",
    &[
        (1, I32),
        (2, List(&Struct(&SCHEMA_ELEMENT))),
        (3, I64),
        (4, List(&Struct(&ROW_GROUP))),
        (5, List(&Struct(&KEY_VALUE))),
        (6, Text),
        (7, List(&Struct(&COLUMN_ORDER))),
        (8, Struct(&ENCRYPTION_ALGORITHM)),
        (9, Text),
    ],
);

static EMPTY: Form = form("a struct without fields", &[]);

static DATA_PAGE_HEADER: Form =
    form("DataPageHeader", &[(1, I32), (2, I32), (3, I32), (4, I32), (5, Struct(&STATISTICS))]);

static DICTIONARY_PAGE_HEADER: Form = form("DictionaryPageHeader", &[(1, I32), (2, I32), (3, Bool)]);

static DATA_PAGE_HEADER_V2: Form = form(
    "DataPageHeaderV2",
    &[(1, I32), (2, I32), (3, I32), (4, I32), (5, I32), (6, I32), (7, Bool), (8, Struct(&STATISTICS))],
);

static SCHEMA_ELEMENT: Form = form(
    "SchemaElement",
    &[
        (1, I32),
        (2, I32),
        (3, I32),
        (4, Text),
        (5, I32),
        (6, I32),
        (7, I32),
        (8, I32),
        (9, I32),
        (10, Struct(&LOGICAL_TYPE)),
    ],
);

static LOGICAL_TYPE: Form = form(
    "LogicalType",
    &[
        (1, Struct(&EMPTY)),
        (2, Struct(&EMPTY)),
        (3, Struct(&EMPTY)),
        (4, Struct(&EMPTY)),
        (5, Struct(&DECIMAL_TYPE)),
        (6, Struct(&EMPTY)),
        (7, Struct(&TIME_TYPE)),
        (8, Struct(&TIME_TYPE)),
        (10, Struct(&INT_TYPE)),
        (11, Struct(&EMPTY)),
        (12, Struct(&EMPTY)),
        (13, Struct(&EMPTY)),
        (14, Struct(&EMPTY)),
        (15, Struct(&EMPTY)),
        (16, Struct(&VARIANT_TYPE)),
        (17, Struct(&GEOMETRY_TYPE)),
        (18, Struct(&GEOGRAPHY_TYPE)),
    ],
);

static DECIMAL_TYPE: Form = form("DecimalType", &[(1, I32), (2, I32)]);
/// Of a time and of a timestamp.
static TIME_TYPE: Form = form("TimeType", &[(1, Bool), (2, Struct(&TIME_UNIT))]);
static TIME_UNIT: Form = form("TimeUnit", &[(1, Struct(&EMPTY)), (2, Struct(&EMPTY)), (3, Struct(&EMPTY))]);
static INT_TYPE: Form = form("IntType", &[(1, Byte), (2, Bool)]);
static VARIANT_TYPE: Form = form("VariantType", &[(1, Byte)]);
static GEOMETRY_TYPE: Form = form("GeometryType", &[(1, Text)]);
static GEOGRAPHY_TYPE: Form = form("GeographyType", &[(1, Text), (2, I32)]);

static ROW_GROUP: Form = form(
    "RowGroup",
    &[
        (1, List(&Struct(&COLUMN_CHUNK))),
        (2, I64),
        (3, I64),
        (4, List(&Struct(&SORTING_COLUMN))),
        (5, I64),
        (6, I64),
        (7, I16),
    ],
);

static SORTING_COLUMN: Form = form("SortingColumn", &[(1, I32), (2, Bool), (3, Bool)]);

static COLUMN_CHUNK: Form = form(
    "ColumnChunk",
    &[
        (1, Text),
        (2, I64),
        (3, Struct(&COLUMN_META_DATA)),
        (4, I64),
        (5, I32),
        (6, I64),
        (7, I32),
        (8, Struct(&COLUMN_CRYPTO_META_DATA)),
        (9, Text),
    ],
);

static COLUMN_META_DATA: Form = form(
    "ColumnMetaData",
    &[
        (1, I32),
        (2, List(&I32)),
        (3, List(&Text)),
        (4, I32),
        (5, I64),
        (6, I64),
        (7, I64),
        (8, List(&Struct(&KEY_VALUE))),
        (9, I64),
        (10, I64),
        (11, I64),
        (12, Struct(&STATISTICS)),
        (13, List(&Struct(&PAGE_ENCODING_STATS))),
        (14, I64),
        (15, I32),
        (16, Struct(&SIZE_STATISTICS)),
        (17, Struct(&GEOSPATIAL_STATISTICS)),
    ],
);

static STATISTICS: Form = form(
    "Statistics",
    &[(1, Text), (2, Text), (3, I64), (4, I64), (5, Text), (6, Text), (7, Bool), (8, Bool)],
);

static PAGE_ENCODING_STATS: Form = form("PageEncodingStats", &[(1, I32), (2, I32), (3, I32)]);
static SIZE_STATISTICS: Form = form("SizeStatistics", &[(1, I64), (2, List(&I64)), (3, List(&I64))]);
static GEOSPATIAL_STATISTICS: Form =
    form("GeospatialStatistics", &[(1, Struct(&BOUNDING_BOX)), (2, List(&I32))]);
static BOUNDING_BOX: Form = form(
    "BoundingBox",
    &[(1, Double), (2, Double), (3, Double), (4, Double), (5, Double), (6, Double), (7, Double), (8, Double)],
);
static KEY_VALUE: Form = form("KeyValue", &[(1, Text), (2, Text)]);
static COLUMN_ORDER: Form = form("ColumnOrder", &[(1, Struct(&EMPTY))]);

static ENCRYPTION_ALGORITHM: Form =
    form("EncryptionAlgorithm", &[(1, Struct(&AES_GCM)), (2, Struct(&AES_GCM))]);
static AES_GCM: Form = form("AesGcm", &[(1, Text), (2, Text), (3, Bool)]);
static COLUMN_CRYPTO_META_DATA: Form =
    form("ColumnCryptoMetaData", &[(1, Struct(&EMPTY)), (2, Struct(&COLUMN_KEY))]);
static COLUMN_KEY: Form = form("EncryptionWithColumnKey", &[(1, List(&Text)), (2, Text)]);
