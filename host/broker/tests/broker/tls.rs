// SPDX-License-Identifier: Apache-2.0
//! https: the TAM's server must be who the URI says (REQ-HTTP-009, -010, -011).

use crate::agent::FakeTee;
use crate::server::{Answer, Server, head, message, no_content, read_request};
use crate::{connect, patient, send, ta_request};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use teep_broker::{Broker, Config, ConfigError, Error, Event, Report};
use teep_proto::teec::Reply;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// An https server with a certificate for `params`; answers one POST by 204 and tells its body.
fn server(authority: &Authority, params: CertificateParams) -> (String, Receiver<Vec<u8>>) {
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("https://{}/tam", listener.local_addr().unwrap());
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut stream = StreamOwned::new(ServerConnection::new(Arc::new(config)).unwrap(), stream);
        if let Some(request) = read_request(&mut stream).filter(|request| !request.line.is_empty()) {
            sender.send(request.body).unwrap();
            let _ = stream.write_all(&head("204 No Content"));
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    (uri, receiver)
}

/// RequestTA to `uri`; the Agent is told of a failure exactly once.
fn request(uri: &str, config: Config) -> Result<Report, String> {
    let tee = FakeTee::new([connect(uri)]);
    let result = Broker::new(tee.clone(), config).request_ta(&ta_request(), &mut |_| {});
    assert_eq!(tee.process_errors(), usize::from(result.is_err()));
    result.map_err(|failure| match failure.error {
        Error::Unreachable { cause, .. } => cause,
        error => panic!("{error}"),
    })
}

fn trusting(authority: &Authority) -> Config {
    let mut config = patient();
    config.trust_only(authority.pem().as_bytes()).unwrap();
    config
}

fn for_name(name: &str) -> CertificateParams {
    CertificateParams::new([name.to_owned()]).unwrap()
}

#[test]
fn a_server_vouched_for_is_used() {
    let authority = authority();
    let (uri, bodies) = server(&authority, for_name("127.0.0.1"));
    assert_eq!(request(&uri, trusting(&authority)), Ok(Report { exchanges: 1, ..Report::default() }));
    assert_eq!(bodies.recv().unwrap(), b"");
}

/// REQ-HTTP-010. Nothing of the request is sent before the server is known.
#[test]
fn a_server_not_vouched_for_is_not_used() {
    let (ours, other) = (authority(), authority());
    let mut expired = for_name("127.0.0.1");
    expired.not_before = date_time_ymd(2001, 1, 1);
    expired.not_after = date_time_ymd(2002, 1, 1);
    for (config, params) in [
        (trusting(&ours), for_name("other.example")),
        (trusting(&ours), expired),
        (trusting(&other), for_name("127.0.0.1")),
        (patient(), for_name("127.0.0.1")),
    ] {
        let (uri, bodies) = server(&ours, params);
        let cause = request(&uri, config).expect_err("not vouched for");
        assert!(cause.starts_with("TLS failed"), "{cause}");
        assert!(bodies.recv().is_err());
    }
}

/// REQ-HTTP-010 for payload servers: the same authorities vouch for them, and one that is not vouched for is not asked
/// again.
#[test]
fn a_payload_server_is_held_to_the_same_authorities() {
    let (ours, other) = (authority(), authority());
    for (trusted, told) in [(&ours, "answers with HTTP status 204"), (&other, "cannot be used: TLS failed")] {
        let (uri, _bodies) = server(&ours, for_name("127.0.0.1"));
        let tam = Server::new([message(b"update"), no_content()]);
        let fetch = Reply::Fetch { uri: uri.clone(), offset: 0 };
        let tee = FakeTee::new([connect(&tam.uri()), fetch, send(&tam.uri(), b"error")]);
        let mut attempts = 0;
        let mut count = |event: Event<'_>| attempts += u32::from(matches!(event, Event::Fetching { .. }));
        Broker::new(tee.clone(), trusting(trusted)).request_ta(&ta_request(), &mut count).unwrap();
        let why = String::from_utf8(tee.calls().pop().unwrap().request).unwrap();
        assert!(why.starts_with(&format!("the server of {uri} {told}")), "{why}");
        assert_eq!(attempts, 1);
    }
}

#[test]
fn a_server_without_tls_is_not_used() {
    let plain = Server::new([Answer::Raw(head("204 No Content"))]);
    let uri = plain.uri().replace("http:", "https:");
    assert!(request(&uri, trusting(&authority())).is_err());
}

#[test]
fn certificates_must_be_certificates() {
    let key = KeyPair::generate().unwrap().serialize_pem();
    for (pem, problem) in [
        ("", ConfigError::NoCertificate),
        ("no PEM", ConfigError::NoCertificate),
        (key.as_str(), ConfigError::NoCertificate),
        ("-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n", ConfigError::NotPem),
    ] {
        assert_eq!(Config::default().trust_only(pem.as_bytes()), Err(problem), "{pem}");
    }
}
