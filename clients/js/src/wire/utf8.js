/** UTF-8, strictly, both ways. Our own: some runtimes have no TextDecoder, and its default lets broken bytes pass. */

/** Code units that are joined at once: more arguments than an engine takes would be a RangeError. */
const CHUNK = 4096;
/** Below so many bytes one string after another is as fast as an array. */
const SHORT = 24;

/** Bytes that are no UTF-8, or a string that has none. */
export class Utf8Error extends Error {}

/**
 * The string in `bytes[start..end)`. Throws Utf8Error for overlong forms, surrogates, broken or truncated sequences.
 *
 * @param {Uint8Array} bytes
 * @param {number} start
 * @param {number} end
 */
export function decodeUtf8(bytes, start, end) {
  if (end - start <= SHORT) {
    const text = decodeShort(bytes, start, end);
    if (text !== null) return text;
  }
  let text = "";
  /** @type {number[]} */
  let units = [];
  let at = start;
  while (at < end) {
    const first = bytes[at];
    if (first < 0x80) {
      units.push(first);
      at += 1;
    } else {
      const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
      pushPoint(units, readPoint(bytes, at, end, first, length));
      at += length;
    }
    if (units.length >= CHUNK) {
      text += String.fromCharCode.apply(null, units);
      units = [];
    }
  }
  return text + String.fromCharCode.apply(null, units);
}

/**
 * A short string of ASCII, which most are; null if it is not.
 *
 * @param {Uint8Array} bytes
 * @param {number} start
 * @param {number} end
 */
function decodeShort(bytes, start, end) {
  let text = "";
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at];
    if (byte >= 0x80) return null;
    text += String.fromCharCode(byte);
  }
  return text;
}

/**
 * @param {Uint8Array} bytes
 * @param {number} at
 * @param {number} end
 * @param {number} first
 * @param {number} length
 */
function readPoint(bytes, at, end, first, length) {
  if (first < 0xc2 || first > 0xf4) throw new Utf8Error("a byte that begins no character");
  if (at + length > end) throw new Utf8Error("a truncated character");
  let point = first & (0x7f >> length);
  for (let next = at + 1; next < at + length; next += 1) {
    const byte = bytes[next];
    if ((byte & 0xc0) !== 0x80) throw new Utf8Error("a broken character");
    point = (point << 6) | (byte & 0x3f);
  }
  const overlong = (length === 3 && point < 0x800) || (length === 4 && point < 0x10000);
  if (overlong || (point >= 0xd800 && point <= 0xdfff) || point > 0x10ffff) {
    throw new Utf8Error("no character of Unicode");
  }
  return point;
}

/**
 * @param {number[]} units
 * @param {number} point
 */
function pushPoint(units, point) {
  if (point < 0x10000) {
    units.push(point);
  } else {
    units.push(0xd7c0 + (point >> 10), 0xdc00 + (point & 0x3ff));
  }
}

/**
 * How many bytes the string takes. Throws Utf8Error for a lone surrogate, which has no UTF-8.
 *
 * @param {string} text
 */
export function utf8Length(text) {
  let bytes = text.length;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit < 0x80) continue;
    if (unit < 0x800) {
      bytes += 1;
      continue;
    }
    bytes += 2;
    if (unit >= 0xd800 && unit <= 0xdfff) {
      const low = text.charCodeAt(at + 1);
      if (unit > 0xdbff || !(low >= 0xdc00 && low <= 0xdfff)) throw new Utf8Error("a lone surrogate");
      at += 1; // 4 bytes for 2 units: these two, and 2
    }
  }
  return bytes;
}

/**
 * Write the string, whose `utf8Length` was looked at, to `bytes` from `at` on; returns where it ends.
 *
 * @param {string} text
 * @param {Uint8Array} bytes
 * @param {number} at
 */
export function writeUtf8(text, bytes, at) {
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) {
      bytes[at++] = unit;
    } else if (unit < 0x800) {
      bytes[at++] = 0xc0 | (unit >> 6);
      bytes[at++] = 0x80 | (unit & 0x3f);
    } else if (unit < 0xd800 || unit > 0xdfff) {
      bytes[at++] = 0xe0 | (unit >> 12);
      bytes[at++] = 0x80 | ((unit >> 6) & 0x3f);
      bytes[at++] = 0x80 | (unit & 0x3f);
    } else {
      index += 1;
      const point = 0x10000 + ((unit & 0x3ff) << 10) + (text.charCodeAt(index) & 0x3ff);
      bytes[at++] = 0xf0 | (point >> 18);
      bytes[at++] = 0x80 | ((point >> 12) & 0x3f);
      bytes[at++] = 0x80 | ((point >> 6) & 0x3f);
      bytes[at++] = 0x80 | (point & 0x3f);
    }
  }
  return at;
}

/**
 * The string's bytes. Throws Utf8Error for a lone surrogate.
 *
 * @param {string} text
 */
export function encodeUtf8(text) {
  const bytes = new Uint8Array(utf8Length(text));
  writeUtf8(text, bytes, 0);
  return bytes;
}
