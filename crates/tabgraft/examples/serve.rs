//! A model behind an address; asked once, as a client would, and stopped.
//!
//! ```text
//! cargo run --release -p tabgraft --example serve
//! ```

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use tabgraft::read::{ReadOptions, read_table};
use tabgraft::serve::{ServeOptions, ServedModel, Server};
use tabgraft::train::quiet;
use tabgraft::{EmbeddingSpace, FitOptions, TrainingOptions};

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/german_credit.csv");

fn main() -> Result<(), Box<dyn Error>> {
    let table = read_table(Path::new(TABLE), &ReadOptions::default())?;
    let mut options = FitOptions::default();
    options.infer.ignore = vec!["default".into()];
    options.config.training = TrainingOptions::of_epochs(3);
    let space = EmbeddingSpace::fit(&table, None, &options, &mut quiet)?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("credit.tabgraft");
    space.save(&file)?;

    let options = ServeOptions {
        models: vec![ServedModel::parse(&file.display().to_string())?],
        address: "127.0.0.1:0".parse()?,
        ..ServeOptions::default()
    };
    let server = Server::start(options, Arc::new(|_| ()))?;

    let body = r#"{"rows": [{"age": 35, "purpose": "radio/tv", "credit_amount": 2400}]}"#;
    let mut stream = TcpStream::connect(server.address())?;
    write!(
        stream,
        "POST /models/credit/embed HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (status, rest) = answer.split_once("\r\n").unwrap_or_default();
    println!("{status}: {} bytes", rest.len());
    assert_eq!(status, "HTTP/1.1 200 OK");
    assert_eq!(server.stop(), 0, "no connection was cut off");
    Ok(())
}
