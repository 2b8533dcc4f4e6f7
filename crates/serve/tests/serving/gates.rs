//! Who may ask, how much, and how the server ends.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};
use tabgraft_serve::{Event, Limits, ServeOptions, Server, TlsFiles, Tokens};

use crate::client::Client;
use crate::models::{FILES, row, serve, served};

const TOKEN: &str = "0123456789abcdef-first";

fn with_tokens() -> ServeOptions {
    ServeOptions {
        tokens: Tokens::parse(&format!("{TOKEN}\n0123456789abcdef-second")).unwrap(),
        ..ServeOptions::default()
    }
}

#[test]
fn without_a_token_nothing_is_told_but_whether_it_lives() {
    let mut running = serve(&["yes_no"], with_tokens());
    let mut client = Client::to(running.address);
    for path in ["/v2/health/live", "/v2/health/ready"] {
        assert_eq!(client.get(path).status, 200, "{path}");
    }
    for path in ["/v2", "/v2/models/yes_no", "/v2/models/none", "/metrics", "/openapi.json", "/nothing"] {
        let reply = client.get(path);
        assert_eq!(reply.status, 401, "{path}");
        assert!(reply.header("www-authenticate").unwrap().starts_with("Bearer"));
        assert!(!reply.text().contains("yes_no"), "{}", reply.text());
    }
    let body = json!({ "rows": [row(0)] });
    assert_eq!(client.post("/models/yes_no/predict", &body).status, 401);
    for wrong in [
        "Bearer",
        "Bearer ",
        "Bearer 0123456789abcdef-firs",
        "Basic !!",
        "Basic eDp5",
        "Token x",
        "Bearer \u{e9}",
    ] {
        let mut client = Client::to(running.address).with("authorization", wrong);
        assert_eq!(client.post("/models/yes_no/predict", &body).status, 401, "{wrong}");
    }
    let basic = "Basic cGVyc29uOjAxMjM0NTY3ODlhYmNkZWYtc2Vjb25k"; // person:0123456789abcdef-second
    for right in [&format!("Bearer {TOKEN}"), &format!("bearer  {TOKEN}"), basic] {
        let mut client = Client::to(running.address).with("authorization", right);
        let reply = client.post("/models/yes_no/predict", &body);
        assert_eq!(reply.status, 200, "{right}: {}", reply.text());
    }
    running.stop();
    let told = serde_json::to_string(&*running.told.lock().unwrap()).unwrap();
    assert!(!told.contains("0123456789abcdef"), "a token in the log");
}

#[test]
fn a_page_of_a_stranger_cannot_ask_by_a_name_of_its_own() {
    let running = serve(&["yes_no"], ServeOptions::default());
    let port = running.address.port();
    for (host, status) in [
        ("evil.example".to_owned(), 421),
        (format!("evil.example:{port}"), 421),
        ("localhost.evil.example".to_owned(), 421),
        (String::new(), 421),
        (format!("localhost:{port}"), 200),
        (format!("127.0.0.1:{port}"), 200),
        ("[::1]:80".to_owned(), 200),
    ] {
        let mut client = Client::to(running.address).with("host", &host);
        assert_eq!(client.get("/v2").status, status, "{host}");
    }
    // A form of another page may send text without asking; JSON it may not.
    let mut client = Client::to(running.address);
    let body = json!({ "rows": [row(0)] }).to_string();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        assert_eq!(client.post_as("/models/yes_no/predict", kind, body.as_bytes()).status, 415, "{kind}");
    }
}

#[test]
fn an_open_address_is_refused_unless_it_is_meant() {
    let start = |options: ServeOptions| {
        let models = vec![served("yes_no")];
        let address = SocketAddr::from(([0, 0, 0, 0], 0));
        Server::start(ServeOptions { models, address, ..options }, Arc::new(|_| ()))
    };
    let error = start(ServeOptions::default()).err().unwrap();
    assert!(error.is_option() && error.to_string().contains("no tokens"), "{error}");
    let error = start(with_tokens()).err().unwrap();
    assert!(error.to_string().contains("in the clear"), "{error}");
    let open = start(ServeOptions { insecure: true, ..with_tokens() }).unwrap();
    assert_ne!(open.address().port(), 0);
}

