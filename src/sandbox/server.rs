//! A listener whose connections a handler can break.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// How a connection breaks while the next response is written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Break {
    /// No part of the response is sent, and the connection is reset.
    Reset,
    /// This many bytes at the end of the response are not sent, and the connection is closed.
    Short(usize),
}

/// A handle by which a handler breaks its connection.
#[derive(Clone, Default)]
pub(super) struct Breaker(Arc<Mutex<Option<Break>>>);

impl Breaker {
    pub fn break_next(&self, how: Break) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(how);
    }

    fn take(&self) -> Option<Break> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Connected<IncomingStream<'_, Breakable>> for Breaker {
    fn connect_info(stream: IncomingStream<'_, Breakable>) -> Self {
        stream.io().connection.clone()
    }
}

pub(super) struct Breakable(pub TcpListener);

impl Listener for Breakable {
    type Io = Socket;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Socket, SocketAddr) {
        let (stream, peer) = Listener::accept(&mut self.0).await;
        (Socket { stream, connection: Breaker::default(), left: None }, peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

pub(super) struct Socket {
    stream: TcpStream,
    connection: Breaker,
    /// How many bytes may still be written before the connection is closed.
    left: Option<usize>,
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

/// Without vectored writes, hyper writes the head and the body of a short response at once.
impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.connection.take() {
            Some(Break::Reset) => {
                self.stream.set_zero_linger()?;
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            Some(Break::Short(by)) => self.left = Some(bytes.len().saturating_sub(by)),
            None => {}
        }
        let sent = match self.left {
            None => return Pin::new(&mut self.stream).poll_write(context, bytes),
            Some(0) => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            Some(left) => {
                let bytes = bytes.get(..left).unwrap_or(bytes);
                let sent = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
                self.left = Some(left - sent);
                sent
            }
        };
        Poll::Ready(Ok(sent))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
