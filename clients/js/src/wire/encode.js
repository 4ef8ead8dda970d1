/** Values -> bytes, in the shortest form of everything, and refused here if a peer would refuse it (SPEC 4, 16). */

import { DEFAULT_LIMITS, FRAME_OVERHEAD_BYTES, LENGTH_BYTES, MAX_NESTING, MAX_TAIL_FIELDS } from "./limits.js";
import { utf8Length, Utf8Error, writeUtf8 } from "./utf8.js";
import { EncodeError, Float } from "./values.js";

/** @typedef {import("./limits.js").WireLimits} WireLimits */

const TWO_32 = 2 ** 32;
const HEADER_BYTES = FRAME_OVERHEAD_BYTES - LENGTH_BYTES;
const FIRST_BYTES = 256;

/** Writes values into one growing array. */
class Writer {
  /** @param {WireLimits} limits */
  constructor(limits) {
    this.limits = limits;
    this.bytes = new Uint8Array(FIRST_BYTES);
    this.view = new DataView(this.bytes.buffer);
    this.at = 0;
  }

  /**
   * Room for so many bytes; returns where they begin.
   *
   * @param {number} count
   */
  room(count) {
    const start = this.at;
    if (start + count > this.bytes.length) {
      const larger = new Uint8Array(Math.max(2 * this.bytes.length, start + count));
      larger.set(this.bytes);
      this.bytes = larger;
      this.view = new DataView(larger.buffer);
    }
    this.at = start + count;
    return start;
  }

  /** @param {number} byte */
  byte(byte) {
    const at = this.room(1);
    this.bytes[at] = byte;
  }

  /**
   * A byte and an unsigned number of 1, 2 or 4 bytes.
   *
   * @param {number} byte
   * @param {number} width
   * @param {number} number
   */
  head(byte, width, number) {
    const at = this.room(1 + width);
    this.bytes[at] = byte;
    if (width === 1) this.bytes[at + 1] = number;
    else if (width === 2) this.view.setUint16(at + 1, number);
    else this.view.setUint32(at + 1, number);
  }

  /** @param {number} value */
  integer(value) {
    if (!Number.isSafeInteger(value)) throw new EncodeError("an integer beyond 2^53-1");
    if (value >= 0) {
      if (value < 0x80) this.byte(value);
      else if (value < 0x100) this.head(0xcc, 1, value);
      else if (value < 0x10000) this.head(0xcd, 2, value);
      else if (value < TWO_32) this.head(0xce, 4, value);
      else this.wide(0xcf, value);
    } else if (value >= -0x20) this.byte(value + 0x100);
    else if (value >= -0x80) this.head(0xd0, 1, value + 0x100);
    else if (value >= -0x8000) this.head(0xd1, 2, value + 0x10000);
    else if (value >= -0x80000000) this.head(0xd2, 4, value + TWO_32);
    else this.wide(0xd3, value);
  }

  /**
   * @param {number} byte
   * @param {number} value
   */
  wide(byte, value) {
    const at = this.room(9);
    this.bytes[at] = byte;
    this.view.setInt32(at + 1, Math.floor(value / TWO_32));
    this.view.setUint32(at + 5, value - Math.floor(value / TWO_32) * TWO_32);
  }

  /** @param {number} value */
  float(value) {
    if (!Number.isFinite(value)) throw new EncodeError("NaN or infinity");
    const at = this.room(9);
    this.bytes[at] = 0xcb;
    this.view.setFloat64(at + 1, value);
  }

  /** @param {string} text */
  string(text) {
    let length;
    try {
      length = utf8Length(text);
    } catch (error) {
      if (error instanceof Utf8Error) throw new EncodeError(error.message);
      throw error;
    }
    if (length > this.limits.maxStringBytes) {
      throw new EncodeError(`a string of more than ${this.limits.maxStringBytes} bytes`);
    }
    if (length < 0x20) this.byte(0xa0 | length);
    else if (length < 0x100) this.head(0xd9, 1, length);
    else if (length < 0x10000) this.head(0xda, 2, length);
    else this.head(0xdb, 4, length);
    const at = this.room(length);
    writeUtf8(text, this.bytes, at);
  }

  /** @param {Uint8Array} data */
  bin(data) {
    if (data.length < 0x100) this.head(0xc4, 1, data.length);
    else if (data.length < 0x10000) this.head(0xc5, 2, data.length);
    else this.head(0xc6, 4, data.length);
    const at = this.room(data.length);
    this.bytes.set(data, at);
  }

