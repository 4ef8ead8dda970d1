/** What the staff's screens have beside the page's own: their readings, acts, counts, the sound of alarms. One for each page. */

import { Acts } from "../acts.js";
import { dayAt } from "../dates.js";
import { s } from "../words/staff.js";
import { KeptStaff } from "./kept.js";
import { NO_STAFF, StaffReadings } from "./readings.js";
import { Sound } from "./sound.js";
import { Unread } from "./unread.js";

/** @import { Line } from "../line/line.js" */
/** @import { Page } from "../page.js" */
/** @import { AboutCustomer, Sheet, StaffState } from "./shapes.js" */

/** What acts of staff change. @typedef {{sheet: Sheet | null, customer: AboutCustomer | null}} Known */

export class StaffPart {
  #page;
  #alarms = 0;

  /** @param {Page} page */
  constructor(page) {
    this.#page = page;
    const { store, clock } = page;
    const line = lineOf(page);
    const isToday = (/** @type {Sheet} */ { day, zone }) => day === dayAt(clock.now(), zone);
    this.readings = new StaffReadings({ store, line, clock, kept: new KeptStaff(line, isToday) });
    const read = async () => {
      await Promise.all([this.readings.read("sheet"), this.readings.read("customer")]);
      return this.now();
    };
    /** @type {Acts<Known>} */
    this.acts = new Acts({ store, line: page.line, source: { now: () => this.now(), read } });
    this.unread = new Unread(line, (unread) => this.#set({ unread }));
    this.sound = new Sound((sound) => this.#set({ sound }));
    store.subscribe((state) => {
      if (state.staff === null) return void (this.#alarms = 0);
      void this.unread.begin(line.client());
      this.#hear(state.staff);
    });
    this.sound.whenTouched(document);
    void this.sound.ready();
  }

  /** What acts change, as it was last read. @returns {Known} */
  now() {
    const { sheet, customer } = this.#page.store.get().staff ?? NO_STAFF;
    return { sheet: sheet.value, customer: customer.value };
  }

  /** An alarm more than before is heard, and said to who does not see. @param {StaffState} staff */
  #hear({ shops }) {
    if (shops.state !== "ready") return;
    const alarms = (shops.value ?? []).reduce((sum, one) => sum + one.alarms, 0);
    const more = alarms > this.#alarms;
    this.#alarms = alarms;
    if (!more) return;
    void this.sound.ring();
    this.#page.say(s("alarm.said", { count: alarms }));
  }

  /** @param {Partial<StaffState>} patch */
  #set(patch) {
    const { staff } = this.#page.store.get();
    if (staff !== null) this.#page.store.set({ staff: { ...staff, ...patch } });
  }
}

/** The page's line, whole: the customer's screens use less of it. @param {Page} page */
export const lineOf = (page) => /** @type {Line} */ (/** @type {unknown} */ (page.line));

/** The one of this page, made when the first of its screens is drawn. @param {Page} page */
export function partOf(page) {
  page.staff ??= new StaffPart(page);
  return page.staff;
}
