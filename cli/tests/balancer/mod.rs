//! A proxy in front of several processes, which uses them in turn, and fails as networks do when it is told to.

#![allow(dead_code)]

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::thread;
use std::time::Duration;

use super::listener::is_ready;

/// A request with this header reaches two members at the same moment.
pub const TWICE: &str = "x-twice";

/// How long a member may take to answer, which is longer than its own time limits.
const ANSWER: Duration = Duration::from_secs(15);

/// While there is a fault, it is that of every third connection.
const EVERY: usize = 3;

/// What happens to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is closed before anything is read.
    Refuse,
    /// Its request is read and goes nowhere, until the sender gives up.
    Swallow,
    /// It is closed as soon as its request was forwarded, as is the one to the member.
    Abort,
    /// Its request was handled, and the answer is lost: it is cut between the commit and the answer.
    LoseAnswer,
}

pub struct Balancer {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    members: RwLock<Vec<Member>>,
    turn: AtomicUsize,
    fault: Mutex<Option<Fault>>,
    connections: AtomicUsize,
    faults: AtomicUsize,
}

#[derive(Clone, Copy)]
struct Member {
    address: SocketAddr,
    is_ready: bool,
}

impl Member {
    fn at(address: SocketAddr) -> Self {
        Self { address, is_ready: true }
    }
}

impl Balancer {
    pub fn start(members: impl IntoIterator<Item = SocketAddr>) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let members = RwLock::new(members.into_iter().map(Member::at).collect());
        let shared = Arc::new(Shared { members, ..Shared::default() });
        let accepted = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in socket.incoming() {
                let shared = Arc::clone(&accepted);
                // A connection that fails is what it is there for.
                thread::spawn(move || stream.and_then(|stream| shared.pass(stream)));
            }
        });
        Self { address, shared }
    }

    /// The addresses of the members.
    pub fn members(&self) -> Vec<SocketAddr> {
        self.shared.members.read().unwrap().iter().map(|member| member.address).collect()
    }

    /// Replaces a member.
    pub fn set(&self, number: usize, address: SocketAddr) {
        self.shared.members.write().unwrap()[number] = Member::at(address);
    }

    /// Asks each member whether it is ready, and uses only those that are.
    pub fn check(&self) {
        for (number, address) in self.members().into_iter().enumerate() {
            let is_ready = is_ready(address);
            let member = &mut self.shared.members.write().unwrap()[number];
            member.is_ready = is_ready && member.address == address;
        }
    }

    pub fn set_fault(&self, fault: Option<Fault>) {
        *self.shared.fault.lock().unwrap() = fault;
    }

    /// How many connections had a fault.
    pub fn faults(&self) -> usize {
        self.shared.faults.load(Ordering::Relaxed)
    }
}

impl Shared {
    /// The next two members, which are the same if only one is ready.
    fn next(&self) -> io::Result<[SocketAddr; 2]> {
        let members = self.members.read().unwrap();
        let ready: Vec<_> = members.iter().filter(|member| member.is_ready).collect();
        if ready.is_empty() {
            return Err(io::Error::other("no member is ready"));
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        Ok([turn, turn + 1].map(|turn| ready[turn % ready.len()].address))
    }

    fn fault(&self) -> Option<Fault> {
        let fault = *self.fault.lock().unwrap();
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        let fault = fault.filter(|_| number.is_multiple_of(EVERY));
        self.faults.fetch_add(usize::from(fault.is_some()), Ordering::Relaxed);
        fault
    }

    fn pass(&self, mut client: TcpStream) -> io::Result<()> {
        let fault = self.fault();
        if fault == Some(Fault::Refuse) {
            return Ok(());
        }
        client.set_read_timeout(Some(ANSWER))?;
        let (request, is_twice) = read_request(&mut client)?;
        let [one, other] = self.next()?;
        match fault {
            Some(Fault::Swallow) => return client.read(&mut [0]).map(drop),
            Some(Fault::Abort) => return connect(one)?.write_all(&request),
            _ => {}
        }
        let answer = thread::scope(|scope| {
            let second = is_twice.then(|| scope.spawn(|| forward(other, &request)));
            let first = forward(one, &request);
            let second = second.map(|second| second.join().unwrap());
            let is_accepted =
                |answer: &io::Result<Vec<u8>>| answer.as_ref().is_ok_and(|answer| answer.starts_with(b"HTTP/1.1 200 "));
            if is_accepted(&first) { first } else { second.filter(is_accepted).unwrap_or(first) }
        })?;
        if fault == Some(Fault::LoseAnswer) {
            return Ok(());
        }
        client.write_all(&answer)
    }
}

fn connect(member: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(member)?;
    stream.set_read_timeout(Some(ANSWER))?;
    stream.set_write_timeout(Some(ANSWER))?;
    Ok(stream)
}

/// Sends a request that asks for the connection to be closed, and returns the answer.
fn forward(member: SocketAddr, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = connect(member)?;
    stream.write_all(request)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

/// A whole request, and whether it has to reach two members.
fn read_request(client: &mut TcpStream) -> io::Result<(Vec<u8>, bool)> {
    let mut request = Vec::new();
    let mut part = [0; 16 << 10];
    loop {
        let read = client.read(&mut part)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        request.extend_from_slice(&part[..read]);
        let Some(head) = request.windows(4).position(|end| end == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&request[..head]);
        let header = |name: &str| {
            let value = text.lines().filter_map(|line| line.split_once(": ")).find(|(found, _)| *found == name);
            value.map(|(_, value)| value)
        };
        let length: usize = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        if request.len() >= head + 4 + length {
            let is_twice = header(TWICE).is_some();
            return Ok((request, is_twice));
        }
    }
}
