//! Sixteen symbols and how likely each is: counts, and a table of probabilities made anew from them now and
//! then.

/// A `k` from −7 to 7 is the symbol `k + 7`.
pub const LARGEST: i32 = 7;
/// Any other `k` is this symbol, and more behind it.
pub const ESCAPE: usize = 15;
/// Symbols.
pub const SYMBOLS: usize = 16;
/// Probabilities are in units of 2⁻¹⁴.
pub const PRECISION: u32 = 14;
/// What a symbol adds to its count.
const COUNT: u16 = 16;
/// Above this sum, counts are halved.
const FULL: u32 = 60_000;
/// Symbols from one making of the table to the next: at first, doubled each time, and at most.
const FIRST: u16 = 8;
const MOST: u16 = 256;

/// Counts of the symbols of `k` = 0, 1 to 7 (each for both signs) and escapes, with which a table begins:
/// a generalised Gaussian of exponent 1.5 whose mean magnitude is the class's.
const PRIOR: [[u16; 9]; CLASSES] = [
    [697, 129, 4, 2, 2, 2, 2, 2, 2],
    [574, 179, 14, 2, 2, 2, 2, 2, 2],
    [477, 205, 33, 4, 2, 2, 2, 2, 2],
    [370, 212, 66, 14, 3, 2, 2, 2, 2],
    [271, 193, 96, 38, 13, 4, 2, 2, 2],
    [199, 161, 105, 60, 31, 14, 6, 3, 3],
    [146, 128, 98, 69, 46, 29, 17, 10, 22],
    [104, 96, 82, 67, 52, 39, 29, 21, 86],
    [69, 66, 60, 54, 48, 41, 35, 29, 227],
    [40, 39, 37, 36, 34, 32, 29, 27, 455],
];

/// Classes of expected magnitudes.
pub const CLASSES: usize = 10;
/// The first expected magnitude of each class but the first, in sixteenths.
pub const CLASS_STARTS: [u8; CLASSES - 1] = [6, 8, 11, 16, 23, 32, 45, 64, 91];

/// An adaptive table.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// Symbol `s` has the probabilities from `lower[s]` to `lower[s + 1]`.
    lower: [u16; SYMBOLS + 1],
    counts: [u16; SYMBOLS],
    /// Symbols until the table is made anew.
    left: u16,
    interval: u16,
}

impl Table {
    /// A table that expects magnitudes of a class.
    pub fn new(class: usize) -> Self {
        let [zero, ones @ .., escapes] = PRIOR[class.min(CLASSES - 1)];
        let mut counts = [escapes; SYMBOLS];
        counts[LARGEST as usize] = zero;
        for (magnitude, count) in ones.into_iter().enumerate() {
            counts[LARGEST as usize + 1 + magnitude] = count;
            counts[LARGEST as usize - 1 - magnitude] = count;
        }
        let mut table = Self { lower: [0; SYMBOLS + 1], counts, left: FIRST, interval: FIRST };
        table.rebuild();
        table
    }

    /// A table that expects nothing.
    pub(super) fn flat() -> Self {
        let mut table = Self { lower: [0; SYMBOLS + 1], counts: [60; SYMBOLS], left: FIRST, interval: FIRST };
        table.rebuild();
        table
    }

    /// `⌊sum of the counts before · (2¹⁴ − 16) / sum of all⌋ + s`: no symbol is impossible.
    fn rebuild(&mut self) {
        const SHARED: u32 = (1 << PRECISION) - SYMBOLS as u32;
        let total: u32 = self.counts.iter().map(|&count| u32::from(count)).sum();
        let mut sum = 0;
        for (symbol, (lower, &count)) in self.lower.iter_mut().zip(&self.counts).enumerate() {
            *lower = (sum * SHARED / total.max(1)) as u16 + symbol as u16;
            sum += u32::from(count);
        }
        self.lower[SYMBOLS] = 1 << PRECISION;
    }

    /// The symbol that has a probability of the table.
    #[inline]
    pub(super) fn find(&self, at: u16) -> usize {
        // Without branches, which would be guessed wrong: first the quarter, then the place in it.
        let reached = |symbol: usize| usize::from(self.lower[symbol & (SYMBOLS - 1)] <= at);
        let quarter = 4 * (reached(4) + reached(8) + reached(12));
        quarter + reached(quarter + 1) + reached(quarter + 2) + reached(quarter + 3)
    }

    /// First probability and size of a symbol.
    #[inline]
    pub(super) fn range(&self, symbol: usize) -> (u32, u32) {
        let symbol = symbol & (SYMBOLS - 1);
        let start = self.lower[symbol];
        (start.into(), u32::from(self.lower[symbol + 1] - start))
    }

    /// Bits that a symbol costs now.
    #[cfg(feature = "std")]
    pub fn cost(&self, symbol: usize) -> f32 {
        PRECISION as f32 - libm::log2f(self.range(symbol).1 as f32)
    }

    /// Counts a symbol.
    #[inline]
    pub fn count(&mut self, symbol: usize) {
        self.counts[symbol & (SYMBOLS - 1)] += COUNT;
        self.left -= 1;
        if self.left == 0 {
            self.renew();
        }
    }

    #[cold]
    fn renew(&mut self) {
        self.rebuild();
        self.interval = (self.interval * 2).min(MOST);
        self.left = self.interval;
        if self.counts.iter().map(|&count| u32::from(count)).sum::<u32>() > FULL {
            self.counts.iter_mut().for_each(|count| *count = (*count).div_ceil(2));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_symbol_stays_possible() {
        for class in 0..CLASSES {
            let mut table = Table::new(class);
            for round in 0..100_000 {
                table.count(if round < 50_000 { 3 } else { 12 });
                let sizes = (0..SYMBOLS).map(|symbol| table.range(symbol).1);
                assert!(sizes.clone().all(|size| size > 0) && sizes.sum::<u32>() == 1 << PRECISION);
            }
            for symbol in 0..SYMBOLS {
                let (start, size) = table.range(symbol);
                assert_eq!(table.find(start as u16), symbol);
                assert_eq!(table.find((start + size - 1) as u16), symbol);
            }
            assert!(table.range(12).1 > 16_000, "it learns");
        }
    }
}
