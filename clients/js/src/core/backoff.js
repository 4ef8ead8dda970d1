/** Waiting before the next attempt: full jitter, so that a thousand clients do not come back at once (SPEC 13). */

const FIRST_MS = 500;
const MOST_MS = 30_000;

/** A random time within min(30, 0.5·2^n) s, n counting the attempts since the last success. */
export class Backoff {
  /**
   * @param {(least: number, most: number) => number} uniform
   * @param {number} maxRetryAfterMs
   */
  constructor(uniform, maxRetryAfterMs) {
    this._uniform = uniform;
    this._maxRetryAfterMs = maxRetryAfterMs;
    this._attempts = 0;
  }

  /**
   * Milliseconds to wait now. Never less than the server asked for, which has spread its clients already.
   *
   * @param {number} [retryAfterMs]
   */
  next(retryAfterMs = 0) {
    const most = Math.min(MOST_MS, FIRST_MS * 2 ** this._attempts);
    this._attempts += 1;
    return Math.max(this._uniform(0, most), Math.min(retryAfterMs, this._maxRetryAfterMs));
  }

  /** After a success. */
  reset() {
    this._attempts = 0;
  }
}
