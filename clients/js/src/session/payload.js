/** Turns received frames into events: one function for each type checks the fields. All throw Malformed and nothing else. */

import { TYPE_NAMES } from "../wire/frames.js";
import { HEADER_FIELDS } from "../wire/limits.js";
import { BadShape } from "../wire/shapes.js";
import { Malformed } from "../wire/values.js";

/** @typedef {import("../wire/decode.js").Frame} Frame */
/** @typedef {import("../wire/values.js").WireValue} WireValue */

/**
 * @typedef {{event: "reply", requestSeq: number, result: WireValue}} ReplyReceived
 * @typedef {{event: "refusal", requestSeq: number, code: number, text: string, retryAfterMs: number, detail: WireValue}}
 *   RefusalReceived
 * @typedef {{event: "push", kind: string, fields: WireValue[]}} PushReceived
 * @typedef {{event: "signal", kind: string, fields: WireValue[]}} SignalReceived
 * @typedef {PushReceived | SignalReceived} Told
 */

/**
 * @param {unknown} value
 * @returns {value is number}
 */
const isInteger = (value) => typeof value === "number" && Number.isInteger(value);

/**
 * @param {Frame} frame
 * @returns {ReplyReceived}
 */
export function takeReply(frame) {
  const requestSeq = frame[3];
  if (frame.length < 5 || !isInteger(requestSeq)) throw new Malformed("REPLY is not [request_seq, result]");
  return { event: "reply", requestSeq, result: frame[4] };
}

/**
 * @param {Frame} frame
 * @returns {RefusalReceived}
 */
export function takeRefusal(frame) {
  const [, , , requestSeq, code, text, retryAfterMs, detail] = frame;
  const wrong =
    frame.length < 8 || !isInteger(requestSeq) || !isInteger(code) || typeof text !== "string" ||
    !isInteger(retryAfterMs) || retryAfterMs < 0;
  if (wrong) throw new Malformed("REFUSAL is not [request_seq, code, text, retry_after_ms, detail]");
  return { event: "refusal", requestSeq, code, text, retryAfterMs, detail };
}

/**
 * @param {"push" | "signal"} event
 * @param {Frame} frame
 * @returns {Told}
 */
export function takeTold(event, frame) {
  const kind = frame[HEADER_FIELDS];
  if (typeof kind !== "string") throw new Malformed(`${TYPE_NAMES.get(frame[0])} has no kind`);
  return { event, kind, fields: frame.slice(HEADER_FIELDS + 1) };
}

/** @param {Frame} frame */
export function takeNonce(frame) {
  const nonce = frame[HEADER_FIELDS];
  if (!isInteger(nonce)) throw new Malformed(`${TYPE_NAMES.get(frame[0])} has no nonce`);
  return nonce;
}

/**
 * The fields of WELCOME or GOODBYE.
 *
 * @template T
 * @param {import("../wire/shapes.js").Read<T>} read
 * @param {Frame} frame
 */
export function takeFields(read, frame) {
  try {
    return read(frame.slice(HEADER_FIELDS));
  } catch (error) {
    if (error instanceof BadShape) throw new Malformed(`${TYPE_NAMES.get(frame[0])}: ${error.message}`);
    throw error;
  }
}
