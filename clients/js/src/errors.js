/**
 * The client's errors, as one tree: whose fault it is, and whether trying again helps. And the wire's codes.
 *
 * Retryable refusals, lost connections and server restarts throw nothing: the client handles them itself.
 */

/** Close codes of GOODBYE (SPEC 14.1). LOST is the client's own: a socket that ended without one. */
export const CloseCode = Object.freeze({
  LOST: 0,
  DRAINING: 100,
  IDLE: 101,
  SLOW: 102,
  AUTH_TIMEOUT: 103,
  OK: 200,
  REPLACED: 201,
  VERSION: 202,
  MALFORMED: 210,
  FRAME_TOO_LARGE: 211,
  BAD_STATE: 212,
  SEQ_ORDER: 213,
  ACK_TOO_HIGH: 214,
  WINDOW_EXCEEDED: 215,
  AUTH_FAILED: 300,
  AUTH_EXPIRED: 301,
  REVOKED: 302,
  TOO_MANY: 400,
  OVERLOADED: 401,
  INTERNAL: 500,
  STORE_FAILED: 501,
});

/** Codes of refusals (SPEC 14.2): 600-699 are final, 700-799 are retryable. */
export const RefusalCode = Object.freeze({
  INVALID: 600,
  UNKNOWN_METHOD: 601,
  FORBIDDEN: 602,
  NOT_FOUND: 603,
  KEY_REUSED: 604,
  CONFLICT: 605,
  TOO_LARGE: 606,
  GONE: 607,
  EPOCH_CHANGED: 608,
  QUOTA: 609,
  RATE_LIMITED: 700,
  HELD: 701,
  STORE_FULL: 702,
  OVERLOADED: 703,
  INTERNAL: 704,
  OUTCOME_UNKNOWN: 705,
});

/** @param {number} code */
export const isRetryable = (code) => code >= 700 && code <= 799;

/** Characters of a server's line for people that are shown or logged. */
const MAX_TEXT_CHARACTERS = 300;
/** What may not be shown: controls, joiners and marks of direction, private, lone surrogates, unassigned, separators. */
const UNSHOWN = /[^\P{C}]|[^\P{Z} ]/gu;

/**
 * A server's text for people, as one short line that is safe to show and log: no control or bidi characters.
 *
 * @param {string} text
 */
export function plain(text) {
  const line = text.slice(0, 4 * MAX_TEXT_CHARACTERS).trim().replace(/\s+/gu, " ");
  return [...line].slice(0, MAX_TEXT_CHARACTERS).join("").replace(UNSHOWN, "\uFFFD");
}

/** Root of everything that this package throws. */
export class ClientError extends Error {}

/** The caller's mistake, found before anything was sent or stored: content too large, bad key, bad address, … */
export class Misuse extends ClientError {}

/** Too many posts, or writes of features, wait for an answer (`Limits`): await some first. */
export class OutboxFull extends ClientError {}

/**
 * Why a store cannot be used. `full`; `cleared` or `deleted` while it was open; `newer`: a page of a newer version has it, or made
 * it; `older`: one of an older version has it, and does not let go; `used` by another client; `user`, `device`: of another one;
 * empty: see the text.
 *
 * @typedef {"" | "full" | "cleared" | "deleted" | "newer" | "older" | "used" | "user" | "device"} StoreReason
 */

/** The store cannot be used: locked by another client, damaged, of another user or device, full. */
export class StoreError extends ClientError {
  /**
   * @param {string} text
   * @param {StoreReason} [reason]
   */
  constructor(text, reason = "") {
    super(text);
    this.reason = reason;
  }
}

/** The server's final no: nothing was stored. `code` is a `RefusalCode` (or a newer server's integer). */
export class Refused extends ClientError {
  /**
   * @param {number} code
   * @param {string} text
   * @param {unknown} [detail]
   */
  constructor(code, text, detail = null) {
    const line = plain(text);
    super(`${nameOf(RefusalCode, code)}: ${line}`);
    this.code = code;
    this.text = line;
    this.detail = detail;
  }
}

/** The server does not have this feature: WELCOME names those that it has. */
export class NotOffered extends Refused {
  /** @param {string} feature */
  constructor(feature) {
    super(RefusalCode.UNKNOWN_METHOD, `this server has no feature '${feature}'`);
    this.feature = feature;
  }
}

/** `Client.abandon` gave the post up; it is certainly not stored. */
export class Abandoned extends ClientError {}

/** The server closed the connection on this post twice: the client drops it. Whether it is stored is unknown. */
export class Undeliverable extends ClientError {
  /**
   * @param {number} code
   * @param {string} text
   */
  constructor(code, text) {
    const line = plain(text);
    super(`the post closed the connection twice (${nameOf(CloseCode, code)}: ${line})`);
    this.code = code;
    this.text = line;
  }
}

/**
 * The client gave up connecting and does not come back by itself.
 *
 * `code` is the server's `CloseCode` (REPLACED: another program uses this device id; AUTH_FAILED: bad token; …), or 0 when
 * the reason is our own.
 */
export class Stopped extends ClientError {
  /**
   * @param {number} code
   * @param {string} text
   */
  constructor(code, text) {
    const line = plain(text);
    super(code ? `${nameOf(CloseCode, code)}: ${line}` : line);
    this.code = code;
    this.text = line;
  }
}

/** The time for the first connection (`timeoutMs`) ran out. The text has the last attempt's error. */
export class CannotConnect extends ClientError {}

/** The client was closed while the caller waited. A post stays in the outbox (kept across restarts if on disk). */
export class Disconnected extends ClientError {}

// In words: a bundler shortens the names of classes, and tabs, pages and logs tell these errors by theirs.
const NAMED = {
  ClientError, Misuse, OutboxFull, StoreError, Refused, NotOffered, Abandoned, Undeliverable, Stopped, CannotConnect, Disconnected,
};
for (const [name, Kind] of Object.entries(NAMED)) Kind.prototype.name = name;

/**
 * @param {Readonly<Record<string, number>>} codes
 * @param {number} code
 */
function nameOf(codes, code) {
  return Object.keys(codes).find((name) => codes[name] === code) ?? String(code);
}
