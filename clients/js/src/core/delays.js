/** Notices that the server takes posts later, and why, and that it does so no more: once each, whatever the refusals. */

import { plain, RefusalCode } from "../errors.js";
import { plainValue } from "../wire/values.js";

/** @typedef {import("../session/payload.js").RefusalReceived} RefusalReceived */

/** Allowances that may be used up. */
const QUOTAS = new Set(["bytes_per_day", "bytes_in_all"]);

/**
 * A delay begins with a post that was refused for now. It ends when no post was refused with the same code for a while behind the
 * last wait.
 */
export class Delays {
  /**
   * @param {(event: import("../events.js").PostsDelayed) => void} announce
   * @param {import("./timers.js").Timers} timers
   * @param {number} calmMs
   */
  constructor(announce, timers, calmMs) {
    this._announce = announce;
    this._timers = timers;
    this._calmMs = calmMs;
    /**
     * By code and allowance: when the longest wait ends.
     *
     * @type {Map<string, number>}
     */
    this._until = new Map();
  }

  /**
   * A post is offered again after this wait. `waiting`: posts that have no answer, this one too.
   *
   * @param {RefusalReceived} refusal
   * @param {number} waitMs
   * @param {number} waiting
   */
  refused({ code, text, detail: told }, waitMs, waiting) {
    if (code === RefusalCode.HELD) return; // it was behind another one, which says why
    const detail = plainValue(told);
    const quota = detail !== null && typeof detail === "object" ? detail.quota : "";
    const cause = `${code} ${QUOTAS.has(quota) ? quota : ""}`;
    const until = this._until.get(cause);
    this._until.set(cause, Math.max(until ?? 0, this._timers.now + waitMs));
    if (until !== undefined) return;
    this._arm(cause, code, detail);
    this._announce({
      type: "postsDelayed", delayed: true, code, text: plain(text), waiting, retryInMs: waitMs, detail,
    });
  }

  /**
   * @param {string} cause
   * @param {number} code
   * @param {any} detail
   */
  _arm(cause, code, detail) {
    const due = (this._until.get(cause) ?? 0) + this._calmMs;
    this._timers.after(due - this._timers.now, () => {
      if (this._timers.now < (this._until.get(cause) ?? 0) + this._calmMs) {
        this._arm(cause, code, detail);
        return;
      }
      this._until.delete(cause);
      this._announce({ type: "postsDelayed", delayed: false, code, text: "", waiting: 0, retryInMs: null, detail });
    });
  }
}
