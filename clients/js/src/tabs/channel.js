/**
 * What tabs say to each other, over a BroadcastChannel: each message names its sender, whom it is for, and its version.
 *
 * Errors and messages are classes, of which the browser would copy the fields alone; here they become what they were.
 */

import * as errors from "../errors.js";
import { PREFIX } from "../storage/database.js";

/** Raised whenever a tab of before could misunderstand what is said. A tab does not listen to others of another version. */
const VERSION = 1;

/**
 * | `type` | from | means |
 * |---|---|---|
 * | `hello` | a new tab | who leads? |
 * | `leading` | the leader, to one tab or all | ask me; `me` is who this device is |
 * | `call` · `answer` | a tab · the leader | a method of the client, and what it gave, by `id` |
 * | `reading` | a tab | which streams (`messages`, `events`) its application reads |
 * | `message` · `event` | the leader, to all | of the streams |
 * | `watch` · `unwatch` | a tab | a question of which it wants each answer, by `id` · no more |
 * | `watched` | the leader | an answer to it, or the error that ends it |
 * | `done` | a tab | its application has finished the message at `conversationId`, `position` |
 * | `stopped` | the leader, to all | the client has ended, by `error` |
 *
 * @typedef {{type: string, [field: string]: any}} Said
 */

/** A channel for the tabs of one store. */
export class Channel {
  #channel;
  #tabId;

  /**
   * @param {string} name
   * @param {string} tabId
   * @param {(from: string, said: Said) => void} heard  Something was said to this tab.
   */
  constructor(name, tabId, heard) {
    this.#tabId = tabId;
    this.#channel = new BroadcastChannel(`${PREFIX}tabs:${name}`);
    this.#channel.onmessage = ({ data }) => {
      const { version, from, to, said } = data;
      if (version === VERSION && (to === null || to === tabId)) heard(from, opened(said));
    };
  }

  /**
   * @param {string | null} to  A tab; null: all others.
   * @param {Said} said
   */
  send(to, said) {
    this.#channel.postMessage({ version: VERSION, from: this.#tabId, to, said: packed(said) });
  }

  close() {
    this.#channel.close();
  }
}

/** Fields that hold an error of ours, wherever they stand. */
const ERROR_FIELD = "error";

/** @param {Said} said @returns {Said} */
function packed(said) {
  const value = said.event?.[ERROR_FIELD] instanceof Error ? { ...said, event: packed(said.event) } : said;
  if (!(value[ERROR_FIELD] instanceof Error)) return value;
  const { name, message } = value[ERROR_FIELD];
  return { ...value, [ERROR_FIELD]: { ...value[ERROR_FIELD], name, message, packed: true } };
}

/** @param {Said} said @returns {Said} */
function opened(said) {
  const value = said.event?.[ERROR_FIELD]?.packed ? { ...said, event: opened(said.event) } : said;
  if (!value[ERROR_FIELD]?.packed) return value;
  const { name, message, packed: _, ...fields } = value[ERROR_FIELD];
  const kind = /** @type {Record<string, any>} */ (errors)[name];
  const error = Object.create(kind?.prototype ?? Error.prototype);
  for (const [field, one] of Object.entries({ ...fields, message, name, stack: `${name}: ${message}` })) {
    Object.defineProperty(error, field, { value: one, enumerable: field in fields, writable: true, configurable: true });
  }
  return { ...value, [ERROR_FIELD]: error };
}
