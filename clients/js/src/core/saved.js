/** What the store keeps, as the client's parts see it, and as records: the only place that knows both. */

/** @typedef {import("../ports.js").StoredValue} StoredValue */

/**
 * Progress in a conversation: done up to `have`; handed to the application up to `handed`; exists up to `knownHead`.
 *
 * @typedef {{have: number, handed: number, knownHead: number}} SavedPosition
 */

/**
 * A post: without an answer (`position` null), to be offered again byte for byte; or stored at `position`, and kept so that it
 * can be offered again should an older copy of the server's database come back. 0: it is gone, and its content is kept for who
 * is told so.
 *
 * @typedef {{conversationId: string, key: string, content: Uint8Array, position: number | null}} SavedPost  The key is
 *   written as hexadecimal digits.
 */

/**
 * What is stored of a conversation: its place (null: clean), ranges with edited messages, and ranges to be read again.
 *
 * @typedef {{place: string | null, edited: [number, number][], again: [number, number][], veiled: boolean,
 *   team: string | null}} SavedTrail
 */

/**
 * An own message that was met, or whose post was answered. `lost`: its part of the history is gone; it is looked for.
 *
 * @typedef {{conversationId: string, position: number, lost: boolean}} SavedOwn
 */

/**
 * What the application is to be told of a conversation; kept until it was. `replaced`: above `agreed` it is another history
 * (null: all of it is). `forgotten`: the conversation is gone. `gone`: keys of own messages that did not come back. `pending`:
 * to be told only if `since` is refused, for to lose a conversation of a team is ordinary.
 *
 * @typedef {{conversationId: string, replaced: boolean, agreed: number | null, forgotten: boolean, gone: string[],
 *   pending: boolean}} Notice
 */

/**
 * A map as it was told whole, encoded (null: empty), and the modseq or counter that it was told with.
 *
 * @typedef {{seq: number, value: Uint8Array | null}} SavedCounted
 */

/**
 * The state of a message: its maps, encoded (null: empty), and the modseq of each.
 *
 * @typedef {{modseq: number, extra: Uint8Array | null, mineModseq: number, mine: Uint8Array | null}} SavedItem
 */

/**
 * What is known of a conversation's state: right as of `seen` for the positions in `held`; there is more up to `top`. `items`
 * are those that changed since the last step, null for one that is not kept any more.
 *
 * @typedef {{seen: number, top: number, met: number, former: boolean, about: SavedCounted, settings: SavedCounted,
 *   held: [number, number][], items: Map<number, SavedItem | null>}} SavedState
 */

/**
 * What changed since the last step, each one whole; null: remove it.
 *
 * @typedef {{trails: Map<string, SavedTrail | null>, own: Map<string, SavedOwn | null>,
 *   notices: Map<string, Notice | null>}} LineageStep
 */

/**
 * What is left of a conversation's positions after a check: `have` and `handed` fall to `upto`, `knownHead` is this.
 *
 * @typedef {{upto: number, knownHead: number}} SavedFall
 */

/** @typedef {StoredValue[]} Row */

/** @type {(saved: SavedPosition) => StoredValue} */
export const positionRecord = ({ have, handed, knownHead }) => [have, handed, knownHead];
/** @type {(record: any) => SavedPosition} */
export const readPosition = ([have, handed, knownHead]) => ({ have, handed, knownHead });

/** @type {(saved: SavedPost) => StoredValue} */
export const postRecord = ({ conversationId, key, content, position }) => [conversationId, key, content, position];
/** @type {(record: any) => SavedPost} */
export const readPost = ([conversationId, key, content, position]) => ({ conversationId, key, content, position });

/** @type {(saved: SavedTrail) => StoredValue} */
export const trailRecord = ({ place, edited, again, veiled, team }) => [place, edited, again, veiled, team];
/** @type {(record: any) => SavedTrail} */
export const readTrail = ([place, edited, again, veiled, team]) => ({ place, edited, again, veiled, team });

/** @type {(saved: SavedOwn) => StoredValue} */
export const ownRecord = ({ conversationId, position, lost }) => [conversationId, position, lost];
/** @type {(record: any) => SavedOwn} */
export const readOwn = ([conversationId, position, lost]) => ({ conversationId, position, lost });

/** @type {(saved: Notice) => StoredValue} */
export const noticeRecord = ({ conversationId, replaced, agreed, forgotten, gone, pending }) => [
  conversationId, replaced, agreed, forgotten, gone, pending,
];
/** @type {(record: any) => Notice} */
export const readNotice = ([conversationId, replaced, agreed, forgotten, gone, pending]) => ({
  conversationId, replaced, agreed, forgotten, gone, pending,
});

/** @type {(saved: SavedCounted) => StoredValue} */
export const countedRecord = ({ seq, value }) => [seq, value];
/** @type {(record: any) => SavedCounted} */
export const readCounted = ([seq, value]) => ({ seq, value });

/** @type {(saved: SavedItem) => StoredValue} */
export const itemRecord = ({ modseq, extra, mineModseq, mine }) => [modseq, extra, mineModseq, mine];
/** @type {(record: any) => SavedItem} */
export const readItem = ([modseq, extra, mineModseq, mine]) => ({ modseq, extra, mineModseq, mine });

/** @type {(saved: SavedState) => StoredValue} */
export const stateRecord = ({ seen, top, met, former, about, settings, held }) => [
  seen, top, met, former, countedRecord(about), countedRecord(settings), held,
];
/** @type {(record: any) => SavedState} */
export const readState = ([seen, top, met, former, about, settings, held]) => ({
  seen, top, met, former, about: readCounted(about), settings: readCounted(settings), held, items: new Map(),
});

const DIGITS = 16;

/**
 * A number as a key that sorts like it.
 *
 * @param {number} value
 */
export const numberKey = (value) => String(value).padStart(DIGITS, "0");

/**
 * The key of an item's record: the conversation's id may hold anything, so the number ends it.
 *
 * @param {string} conversationId
 * @param {number} position
 */
export const itemKey = (conversationId, position) => `${conversationId}\n${numberKey(position)}`;

/**
 * @param {string} key
 * @returns {[string, number]}
 */
export const readItemKey = (key) => [key.slice(0, -DIGITS - 1), Number(key.slice(-DIGITS))];
