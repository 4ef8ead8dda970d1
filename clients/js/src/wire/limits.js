/** The wire's bounds (SPEC 16): those that WELCOME may change, and those of this client's own side. Bytes, counts, milliseconds. */

const KIB = 1024;
const MIB = 1024 * 1024;

/** A sender counts so many bytes for a frame beside its fields: the length and the largest header there is. */
export const FRAME_OVERHEAD_BYTES = 24;
export const LENGTH_BYTES = 4;
/** 2^53 - 1: numbers are exact up to here. */
export const MAX_INTEGER = Number.MAX_SAFE_INTEGER;
/** Arrays and maps in one another, the frame's own array counted as the first. */
export const MAX_NESTING = 16;
/** Fields behind type, seq and ack. */
export const MAX_TAIL_FIELDS = 12;
export const HEADER_FIELDS = 3;
/** Both first frames fit into this; what comes before WELCOME may not be longer. */
export const MAX_HELLO_BYTES = 4 * KIB;
/** A key names one attempt. */
export const KEY_BYTES = 16;

/** Pages and lists (SPEC 18). */
export const MAX_PAGE_ITEMS = 200;
export const PAGE_ITEMS = 50;
export const MAX_MEMBERS_PAGE = 200;
export const MAX_CHANGES_PAGE = 200;
export const MAX_CHECKED = 100;
export const MAX_QUESTIONS = 16;
export const MAX_STATE_BYTES = 2048;

/**
 * What the peer accepts: WELCOME's `limits`, or the defaults.
 *
 * @typedef {object} WireLimits
 * @property {number} maxFrameBytes
 * @property {number} maxContentBytes
 * @property {number} maxStringBytes
 * @property {number} maxArrayItems
 * @property {number} maxMapItems
 * @property {number} maxRequests
 * @property {number} maxRequestBytes
 * @property {number} maxPageItems
 * @property {number} windowFrames
 * @property {number} windowBytes
 */

/** @type {Readonly<WireLimits>} */
export const DEFAULT_LIMITS = Object.freeze({
  maxFrameBytes: 64 * KIB,
  maxContentBytes: 32 * KIB,
  maxStringBytes: 32 * KIB,
  maxArrayItems: 8192,
  maxMapItems: 256,
  maxRequests: 256,
  maxRequestBytes: MIB,
  maxPageItems: MAX_PAGE_ITEMS,
  windowFrames: 256,
  windowBytes: MIB,
});

/** @type {Readonly<WireLimits>} */
export const LIMITS_BEFORE_WELCOME = Object.freeze({ ...DEFAULT_LIMITS, maxFrameBytes: MAX_HELLO_BYTES });

/**
 * Of contents. A server is configured as it likes, now or when the message was posted, and its frame was judged already.
 *
 * @type {Readonly<WireLimits>}
 */
export const WIDEST_CONTENT = Object.freeze({
  ...DEFAULT_LIMITS,
  maxFrameBytes: MIB,
  maxContentBytes: MIB,
  maxStringBytes: MIB,
  maxArrayItems: MIB,
  maxMapItems: MIB,
});

/** By the name in WELCOME: our name, least and most. Beyond them a peer could make us buffer without bound. */
const BOUNDS = /** @type {const} */ ([
  ["max_frame_bytes", "maxFrameBytes", 4 * KIB, MIB],
  ["max_content_bytes", "maxContentBytes", 1, MIB],
  ["max_string_bytes", "maxStringBytes", 256, MIB],
  ["max_array_items", "maxArrayItems", 256, MIB],
  ["max_map_items", "maxMapItems", 16, MIB],
  ["max_requests", "maxRequests", 1, 65536],
  ["max_request_bytes", "maxRequestBytes", 4 * KIB, 64 * MIB],
  ["max_page_items", "maxPageItems", 1, 10_000],
  ["window_frames", "windowFrames", 1, 65536],
  ["window_bytes", "windowBytes", 4 * KIB, 64 * MIB],
]);

/**
 * The limits in WELCOME; a missing key stands for the default. Null if one is no integer or out of its range.
 *
 * @param {ReadonlyMap<string, unknown>} told
 * @returns {WireLimits | null}
 */
export function readLimits(told) {
  const limits = { ...DEFAULT_LIMITS };
  for (const [name, own, least, most] of BOUNDS) {
    const value = told.get(name);
    if (value === undefined || value === null) continue;
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < least || value > most) return null;
    limits[own] = value;
  }
  // A frame may be shorter than the default content, of which WELCOME then need not speak.
  if ((told.get("max_content_bytes") ?? null) === null) {
    limits.maxContentBytes = Math.min(limits.maxContentBytes, limits.maxFrameBytes);
  }
  return limits.maxContentBytes <= limits.maxFrameBytes ? limits : null;
}

/** Times and counts of our own side (SPEC 7, 13). */
export const OWN_BOUNDS = Object.freeze({
  maxSignalsPending: 64, // droppable by definition; the next one is dropped
  ackAfterFrames: 32,
  ackAfterBytes: 64 * KIB,
  ackAfterMs: 100,
  pingAfterMs: 25_000,
  deadAfterPingMs: 10_000,
  deadWhenDoubtfulMs: 5000, // the same, where the application doubts it: after sleep, or in another network
  welcomeTimeoutMs: 15_000,
  closeTimeoutMs: 5_000, // for GOODBYE to leave and the socket to end
});
