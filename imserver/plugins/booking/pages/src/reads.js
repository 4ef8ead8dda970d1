/**
 * What the page reads of the shops: the chain, days and their times, and what is one's own.
 *
 * Nothing here needs an account but `mine`. With a client the answers come by the methods `x-booking.day` and `x-booking.mine`,
 * again whenever the server says that they are others; without one a day is asked for every two seconds, and not while the page
 * is hidden. No clock of the phone is believed: times run from the answer's `asOf`.
 */

/** How often a day is asked for without a client, and after what went wrong (ms). */
const ASK_EVERY_MS = 2000;
/** Days in which the next free one is looked for. */
const NEXT_DAYS = 14;
/** Browsers set no timer for longer (ms). */
const LONGEST_MS = 0x7fffffff;
const DAY = "x-booking.day";
const MINE = "x-booking.mine";

/** @typedef {{zh: string, en: string}} Words */
/**
 * @typedef {{id: string, name: Words, minutes: number, usual: boolean, asksAge: boolean, asksFirstVisit: boolean,
 *   fits?: Record<string, {service: string, first: number, later: number}>}} Service
 */
/** @typedef {{version: string, text: Words}} Consent */
/** @typedef {{day: string, spans: string[]}} Hours  Spans such as `10:00-20:00` on the shop's clock; none: closed. */
/** @typedef {{parking: Words | null, hours: Hours[], needsIdCard: boolean}} ShopInfo */
/**
 * @typedef {{id: string, bot: string, name: Words, address: Words, map: string | null, phone: string | null, zone: string,
 *   languages: string[], today: string, horizonDays: number, open: {now: boolean, text: Words}, services: Service[],
 *   confirmation: "auto" | "staff", consent: Consent | null, info: ShopInfo}} Shop
 */
/** @typedef {{name: Words, bot: string, shops: Shop[], ages: {id: string, name: Words}[], notice: Words | null}} Chain */
/** @typedef {{day: string, state: "free" | "few" | "full" | "closed"}} DayState */
/** @typedef {{wall: string, at: number, free: boolean}} Time  `wall` on the shop's clock, `at` UTC ms. */
/** @typedef {{day: string, zone: string, asOf: number, times: Time[], next: string | null}} Day */
/** @typedef {{shop: string, service: string, day: string}} DayParams */
/** @typedef {{name: string, age: string, firstVisit: boolean | null, person: string}} Facts */
/**
 * What is kept for the customer. `confirm`, `more`, `release` are what to post for yes, for more time, to give it up.
 *
 * @typedef {{code: string, version: number, shop: string, service: string, wall: string, at: number, minutes: number,
 *   until: number, extensionsLeft: number, confirmation: "auto" | "staff", ask: string, facts: Facts, confirm: string | null,
 *   more: string | null, release: string}} Held
 */
/**
 * @typedef {{code: string, version: number, shop: string, wall: string, toWall: string, toAt: number,
 *   confirmation: "auto" | "staff", confirm: string | null, keep: string}} Moving
 */
/** @typedef {{codes: string[], confirm: string | null, keep: string}} Cancelling */
/**
 * An appointment. `move` and `cancel` are what to post to begin that (a new time goes behind `move`: ` 2026-12-04 10:30`).
 *
 * @typedef {{code: string, version: number, status: string, shop: string, service: string, wall: string, at: number,
 *   end: number, minutes: number, name: string, person: string, with: string, wish: string | null,
 *   card: {conversation: string, position: number} | null, move: string | null, cancel: string | null, event: string}} Booked
 */
/**
 * `waiting`: since when (UTC ms) a text waits for the people of a shop.
 *
 * @typedef {{asOf: number, until: number | null, conversations: Record<string, string>, waiting: Record<string, number>,
 *   known: {name: string, age: string, language: string, consent: Record<string, string>}, held: Held | null,
 *   moving: Moving | null, cancelling: Cancelling | null, upcoming: Booked[], past: Booked[]}} Mine
 */
/**
 * What of the client is used here.
 *
 * @typedef {object} Asks
 * @property {(method: string, params: readonly unknown[]) => Promise<any>} ask
 * @property {(method: string, params: readonly unknown[]) => AsyncIterableIterator<any>} watch
 */
/**
 * A day as the server tells it: each start with a sign for each service, `1` free, `0` taken, `-` none of this service.
 *
 * @typedef {{day: string, zone: string, asOf: number, until: number | null, services: string[],
 *   starts: [number, number, string][]}} WholeDay
 */

