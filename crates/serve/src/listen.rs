//! Connections: accepted, encrypted, served, and ended in good order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tabgraft_model::{Error, Result};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tower_service::Service;

use crate::app::App;
use crate::event::{Event, Sink};
use crate::gate::router;
use crate::options::ServeOptions;
use crate::patient::Patient;
use crate::tls::TlsFiles;

/// Threads that serve connections; those that compute are others.
const N_LOOP_THREADS: usize = 2;
/// How often a registry is looked at.
const FOLLOW: Duration = Duration::from_millis(200);
/// Most bytes of a request's head.
const HEAD_BYTES: usize = 32 << 10;
/// Pause after a connection that could not be accepted, as when there are no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A server that runs.
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    is_over: Arc<AtomicBool>,
    runtime: Option<Runtime>,
    accepting: Option<tokio::task::JoinHandle<usize>>,
    follower: Option<JoinHandle<()>>,
    app: Arc<App>,
}

impl Server {
    /// Loads everything, listens, and answers from now on.
    ///
    /// # Errors
    /// As [`ServeOptions::check`]; those of loading models, indices and certificates; an io error if the address cannot
    /// be listened on or threads cannot be started.
    pub fn start(options: ServeOptions, sink: Sink) -> Result<Self> {
        options.check()?;
        let acceptor = options.tls.as_ref().map(TlsFiles::acceptor).transpose()?;
        let listening = std::net::TcpListener::bind(options.address)
            .and_then(|listener| {
                listener.set_nonblocking(true)?;
                Ok((listener.local_addr()?, listener))
            })
            .map_err(|error| {
                Error::io(std::path::Path::new(&options.address.to_string()), "listen on", error)
            });
        let (address, listener) = listening?;
        let app = App::open(options, sink.clone())?;
        let threads_failed = |error| Error::io(std::path::Path::new("threads"), "start", error);
        let runtime = Builder::new_multi_thread()
            .worker_threads(N_LOOP_THREADS)
            .thread_name("connections")
            .enable_io()
            .enable_time()
            .build()
            .map_err(threads_failed)?;
        let (stop, stopping) = watch::channel(false);
        let listener = {
            let _inside = runtime.enter();
            TcpListener::from_std(listener).map_err(threads_failed)?
        };
        let is_over = Arc::new(AtomicBool::new(false));
        let follower = follow(app.clone(), is_over.clone()).map_err(threads_failed)?;
        sink(&Event::Listening { address, tls: acceptor.is_some() });
        let accepting = runtime.spawn(accept(app.clone(), listener, acceptor, stopping));
        Ok(Server {
            address,
            stop,
            is_over,
            runtime: Some(runtime),
            accepting: Some(accepting),
            follower: Some(follower),
            app,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts no further connection, answers the requests that are under way for as long as a request may take, and
    /// ends. Gives the number of connections that had to be cut off.
    pub fn stop(mut self) -> usize {
        self.end()
    }

    fn end(&mut self) -> usize {
        let Some(runtime) = self.runtime.take() else { return 0 };
        (self.app.sink)(&Event::Stopping);
        let _ = self.stop.send(true);
        self.is_over.store(true, Ordering::Relaxed);
        let accepting = self.accepting.take();
        let n_cut = runtime.block_on(async {
            match accepting {
                Some(accepting) => accepting.await.unwrap_or(0),
                None => 0,
            }
        });
        runtime.shutdown_timeout(Duration::from_secs(1));
        if let Some(follower) = self.follower.take() {
            let _ = follower.join();
        }
        (self.app.sink)(&Event::Stopped { n_cut });
        n_cut
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// Follows the registries until all is over.
fn follow(app: Arc<App>, is_over: Arc<AtomicBool>) -> std::io::Result<JoinHandle<()>> {
    thread::Builder::new().name("registries".to_owned()).spawn(move || {
        while !is_over.load(Ordering::Relaxed) {
            app.served.models.iter().for_each(|model| model.follow(&app.sink));
            thread::sleep(FOLLOW);
        }
    })
}

/// Accepts until it shall stop, then waits for what is under way; the number of connections that were cut off.
async fn accept(
    app: Arc<App>,
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    mut stopping: watch::Receiver<bool>,
) -> usize {
    let places = Arc::new(Semaphore::new(app.options.limits.connections));
    let router = router(&app);
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let place = tokio::select! {
            place = places.clone().acquire_owned() => place,
            _ = stopping.changed() => break,
        };
        let Ok(place) = place else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopping.changed() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (app, router, acceptor) = (app.clone(), router.clone(), acceptor.clone());
                let stopping = stopping.clone();
                connections.spawn(async move {
                    app.metrics.connections.add();
                    let _counted = Counted(app.clone());
                    connect(&app, router, acceptor, stream, peer, stopping).await;
                    drop(place);
                });
            }
            Err(error) => {
                (app.sink)(&Event::ConnectionFailed { reason: error.to_string() });
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    let _ = timeout(app.options.limits.patience(), all).await;
    let n_cut = connections.len();
    connections.shutdown().await;
    n_cut
}

/// A connection is counted until it is dropped.
struct Counted(Arc<App>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.metrics.connections.sub();
    }
}

async fn connect(
    app: &Arc<App>,
    router: Router,
    acceptor: Option<TlsAcceptor>,
    stream: TcpStream,
    peer: SocketAddr,
    stopping: watch::Receiver<bool>,
) {
    // Answers are small: they shall not wait for each other.
    let _ = stream.set_nodelay(true);
    let Some(acceptor) = acceptor else { return serve(app, router, stream, peer, stopping).await };
    match timeout(app.options.limits.patience(), acceptor.accept(stream)).await {
        Ok(Ok(stream)) => serve(app, router, stream, peer, stopping).await,
        Ok(Err(error)) => (app.sink)(&Event::ConnectionFailed { reason: error.to_string() }),
        Err(_) => (app.sink)(&Event::ConnectionFailed { reason: "no TLS handshake in time".to_owned() }),
    }
}

async fn serve(
    app: &Arc<App>,
    router: Router,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    mut stopping: watch::Receiver<bool>,
) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        router.clone().call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(app.options.limits.patience())
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(Patient::new(stream, app.options.limits.patience())), service);
    tokio::pin!(connection);
    tokio::select! {
        // A client that breaks off, or sends no HTTP, has heard of it or is gone.
        _ = connection.as_mut() => return,
        _ = stopping.wait_for(|stop| *stop) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}
