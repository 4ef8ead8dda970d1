/** What the list of messages draws, as plain rows: days, sentences of the server, bubbles with their ticks. A pure function. */

import { hex } from "../line/posts.js";
import { ofPerson, shownContent } from "./content.js";

/** @import { ChatItem, ConversationView } from "./conversation.js" */
/** @import { CardContent, Shown, TextContent } from "./content.js" */
/** @import { Post } from "../line/posts.js" */

/**
 * `tick` of own messages: `sending` (no answer yet, just said), `waiting` (for a connection), `refused`, `sent` (durable at
 * the shop), `read` (by a person).
 *
 * @typedef {"sending" | "waiting" | "refused" | "sent" | "read"} Tick
 *
 * @typedef {object} Bubble
 * @property {"bubble"} is
 * @property {string} key
 * @property {string} conversation
 * @property {number} position  0: none yet.
 * @property {number} at  UTC ms.
 * @property {"own" | "bot" | "staff" | "customer"} from  `customer`: only where staff look.
 * @property {string} name  Of another person, where the group begins; else "".
 * @property {boolean} first  Of its group: one sender, a few minutes.
 * @property {boolean} last
 * @property {Shown} shown
 * @property {boolean} pressed  The text is a button's label.
 * @property {ReadonlySet<string>} used  Commands of this card's buttons that were pressed.
 * @property {boolean} answered  One has gone on since this card: by one of its buttons, or elsewhere on the page.
 * @property {boolean} edited
 * @property {Tick | null} tick
 * @property {Post | null} post
 * @property {ChatItem["reactions"]} reactions
 *
 * @typedef {{is: "day", key: string, day: string, at: number}} DayRow
 * @typedef {{is: "told", key: string, at: number, event: string, userId: string}} ToldRow
 * @typedef {Bubble | DayRow | ToldRow} Row
 */

/** Messages of one sender that follow each other so closely are one group. */
const GROUP_MS = 3 * 60_000;
/** System messages that are said in words. The others change what is drawn, or are nothing to a customer. */
const TOLD = new Set(["added", "removed", "left"]);
/**
 * `bot`: the shop's account. Where staff look (`staffs`), others are the customer and colleagues, and cards lead to other
 * conversations.
 *
 * `called`: the customer's name, where it is a better one than the account's.
 *
 * @typedef {{me: string, bot: string, customer?: string, called?: string, staffs?: boolean}} Around
 */

/** Without an answer for so long, a post waits. */
const SENDING_MS = 2500;

/**
 * @param {readonly ConversationView[]} views  Where the shop speaks; behind it what was said to its bot before there was that.
 * @param {readonly Post[]} unsent  Of these conversations.
 * @param {Around & {waits: boolean, now: number, dayOf: (at: number) => string}} around  `waits`: there is no connection;
 *   `dayOf`: the day of an instant, as this phone has it.
 * @returns {Row[]}
 */
export function rowsOf(views, unsent, { waits, now, dayOf, ...around }) {
  const [main, ...before] = views;
  // What is older than the messages that are read would stand above a gap.
  const from = main.whole ? -Infinity : (main.items[0]?.sentAt ?? -Infinity);
  const rows = [
    ...storedRows(main, around),
    ...before.flatMap((view) => storedRows(view, around)).filter((row) => row.at >= from),
  ];
  if (before.length > 0) rows.sort((one, other) => one.at - other.at);
  const stored = new Set(views.flatMap(({ items }) => items.map((item) => hex(item.key))));
  for (const post of unsent) if (!stored.has(post.name)) rows.push(unsentRow(post, waits, now));
  return grouped(withDays(rows, dayOf));
}

/** @param {ConversationView} view @param {Around} around @returns {(Bubble | ToldRow)[]} */
function storedRows(view, { me, bot, customer, called, staffs = false }) {
  const botOf = (/** @type {string} */ userId) => view.people[userId]?.isBot ?? userId === bot;
  const cards = cardsOf(view.items, botOf);
  const used = usedOf(view.items, me, cards);
  const gone = lastAct(view.items, me, cards);
  /** @type {(Bubble | ToldRow)[]} */
  const rows = [];
  for (const item of view.items) {
    const shown = shownContent(botOf(item.senderId) ? item.content : ofPerson(item.content));
    if (shown.is === "system") {
      const self = shown.userId === me && shown.event === "added";
      const { event, userId } = shown;
      if (TOLD.has(event) && !self) rows.push({ is: "told", key: `k${hex(item.key)}`, at: item.sentAt, event, userId });
      continue;
    }
    if (!staffs && shown.is === "card" && shown.ref?.kind === "conversation") continue; // "I have answered there": there is where one is
    const own = item.senderId === me;
    const from = own ? "own" : botOf(item.senderId) ? "bot" : item.senderId === customer ? "customer" : "staff";
    rows.push({
      is: "bubble", key: `k${hex(item.key)}`, conversation: view.id, position: item.position, at: item.sentAt,
      from, name: own ? "" : from === "customer" && called ? called : (view.people[item.senderId]?.name ?? ""),
      first: true, last: true, ...labelled(shown, cards, own), used: used.get(item.position) ?? NONE,
      answered: item.position < gone,
      edited: item.revision > 1 && shown.is === "text",
      tick: !own ? null : item.position <= view.readUpTo ? "read" : "sent", post: null, reactions: item.reactions,
    });
  }
  return rows;
}

