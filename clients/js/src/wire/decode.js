/** Bytes -> values: the strict msgpack of SPEC 4, for frames and contents. */

import { DEFAULT_LIMITS, HEADER_FIELDS, MAX_NESTING, MAX_TAIL_FIELDS } from "./limits.js";
import { decodeUtf8, Utf8Error } from "./utf8.js";
import { Float, Malformed } from "./values.js";

/** @typedef {import("./limits.js").WireLimits} WireLimits */
/** @typedef {import("./values.js").WireValue} WireValue */

const TWO_32 = 2 ** 32;
/** The high half of 2^53 - 1, and of -(2^53 - 1). */
const MAX_HIGH = 0x1fffff;
const MIN_HIGH = -0x200000;

/** Reads one value; the bytes are the peer's, so every count is judged before anything is made of it. */
class Reader {
  /**
   * @param {Uint8Array} bytes
   * @param {WireLimits} limits
   */
  constructor(bytes, limits) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.limits = limits;
    this.at = 0;
  }

  /** @param {number} count */
  need(count) {
    const start = this.at;
    if (this.bytes.length - start < count) throw new Malformed("a truncated value");
    this.at = start + count;
    return start;
  }

  /**
   * @param {number} depth  Containers around this value.
   * @returns {WireValue}
   */
  value(depth) {
    const first = this.bytes[this.need(1)];
    if (first < 0x80) return first;
    if (first < 0x90) return this.map(first & 0x0f, depth);
    if (first < 0xa0) return this.array(first & 0x0f, depth);
    if (first < 0xc0) return this.string(first & 0x1f);
    if (first >= 0xe0) return first - 0x100;
    const read = LONG[first - 0xc0];
    if (read === undefined) throw new Malformed("a type that is not allowed");
    return read(this, depth);
  }

  /** @param {number} length */
  string(length) {
    if (length > this.limits.maxStringBytes) throw new Malformed("a string that is too long");
    const start = this.need(length);
    try {
      return decodeUtf8(this.bytes, start, start + length);
    } catch (error) {
      if (error instanceof Utf8Error) throw new Malformed(error.message);
      throw error;
    }
  }

  /**
   * A copy: the frame's bytes may be reused.
   *
   * @param {number} length
   */
  bin(length) {
    const start = this.need(length);
    return this.bytes.slice(start, start + length);
  }

  /**
   * @param {number} count
   * @param {number} depth
   */
  array(count, depth) {
    this.enter(count, this.limits.maxArrayItems, depth);
    /** @type {WireValue[]} */
    const items = [];
    for (let index = 0; index < count; index += 1) items.push(this.value(depth + 1));
    return items;
  }

  /**
   * @param {number} count
   * @param {number} depth
   */
  map(count, depth) {
    this.enter(2 * count, 2 * this.limits.maxMapItems, depth);
    /** @type {Map<string, WireValue>} */
    const map = new Map();
    for (let index = 0; index < count; index += 1) {
      const key = this.value(MAX_NESTING);
      if (typeof key !== "string") throw new Malformed("a map key that is no string");
      if (map.has(key)) throw new Malformed("a map key that stands twice");
      map.set(key, this.value(depth + 1));
    }
    return map;
  }

  /**
   * @param {number} values
   * @param {number} most
   * @param {number} depth
   */
  enter(values, most, depth) {
    if (depth >= MAX_NESTING) throw new Malformed(`nested deeper than ${MAX_NESTING}`);
    if (values > most) throw new Malformed("a container with too many items");
    if (values > this.bytes.length - this.at) throw new Malformed("a truncated container");
  }

  /** @param {number} value */
  float(value) {
    if (!Number.isFinite(value)) throw new Malformed("NaN or infinity");
    return Number.isInteger(value) ? new Float(value) : value;
  }

  /** @param {boolean} signed */
  wide(signed) {
    const start = this.need(8);
    const high = signed ? this.view.getInt32(start) : this.view.getUint32(start);
    const low = this.view.getUint32(start + 4);
    if (high > MAX_HIGH || high < MIN_HIGH || (high === MIN_HIGH && low === 0)) {
      throw new Malformed("an integer beyond 2^53-1");
    }
    return high * TWO_32 + low;
  }
}

