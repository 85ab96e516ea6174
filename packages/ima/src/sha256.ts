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
const w = new Int32Array(64);
const tail = new Uint8Array(2 * BLOCK_BYTES);
/** The last block of every extension is the same: its message schedule. */
const PADDING_OF_TWO_DIGESTS = new Int32Array(64);
PADDING_OF_TWO_DIGESTS[0] = 0x8000_0000 | 0;
PADDING_OF_TWO_DIGESTS[15] = 2 * 32 * 8;
schedule(PADDING_OF_TWO_DIGESTS);

/** Digest of `bytes` from `start` to `end`, as eight words into `out`. */
export function sha256Words(bytes: Uint8Array, start: number, end: number, out: Int32Array): void {
  out.set(INITIAL);
  let at = start;
  for (; at + BLOCK_BYTES <= end; at += BLOCK_BYTES) compressBytes(bytes, at, out);
  const rest = end - at;
  tail.fill(0);
  for (let i = 0; i < rest; i++) tail[i] = bytes[at + i] as number;
  tail[rest] = 0x80;
  const blocks = rest < BLOCK_BYTES - 8 ? 1 : 2;
  writeLength(end - start, blocks * BLOCK_BYTES);
  compressBytes(tail, 0, out);
  if (blocks === 2) compressBytes(tail, BLOCK_BYTES, out);
}

/** `value := SHA-256(value || digest)`, all as words. */
export function sha256Extend(value: Int32Array, digest: Int32Array): void {
  for (let i = 0; i < 8; i++) {
    w[i] = value[i] as number;
    w[i + 8] = digest[i] as number;
  }
  value.set(INITIAL);
  schedule(w);
  rounds(value, w);
  rounds(value, PADDING_OF_TWO_DIGESTS);
}

function writeLength(byteLength: number, end: number): void {
  const high = Math.floor(byteLength / 0x2000_0000);
  const low = byteLength << 3;
  for (let i = 0; i < 4; i++) {
    tail[end - 8 + i] = high >>> (24 - 8 * i);
    tail[end - 4 + i] = low >>> (24 - 8 * i);
  }
}

function compressBytes(bytes: Uint8Array, start: number, state: Int32Array): void {
  for (let i = 0, at = start; i < 16; i++, at += 4) {
    w[i] =
      ((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number);
  }
  schedule(w);
  rounds(state, w);
}

/** Makes the message schedule of the block in the first 16 words. */
function schedule(words: Int32Array): void {
  for (let i = 16; i < 64; i++) {
    const x = words[i - 15] as number;
    const y = words[i - 2] as number;
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    words[i] = ((words[i - 16] as number) + s0 + (words[i - 7] as number) + s1) | 0;
  }
}

/** One block with its message schedule. */
function rounds(state: Int32Array, words: Int32Array): void {
  let a = state[0] as number;
  let b = state[1] as number;
  let c = state[2] as number;
  let d = state[3] as number;
  let e = state[4] as number;
  let f = state[5] as number;
  let g = state[6] as number;
  let h = state[7] as number;
  for (let i = 0; i < 64; i++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (h + s1 + (g ^ (e & (f ^ g))) + (K[i] as number) + (words[i] as number)) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (s0 + ((a & b) | (c & (a | b)))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  state[0] = (state[0] as number) + a;
  state[1] = (state[1] as number) + b;
  state[2] = (state[2] as number) + c;
  state[3] = (state[3] as number) + d;
  state[4] = (state[4] as number) + e;
  state[5] = (state[5] as number) + f;
  state[6] = (state[6] as number) + g;
  state[7] = (state[7] as number) + h;
}
