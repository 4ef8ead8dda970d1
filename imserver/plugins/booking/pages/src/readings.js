/**
 * What the screen that is shown reads from the server and keeps fresh: the chain, days, the times of a day, one's
 * appointments.
 */

import { stripOf } from "./dates.js";
import { unread } from "./shapes.js";

/** @typedef {import("./shapes.js").PageState} PageState */
/** @typedef {import("./router.js").Route} Route */
/** @typedef {import("./shapes.js").ShopPlace} ShopPlace */
/** @typedef {() => void} Stop */

/** @typedef {Pick<typeof import("./reads.js"), "chain" | "days" | "mine" | "watchDay" | "watchMine">} Reads */

/** Screens that show times; of the staff's day, while one is moved. */
const WITH_TIMES = new Set(["shop", "time", "move"]);
const showsTimes = (/** @type {Route} */ { name, query }) => WITH_TIMES.has(name) || (name === "staffToday" && Boolean(query.move));
/** After a failure. The server or the network is away: sooner would only add to its load. */
const RETRY_MS = 4000;
/** The strip says "few" and "full": it is read again when times change, but not with each of them. */
const DAYS_AGAIN_MS = 10_000;

/** An answer that is older by so little was overtaken by the one that is shown; by more, and the server's clock was set. */
const OVERTAKEN_MS = 10_000;

/** The info pack is the first message behind the appointment's card, or stands near it. */
const PACK_WITHIN = 5;

export class Readings {
  #store;
  #reads;
  #line;
  #clock;
  /** @type {{key: string, client: any, stop: Stop} | null} */
  #day = null;
  /** @type {{client: any, stop: Stop} | null} */
  #mine = null;
  #daysAt = 0;
  /** Appointments whose info pack was asked for. @type {Set<string>} */
  #packs = new Set();
  /** The shops that were kept last, and where. @type {{in: unknown, value: unknown}} */
  #keptChain = { in: null, value: null };
  /** @type {Map<string, ReturnType<typeof setTimeout>>} */
  #retries = new Map();

  /**
   * @param {{store: import("./store.js").Store<PageState>, reads: Reads, line: import("./shapes.js").Line,
   *   clock: import("./clock.js").ServerClock}} parts
   */
  constructor({ store, reads, line, clock }) {
    this.#store = store;
    this.#reads = reads;
    this.#line = line;
    this.#clock = clock;
    store.subscribe((state) => this.#follow(state));
  }

  /** A screen is shown: what it needs is read. @param {Route} route */
  show(route) {
    const { chain } = this.#store.get();
    if (chain.state !== "ready") return void this.#readChain();
    this.#showTimes(route);
  }

  /** Everything that is shown is read again: the page was away, or somebody tapped "try again". */
  refresh() {
    void this.#readChain();
    this.#dropDay();
    this.#daysAt = 0;
    this.#watchMine(true);
    void this.readMine();
  }

  /** The shops and one's appointments as this browser last knew them, until the server answers. */
  async recall() {
    const { kept } = this.#line;
    const [shops, known] = await Promise.all([kept?.get("chain"), kept?.get("mine")]);
    const { chain, mine } = this.#store.get();
    if (known !== undefined && mine.value === null) this.#store.set({ mine: { ...mine, value: known } });
    if (chain.value !== null) return this.#keepChain();
    if (shops !== undefined) this.#store.set({ chain: { ...chain, value: shops } });
  }

  /** For the time without a network: as soon as it is known whose browser this is. */
  #keepChain() {
    const { kept } = this.#line;
    const { value } = this.#store.get().chain;
    if (value === null || !kept || (this.#keptChain.in === kept && this.#keptChain.value === value)) return;
    this.#keptChain = { in: kept, value };
    void kept.put("chain", value);
  }

  /** One's appointments, now. Resolves with them; null if they cannot be read. */
  async readMine() {
    const client = this.#line.client();
    if (client === null) return null;
    try {
      const mine = await this.#reads.mine(client);
      this.#tookMine(mine);
      return mine;
    } catch (error) {
      this.#failed("mine", error, () => void this.readMine());
      return null;
    }
  }

  /** What the times on the screen are of. @param {PageState} state */
  static choice(state) {
    const shop = state.chain.value?.shops.find((one) => one.id === state.route.shop);
    if (shop === undefined || shop.services.length === 0) return null;
    const moved = state.mine.value?.upcoming.find((one) => one.code === state.route.code);
    // Without a choice it is what the open booking is for: a child's exam fits elsewhere than an exam.
    const own = [state.mine.value?.held, state.mine.value?.refused].find((one) => one?.shop === shop.id);
    const wanted = moved?.service ?? state.route.query.service ?? own?.facts.service;
    const usual = shop.services.find((one) => one.usual) ?? shop.services[0];
    return { shop, service: shop.services.find((one) => one.id === wanted) ?? usual };
  }

  // -- following the state ------------------------------------------------------------------------------------------

  /** @param {PageState} state */
  #follow(state) {
    this.#keepChain();
    this.#watchMine(false);
    if (state.route.name === "booked") void this.#readPack(state);
    if (state.chain.state === "ready") this.#showTimes(state.route);
  }

  /** @param {Route} route */
  #showTimes(route) {
    const state = this.#store.get();
    const choice = showsTimes(route) ? Readings.choice(state) : null;
    if (choice === null) return this.#dropDay();
    const { shop, service } = choice;
    const day = dayOfChoice(state);
    const { from, count } = stripOf(day || (route.query.from ?? ""), this.#clock.now(), shop);
    const key = `${shop.id}/${service.id}/${from}/${count}`;
    if (state.days.key !== key) void this.#readDays(key);
    const shown = day || this.#firstFree(key);
    if (shown !== null) this.#watchDay(shop.id, service.id, shown);
  }

  /** The first day with a free time, once the days are read. @param {string} key */
  #firstFree(key) {
    const { days } = this.#store.get();
    if (days.key !== key || days.value === null) return null;
    const listed = days.value.days;
    return (listed.find((one) => one.state === "free" || one.state === "few") ?? listed[0])?.day ?? null;
  }

