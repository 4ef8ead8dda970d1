/**
 * A session: the resumable stream between this device and the server, which survives connections (SPEC 6.5, 7, 8). It
 * numbers requests, keeps them until they are acked, and keeps the account of the window. In memory only.
 */

import { CloseCode } from "../errors.js";
import { encodeTail } from "../wire/encode.js";
import { FRAME_OVERHEAD_BYTES } from "../wire/limits.js";
import { EncodeError, RemoteError } from "../wire/values.js";
import { ReceiveWindow, ResendQueue } from "./window.js";

/** @typedef {import("../wire/limits.js").WireLimits} WireLimits */

export class Session {
  /** @param {{sessionId: string, userId: string, resumeToken: Uint8Array, limits: WireLimits}} welcome */
  constructor({ sessionId, userId, resumeToken, limits }) {
    this.sessionId = sessionId;
    this.userId = userId;
    this.resumeToken = resumeToken;
    this.limits = limits;
    this.queue = new ResendQueue();
    this.receive = new ReceiveWindow();
    this.over = false;
    /**
     * Requests without an answer, and their sizes, by seq.
     *
     * @type {Map<number, number>}
     */
    this.openRequests = new Map();
    this._requestBytes = 0;
  }

  /**
   * A connection speaks for this session; everything beyond the server's ack, which was checked, goes out again. The
   * newest WELCOME's limits hold, whatever the session began with (SPEC 3).
   *
   * @param {number} peerAck
   * @param {Uint8Array} resumeToken
   * @param {WireLimits} limits
   */
  attach(peerAck, resumeToken, limits) {
    this.resumeToken = resumeToken;
    this.limits = limits;
    this.receive.told();
    this.queue.ack(peerAck);
    this.queue.replay();
  }

  /**
   * Number and queue a request, also while detached; returns its seq, or null if the window has no room. Throws EncodeError,
   * before a seq is given.
   *
   * @param {string} method
   * @param {readonly unknown[]} params
   */
  request(method, params) {
    const tail = encodeTail([method, params], this.limits);
    const size = tail.bytes.length + FRAME_OVERHEAD_BYTES;
    if (size > this.limits.maxRequestBytes) {
      // No answer will ever make room for it: who waits for room would wait for ever.
      throw new EncodeError(`a request of more than ${this.limits.maxRequestBytes} bytes, the whole window`);
    }
    if (
      this.openRequests.size >= this.limits.maxRequests ||
      this._requestBytes + size > this.limits.maxRequestBytes
    ) {
      return null;
    }
    const seq = this.queue.append(tail);
    this.openRequests.set(seq, size);
    this._requestBytes += size;
    return seq;
  }

  /**
   * A header's ack. A lower one than before is ignored. Throws RemoteError.
   *
   * @param {number} ack
   */
  acked(ack) {
    if (ack <= this.queue.ackedSeq) return;
    if (ack > this.queue.transmittedSeq) {
      throw new RemoteError(CloseCode.ACK_TOO_HIGH, `ack ${ack}, sent ${this.queue.transmittedSeq}`);
    }
    this.queue.ack(ack);
  }

  /**
   * Close a request whose answer arrived. Its room is free at once: any later frame of ours carries the ack. An answer
   * implies that the request was received, so its own header, or an earlier one, must have acked it. Throws RemoteError.
   *
   * @param {number} requestSeq
   */
  answered(requestSeq) {
    const size = this.openRequests.get(requestSeq);
    if (size === undefined || requestSeq > this.queue.ackedSeq) {
      throw new RemoteError(CloseCode.BAD_STATE, `an answer to request ${requestSeq}, which is not open`);
    }
    this.openRequests.delete(requestSeq);
    this._requestBytes -= size;
  }
}
