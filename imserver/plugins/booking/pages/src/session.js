/**
 * Who this browser is signed in as. The credential is a cookie that no script can read; here are only tokens of ten minutes, in memory.
 *
 * Requests go out in fetch's mode "cors": in mode "same-origin" a page that sends no referrer, like ours, sends `Origin: null`, which the
 * server refuses. No address but our own is ever asked.
 */

/**
 * @typedef {{userId: string, deviceId: string, name: string, guest: boolean, roles: string[], language: string, expiresAt: number, joined: Joined[]}} Session
 *   `roles`: what somebody may do beside booking (`staff`). `expiresAt`: of the token, UTC ms by the server's clock. `joined`:
 *   browsers that a link, or the shop, has signed in since; told once.
 * @typedef {{id: string, label: string, madeAt: number}} Joined
 * @typedef {{id: string, label: string, madeAt: number, seenAt: number, this: boolean}} Device
 * @typedef {{language: string, shop?: string, ref?: string}} GuestWish
 * @typedef {{shop: {zh: string, en: string}, name: string, appointments: number}} About  An account as far as it is shown: its
 *   name is masked, `appointments` are to come.
 * @typedef {{state: "none"} | {state: "shown", code: string, expiresAt: number}
 *   | {state: "asked", code: string, expiresAt: number, about: About}} JoinState
 */

/** An answer that takes longer is none (ms): the server has 30 s for a request, and people less. */
const ANSWER_MS = 15_000;
/** A token that came so lately is good for a HELLO or a renewal (ms). Longer, and the clock of a phone that slept decides. */
const FRESH_MS = 30_000;
const KEY_BYTES = 16;

