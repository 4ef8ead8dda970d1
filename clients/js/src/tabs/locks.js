/**
 * Who leads, and who lives: Web Locks, which the browser takes back from a tab however it ends.
 *
 * Each tab holds a lock of its own for as long as it lives; whoever waits for that lock learns of its end, without polling and
 * also of a killed process. One more lock is the lead.
 */

import { PREFIX } from "../storage/database.js";

/** A name that no other tab has. `randomUUID` would need a safe origin. */
export const newTabId = () => [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** @param {string} tabId */
const ofTab = (tabId) => `${PREFIX}tab:${tabId}`;

/**
 * Hold the lock of this tab. Resolves when it is held.
 *
 * @param {string} tabId
 * @returns {Promise<() => void>}  Gives it back, as the end of the tab would.
 */
export const live = (tabId) => hold(ofTab(tabId), {});

/**
 * Resolves when this tab leads.
 *
 * @param {string} name
 * @param {AbortSignal} signal  Ends the waiting: then it rejects.
 * @returns {Promise<() => void>}  Lets another tab lead.
 */
export const lead = (name, signal) => hold(`${PREFIX}lead:${name}`, { signal });

/**
 * Resolves when the tab has ended.
 *
 * @param {string} tabId
 * @param {AbortSignal} signal  Ends the waiting: then it rejects.
 * @returns {Promise<void>}
 */
export const ended = (tabId, signal) => navigator.locks.request(ofTab(tabId), { mode: "shared", signal }, () => {});

/**
 * @param {string} lock
 * @param {LockOptions} options
 * @returns {Promise<() => void>}
 */
function hold(lock, options) {
  return new Promise((resolve, reject) => {
    navigator.locks
      .request(lock, options, () => new Promise((release) => resolve(() => release(undefined))))
      .catch(reject);
  });
}
