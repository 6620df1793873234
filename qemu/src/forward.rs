// SPDX-License-Identifier: Apache-2.0
//! One connection of the guest to the TAM: bytes between a socket on stdin and stdout, and a TCP address.
//!
//! QEMU's user network starts this program for each connection the guest makes (`guestfwd` with `cmd:`) and gives
//! it a socket as stdin, stdout and stderr, so it must not print anything of its own.

use std::fs::File;
use std::io;
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, OwnedFd};
use std::thread;

/// Carries bytes both ways until both sides have ended; the end of one direction is passed on while the other goes
/// on, as HTTP with `Connection: close` wants it.
///
/// # Errors
///
/// Nothing listens at `address`, or a side broke off.
pub fn pump(address: impl ToSocketAddrs) -> io::Result<()> {
    // Files, because Rust's stdin and stdout buffer: an answer must not wait for the next one.
    let mut from_guest = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut to_guest = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let mut from_tam = TcpStream::connect(address)?;
    let mut to_tam = from_tam.try_clone()?;
    let upwards = thread::spawn(move || {
        // A TAM that takes no more is seen by the other direction too, which may still have its answer.
        let _ = io::copy(&mut from_guest, &mut to_tam);
        let _ = to_tam.shutdown(Shutdown::Write);
    });
    io::copy(&mut from_tam, &mut to_guest)?;
    shut_down_writing(to_guest.into());
    // The guest closes when it has the answer; if the thread failed there is nothing more to do either.
    let _ = upwards.join();
    Ok(())
}

/// Ends the direction to the guest. A `TcpStream` only because that has `shutdown`; the call fails where stdout is
/// not a socket, and then the end of the process is the end of the stream.
fn shut_down_writing(socket: OwnedFd) {
    let _ = TcpStream::from(socket).shutdown(Shutdown::Write);
}
