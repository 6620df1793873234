// SPDX-License-Identifier: Apache-2.0
//! `teep-qemu forward` on a socket for stdin and stdout, as QEMU starts it.

#![allow(clippy::unwrap_used)] // In the helpers too, a failure is a failed test.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::thread;

/// Starts the program for `address`; returns the guest's end of its socket.
fn forward(address: &str) -> (Child, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let guest = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (theirs, _) = listener.accept().unwrap();
    let fd = |socket: &TcpStream| Stdio::from(OwnedFd::from(socket.try_clone().unwrap()));
    let child = Command::new(env!("CARGO_BIN_EXE_teep-qemu"))
        .args(["forward", address])
        .stdin(fd(&theirs))
        .stdout(fd(&theirs))
        .stderr(fd(&theirs))
        .spawn()
        .unwrap();
    (child, guest)
}

fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

#[test]
fn the_answer_comes_after_the_guest_ended_its_request() {
    let (tam, address) = listen();
    let (mut child, mut guest) = forward(&address);
    guest.write_all(b"request").unwrap();
    guest.shutdown(Shutdown::Write).unwrap();
    let (mut connection, _) = tam.accept().unwrap();
    let mut request = Vec::new();
    connection.read_to_end(&mut request).unwrap();
    assert_eq!(request, b"request");
    let answer = vec![0xa5; 1 << 20];
    let sent = answer.clone();
    let sender = thread::spawn(move || connection.write_all(&sent));
    let mut received = Vec::new();
    guest.read_to_end(&mut received).unwrap();
    sender.join().unwrap().unwrap();
    assert_eq!(received, answer);
    assert!(child.wait().unwrap().success());
}

#[test]
fn an_answer_without_a_line_end_does_not_wait_for_more() {
    let (tam, address) = listen();
    let (mut child, mut guest) = forward(&address);
    let (mut connection, _) = tam.accept().unwrap();
    for byte in [b"a", b"b"] {
        let mut buffer = [0];
        guest.write_all(byte).unwrap();
        connection.read_exact(&mut buffer).unwrap();
        connection.write_all(&buffer).unwrap();
        guest.read_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, byte);
    }
    drop(connection);
    assert_eq!(guest.read_to_end(&mut Vec::new()).unwrap(), 0);
    drop(guest);
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_guest_is_told_by_a_closed_connection_that_no_tam_listens() {
    let (tam, address) = listen();
    drop(tam);
    let (mut child, mut guest) = forward(&address);
    assert!(!child.wait().unwrap().success());
    let mut received = Vec::new();
    guest.read_to_end(&mut received).unwrap();
    assert_eq!(received, b"");
}