/**
 * By first byte, from c0 to df. c1 is no msgpack; c7-c9 and d4-d8 are extension types.
 *
 * @type {readonly (((reader: Reader, depth: number) => WireValue) | undefined)[]}
 */
const LONG = [
  () => null,
  undefined,
  () => false,
  () => true,
  (reader) => reader.bin(reader.bytes[reader.need(1)]),
  (reader) => reader.bin(reader.view.getUint16(reader.need(2))),
  (reader) => reader.bin(reader.view.getUint32(reader.need(4))),
  undefined,
  undefined,
  undefined,
  (reader) => reader.float(reader.view.getFloat32(reader.need(4))),
  (reader) => reader.float(reader.view.getFloat64(reader.need(8))),
  (reader) => reader.bytes[reader.need(1)],
  (reader) => reader.view.getUint16(reader.need(2)),
  (reader) => reader.view.getUint32(reader.need(4)),
  (reader) => reader.wide(false),
  (reader) => reader.view.getInt8(reader.need(1)),
  (reader) => reader.view.getInt16(reader.need(2)),
  (reader) => reader.view.getInt32(reader.need(4)),
  (reader) => reader.wide(true),
  undefined,
  undefined,
  undefined,
  undefined,
  undefined,
  (reader) => reader.string(reader.bytes[reader.need(1)]),
  (reader) => reader.string(reader.view.getUint16(reader.need(2))),
  (reader) => reader.string(reader.view.getUint32(reader.need(4))),
  (reader, depth) => reader.array(reader.view.getUint16(reader.need(2)), depth),
  (reader, depth) => reader.array(reader.view.getUint32(reader.need(4)), depth),
  (reader, depth) => reader.map(reader.view.getUint16(reader.need(2)), depth),
  (reader, depth) => reader.map(reader.view.getUint32(reader.need(4)), depth),
];

/**
 * The one value in `bytes`, to its end. Throws Malformed, and nothing else.
 *
 * @param {Uint8Array} bytes
 * @param {WireLimits} [limits]
 */
export function decodeValue(bytes, limits = DEFAULT_LIMITS) {
  const reader = new Reader(bytes, limits);
  const value = reader.value(0);
  if (reader.at !== bytes.length) throw new Malformed("bytes behind the value");
  return value;
}

/**
 * A frame: `[type, seq, ack, field…]`.
 *
 * @typedef {[number, number, number, ...WireValue[]]} Frame
 */

/**
 * The frame in a body, without its length. Throws Malformed, and nothing else.
 *
 * @param {Uint8Array} body
 * @param {WireLimits} [limits]
 * @returns {Frame}
 */
export function decodeFrame(body, limits = DEFAULT_LIMITS) {
  const frame = decodeValue(body, limits);
  if (!Array.isArray(frame) || frame.length < HEADER_FIELDS || frame.length > HEADER_FIELDS + MAX_TAIL_FIELDS) {
    throw new Malformed(`not an array of type, seq, ack and at most ${MAX_TAIL_FIELDS} fields`);
  }
  for (const number of frame.slice(0, HEADER_FIELDS)) {
    if (typeof number !== "number" || !Number.isInteger(number) || number < 0) {
      throw new Malformed("type, seq and ack must be integers from 0");
    }
  }
  return /** @type {Frame} */ (frame);
}

/**
 * The map in a message's content. Throws Malformed; the caller decides what that means.
 *
 * @param {Uint8Array} bytes
 * @param {WireLimits} [limits]
 */
export function decodeContent(bytes, limits = DEFAULT_LIMITS) {
  if (bytes.length > limits.maxContentBytes) throw new Malformed("a content that is too long");
  const content = decodeValue(bytes, limits);
  if (!(content instanceof Map)) throw new Malformed("a content that is no map");
  return content;
}
