//! One conversation with one client.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{At, Encryption, Received, Shared};

/// Longer lines are no mail.
const LINE_LIMIT: u64 = 64 * 1024;

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// What the client has said so far.
#[derive(Default)]
struct Envelope {
    from: Option<String>,
    to: Vec<String>,
}

struct Session<'a> {
    // BufReader reads from and, through `get_mut`, writes to the same stream.
    stream: BufReader<Box<dyn Stream>>,
    shared: &'a Shared,
    encryption: Encryption,
    encrypted: bool,
    user: Option<String>,
    envelope: Envelope,
}

/// How a conversation goes on after a command.
enum Next {
    Continue,
    Encrypt,
    Quit,
}

/// Holds the conversation until the client quits or goes away.
pub(super) fn serve(
    tcp: TcpStream,
    shared: &Shared,
    encryption: Encryption,
    config: Option<Arc<ServerConfig>>,
) -> io::Result<()> {
    let plain = tcp.try_clone()?;
    let encrypt = |tcp: TcpStream| -> io::Result<Box<dyn Stream>> {
        let config = config.clone().ok_or_else(|| io::Error::other("this sink has no certificate"))?;
        let connection = ServerConnection::new(config).map_err(io::Error::other)?;
        Ok(Box::new(StreamOwned::new(connection, tcp)))
    };
    let encrypted = encryption == Encryption::Tls;
    let stream = if encrypted { encrypt(plain)? } else { Box::new(plain) };
    let mut session = Session {
        stream: BufReader::new(stream),
        shared,
        encryption,
        encrypted,
        user: None,
        envelope: Envelope::default(),
    };
    if !session.answer_at(At::Connect, "220 localhost sink")? {
        return Ok(());
    }
    while let Some(line) = session.line()? {
        match session.command(&line)? {
            Next::Continue => {}
            Next::Quit => return Ok(()),
            Next::Encrypt => {
                // A new reader: what the client sent in clear before the handshake must not count afterwards.
                session.stream = BufReader::new(encrypt(tcp.try_clone()?)?);
                session.encrypted = true;
                session.user = None;
                session.envelope = Envelope::default();
            }
        }
    }
    Ok(())
}

