//! Opens the sockets to listen on.

use std::io;

use listenfd::ListenFd;
use tokio::net::{TcpListener, TcpSocket};

use super::plan::Address;
#[cfg(unix)]
use super::plan::UnixAddress;
use super::server::Socket;
#[cfg(unix)]
use super::sink::check_folder;

/// Opens a socket. `inherited` has those of a manager of services, which are taken in their order.
pub async fn open(address: &Address, inherited: &mut Inherited) -> io::Result<Socket> {
    match address {
        Address::Tcp(address) => Ok(Socket::Tcp(TcpListener::bind(address).await?)),
        #[cfg(unix)]
        Address::Unix(UnixAddress { path, mode }) => {
            use std::os::unix::fs::PermissionsExt as _;
            if is_left_behind(path).await? {
                std::fs::remove_file(path)?;
            }
            let listener = tokio::net::UnixListener::bind(path)?;
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(*mode))?;
            Ok(Socket::Unix(listener))
        }
        #[cfg(not(unix))]
        Address::Unix(_) => Err(io::Error::other("unix sockets are not supported on this system")),
        Address::Inherited => inherited.next(),
    }
}

/// Checks whether a socket could be opened, and changes nothing. Those of a manager of services are not there for a check.
pub async fn check(address: &Address) -> io::Result<()> {
    match address {
        Address::Tcp(address) => {
            // It does not listen, so that it is in nobody's way.
            let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            #[cfg(unix)]
            socket.set_reuseaddr(true)?;
            socket.bind(*address)
        }
        #[cfg(unix)]
        Address::Unix(UnixAddress { path, .. }) => {
            std::os::unix::net::SocketAddr::from_pathname(path)?;
            is_left_behind(path).await?;
            check_folder(path)
        }
        #[cfg(not(unix))]
        Address::Unix(_) => Err(io::Error::other("unix sockets are not supported on this system")),
        Address::Inherited => Ok(()),
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

/// Whether there is a socket that a process left behind. One on which a process listens, and any other file, is an error.
#[cfg(unix)]
async fn is_left_behind(path: &std::path::Path) -> io::Result<bool> {
    use std::os::unix::fs::FileTypeExt as _;
    let Ok(metadata) = std::fs::symlink_metadata(path) else { return Ok(false) };
    if !metadata.file_type().is_socket() {
        return Err(io::Error::other("it exists and is not a socket"));
    }
    let connected = tokio::net::UnixStream::connect(path).await;
    match connected.map_err(|error| (error.kind(), error)) {
        Err((io::ErrorKind::ConnectionRefused, _)) => Ok(true),
        // A process that is busy has many connections waiting.
        Ok(_) | Err((io::ErrorKind::WouldBlock, _)) => Err(io::Error::other("another process listens on it")),
        Err((_, error)) => Err(error),
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
            check_listening(&listener, number)?;
            listener.set_nonblocking(true)?;
            return Ok(Socket::Unix(tokio::net::UnixListener::from_std(listener)?));
        }
        let listener = self.sockets.take_tcp_listener(number)?;
        let listener = listener.ok_or_else(|| io::Error::other("it is taken twice"))?;
        #[cfg(unix)]
        check_listening(&listener, number)?;
        listener.set_nonblocking(true)?;
        Ok(Socket::Tcp(TcpListener::from_std(listener)?))
    }
}

/// Refuses a socket that can never accept a connection.
#[cfg(unix)]
fn check_listening(socket: impl std::os::fd::AsFd, number: usize) -> io::Result<()> {
    // Apple's systems do not say whether a socket listens.
    #[cfg(not(target_vendor = "apple"))]
    if !rustix::net::sockopt::socket_acceptconn(&socket)? {
        let number = number + 1;
        return Err(io::Error::other(format!(
            "socket number {number} of the manager of services does not listen; a unit of systemd needs ListenStream= and Accept=no"
        )));
    }
    let _ = (socket, number);
    Ok(())
}
