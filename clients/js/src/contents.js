/** What contents of messages say, as far as the client looks at them (SPEC 11). */

import { decodeContent } from "./wire/decode.js";
import { WIDEST_CONTENT } from "./wire/limits.js";
import { Malformed, plainMap } from "./wire/values.js";

/** @typedef {import("./wire/methods.js").PageItem} PageItem */
/** @typedef {import("./values.js").Content} Content */

/** "system", as its bytes stand in a content. */
const SYSTEM = [0x73, 0x79, 0x73, 0x74, 0x65, 0x6d];

/**
 * The map in a message's content. Null for a tombstone, and for invalid bytes: one spoilt message must not keep the rest of
 * its conversation from the application.
 *
 * @param {Uint8Array | null} content
 * @returns {Content | null}
 */
export function readContent(content) {
  if (content === null) return null;
  try {
    return plainMap(decodeContent(content, WIDEST_CONTENT));
  } catch (error) {
    if (error instanceof Malformed) return null;
    throw error;
  }
}

/**
 * The map of a system message; null if it is none.
 *
 * @param {Uint8Array | null} content
 * @returns {Content | null}
 */
export function systemEvent(content) {
  if (content === null || !holdsSystem(content)) return null; // reading each content for it would cost
  const told = readContent(content);
  return told !== null && told.type === "system" ? told : null;
}

/** @param {Uint8Array} content */
function holdsSystem(content) {
  const last = content.length - SYSTEM.length;
  for (let at = content.indexOf(SYSTEM[0]); at >= 0 && at <= last; at = content.indexOf(SYSTEM[0], at + 1)) {
    if (SYSTEM.every((byte, index) => content[at + index] === byte)) return true;
  }
  return false;
}

/** @param {unknown} value */
const isPosition = (value) => typeof value === "number" && Number.isInteger(value) && value >= 1;

/**
 * Position and revision of the message that was taken back, if this system message tells so.
 *
 * @param {Content} told
 * @returns {{target: number, revision: number} | null}
 */
export function takenBack(told) {
  const { event, target, revision } = told;
  return event === "retracted" && isPosition(target) && isPosition(revision) ? { target, revision } : null;
}

/**
 * The position of the message that has another content now, if this system message tells so.
 *
 * @param {Content} told
 * @returns {number | null}
 */
export function changedTarget(told) {
  return (told.event === "edited" || told.event === "retracted") && isPosition(told.target) ? told.target : null;
}

/**
 * The first fault of what somebody wants to say; null: there is none.
 *
 * @param {Readonly<Record<string, unknown>>} content
 */
export function contentFault(content) {
  const kind = content.type;
  if (typeof kind !== "string" || kind === "") return "a map with `type`, a string";
  if (kind === "system") return "`system` is the server's own type";
  if (kind === "text" && typeof content.text !== "string") return "`text` is a string";
  return null;
}

/**
 * An item of a page as the application sees it.
 *
 * @param {string} conversationId
 * @param {PageItem} item
 * @returns {import("./values.js").Item}
 */
export function shownItem(conversationId, item) {
  return {
    conversationId,
    position: item.position,
    senderId: item.senderId,
    sentAt: item.sentAt,
    key: item.key,
    content: readContent(item.content),
    revision: item.revision,
    extra: item.extra === null ? {} : plainMap(item.extra),
    mine: item.mine === null ? {} : plainMap(item.mine),
  };
}

/**
 * The item as queues keep it: they count bytes of content, and values in maps take a hundred times their bytes.
 *
 * @param {PageItem} item
 * @returns {PageItem}
 */
export function withoutState(item) {
  return item.extra === null && item.mine === null ? item : { ...item, extra: null, mine: null };
}
