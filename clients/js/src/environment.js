/** The machine's clock, timers and random numbers, in browsers and in Node. */

const ONE = 2 ** 32;

/** @returns {number}  From 0 on, below 1. */
function random() {
  const [word] = crypto.getRandomValues(new Uint32Array(1));
  return word / ONE;
}

/** @type {Readonly<import("./ports.js").Environment>} */
export const MACHINE = Object.freeze({
  now: () => performance.now(),
  setTimer: (run, ms) => setTimeout(run, ms),
  clearTimer: (timer) => clearTimeout(/** @type {any} */ (timer)),
  uniform: (least, most) => least + random() * (most - least),
  randomBytes: (count) => newKey(count, Date.now()),
});

const TIME_BYTES = 6;

/**
 * Bytes of good quality behind the time in milliseconds, as in UUIDv7: the server's index likes keys that grow (SPEC 9.1).
 *
 * @param {number} count  At least 16.
 * @param {number} now  UTC milliseconds.
 */
export function newKey(count, now) {
  const bytes = crypto.getRandomValues(new Uint8Array(count));
  let rest = now;
  for (let at = TIME_BYTES - 1; at >= 0; at -= 1) {
    bytes[at] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return bytes;
}
