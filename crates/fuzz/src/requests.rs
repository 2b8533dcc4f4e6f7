//! Requests to a server, without a socket.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use tabgraft_serve::{Handler, ServeOptions, ServedModel};

use crate::Target;
use crate::models::served;

pub const REQUEST: Target = Target {
    name: "request",
    run: request,
    words: &[
        b"{\"rows\": [{",
        b"}]}",
        b"\"errors\": \"missing\"",
        b"\"betrag\": ",
        b"\"wann\": \"03.10.2021\"",
        b"\"art\": ",
        b"\"k\": 3",
        b"\"level\": 0.9",
        b"null",
        b"1e999",
        b"\\ud800",
        b"\n",
        b"betrag;wann;art\n",
        b",",
        b"\"inputs\": [{\"name\": ",
        b"\"datatype\": \"FP64\"",
        b"\"shape\": [2, 1]",
        b"\"data\": [",
        b"\"parameters\": {}",
        b"\"BYTES\"",
        b"\"binary_data_size\": 8",
        b"errors=missing&",
        b"k=2&",
        b"threshold=0.5&",
        b"interval=0.9&",
        b"similarity=dot&",
        b"among=[\"row 1\"]&",
        b"c:betrag=1&",
        b"pasted=%7B%7D",
    ],
    reads_mutations: true,
    n_mutations: 5000,
};

/// Where a request goes, and what it says that its body is: the input's first byte chooses. What follows up to the
/// first line feed stands behind the `?`.
const ADDRESSES: [(&str, &str); 14] = [
    ("/models/predictor/predict", "application/json"),
    ("/models/predictor/predict", "text/csv"),
    ("/models/predictor/predict", "application/x-ndjson"),
    ("/models/space/embed", "application/json"),
    ("/models/space/embed", "text/csv"),
    ("/models/space/neighbours", "application/json"),
    ("/models/space/neighbours", "text/csv"),
    ("/v2/models/predictor/infer", "application/json"),
    ("/v2/models/space/infer", "application/json"),
    ("/v2/models/predictor/infer", "application/octet-stream"),
    ("/v2/models/space/infer", "application/octet-stream"),
    ("/page/predictor", "application/x-www-form-urlencoded"),
    ("/page/space", "application/x-www-form-urlencoded"),
    ("/models/nobody/predict", "application/json"),
];

static HANDLER: LazyLock<Mutex<Handler>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let [space, predictor, index] = served().map(|(name, bytes)| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    });
    let model = |name: &str, path| ServedModel { name: name.to_owned(), path };
    let options = ServeOptions {
        models: vec![model("space", space), model("predictor", predictor)],
        indices: vec![index],
        ..ServeOptions::default()
    };
    Mutex::new(Handler::open(options, Arc::new(|_| {})).unwrap())
});

fn request(bytes: &[u8]) -> bool {
    let (which, rest) = bytes.split_first().map_or((0, bytes), |(first, rest)| (usize::from(*first), rest));
    let (address, kind) = ADDRESSES[which % ADDRESSES.len()];
    let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (query, body) = rest.split_at(end);
    let body = body.strip_prefix(b"\n").unwrap_or(body);
    // A program that asks writes what cannot stand in an address as `%` and two digits.
    let mut asked = format!("{address}?");
    for byte in query {
        match byte {
            b'%' | b'&' | b'=' | b'+' | b'-' | b'.' | b'_' => asked.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => asked.push(char::from(*byte)),
            byte => asked += &format!("%{byte:02x}"),
        }
    }
    // Tensors behind a head of JSON: how long that is, a header says.
    let n_head = body.iter().rposition(|byte| *byte == b'}').map_or(0, |at| at + 1).to_string();
    let mut headers = vec![("content-type", kind)];
    if kind == "application/octet-stream" {
        headers.push(("inference-header-content-length", &n_head));
    }
    let handler = HANDLER.lock().unwrap_or_else(PoisonError::into_inner);
    let answer = handler.answer("POST", &asked, &headers, body).unwrap();
    // A panic on the way to an answer is answered by 500.
    assert!(
        answer.status < 500,
        "{asked} ({kind}) was answered by {}: {}",
        answer.status,
        String::from_utf8_lossy(&answer.body)
    );
    answer.status == 200
}
