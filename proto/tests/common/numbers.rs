// SPDX-License-Identifier: Apache-2.0
//! Numbers that look random and are the same in every run.

/// SplitMix64: small, and the same numbers in every run.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// Numbers of all sizes, those at the borders of CBOR's lengths more often.
    pub fn size(&mut self) -> u64 {
        const BORDERS: [u64; 8] = [0, 23, 24, 255, 256, 65_535, 65_536, u32::MAX as u64];
        match self.below(3) {
            0 => BORDERS[self.below(8) as usize],
            1 => self.below(30),
            _ => self.next() >> self.below(64),
        }
    }

    pub fn bytes(&mut self, max: u64) -> Vec<u8> {
        (0..self.below(max)).map(|_| self.next() as u8).collect()
    }
}
