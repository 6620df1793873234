// SPDX-License-Identifier: Apache-2.0
//! An HTTP server that answers its n-th request with the n-th answer of a script.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What to do once a request has been read.
#[derive(Clone)]
pub(crate) enum Answer {
    /// Write these bytes and close.
    Raw(Vec<u8>),
    /// Write these bytes and keep the connection open until the client gives up.
    Stall(Vec<u8>),
    /// Write the first bytes, then the second again and again until the client gives up, pausing between.
    Endless(Vec<u8>, Vec<u8>, Duration),
}

/// A request as it came in.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) line: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

pub(crate) struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Connections after the end of the script are recorded and closed without an answer.
    pub(crate) fn new(script: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let record = requests.clone();
        let mut script = script.into_iter().collect::<Vec<_>>().into_iter();
        thread::spawn(move || {
            for stream in listener.incoming() {
                serve(stream.unwrap(), script.next(), &record);
            }
        });
        Self { address, requests }
    }

    pub(crate) fn uri(&self) -> String {
        format!("http://{}/tam", self.address)
    }

    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, answer: Option<Answer>, record: &Mutex<Vec<Request>>) {
    let Some(request) = read_request(&mut stream) else { return };
    record.lock().unwrap().push(request);
    let _ = match answer {
        None => Ok(()),
        Some(Answer::Raw(bytes)) => stream.write_all(&bytes),
        Some(Answer::Stall(bytes)) => {
            let _ = stream.write_all(&bytes);
            stream.read(&mut [0]).map(|_| ())
        }
        Some(Answer::Endless(first, again, pause)) => {
            let mut result = stream.write_all(&first);
            while result.is_ok() {
                thread::sleep(pause);
                result = stream.write_all(&again);
            }
            result
        }
    };
}

pub(crate) fn read_request(stream: &mut impl Read) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        match header.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_owned(), value.to_owned())),
            None => break,
        }
    }
    let mut request = Request { line: line.trim_end().to_owned(), headers, body: Vec::new() };
    let length = request.header("content-length").map_or(0, |value| value.parse().unwrap());
    request.body = vec![0; length];
    reader.read_exact(&mut request.body).ok()?;
    Some(request)
}

/// A URI at which nobody listens.
pub(crate) fn unused_uri() -> String {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    format!("http://{address}/tam")
}

/// A TEEP message as a TAM sends it.
pub(crate) fn message(body: &[u8]) -> Answer {
    Answer::Raw(ok("application/teep+cbor", body))
}

pub(crate) fn ok(content_type: &str, body: &[u8]) -> Vec<u8> {
    let mut answer =
        head(&format!("200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {}", body.len()));
    answer.extend(body);
    answer
}

/// The TAM has nothing more to say.
pub(crate) fn no_content() -> Answer {
    status("204 No Content")
}

/// A status line with header fields, and no body.
pub(crate) fn status(line: &str) -> Answer {
    Answer::Raw(head(line))
}

pub(crate) fn head(line: &str) -> Vec<u8> {
    format!("HTTP/1.1 {line}\r\n\r\n").into_bytes()
}
