/**
 * What the staff's screens read and keep fresh: their shops, the inbox of one, the customer of a conversation, the sheet of a
 * day. Each is asked as soon as there is a session, by what the address names; none waits for another.
 */

import { codeOf } from "../readings.js";
import { watchAnswer } from "../reads.js";
import { unread } from "../shapes.js";
import { InboxWatch } from "./inbox_watch.js";
import { conversationOf, dayOfSheet } from "./places.js";

/** @import { Line } from "../line/line.js" */
/** @import { LineClient } from "../line/opened.js" */
/** @import { PageState, Reading } from "../shapes.js" */
/** @import { Store } from "../store.js" */
/** @import { Inbox, StaffShop, StaffState } from "./shapes.js" */

/** @typedef {"shops" | "inbox" | "customer" | "sheet"} Name */
/** @typedef {{key: string, client: LineClient, stop: () => void}} Watched */

/** By part of the state: the method, and what it takes from the address (null: nothing is asked). */
const ASKED = /** @type {const} */ ({ shops: "staff", inbox: "inbox", customer: "customer", sheet: "sheet" });
const NAMES = /** @type {readonly Name[]} */ (Object.keys(ASKED));
/** For how long somebody waits is said in minutes. */
const CLOCK_MS = 30_000;
/** Membership that ends by one of these system messages. */
const ENDS = new Set(["removed", "left"]);

/** @type {StaffState} */
export const NO_STAFF = Object.freeze({
  shops: unread(), gone: false, inbox: unread(), older: Object.freeze({ rows: [], next: null, state: "idle" }),
  customer: unread(), sheet: unread(), unread: {}, sound: "on", now: 0,
});

export class StaffReadings {
  #store;
  #line;
  #clock;
  #kept;
  /** @type {Partial<Record<Name, Watched>>} */
  #watched = {};
  /** @type {LineClient | null} */
  #client = null;
  /** Where what is kept was looked for last. @type {unknown} */
  #recalled = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #ticking;

  /**
   * @param {{store: Store<PageState>, line: Line, clock: import("../clock.js").ServerClock, kept: import("./kept.js").KeptStaff}}
   *   parts
   */
  constructor({ store, line, clock, kept }) {
    this.#store = store;
    this.#line = line;
    this.#clock = clock;
    this.#kept = kept;
    store.subscribe((state) => this.#follow(state));
    line.heard(({ content }) => {
      // The server takes the right to read at once; what was read is still on the screen.
      if (content?.type === "system" && ENDS.has(content.event) && content.user === line.session?.userId) void this.#again("shops");
    });
    this.#follow(store.get());
  }

  /** @returns {StaffState} */
  get #state() {
    return this.#store.get().staff ?? NO_STAFF;
  }