  /**
   * @param {number} small  First byte of the short form.
   * @param {number} long  First byte of the form with 2 bytes.
   * @param {number} count
   * @param {number} most
   * @param {number} depth
   */
  container(small, long, count, most, depth) {
    if (depth >= MAX_NESTING) throw new EncodeError(`nested deeper than ${MAX_NESTING}`);
    if (count > most) throw new EncodeError(`a container of more than ${most} items`);
    if (count < 0x10) this.byte(small | count);
    else if (count < 0x10000) this.head(long, 2, count);
    else this.head(long + 1, 4, count);
  }

  /**
   * @param {unknown} value
   * @param {number} depth  Containers around this value.
   */
  value(value, depth) {
    if (typeof value === "string") this.string(value);
    else if (typeof value === "number") {
      if (Number.isInteger(value)) this.integer(value);
      else this.float(value);
    } else if (value === null) this.byte(0xc0);
    else if (typeof value === "boolean") this.byte(value ? 0xc3 : 0xc2);
    else if (value instanceof Uint8Array) this.bin(value);
    else if (Array.isArray(value)) {
      this.container(0x90, 0xdc, value.length, this.limits.maxArrayItems, depth);
      for (const item of value) this.value(item, depth + 1);
    } else if (value instanceof Float) this.float(value.value);
    else this.map(value, depth);
  }

  /**
   * @param {unknown} value
   * @param {number} depth
   */
  map(value, depth) {
    const entries = entriesOf(value);
    this.container(0x80, 0xde, entries.length, this.limits.maxMapItems, depth);
    for (const [key, item] of entries) {
      if (typeof key !== "string") throw new EncodeError("a map key that is no string");
      this.string(key);
      this.value(item, depth + 1);
    }
  }

  take() {
    return this.bytes.slice(0, this.at);
  }
}

/**
 * @param {unknown} value
 * @returns {[unknown, unknown][]}
 */
function entriesOf(value) {
  if (value instanceof Map) return [...value];
  if (typeof value === "object" && value !== null) {
    const prototype = Object.getPrototypeOf(value);
    if (prototype === null || prototype === Object.prototype) return Object.entries(value);
  }
  throw new EncodeError(`a value of type ${typeof value === "object" ? "object of a class" : typeof value}`);
}

/**
 * One value. Throws EncodeError.
 *
 * @param {unknown} value
 * @param {WireLimits} [limits]
 */
export function encodeValue(value, limits = DEFAULT_LIMITS) {
  const writer = new Writer(limits);
  writer.value(value, 0);
  return writer.take();
}

/**
 * A message's content: encoded once by its author, never again. Throws EncodeError.
 *
 * @param {unknown} content  A Map or a plain object.
 * @param {WireLimits} [limits]
 */
export function encodeContent(content, limits = DEFAULT_LIMITS) {
  const writer = new Writer(limits);
  writer.map(content, 0);
  if (writer.at > limits.maxContentBytes) {
    throw new EncodeError(`a content of more than ${limits.maxContentBytes} bytes`);
  }
  return writer.take();
}

/**
 * The fields of a frame behind type, seq and ack, encoded: the header is made when the frame is written.
 *
 * @typedef {{count: number, bytes: Uint8Array}} Tail
 */

/**
 * Throws EncodeError for anything that a peer would not accept.
 *
 * @param {readonly unknown[]} fields
 * @param {WireLimits} [limits]
 * @returns {Tail}
 */
export function encodeTail(fields, limits = DEFAULT_LIMITS) {
  if (fields.length > MAX_TAIL_FIELDS) throw new EncodeError(`more than ${MAX_TAIL_FIELDS} fields`);
  const writer = new Writer(limits);
  for (const field of fields) writer.value(field, 1);
  if (writer.at > limits.maxFrameBytes - HEADER_BYTES) {
    throw new EncodeError(`a frame of more than ${limits.maxFrameBytes} bytes`);
  }
  return { count: fields.length, bytes: writer.take() };
}

/**
 * One whole frame: length, header, fields.
 *
 * @param {number} type
 * @param {number} seq
 * @param {number} ack
 * @param {Tail} tail
 */
export function frameBytes(type, seq, ack, tail) {
  const writer = new Writer(DEFAULT_LIMITS);
  writer.room(LENGTH_BYTES);
  writer.byte(0x93 + tail.count);
  writer.integer(type);
  writer.integer(seq);
  writer.integer(ack);
  const at = writer.room(tail.bytes.length);
  writer.bytes.set(tail.bytes, at);
  writer.view.setUint32(0, writer.at - LENGTH_BYTES);
  return writer.take();
}
