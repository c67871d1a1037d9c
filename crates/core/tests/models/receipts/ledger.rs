//! The ledger: entries wait in a queue, and sequencers move them into the log. Each thinks that it is the only one.

/// Entries are their numbers in the queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Ledger {
    /// The number that is given next.
    pub(super) next: u8,
    /// What can be seen in the queue, by number.
    pub(super) queue: Vec<u8>,
    pub(super) log: Vec<u8>,
    /// What stands under the latest checkpoint.
    pub(super) signed: Vec<u8>,
    pub(super) sequencers: [Option<Batch>; 2],
    pub(super) beside: Beside,
}

/// An entry of somebody else, whose transaction takes long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Beside {
    #[default]
    Unwritten,
    /// It has its number, and nobody sees it yet.
    Numbered(u8),
    Committed(u8),
}

/// What a sequencer has read, and from where it goes on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Batch {
    pub(super) size: usize,
    pub(super) rows: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    Number,
    Commit,
    Read(usize),
    Write(usize),
    Forget(usize),
    Sign,
}

/// How a sequencer is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    Not,
    HeadNotCompared,
    ClearedByNumber,
    SignedEarly,
}

impl Ledger {
    /// An event's entry, in the commit of the event.
    pub(super) fn queued(&mut self) {
        self.queue.push(self.next);
        self.next += 1;
    }

    /// An event without its entry.
    pub(super) fn forgotten(&mut self) {
        self.next += 1;
    }

    /// Everything that is committed is in the queue or in the log, once, and each history in its order.
    pub(super) fn is_whole(&self) -> bool {
        let mut all: Vec<u8> = self.log.iter().chain(&self.queue).copied().collect();
        let other = match self.beside {
            Beside::Unwritten => None,
            Beside::Numbered(number) | Beside::Committed(number) => Some(number),
        };
        let own_in_order = self.log.iter().filter(|number| Some(**number) != other).is_sorted();
        all.sort_unstable();
        let committed = |number: &u8| self.beside != Beside::Numbered(*number);
        own_in_order && (0..self.next).filter(committed).eq(all)
    }

    pub(super) fn possible(&self, moves: &mut Vec<Move>) {
        match self.beside {
            Beside::Unwritten => moves.push(Move::Number),
            Beside::Numbered(_) => moves.push(Move::Commit),
            Beside::Committed(_) => {}
        }
        for at in 0..2 {
            if self.sequencers[at].is_some() {
                moves.extend([Move::Write(at), Move::Forget(at)]);
            } else if !self.queue.is_empty() && (at == 0 || self.sequencers[0].is_some()) {
                moves.push(Move::Read(at));
            }
        }
        if self.log != self.signed {
            moves.push(Move::Sign);
        }
    }

    pub(super) fn take(&mut self, step: Move, broken: Broken) {
        match step {
            Move::Number => {
                self.beside = Beside::Numbered(self.next);
                self.next += 1;
            }
            Move::Commit => {
                if let Beside::Numbered(number) = self.beside {
                    self.queue.push(number);
                    self.queue.sort_unstable();
                    self.beside = Beside::Committed(number);
                }
            }
            Move::Read(at) => {
                let batch = Batch { size: self.log.len(), rows: self.queue.clone() };
                if broken == Broken::SignedEarly {
                    self.signed = self.log.iter().chain(&batch.rows).copied().collect();
                }
                self.sequencers[at] = Some(batch);
            }
            Move::Write(at) => {
                if let Some(batch) = self.sequencers[at].take() {
                    self.write(&batch, broken);
                }
            }
            Move::Forget(at) => self.sequencers[at] = None,
            Move::Sign => self.signed.clone_from(&self.log),
        }
        // The sequencers are alike.
        self.sequencers.sort();
        self.sequencers.reverse();
    }

    /// One transaction, which ends with the head, from the size that was read.
    fn write(&mut self, batch: &Batch, broken: Broken) {
        if self.log.len() != batch.size && broken != Broken::HeadNotCompared {
            return;
        }
        self.log.truncate(batch.size);
        self.log.extend(&batch.rows);
        let highest = batch.rows.iter().max();
        self.queue.retain(|number| match broken {
            Broken::ClearedByNumber => Some(number) > highest,
            Broken::Not | Broken::HeadNotCompared | Broken::SignedEarly => !batch.rows.contains(number),
        });
    }
}
