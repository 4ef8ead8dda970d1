/** Who this browser is: the session of its cookie, the guest that the first act makes, and what is kept of this person here. */

import { remember, remembered } from "./remembered.js";

/** @import { Kept } from "./kept.js" */
/** @import { Session } from "./remembered.js" */

/**
 * @typedef {object} WhoPorts
 * @property {{session: () => Promise<Session | null>,
 *   makeGuest: (guest: {language: string, shop?: string, ref?: string}) => Promise<Session>}} account  `session.js`.
 * @property {(userId: string, except?: string) => Promise<void>} erase
 * @property {(userId: string) => Promise<Kept>} openKept
 * @property {(session: Session | null) => void} onSession
 * @property {() => {language: string, ref?: string}} guest
 */

/** Who this is was answered so lately that it is not asked once more before HELLO (ms): that would be a round trip. */
const JUST_MS = 5_000;
/** One's appointments are kept so much later: by then the page has shown them. */
const KEEP_AFTER_MS = 200;

export class Who {
  #ports;
  /** @type {Session | null} */
  #session = null;
  /** The question or the making that is under way: two taps make one guest. @type {Promise<Session | null> | null} */
  #asking = null;
  /** @type {Kept | null} */
  #kept = null;
  /** @type {Record<string, string>} */
  #conversations = {};
  /** When the server said it last (ms); a phone that slept, or whose clock was set, has not heard it lately. */
  #heardAt = -Infinity;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #keeping;

  /** @param {WhoPorts} ports */
  constructor(ports) {
    this.#ports = ports;
  }

  get session() {
    return this.#session;
  }

  /** Whether the server has said it just now: once, for whoever connects first. */
  justHeard() {
    const ago = Date.now() - this.#heardAt;
    this.#heardAt = -Infinity;
    return ago >= 0 && ago < JUST_MS;
  }

  /** Null before it is known who this is. */
  get kept() {
    return this.#kept;
  }

  /** By shop. */
  get conversations() {
    return this.#conversations;
  }

  /** The session of the cookie; without a network, who it was. Rejects with SessionError. */
  async known() {
    if (this.#session === null) await this.#once(() => this.#asked());
    return this.#session;
  }

  /** The same, and a guest of the shop if it is nobody. Rejects with SessionError. @param {string} shop */
  async somebody(shop) {
    if ((await this.known()) === null) {
      await this.#once(() => this.#ports.account.makeGuest({ ...this.#ports.guest(), shop }));
    }
    return /** @type {Session} */ (this.#session);
  }

  /** @param {Session | null} session */
  async is(session) {
    const before = this.#session;
    if (session === null && before === null) return;
    this.#session = session;
    remember(session);
    this.#ports.onSession(session);
    if (before?.userId === session?.userId) return;
    this.#kept?.close();
    this.#kept = session === null ? null : await this.#ports.openKept(session.userId);
    this.#conversations = (await this.#kept?.get("conversations")) ?? {};
  }

  /** It is nobody any more: nothing of the person stays. */
  async forget() {
    const userId = this.#session?.userId;
    await this.is(null);
    if (userId !== undefined) await this.#ports.erase(userId);
  }

  /** It is somebody else: nothing of the one before stays. @param {Session} session */
  async becomes(session) {
    const before = this.#session?.userId;
    // First: other tabs are to hear that they are somebody else, and not that their stores are gone.
    await this.is(session);
    if (before !== undefined && before !== session.userId) await this.#ports.erase(before, session.userId);
  }

  /** What the shop answered about this person. @param {any} mine */
  learnt(mine) {
    const conversations = mine?.conversations;
    if (typeof conversations !== "object" || conversations === null) return;
    const kept = this.#kept;
    const isNew = Object.keys(conversations).some((shop) => this.#conversations[shop] !== conversations[shop]);
    this.#conversations = { ...conversations };
    if (isNew) void kept?.put("conversations", this.#conversations);
    clearTimeout(this.#keeping);
    this.#keeping = setTimeout(() => void kept?.put("mine", mine), KEEP_AFTER_MS); // nowhere, if it is closed by then
  }

  async #asked() {
    const before = remembered();
    try {
      const session = await this.#ports.account.session();
      this.#heardAt = Date.now();
      if (before !== null && before.userId !== session?.userId) await this.#endedUnseen(before.userId, session);
      return session;
    } catch (error) {
      if (/** @type {any} */ (error).code === "OFFLINE") return before;
      throw error;
    }
  }

  /**
   * A sign-in ended while no page was open: from another phone, by an operator, with its cookie. What was kept of that person would
   * be shown to whoever opens this page without a network.
   *
   * @param {string} userId @param {Session | null} session  Who it is now.
   */
  async #endedUnseen(userId, session) {
    const since = remembered()?.userId; // another tab may have become somebody meanwhile
    if (since === userId) remember(null);
    await this.#ports.erase(userId, session?.userId ?? (since === userId ? undefined : since));
  }

  /** @param {() => Promise<Session | null>} ask */
  async #once(ask) {
    this.#asking ??= ask().finally(() => (this.#asking = null));
    await this.is(await this.#asking);
  }
}
