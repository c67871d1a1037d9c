//! The real server as a process of its own: started, killed, stopped. The story reaches it by its address alone.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use countersign_client::{Body, Client, Method, Options};
use serde_json::Value;

/// How long a start, or a stop, may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server that may be running.
pub(super) struct Server {
    config: PathBuf,
    log: PathBuf,
    running: Option<Running>,
}

struct Running {
    child: Child,
    url: String,
    /// Kept open: a server whose listener hung up could not say anything more.
    _out: BufReader<ChildStdout>,
}

impl Server {
    /// One that is not running yet. What it logs goes into the file `log`.
    pub(super) fn new(config: &Path, log: &Path) -> Self {
        Self { config: config.to_owned(), log: log.to_owned(), running: None }
    }

    /// Starts it, and waits until it says that it is ready.
    pub(super) async fn start(&mut self) -> anyhow::Result<()> {
        let log = std::fs::File::options().create(true).append(true).open(&self.log)?;
        let mut child = self
            .command()?
            .args(["serve", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .context("the server cannot be started")?;
        let mut out = BufReader::new(child.stdout.take().context("the server has no output")?);
        let mut said = String::new();
        out.read_line(&mut said)?;
        let Some(url) = said.trim().strip_prefix("listening on ").map(str::to_owned) else {
            let _ = child.kill();
            let _ = child.wait();
            bail!("the server did not start; {} says why", self.log.display());
        };
        self.running = Some(Running { child, url, _out: out });
        self.until_ready().await
    }

    async fn until_ready(&self) -> anyhow::Result<()> {
        let client = self.client()?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let ready: Result<Value, _> = client.call(Method::GET, "readyz", Body::<()>::Empty, None).await;
            match ready {
                Ok(_) => return Ok(()),
                Err(error) => ensure!(Instant::now() < deadline, "the server is not ready: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A client without a token.
    pub(super) fn client(&self) -> anyhow::Result<Client> {
        let running = self.running.as_ref().context("the server is not running")?;
        Ok(Client::new(&running.url, &Options::default())?)
    }

    /// Its address.
    pub(super) fn url(&self) -> &str {
        self.running.as_ref().map_or("nowhere", |running| &running.url)
    }

    /// `kill -9`.
    pub(super) fn kill(&mut self) -> anyhow::Result<()> {
        let mut running = self.running.take().context("the server is not running")?;
        running.child.kill()?;
        running.child.wait()?;
        Ok(())
    }

    /// Asks it to stop, as Ctrl-C does, and waits until it has.
    pub(super) async fn stop(&mut self) -> anyhow::Result<ExitStatus> {
        let mut running = self.running.take().context("the server is not running")?;
        // The shell's own `kill`: a program of that name need not be installed.
        let pid = running.child.id().to_string();
        let told = Command::new("sh").args(["-c", "kill -INT \"$0\"", &pid]).status()?;
        ensure!(told.success(), "the server could not be told to stop");
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = running.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() > deadline {
                running.child.kill()?;
                running.child.wait()?;
                bail!("the server did not stop within {} s", PATIENCE.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Runs another command of the same program to its end; answers whether it went well, and what it said.
    pub(super) fn run(&self, arguments: &[&str]) -> anyhow::Result<(bool, String)> {
        let output = self.command()?.args(arguments).output()?;
        let said = [output.stdout, output.stderr].concat();
        Ok((output.status.success(), String::from_utf8_lossy(&said).trim().to_owned()))
    }

    fn command(&self) -> anyhow::Result<Command> {
        let mut command = Command::new(std::env::current_exe().context("this program does not find itself")?);
        command.arg("--config").arg(&self.config).stdin(Stdio::null());
        Ok(command)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // However the story ended, nothing of it goes on.
        if self.running.is_some() {
            let _ = self.kill();
        }
    }
}
