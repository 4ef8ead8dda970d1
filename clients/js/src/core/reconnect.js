/** Keeps the client connected: opens one connection after another, and reacts to each kind of end (SPEC 13, 14.1). */

import { ClientError, CloseCode, Misuse, Stopped } from "../errors.js";
import { reaction } from "../wire/frames.js";
import { EncodeError } from "../wire/values.js";
import { ClientTransport } from "./transport.js";

/** @typedef {import("../session/connection.js").Closed} Closed */
/** @typedef {import("../session/session.js").Session} Session */

/** What is thrown where a network is away: by fetch, by its time-outs, by Node's sockets. */
const NETWORK_ERRORS = new Set(["TypeError", "NetworkError", "AbortError", "TimeoutError"]);

/** @type {(text: string) => Closed} */
const lost = (text) => ({
  event: "closed", code: CloseCode.LOST, text, retryAfterMs: 0, byPeer: false, sessionOver: false,
});

/** The work that connects, and the current connection. */
export class Reconnect {
  /** @param {import("./core.js").Core} core */
  constructor(core) {
    this._core = core;
    this._backoff = core.makeBackoff();
    /** @type {Session | null} */
    this._session = null;
    /** @type {number | null} */
    this._welcomedAt = null;
    this._violations = 0;
    this._violatedAt = -Infinity;
    /**
     * The current socket.
     *
     * @type {ClientTransport | null}
     */
    this.transport = null;
    /**
     * How the last connection ended; the connection's own report.
     *
     * @type {Closed | null}
     */
    this.closed = null;
    /** No further attempt is made. */
    this.leaving = false;
    /** @type {AbortController | null} */
    this._opening = null;
    /** Ends the waiting for the next attempt. @type {() => void} */
    this._wake = () => {};
    /** No attempt before this: the server asked for it, or somebody hurries without end. */
    this._notBefore = -Infinity;
    /** Somebody hurried since the last wait: the attempt under way may have begun on a network that is gone. */
    this._hurried = false;
  }

  /** @param {Session} session  The server sent WELCOME. */
  welcomed(session) {
    this._session = session;
    this._welcomedAt = this._core.timers.now;
    this._hurried = false;
  }

  /** Connect until `leaving`. Throws Stopped when the client must not come back by itself. */
  async run() {
    while (!this.leaving) {
      this._core.connecting();
      const closed = await this._attempt();
      if (this.leaving) return;
      const delay = this._after(closed);
      this._core.attemptFailed(closed.text, delay);
      await this._pause(delay, closed.retryAfterMs);
    }
  }

  /**
   * Wait for the next attempt, or for somebody in a hurry, who may not cut what the server asked for.
   *
   * @param {number} ms
   * @param {number} leastMs
   */
  async _pause(ms, leastMs) {
    const { timers, limits } = this._core;
    const shortest = Math.max(limits.hurryEveryMs, Math.min(ms, leastMs));
    this._notBefore = timers.now + shortest;
    const timer = timers.sleep(this._hurried ? Math.min(ms, shortest) : ms);
    await Promise.race([timer, new Promise((resolve) => (this._wake = () => resolve(undefined)))]);
    timer.catch(() => {}); // it may outlive the race, until the client is over
    this._wake = () => {};
    this._hurried = false;
  }

  /** See Client.hurry. An attempt under way goes on: whoever is slow to connect and hurries often would never be through. */
  hurry() {
    const { timers } = this._core;
    const wake = this._wake;
    this._hurried = true;
    timers.after(this._notBefore - timers.now, wake);
  }

  /** No more attempts: the one under way is cut. */
  async leave() {
    this.leaving = true;
    this._opening?.abort();
    await this.transport?.cut();
  }

  async _attempt() {
    let token;
    try {
      token = await this._core.tokens.current();
    } catch (error) {
      if (error instanceof ClientError || !isNetworkError(error)) throw error;
      return lost(/** @type {Error} */ (error).message);
    }
    return this.leaving ? lost("") : this._live(token);
  }

  /**
   * One connection, from opening the transport until it is gone.
   *
   * @param {string} token
   */
  async _live(token) {
    this.closed = this._welcomedAt = null;
    const transport = new ClientTransport(this._core);
    const failure = await this._open(transport);
    if (failure !== null) return lost(failure);
    try {
      this.transport = transport;
      const { clientInfo } = this._core.options;
      const deviceId = this._core.deviceFor(token);
      transport.connection.hello({ token, deviceId, clientInfo, session: this._session }, this._core.timers.now);
      transport.stepSoon();
      await transport.lost;
    } catch (error) {
      if (error instanceof EncodeError) throw new Misuse(`HELLO: ${error.message}`);
      throw error;
    } finally {
      this.transport = null;
      await transport.cut();
    }
    return /** @type {Closed | null} */ (this.closed) ?? lost("connection lost");
  }

  /**
   * Why it could not be opened; null if it was. Throws Misuse.
   *
   * @param {ClientTransport} transport
   */
  async _open(transport) {
    const { options, timers, limits } = this._core;
    const opening = (this._opening = new AbortController());
    const timer = timers.after(limits.connectTimeoutMs, () => opening.abort(new Error("no connection in time")));
    try {
      const aborted = new Promise((_, reject) => {
        opening.signal.addEventListener("abort", () => reject(opening.signal.reason), { once: true });
      });
      aborted.catch(() => {});
      const opened = options.open(options.address, transport.events, opening.signal);
      opened.then((socket) => transport.opened(socket), () => {});
      await Promise.race([opened, aborted]);
      return null;
    } catch (error) {
      transport.disown();
      if (error instanceof Misuse) throw error; // an address that no attempt makes right
      return error instanceof Error && error.message ? error.message : "cannot connect";
    } finally {
      timers.cancel(timer);
      this._opening = null;
    }
  }

  // -- the table of reactions (SPEC 14.1) -----------------------------------------------------------------------------------

  /**
   * Do what the close code prescribes; returns the milliseconds to wait. Throws Stopped.
   *
   * @param {Closed} closed
   */
  _after(closed) {
    const { timers, limits } = this._core;
    const react = reaction(closed.code);
    const livedMs = this._welcomedAt === null ? 0 : timers.now - this._welcomedAt;
    if (livedMs >= limits.stableAfterMs && react !== "fresh") this._backoff.reset();
    if (react === "stop") throw new Stopped(closed.code, closed.text);
    if (react === "fresh") this._countViolation(closed); // first: it looks at the posts in flight
    if (closed.sessionOver) {
      this._session = null;
      this._core.link.sessionOver();
    }
    if (react === "new token") {
      this._core.tokens.refuse(closed.code, closed.text);
      if (this._core.tokens.exhausted) throw new Stopped(closed.code, closed.text);
    }
    return this._backoff.next(closed.retryAfterMs);
  }

  /** @param {Closed} closed */
  _countViolation(closed) {
    const { timers, limits, posting } = this._core;
    if (timers.now - this._violatedAt >= limits.calmAfterMs) this._violations = 0;
    this._violations += 1;
    this._violatedAt = timers.now;
    posting.violation(closed);
    if (this._violations >= limits.maxViolations) throw new Stopped(closed.code, closed.text);
  }
}

/**
 * Whether the application's function for tokens failed because a network is away: then it is called again later.
 *
 * @param {unknown} error
 */
function isNetworkError(error) {
  if (!(error instanceof Error)) return false;
  return NETWORK_ERRORS.has(error.name) || typeof (/** @type {any} */ (error).code) === "string";
}
