//! What lies in Redis, where others may have written.

use super::content::{Claim, MAX_BYTES};

#[test]
fn a_claim_that_is_read_is_written_in_its_bound_and_read_the_same() {
    crate::fuzz::run("claim", |bytes| {
        let Some(claim) = Claim::unpack(bytes) else { return };
        let packed = claim.pack(&[]);
        assert!(packed.len() <= MAX_BYTES, "one larger value would turn a bucket into a hash table");
        let again = Claim::unpack(&packed).expect("what was packed can be unpacked");
        let head = |claim: &Claim| (claim.run, claim.ticket, claim.written_secs, claim.first);
        assert_eq!(head(&again), head(&claim));
        assert_eq!(again.pack(&[]), packed);
    });
}
