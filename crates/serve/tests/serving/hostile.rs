//! Bodies and connections that mean no good cost what the limits allow, and nobody else an answer.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tabgraft_serve::{Limits, ServeOptions};

use crate::client::Client;
use crate::models::{row, serve};

#[test]
fn hostile_bodies_are_refused_with_a_reason() {
    let running = serve(&["yes_no", "v1"], ServeOptions::default());
    let mut client = Client::to(running.address);
    let deep = 200_000;
    let rows = |cell: &str| format!("{{\"rows\": [{{\"size\": {cell}}}]}}").into_bytes();
    let bodies: Vec<(Vec<u8>, u16)> = vec![
        (b"".to_vec(), 400),
        (b"null".to_vec(), 400),
        (b"[]".to_vec(), 400),
        (b"{}".to_vec(), 400),
        (b"{\"rows\": []}".to_vec(), 400),
        (b"{\"rows\": {}}".to_vec(), 400),
        (b"{\"rows\": [1, 2]}".to_vec(), 400),
        (b"{\"rows\": [[1, 2]]}".to_vec(), 400),
        (b"{\"rows\": [null]}".to_vec(), 400),
        (b"{\"rows\": [{}]}".to_vec(), 422),
        (b"{\"rows\": [{}], \"rows\": [{}]}".to_vec(), 400),
        (b"{\"rows\": [{\"size\": 1, \"size\": 2}]}".to_vec(), 400),
        (b"{\"rows\": [{\"\": 1}]}".to_vec(), 400),
        (b"{\"rows\": [{\"size\": 1}".to_vec(), 400),
        (b"{\"rows\": [{\"size\": 1}]} and more".to_vec(), 400),
        (b"{\"rows\": [{\"shoe\": 1}]}".to_vec(), 422),
        (b"{\"rows\": [{\"colour\": \"\xff\xfe\"}]}".to_vec(), 400),
        (b"\xff\xfe\x00".to_vec(), 400),
        (rows("\"\\ud800\""), 400),
        (rows("01"), 400),
        (rows("NaN"), 400),
        (rows("[1, 2]"), 422),
        (rows("{\"a\": 1}"), 422),
        (rows(&format!("{}{}", "[".repeat(deep), "]".repeat(deep))), 422),
        (format!("{}{}", "{\"rows\":".repeat(deep), "}".repeat(deep)).into_bytes(), 400),
        (format!("{{\"rows\": {}", "[".repeat(deep)).into_bytes(), 400),
        ((0..5000).fold(String::from("{"), |body, i| body + &format!("\"k{i}\":1,")).into_bytes(), 400),
    ];
    for (body, status) in bodies {
        let started = Instant::now();
        let reply = client.post_as("/models/yes_no/predict", "application/json", &body);
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        assert_eq!(reply.status, status, "{shown}: {}", reply.text());
        assert!(!reply.json()["error"].as_str().unwrap().is_empty());
        assert!(started.elapsed() < Duration::from_secs(5), "{shown}");
    }
    // Numbers beyond all bounds are numbers, or no number: never a panic.
    for cell in ["1e400", "-1e400", "1e308", &"9".repeat(400), &format!("0.{}1", "0".repeat(400)), "-0"] {
        let reply = client.post_as("/models/yes_no/predict", "application/json", &rows(cell));
        assert!(matches!(reply.status, 200 | 400 | 422), "{cell}: {}", reply.text());
    }
    // A row over several lines is one row.
    let lines = b"{\"rows\": [{\"size\":\n 1,\r\n\"colour\": \"a\\nb\"\n}]}";
    assert_eq!(client.post_as("/models/yes_no/predict", "application/json", lines).status, 200);
    for body in [&b"\x1f\x8b\x08\x00"[..], b"", b"\n\n\n", b"a,a\n1,2\n", b"\x00\x01\x02"] {
        for kind in ["text/csv", "application/x-ndjson"] {
            let reply = client.post_as("/models/yes_no/predict", kind, body);
            assert!(matches!(reply.status, 400 | 415 | 422), "{kind} {body:?}: {}", reply.text());
        }
    }
    let reply = client.ask(
        "POST",
        "/models/yes_no/predict",
        &[("content-type", "application/json"), ("content-encoding", "gzip")],
        b"{}",
    );
    assert_eq!(reply.status, 415);
    for length in ["99999999999999999999", "-1", "x", "5000"] {
        let headers = [("inference-header-content-length", length)];
        assert_eq!(client.ask("POST", "/v2/models/v1/infer", &headers, b"{}").status, 400, "{length}");
    }
    assert_eq!(client.post("/models/yes_no/predict", &json!({ "rows": [row(0)] })).status, 200);
}

