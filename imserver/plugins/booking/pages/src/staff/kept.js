/**
 * What staff find without a network: their shops, the inbox as it was, today's sheet. What customers and colleagues wrote is not
 * kept: a tablet on a counter is anybody's who takes it along.
 */

/** @import { Line } from "../line/line.js" */
/** @import { Inbox, Sheet, StaffShop } from "./shapes.js" */

const PREFIX = "staff:";

export class KeptStaff {
  #line;
  /** Whether it is the shop's today. */
  #isToday;

  /** @param {Pick<Line, "kept">} line @param {(sheet: Sheet) => boolean} isToday */
  constructor(line, isToday) {
    this.#line = line;
    this.#isToday = isToday;
  }

  /** @param {"shops" | "inbox" | "sheet"} name @param {any} value */
  keep(name, value) {
    if (name === "sheet" && !this.#isToday(value)) return;
    void this.#line.kept?.put(PREFIX + name + (name === "shops" ? "" : `:${value.shop}`), value);
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
    void this.#line.kept?.drop(PREFIX);
  }
}
