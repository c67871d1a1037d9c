//! The ZIP file, written from its first byte to its last without going back: every entry is whole, with its sizes and
//! its checksum known, before it is begun. It must not know what the entries mean.

use std::io::{self, Write};

use countersign_core::time::Timestamp;

use super::spool::Spooled;

/// What the old fields hold at most; beyond it the numbers stand in a field of 64 bits.
const NARROW: u64 = 0xffff_ffff;
const MANY: usize = 0xffff;
/// Names are UTF-8.
const FLAGS: u16 = 1 << 11;
const DEFLATED: u16 = 8;
const WIDE: u16 = 45;
/// Made on Unix, by this version of the form.
const MADE_BY: u16 = (3 << 8) | WIDE;
/// A file that its owner alone may read and write.
const MODE: u32 = 0o100_600 << 16;

pub(super) struct Archive<W> {
    out: W,
    at: u64,
    moment: (u16, u16),
    entries: Vec<Entry>,
    narrow: u64,
}

struct Entry {
    name: String,
    crc: u32,
    packed: u64,
    length: u64,
    at: u64,
}

impl<W: Write> Archive<W> {
    /// One time for all entries.
    pub(super) fn new(out: W, made_at: Timestamp) -> Self {
        Self { out, at: 0, moment: moment(made_at), entries: Vec::new(), narrow: NARROW }
    }

    /// The same, where the old fields end sooner: for whoever has no files of four gigabytes.
    #[cfg(test)]
    pub(super) fn with_narrow(self, narrow: u64) -> Self {
        Self { narrow, ..self }
    }

    pub(super) fn add(&mut self, name: &str, spooled: Spooled) -> io::Result<()> {
        let entry = Entry {
            name: name.to_owned(),
            crc: spooled.crc,
            packed: spooled.packed,
            length: spooled.length,
            at: self.at,
        };
        let wide = entry.packed.max(entry.length) >= self.narrow;
        let mut head = Vec::with_capacity(64 + name.len());
        four(&mut head, 0x0403_4b50);
        self.same_in_both(&mut head, &entry, wide);
        two(&mut head, if wide { 20 } else { 0 });
        head.extend_from_slice(name.as_bytes());
        if wide {
            two(&mut head, 1);
            two(&mut head, 16);
            eight(&mut head, entry.length);
            eight(&mut head, entry.packed);
        }
        self.out.write_all(&head)?;
        self.at += head.len() as u64 + entry.packed;
        spooled.copy_to(&mut self.out)?;
        self.entries.push(entry);
        Ok(())
    }

    /// Writes the directory; answers with where everything went.
    pub(super) fn finish(mut self) -> io::Result<W> {
        let begin = self.at;
        for at in 0..self.entries.len() {
            let head = self.directory_line(&self.entries[at]);
            self.out.write_all(&head)?;
            self.at += head.len() as u64;
        }
        let (size, count) = (self.at - begin, self.entries.len());
        let mut end = Vec::new();
        if count >= MANY || begin.max(size) >= self.narrow {
            four(&mut end, 0x0606_4b50);
            eight(&mut end, 44);
            two(&mut end, MADE_BY);
            two(&mut end, WIDE);
            four(&mut end, 0);
            four(&mut end, 0);
            eight(&mut end, count as u64);
            eight(&mut end, count as u64);
            eight(&mut end, size);
            eight(&mut end, begin);
            four(&mut end, 0x0706_4b50);
            four(&mut end, 0);
            eight(&mut end, self.at);
            four(&mut end, 1);
        }
        four(&mut end, 0x0605_4b50);
        two(&mut end, 0);
        two(&mut end, 0);
        two(&mut end, count.min(MANY) as u16);
        two(&mut end, count.min(MANY) as u16);
        four(&mut end, self.or_all_ones(size));
        four(&mut end, self.or_all_ones(begin));
        two(&mut end, 0);
        self.out.write_all(&end)?;
        self.out.flush()?;
        Ok(self.out)
    }

    /// What stands alike before an entry and in the directory, up to the length of its name.
    fn same_in_both(&self, head: &mut Vec<u8>, entry: &Entry, wide: bool) {
        two(head, if wide { WIDE } else { 20 });
        two(head, FLAGS);
        two(head, DEFLATED);
        two(head, self.moment.1);
        two(head, self.moment.0);
        four(head, entry.crc);
        // Before the entry both numbers are wide or neither.
        four(head, if wide { u32::MAX } else { self.or_all_ones(entry.packed) });
        four(head, if wide { u32::MAX } else { self.or_all_ones(entry.length) });
        two(head, entry.name.len() as u16);
    }

    fn directory_line(&self, entry: &Entry) -> Vec<u8> {
        let wide = entry.packed.max(entry.length) >= self.narrow;
        let far = entry.at >= self.narrow;
        let mut extra = Vec::new();
        if wide || far {
            two(&mut extra, 1);
            two(&mut extra, if wide { 16 } else { 0 } + if far { 8 } else { 0 });
            if wide {
                eight(&mut extra, entry.length);
                eight(&mut extra, entry.packed);
            }
            if far {
                eight(&mut extra, entry.at);
            }
        }
        let mut head = Vec::with_capacity(80 + entry.name.len());
        four(&mut head, 0x0201_4b50);
        two(&mut head, MADE_BY);
        self.same_in_both(&mut head, entry, wide);
        two(&mut head, extra.len() as u16);
        two(&mut head, 0);
        two(&mut head, 0);
        two(&mut head, 0);
        four(&mut head, MODE);
        four(&mut head, if far { u32::MAX } else { self.or_all_ones(entry.at) });
        head.extend_from_slice(entry.name.as_bytes());
        head.extend_from_slice(&extra);
        head
    }

    fn or_all_ones(&self, number: u64) -> u32 {
        if number >= self.narrow { u32::MAX } else { u32::try_from(number).unwrap_or(u32::MAX) }
    }
}

/// Day and time as MS-DOS wrote them, in UTC.
fn moment(at: Timestamp) -> (u16, u16) {
    let at = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or_default();
    let at = at.to_zoned(jiff::tz::TimeZone::UTC).datetime();
    let small = |number: i8| u16::from(number.unsigned_abs());
    let year = (at.year() - 1980).clamp(0, 127).unsigned_abs();
    let day = (year << 9) | (small(at.month()) << 5) | small(at.day());
    (day, (small(at.hour()) << 11) | (small(at.minute()) << 5) | (small(at.second()) / 2))
}

fn two(head: &mut Vec<u8>, number: u16) {
    head.extend_from_slice(&number.to_le_bytes());
}

fn four(head: &mut Vec<u8>, number: u32) {
    head.extend_from_slice(&number.to_le_bytes());
}

fn eight(head: &mut Vec<u8>, number: u64) {
    head.extend_from_slice(&number.to_le_bytes());
}
