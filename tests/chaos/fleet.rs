//! The nodes as processes that can be killed, stopped and woken, each with doors of its own to store and shop.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use countersign_testing::leash::Leash;
use countersign_testing::postgres::cluster::Cluster;
use countersign_testing::process::{Signal, signal};
use countersign_testing::proxy::{Proxy, Upstream};

use crate::directory::Directory;
use crate::installation::{BINARY, Installation};
use crate::shop::Shop;

/// The store's database.
pub(crate) const DATABASE: &str = "countersign";
/// How long a node may take to come up, or to be ready again.
const WITHIN: Duration = Duration::from_secs(120);

/// A node.
struct Node {
    folder: PathBuf,
    child: Option<Child>,
    /// To the servers of the store, in their places.
    store: Vec<Proxy>,
    shop: Proxy,
}

/// All nodes.
pub(crate) struct Fleet {
    nodes: Vec<Node>,
    directory: Arc<Directory>,
    leash: Leash,
    /// Last, so that the nodes are gone before their folders.
    installation: Installation,
}

impl Fleet {
    /// A new installation of so many nodes, all of which serve.
    pub(crate) fn begin(nodes: usize, store: &Cluster, shop: &Shop, limit: u32) -> Self {
        Self::with_officers(nodes, store, shop, limit, 0)
    }

    /// The same with so many officers beside the two.
    pub(crate) fn with_officers(
        nodes: usize,
        store: &Cluster,
        shop: &Shop,
        limit: u32,
        officers: usize,
    ) -> Self {
        store.run("postgres", &format!("CREATE DATABASE {DATABASE}")).unwrap();
        let door = |socket: &PathBuf| Proxy::start(Upstream::Unix(socket.clone())).unwrap();
        let doors: Vec<(Vec<Proxy>, Proxy)> =
            (0..nodes).map(|_| (store.sockets().iter().map(door).collect(), door(&shop.socket()))).collect();
        let address = |(node, (store, shop)): (usize, &(Vec<Proxy>, Proxy))| {
            let ports: Vec<u16> = store.iter().map(Proxy::port).collect();
            (Cluster::url_through(&ports, DATABASE), Shop::url(node, shop.port()))
        };
        let addresses: Vec<_> = doors.iter().enumerate().map(address).collect();
        let installation = Installation::new(&addresses, limit, officers);
        installation.begin(nodes);
        let directory = Arc::new(Directory::new(nodes, &installation.tokens()));
        let node = |(node, (store, shop)): (usize, (Vec<Proxy>, Proxy))| Node {
            folder: installation.node(node),
            child: None,
            store,
            shop,
        };
        let leash = Leash::of(Path::new(BINARY)).unwrap();
        let nodes_at_rest = doors.into_iter().enumerate().map(node).collect();
        let mut fleet = Self { nodes: nodes_at_rest, directory, leash, installation };
        (0..nodes).for_each(|node| fleet.start(node));
        fleet
    }

    pub(crate) fn installation(&self) -> &Installation {
        &self.installation
    }

    /// Where the nodes answer.
    pub(crate) fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    /// How many nodes there are.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The doors of a node to the servers of the store.
    pub(crate) fn store_doors(&self, node: usize) -> &[Proxy] {
        &self.nodes[node].store
    }

    /// The door of a node to the shop.
    pub(crate) fn shop_door(&self, node: usize) -> &Proxy {
        &self.nodes[node].shop
    }

    /// Starts a node, again if it has to be, and waits until it answers. The store must be there or come back.
    pub(crate) fn start(&mut self, node: usize) {
        let deadline = Instant::now() + WITHIN;
        loop {
            if let Some(url) = self.try_start(node, deadline) {
                return self.directory.enter(node, Some(&url));
            }
            assert!(Instant::now() < deadline, "node {node} did not start: {}", self.log(node));
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn try_start(&mut self, node: usize, deadline: Instant) -> Option<String> {
        let it = &mut self.nodes[node];
        let log = File::options().create(true).append(true).open(it.folder.join("log")).unwrap();
        let mut child = Command::new(BINARY)
            .args(["serve", "--listen", "127.0.0.1:0"])
            .current_dir(&it.folder)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        self.leash.hold(child.id()).unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (told, hears) = mpsc::channel();
        std::thread::spawn(move || {
            let mut lines = out.lines().map_while(Result::ok);
            let url = lines.find_map(|line| line.strip_prefix("listening on ").map(str::to_owned));
            // Nobody listens any more when it took too long.
            let _ = told.send(url);
        });
        let left = deadline.saturating_duration_since(Instant::now());
        if let Ok(Some(url)) = hears.recv_timeout(left) {
            it.child = Some(child);
            return Some(url);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        None
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self, node: usize) {
        self.directory.enter(node, None);
        let mut child = self.nodes[node].child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Asks a node to stop, and waits until it has, in good order.
    pub(crate) fn terminate(&mut self, node: usize) {
        let mut child = self.nodes[node].child.take().unwrap();
        signal(Signal::Terminate, &[child.id()]).unwrap();
        let deadline = Instant::now() + WITHIN;
        let ended = loop {
            if let Some(ended) = child.try_wait().unwrap() {
                break ended;
            }
            assert!(Instant::now() < deadline, "node {node} did not stop: {}", self.log(node));
            std::thread::sleep(Duration::from_millis(20));
        };
        self.directory.enter(node, None);
        assert!(ended.success(), "node {node} did not stop in good order: {}", self.log(node));
    }

    /// Puts a node to sleep where it stands. Its callers are not told.
    pub(crate) fn put_to_sleep(&self, node: usize) {
        signal(Signal::Stop, &[self.nodes[node].child.as_ref().unwrap().id()]).unwrap();
    }

    /// Wakes a node.
    pub(crate) fn wake(&self, node: usize) {
        signal(Signal::Continue, &[self.nodes[node].child.as_ref().unwrap().id()]).unwrap();
    }

    /// Waits until a node says of itself that it is ready; how long that took.
    pub(crate) fn wait_until_ready(&self, node: usize, runtime: &tokio::runtime::Runtime) -> Duration {
        let began = Instant::now();
        loop {
            let client = self.directory.anybody(node).unwrap();
            let mut answer = Vec::new();
            if runtime.block_on(client.download("readyz", &mut answer, |_, _| {})).is_ok() {
                return began.elapsed();
            }
            assert!(began.elapsed() < WITHIN, "node {node} is not ready for ever: {}", self.log(node));
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The end of what a node wrote into its log.
    pub(crate) fn log(&self, node: usize) -> String {
        let text = std::fs::read_to_string(self.nodes[node].folder.join("log")).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for node in 0..self.nodes.len() {
            if self.nodes[node].child.is_some() {
                self.kill(node);
            }
        }
        if std::thread::panicking() && std::env::var_os("COUNTERSIGN_KEEP").is_some() {
            eprintln!("kept: {}", self.installation.keep().display());
        }
    }
}
