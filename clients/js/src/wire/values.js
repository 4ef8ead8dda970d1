/** The values of the wire in JavaScript, and faults in them. */

import { CloseCode } from "../errors.js";

/**
 * A float that is a whole number, such as 1.0: `1` and `1.0` are two values on the wire, and one in JavaScript. All other
 * floats are plain numbers.
 */
export class Float {
  /** @param {number} value */
  constructor(value) {
    this.value = value;
  }

  valueOf() {
    return this.value;
  }
}

/**
 * @typedef {null | boolean | number | Float | string | Uint8Array | WireValue[] | Map<string, WireValue>} WireValue
 */

/** The peer broke the protocol: the connection is closed with this code. */
export class RemoteError extends Error {
  /**
   * @param {number} code
   * @param {string} text
   */
  constructor(code, text) {
    super(text);
    this.code = code;
  }
}

/** Bytes that are no frame or content of SPEC 4. */
export class Malformed extends RemoteError {
  /** @param {string} text */
  constructor(text) {
    super(CloseCode.MALFORMED, text);
  }
}

/** A value that may not go on the wire: type, size, nesting, range, or more than the peer accepts. */
export class EncodeError extends Error {}

/**
 * A value as applications get it: maps are objects without a prototype (`__proto__` is a key like any other), whole floats
 * are numbers.
 *
 * @param {WireValue} value
 * @returns {any}
 */
export function plainValue(value) {
  if (value === null || typeof value !== "object" || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(plainValue);
  if (value instanceof Float) return value.value;
  return plainMap(value);
}

/**
 * @param {ReadonlyMap<string, WireValue>} map
 * @returns {Record<string, any>}
 */
export function plainMap(map) {
  const object = Object.create(null);
  for (const [key, value] of map) object[key] = plainValue(value);
  return object;
}

/**
 * @param {Uint8Array | null} one
 * @param {Uint8Array | null} other
 */
export function sameBytes(one, other) {
  if (one === other) return true;
  if (one === null || other === null || one.length !== other.length) return false;
  for (let at = 0; at < one.length; at += 1) if (one[at] !== other[at]) return false;
  return true;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/**
 * The bytes as hexadecimal digits: what they are looked up by.
 *
 * @param {Uint8Array} bytes
 */
export function hex(bytes) {
  let text = "";
  for (const byte of bytes) text += HEX[byte];
  return text;
}

/** @param {string} text */
export function fromHex(text) {
  const bytes = new Uint8Array(text.length / 2);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = Number.parseInt(text.slice(2 * at, 2 * at + 2), 16);
  return bytes;
}
