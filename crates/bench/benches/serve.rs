//! Requests to a server on this machine: how long they take and how many rows are answered a second, at 1, 8 and 64
//! connections.
//!
//! The server runs with its defaults in this process, on German Credit's predictor and space, both at defaults; each
//! connection is a thread that asks again as soon as it is answered, so that clients and server share the processor's
//! cores. `client` is the time that a client waited, `server` what the header `server-timing` says: from the request's
//! head to the answer's. Wanted: one row in at most 1 ms in the server (median, one connection).

#![allow(clippy::print_stdout, missing_docs)]

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tabgraft_model::train::quiet;
use tabgraft_model::{EmbeddingSpace, FitOptions, Predictor, PredictorOptions};
use tabgraft_serve::{ServeOptions, ServedModel, Server};
use tabgraft_table::read::{ReadOptions, read_table};
use tabgraft_table::schema::InferOptions;

const SECONDS: f64 = 4.0;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/german_credit.csv");
    let dir = tempfile::tempdir()?;
    models(&fixture, dir.path())?;
    let served =
        |name: &str| ServedModel { name: name.to_owned(), path: dir.path().join(format!("{name}.tabgraft")) };
    let mut options = ServeOptions {
        models: vec![served("credit"), served("risk")],
        address: SocketAddr::from(([127, 0, 0, 1], 0)),
        ..ServeOptions::default()
    };
    options.limits.requests_of_client = options.limits.requests;
    let server = Server::start(options, Arc::new(|_| ()))?;
    let lines = rows(&fixture)?;
    println!(
        "asked             rows  connections  client p50  p99 ms  server p50  p99 ms  requests/s    rows/s"
    );
    for (path, n_rows) in [
        ("/models/risk/predict", 1),
        ("/models/credit/embed", 1),
        ("/models/risk/predict", 100),
        ("/models/credit/embed", 100),
    ] {
        for n_connections in [1, 8, 64] {
            let load = load(server.address(), path, &lines, n_rows, n_connections)?;
            println!("{}", load.line(path, n_rows, n_connections));
        }
    }
    server.stop();
    Ok(())
}

/// A space and a predictor of German Credit, at defaults.
fn models(fixture: &Path, dir: &Path) -> Outcome<()> {
    let table = read_table(fixture, &ReadOptions::default())?;
    let infer = InferOptions { ignore: vec!["default".to_owned()], ..InferOptions::default() };
    let options = FitOptions { name: "credit".to_owned(), infer, ..FitOptions::default() };
    let space = EmbeddingSpace::fit(&table, None, &options, &mut quiet)?;
    let options = PredictorOptions { name: "risk".to_owned(), ..PredictorOptions::default() };
    let predictor = Predictor::fit(&space, &table, "default", &options, &mut quiet)?;
    space.save(&dir.join("credit.tabgraft"))?;
    predictor.save(&dir.join("risk.tabgraft"))?;
    Ok(())
}

/// The rows of the fixture as objects of JSON, all cells but the target's.
fn rows(fixture: &Path) -> Outcome<Vec<String>> {
    let text = std::fs::read_to_string(fixture)?;
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().ok_or("no header")?.split(',').collect();
    let row = |line: &str| {
        let cells = names.iter().zip(line.split(',')).filter(|(name, _)| **name != "default");
        let cells: Vec<String> = cells
            .map(|(name, cell)| match cell.parse::<f64>() {
                Ok(_) => format!("\"{name}\":{cell}"),
                Err(_) => format!("\"{name}\":\"{cell}\""),
            })
            .collect();
        format!("{{{}}}", cells.join(","))
    };
    Ok(lines.map(row).collect())
}

/// What was measured, in milliseconds.
struct Load {
    client: Vec<f64>,
    server: Vec<f64>,
    seconds: f64,
}

impl Load {
    fn line(mut self, path: &str, n_rows: usize, n_connections: usize) -> String {
        let n = self.client.len() as f64;
        let of = |values: &mut Vec<f64>, share: f64| {
            values.sort_by(f64::total_cmp);
            values.get(((values.len() as f64 - 1.0) * share).round() as usize).copied().unwrap_or(f64::NAN)
        };
        let [c50, c99] = [0.5, 0.99].map(|share| of(&mut self.client, share));
        let [s50, s99] = [0.5, 0.99].map(|share| of(&mut self.server, share));
        let (rate, name) = (n / self.seconds, path.trim_start_matches("/models/"));
        format!(
            "{name:15} {n_rows:6} {n_connections:12} {c50:11.2} {c99:7.2} {s50:11.2} {s99:7.2} {rate:11.0} {:9.0}",
            rate * n_rows as f64
        )
    }
}

fn load(
    address: SocketAddr,
    path: &str,
    lines: &[String],
    n_rows: usize,
    n_connections: usize,
) -> Outcome<Load> {
    let started = Instant::now();
    let clients: Vec<_> = (0..n_connections)
        .map(|i| {
            let bodies: Vec<String> = (0..20)
                .map(|b| {
                    let first = (i * 37 + b * 53) % (lines.len() - n_rows);
                    format!("{{\"rows\":[{}]}}", lines[first..first + n_rows].join(","))
                })
                .collect();
            let path = path.to_owned();
            thread::spawn(move || client(address, &path, &bodies))
        })
        .collect();
    let mut all = Load { client: Vec::new(), server: Vec::new(), seconds: 0.0 };
    for client in clients {
        let (of_client, of_server) = client.join().map_err(|_| "a client failed")??;
        all.client.extend(of_client);
        all.server.extend(of_server);
    }
    all.seconds = started.elapsed().as_secs_f64();
    Ok(all)
}

/// Asks until the time is over; what each request took here and in the server.
fn client(address: SocketAddr, path: &str, bodies: &[String]) -> Outcome<(Vec<f64>, Vec<f64>)> {
    let mut stream = BufReader::new(TcpStream::connect(address)?);
    stream.get_ref().set_nodelay(true)?;
    let requests: Vec<Vec<u8>> = bodies
        .iter()
        .map(|body| {
            format!(
                "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                 content-length: {}\r\n\r\n{body}",
                body.len()
            )
            .into_bytes()
        })
        .collect();
    let until = Instant::now() + Duration::from_secs_f64(SECONDS);
    let (mut here, mut there) = (Vec::new(), Vec::new());
    for request in requests.iter().cycle() {
        let started = Instant::now();
        if started >= until {
            break;
        }
        stream.get_mut().write_all(request)?;
        there.push(answer(&mut stream)?);
        here.push(started.elapsed().as_secs_f64() * 1e3);
    }
    Ok((here, there))
}

/// Reads an answer; what the server says that it took.
fn answer(stream: &mut BufReader<TcpStream>) -> Outcome<f64> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    if !line.starts_with("HTTP/1.1 200") {
        return Err(format!("not answered: {line}").into());
    }
    let (mut length, mut ms) = (0, f64::NAN);
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name {
            "content-length" => length = value.parse()?,
            "server-timing" => ms = value.trim_start_matches("total;dur=").parse()?,
            _ => {}
        }
    }
    std::io::copy(&mut stream.take(length), &mut std::io::sink())?;
    Ok(ms)
}
