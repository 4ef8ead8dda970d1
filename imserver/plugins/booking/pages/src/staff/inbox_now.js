/**
 * The inbox as it is now: read whole once, and then the rows that changed are put in, as `x-booking.changes` tells them. Nothing
 * of it needs a server: what comes goes in, the next inbox comes out.
 */

/** @import { Changes, Inbox, InboxRow, StaffState } from "./shapes.js" */

/** @typedef {StaffState["older"]} Older */
/** @typedef {{inbox: Inbox, older: Older}} Listed  The inbox, and what is read of the pages below it. */

/** A server lists so many of those that wait. */
const MOST_WAITING = 200;
/** Those behind them are read when so few are left: where more wait, each one that is answered would have it all read again. */
const FEWEST_WAITING = 150;
/** A list that grew to so many, or shrank to so few though there are more below, is read again: it neither grows for ever nor runs dry. */
const MOST_RECENT = 100;
const FEWEST_RECENT = 25;

/** Whether these changes are all that `inbox` lacks. @param {Inbox} inbox @param {Changes} told */
export const goesOn = (inbox, told) =>
  inbox.edition === told.edition && inbox.number <= told.number && inbox.number >= told.after;

/**
 * Both with the rows that changed. `cut`: below it the next page begins; null: there is none. Rows that did not change stay the
 * same objects: so a screen knows what it need not draw.
 *
 * @param {Listed} listed
 * @param {Changes} told
 * @param {InboxRow | null} cut
 * @returns {Listed}
 */
export function caughtUp({ inbox, older }, told, cut) {
  const changed = new Set(told.rows.map(({ conversation }) => conversation));
  const stays = (/** @type {InboxRow} */ { conversation }) => !changed.has(conversation);
  const waits = told.rows.filter(({ since }) => since !== null);
  const rests = told.rows.filter(({ since }) => since === null);
  const above = (/** @type {InboxRow} */ row) => cut === null || byActivity(row, cut) <= 0;
  // Who waits shorter than the last that is listed stands behind those that are not.
  const last = inbox.moreWaiting > 0 ? inbox.waiting[inbox.waiting.length - 1] : undefined;
  const before = (/** @type {InboxRow} */ row) => last === undefined || byWait(row, last) <= 0;
  const waiting = [...inbox.waiting.filter(stays), ...waits.filter(before)].sort(byWait).slice(0, MOST_WAITING);
  const recent = [...inbox.recent.filter(stays), ...rests.filter(above)].sort(byActivity);
  const { asOf, edition, number } = told;
  return {
    inbox: { ...inbox, asOf, edition, number, waiting, recent, moreWaiting: told.waiting - waiting.length },
    older: below(older, changed, rests.filter((row) => !above(row))),
  };
}

/** Whether rows are missing that only the server knows, or there are too many. @param {Inbox} inbox */
export function isWorn({ waiting, moreWaiting, recent, next }) {
  if (moreWaiting > 0 && waiting.length < FEWEST_WAITING) return true;
  return recent.length > MOST_RECENT || (next !== null && recent.length < FEWEST_RECENT);
}

/**
 * The inbox was read again, and its first page may be shorter: what somebody has in sight who reads further down stays there.
 *
 * @param {Inbox} inbox
 * @param {Listed | null} before
 * @returns {Listed | null}  Null: nothing was read below.
 */
export function readAgain(inbox, before) {
  if (before === null || before.older.rows.length === 0) return null;
  const listed = new Set([...inbox.waiting, ...inbox.recent, ...before.older.rows].map(({ conversation }) => conversation));
  const fell = before.inbox.recent.filter(({ conversation }) => !listed.has(conversation));
  return { inbox, older: { ...before.older, rows: [...fell, ...before.older.rows] } };
}

/** @param {Older} older @param {Set<string>} changed @param {InboxRow[]} rests @returns {Older} */
function below(older, changed, rests) {
  const known = new Set(older.rows.map(({ conversation }) => conversation));
  if (![...changed].some((conversation) => known.has(conversation))) return older;
  const rows = older.rows.filter(({ conversation }) => !changed.has(conversation));
  const here = rests.filter(({ conversation }) => known.has(conversation));
  return { ...older, rows: [...rows, ...here].sort(byActivity) };
}

/** Alarms first, then who waits the longest. @param {InboxRow} one @param {InboxRow} other */
function byWait(one, other) {
  const alarms = Number(other.why === "alarm") - Number(one.why === "alarm");
  return alarms || Number(one.since) - Number(other.since) || byName(one, other);
}

/** The latest first. @param {InboxRow} one @param {InboxRow} other */
function byActivity(one, other) {
  return other.at - one.at || byName(other, one);
}

/** @param {InboxRow} one @param {InboxRow} other */
function byName({ conversation: one }, { conversation: other }) {
  return one === other ? 0 : one < other ? -1 : 1;
}
