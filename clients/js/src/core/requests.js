/** Requests in flight, and calls that wait for room in the window. A request's name is its seq, as on the wire. */

import { isRetryable, Misuse, OutboxFull, Refused } from "../errors.js";
import { BadShape } from "../wire/shapes.js";
import { EncodeError, plainValue } from "../wire/values.js";

/** @typedef {import("../errors.js").ClientError} ClientError */
/** @typedef {import("../session/session.js").Session} Session */
/** @typedef {import("../session/payload.js").ReplyReceived} ReplyReceived */
/** @typedef {import("../session/payload.js").RefusalReceived} RefusalReceived */
/** @typedef {ReplyReceived | RefusalReceived} Answer */

/** The session ended before the answer came. Never leaves this package. */
export class SessionLost extends Error {}

/**
 * A call that waits for room. `patient`: it goes on through lost sessions. `urgent`: it does not wait for `release`.
 *
 * @typedef {{method: string, params: readonly unknown[], patient: boolean, urgent: boolean,
 *   resolve: (answer: Answer | null) => void, reject: (error: unknown) => void}} Ask
 */

export class Requests {
  /**
   * @param {import("../limits.js").ClientLimits} limits
   * @param {() => import("./backoff.js").Backoff} makeBackoff
   * @param {import("./timers.js").Timers} timers
   * @param {() => void} sent  Something was queued for writing.
   * @param {(text: string) => void} violated
   */
  constructor(limits, makeBackoff, timers, sent, violated) {
    this._limits = limits;
    this._makeBackoff = makeBackoff;
    this._timers = timers;
    this._sent = sent;
    this._violated = violated;
    /** @type {Session | null} */
    this._session = null;
    this._attached = false;
    /**
     * By seq; called once with the answer, or with null when the session is lost: then its outcome is unknown.
     *
     * @type {Map<number, (answer: Answer | null) => void>}
     */
    this._waiting = new Map();
    /** @type {Ask[]} */
    this._line = [];
    /** More than urgent requests may be sent: not before a fresh session has shown whose history it goes on with. */
    this.released = false;
    /** @type {(() => void)[]} */
    this._onReleased = [];
    /** @type {(() => ClientError) | null} */
    this._end = null;
  }

  // -- the life of sessions -------------------------------------------------------------------------------------------------

  /**
   * Allow sending. If the session is a new one, pending calls learn that the old one was lost.
   *
   * @param {Session} session
   */
  attach(session) {
    if (session !== this._session) this.loseSession();
    this._session = session;
    this._attached = true;
  }

  /** Send whatever waits: the session goes on with the history that is known. */
  release() {
    if (this.released) return;
    this.released = true;
    for (const run of this._onReleased.splice(0)) run();
    this.serveLine();
  }

  /** From now on send only what is urgent. */
  hold() {
    this.released = false;
  }

  /** @returns {Promise<void>} */
  whenReleased() {
    return this.released || this._end !== null ? Promise.resolve() : new Promise((go) => this._onReleased.push(go));
  }

  /** The connection is gone. Requests in flight stay so, in the session. */
  detach() {
    this._attached = false;
  }

  /**
   * Requests in flight end undecided, and so do queued calls that depend on the session: the next one may go on with another
   * history.
   */
  loseSession() {
    this._session = null;
    this._attached = false;
    this.hold();
    const waiting = [...this._waiting.values()];
    this._waiting.clear();
    for (const onAnswer of waiting) onAnswer(null);
    const lost = this._line.filter((ask) => !ask.patient);
    this._line = this._line.filter((ask) => ask.patient);
    for (const ask of lost) ask.resolve(null);
  }

  /**
   * Stop sending: every pending or later call throws what `error` makes.
   *
   * @param {() => ClientError} error
   */
  end(error) {
    this._end = error;
    this.loseSession(); // calls in flight repeat their request, and see the end
    for (const ask of this._line.splice(0)) ask.reject(error());
    for (const run of this._onReleased.splice(0)) run();
  }

