// SPDX-License-Identifier: Apache-2.0
use crate::{HttpConfig, PAYLOADS_PATH, TAM_PATH, Tam, router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::task::JoinSet;

/// Bytes of a request head, and of what is read or written at a time.
const MAX_BUFFER: usize = 32 * 1024;
/// Pause after the system refused a connection, e.g. because there are no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `tam` on `listener` until `stop` is ready; requests at hand are then finished.
pub async fn serve(listener: TcpListener, tam: Arc<Tam>, config: HttpConfig, stop: impl Future<Output = ()>) {
    let app = router(tam, config.clone());
    let permits = Arc::new(Semaphore::new(config.max_connections));
    let (stopping, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = stop.as_mut() => break,
            accepted = accept(&listener, &permits) => accepted,
        };
        if let Some((stream, permit)) = accepted {
            connections.spawn(connection(stream, app.clone(), config.clone(), stopped.clone(), permit));
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    let _ = stopping.send(true);
    connections.join_all().await;
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let permit = permits.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, permit)),
        Err(_) => {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

async fn connection(
    stream: TcpStream,
    app: axum::Router,
    config: HttpConfig,
    mut stopped: watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(config.head_timeout)
        .max_buf_size(MAX_BUFFER)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
    let mut connection = pin!(connection);
    tokio::select! {
        // What goes wrong on a connection is its client's affair.
        _ = connection.as_mut() => return,
        _ = stopped.wait_for(|stopped| *stopped) => {}
        () = tokio::time::sleep(config.max_age) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = tokio::time::timeout(config.grace, connection).await;
}

/// A TAM that serves on a thread of its own; dropping it stops the server.
#[derive(Debug)]
pub struct Handle {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Handle {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The TAM URI.
    pub fn uri(&self) -> String {
        format!("http://{}{TAM_PATH}", self.address)
    }

    /// The URI of the payload file `name`, for a server that has some.
    pub fn payload_uri(&self, name: &str) -> String {
        format!("http://{}{PAYLOADS_PATH}/{name}", self.address)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed by then.
            let _ = thread.join();
        }
    }
}

/// Serves `tam` at `address` (port 0 for any free one) from a thread of its own.
///
/// # Errors
/// When the address cannot be had.
pub fn spawn(tam: Arc<Tam>, address: SocketAddr, config: HttpConfig) -> io::Result<Handle> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listener = runtime.block_on(TcpListener::bind(address))?;
    let address = listener.local_addr()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = async move {
        // Ready when the sender is dropped.
        serve(listener, tam, config, async { drop(stopped.await) }).await;
    };
    let thread =
        std::thread::Builder::new().name("teep-tam".to_owned()).spawn(move || runtime.block_on(serving))?;
    Ok(Handle { address, stop: Some(stop), thread: Some(thread) })
}
