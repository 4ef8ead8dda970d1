/** The timers of one client: all end with it, and whoever sleeps then is told why. */

/** @typedef {import("../ports.js").Environment} Environment */

/** One timer. */
export class Timer {
  /**
   * @param {Environment} environment
   * @param {number} ms
   * @param {() => void} run
   */
  constructor(environment, ms, run) {
    this._environment = environment;
    this._handle = environment.setTimer(run, Math.max(0, ms));
  }

  cancel() {
    this._environment.clearTimer(this._handle);
  }
}

export class Timers {
  /** @param {Environment} environment */
  constructor(environment) {
    this._environment = environment;
    /** @type {Map<Timer, (error: unknown) => void>} */
    this._live = new Map();
    /** @type {(() => Error) | null} */
    this._end = null;
  }

  get now() {
    return this._environment.now();
  }

  /**
   * Run once after so many milliseconds, unless the client is over by then.
   *
   * @param {number} ms
   * @param {() => void} run
   * @param {(error: unknown) => void} [ended]
   * @returns {Timer}
   */
  after(ms, run, ended = () => {}) {
    const timer = new Timer(this._environment, ms, () => {
      if (this._live.delete(timer)) run();
    });
    if (this._end === null) this._live.set(timer, ended);
    else timer.cancel();
    return timer;
  }

  /** @param {Timer | null} timer */
  cancel(timer) {
    if (timer !== null && this._live.delete(timer)) timer.cancel();
  }

  /**
   * Resolves after so many milliseconds; rejects when the client is over.
   *
   * @param {number} ms
   * @returns {Promise<void>}
   */
  sleep(ms) {
    return new Promise((resolve, reject) => {
      if (this._end !== null) reject(this._end());
      else this.after(ms, resolve, reject);
    });
  }

  /** @param {() => Error} error */
  end(error) {
    this._end = error;
    for (const [timer, ended] of [...this._live]) {
      this.cancel(timer);
      ended(error());
    }
  }
}
