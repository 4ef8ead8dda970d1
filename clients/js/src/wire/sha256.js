/** SHA-256. Our own: `crypto.subtle` is not there on plain HTTP, and group ids need it (SPEC 20). Nothing here is secret. */

const K = new Uint32Array(64);
const FIRST = new Uint32Array(8);

/** The first 32 bits of the fractional parts of roots of the first primes: that is how the standard defines them. */
function fillConstants() {
  let count = 0;
  for (let number = 2; count < 64; number += 1) {
    let prime = true;
    for (let divisor = 2; divisor * divisor <= number; divisor += 1) if (number % divisor === 0) prime = false;
    if (!prime) continue;
    if (count < 8) FIRST[count] = Math.floor((Math.sqrt(number) % 1) * 2 ** 32);
    K[count] = Math.floor((Math.cbrt(number) % 1) * 2 ** 32);
    count += 1;
  }
}
fillConstants();

/**
 * @param {number} value
 * @param {number} bits
 */
const turned = (value, bits) => (value >>> bits) | (value << (32 - bits));

/**
 * The 32 bytes of the hash.
 *
 * @param {Uint8Array} bytes
 */
export function sha256(bytes) {
  const padded = new Uint8Array(Math.ceil((bytes.length + 9) / 64) * 64);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, Math.floor((bytes.length * 8) / 2 ** 32));
  view.setUint32(padded.length - 4, (bytes.length * 8) >>> 0);
  const hash = FIRST.slice();
  for (let at = 0; at < padded.length; at += 64) compress(hash, view, at);
  const result = new DataView(new ArrayBuffer(32));
  hash.forEach((word, index) => result.setUint32(4 * index, word));
  return new Uint8Array(result.buffer);
}

/**
 * @param {Uint32Array} hash
 * @param {DataView} view
 * @param {number} at
 */
function compress(hash, view, at) {
  const words = new Uint32Array(64);
  for (let index = 0; index < 16; index += 1) words[index] = view.getUint32(at + 4 * index);
  for (let index = 16; index < 64; index += 1) {
    const one = words[index - 15];
    const two = words[index - 2];
    const low = turned(one, 7) ^ turned(one, 18) ^ (one >>> 3);
    const high = turned(two, 17) ^ turned(two, 19) ^ (two >>> 10);
    words[index] = words[index - 16] + low + words[index - 7] + high;
  }
  let [a, b, c, d, e, f, g, h] = hash;
  for (let index = 0; index < 64; index += 1) {
    const choice = (e & f) ^ (~e & g);
    const most = (a & b) ^ (a & c) ^ (b & c);
    const first = (h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + choice + K[index] + words[index]) | 0;
    const second = ((turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + most) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((word, index) => {
    hash[index] += word;
  });
}
