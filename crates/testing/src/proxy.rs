//! A TCP door in front of a server, that can cut its connections or hold them: a network that fails.
//! It forwards bytes and understands none of them.

mod wire;

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

pub use wire::Upstream;
use wire::Wire;

const CHUNK: usize = 32 * 1024;

/// A door on 127.0.0.1; its port stays the same whatever happens behind it. Dropped, it cuts what is open.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    upstream: Upstream,
    gate: Mutex<Gate>,
    opened: Condvar,
}

#[derive(Debug, Default)]
struct Gate {
    held: bool,
    refusing: bool,
    stopped: bool,
    next: u64,
    /// Both ends of what is open, to cut it.
    open: BTreeMap<u64, [Wire; 2]>,
}

impl Shared {
    /// Plain data: a panic elsewhere leaves nothing half done in it.
    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while the door is held. Whether it still stands then.
    fn pass(&self) -> bool {
        let mut gate = self.gate();
        while gate.held && !gate.stopped {
            gate = self.opened.wait(gate).unwrap_or_else(PoisonError::into_inner);
        }
        !gate.stopped
    }
}

impl Proxy {
    /// Opens a door in front of a server. Whether the server is there is asked with each connection.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start(upstream: Upstream) -> io::Result<Proxy> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared { upstream, gate: Mutex::new(Gate::default()), opened: Condvar::new() });
        let listener = thread::spawn({
            let shared = Arc::clone(&shared);
            move || listen(&listener, &shared)
        });
        Ok(Proxy { port, shared, listener: Some(listener) })
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Closes every connection that is open; answers how many. New ones are let in.
    pub fn cut(&self) -> usize {
        let open = std::mem::take(&mut self.shared.gate().open);
        for wire in open.values().flatten() {
            wire.close();
        }
        open.len()
    }

    /// From now on not a byte passes, in either direction, and nobody is told: connections stand open and silent.
    pub fn hold(&self) {
        self.shared.gate().held = true;
    }

    /// Lets pass what was held back, and takes connections again.
    pub fn let_go(&self) {
        let mut gate = self.shared.gate();
        gate.held = false;
        gate.refusing = false;
        drop(gate);
        self.shared.opened.notify_all();
    }

    /// Cuts what is open, and closes every new connection at once.
    pub fn refuse(&self) {
        self.shared.gate().refusing = true;
        self.cut();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.gate().stopped = true;
        self.shared.opened.notify_all();
        self.cut();
        // Wakes the listener, so that it sees that it is over.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        if let Some(listener) = self.listener.take() {
            drop(listener.join());
        }
    }
}

fn listen(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        let Ok(client) = client else { continue };
        if shared.gate().stopped {
            return;
        }
        let shared = Arc::clone(shared);
        // A connection that cannot be made is closed by being dropped; the client sees that.
        thread::spawn(move || drop(connect(client, &shared)));
    }
}

fn connect(client: TcpStream, shared: &Arc<Shared>) -> io::Result<()> {
    if !shared.pass() || shared.gate().refusing {
        return Ok(());
    }
    let server = shared.upstream.connect()?;
    client.set_nodelay(true)?;
    let client = Wire::Tcp(client);
    let pair = [client.again()?, server.again()?];
    let number = {
        let mut gate = shared.gate();
        if gate.stopped || gate.refusing {
            return Ok(());
        }
        gate.next += 1;
        let number = gate.next;
        gate.open.insert(number, pair);
        number
    };
    let (from_server, to_client) = (server.again()?, client.again()?);
    let back = thread::spawn({
        let shared = Arc::clone(shared);
        move || forward(from_server, to_client, &shared)
    });
    forward(client, server, shared);
    drop(back.join());
    shared.gate().open.remove(&number);
    Ok(())
}

/// Until one end closes; then both are.
fn forward(mut from: Wire, mut to: Wire, shared: &Shared) {
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = match from.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        let part = chunk.get(..read).unwrap_or_default();
        if !shared.pass() || to.write_all(part).is_err() {
            break;
        }
    }
    // A door that is held tells nobody that the other end is gone.
    shared.pass();
    from.close();
    to.close();
}
