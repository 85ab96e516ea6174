/**
 * SHA-256 over many small messages (FIPS 180-4). A call into node:crypto costs more than the few
 * blocks of a list entry; digests stay words, so that nothing is allocated per entry.
 */
const K = Int32Array.from(
  (
    '428a2f98 71374491 b5c0fbcf e9b5dba5 3956c25b 59f111f1 923f82a4 ab1c5ed5 d807aa98 12835b01 ' +
    '243185be 550c7dc3 72be5d74 80deb1fe 9bdc06a7 c19bf174 e49b69c1 efbe4786 0fc19dc6 240ca1cc ' +
    '2de92c6f 4a7484aa 5cb0a9dc 76f988da 983e5152 a831c66d b00327c8 bf597fc7 c6e00bf3 d5a79147 ' +
    '06ca6351 14292967 27b70a85 2e1b2138 4d2c6dfc 53380d13 650a7354 766a0abb 81c2c92e 92722c85 ' +
    'a2bfe8a1 a81a664b c24b8b70 c76c51a3 d192e819 d6990624 f40e3585 106aa070 19a4c116 1e376c08 ' +
    '2748774c 34b0bcb5 391c0cb3 4ed8aa4a 5b9cca4f 682e6ff3 748f82ee 78a5636f 84c87814 8cc70208 ' +
    '90befffa a4506ceb bef9a3f7 c67178f2'
  )
    .split(' ')
    .map((word) => Number.parseInt(word, 16)),
);
const INITIAL = Int32Array.from(
  '6a09e667 bb67ae85 3c6ef372 a54ff53a 510e527f 9b05688c 1f83d9ab 5be0cd19'
    .split(' ')
    .map((word) => Number.parseInt(word, 16)),
);
const BLOCK_BYTES = 64;
const BLOCK_WORDS = 16;
/** Where the length of the message stands in its last block, in bits, as two words. */
const LENGTH_WORD = 14;
/** Message schedule of the block at hand; its first 16 words are the block. */
const w = new Int32Array(64);
/** The last block of every extension is the same: its message schedule. */
const PADDING_OF_TWO_DIGESTS = paddingOfTwoDigests();

/** Digest of `bytes` from `start` to `end`, as eight words into `out`. */
export function sha256Words(bytes: Uint8Array, start: number, end: number, out: Int32Array): void {
  out.set(INITIAL);
  let at = start;
  for (; at + BLOCK_BYTES <= end; at += BLOCK_BYTES) {
    for (let i = 0, from = at; i < BLOCK_WORDS; i++, from += 4) w[i] = wordAt(bytes, from);
    compress(out);
  }
  let words = 0;
  for (; at + 4 <= end; at += 4) w[words++] = wordAt(bytes, at);
  let last = 0x80 << 24;
  for (let shift = 24; at < end; at++, shift -= 8) {
    // The bit behind the message moves on with each of its bytes.
    last = (last & ~(0xff << shift)) | ((bytes[at] as number) << shift) | (0x80 << (shift - 8));
  }
  w[words++] = last;
  if (words > LENGTH_WORD) {
    w.fill(0, words, BLOCK_WORDS);
    compress(out);
    words = 0;
  }
  w.fill(0, words, LENGTH_WORD);
  w[LENGTH_WORD] = Math.floor((end - start) / 0x2000_0000);
  w[LENGTH_WORD + 1] = (end - start) << 3;
  compress(out);
}

/** `value := SHA-256(value || digest)`, all as words. */
export function sha256Extend(value: Int32Array, digest: Int32Array): void {
  for (let i = 0; i < 8; i++) {
    w[i] = value[i] as number;
    w[i + 8] = digest[i] as number;
  }
  value.set(INITIAL);
  compress(value);
  rounds(value, PADDING_OF_TWO_DIGESTS);
}

function paddingOfTwoDigests(): Int32Array {
  w.fill(0, 0, BLOCK_WORDS);
  w[0] = 0x80 << 24;
  w[LENGTH_WORD + 1] = 2 * 32 * 8;
  schedule();
  return w.slice();
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  );
}

function compress(state: Int32Array): void {
  schedule();
  rounds(state, w);
}

// Both loops are written out as far as their variables rotate, so that these stay in registers, and
// sums are cut to 32 bits two by two: a sum of more could not be added as integers.

