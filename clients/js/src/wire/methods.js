/** What methods answer and what pushes and signals tell, as shapes (SPEC 18, 19). Bounds in them protect our memory. */

import {
  any, BadShape, bool, bytes, end, integer, list, map, name, nullable, number, position, shape, string, text, token, word,
} from "./shapes.js";

/**
 * A request and how its result is read.
 *
 * @template R
 * @typedef {{name: string, result: import("./shapes.js").Read<R>}} Method
 */

/**
 * @template R
 * @param {string} methodName
 * @param {import("./shapes.js").Read<R>} result
 * @returns {Method<R>}
 */
const method = (methodName, result) => Object.freeze({ name: methodName, result });

const key = bytes(64);
const content = bytes(Infinity);
const settled = shape({ position: number, duplicate: bool });

/** A message in a page. */
const pageItem = shape({
  position, senderId: name, sentAt: number, key, content: nullable(content), revision: number, extra: end(map),
  mine: end(map),
});
/** @typedef {ReturnType<typeof pageItem>} PageItem */

const historyShape = shape({ items: list(pageItem), first: number, last: number, head: number, modseq: end(number) });
/** @typedef {ReturnType<typeof historyShape>} HistoryResult */

/** @type {import("./shapes.js").Read<HistoryResult>} */
function historyResult(value) {
  const page = historyShape(value);
  let before = page.first - 1;
  for (const item of page.items) {
    if (item.position <= before || item.position > page.last) {
      throw new BadShape("items are not in order within first..last");
    }
    before = item.position;
  }
  if (page.items.length > 0 && page.last > page.head) throw new BadShape("a page beyond the head");
  return page;
}

const syncRow = shape({
  conversationId: name, kind: word, title: text, head: number, joinedAt: number, leftAt: nullable(number), role: text,
  delivered: number, read: number, settings: map,
  cursors: list(shape({ userId: name, delivered: number, read: number })),
  about: end(map), modseq: end(number), team: end(name), settingsSeq: end(number),
});
/** @typedef {ReturnType<typeof syncRow>} SyncRow */

const syncResult = shape({
  rows: list(syncRow), nextSince: token, more: bool, account: end(map), accountSeq: end(number),
});
/** @typedef {ReturnType<typeof syncResult>} SyncResult */

const checkAnswer = shape({ agreed: nullable(number), stateGood: bool, row: syncRow });
/** @typedef {ReturnType<typeof checkAnswer>} CheckAnswer */
const checkResult = shape({ answers: list(nullable(checkAnswer)), account: end(map), accountSeq: end(number) });
/** @typedef {ReturnType<typeof checkResult>} CheckResult */

const changesResult = shape({
  rows: list(shape({ position, modseq: number, extra: map, mine: end(map) })), upto: number, more: bool,
});
/** @typedef {ReturnType<typeof changesResult>} ChangesResult */

const conversationRow = shape({
  conversationId: text, kind: text, title: text, head: number, unread: number, lastItem: nullable(pageItem), role: text,
  settings: end(map), about: end(map), modseq: end(number), team: end(name), settingsSeq: end(number),
});
/** @typedef {ReturnType<typeof conversationRow>} ConversationRow */

/** @type {import("./shapes.js").Read<string>} */
const kindOfUser = (value) => (value === undefined ? "person" : text(value));

export const POST = method("post", shape({ position, sentAt: number, duplicate: bool }));
export const ABANDON = method("abandon", shape({ position: nullable(position) }));
export const HISTORY = method("history", historyResult);
export const SYNC = method("sync", syncResult);
export const CURSOR = method("cursor", shape({ delivered: number, read: number }));
export const CONVERSATIONS = method("conversations", shape({ rows: list(conversationRow), next: nullable(text) }));
export const CREATE = method("create", shape({ conversationId: name, position: number, duplicate: bool }));
export const ADD = method("add", settled);
export const REMOVE = method("remove", settled);
export const LEAVE = method("leave", settled);
export const MEMBERS = method("members", list(shape({ userId: text, role: text })));
export const USERS = method(
  "users", list(shape({ userId: text, displayName: text, language: text, kind: kindOfUser })),
);
export const RENEW = method("renew", shape({ expiresAt: number }));
export const CHECK = method("check", checkResult);
export const CHANGES = method("changes", changesResult);

// -- optional parts

export const EDIT = method("edit", shape({ position: number, revision: number, duplicate: bool }));
const itemStands = shape({ modseq: number, extra: map, mine: map });
/** @typedef {ReturnType<typeof itemStands>} ItemStands */
export const REACT = method("react", itemStands);
export const REACTED_BY = method(
  "reacted_by", shape({ people: list(shape({ userId: name, emoji: list(word) })), next: nullable(name) }),
);
const blockStands = shape({ userId: name, blocked: bool });
export const BLOCK = method("block", blockStands);
export const UNBLOCK = method("unblock", blockStands);
export const BLOCKS = method("blocks", shape({ userIds: list(name), next: nullable(name) }));

/** Pushes: the fields behind the kind. */
export const MESSAGE = shape({ conversationId: name, position, senderId: name, sentAt: number, key, content });
export const CURSOR_MOVED = shape({ conversationId: name, userId: name, delivered: number, read: number });
export const LAGGING = shape({});
export const ITEM = shape({
  conversationId: name, modseq: number, items: nullable(list(shape({ position, extra: map, mine: end(map) }))),
});
export const ABOUT = shape({ conversationId: name, modseq: number, about: map });
export const SETTINGS = shape({ conversationId: name, seq: number, settings: map });
export const ACCOUNT = shape({ seq: number, account: map });
export const BLOCK_CHANGED = blockStands;

/** Signals: the fields behind the kind. */
export const TYPING = shape({ conversationId: name, userId: name });

/** Frames of the handshake and the end, behind type, seq and ack. */
const identifier = string(256, 1);
export const WELCOME = shape({
  version: integer(-Number.MAX_SAFE_INTEGER), features: list(text), userId: identifier, sessionId: identifier,
  resumeToken: bytes(64, 1), resumed: bool, reason: text, storeEpoch: text, serverTime: number, limits: map,
  place: string(4096),
});
export const GOODBYE = shape({ code: integer(1), text, retryAfterMs: number });

/** What a plugin answers: its own business. */
export const ANYTHING = any;
