/** The server's clock as this phone sees it: a hold ends by the server's time, and a phone may be wrong by a day. */

/** A sample that differs by more means that somebody set the phone's clock: older samples say nothing then. */
const SET_MS = 5000;

export class ServerClock {
  #now;
  /** @type {number | null} Server minus phone, ms. */
  #ahead = null;

  /** @param {() => number} now  The phone's clock, UTC ms. */
  constructor(now = Date.now) {
    this.#now = now;
  }

  /**
   * An answer that just came was made at this time of the server. It has been on its way for a while, so the server is ahead by
   * at least the difference: of several answers the fastest is the truest.
   *
   * @param {number} madeAt  UTC ms.
   */
  saw(madeAt) {
    const ahead = madeAt - this.#now();
    const known = this.#ahead;
    this.#ahead = known === null || Math.abs(ahead - known) > SET_MS ? ahead : Math.max(ahead, known);
  }

  /** The server's time, UTC ms; the phone's until the server was heard. */
  now() {
    return this.#now() + (this.#ahead ?? 0);
  }

  /** @param {number} until  UTC ms. Whole seconds that are left, never below 0. */
  secondsTo(until) {
    return Math.max(0, Math.ceil((until - this.now()) / 1000));
  }
}

/** @param {number} seconds  "2:05". */
export function minutesAndSeconds(seconds) {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