#[test]
fn columns_of_any_number_and_name_do_no_harm() {
    let running = serve(&["yes_no"], ServeOptions::default());
    let mut client = Client::to(running.address);
    let mut wide: serde_json::Map<String, Value> =
        (0..20_000).map(|i| (format!("column {i}"), json!(i))).collect();
    wide.insert("size".into(), json!(3));
    let started = Instant::now();
    let reply = client.post("/models/yes_no/predict", &json!({ "rows": [wide] }));
    assert_eq!(reply.status, 200, "{}", &reply.text()[..200]);
    assert!(started.elapsed() < Duration::from_secs(10));
    let odd = json!({ "size": 1, "<script>alert(1)</script>\u{202e}\n": 1, "\u{0}": "\u{0}" });
    let reply = client.post("/models/yes_no/predict", &json!({ "rows": [odd] }));
    assert_eq!(reply.status, 200, "{}", reply.text());
}

#[test]
fn clients_that_are_slow_or_lie_about_lengths_are_let_go() {
    let limits = Limits { seconds: 0.5, connections: 12, ..Limits::default() };
    let running = serve(&["yes_no"], ServeOptions { limits, ..ServeOptions::default() });
    let post =
        "POST /models/yes_no/predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    // A head that never ends.
    let mut slow = Client::to(running.address);
    slow.send(post.as_bytes());
    // A body that never comes.
    let mut without_body = Client::to(running.address);
    without_body.send(format!("{post}content-length: 50\r\n\r\n{{\"rows\"").as_bytes());
    let reply = without_body.read().unwrap();
    assert_eq!(reply.status, 408, "{}", reply.text());
    let reply = slow.read();
    assert!(reply.is_none_or(|reply| reply.status == 408), "the head is waited for");
    // One that ends before its length says so.
    let mut short = Client::to(running.address);
    short.send(format!("{post}content-length: 500\r\n\r\n{{\"rows\": []}}").as_bytes());
    drop(short);
    for head in [
        format!("{post}content-length: abc\r\n\r\n"),
        format!("{post}content-length: -5\r\n\r\n"),
        format!("{post}content-length: 5\r\ncontent-length: 6\r\n\r\n12345"),
        format!("{post}transfer-encoding: chunked\r\n\r\nzz\r\n"),
        "GARBAGE\r\n\r\n".to_owned(),
        "\x16\x03\x01\x02\x00\x01\x00\x01\u{fc}\x03\x03".to_owned(),
        format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "a".repeat(200_000)),
        format!("GET /v2 HTTP/1.1\r\nhost: localhost\r\n{}\r\n", "x: y\r\n".repeat(5000)),
    ] {
        let mut client = Client::to(running.address);
        client.send(head.as_bytes());
        let status = client.read().map(|reply| reply.status);
        assert!(
            status.is_none_or(|status| (400..500).contains(&status)),
            "{status:?} for {}",
            &head[..40.min(head.len())]
        );
    }
    assert_eq!(Client::to(running.address).get("/v2").status, 200);
}

#[test]
fn clients_that_go_away_leave_nothing_behind() {
    let running = serve(&["yes_no"], ServeOptions::default());
    let rows: Vec<Value> = (0..300).map(row).collect();
    let body = json!({ "rows": rows }).to_string();
    let head = format!(
        "POST /models/yes_no/predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    for i in 0..60 {
        let mut client = Client::to(running.address);
        // Some with half a body, some without waiting for the answer.
        let sent = if i % 2 == 0 { body.len() / 2 } else { body.len() };
        client.send(format!("{head}{}", &body[..sent]).as_bytes());
    }
    let mut client = Client::to(running.address);
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let metrics = client.get("/metrics").text();
        // The one that asks is one itself.
        let is_quiet = ["tabgraft_open_requests 1", "tabgraft_open_connections 1", "tabgraft_waiting_jobs 0"]
            .iter()
            .all(|line| metrics.lines().any(|found| found == *line));
        if is_quiet {
            break;
        }
        assert!(Instant::now() < until, "{metrics}");
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(client.post("/models/yes_no/predict", &json!({ "rows": [row(0)] })).status, 200);
}

#[test]
fn answers_that_nobody_reads_are_given_up() {
    let limits = Limits { seconds: 1.0, ..Limits::default() };
    let running = serve(&["v1"], ServeOptions { limits, ..ServeOptions::default() });
    let rows: Vec<Value> = (0..4000).map(|i| row(i % 400)).collect();
    let body = json!({ "rows": rows }).to_string();
    let request = format!(
        "POST /models/v1/embed HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    // More than the system keeps for a connection: at some point neither side goes on.
    let mut deaf = Client::to(running.address);
    let sending = thread::spawn(move || {
        for _ in 0..60 {
            deaf.send(request.as_bytes());
        }
        deaf
    });
    let until = Instant::now() + Duration::from_secs(60);
    thread::sleep(Duration::from_secs(1));
    while !Client::to(running.address).get("/metrics").text().contains("tabgraft_open_connections 1\n") {
        assert!(Instant::now() < until, "the connection stays");
        thread::sleep(Duration::from_millis(100));
    }
    drop(sending.join());
}
