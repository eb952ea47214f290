//! Several parts as one text to hash, each preceded by its length, so that no two lists of parts meet.
//!
//! They are joined first and hashed at one go: the hasher that takes them bit by bit costs more for a few short parts
//! than the hash itself.

use smallvec::SmallVec;

/// What names, references and a URL take; a longer text goes to the heap.
const INLINE_BYTES: usize = 256;

/// Parts, joined.
pub(crate) type Parts = SmallVec<[u8; INLINE_BYTES]>;

/// Joins parts.
pub(crate) fn joined(parts: &[&[u8]]) -> Parts {
    let mut all = Parts::new();
    for part in parts {
        all.extend_from_slice(&(part.len() as u64).to_le_bytes());
        all.extend_from_slice(part);
    }
    all
}

/// The first half of a hash, which is enough to name something by.
pub(crate) fn half(hash: &blake3::Hash) -> [u8; 16] {
    hash.as_bytes().first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_lists_of_parts_meet() {
        let lists: [&[&[u8]]; 5] =
            [&[b"ab", b"c"], &[b"a", b"bc"], &[b"abc"], &[b"", b"abc"], &[b"abc", b""]];
        for (place, list) in lists.iter().enumerate() {
            for other in &lists[..place] {
                assert_ne!(joined(list), joined(other), "{list:?}, {other:?}");
            }
        }
        let long = [b'x'; 3 * INLINE_BYTES];
        assert_eq!(joined(&[&long]).len(), 8 + long.len());
    }
}
