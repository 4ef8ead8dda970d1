/**
 * Checked reading of what a server says: a misfit throws BadShape and closes the connection as MALFORMED.
 *
 * A shape says which fields there are, in which order, and what each may be. Extra trailing ones are ignored, as everywhere
 * on the wire (SPEC 5.1); fields with a default are ends that a server leaves out where it has nothing to say.
 */

/** @typedef {import("./values.js").WireValue} WireValue */

/** The peer sent a value that violates the SPEC. */
export class BadShape extends Error {}

/**
 * Reads one value, or throws BadShape.
 *
 * @template T
 * @typedef {(value: WireValue | undefined) => T} Read
 */

/**
 * @param {string} wanted
 * @returns {never}
 */
function misfit(wanted) {
  throw new BadShape(`not ${wanted}`);
}

/**
 * An integer from `least` on.
 *
 * @param {number} least
 * @returns {Read<number>}
 */
export const integer = (least) => (value) =>
  typeof value === "number" && Number.isInteger(value) && value >= least ? value : misfit(`an integer from ${least}`);

/** A position, a revision, a number of items, or a time in UTC milliseconds. */
export const number = integer(0);
/** The position of a message that exists. */
export const position = integer(1);

/**
 * A string of at most so many characters (code points).
 *
 * @param {number} most
 * @param {number} [least]
 * @returns {Read<string>}
 */
export const string = (most, least = 0) => (value) => {
  if (typeof value !== "string" || value.length < least) return misfit("a string");
  if (value.length <= most) return value;
  return value.length <= 2 * most && [...value].length <= most ? value : misfit("a string of that length");
};

export const text = string(Infinity);
/** An id of a user or conversation. */
export const name = string(1024);
/** A word of the protocol: kept for each conversation, so it is short. */
export const word = string(64);
/** A place in a list, opaque to clients. */
export const token = string(4096);

/**
 * Bytes, at most so many.
 *
 * @param {number} most
 * @param {number} [least]
 * @returns {Read<Uint8Array>}
 */
export const bytes = (most, least = 0) => (value) =>
  value instanceof Uint8Array && value.length >= least && value.length <= most ? value : misfit("bytes");

/** @type {Read<boolean>} */
export const bool = (value) => (typeof value === "boolean" ? value : misfit("a boolean"));

/** @type {Read<Map<string, WireValue>>} */
export const map = (value) => (value instanceof Map ? value : misfit("a map"));

/** @type {Read<WireValue>} */
export const any = (value) => value ?? null;

/**
 * @template T
 * @param {Read<T>} read
 * @returns {Read<T | null>}
 */
export const nullable = (read) => (value) => (value === null ? null : read(value));

/**
 * A field that may be left out, or nil, at the end: then there is nothing.
 *
 * @template T
 * @param {Read<T>} read
 * @returns {Read<T | null>}
 */
export const end = (read) => (value) => (value === null || value === undefined ? null : read(value));

/**
 * @template T
 * @param {Read<T>} read
 * @returns {Read<T[]>}
 */
export const list = (read) => (value) => (Array.isArray(value) ? value.map((item) => read(item)) : misfit("an array"));

/**
 * An array whose items stand by position.
 *
 * @template {Record<string, Read<any>>} F
 * @param {F} fields  In their order.
 * @returns {Read<{[K in keyof F]: ReturnType<F[K]>}>}
 */
export function shape(fields) {
  const rows = Object.entries(fields);
  return (value) => {
    if (!Array.isArray(value)) return misfit("an array");
    /** @type {any} */
    const found = {};
    rows.forEach(([field, read], at) => {
      try {
        found[field] = read(value[at]);
      } catch (error) {
        if (error instanceof BadShape) throw new BadShape(`${field}: ${error.message}`);
        throw error;
      }
    });
    return found;
  };
}
