//! A generation's filter: which identities it has certainly never seen.
//!
//! A filter that wrongly says "never seen" would let a duplicate through, so a stored one is
//! believed only if its checksum holds; who stores it also looks whether it knows its table
//! (another version of the filter's crate may place bits elsewhere).

use fastbloom::BloomFilter;

use super::Id;
use crate::bounds;

/// Bits that an identity sets: the best number for [`bounds::IDENTITY_FILTER_BITS`].
const PROBES: u32 = 11;

/// See the header.
pub(super) struct Filter {
    seed: u64,
    bits: BloomFilter,
}

impl Filter {
    /// An empty one with room for so many identities. Its hashes are ours, so its crate's seed does
    /// not matter.
    pub(super) fn with_room(identities: usize, seed: u64) -> Self {
        let bits = identities.max(1).saturating_mul(bounds::IDENTITY_FILTER_BITS);
        Self { seed, bits: BloomFilter::with_num_bits(bits).seed(&0).hashes(PROBES) }
    }

    /// A stored one; `None` if these are not the bytes that were stored for this generation.
    pub(super) fn stored(
        blob: Option<&[u8]>,
        crc: Option<u32>,
        seed: u64,
        of: i64,
    ) -> Option<Self> {
        let blob = blob?;
        if blob.is_empty() || Some(checksum(blob, seed, of)) != crc {
            return None;
        }
        let (words, rest) = blob.as_chunks::<8>();
        if !rest.is_empty() {
            return None;
        }
        let words = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
        Some(Self { seed, bits: BloomFilter::from_vec(words).seed(&0).hashes(PROBES) })
    }

    /// Its bytes and their checksum, to be stored for a generation.
    pub(super) fn bytes(&self, of: i64) -> (Vec<u8>, u32) {
        let blob: Vec<u8> = self.bits.iter().flat_map(u64::to_le_bytes).collect();
        let crc = checksum(&blob, self.seed, of);
        (blob, crc)
    }

    /// Takes an identity in.
    pub(super) fn add(&mut self, id: &Id) {
        self.bits.insert_hash(hash(self.seed, id));
    }

    /// Whether it may have seen what has this hash.
    pub(super) fn may_know(&self, hash: u64) -> bool {
        self.bits.contains_hash(hash)
    }
}

fn checksum(blob: &[u8], seed: u64, of: i64) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&seed.to_le_bytes());
    crc.update(&of.to_le_bytes());
    crc.update(blob);
    crc.finalize()
}

/// An identity is a keyed digest already; the seed only keeps two journals' filters apart.
pub(super) fn hash(seed: u64, id: &Id) -> u64 {
    let bits = u128::from_le_bytes(*id);
    let folded = (bits as u64) ^ ((bits >> 64) as u64).rotate_left(29) ^ seed;
    let mixed = (folded ^ (folded >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ (mixed >> 29)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_generation_costs_the_memory_that_the_header_says() {
        let size = bounds::IDENTITY_GENERATION_EVENTS;
        assert_eq!(Filter::with_room(size, 1).bits.num_bits() / 8, 200_000);
    }
}