/** A read that failed. `code`: `OFFLINE` if the server was not reached, else the server's (`NOT_FOUND`, `RATE_LIMITED` …). */
export class ReadError extends Error {
  /** @param {string} code @param {string} text @param {number} [retryAfterMs] */
  constructor(code, text, retryAfterMs = 0) {
    super(text);
    this.name = "ReadError";
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/** @returns {Promise<Chain>}  The shops. Rejects with ReadError, as all reads without a client. */
export function chain() {
  return get("chain", {});
}

/**
 * How the days of a service are, from one on (by default today): at most 31.
 *
 * @param {{shop: string, service: string, from?: string, count?: number}} params
 * @returns {Promise<{days: DayState[]}>}
 */
export function days({ shop, service, from = "", count = NEXT_DAYS }) {
  return get("days", { shop, service, from, count: String(count) });
}

/**
 * The times of a day that are still to come. `next`: if none is free, the next day that has one.
 *
 * @param {DayParams} params
 * @returns {Promise<Day>}
 */
export async function day(params) {
  return withNext(await get("day", { shop: params.shop, day: params.day }), params);
}

/**
 * What is one's own, as the server knows it now.
 *
 * @param {Asks} client
 * @returns {Promise<Mine>}
 */
export async function mine(client) {
  const [told] = await client.ask(MINE, []);
  return told;
}

/**
 * Hear of a day now and whenever it is another. What goes wrong is tried again; `onError` hears of it.
 *
 * @param {Asks | null} client  Null: over HTTP.
 * @param {DayParams} params
 * @param {(day: Day) => void} onChange
 * @param {(error: unknown) => void} [onError]
 * @returns {() => void}  Ends it.
 */
export function watchDay(client, params, onChange, onError) {
  /** @type {Watched<Day>} */
  const watched = new Watched(onChange, onError);
  if (client === null) {
    watched.poll(() => day(params));
  } else {
    watched.follow(client, DAY, [params.shop, params.day], (told) => {
      if (told === null) throw new ReadError("NOT_FOUND", "there is no such day");
      return withNext(told, params);
    });
  }
  return () => watched.end();
}

/**
 * Hear of what is one's own now and whenever it is another.
 *
 * @param {Asks} client
 * @param {(mine: Mine) => void} onChange
 * @param {(error: unknown) => void} [onError]
 * @returns {() => void}  Ends it.
 */
export function watchMine(client, onChange, onError) {
  return watchAnswer(client, MINE, [], onChange, onError);
}

/**
 * Hear of what a method answers now and whenever it is another.
 *
 * @param {Asks} client
 * @param {string} method
 * @param {readonly unknown[]} params
 * @param {(answer: any) => void} onChange
 * @param {(error: unknown) => void} [onError]
 * @returns {() => void}  Ends it.
 */
export function watchAnswer(client, method, params, onChange, onError) {
  /** @type {Watched<any>} */
  const watched = new Watched(onChange, onError);
  watched.follow(client, method, params, async (told) => told);
  return () => watched.end();
}

/**
 * One answer that is kept new, until it is ended.
 *
 * @template {{asOf: number}} T
 */
class Watched {
  /**
   * @param {(answer: T) => void} onChange
   * @param {((error: unknown) => void) | undefined} onError
   */
  constructor(onChange, onError) {
    this._onChange = onChange;
    this._onError = onError;
    this._over = false;
    this._known = "";
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this._timer = undefined;
    /** @type {() => void} */
    this._leave = () => {};
  }

  end() {
    this._over = true;
    clearTimeout(this._timer);
    this._leave();
  }

  /** @param {() => Promise<T>} ask  Ask every two seconds while the page is seen. */
  poll(ask) {
    const look = async () => {
      clearTimeout(this._timer);
      if (this._over || isHidden()) return;
      let wait = ASK_EVERY_MS;
      try {
        this._tell(await ask());
      } catch (error) {
        wait = Math.max(wait, error instanceof ReadError ? error.retryAfterMs : 0);
        this._fail(error);
      }
      clearTimeout(this._timer);
      if (!this._over) this._timer = setTimeout(look, wait);
    };
    this._leave = onVisible(look);
    look();
  }

  /**
   * The answers of a method, of which the server says when they are others; and again at the time that an answer names.
   *
   * @param {Asks} client
   * @param {string} method
   * @param {readonly unknown[]} params
   * @param {(told: any) => Promise<T>} made
   */
  async follow(client, method, params, made) {
    while (!this._over) {
      let answers;
      try {
        answers = client.watch(method, params);
        const reading = answers;
        this._leave = () => void reading.return?.();
        for await (const [told] of answers) {
          this._tell(await made(told));
          this._again(told, async () => {
            const [later] = await client.ask(method, params);
            this._tell(await made(later));
            return later;
          });
        }
        return; // the client is closed
      } catch (error) {
        void answers?.return?.();
        this._fail(error);
        await new Promise((resolve) => (this._timer = setTimeout(() => resolve(undefined), ASK_EVERY_MS)));
      }
    }
  }

  /**
   * What an answer tells holds so long, by the server's clock.
   *
   * @param {{asOf: number, until?: number | null} | null} told
   * @param {() => Promise<any>} ask
   */
  _again(told, ask) {
    clearTimeout(this._timer);
    // Not every answer changes by time alone, and says so.
    if (this._over || told?.until == null) return;
    const wait = Math.min(Math.max(told.until - told.asOf, 0) + 1, LONGEST_MS);
    this._timer = setTimeout(async () => {
      try {
        this._again(await ask(), ask);
      } catch (error) {
        this._fail(error);
      }
    }, wait);
  }

  /** @param {T} answer */
  _tell(answer) {
    const told = JSON.stringify({ ...answer, asOf: 0, until: null });
    if (this._over || told === this._known) return;
    this._known = told;
    this._onChange(answer);
  }

  /** @param {unknown} error */
  _fail(error) {
    this._known = ""; // the next answer says that it goes on, also if it is the same
    if (!this._over) this._onError?.(error);
  }
}

/**
 * The times of one service, of a whole day.
 *
 * @param {WholeDay} told
 * @param {string} service
 * @returns {Time[]}
 */
function timesOf(told, service) {
  const column = told.services.indexOf(service);
  if (column < 0) return [];
  return told.starts
    .filter(([, , marks]) => marks[column] !== "-")
    .map(([minute, at, marks]) => ({ wall: `${told.day}T${clock(minute)}`, at, free: marks[column] === "1" }));
}

/**
 * @param {WholeDay} told
 * @param {DayParams} params
 * @returns {Promise<Day>}
 */
async function withNext(told, { shop, service }) {
  const times = timesOf(told, service);
  let next = null;
  if (!times.some((time) => time.free)) {
    try {
      const found = await days({ shop, service, from: dayAfter(told.day) });
      next = found.days.find(({ day, state }) => day > told.day && (state === "free" || state === "few"))?.day ?? null;
    } catch {
      next = null; // it is a help, and no more
    }
  }
  return { day: told.day, zone: told.zone, asOf: told.asOf, times, next };
}

/** @param {number} minute */
function clock(minute) {
  return [Math.floor(minute / 60), minute % 60].map((part) => String(part).padStart(2, "0")).join(":");
}

/** @param {string} day  The day after a day; as a date without a clock, so in no zone. */
function dayAfter(day) {
  const date = new Date(`${day}T00:00:00Z`);
  date.setUTCDate(date.getUTCDate() + 1);
  return date.toISOString().slice(0, 10);
}

/**
 * @param {string} path
 * @param {Record<string, string>} query
 * @returns {Promise<any>}
 */
async function get(path, query) {
  const asked = new URLSearchParams(query).toString();
  let response;
  try {
    response = await fetch(`/x/booking/${path}${asked && `?${asked}`}`, { headers: { accept: "application/json" } });
    if (response.ok) return await response.json();
  } catch {
    throw new ReadError("OFFLINE", "the server was not reached");
  }
  const told = await response.json().catch(() => ({}));
  const after = Number(response.headers.get("retry-after") ?? 0) * 1000;
  throw new ReadError(told.code ?? `HTTP_${response.status}`, told.error ?? "that did not work", after || 0);
}

function isHidden() {
  return globalThis.document?.visibilityState === "hidden";
}

/** @param {() => void} look  Called when the page is seen again. @returns {() => void} */
function onVisible(look) {
  const page = globalThis.document;
  if (page === undefined) return () => {};
  const seen = () => void (isHidden() || look());
  page.addEventListener("visibilitychange", seen);
  return () => page.removeEventListener("visibilitychange", seen);
}