/** Makes the rest of the message schedule, 16 words a turn. */
function schedule(): void {
  let w0 = w[0] as number;
  let w1 = w[1] as number;
  let w2 = w[2] as number;
  let w3 = w[3] as number;
  let w4 = w[4] as number;
  let w5 = w[5] as number;
  let w6 = w[6] as number;
  let w7 = w[7] as number;
  let w8 = w[8] as number;
  let w9 = w[9] as number;
  let w10 = w[10] as number;
  let w11 = w[11] as number;
  let w12 = w[12] as number;
  let w13 = w[13] as number;
  let w14 = w[14] as number;
  let w15 = w[15] as number;
  let s = 0;
  let t = 0;
  for (let i = BLOCK_WORDS; i < 64; i += BLOCK_WORDS) {
    s = ((w1 >>> 7) | (w1 << 25)) ^ ((w1 >>> 18) | (w1 << 14)) ^ (w1 >>> 3);
    t = ((w14 >>> 17) | (w14 << 15)) ^ ((w14 >>> 19) | (w14 << 13)) ^ (w14 >>> 10);
    w0 = (((w0 + s) | 0) + ((w9 + t) | 0)) | 0;
    w[i] = w0;
    s = ((w2 >>> 7) | (w2 << 25)) ^ ((w2 >>> 18) | (w2 << 14)) ^ (w2 >>> 3);
    t = ((w15 >>> 17) | (w15 << 15)) ^ ((w15 >>> 19) | (w15 << 13)) ^ (w15 >>> 10);
    w1 = (((w1 + s) | 0) + ((w10 + t) | 0)) | 0;
    w[i + 1] = w1;
    s = ((w3 >>> 7) | (w3 << 25)) ^ ((w3 >>> 18) | (w3 << 14)) ^ (w3 >>> 3);
    t = ((w0 >>> 17) | (w0 << 15)) ^ ((w0 >>> 19) | (w0 << 13)) ^ (w0 >>> 10);
    w2 = (((w2 + s) | 0) + ((w11 + t) | 0)) | 0;
    w[i + 2] = w2;
    s = ((w4 >>> 7) | (w4 << 25)) ^ ((w4 >>> 18) | (w4 << 14)) ^ (w4 >>> 3);
    t = ((w1 >>> 17) | (w1 << 15)) ^ ((w1 >>> 19) | (w1 << 13)) ^ (w1 >>> 10);
    w3 = (((w3 + s) | 0) + ((w12 + t) | 0)) | 0;
    w[i + 3] = w3;
    s = ((w5 >>> 7) | (w5 << 25)) ^ ((w5 >>> 18) | (w5 << 14)) ^ (w5 >>> 3);
    t = ((w2 >>> 17) | (w2 << 15)) ^ ((w2 >>> 19) | (w2 << 13)) ^ (w2 >>> 10);
    w4 = (((w4 + s) | 0) + ((w13 + t) | 0)) | 0;
    w[i + 4] = w4;
    s = ((w6 >>> 7) | (w6 << 25)) ^ ((w6 >>> 18) | (w6 << 14)) ^ (w6 >>> 3);
    t = ((w3 >>> 17) | (w3 << 15)) ^ ((w3 >>> 19) | (w3 << 13)) ^ (w3 >>> 10);
    w5 = (((w5 + s) | 0) + ((w14 + t) | 0)) | 0;
    w[i + 5] = w5;
    s = ((w7 >>> 7) | (w7 << 25)) ^ ((w7 >>> 18) | (w7 << 14)) ^ (w7 >>> 3);
    t = ((w4 >>> 17) | (w4 << 15)) ^ ((w4 >>> 19) | (w4 << 13)) ^ (w4 >>> 10);
    w6 = (((w6 + s) | 0) + ((w15 + t) | 0)) | 0;
    w[i + 6] = w6;
    s = ((w8 >>> 7) | (w8 << 25)) ^ ((w8 >>> 18) | (w8 << 14)) ^ (w8 >>> 3);
    t = ((w5 >>> 17) | (w5 << 15)) ^ ((w5 >>> 19) | (w5 << 13)) ^ (w5 >>> 10);
    w7 = (((w7 + s) | 0) + ((w0 + t) | 0)) | 0;
    w[i + 7] = w7;
    s = ((w9 >>> 7) | (w9 << 25)) ^ ((w9 >>> 18) | (w9 << 14)) ^ (w9 >>> 3);
    t = ((w6 >>> 17) | (w6 << 15)) ^ ((w6 >>> 19) | (w6 << 13)) ^ (w6 >>> 10);
    w8 = (((w8 + s) | 0) + ((w1 + t) | 0)) | 0;
    w[i + 8] = w8;
    s = ((w10 >>> 7) | (w10 << 25)) ^ ((w10 >>> 18) | (w10 << 14)) ^ (w10 >>> 3);
    t = ((w7 >>> 17) | (w7 << 15)) ^ ((w7 >>> 19) | (w7 << 13)) ^ (w7 >>> 10);
    w9 = (((w9 + s) | 0) + ((w2 + t) | 0)) | 0;
    w[i + 9] = w9;
    s = ((w11 >>> 7) | (w11 << 25)) ^ ((w11 >>> 18) | (w11 << 14)) ^ (w11 >>> 3);
    t = ((w8 >>> 17) | (w8 << 15)) ^ ((w8 >>> 19) | (w8 << 13)) ^ (w8 >>> 10);
    w10 = (((w10 + s) | 0) + ((w3 + t) | 0)) | 0;
    w[i + 10] = w10;
    s = ((w12 >>> 7) | (w12 << 25)) ^ ((w12 >>> 18) | (w12 << 14)) ^ (w12 >>> 3);
    t = ((w9 >>> 17) | (w9 << 15)) ^ ((w9 >>> 19) | (w9 << 13)) ^ (w9 >>> 10);
    w11 = (((w11 + s) | 0) + ((w4 + t) | 0)) | 0;
    w[i + 11] = w11;
    s = ((w13 >>> 7) | (w13 << 25)) ^ ((w13 >>> 18) | (w13 << 14)) ^ (w13 >>> 3);
    t = ((w10 >>> 17) | (w10 << 15)) ^ ((w10 >>> 19) | (w10 << 13)) ^ (w10 >>> 10);
    w12 = (((w12 + s) | 0) + ((w5 + t) | 0)) | 0;
    w[i + 12] = w12;
    s = ((w14 >>> 7) | (w14 << 25)) ^ ((w14 >>> 18) | (w14 << 14)) ^ (w14 >>> 3);
    t = ((w11 >>> 17) | (w11 << 15)) ^ ((w11 >>> 19) | (w11 << 13)) ^ (w11 >>> 10);
    w13 = (((w13 + s) | 0) + ((w6 + t) | 0)) | 0;
    w[i + 13] = w13;
    s = ((w15 >>> 7) | (w15 << 25)) ^ ((w15 >>> 18) | (w15 << 14)) ^ (w15 >>> 3);
    t = ((w12 >>> 17) | (w12 << 15)) ^ ((w12 >>> 19) | (w12 << 13)) ^ (w12 >>> 10);
    w14 = (((w14 + s) | 0) + ((w7 + t) | 0)) | 0;
    w[i + 14] = w14;
    s = ((w0 >>> 7) | (w0 << 25)) ^ ((w0 >>> 18) | (w0 << 14)) ^ (w0 >>> 3);
    t = ((w13 >>> 17) | (w13 << 15)) ^ ((w13 >>> 19) | (w13 << 13)) ^ (w13 >>> 10);
    w15 = (((w15 + s) | 0) + ((w8 + t) | 0)) | 0;
    w[i + 15] = w15;
  }
}