  /** @param {Partial<StaffState>} patch */
  #set(patch) {
    this.#store.set({ staff: { ...this.#state, ...patch } });
  }

  /** The part of the state that acts change, read now. @param {"customer" | "sheet"} name */
  async read(name) {
    await this.#again(name);
    return this.#state[name].value;
  }

  /** The page of the inbox below those that are read. */
  async more() {
    const { inbox, older } = this.#state;
    const before = older.rows.length > 0 ? older.next : (inbox.value?.next ?? null);
    if (this.#client === null || before === null || older.state === "reading" || inbox.value === null) return;
    const { shop } = inbox.value;
    this.#set({ older: { ...older, state: "reading" } });
    try {
      const [page] = /** @type {[Inbox | null]} */ (await this.#client.ask("x-booking.inbox", [shop, before]));
      if (this.#state.inbox.value?.shop !== shop) return;
      this.#set({ older: { rows: [...older.rows, ...(page?.recent ?? [])], next: page?.next ?? null, state: "idle" } });
    } catch {
      this.#set({ older: { ...this.#state.older, state: "failed" } });
    }
  }

  // -- following the address ------------------------------------------------------------------------------------------------

  /** @param {PageState} state */
  #follow(state) {
    const { route } = state;
    const staffs = route.name.startsWith("staff");
    const client = staffs ? this.#line.client() : null;
    this.#client = client;
    this.#tick(staffs);
    // What is kept is found as soon as it is known whose browser this is.
    if (staffs && (state.staff === null || this.#recalled !== this.#line.kept)) void this.#recall();
    const wanted = this.#wanted(state);
    for (const name of NAMES) this.#watch(name, client, wanted[name]);
  }

  /** What each method is asked; null: nothing. @param {PageState} state @returns {Record<Name, string[] | null>} */
  #wanted({ route }) {
    // Whose clock names the day is asked of the browser, which takes a while: for the sheet alone.
    const day = route.name === "staffToday" ? dayOfSheet(route, this.#zone(route.shop), this.#clock.now()) : "";
    return {
      shops: [],
      inbox: route.shop === "" ? null : [route.shop],
      customer: route.conversation === "" ? null : [conversationOf(route)],
      sheet: day === "" ? null : [route.shop, day],
    };
  }

  /** @param {string} shop  Until it is known, this machine's zone names the day. */
  #zone(shop) {
    const known = this.#state.shops.value?.find((one) => one.id === shop)?.zone;
    return known ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
  }

  /** @param {Name} name @param {LineClient | null} client @param {string[] | null} params */
  #watch(name, client, params) {
    const now = this.#watched[name];
    const key = params === null ? "" : params.join(" ");
    if (now !== undefined && now.client === client && now.key === key && params !== null) return;
    now?.stop();
    delete this.#watched[name];
    if (params !== null) this.#begin(name, key);
    if (client === null || params === null) return;
    const mine = () => this.#watched[name]?.stop === stop;
    const failed = (/** @type {unknown} */ error) => void (mine() && this.#failed(name, error));
    const stop = name === "inbox"
      ? this.#watchInbox(client, params[0], mine, failed)
      : watchAnswer(client, `x-booking.${ASKED[name]}`, params, (told) => void (mine() && this.#took(name, told)), failed);
    this.#watched[name] = { key, client, stop };
  }

  /** @param {LineClient} client @param {string} shop @param {() => boolean} mine @param {(error: unknown) => void} failed */
  #watchInbox(client, shop, mine, failed) {
    const watch = new InboxWatch(client, shop, {
      listed: () => {
        const { inbox, older } = this.#state;
        return inbox.value?.shop === shop ? { inbox: inbox.value, older } : null;
      },
      took: (inbox, older) => {
        if (!mine()) return;
        if (older !== null && older !== this.#state.older) this.#set({ older });
        this.#took("inbox", inbox);
      },
      failed,
    });
    return () => watch.stop();
  }

  /** It is about something else now: what was read of another is not shown as this one's. @param {Name} name @param {string} key */
  #begin(name, key) {
    if (this.#store.get().staff === null || this.#state[name].key === key) return;
    this.#set({ [name]: { ...unread(), key }, ...(name === "inbox" ? { older: NO_STAFF.older } : {}) });
    if (name === "sheet" || name === "inbox") void this.#recall();
  }

  // -- answers --------------------------------------------------------------------------------------------------------------

  /** @param {Name} name @param {any} told */
  #took(name, told) {
    if (told?.asOf) this.#clock.saw(told.asOf);
    if (name === "shops") return this.#tookShops(told);
    const { key } = this.#state[name];
    // None of ours any more, or never: what of it is still on the screen, the list of shops settles.
    if (told === null) {
      this.#set({ [name]: { state: "failed", value: null, code: "NOT_FOUND", key } });
      return void this.#again("shops");
    }
    this.#set({ [name]: { state: "ready", value: told, code: "", key }, now: this.#now() });
    if (name !== "customer") this.#kept.keep(name, told);
  }

  /** It goes on with the clock, not with each answer: what is said of minutes is drawn again for each row. */
  #now() {
    const [shown, now] = [this.#state.now, this.#clock.now()];
    return Math.abs(now - shown) < CLOCK_MS ? shown : now;
  }

  /** @param {StaffShop[]} shops */
  #tookShops(shops) {
    const before = this.#state.shops.value ?? [];
    const lost = before.filter(({ id }) => !shops.some((one) => one.id === id));
    const { route } = this.#store.get();
    const shown = shops.some(({ id }) => id === route.shop);
    this.#set({ shops: { state: "ready", value: shops, code: "", key: "" }, gone: !shown && (this.#state.gone || lost.length > 0) });
    if (lost.length > 0) this.#forget(lost.map(({ id }) => id));
    this.#kept.keep("shops", shops);
  }

  /** They are no staff of these shops any more: nothing of them stays. @param {string[]} shops */
  #forget(shops) {
    const { inbox, sheet } = this.#state;
    const lost = (/** @type {{shop: string} | null} */ value) => value !== null && shops.includes(value.shop);
    if (lost(inbox.value)) this.#set({ inbox: unread(), older: NO_STAFF.older, unread: {} });
    if (lost(sheet.value)) this.#set({ sheet: unread() });
    this.#set({ customer: unread() });
    this.#store.set({ chat: {}, act: null, others: [] }); // what was being written to their customers, too
    this.#kept.forget();
  }

  /** @param {Name} name @param {unknown} error */
  #failed(name, error) {
    this.#set({ [name]: { .../** @type {Reading<any>} */ (this.#state[name]), state: "failed", code: codeOf(error) } });
  }

  /** Ask now what is watched: what comes by itself may take a second. @param {Name} name */
  async #again(name) {
    const watched = this.#watched[name];
    if (watched === undefined) return;
    const params = name === "shops" ? [] : watched.key.split(" ");
    try {
      const [told] = await watched.client.ask(`x-booking.${ASKED[name]}`, params);
      if (this.#watched[name] === watched) this.#took(name, told);
    } catch {
      // The watch says so, and tries again.
    }
  }

  // -- without a network, and with time -------------------------------------------------------------------------------------

  /** What this browser kept, for as long as the server has not answered. */
  async #recall() {
    this.#recalled = this.#line.kept;
    const { route } = this.#store.get();
    if (this.#store.get().staff === null) this.#set({ now: this.#clock.now() });
    const known = await this.#kept.recall(route.shop);
    const { shops, inbox, sheet } = this.#state;
    const patch = /** @type {Partial<StaffState>} */ ({});
    if (shops.value === null && known.shops !== undefined) patch.shops = { ...shops, value: known.shops };
    if (inbox.value === null && known.inbox?.shop === route.shop) patch.inbox = { ...inbox, value: known.inbox };
    if (sheet.value === null && known.sheet?.shop === route.shop && sheet.key.endsWith(` ${known.sheet?.day}`)) {
      patch.sheet = { ...sheet, value: known.sheet };
    }
    if (Object.keys(patch).length > 0) this.#set(patch);
  }

  /** @param {boolean} runs */
  #tick(runs) {
    if (runs === (this.#ticking !== undefined)) return;
    clearInterval(this.#ticking);
    this.#ticking = runs ? setInterval(() => this.#set({ now: this.#clock.now() }), CLOCK_MS) : undefined;
  }
}
