/** What the page is told of its line. */

/** @import { StopCode } from "./stops.js" */

/**
 * `none`: this browser is nobody yet. `connected`: what is posted goes out now. `waiting`: for the next attempt, at `retryAt`
 * (this machine's clock; null: unknown); posts are kept. `stopped`: it does not come back by itself; `code` says why, `act`
 * what helps.
 *
 * `kept`: whether posts outlive this page. `notice`, until `dismiss`: `REPLACED` (an older copy of the shop's records is back:
 * messages may be gone), `FULL` (the browser's storage is full, or refused), `CLEARED` (it was cleared).
 *
 * @typedef {object} LineState
 * @property {"none" | "connecting" | "connected" | "waiting" | "stopped"} state
 * @property {StopCode | ""} code
 * @property {"begin" | "reload" | "here" | null} act
 * @property {number | null} retryAt
 * @property {boolean} kept
 * @property {"REPLACED" | "FULL" | "CLEARED" | null} notice
 */

/** @type {LineState} */
export const NO_LINE = Object.freeze({ state: "none", code: "", act: null, retryAt: null, kept: true, notice: null });
