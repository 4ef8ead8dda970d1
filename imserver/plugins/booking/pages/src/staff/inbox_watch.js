/**
 * Keeps the inbox of a shop new: reads it whole, and from then on what changed. A text that comes costs one small answer, whatever
 * the inbox holds; only who was away for longer reads it whole again, at most once a second.
 */

import { watchAnswer } from "../reads.js";
import { caughtUp, goesOn, isWorn, readAgain } from "./inbox_now.js";

/** @import { LineClient } from "../line/opened.js" */
/** @import { Listed } from "./inbox_now.js" */
/** @import { Changes, Inbox, InboxRow } from "./shapes.js" */

/** Reading it whole is a hundred times the work of what changed. */
const WHOLE_EVERY_MS = 1_000;
/** After a failure. */
const AGAIN_MS = 2_000;

/**
 * @typedef {object} Heard
 * @property {() => Listed | null} listed  What is shown of this shop now; null: nothing.
 * @property {(inbox: Inbox | null, older: Listed["older"] | null) => void} took  `older`: null, as it is.
 * @property {(error: unknown) => void} failed
 */

export class InboxWatch {
  #client;
  #shop;
  #heard;
  #over = false;
  /** Whether what is listed is of this watch, and not what was kept of another day. */
  #known = false;
  #reading = false;
  #readAt = -Infinity;
  /** Where the first page ends. @type {InboxRow | null} */
  #cut = null;
  /** What was told while it was read. @type {Changes | null} */
  #held = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {() => void} */
  #leave = () => {};

  /** @param {LineClient} client @param {string} shop @param {Heard} heard */
  constructor(client, shop, heard) {
    this.#client = client;
    this.#shop = shop;
    this.#heard = heard;
    void this.#read();
  }

  /** No screen shows it any more. */
  stop() {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#leave();
  }

  async #read() {
    if (this.#reading || this.#over) return;
    this.#reading = true;
    const first = this.#readAt === -Infinity;
    this.#readAt = Date.now();
    try {
      const [inbox] = await this.#client.ask("x-booking.inbox", [this.#shop]);
      this.#reading = false;
      if (this.#over) return;
      if (first) this.#watch(); // behind it: what changed meanwhile is told by the first answer
      this.#took(inbox);
    } catch (error) {
      this.#reading = false;
      if (this.#over) return;
      if (first) this.#readAt = -Infinity;
      this.#heard.failed(error);
      this.#later(AGAIN_MS);
    }
  }

  #watch() {
    this.#leave = watchAnswer(
      this.#client, "x-booking.changes", [this.#shop],
      (told) => this.#told(told),
      (error) => void (!this.#over && this.#heard.failed(error)),
    );
  }

  /** @param {Inbox | null} inbox */
  #took(inbox) {
    const again = inbox !== null && this.#known ? readAgain(inbox, this.#heard.listed()) : null;
    this.#known = inbox !== null;
    this.#cut = inbox === null || inbox.next === null ? null : (inbox.recent[inbox.recent.length - 1] ?? null);
    this.#heard.took(inbox, again?.older ?? null);
    const held = this.#held;
    this.#held = null;
    if (held !== null && held.number > (inbox?.number ?? 0)) this.#told(held);
  }

  /** @param {Changes | null} told */
  #told(told) {
    if (this.#over) return;
    if (this.#reading) return void (this.#held = told);
    const listed = this.#known ? this.#heard.listed() : null;
    if (told === null) {
      this.#known = false;
      return this.#heard.took(null, null);
    }
    if (listed === null || !goesOn(listed.inbox, told)) return this.#later(this.#readAt + WHOLE_EVERY_MS - Date.now());
    const { inbox, older } = caughtUp(listed, told, this.#cut);
    this.#heard.took(inbox, older);
    if (isWorn(inbox)) this.#later(this.#readAt + WHOLE_EVERY_MS - Date.now());
  }

  /** @param {number} ms */
  #later(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#read(), Math.max(0, ms));
  }
}
