/** Frames of the wire: type numbers, which of them a client may receive, and what closes mean (SPEC 5, 14.1). */

import { CloseCode } from "../errors.js";

/** The one version that this client speaks. */
export const VERSION = 1;

/** 0-15 are control frames (`seq` is 0, not counted, not resent), 16-31 payload frames (counted, kept until acked). */
export const FrameType = Object.freeze({
  HELLO: 0,
  WELCOME: 1,
  ACK: 2,
  PING: 3,
  PONG: 4,
  GOODBYE: 5,
  SIGNAL: 6,
  REQUEST: 16,
  REPLY: 17,
  REFUSAL: 18,
  PUSH: 19,
});

/** @type {ReadonlyMap<number, string>} */
export const TYPE_NAMES = new Map(Object.entries(FrameType).map(([name, type]) => [type, name]));

/**
 * A client's reaction to a close.
 *
 * @typedef {"come back" | "stop" | "fresh" | "new token" | "later"} Reaction
 */

/** @type {ReadonlyMap<number, Reaction>} */
const REACTIONS = new Map([
  [CloseCode.LOST, "come back"],
  [CloseCode.DRAINING, "come back"],
  [CloseCode.IDLE, "come back"],
  [CloseCode.SLOW, "come back"],
  [CloseCode.AUTH_TIMEOUT, "come back"],
  [CloseCode.OK, "stop"],
  [CloseCode.REPLACED, "stop"],
  [CloseCode.VERSION, "stop"],
  [CloseCode.MALFORMED, "fresh"],
  [CloseCode.FRAME_TOO_LARGE, "fresh"],
  [CloseCode.BAD_STATE, "fresh"],
  [CloseCode.SEQ_ORDER, "fresh"],
  [CloseCode.ACK_TOO_HIGH, "fresh"],
  [CloseCode.WINDOW_EXCEEDED, "fresh"],
  [CloseCode.AUTH_FAILED, "new token"],
  [CloseCode.AUTH_EXPIRED, "new token"],
  [CloseCode.REVOKED, "new token"],
  [CloseCode.TOO_MANY, "later"],
  [CloseCode.OVERLOADED, "later"],
  [CloseCode.INTERNAL, "later"],
  [CloseCode.STORE_FAILED, "later"],
]);

/** @type {ReadonlyMap<number, Reaction>} */
const BY_HUNDRED = new Map([
  [1, "come back"],
  [2, "stop"],
  [3, "new token"],
]);

/**
 * An unknown code is treated by its hundred.
 *
 * @param {number} code
 * @returns {Reaction}
 */
export function reaction(code) {
  return REACTIONS.get(code) ?? BY_HUNDRED.get(Math.floor(code / 100)) ?? "later";
}

/**
 * After these the session waits to be resumed; after every other code it is over.
 *
 * @type {ReadonlySet<number>}
 */
const SURVIVABLE = new Set([
  CloseCode.LOST, CloseCode.DRAINING, CloseCode.IDLE, CloseCode.SLOW, CloseCode.AUTH_TIMEOUT,
]);

/**
 * Whether a close ends the session: the attached one, or before WELCOME the one that HELLO offered (SPEC 6.2).
 *
 * @param {number} code
 * @param {{byClient: boolean, welcomed: boolean}} how
 */
export function sessionIsOver(code, { byClient, welcomed }) {
  if (byClient && code !== CloseCode.LOST) return true;
  if (welcomed) return !SURVIVABLE.has(code);
  return reaction(code) === "fresh" || reaction(code) === "stop";
}
