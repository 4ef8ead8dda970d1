/** Transmitter: turns pending frames of one connection into bytes, and makes their headers at the last moment. */

import { encodeTail, frameBytes } from "../wire/encode.js";
import { FrameType } from "../wire/frames.js";
import { OWN_BOUNDS } from "../wire/limits.js";

/** @typedef {import("../wire/encode.js").Tail} Tail */
/** @typedef {import("./session.js").Session} Session */

/** Pending control frames, each kind with its own bound. Requests wait in the session. */
export class Transmitter {
  constructor() {
    /** @type {Uint8Array[]} */
    this._out = [];
    /** @type {Tail[]} */
    this._signals = [];
    /**
     * The nonces of the one PONG (to the newest PING: a flood of them costs its sender, not us) and the one PING.
     *
     * @type {number | null}
     */
    this.pong = null;
    /** @type {number | null} */
    this.ping = null;
  }

  /** Whether there are whole frames to write, in any state. */
  get hasFrames() {
    return this._out.length > 0;
  }

  /**
   * Whether an open connection has something to write, apart from an ACK that falls due by time.
   *
   * @param {Session} session
   */
  hasPending({ queue, receive }) {
    return (
      queue.hasUnsent || receive.nowDue || this.pong !== null || this.ping !== null || this._signals.length > 0
    );
  }

  /**
   * A control frame whose header is final: HELLO, GOODBYE.
   *
   * @param {number} type
   * @param {number} ack
   * @param {Tail} tail
   */
  append(type, ack, tail) {
    this._out.push(frameBytes(type, 0, ack, tail));
  }

  /**
   * Dropped if too many are pending.
   *
   * @param {Tail} tail
   */
  appendSignal(tail) {
    if (this._signals.length < OWN_BOUNDS.maxSignalsPending) this._signals.push(tail);
  }

  /**
   * All pending frames of an open connection. Each header carries the present ack; a bare ACK goes only alone.
   *
   * @param {Session} session
   * @param {number} now
   */
  appendOpen({ queue, receive }, now) {
    const before = this._out.length;
    for (const tail of this._signals) this.append(FrameType.SIGNAL, receive.seq, tail);
    if (this.pong !== null) this.append(FrameType.PONG, receive.seq, encodeTail([this.pong]));
    if (this.ping !== null) this.append(FrameType.PING, receive.seq, encodeTail([this.ping]));
    this.dropPending();
    for (const [seq, tail] of queue.takeUnsent()) {
      this._out.push(frameBytes(FrameType.REQUEST, seq, receive.seq, tail));
    }
    if (this._out.length === before) {
      if (receive.dueAt === null || !(receive.nowDue || now >= receive.dueAt)) return;
      this.append(FrameType.ACK, receive.seq, encodeTail([]));
    }
    receive.told();
  }

  /** The connection closes: drop all droppable frames. */
  dropPending() {
    this._signals = [];
    this.pong = null;
    this.ping = null;
  }

  /** The connection is closed: drop everything. */
  clear() {
    this.dropPending();
    this._out = [];
  }

  /**
   * All bytes, joined once; null if there are none.
   *
   * @returns {Uint8Array | null}
   */
  take() {
    const pieces = this._out;
    if (pieces.length === 0) return null;
    this._out = [];
    if (pieces.length === 1) return pieces[0];
    const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
    let at = 0;
    for (const piece of pieces) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return bytes;
  }
}
