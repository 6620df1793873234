// SPDX-License-Identifier: Apache-2.0
//! Choices from the bytes of a script. Where they end everything is zero, which is always the plainest choice.

/// What is left of a script.
pub(crate) struct Input<'b>(pub(crate) &'b [u8]);

impl<'b> Input<'b> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.0.split_off_first().copied().unwrap_or_default()
    }

    pub(crate) fn bytes(&mut self, len: usize) -> &'b [u8] {
        self.0.split_off(..len.min(self.0.len())).unwrap_or_default()
    }

    pub(crate) fn number(&mut self) -> usize {
        usize::from(self.byte()) << 8 | usize::from(self.byte())
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::from(self.byte()) % limit
    }

    pub(crate) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// True for one byte in so many.
    pub(crate) fn one_in(&mut self, many: u8) -> bool {
        self.byte() % many == many - 1
    }

    /// Bends `bytes` in a few places, most times in none.
    pub(crate) fn mutate(&mut self, bytes: &mut Vec<u8>) {
        let places = match self.byte() {
            0..=191 => 0,
            192..=239 => 1,
            more => usize::from(more % 4) + 1,
        };
        for _ in 0..places {
            if bytes.is_empty() {
                return;
            }
            let at = self.number() % bytes.len();
            match self.below(6) {
                0 => bytes[at] ^= 1 << self.below(8),
                1 => bytes[at] = self.byte(),
                2 => bytes.insert(at, self.byte()),
                3 => drop(bytes.remove(at)),
                4 => bytes.truncate(at),
                _ => {
                    let end = bytes.len().min(at + 1 + self.below(64));
                    bytes.extend_from_within(at..end);
                }
            }
        }
    }
}