  // -- sending --------------------------------------------------------------------------------------------------------------

  /** Whether the outbox may send one more: it leaves some of the window to reads. */
  get roomForPosts() {
    const session = this._session;
    if (!this._attached || !this.released || session === null || session.over) return false;
    const most = session.limits.maxRequests;
    const forPosts = Math.max(most - this._limits.requestsKeptForReads, Math.floor(most / 2), 1);
    return session.openRequests.size < forPosts;
  }

  /** The server's limits, once WELCOME has brought them. */
  get limits() {
    return this._session?.limits ?? null;
  }

  /**
   * Send now; false if there is no room, or no connection. Throws EncodeError.
   *
   * @param {string} method
   * @param {readonly unknown[]} params
   * @param {(answer: Answer | null) => void} onAnswer
   */
  send(method, params, onAnswer) {
    const session = this._session;
    if (!this._attached || session === null || session.over) return false;
    const seq = session.request(method, params);
    if (seq === null) return false;
    this._waiting.set(seq, onAnswer);
    this._sent();
    return true;
  }

  /** Send queued requests while there is room, first come, first served; only urgent ones while the rest is held. */
  serveLine() {
    /** @type {Ask[]} */
    const left = [];
    let at = 0;
    for (; at < this._line.length; at += 1) {
      const ask = this._line[at];
      if (!ask.urgent && !this.released) {
        left.push(ask);
        continue;
      }
      try {
        if (!this.send(ask.method, ask.params, ask.resolve)) break;
      } catch (error) {
        if (!(error instanceof EncodeError)) throw error;
        ask.reject(new Misuse(error.message));
      }
    }
    if (at > 0) this._line = [...left, ...this._line.slice(at)];
  }

  /**
   * A REPLY or REFUSAL arrived; the connection has checked that it answers an open request.
   *
   * @param {Answer} answer
   */
  answered(answer) {
    const onAnswer = this._waiting.get(answer.requestSeq);
    this._waiting.delete(answer.requestSeq);
    onAnswer?.(answer);
  }

  // -- asking ---------------------------------------------------------------------------------------------------------------

  /**
   * The result of a request that may be repeated: a read, or one with a key.
   *
   * A patient call goes on through lost sessions and retryable refusals. An impatient one throws SessionLost instead, for callers
   * whose parameters depend on the session. An urgent one does not wait for `release`. Throws Refused, Misuse, Stopped or
   * Disconnected.
   *
   * @template R
   * @param {import("../wire/methods.js").Method<R>} method
   * @param {readonly unknown[]} params
   * @param {{patient?: boolean, urgent?: boolean}} [how]
   * @returns {Promise<R>}
   */
  async call(method, params, { patient = true, urgent = false } = {}) {
    const backoff = this._makeBackoff();
    for (;;) {
      const answer = await this._ask(method.name, params, patient, urgent);
      if (answer?.event === "refusal") {
        if (!isRetryable(answer.code)) throw new Refused(answer.code, answer.text, plainValue(answer.detail));
        const session = this._session;
        await this._timers.sleep(backoff.next(answer.retryAfterMs));
        if (!patient && this._session !== session) throw new SessionLost();
        continue;
      }
      if (answer !== null) {
        try {
          return method.result(answer.result);
        } catch (error) {
          if (!(error instanceof BadShape)) throw error;
          this._violated(`${method.name}: ${error.message}`);
        }
      }
      if (!patient) throw new SessionLost();
    }
  }

  /**
   * @param {string} method
   * @param {readonly unknown[]} params
   * @param {boolean} patient
   * @param {boolean} urgent
   * @returns {Promise<Answer | null>}
   */
  _ask(method, params, patient, urgent) {
    if (this._end !== null) throw this._end();
    if (this._line.length >= this._limits.maxCalls) throw new OutboxFull(`${this._line.length} calls wait for room`);
    return new Promise((resolve, reject) => {
      this._line.push({ method, params, patient, urgent, resolve, reject });
      this.serveLine();
    });
  }
}
