/** The IndexedDB database behind a store: how it is opened and brought up to date, and its requests as promises. */

import { StoreError } from "../errors.js";
import { TABLES } from "../ports.js";

/** Names of databases and locks begin with this, so that they do not meet those of the page's own. */
export const PREFIX = "imserver:";

/** Posts that a tab handed in before the tab that leads has put them into the outbox (`tabs/handed_in.js`). */
export const HANDED_IN = "handed_in";

/**
 * What each version of the database adds to the one before; a database of an older page is brought up to date when it is
 * opened. Never change a line that was shipped: add one.
 *
 * @type {readonly ((database: IDBDatabase) => void)[]}
 */
export const VERSIONS = [
  (database) => {
    for (const table of TABLES) database.createObjectStore(table);
    database.createObjectStore(HANDED_IN, { autoIncrement: true });
  },
];

/** Two versions of a page are open, and this one must give way. To go on without the store would be a second device. */
export class VersionConflict extends StoreError {}

/** How long to wait for older pages to let go of the database (milliseconds). */
const BLOCKED_WAIT_MS = 5000;

export const NEWER_VERSION = "a newer version of this page took the store over";

/** What IndexedDB's errors mean to a person. `UnknownError` is what Chromium says of a disk that is full or fails. */
const WORDS = /** @type {Readonly<Record<string, string>>} */ ({
  QuotaExceededError: "the browser's storage for this site is full",
  VersionError: "made by a newer version of this page; reload the page",
  InvalidStateError: "the browser's storage was cleared, or taken over by a newer version of this page; reload the page",
  SecurityError: "this browser does not let the page keep anything",
  NotFoundError: "the database is damaged, or of another program",
  UnknownError: "the browser cannot read or write its storage (the disk may be full)",
});
const REASONS = /** @type {Readonly<Record<string, import("../errors.js").StoreReason>>} */ ({
  QuotaExceededError: "full", VersionError: "newer", InvalidStateError: "cleared",
});

/**
 * @param {string} name
 * @param {readonly ((database: IDBDatabase) => void)[]} [versions]
 * @returns {Promise<IDBDatabase>}
 */
export async function openDatabase(name, versions = VERSIONS) {
  const request = indexedDB.open(PREFIX + name, versions.length);
  request.onupgradeneeded = (event) => {
    for (const change of versions.slice(event.oldVersion)) change(request.result);
  };
  let timer;
  const blocked = new Promise((_, reject) => {
    request.onblocked = () => {
      const error = new VersionConflict(`${name}: an older version of this page is open in another tab; close it`, "older");
      timer = setTimeout(() => reject(error), BLOCKED_WAIT_MS);
    };
  });
  try {
    return /** @type {IDBDatabase} */ (await Promise.race([answered(request), blocked]));
  } catch (error) {
    request.onsuccess = () => request.result.close(); // it may still open, behind our back
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
export function answered(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/**
 * @param {IDBTransaction} transaction
 * @returns {Promise<void>}  Resolves when all of it is on disk.
 */
export function finished(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    // A full disk is found at the commit, when no request is left that could fail: only `abort` tells.
    transaction.onabort = () => reject(transaction.error ?? new DOMException("aborted", "InvalidStateError"));
  });
}

/**
 * @param {string} name
 * @param {unknown} error
 */
export function asStoreError(name, error) {
  if (error instanceof StoreError) return error;
  const { name: kind = "", message = String(error) } = /** @type {Partial<DOMException>} */ (error ?? {});
  const words = WORDS[kind];
  const text = `${name}: ${words === undefined ? message : `${words} (${kind})`}`;
  const reason = REASONS[kind] ?? "";
  return kind === "VersionError" ? new VersionConflict(text, reason) : new StoreError(text, reason);
}