impl Session<'_> {
    fn command(&mut self, line: &str) -> io::Result<Next> {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => self.ehlo()?,
            "HELO" => self.say("250 localhost")?,
            "STARTTLS" if self.encryption == Encryption::StartTls && !self.encrypted => {
                self.say("220 go ahead")?;
                return Ok(Next::Encrypt);
            }
            "AUTH" => self.auth(rest)?,
            "MAIL" => self.mail(rest)?,
            "RCPT" => self.rcpt(rest)?,
            "DATA" => self.data()?,
            "RSET" => {
                self.envelope = Envelope::default();
                self.say("250 forgotten")?;
            }
            "NOOP" => self.say("250 still here")?,
            "QUIT" => {
                self.say("221 bye")?;
                return Ok(Next::Quit);
            }
            _ => self.say("502 5.5.1 not understood")?,
        }
        Ok(Next::Continue)
    }

    fn ehlo(&mut self) -> io::Result<()> {
        self.envelope = Envelope::default();
        let mut lines = vec!["localhost", "8BITMIME"];
        if self.encryption == Encryption::StartTls && !self.encrypted {
            lines.push("STARTTLS");
        }
        if self.shared.state().login.is_some() {
            lines.push("AUTH PLAIN LOGIN");
        }
        let last = lines.len() - 1;
        let answer: Vec<_> = lines
            .iter()
            .enumerate()
            .map(|(at, line)| format!("250{}{line}", if at == last { ' ' } else { '-' }))
            .collect();
        self.say(&answer.join("\r\n"))
    }

    fn auth(&mut self, rest: &str) -> io::Result<()> {
        let Some(login) = self.shared.state().login.clone() else {
            return self.say("502 5.5.1 no login here");
        };
        let (how, first) = rest.split_once(' ').unwrap_or((rest, ""));
        let given = match how.to_ascii_uppercase().as_str() {
            "PLAIN" => {
                let coded = if first.is_empty() { self.ask("334 ")? } else { first.to_owned() };
                let text = decoded(&coded);
                let mut parts = text.split('\0').skip(1).map(str::to_owned);
                (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
            }
            "LOGIN" => {
                let user = if first.is_empty() { self.ask("334 VXNlcm5hbWU6")? } else { first.to_owned() };
                (decoded(&user), decoded(&self.ask("334 UGFzc3dvcmQ6")?))
            }
            _ => return self.say("504 5.5.4 no such way to log in"),
        };
        if given == login {
            self.user = Some(given.0);
            self.say("235 2.7.0 welcome")
        } else {
            self.say("535 5.7.8 wrong user or password")
        }
    }

    fn mail(&mut self, rest: &str) -> io::Result<()> {
        if self.encryption == Encryption::StartTls && !self.encrypted {
            return self.say("530 5.7.0 STARTTLS first");
        }
        if self.user.is_none() && self.shared.state().login.is_some() {
            return self.say("530 5.7.0 log in first");
        }
        match address(rest, "FROM:") {
            None => self.say("501 5.5.4 MAIL FROM:<address>"),
            Some(from) => {
                if self.answer_at(At::Mail, "250 ok")? {
                    self.envelope = Envelope { from: Some(from), to: Vec::new() };
                }
                Ok(())
            }
        }
    }

    fn rcpt(&mut self, rest: &str) -> io::Result<()> {
        if self.envelope.from.is_none() {
            return self.say("503 5.5.1 MAIL first");
        }
        match address(rest, "TO:") {
            None => self.say("501 5.5.4 RCPT TO:<address>"),
            Some(to) => {
                if self.answer_at(At::Rcpt, "250 ok")? {
                    self.envelope.to.push(to);
                }
                Ok(())
            }
        }
    }

    fn data(&mut self) -> io::Result<()> {
        if self.envelope.to.is_empty() {
            return self.say("503 5.5.1 RCPT first");
        }
        if !self.answer_at(At::Data, "354 go on, end with a dot")? {
            return Ok(());
        }
        let mut data = Vec::new();
        loop {
            // The end of the stream in the middle of a mail: there is no mail.
            let line = self.raw_line()?.ok_or(io::ErrorKind::UnexpectedEof)?;
            if line == b".\r\n" {
                break;
            }
            data.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
        let envelope = std::mem::take(&mut self.envelope);
        if let Some(refusal) = self.refusal(At::Text) {
            return self.say(&refusal);
        }
        // Kept before it is confirmed: whoever was told `250` finds it.
        let received = Received {
            from: envelope.from.unwrap_or_default(),
            to: envelope.to,
            data,
            encrypted: self.encrypted,
            user: self.user.clone(),
        };
        self.shared.state().mails.push(received);
        self.shared.arrived.notify_all();
        self.say("250 2.0.0 kept")
    }

    /// Says `ok` and returns true, or the refusal that a test has set for this point.
    fn answer_at(&mut self, at: At, ok: &str) -> io::Result<bool> {
        match self.refusal(at) {
            Some(refusal) => self.say(&refusal).map(|()| false),
            None => self.say(ok).map(|()| true),
        }
    }

    fn refusal(&self, at: At) -> Option<String> {
        self.shared.state().refusals.get(&at).cloned()
    }

    fn ask(&mut self, question: &str) -> io::Result<String> {
        self.say(question)?;
        self.line()?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    fn say(&mut self, answer: &str) -> io::Result<()> {
        let delay = self.shared.state().delay;
        if !delay.is_zero() {
            thread::sleep(delay);
        }
        let stream = self.stream.get_mut();
        stream.write_all(format!("{answer}\r\n").as_bytes())?;
        stream.flush()
    }

    fn line(&mut self) -> io::Result<Option<String>> {
        Ok(self.raw_line()?.map(|line| String::from_utf8_lossy(&line).trim_end().to_owned()))
    }

    fn raw_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let read = (&mut self.stream).take(LINE_LIMIT).read_until(b'\n', &mut line)?;
        Ok((read > 0).then_some(line))
    }
}

/// The address of `FROM:<a@b> …` or `TO:<a@b>`; empty for `<>`.
fn address(rest: &str, keyword: &str) -> Option<String> {
    let given = rest.get(..keyword.len()).filter(|start| start.eq_ignore_ascii_case(keyword))?;
    let path = rest[given.len()..].trim_start().strip_prefix('<')?;
    Some(path.split_once('>')?.0.to_owned())
}

fn decoded(coded: &str) -> String {
    STANDARD
        .decode(coded)
        .map_or_else(|_| String::new(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
}
