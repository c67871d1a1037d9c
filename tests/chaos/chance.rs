//! Numbers from a seed (SplitMix64).

/// A row of numbers that its seed tells.
pub(crate) struct Chance(u64);

impl Chance {
    /// The row of a seed.
    pub(crate) fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// Another row, told by this one.
    pub(crate) fn branch(&mut self) -> Self {
        Self(self.next())
    }

    /// From 0, below the limit.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// The same as a place in a list.
    pub(crate) fn place(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }

    /// Puts a list into another order.
    pub(crate) fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            list.swap(last, self.place(last + 1));
        }
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
