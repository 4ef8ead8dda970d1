/** How conversation ids are made (SPEC 20). Ids that one did not make are opaque strings. */

import { sha256 } from "./sha256.js";
import { encodeUtf8 } from "./utf8.js";
import { hex } from "./values.js";

/** @param {string} userId */
const escaped = (userId) => userId.replaceAll("%", "%25").replaceAll("/", "%2F");

/**
 * Compares by UTF-8 bytes, which is the order of code points, and not that of UTF-16.
 *
 * @param {string} one
 * @param {string} other
 */
export function compareByBytes(one, other) {
  const left = encodeUtf8(one);
  const right = encodeUtf8(other);
  for (let at = 0; at < Math.min(left.length, right.length); at += 1) {
    if (left[at] !== right[at]) return left[at] - right[at];
  }
  return left.length - right.length;
}

/**
 * The id of the direct conversation of two users, in either order.
 *
 * @param {string} one
 * @param {string} other
 */
export function directConversationId(one, other) {
  const [first, second] = [one, other].sort(compareByBytes);
  return `direct/${escaped(first)}/${escaped(second)}`;
}

/**
 * The id of the group or channel that `create` makes with this key.
 *
 * @param {string} creatorId
 * @param {Uint8Array} key
 */
export function groupConversationId(creatorId, key) {
  const creator = encodeUtf8(creatorId);
  const bytes = new Uint8Array(creator.length + 1 + key.length);
  bytes.set(creator);
  bytes.set(key, creator.length + 1);
  return `group/${hex(sha256(bytes)).slice(0, 32)}`;
}