  // -- reading ------------------------------------------------------------------------------------------------------

  async #readChain() {
    try {
      const value = await this.#reads.chain();
      this.#store.set({ chain: { state: "ready", value, code: "", key: "" } });
    } catch (error) {
      this.#failed("chain", error, () => void this.#readChain());
    }
  }

  /** @param {string} key  What they are of: shop, service, the first of them, how many. */
  async #readDays(key) {
    const [shop, service, from, count] = key.split("/");
    this.#daysAt = this.#clock.now();
    // Other days of the same service stay in sight until the new ones are there.
    if (this.#store.get().days.key !== key) this.#store.set({ days: { ...unread(), key } });
    try {
      const value = await this.#reads.days({ shop, service, from, count: Number(count) });
      if (this.#store.get().days.key === key) this.#store.set({ days: { state: "ready", value, code: "", key } });
    } catch (error) {
      if (this.#store.get().days.key !== key) return;
      this.#failed("days", error, () => void (this.#store.get().days.key === key && this.#readDays(key)));
    }
  }

  /** @param {string} shop @param {string} service @param {string} day */
  #watchDay(shop, service, day) {
    const client = this.#line.client();
    const key = `${shop}/${service}/${day}`;
    // Whoever gets a client while looking, or another one, has the pushes from then on.
    if (this.#day?.key === key && this.#day.client === client) return;
    this.#dropDay();
    if (this.#store.get().day.key !== key) this.#store.set({ day: { ...unread(), key } });
    const stop = this.#reads.watchDay(client, { shop, service, day }, (value) => {
      if (this.#day?.key !== key) return;
      this.#clock.saw(value.asOf);
      this.#store.set({ day: { state: "ready", value, code: "", key } });
      const { days } = this.#store.get();
      if (this.#clock.now() - this.#daysAt > DAYS_AGAIN_MS) void this.#readDays(days.key);
    }, (error) => this.#store.set({ day: { ...this.#store.get().day, state: "failed", code: codeOf(error) } }));
    this.#day = { key, client, stop };
  }

  /**
   * The info pack of the appointment that is shown: the bot posts it behind the appointment's card.
   *
   * @param {PageState} state
   */
  async #readPack({ route, mine, packs }) {
    const { code } = route;
    const card = mine.value?.upcoming.find((one) => one.code === code)?.card ?? null;
    const client = this.#line.client();
    if (card === null || client === null || code in packs || this.#packs.has(code)) return;
    this.#packs.add(code);
    try {
      const { items } = await client.call.history(card.conversation, { after: card.position, limit: PACK_WITHIN });
      const contents = items.map((/** @type {import("./shapes.js").Message} */ { content }) => content);
      const pack = contents.find((content) => content?.ref?.kind === "info_pack" && content.ref.id === code);
      const text = typeof pack?.text === "string" ? pack.text : "";
      this.#store.set({ packs: { ...this.#store.get().packs, [code]: text } });
    } catch {
      this.#packs.delete(code); // a help and no more; asked again with the next change
    }
  }

  #dropDay() {
    this.#day?.stop();
    this.#day = null;
  }

  /** @param {boolean} anew */
  #watchMine(anew) {
    const client = this.#line.client();
    if (this.#mine?.client === client && !anew) return;
    this.#mine?.stop();
    this.#mine = null;
    if (client === null) return;
    const stop = this.#reads.watchMine(client, (mine) => {
      if (this.#mine?.client === client) this.#tookMine(mine);
    }, (error) => this.#store.set({ mine: { ...this.#store.get().mine, state: "failed", code: codeOf(error) } }));
    this.#mine = { client, stop };
  }

  /** @param {import("./shapes.js").Mine} value */
  #tookMine(value) {
    this.#clock.saw(value.asOf);
    const { mine, gone } = this.#store.get();
    const older = (mine.value?.asOf ?? value.asOf) - value.asOf;
    if (older > 0 && older < OVERTAKEN_MS) return;
    const lost = [...gone, ...(mine.value?.upcoming ?? [])].filter((one) => isGone(one, value));
    this.#store.set({ mine: { state: "ready", value, code: "", key: "" }, gone: lost });
  }

  /** @param {"chain" | "days" | "mine"} what @param {unknown} error @param {() => void} again */
  #failed(what, error, again) {
    const now = this.#store.get()[what];
    this.#store.set({ [what]: { ...now, state: "failed", code: codeOf(error) } });
    clearTimeout(this.#retries.get(what));
    this.#retries.set(what, setTimeout(again, RETRY_MS));
  }
}

/**
 * The day that the address names; to move an appointment one begins at its own. "": none, so the first free one is shown.
 *
 * @param {PageState} state
 */
export function dayOfChoice({ route, mine }) {
  if (route.query.day || route.query.from || route.name !== "move") return route.query.day ?? "";
  return mine.value?.upcoming.find((one) => one.code === route.code)?.wall.slice(0, 10) ?? "";
}

/**
 * Whether one's own may still come: nobody knows yet who this browser is, or the answer is on its way.
 *
 * @param {PageState} state
 */
export function ownIsComing({ asked, line, mine }) {
  if (mine.value !== null || mine.state === "failed") return false;
  return !asked || (line.state !== "none" && line.state !== "stopped");
}

/**
 * Whether the shop has it no more though it was to come. What is cancelled, done or missed stays among the past ones.
 *
 * @param {import("./shapes.js").Appointment} one
 * @param {import("./shapes.js").Mine} now
 */
const isGone = ({ code, end }, now) =>
  end > now.asOf && ![...now.upcoming, ...now.past].some((one) => one.code === code);

/** SPEC 14.2, of a method that the server does not have: it is older than this page. */
const UNKNOWN_METHOD = 601;

/** The code of a failure: the server's, or that it was not reached. @param {unknown} error */
export function codeOf(error) {
  const code = /** @type {{code?: unknown} | null} */ (error)?.code;
  if (typeof code === "string") return code;
  if (code === UNKNOWN_METHOD) return "OUTDATED";
  return error instanceof TypeError ? "OFFLINE" : "other"; // what fetch throws when it reached nobody
}
