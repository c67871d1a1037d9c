//! Work that is turned by hand. Whatever the service does stops at a gate before and after each call of a port; the
//! simulation says who goes on. So what is interleaved, cut off or put to sleep repeats with the seed.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use crate::chance::Chance;

thread_local! {
    /// The gate of the task that is being polled; none while the simulation looks for itself.
    static OWN: RefCell<Option<Arc<Gate>>> = const { RefCell::new(None) };
}

/// Where a task waits until it is let through.
#[derive(Default)]
pub(crate) struct Gate(Mutex<Turn>);

#[derive(Default)]
struct Turn {
    waits: bool,
    go: bool,
}

impl Gate {
    /// The gate of whoever calls a port now.
    pub(crate) fn own() -> Option<Arc<Gate>> {
        OWN.with(|own| own.borrow().clone())
    }

    pub(crate) async fn pass(&self) {
        let mut asked = false;
        poll_fn(|_| {
            let mut turn = self.0.lock().unwrap();
            if asked && turn.go {
                *turn = Turn::default();
                return Poll::Ready(());
            }
            asked = true;
            turn.waits = true;
            Poll::Pending
        })
        .await;
    }

    fn is_waited_at(&self) -> bool {
        self.0.lock().unwrap().waits
    }
}

/// Something that the service does, as far as it was let.
pub(crate) struct Task<T> {
    gate: Arc<Gate>,
    future: Pin<Box<dyn Future<Output = T> + Send>>,
    /// Whether it waits for another task, at a lock.
    blocked: bool,
}

/// How far a task came.
enum Came<T> {
    End(T),
    Gate,
    Nowhere,
}

/// How often a task that waits for what is no port, such as a file, is looked at again before it counts as waiting for
/// another. Looks and not a time: on a machine that is busy, the file waits as well.
const PATIENCE: u32 = 20_000;

impl<T> Task<T> {
    pub(crate) fn new(future: impl Future<Output = T> + Send + 'static) -> Self {
        Self { gate: Arc::default(), future: Box::pin(future), blocked: false }
    }

    /// Lets it through the gate where it stands, and on to the next, or to its end.
    async fn go(&mut self) -> Came<T> {
        let mut looks = 0;
        if !self.blocked {
            self.gate.0.lock().unwrap().go = true;
        }
        loop {
            let came = poll_fn(|context| Poll::Ready(self.poll(context))).await;
            match came {
                Came::Nowhere if self.blocked || looks > PATIENCE => {
                    self.blocked = true;
                    tokio::task::yield_now().await;
                    return Came::Nowhere;
                }
                Came::Nowhere => {
                    looks += 1;
                    tokio::task::yield_now().await;
                }
                came => {
                    self.blocked = false;
                    return came;
                }
            }
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Came<T> {
        OWN.with(|own| *own.borrow_mut() = Some(Arc::clone(&self.gate)));
        let polled = self.future.as_mut().poll(context);
        OWN.with(|own| *own.borrow_mut() = None);
        match polled {
            Poll::Ready(answer) => Came::End(answer),
            Poll::Pending if self.gate.is_waited_at() => Came::Gate,
            Poll::Pending => Came::Nowhere,
        }
    }

    pub(crate) async fn to_the_end(&mut self) -> T {
        loop {
            if let Came::End(answer) = self.go().await {
                return answer;
            }
        }
    }
}

/// What becomes of a task that is stopped on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nobody waits for it any more; it is dropped, and it alone.
    Dropped,
    /// Its node died, and all that it did.
    Dies,
    /// Its node was put to sleep, and goes on some time.
    Sleeps,
}

/// Which of several tasks is stopped, and at which gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stop {
    pub(crate) task: usize,
    pub(crate) gate: u32,
    pub(crate) fate: Fate,
}

/// Turns several tasks at once, each step of whichever `order` says. Answers with what each came to, in their order,
/// and with those that were stopped with their node.
pub(crate) async fn turn<T>(
    tasks: Vec<Task<T>>,
    order: u64,
    stop: Option<Stop>,
) -> (Vec<Option<T>>, Vec<Task<T>>) {
    let mut chance = Chance(order);
    let mut answers: Vec<Option<T>> = tasks.iter().map(|_| None).collect();
    let mut left: Vec<(usize, u32, Task<T>)> =
        tasks.into_iter().enumerate().map(|(at, task)| (at, 0, task)).collect();
    while !left.is_empty() {
        let turn = chance.below(left.len());
        let (at, gates, task) = &mut left[turn];
        match task.go().await {
            Came::End(answer) => {
                answers[*at] = Some(answer);
                left.remove(turn);
            }
            Came::Nowhere => {}
            Came::Gate => {
                *gates += 1;
                match stop.filter(|stop| (stop.task, stop.gate) == (*at, *gates)) {
                    Some(Stop { fate: Fate::Dropped, .. }) => drop(left.remove(turn)),
                    Some(_) => return (answers, left.into_iter().map(|(_, _, task)| task).collect()),
                    None => {}
                }
            }
        }
    }
    (answers, Vec::new())
}
