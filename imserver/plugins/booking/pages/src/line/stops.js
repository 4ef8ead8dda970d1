/**
 * Why a client ended by itself, what that means for the page, and what a person can do about it. As tables: no other place
 * decides.
 */

/** @import { CloseCode } from "./client.js" */

/**
 * `SIGNED_OUT`: this browser's sign-in was ended, here or elsewhere. `OTHER_ACCOUNT`: another tab made this browser somebody
 * else's. `ELSEWHERE`: another page speaks for this device now. `OUTDATED`: page, server and store are of different versions.
 * `OLD_TAB`: a tab of an older version holds the store. `REFUSED`: the server does not take this browser. `FAILED`: see the
 * text.
 *
 * @typedef {"SIGNED_OUT" | "OTHER_ACCOUNT" | "ELSEWHERE" | "OUTDATED" | "OLD_TAB" | "REFUSED" | "FAILED"} StopCode
 */

/**
 * What helps: begin as somebody new, load the page again, or have the line here.
 *
 * @type {Readonly<Record<StopCode, "begin" | "reload" | "here">>}
 */
export const STOP_ACTS = Object.freeze({
  SIGNED_OUT: "begin",
  OTHER_ACCOUNT: "reload",
  ELSEWHERE: "here",
  OUTDATED: "reload",
  OLD_TAB: "reload",
  REFUSED: "reload",
  FAILED: "reload",
});

/**
 * What to do about an end: `stop` for good with a code; ask the server `who` this browser is, which settles it; open `again`,
 * with the store or in `memory`.
 *
 * @typedef {{then: "stop", code: StopCode} | {then: "who" | "again" | "memory"}} Reaction
 */

/** Of StoreError, by its reason. @type {Readonly<Record<string, Reaction>>} */
const STORE = {
  full: { then: "memory" },
  "": { then: "memory" }, // refused, or damaged: it works on, and keeps nothing
  used: { then: "stop", code: "ELSEWHERE" },
  cleared: { then: "who" },
  deleted: { then: "who" },
  newer: { then: "stop", code: "OUTDATED" },
  older: { then: "stop", code: "OLD_TAB" },
  user: { then: "stop", code: "OTHER_ACCOUNT" },
  device: { then: "memory" }, // the account came back under another device: what the store has is the old one's
};

/** Of Stopped, by the name of its close code. @type {Readonly<Record<string, Reaction>>} */
const CLOSED = {
  REPLACED: { then: "stop", code: "ELSEWHERE" },
  VERSION: { then: "stop", code: "OUTDATED" },
  MALFORMED: { then: "stop", code: "OUTDATED" },
  AUTH_FAILED: { then: "who" },
  AUTH_EXPIRED: { then: "who" },
  REVOKED: { then: "who" },
};

/**
 * @param {any} error  What ended the client; a client's error keeps its name across tabs.
 * @param {typeof CloseCode} codes
 * @returns {Reaction}
 */
export function reaction(error, codes) {
  if (error?.name === "StoreError") return STORE[error.reason] ?? STORE[""];
  if (error?.name !== "Stopped") return { then: "stop", code: "FAILED" };
  const [name] = Object.entries(codes).find(([, code]) => code === error.code) ?? [""];
  return CLOSED[name] ?? { then: "stop", code: error.code === 0 ? "FAILED" : "REFUSED" };
}
