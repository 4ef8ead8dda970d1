/** Values of state as they are kept: maps as bytes, for as maps they would take many times as much. */

import { decodeContent } from "../wire/decode.js";
import { encodeContent } from "../wire/encode.js";
import { EncodeError, plainMap } from "../wire/values.js";

/** @typedef {import("./kept.js").Value} Value */
/** @typedef {ReadonlyMap<string, import("../wire/values.js").WireValue> | null} StateMap */

/** What stands for a value that this client does not keep. */
export const TOO_LARGE = Symbol("too large");

/** @type {(value: Value) => Readonly<Record<string, any>>} */
export const shown = (value) => (value === null ? {} : plainMap(decodeContent(value)));

/**
 * A map as it is kept; null if it is empty.
 *
 * @param {StateMap} map
 * @param {number} most  Bytes.
 * @returns {Value | typeof TOO_LARGE}
 */
export function encodedMap(map, most) {
  if (map === null || map.size === 0) return null;
  try {
    const bytes = encodeContent(map);
    return bytes.length > most ? TOO_LARGE : bytes;
  } catch (error) {
    if (error instanceof EncodeError) return TOO_LARGE;
    throw error;
  }
}

/**
 * Items as they are kept; null if one of them is too large. `partly`: without a `mine` one's own is what it was.
 *
 * @param {readonly {position: number, extra: StateMap, mine: StateMap}[]} items
 * @param {number} most  Bytes of one map.
 * @param {boolean} partly
 */
export function encodedItems(items, most, partly) {
  /** @type {import("./kept.js").Told[]} */
  const told = [];
  for (const item of items) {
    const extra = encodedMap(item.extra, most);
    const mine = partly && item.mine === null ? undefined : encodedMap(item.mine, most);
    if (extra === TOO_LARGE || mine === TOO_LARGE) return null;
    told.push({ position: item.position, extra, mine });
  }
  return told;
}
