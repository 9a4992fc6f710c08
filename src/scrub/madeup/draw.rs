//! What is drawn for a value: a stream of bytes that only the capture's key and the value give.
//!
//! The same value draws the same under one key, so that what belonged together still does; without
//! the key, which dies with its capture, nothing leads back. A draw that hits upon a text of the
//! original is drawn again under its next number.

use hkdf::HmacImpl;
use hmac::Hmac;
use sha2::Sha256;

/// Drawn bytes, without end.
pub(super) struct Draw {
    seed: Hmac<Sha256>,
    block: [u8; 32],
    at: usize,
    number: u64,
}

impl Draw {
    /// What `key` draws for a value of this sort, for the `turn`th time.
    pub(super) fn new(key: &[u8; 32], sort: &str, value: &str, turn: u32) -> Self {
        let mut seed = Hmac::<Sha256>::new_from_slice(key);
        for field in [sort.as_bytes(), &turn.to_be_bytes(), value.as_bytes()] {
            HmacImpl::update(&mut seed, &(field.len() as u64).to_be_bytes());
            HmacImpl::update(&mut seed, field);
        }
        Self { seed, block: [0; 32], at: 32, number: 0 }
    }

    /// The next number below `most`.
    pub(super) fn below(&mut self, most: usize) -> usize {
        let bytes = [self.byte(), self.byte(), self.byte(), self.byte()];
        usize::try_from(u32::from_be_bytes(bytes)).unwrap_or(0) % most.max(1)
    }

    /// One of these.
    pub(super) fn letter(&mut self, among: &[char]) -> char {
        let place = self.below(among.len());
        among.get(place).copied().unwrap_or('x')
    }

    /// One of these, as a text of its own.
    pub(super) fn one(&mut self, among: &[&str]) -> String {
        let place = self.below(among.len());
        among.get(place).copied().unwrap_or_default().to_owned()
    }

    /// Hexadecimal digits, parted as a UUID is.
    pub(super) fn hexadecimal(&mut self, many: usize) -> String {
        let each = (0..many).map(|place| match place {
            8 | 13 | 18 | 23 => '-',
            _ => char::from_digit(u32::try_from(self.below(16)).unwrap_or(0), 16).unwrap_or('0'),
        });
        each.collect()
    }

    fn byte(&mut self) -> u8 {
        if self.at >= self.block.len() {
            let mut next = self.seed.clone();
            HmacImpl::update(&mut next, &self.number.to_be_bytes());
            self.block = HmacImpl::finalize(next).into();
            (self.number, self.at) = (self.number + 1, 0);
        }
        let byte = self.block.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        byte
    }
}
