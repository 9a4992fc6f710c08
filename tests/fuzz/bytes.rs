//! Changes that know nothing of the form of an input.

use rand::Rng;
use rand::rngs::StdRng;

/// Numbers at which something turns over.
pub(crate) const NUMBERS: [&str; 20] = [
    "0",
    "-0",
    "-1",
    "1e999",
    "-1e-999",
    "1e308",
    "0.1",
    "99999999999",
    "100000000000",
    "100000000001",
    "253402300799999",
    "253402300800000",
    "2147483648",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551616",
    "340282366920938463463374607431768211456000000000000000000000000000000",
];

/// One change. `other` is what may be borrowed from.
pub(crate) fn change(input: &mut Vec<u8>, other: &[u8], words: &[&str], rng: &mut StdRng) {
    if input.is_empty() {
        input.extend_from_slice(stretch(other, rng));
        return;
    }
    let at = rng.random_range(0..input.len());
    match rng.random_range(0..10) {
        0 => input[at] ^= 1 << rng.random_range(0..8),
        1 => input[at] = rng.random(),
        2 => input.insert(at, rng.random()),
        3 => {
            let until = rng.random_range(at..=input.len().min(at + 64));
            input.drain(at..until);
        }
        4 => input.truncate(at),
        5 => {
            let borrowed = stretch(other, rng).to_vec();
            input.splice(at..at, borrowed);
        }
        6 => {
            let until = (at + borrow(rng)).min(input.len());
            let borrowed = stretch(other, rng).to_vec();
            input.splice(at..until, borrowed);
        }
        7 => repeat(input, at, rng),
        8 if !words.is_empty() => {
            let word = words[rng.random_range(0..words.len())];
            let until = (at + rng.random_range(0..4)).min(input.len());
            input.splice(at..until, word.bytes());
        }
        _ => renumber(input, at, rng),
    }
}

/// A stretch once more, a few times or very often.
fn repeat(input: &mut Vec<u8>, at: usize, rng: &mut StdRng) {
    let until = (at + borrow(rng)).min(input.len());
    let times = if rng.random_bool(0.05) { 1 << rng.random_range(4..15) } else { 1 };
    let times = times.min((1 << 18) / (until - at).max(1)).max(1);
    let again = input[at..until].repeat(times);
    input.splice(at..at, again);
}

/// Another number in the place of the next one.
fn renumber(input: &mut Vec<u8>, at: usize, rng: &mut StdRng) {
    let digit = |byte: &u8| byte.is_ascii_digit();
    let Some(start) = input[at..].iter().position(digit).map(|step| at + step) else {
        return;
    };
    let length = input[start..].iter().take_while(|byte| digit(byte)).count();
    let number = NUMBERS[rng.random_range(0..NUMBERS.len())];
    input.splice(start..start + length, number.bytes());
}

fn stretch<'o>(other: &'o [u8], rng: &mut StdRng) -> &'o [u8] {
    let from = rng.random_range(0..=other.len());
    &other[from..(from + borrow(rng)).min(other.len())]
}

/// Bytes of a stretch: mostly few.
fn borrow(rng: &mut StdRng) -> usize {
    let most = 1 << rng.random_range(1..9);
    rng.random_range(1..=most)
}
