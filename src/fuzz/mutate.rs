//! Makes new inputs from kept ones: the same ones for the same target.

use rand::{RngExt as _, SeedableRng as _, rngs::Xoshiro256PlusPlus};

/// What decoders branch on: the marks of all our dialects, and the values at the edges of numbers and texts.
const TOKENS: [&[u8]; 48] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b":",
    b",",
    b"\\",
    b"null",
    b"true",
    b"-0",
    b"1e400",
    b"0.5",
    b"9223372036854775808",
    b"\\ud800",
    b"\\u0000",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\0",
    b"\xc3",
    b"\r\n",
    b"\n",
    b"&",
    b"=",
    b"+",
    b"%",
    b"%00",
    b"%2B",
    b"%zz",
    b"#",
    b"*",
    b"10",
    b"01",
    b"v4.local.",
    b".",
    b"--x",
    b"--x--",
    b"\r\n\r\n",
    b"; filename=\"f\"",
    b"VGf1",
    b"\xff\xff\xff\xff",
    b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
    b"sig=",
    b"answers",
    b"[[",
    b"'''",
    b"2026-11-21T20:00:00Z",
    b"\x1f",
];
/// Longer than any bound on a name, shorter than a body.
const REPEATS: usize = 300;
/// An input grows to this at the most.
const INPUT_BYTES: usize = 1 << 16;

/// Mutates the inputs of one target.
pub(super) struct Mutator(Xoshiro256PlusPlus);

impl Mutator {
    /// Seeded by the target's name.
    pub(super) fn new(target: &str) -> Self {
        Self(Xoshiro256PlusPlus::from_seed(
            blake3::hash(target.as_bytes()).as_bytes()[..32].try_into().unwrap(),
        ))
    }

    /// One of the inputs, in turn, with one to eight changes.
    pub(super) fn mutate(&mut self, kept: &[Vec<u8>], turn: usize) -> Vec<u8> {
        let mut input = kept[turn % kept.len()].clone();
        for _ in 0..self.0.random_range(1..=8) {
            self.change(&mut input, kept);
        }
        input.truncate(INPUT_BYTES);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, kept: &[Vec<u8>]) {
        let at = self.0.random_range(0..=input.len());
        let until = self.0.random_range(at..=input.len().min(at + 16));
        match self.0.random_range(0..8) {
            0 => self.flip(input),
            1 => _ = input.splice(at..until, self.token().iter().copied()),
            2 => _ = input.splice(at..at, self.token().iter().copied()),
            3 => _ = input.drain(at..until),
            4 => _ = input.splice(at..at, input[at..until].to_vec()),
            5 => self.cross(input, at, kept),
            6 => input.truncate(at),
            _ => self.repeat(input, at),
        }
    }

    fn flip(&mut self, input: &mut [u8]) {
        if !input.is_empty() {
            let at = self.0.random_range(0..input.len());
            input[at] ^= 1 << self.0.random_range(0..8);
        }
    }

    /// Goes on with the rest of another input.
    fn cross(&mut self, input: &mut Vec<u8>, at: usize, kept: &[Vec<u8>]) {
        let other = &kept[self.0.random_range(0..kept.len())];
        let from = self.0.random_range(0..=other.len());
        input.truncate(at);
        input.extend_from_slice(&other[from..]);
    }

    fn repeat(&mut self, input: &mut Vec<u8>, at: usize) {
        let token = self.token();
        let times = self.0.random_range(1..=REPEATS);
        input.splice(at..at, token.repeat(times));
    }

    fn token(&mut self) -> &'static [u8] {
        TOKENS[self.0.random_range(0..TOKENS.len())]
    }
}
