/** The two ends of a numbered stream: sent frames that are not acked, and received frames not yet acked by us (SPEC 7). */

import { OWN_BOUNDS } from "../wire/limits.js";

/** @typedef {import("../wire/encode.js").Tail} Tail */

/**
 * The payload frames from `ackedSeq + 1` to `sentSeq`, and which of them have not yet been transmitted. Headers are not
 * kept: they are made anew at each transmission.
 */
export class ResendQueue {
  constructor() {
    this.sentSeq = 0;
    this.ackedSeq = 0;
    /** @type {Tail[]} */
    this._tails = [];
    /** The first seq that is to be transmitted. */
    this._unsentFrom = 1;
  }

  /**
   * Number one frame. From here on it is never dropped while the session lives.
   *
   * @param {Tail} tail
   */
  append(tail) {
    this._tails.push(tail);
    this.sentSeq += 1;
    return this.sentSeq;
  }

  /** The last seq that the attached connection has handed out: the highest ack that the peer may give. */
  get transmittedSeq() {
    return this._unsentFrom - 1;
  }

  get hasUnsent() {
    return this._unsentFrom <= this.sentSeq;
  }

  /**
   * The frames to transmit now; afterwards they count as transmitted.
   *
   * @returns {[number, Tail][]}
   */
  takeUnsent() {
    const first = this._unsentFrom;
    this._unsentFrom = this.sentSeq + 1;
    return this._tails.slice(first - this.ackedSeq - 1).map((tail, index) => [first + index, tail]);
  }

  /**
   * Forget all up to `seq`, which the caller has checked to be within `ackedSeq..transmittedSeq`.
   *
   * @param {number} seq
   */
  ack(seq) {
    this._tails.splice(0, seq - this.ackedSeq);
    this.ackedSeq = seq;
  }

  /** A new connection attached (the peer's ack is already applied): transmit all that is left again. */
  replay() {
    this._unsentFrom = this.ackedSeq + 1;
  }
}

/** The last payload seq received, and the frames and bytes that we have not acked yet. */
export class ReceiveWindow {
  constructor() {
    this.seq = 0;
    /** A bare ACK is due now (by frames or bytes) unless another frame carries the ack first. */
    this.nowDue = false;
    /**
     * A bare ACK is due at this time; null if everything is acked.
     *
     * @type {number | null}
     */
    this.dueAt = null;
    this._frames = 0;
    this._bytes = 0;
  }

  /**
   * Take over the next payload frame.
   *
   * @param {number} bytes
   * @param {number} now
   */
  took(bytes, now) {
    this.seq += 1;
    this._frames += 1;
    this._bytes += bytes;
    this.dueAt ??= now + OWN_BOUNDS.ackAfterMs;
    if (this._frames >= OWN_BOUNDS.ackAfterFrames || this._bytes >= OWN_BOUNDS.ackAfterBytes) this.nowDue = true;
  }

  /** A frame with the current ack goes out. */
  told() {
    this.dueAt = null;
    this.nowDue = false;
    this._frames = this._bytes = 0;
  }
}