#[test]
fn what_cannot_be_served_is_told_before_it_begins() {
    let start = |options: ServeOptions| {
        Server::start(
            ServeOptions { address: SocketAddr::from(([127, 0, 0, 1], 0)), ..options },
            Arc::new(|_| ()),
        )
        .err()
        .unwrap()
    };
    assert!(start(ServeOptions::default()).to_string().contains("nothing to serve"));
    let twice = vec![served("v1"), served("v1")];
    assert!(
        start(ServeOptions { models: twice, ..ServeOptions::default() })
            .to_string()
            .contains("both be served")
    );
    let missing = vec![served("nothing")];
    assert!(start(ServeOptions { models: missing, ..ServeOptions::default() }).is_io());
    let models = vec![served("v1")];
    let indices = vec![FILES.path("v1")];
    assert!(
        start(ServeOptions { models: models.clone(), indices, ..ServeOptions::default() })
            .to_string()
            .contains("v1")
    );
    let busy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = busy.local_addr().unwrap();
    let error = Server::start(ServeOptions { models, address, ..ServeOptions::default() }, Arc::new(|_| ()));
    let error = error.err().unwrap();
    assert!(error.is_io() && error.to_string().contains(&address.to_string()), "{error}");
}

#[test]
fn more_than_the_limits_is_refused() {
    let limits = Limits { body_bytes: 4000, rows: 5, ..Limits::default() };
    let running = serve(&["yes_no"], ServeOptions { limits, ..ServeOptions::default() });
    let ask = |rows: Vec<Value>| {
        Client::to(running.address).post("/models/yes_no/predict", &json!({ "rows": rows }))
    };
    assert_eq!(ask((0..5).map(row).collect()).status, 200);
    let reply = ask((0..6).map(row).collect());
    assert_eq!((reply.status, reply.text().contains("at most 5")), (413, true), "{}", reply.text());
    let long = json!({ "colour": "x".repeat(5000) });
    assert_eq!(ask(vec![long]).status, 413);
    // Without a length, too.
    let mut client = Client::to(running.address);
    client.send(b"POST /models/yes_no/predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n");
    for _ in 0..10 {
        client.send(format!("400\r\n{}\r\n", "[".repeat(0x400)).as_bytes());
    }
    assert_eq!(client.read().unwrap().status, 413);
    assert_eq!(Client::to(running.address).get("/v2/health/live").status, 200);
}

