/**
 * What staff find without a network: their shops, the inbox as it was, today's sheet. What customers and colleagues wrote is not
 * kept: a tablet on a counter is anybody's who takes it along.
 */

/** @import { Line } from "../line/line.js" */
/** @import { Inbox, Sheet, StaffShop } from "./shapes.js" */

const PREFIX = "staff:";
/** The inbox changes with each text, and is written as a whole: so often at most (ms). */
const INBOX_EVERY_MS = 5_000;

export class KeptStaff {
  #line;
  /** Whether it is the shop's today. */
  #isToday;
  /** The inbox that is written next. @type {Inbox | null} */
  #inbox = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {Pick<Line, "kept">} line @param {(sheet: Sheet) => boolean} isToday */
  constructor(line, isToday) {
    this.#line = line;
    this.#isToday = isToday;
  }

  /** @param {"shops" | "inbox" | "sheet"} name @param {any} value */
  keep(name, value) {
    if (name === "sheet" && !this.#isToday(value)) return;
    if (name === "inbox") return this.#keepInbox(value);
    void this.#line.kept?.put(PREFIX + name + (name === "shops" ? "" : `:${value.shop}`), value);
  }

  /** Behind what is drawn of it: the first answer has a screen that waits. @param {Inbox} value */
  #keepInbox(value) {
    this.#inbox = value;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (this.#inbox !== null) void this.#line.kept?.put(`${PREFIX}inbox:${this.#inbox.shop}`, this.#inbox);
    }, INBOX_EVERY_MS);
  }

  /**
   * @param {string} shop
   * @returns {Promise<{shops?: StaffShop[], inbox?: Inbox, sheet?: Sheet}>}
   */
  async recall(shop) {
    const { kept } = this.#line;
    const names = ["shops", `inbox:${shop}`, `sheet:${shop}`];
    const [shops, inbox, sheet] = await Promise.all(names.map((name) => kept?.get(PREFIX + name)));
    return { shops, inbox, sheet };
  }

  /** They are staff no more, of one shop at least: what is still theirs is read again. */
  forget() {
    this.#inbox = null;
    void this.#line.kept?.drop(PREFIX);
  }
}
