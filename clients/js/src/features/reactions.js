/** reactions: people put emoji on messages, and everybody sees which, how many and some of whom. */

import { PAGE_ITEMS } from "../wire/limits.js";
import { REACT, REACTED_BY } from "../wire/methods.js";

/** The key in `extra` and `mine`. */
const KEY = "reactions";

/**
 * One emoji at a message: how many people put it, and the user ids of some of them.
 *
 * @typedef {{emoji: string, count: number, userIds: string[]}} EmojiCount
 */

/**
 * What everybody sees at a message, those of most people first. `kinds` may be more than are shown: the rarest stand behind
 * `client.reactions.people`.
 *
 * @typedef {{shown: EmojiCount[], kinds: number}} Reactions
 */

/** `client.reactions`. Changes come as `itemChanged`, like those of all state of messages. */
export class Reacting {
  /** @param {import("../core/feature_ports.js").Port} port */
  constructor(port) {
    this._port = port;
  }

  /**
   * Put one's emoji on the message. Throws Refused: INVALID for what is none, TOO_LARGE where there is no more room.
   *
   * @param {string} conversationId
   * @param {number} position
   * @param {string} emoji
   */
  put(conversationId, position, emoji) {
    return this._set(conversationId, position, emoji, true);
  }

  /**
   * Remove one's emoji.
   *
   * @param {string} conversationId
   * @param {number} position
   * @param {string} emoji
   */
  remove(conversationId, position, emoji) {
    return this._set(conversationId, position, emoji, false);
  }

  /**
   * What the message has, as far as this client knows.
   *
   * @param {string} conversationId
   * @param {number} position
   */
  of(conversationId, position) {
    return readReactions(this._port.item(conversationId, position)?.extra[KEY]);
  }

  /**
   * One's own on the message, as far as this client knows.
   *
   * @param {string} conversationId
   * @param {number} position
   */
  mine(conversationId, position) {
    return readMine(this._port.item(conversationId, position)?.mine[KEY]);
  }

  /**
   * A page of those who put this emoji, or any, and what the next page comes after; null: that was the last.
   *
   * @param {string} conversationId
   * @param {number} position
   * @param {{emoji?: string | null, after?: string | null, limit?: number}} [page]
   * @returns {Promise<{people: {userId: string, emoji: string[]}[], next: string | null}>}
   */
  async people(conversationId, position, { emoji = null, after = null, limit = PAGE_ITEMS } = {}) {
    return this._port.call(REACTED_BY, [conversationId, position, emoji, after, limit]);
  }

  /**
   * @param {string} conversationId
   * @param {number} position
   * @param {string} emoji
   * @param {boolean} on
   */
  async _set(conversationId, position, emoji, on) {
    const params = [conversationId, position, emoji, on];
    const stands = await this._port.write(REACT, params, { conversationId, position });
    this._port.itemStands(conversationId, position, stands);
  }
}

/** @type {(value: unknown) => boolean} */
const isCount = (value) => typeof value === "number" && Number.isInteger(value) && value > 0;

/** @type {(value: unknown) => string[]} */
const strings = (value) => (Array.isArray(value) ? value.filter((one) => typeof one === "string") : []);

/**
 * What stands under the feature's name in `extra`. What this version does not understand is left out.
 *
 * @param {unknown} value
 * @returns {Reactions}
 */
export function readReactions(value) {
  if (!Array.isArray(value) || !Array.isArray(value[0]) || !Number.isInteger(value[1])) return { shown: [], kinds: 0 };
  const rows = value[0].filter(
    (row) => Array.isArray(row) && typeof row[0] === "string" && isCount(row[1]) && Array.isArray(row[2]),
  );
  const shown = rows.map(([emoji, count, people]) => ({ emoji, count, userIds: strings(people) }));
  return { shown, kinds: Math.max(value[1], shown.length) };
}

/**
 * The same of `mine`.
 *
 * @param {unknown} value
 */
export function readMine(value) {
  return strings(value);
}