#[test]
fn a_client_and_all_together_have_so_many_requests_and_no_more() {
    for (limits, status) in [
        (Limits { requests_of_client: 2, ..Limits::default() }, 429),
        (Limits { requests: 2, ..Limits::default() }, 503),
    ] {
        let running = serve(&["yes_no"], ServeOptions { limits, ..with_tokens() });
        let bearer = format!("Bearer {TOKEN}");
        // Two whose bodies do not come.
        let head = format!(
            "POST /models/yes_no/predict HTTP/1.1\r\nhost: localhost\r\nauthorization: {bearer}\r\n\
             content-type: application/json\r\ncontent-length: 100\r\n\r\n"
        );
        let mut client = Client::to(running.address).with("authorization", &bearer);
        let until = Instant::now() + Duration::from_secs(20);
        let slow = loop {
            let mut slow: Vec<Client> = (0..2).map(|_| Client::to(running.address)).collect();
            slow.iter_mut().for_each(|client| client.send(head.as_bytes()));
            thread::sleep(Duration::from_millis(200));
            let reply = client.post("/models/yes_no/predict", &json!({ "rows": [row(0)] }));
            if reply.status == status {
                assert!(reply.header("retry-after").is_some());
                break slow;
            }
            assert!(reply.status == 200 && Instant::now() < until, "{}: {}", reply.status, reply.text());
        };
        // Another client is not held up by the first one's, unless all places are taken.
        let mut other = Client::to(running.address).with("authorization", "Bearer 0123456789abcdef-second");
        let reply = other.post("/models/yes_no/predict", &json!({ "rows": [row(0)] }));
        assert_eq!(reply.status, if status == 429 { 200 } else { 503 });
        assert_eq!(client.get("/v2/health/live").status, 200);
        // And when they are gone, their places are free again.
        drop(slow);
        while client.post("/models/yes_no/predict", &json!({ "rows": [row(0)] })).status != 200 {
            assert!(Instant::now() < until, "places of clients that are gone are not given back");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A certificate for localhost and its key, in two files.
fn certificate(dir: &std::path::Path) -> (TlsFiles, RootCertStore) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let files = TlsFiles { certificate: dir.join("cert.pem"), key: dir.join("key.pem") };
    fs::write(&files.certificate, made.cert.pem()).unwrap();
    fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    (files, roots)
}

#[test]
fn connections_are_encrypted_where_a_certificate_is_given() {
    let dir = tempfile::tempdir().unwrap();
    let (files, roots) = certificate(dir.path());
    let options = ServeOptions { tls: Some(files.clone()), ..with_tokens() };
    let running = serve(&["yes_no"], options);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = TcpStream::connect(running.address).unwrap();
    let mut client =
        Client::over(StreamOwned::new(connection, stream)).with("authorization", &format!("Bearer {TOKEN}"));
    let reply = client.post("/models/yes_no/predict", &json!({ "rows": [row(0)] }));
    assert_eq!(reply.status, 200, "{}", reply.text());
    // Who speaks in the clear gets no answer, and the server goes on.
    let mut plain = Client::to(running.address);
    plain.send(b"GET /v2 HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert!(plain.read().is_none());
    assert_eq!(client.get("/v2").status, 200);
    let failed = running.told.lock().unwrap().iter().any(|e| matches!(e, Event::ConnectionFailed { .. }));
    assert!(failed);

    let start = |tls| {
        let models = vec![served("yes_no")];
        Server::start(ServeOptions { models, tls: Some(tls), ..ServeOptions::default() }, Arc::new(|_| ()))
    };
    let swapped = TlsFiles { certificate: files.key.clone(), key: files.certificate.clone() };
    let error = start(swapped).err().unwrap();
    assert!(error.is_malformed() && error.to_string().contains("key.pem"), "{error}");
    let other = tempfile::tempdir().unwrap();
    let (others, _) = certificate(other.path());
    let error = start(TlsFiles { key: others.key, ..files }).err().unwrap();
    assert!(error.to_string().contains("no certificate and its key"), "{error}");
}

#[test]
fn requests_under_way_are_answered_when_it_stops() {
    let mut running = serve(&["yes_no"], ServeOptions::default());
    let address = running.address;
    let n_answered = Arc::new(Mutex::new(0));
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let n_answered = n_answered.clone();
            thread::spawn(move || {
                let mut client = Client::to(address);
                let rows: Vec<Value> = (0..300).map(row).collect();
                let body = json!({ "rows": rows }).to_string();
                let head = format!(
                    "POST /models/yes_no/predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                     content-length: {}\r\n\r\n",
                    body.len()
                );
                // Asks until the server says that it closes; what was begun is answered.
                loop {
                    client.send(format!("{head}{body}").as_bytes());
                    let Some(reply) = client.read() else { break };
                    assert_eq!(reply.status, 200, "{}", reply.text());
                    assert_eq!(reply.json()["predictions"].as_array().unwrap().len(), 300);
                    *n_answered.lock().unwrap() += 1;
                    if reply.header("connection") == Some("close") {
                        break;
                    }
                }
            })
        })
        .collect();
    while *n_answered.lock().unwrap() < 16 {
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(running.stop(), 0, "connections were cut off");
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(TcpStream::connect(address).is_err(), "it still listens");
    let told = running.told.lock().unwrap();
    assert_eq!(told.last(), Some(&Event::Stopped { n_cut: 0 }));
}

#[test]
fn the_log_holds_what_was_done_and_no_cell() {
    let mut running = serve(&["yes_no"], ServeOptions::default());
    let mut client = Client::to(running.address);
    let mut odd = row(1);
    odd["colour"] = json!("a-secret-colour");
    odd["size"] = json!("a-secret-size");
    assert_eq!(client.post("/models/yes_no/predict", &json!({ "rows": [odd] })).status, 422);
    odd["size"] = json!(1);
    assert_eq!(client.post("/models/yes_no/predict?a-secret-query", &json!({ "rows": [odd] })).status, 200);
    assert_eq!(client.get("/a-secret-path").status, 404);
    running.stop();
    let told = running.told.lock().unwrap();
    assert!(!serde_json::to_string(&*told).unwrap().contains("secret"), "{told:?}");
    let requests: Vec<(&str, u16, Option<usize>)> = told
        .iter()
        .filter_map(|event| match event {
            Event::Request { route, status, n_rows, .. } => Some((route.as_str(), *status, *n_rows)),
            _ => None,
        })
        .collect();
    let route = "/models/{model}/predict";
    assert_eq!(requests, [(route, 422, None), (route, 200, Some(1)), ("", 404, None)]);
}