/** What went wrong: `code` is the server's word, or OFFLINE (not reached), SERVER (an answer that nobody can read), COOKIES (none is kept), FRAMED (none is kept in a frame). */
export class SessionError extends Error {
  /** @param {string} code @param {string} text @param {number} [retryAfterMs] */
  constructor(code, text, retryAfterMs = 0) {
    super(`${code}: ${text}`);
    this.name = "SessionError";
    this.code = code;
    this.text = text;
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * @typedef {object} Ports
 * @property {typeof fetch} fetch
 * @property {() => number} now  Wall time (ms).
 * @property {() => number} elapsed  Time that never goes back, but may stand still while the phone sleeps (ms).
 * @property {(bytes: Uint8Array<ArrayBuffer>) => Uint8Array} random
 * @property {() => boolean} framed  Whether the page stands in another one.
 * @property {<T>(work: () => Promise<T>) => Promise<T>} alone  Beside no other tab of this site, as far as the browser knows how.
 */

/** The account of a browser, asked of its server. */
export class Account {
  #ports;
  /** The last token, and when it came by both clocks. @type {{text: string, now: number, elapsed: number} | null} */
  #token = null;
  /** The question that is under way: many who ask at once get one answer. @type {Promise<Session | null> | null} */
  #asking = null;
  /** @type {Promise<Session> | null} */
  #making = null;
  /** Under the same key the same guest is made, and the same link redeemed, should an answer be lost. @type {Map<string, string>} */
  #keys = new Map();
  /** @type {Set<(browsers: Joined[]) => void>} */
  #joinedListeners = new Set();
  /** Told by the server, which tells it once, and heard by nobody yet. @type {Joined[]} */
  #unheard = [];

  /** @param {Ports} ports */
  constructor(ports) {
    this.#ports = ports;
  }

  /** Who this is; null for nobody. Rejects with SessionError. @returns {Promise<Session | null>} */
  session() {
    this.#asking ??= this.#ask().finally(() => (this.#asking = null));
    return this.#asking;
  }

  /** Become a guest; who one is, if somebody. Rejects with SessionError. @param {GuestWish} wish @returns {Promise<Session>} */
  makeGuest(wish) {
    this.#making ??= this.#ports.alone(() => this.#make(wish)).finally(() => (this.#making = null));
    return this.#making;
  }

  /** A token for HELLO or a renewal. Rejects with SessionError, SIGNED_OUT for nobody. @returns {Promise<string>} */
  async token() {
    if (!this.#isFresh() && (await this.session()) === null) throw new SessionError("SIGNED_OUT", "nobody is signed in here");
    return /** @type {{text: string}} */ (this.#token).text;
  }

  /** This browser is nobody from now on. Rejects with SessionError. */
  async signOut() {
    await this.#send("DELETE", "session");
    this.#token = null;
    this.#keys.clear();
  }

  /** Browsers of this account, this one among them. Rejects with SessionError. @returns {Promise<Device[]>} */
  async devices() {
    const { devices } = await this.#send("GET", "devices");
    return devices.map((/** @type {any} */ one) => ({ ...joined(one), seenAt: one.seen_at, this: one.this }));
  }

  /** Sign one of them out, for ever. Rejects with SessionError. @param {string} id */
  async revoke(id) {
    await this.#send("POST", "devices/revoke", { id });
  }

  /** Rejects with SessionError. @param {string} id @param {string} label  1-60 characters. */
  async rename(id, label) {
    await this.#send("POST", "devices/name", { id, label });
  }

  /** An address that signs one more browser in, once; until when (UTC ms). Rejects with SessionError. */
  async makeLink() {
    const { address, expires_at: expiresAt, qr_svg: qrSvg } = await this.#send("POST", "links", {});
    return /** @type {{address: string, expiresAt: number, qrSvg: string | undefined}} */ ({ address, expiresAt, qrSvg });
  }

  /**
   * Sign this browser in by a link's secret. Rejects with SessionError: GONE for one that is used or old; CONFLICT if this browser is
   * somebody else, unless it may `leave` that account, and what was booked with it.
   * @param {string} secret @param {{leave?: boolean}} [options] @returns {Promise<Session>}
   */
  async redeem(secret, { leave = false } = {}) {
    const key = this.#key(`link ${secret}`);
    const told = this.#welcomed(await this.#send("POST", "links/redeem", { secret, leave, key }));
    await this.#requireKept();
    return told;
  }

  /**
   * The code that this guest's browser shows, by which the people of a shop know it: five minutes, and the same as long as it stands.
   * Rejects with SessionError: FORBIDDEN for whoever is no guest.
   *
   * @param {string} [shop]  For this shop alone.
   */
  async join(shop = "") {
    const { code, expires_at: expiresAt } = await this.#send("POST", "joins", { shop });
    return /** @type {{code: string, expiresAt: number}} */ ({ code, expiresAt });
  }

  /** What became of it by now. Rejects with SessionError. @returns {Promise<JoinState>} */
  async joinState() {
    const { state, code, expires_at: expiresAt, about } = await this.#send("GET", "joins");
    return /** @type {JoinState} */ (state === "none" ? { state } : { state, code, expiresAt, about });
  }

  /**
   * Yes: this browser is the older account from now on. May be repeated if its answer was lost. Rejects with SessionError: GONE for a
   * code that is over.
   *
   * @param {string} code @returns {Promise<Session>}
   */
  async acceptJoin(code) {
    const told = this.#welcomed(await this.#send("POST", "joins/accept", { code, key: this.#key(`join ${code}`) }));
    await this.#requireKept();
    return told;
  }

  /** No, or not now. Rejects with SessionError. @param {string} code */
  async refuseJoin(code) {
    await this.#send("POST", "joins/refuse", { code });
  }

  /** Hear of browsers that a link has signed in, each once. Returns what ends it. @param {(browsers: Joined[]) => void} listener */
  whenJoined(listener) {
    this.#joinedListeners.add(listener);
    if (this.#unheard.length > 0) listener(this.#unheard.splice(0));
    return () => void this.#joinedListeners.delete(listener);
  }

  // -- parts --------------------------------------------------------------------------------------------------------------

  async #ask() {
    try {
      return this.#welcomed(await this.#send("POST", "session", {}));
    } catch (error) {
      if (!(error instanceof SessionError) || error.code !== "SIGNED_OUT") throw error;
      this.#token = null;
      return null;
    }
  }

  /** @param {GuestWish} guest */
  async #make(guest) {
    const told = await this.#made(guest);
    await this.#requireKept();
    this.#keys.delete("guest");
    return told;
  }

  /** @param {GuestWish} guest */
  async #made(guest) {
    try {
      return this.#welcomed(await this.#send("POST", "session", { guest, key: this.#key("guest") }));
    } catch (error) {
      if (/** @type {any} */ (error).code === "GONE") this.#keys.delete("guest"); // old, or signed out: the next tap has another
      throw error;
    }
  }

  /** Better said now than by an appointment that nobody finds again. */
  async #requireKept() {
    if ((await this.#ask()) !== null) return;
    // In a frame of another site it is the frame that keeps none, and the page has them in a window of its own.
    throw new SessionError(this.#ports.framed() ? "FRAMED" : "COOKIES", "this browser keeps no cookie here");
  }

  /** @param {string} what */
  #key(what) {
    const known = this.#keys.get(what);
    if (known !== undefined) return known;
    const bytes = this.#ports.random(new Uint8Array(KEY_BYTES));
    const key = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    this.#keys.set(what, key);
    return key;
  }

  #isFresh() {
    if (this.#token === null) return false;
    const { now, elapsed } = this.#token;
    return Math.abs(this.#ports.now() - now) < FRESH_MS && this.#ports.elapsed() - elapsed < FRESH_MS;
  }

  /** @param {any} told @returns {Session} */
  #welcomed(told) {
    this.#token = { text: told.token, now: this.#ports.now(), elapsed: this.#ports.elapsed() };
    const browsers = (told.joined ?? []).map(joined);
    if (this.#joinedListeners.size === 0) this.#unheard.push(...browsers);
    else if (browsers.length > 0) for (const listener of [...this.#joinedListeners]) listener(browsers);
    return {
      userId: told.user_id,
      deviceId: told.device_id,
      name: told.name,
      guest: told.guest,
      roles: told.roles ?? [], // a server of before knows none
      language: told.language,
      expiresAt: told.expires_at,
      joined: browsers,
    };
  }

  /** @param {string} method @param {string} path @param {object} [body] @returns {Promise<any>} */
  async #send(method, path, body) {
    const { fetch } = this.#ports;
    /** @type {RequestInit} */
    const request = { method, credentials: "same-origin", cache: "no-store", redirect: "error", signal: AbortSignal.timeout(ANSWER_MS) };
    if (body !== undefined) {
      request.body = JSON.stringify(body);
      request.headers = { "content-type": "application/json" };
    }
    /** @type {Response} */
    let answer;
    /** @type {any} */
    let told = null;
    try {
      answer = await fetch(`/api/${path}`, request);
      told = await answer.json().catch(() => null);
    } catch (error) {
      throw new SessionError("OFFLINE", `the server was not reached (${/** @type {Error} */ (error).message})`);
    }
    if (answer.ok && told !== null) return told;
    const retryAfterMs = 1000 * (Number(answer.headers.get("retry-after")) || 0);
    throw new SessionError(told?.code ?? "SERVER", told?.error ?? `the server answered ${answer.status}`, retryAfterMs);
  }
}

/** @param {{id: string, label: string, made_at: number}} told @returns {Joined} */
function joined(told) {
  return { id: told.id, label: told.label, madeAt: told.made_at };
}

/**
 * Tabs that open at once make one guest, not one each. Pages without TLS have no locks, and frames of another site may be denied them.
 * @template T @param {() => Promise<T>} work @returns {Promise<T>}
 */
async function alone(work) {
  const locks = globalThis.navigator?.locks;
  if (locks === undefined) return work();
  let begun = false;
  const once = () => ((begun = true), work());
  try {
    return await locks.request("im-guest", once);
  } catch (error) {
    if (begun) throw error;
    return work();
  }
}

const account = new Account({
  fetch: (...given) => globalThis.fetch(...given),
  now: () => Date.now(),
  elapsed: () => performance.now(),
  random: (bytes) => crypto.getRandomValues(bytes),
  framed: () => globalThis.top !== globalThis.self,
  alone,
});

export const session = () => account.session();
/** @param {GuestWish} wish */
export const makeGuest = (wish) => account.makeGuest(wish);
export const token = () => account.token();
export const signOut = () => account.signOut();
export const devices = () => account.devices();
/** @param {string} id */
export const revoke = (id) => account.revoke(id);
/** @param {string} id @param {string} label */
export const rename = (id, label) => account.rename(id, label);
/** @param {(browsers: Joined[]) => void} listener */
export const whenJoined = (listener) => account.whenJoined(listener);
export const makeLink = () => account.makeLink();
/** @param {string} secret @param {{leave?: boolean}} [options] */
export const redeem = (secret, options) => account.redeem(secret, options);
/** @param {string} [shop] */
export const join = (shop) => account.join(shop);
export const joinState = () => account.joinState();
/** @param {string} code */
export const acceptJoin = (code) => account.acceptJoin(code);
/** @param {string} code */
export const refuseJoin = (code) => account.refuseJoin(code);
