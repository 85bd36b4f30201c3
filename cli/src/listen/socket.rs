//! Opens the sockets to listen on.

use std::io;

use listenfd::ListenFd;
use tokio::net::TcpListener;

use super::plan::Address;
use super::server::Socket;

/// Opens a socket. `inherited` has those of a manager of services, which are taken in their order.
pub async fn open(address: &Address, inherited: &mut Inherited) -> io::Result<Socket> {
    match address {
        Address::Tcp(address) => Ok(Socket::Tcp(TcpListener::bind(address).await?)),
        #[cfg(unix)]
        Address::Unix(path) => {
            remove_unused(path)?;
            Ok(Socket::Unix(tokio::net::UnixListener::bind(path)?))
        }
        #[cfg(not(unix))]
        Address::Unix(_) => Err(io::Error::other("unix sockets are not supported on this system")),
        Address::Inherited => inherited.next(),
    }
}

/// The address of a socket, for the log.
pub fn address(socket: &Socket, opened: &Address) -> String {
    match socket {
        Socket::Tcp(listener) => {
            listener.local_addr().map_or_else(|_| opened.to_string(), |address| address.to_string())
        }
        #[cfg(unix)]
        Socket::Unix(listener) => {
            let address = listener.local_addr().ok();
            let path = address.as_ref().and_then(|address| address.as_pathname());
            path.map_or_else(|| opened.to_string(), |path| format!("unix:{}", path.display()))
        }
    }
}

/// Removes a socket that a process left behind; not one on which a process listens, and no other file.
#[cfg(unix)]
fn remove_unused(path: &std::path::Path) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt as _;
    let Ok(metadata) = std::fs::symlink_metadata(path) else { return Ok(()) };
    if !metadata.file_type().is_socket() {
        return Err(io::Error::other("it exists and is not a socket"));
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err(io::Error::other("another process listens on it")),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path),
        Err(error) => Err(error),
    }
}

/// The sockets that a manager of services has opened for this process.
pub struct Inherited {
    sockets: ListenFd,
    next: usize,
}

impl Inherited {
    pub fn from_environment() -> Self {
        Self { sockets: ListenFd::from_env(), next: 0 }
    }

    fn next(&mut self) -> io::Result<Socket> {
        let number = self.next;
        if number >= self.sockets.len() {
            return Err(io::Error::other(format!(
                "the process has {} sockets of a manager of services (LISTEN_FDS), and this is number {}",
                self.sockets.len(),
                number + 1
            )));
        }
        self.next += 1;
        #[cfg(unix)]
        if let Ok(Some(listener)) = self.sockets.take_unix_listener(number) {
            listener.set_nonblocking(true)?;
            return Ok(Socket::Unix(tokio::net::UnixListener::from_std(listener)?));
        }
        let listener = self.sockets.take_tcp_listener(number)?;
        let listener = listener.ok_or_else(|| io::Error::other("it is taken twice"))?;
        listener.set_nonblocking(true)?;
        Ok(Socket::Tcp(TcpListener::from_std(listener)?))
    }
}