/** One block with its message schedule, eight rounds a turn. */
function rounds(state: Int32Array, words: Int32Array): void {
  let a = state[0] as number;
  let b = state[1] as number;
  let c = state[2] as number;
  let d = state[3] as number;
  let e = state[4] as number;
  let f = state[5] as number;
  let g = state[6] as number;
  let h = state[7] as number;
  let s = 0;
  let t = 0;
  for (let i = 0; i < 64; i += 8) {
    s = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    t = (h + (((K[i] as number) + (words[i] as number)) | 0)) | 0;
    t = (t + ((s + (g ^ (e & (f ^ g)))) | 0)) | 0;
    d = (d + t) | 0;
    s = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    h = (((t + s) | 0) + ((a & b) ^ (c & (a ^ b)))) | 0;
    s = ((d >>> 6) | (d << 26)) ^ ((d >>> 11) | (d << 21)) ^ ((d >>> 25) | (d << 7));
    t = (g + (((K[i + 1] as number) + (words[i + 1] as number)) | 0)) | 0;
    t = (t + ((s + (f ^ (d & (e ^ f)))) | 0)) | 0;
    c = (c + t) | 0;
    s = ((h >>> 2) | (h << 30)) ^ ((h >>> 13) | (h << 19)) ^ ((h >>> 22) | (h << 10));
    g = (((t + s) | 0) + ((h & a) ^ (b & (h ^ a)))) | 0;
    s = ((c >>> 6) | (c << 26)) ^ ((c >>> 11) | (c << 21)) ^ ((c >>> 25) | (c << 7));
    t = (f + (((K[i + 2] as number) + (words[i + 2] as number)) | 0)) | 0;
    t = (t + ((s + (e ^ (c & (d ^ e)))) | 0)) | 0;
    b = (b + t) | 0;
    s = ((g >>> 2) | (g << 30)) ^ ((g >>> 13) | (g << 19)) ^ ((g >>> 22) | (g << 10));
    f = (((t + s) | 0) + ((g & h) ^ (a & (g ^ h)))) | 0;
    s = ((b >>> 6) | (b << 26)) ^ ((b >>> 11) | (b << 21)) ^ ((b >>> 25) | (b << 7));
    t = (e + (((K[i + 3] as number) + (words[i + 3] as number)) | 0)) | 0;
    t = (t + ((s + (d ^ (b & (c ^ d)))) | 0)) | 0;
    a = (a + t) | 0;
    s = ((f >>> 2) | (f << 30)) ^ ((f >>> 13) | (f << 19)) ^ ((f >>> 22) | (f << 10));
    e = (((t + s) | 0) + ((f & g) ^ (h & (f ^ g)))) | 0;
    s = ((a >>> 6) | (a << 26)) ^ ((a >>> 11) | (a << 21)) ^ ((a >>> 25) | (a << 7));
    t = (d + (((K[i + 4] as number) + (words[i + 4] as number)) | 0)) | 0;
    t = (t + ((s + (c ^ (a & (b ^ c)))) | 0)) | 0;
    h = (h + t) | 0;
    s = ((e >>> 2) | (e << 30)) ^ ((e >>> 13) | (e << 19)) ^ ((e >>> 22) | (e << 10));
    d = (((t + s) | 0) + ((e & f) ^ (g & (e ^ f)))) | 0;
    s = ((h >>> 6) | (h << 26)) ^ ((h >>> 11) | (h << 21)) ^ ((h >>> 25) | (h << 7));
    t = (c + (((K[i + 5] as number) + (words[i + 5] as number)) | 0)) | 0;
    t = (t + ((s + (b ^ (h & (a ^ b)))) | 0)) | 0;
    g = (g + t) | 0;
    s = ((d >>> 2) | (d << 30)) ^ ((d >>> 13) | (d << 19)) ^ ((d >>> 22) | (d << 10));
    c = (((t + s) | 0) + ((d & e) ^ (f & (d ^ e)))) | 0;
    s = ((g >>> 6) | (g << 26)) ^ ((g >>> 11) | (g << 21)) ^ ((g >>> 25) | (g << 7));
    t = (b + (((K[i + 6] as number) + (words[i + 6] as number)) | 0)) | 0;
    t = (t + ((s + (a ^ (g & (h ^ a)))) | 0)) | 0;
    f = (f + t) | 0;
    s = ((c >>> 2) | (c << 30)) ^ ((c >>> 13) | (c << 19)) ^ ((c >>> 22) | (c << 10));
    b = (((t + s) | 0) + ((c & d) ^ (e & (c ^ d)))) | 0;
    s = ((f >>> 6) | (f << 26)) ^ ((f >>> 11) | (f << 21)) ^ ((f >>> 25) | (f << 7));
    t = (a + (((K[i + 7] as number) + (words[i + 7] as number)) | 0)) | 0;
    t = (t + ((s + (h ^ (f & (g ^ h)))) | 0)) | 0;
    e = (e + t) | 0;
    s = ((b >>> 2) | (b << 30)) ^ ((b >>> 13) | (b << 19)) ^ ((b >>> 22) | (b << 10));
    a = (((t + s) | 0) + ((b & c) ^ (d & (b ^ c)))) | 0;
  }
  state[0] = ((state[0] as number) + a) | 0;
  state[1] = ((state[1] as number) + b) | 0;
  state[2] = ((state[2] as number) + c) | 0;
  state[3] = ((state[3] as number) + d) | 0;
  state[4] = ((state[4] as number) + e) | 0;
  state[5] = ((state[5] as number) + f) | 0;
  state[6] = ((state[6] as number) + g) | 0;
  state[7] = ((state[7] as number) + h) | 0;
}
