//! The proxy between a client and a server that says everything again.
#![allow(clippy::unwrap_used)]

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use countersign_testing::proxy::{Proxy, Upstream};

/// Says again whatever it hears; its address.
fn echo() -> Upstream {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut from, mut to) = {
                let stream = stream.unwrap();
                (stream.try_clone().unwrap(), stream)
            };
            thread::spawn(move || std::io::copy(&mut from, &mut to));
        }
    });
    Upstream::Tcp(address)
}

fn client(proxy: &Proxy) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

fn says(stream: &mut TcpStream, word: &[u8; 5]) {
    stream.write_all(word).unwrap();
    let mut heard = [0; 5];
    stream.read_exact(&mut heard).unwrap();
    assert_eq!(heard, *word);
}

/// Whether the connection is closed: an end, or an error that is no lack of patience.
fn is_closed(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0; 5]) {
        Ok(read) => read == 0,
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}

#[test]
fn cut_closes_what_is_open_and_lets_new_ones_in() {
    let proxy = Proxy::start(echo()).unwrap();
    let (mut one, mut two) = (client(&proxy), client(&proxy));
    says(&mut one, b"hello");
    says(&mut two, b"hello");
    assert_eq!(proxy.cut(), 2);
    assert!(is_closed(&mut one) && is_closed(&mut two));
    says(&mut client(&proxy), b"again");
}

#[test]
fn held_bytes_arrive_when_they_are_let_go_and_not_before() {
    let proxy = Proxy::start(echo()).unwrap();
    let mut old = client(&proxy);
    says(&mut old, b"hello");
    proxy.hold();
    old.write_all(b"later").unwrap();
    let mut new = client(&proxy);
    new.write_all(b"later").unwrap();
    for stream in [&mut old, &mut new] {
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        assert!(stream.read(&mut [0; 5]).is_err());
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    }
    proxy.let_go();
    for stream in [&mut old, &mut new] {
        let mut heard = [0; 5];
        stream.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"later");
    }
}

#[test]
fn refusing_door_closes_every_connection() {
    let proxy = Proxy::start(echo()).unwrap();
    let mut old = client(&proxy);
    says(&mut old, b"hello");
    proxy.refuse();
    assert!(is_closed(&mut old) && is_closed(&mut client(&proxy)));
    proxy.let_go();
    says(&mut client(&proxy), b"again");
}

#[test]
fn server_that_is_away_closes_the_connection_and_may_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let proxy = Proxy::start(Upstream::Unix(socket.clone())).unwrap();
    assert!(is_closed(&mut client(&proxy)));
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        std::io::copy(&mut stream.try_clone().unwrap(), &mut &stream).unwrap();
    });
    says(&mut client(&proxy), b"hello");
}

#[test]
fn dropped_proxy_takes_no_connection() {
    let proxy = Proxy::start(echo()).unwrap();
    let mut open = client(&proxy);
    says(&mut open, b"hello");
    let port = proxy.port();
    drop(proxy);
    assert!(is_closed(&mut open));
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}