/** @type {ReadonlySet<string>} */
const NONE = new Set();

/**
 * What was pressed here just now needs no proof of its label.
 *
 * @param {Post} post
 * @param {boolean} waits
 * @param {number} now
 * @returns {Bubble}
 */
function unsentRow(post, waits, now) {
  const { text, label = null, card = null } = post;
  const shown = /** @type {TextContent} */ ({ is: "text", text, label, card });
  const late = waits || now - post.since > SENDING_MS;
  return {
    is: "bubble", key: `k${post.name}`, conversation: post.conversationId, position: 0, at: post.since,
    from: "own", name: "", first: true, last: true,
    shown: post.label === undefined ? shown : { ...shown, text: post.label }, pressed: post.label !== undefined, used: NONE, answered: false,
    edited: false, tick: post.refused ? "refused" : late ? "waiting" : "sending", post,
    reactions: [],
  };
}

/**
 * A label is believed if the card is a bot's and has that very button, else the command is shown. Of one's own taps also if
 * the card has other buttons by now: an edit must not turn what one pressed into a command.
 *
 * @param {Shown} shown
 * @param {Map<number, CardContent>} cards
 * @param {boolean} own
 */
function labelled(shown, cards, own) {
  if (shown.is !== "text" || shown.label === null || shown.card === null) return { shown, pressed: false };
  const { label, text } = shown;
  const card = cards.get(shown.card);
  const has = card?.actions.some((action) => action.command === text && action.label === label) ?? false;
  return has || (own && card !== undefined) ? { shown: { ...shown, text: label }, pressed: true } : { shown, pressed: false };
}

/**
 * Cards of bots, by position.
 *
 * @param {readonly ChatItem[]} items
 * @param {(userId: string) => boolean} botOf
 * @returns {Map<number, CardContent>}
 */
function cardsOf(items, botOf) {
  const cards = new Map();
  for (const { position, senderId, content } of items) {
    if (content?.type !== "card" || !botOf(senderId)) continue;
    const shown = shownContent(content);
    if (shown.is === "card") cards.set(position, shown);
  }
  return cards;
}

/**
 * Where this person did something last, in place of saying something: pressed a button, or tapped on another screen.
 *
 * @param {readonly ChatItem[]} items
 * @param {string} me
 * @param {Map<number, CardContent>} cards
 */
function lastAct(items, me, cards) {
  const commands = new Set([...cards.values()].flatMap(({ actions }) => actions.map(({ command }) => command)));
  const acts = items.filter(({ senderId, content }) =>
    senderId === me && typeof content?.text === "string" && (content.text.startsWith("/") || commands.has(content.text)));
  return acts[acts.length - 1]?.position ?? 0;
}

/**
 * Which buttons of which card this person has pressed, here or by the same command elsewhere on the page.
 *
 * @param {readonly ChatItem[]} items
 * @param {string} me
 * @param {Map<number, CardContent>} cards
 */
function usedOf(items, me, cards) {
  /** @type {Map<number, Set<string>>} */
  const used = new Map();
  for (const { position, senderId, content } of items) {
    if (senderId !== me || typeof content?.text !== "string") continue;
    const card = Number.isInteger(content.card) ? content.card : cardWith(content.text, position, cards);
    if (cards.has(card)) used.set(card, (used.get(card) ?? new Set()).add(content.text));
  }
  return used;
}

/**
 * The newest card before a post that has a button with its text; 0: none.
 *
 * @param {string} text
 * @param {number} before
 * @param {Map<number, CardContent>} cards
 */
function cardWith(text, before, cards) {
  const has = (/** @type {CardContent} */ { actions }) => actions.some(({ command }) => command === text);
  return Math.max(0, ...[...cards].filter(([position, card]) => position < before && has(card)).map(([position]) => position));
}

/** @param {(Bubble | ToldRow)[]} rows @param {(at: number) => string} dayOf @returns {Row[]} */
function withDays(rows, dayOf) {
  /** @type {Row[]} */
  const all = [];
  let before = "";
  for (const row of rows) {
    const day = dayOf(row.at);
    if (day !== before) all.push({ is: "day", key: `d${day}`, day, at: row.at });
    before = day;
    all.push(row);
  }
  return all;
}

/** @param {Row[]} rows @returns {Row[]} */
function grouped(rows) {
  return rows.map((row, index) => {
    if (row.is !== "bubble") return row;
    const first = !together(rows[index - 1], row);
    const isPerson = row.from === "staff" || row.from === "customer";
    return { ...row, first, last: !together(row, rows[index + 1]), name: first && isPerson ? row.name : "" };
  });
}

/** @param {Row | undefined} one @param {Row | undefined} other */
function together(one, other) {
  if (one?.is !== "bubble" || other?.is !== "bubble") return false;
  return one.from === other.from && other.at - one.at < GROUP_MS && (one.from !== "staff" || one.name === other.name);
}
