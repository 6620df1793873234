// SPDX-License-Identifier: Apache-2.0
//! TEEP over HTTP, byte by byte over real sockets.

use crate::world::{World, component, requesting, success};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};
use teep_proto::cose::{Algorithm, PublicKey, Signatures, Thumbprint, sign1};
use teep_proto::limits::MAX_MESSAGE;
use teep_proto::suit::Digest;
use teep_proto::teep::Message;
use teep_suit::keys;
use teep_tam::store::{Listing, Offer};
use teep_tam::{Error, Handle, HttpConfig, Store, Tam, TamConfig, spawn};

const ACCEPT: &str = "Accept: application/teep+cbor\r\n";
const TYPE: &str = "Content-Type: application/teep+cbor\r\n";
const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

struct Response {
    status: u16,
    /// Lower case names.
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Response {
    fn read(stream: &mut TcpStream) -> Self {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).expect("a whole response head");
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let mut body = vec![0; length.map_or(0, |(_, value)| value.parse().unwrap())];
        stream.read_exact(&mut body).unwrap();
        Self { status, headers, body }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

fn connect(server: &Handle) -> TcpStream {
    let stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream
}

/// Writes a request in one go.
fn send(stream: &mut TcpStream, request: &str, headers: &str, body: &[u8]) {
    let head = format!("{request} HTTP/1.1\r\nHost: tam\r\n{headers}\r\n");
    stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
}

/// Sends a request with exactly these header lines and this body, on a connection of its own.
fn exchange(server: &Handle, request: &str, headers: &str, body: &[u8]) -> Response {
    let mut stream = connect(server);
    send(&mut stream, request, headers, body);
    Response::read(&mut stream)
}

fn post(server: &Handle, headers: &str, body: &[u8]) -> Response {
    exchange(server, "POST /tam", &format!("{headers}Content-Length: {}\r\n", body.len()), body)
}

fn serving(world: &World) -> Handle {
    spawn(world.tam.clone(), ANY_PORT, HttpConfig::default()).unwrap()
}

/// REQ-HTTP-006, 007, 008, 034.
fn assert_teep_content(response: &Response) {
    assert_eq!(response.status, 200);
    assert!(!response.body.is_empty());
    for (name, value) in [
        ("content-type", "application/teep+cbor"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'"),
        ("referrer-policy", "no-referrer"),
    ] {
        assert_eq!(response.header(name), Some(value), "{name}");
    }
    assert_eq!(response.header("cache-control"), None);
    assert_eq!(response.header("set-cookie"), None);
}

/// A status and no content (REQ-HTTP-007 asks nothing of it then).
fn assert_bare(response: &Response, status: u16) {
    assert_eq!(response.status, status);
    assert!(response.body.is_empty());
    for name in ["content-type", "cache-control", "set-cookie"] {
        assert_eq!(response.header(name), None, "{name} with {status}");
    }
}

/// REQ-HTTP-031, 032, 033, 039, AMB-HTTP-2: the whole exchange, each request on another connection.
#[test]
fn a_conversation() {
    let world = World::new();
    let server = serving(&world);
    assert_eq!(server.uri(), format!("http://{}/tam", server.address()));
    let query = post(&server, ACCEPT, b"");
    assert_teep_content(&query);
    let payload = Signatures::decode(&query.body).unwrap().verify(&world.tam_keys).unwrap();
    let Message::QueryRequest(request) = Message::decode(payload).unwrap().into_inner() else { panic!() };
    let component = component();
    let response = requesting(request.token.unwrap(), &component);
    let response = sign1(&world.agent, &response.encode().unwrap()).unwrap();
    let update = post(&server, &[ACCEPT, TYPE].concat(), &response);
    assert_teep_content(&update);
    let payload = Signatures::decode(&update.body).unwrap().verify(&world.tam_keys).unwrap();
    let Message::Update(order) = Message::decode(payload).unwrap().into_inner() else { panic!() };
    let done = sign1(&world.agent, &success(order.token, &[]).encode().unwrap()).unwrap();
    assert_bare(&post(&server, &[ACCEPT, TYPE].concat(), &done), 204);
    // Late, or again: TEEP drops it, HTTP has nothing to say.
    assert_bare(&post(&server, &[ACCEPT, TYPE].concat(), &response), 204);
}

/// REQ-HTTP-001.
#[test]
fn only_post_and_only_here() {
    let server = serving(&World::new());
    for method in ["GET", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        let response =
            exchange(&server, &format!("{method} /tam"), &format!("{ACCEPT}Content-Length: 0\r\n"), b"");
        assert_bare(&response, 405);
        assert_eq!(response.header("allow"), Some("POST"), "{method}");
    }
    assert_bare(&exchange(&server, "POST /", &format!("{ACCEPT}Content-Length: 0\r\n"), b""), 404);
}

/// REQ-HTTP-002, 029, 030, AMB-HTTP-1, AMB-HTTP-10.
#[test]
fn types_are_checked() {
    let server = serving(&World::new());
    for (headers, body, status) in [
        ("", &b""[..], 406),
        ("Accept: text/html\r\n", b"", 406),
        ("Accept: application/teep+cbor;q=0\r\n", b"", 406),
        ("Accept: */*\r\n", b"", 200),
        // Without a body its type is of no interest.
        (&[ACCEPT, TYPE].concat(), b"", 200),
        (&format!("{ACCEPT}Content-Type: text/plain\r\n"), b"", 200),
        (ACCEPT, b"x", 415),
        (&format!("{ACCEPT}Content-Type: application/cbor\r\n"), b"x", 415),
        (&format!("{ACCEPT}Content-Type: \r\n"), b"x", 415),
        (&[ACCEPT, TYPE].concat(), b"x", 400),
        (&format!("{ACCEPT}Content-Type: Application/TEEP+cbor\r\n"), b"x", 400),
    ] {
        let response = post(&server, headers, body);
        assert_eq!(response.status, status, "{headers:?} {body:?}");
        if status != 200 {
            assert_bare(&response, status);
        }
    }
    let chunked = format!("{ACCEPT}Transfer-Encoding: chunked\r\n");
    assert_bare(&exchange(&server, "POST /tam", &chunked, b"1\r\nx\r\n0\r\n\r\n"), 415);
    assert_teep_content(&exchange(&server, "POST /tam", &chunked, b"0\r\n\r\n"));
}

#[test]
fn garbage_and_strangers_are_refused() {
    let world = World::new();
    let server = serving(&world);
    let headers = [ACCEPT, TYPE].concat();
    assert_bare(&post(&server, &headers, b"garbage"), 400);
    let stranger = keys::generate(Algorithm::Esp256).unwrap();
    let (token, component) = (world.query(), component());
    let message = sign1(&stranger, &requesting(&token, &component).encode().unwrap()).unwrap();
    assert_bare(&post(&server, &headers, &message), 403);
    assert_bare(&post(&server, &headers, &sign1(&world.agent, b"\x80").unwrap()), 400);
    assert_eq!(exchange(&server, "nonsense", "", b"").status, 400);
    assert_teep_content(&post(&server, ACCEPT, b""));
}

/// AMB-HTTP-6.
#[test]
fn a_body_has_at_most_the_limit() {
    let world = World::new();
    let server = serving(&world);
    let headers = [ACCEPT, TYPE].concat();
    assert_bare(&post(&server, &headers, &vec![0; MAX_MESSAGE]), 400);
    assert_bare(&post(&server, &headers, &vec![0; MAX_MESSAGE + 1]), 413);
    // Announced to be endless, refused before anything is sent.
    let endless = format!("{headers}Content-Length: 99999999999\r\n");
    assert_bare(&exchange(&server, "POST /tam", &endless, b""), 413);
    let small = HttpConfig { max_body: 10, ..HttpConfig::default() };
    let server = spawn(world.tam.clone(), ANY_PORT, small).unwrap();
    let chunked = format!("{headers}Transfer-Encoding: chunked\r\n");
    assert_bare(&exchange(&server, "POST /tam", &chunked, b"a\r\n0123456789\r\n0\r\n\r\n"), 400);
    assert_bare(&exchange(&server, "POST /tam", &chunked, b"b\r\n0123456789a\r\n0\r\n\r\n"), 413);
    // A body without end is not read to its end.
    let mut stream = connect(&server);
    send(&mut stream, "POST /tam", &chunked, &b"a\r\n0123456789\r\n".repeat(5));
    assert_bare(&Response::read(&mut stream), 413);
}

#[test]
fn slow_clients_do_not_hold_a_connection() {
    let brisk = HttpConfig {
        head_timeout: Duration::from_millis(300),
        body_timeout: Duration::from_millis(300),
        max_connections: 2,
        ..HttpConfig::default()
    };
    let server = spawn(World::new().tam, ANY_PORT, brisk).unwrap();
    let begun = Instant::now();
    // Two that say nothing take both places.
    let mut silent = [connect(&server), connect(&server)];
    silent[1].write_all(b"POST /tam HTTP/1.1\r\nHo").unwrap();
    // The third is served as soon as they are shown out.
    assert_teep_content(&post(&server, ACCEPT, b""));
    for stream in &mut silent {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).expect("the connection is closed");
    }
    let mut slow = connect(&server);
    send(&mut slow, "POST /tam", &format!("{ACCEPT}{TYPE}Content-Length: 9\r\n"), b"1234");
    assert_bare(&Response::read(&mut slow), 408);
    assert!(begun.elapsed() < Duration::from_secs(3));
}

#[test]
fn connections_are_kept_until_they_are_old() {
    let config = HttpConfig { max_age: Duration::from_secs(1), ..HttpConfig::default() };
    let server = spawn(World::new().tam, ANY_PORT, config).unwrap();
    let mut stream = connect(&server);
    for _ in 0..2 {
        send(&mut stream, "POST /tam", &format!("{ACCEPT}Content-Length: 0\r\n"), b"");
        assert_teep_content(&Response::read(&mut stream));
    }
    assert_eq!(stream.read(&mut [0]).expect("closed, not reset"), 0);
}

struct BrokenStore;

impl Store for BrokenStore {
    fn agents(&self) -> Result<Listing<PublicKey>, Error> {
        Err(Error::Internal("the disk is on fire".to_owned()))
    }

    fn offers(&self) -> Result<Listing<Offer>, Error> {
        panic!("not reached")
    }

    fn withdrawn(&self) -> Result<Listing<Offer>, Error> {
        panic!("not reached")
    }

    fn replaced(&self, _: Digest) -> Result<Option<Offer>, Error> {
        panic!("not reached")
    }

    fn attestation_keys(&self, _: Thumbprint) -> Result<Listing<PublicKey>, Error> {
        panic!("not reached")
    }

    fn verifiers(&self) -> Result<Listing<PublicKey>, Error> {
        panic!("not reached")
    }

    fn reference_values(&self) -> Result<Vec<[u8; 32]>, Error> {
        panic!("not reached")
    }
}

/// REQ-HTTP-035.
#[test]
fn a_failure_of_the_tam_is_5xx() {
    let tam = Tam::new(TamConfig::generate().unwrap(), BrokenStore);
    let server = spawn(Arc::new(tam), ANY_PORT, HttpConfig::default()).unwrap();
    let world = World::new();
    let message = sign1(&world.agent, &success(None, &[]).encode().unwrap()).unwrap();
    assert_bare(&post(&server, &[ACCEPT, TYPE].concat(), &message), 500);
}

#[test]
fn a_dropped_handle_stops_the_server() {
    let server = serving(&World::new());
    let [mut silent, mut idle] = [(); 2].map(|()| connect(&server));
    // Connections are taken in order, so the silent one is the server's by the time of this answer.
    send(&mut idle, "POST /tam", &format!("{ACCEPT}Content-Length: 0\r\n"), b"");
    assert_teep_content(&Response::read(&mut idle));
    let begun = Instant::now();
    drop(server);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    for stream in [&mut silent, &mut idle] {
        assert_eq!(stream.read(&mut [0]).expect("closed"), 0);
    }
}

/// What a Broker needs of a payload server: bytes as they are, and the rest of them after a broken transfer.
#[test]
fn payloads_are_served_with_ranges() {
    let dir = tempfile::tempdir().unwrap();
    let payload: Vec<u8> = (0..100_000u32).map(|n| n.to_le_bytes()[1]).collect();
    std::fs::write(dir.path().join("hello.ta"), &payload).unwrap();
    std::fs::write(dir.path().join("../secret"), "secret").ok();
    let config = HttpConfig { payloads: Some(dir.path().to_owned()), ..HttpConfig::default() };
    let server = spawn(World::new().tam, ANY_PORT, config).unwrap();
    let get = |path: &str, headers: &str| exchange(&server, &format!("GET {path}"), headers, b"");
    let whole = get("/payloads/hello.ta", "");
    assert_eq!((whole.status, whole.body == payload), (200, true));
    assert_eq!(whole.header("content-encoding"), None);
    let rest = get("/payloads/hello.ta", "Range: bytes=60000-\r\nAccept-Encoding: identity\r\n");
    assert_eq!(rest.status, 206);
    assert_eq!(rest.header("content-range"), Some("bytes 60000-99999/100000"));
    assert_eq!(rest.body, payload[60_000..]);
    let end = get("/payloads/hello.ta", "Range: bytes=100000-\r\n");
    assert_eq!((end.status, end.header("content-range")), (416, Some("bytes */100000")));
    for path in
        ["/payloads/none", "/payloads/../secret", "/payloads/%2e%2e/secret", "/payloads/", "/payloads"]
    {
        assert_eq!(get(path, "").status, 404, "{path}");
    }
    assert_eq!(get("/tam", "").status, 405);
    let server = serving(&World::new());
    assert_eq!(exchange(&server, "GET /payloads/hello.ta", "", b"").status, 404);
}
