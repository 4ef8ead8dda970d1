/** One client while it is open: its tab among the others, its streams, its token. It ends once, and says by which error. */

/** @import { TabClient } from "../../../../../../clients/js/src/tabs/tab_client.js" */
/** @import { ClientEvent } from "../../../../../../clients/js/src/events.js" */
/** @import { Message } from "../../../../../../clients/js/src/values.js" */
/** @import { Session } from "./remembered.js" */

/**
 * What screens and reads use of the client.
 *
 * @typedef {object} LineClient
 * @property {string} userId
 * @property {(userId: string) => string} direct
 * @property {(method: string, params?: readonly unknown[]) => Promise<any>} ask
 * @property {(method: string, params?: readonly unknown[]) => AsyncIterableIterator<any>} watch
 * @property {TabClient["call"]} call
 */

/**
 * @typedef {object} Owner
 * @property {{session: () => Promise<Session | null>, token: () => Promise<string>}} account
 * @property {string} address
 * @property {(state: string, retryInMs: number | null) => void} onConnection  The client's states.
 * @property {(message: Message) => void} onMessage
 * @property {(event: ClientEvent) => void} onEvent
 * @property {(error: any) => void} onEnd
 */

/** A token is renewed so long before its end, and after a failure tried again so soon. */
const RENEW_AHEAD_MS = 90_000;
const RENEW_AGAIN_MS = 20_000;

export class Opened {
  #owner;
  #client;
  #session;
  #justHeard;
  /** @type {TabClient | null} */
  #tab = null;
  /** @type {any} */
  #renewal = 0;
  #over = false;

  /**
   * @param {Owner} owner
   * @param {typeof import("./client.js")} client
   * @param {Session} session
   * @param {() => boolean} justHeard  Whether the server has said only now that it is this one.
   */
  constructor(owner, client, session, justHeard) {
    this.#owner = owner;
    this.#justHeard = justHeard;
    this.#client = client;
    this.#session = session;
  }

  /**
   * Take part. Resolves before there is a connection. Rejects with StoreError.
   *
   * @param {boolean} keep
   * @returns {Promise<TabClient>}
   */
  async join(keep) {
    const { deviceId, userId, expiresAt } = this.#session;
    const tab = await this.#client.joinTabs({
      // Early: a screen asks what it shows before ten thousand conversations are listed.
      address: this.#owner.address, token: () => this.#token(), deviceId, name: userId, keep, early: true, timeoutMs: null,
    });
    if (this.#over) await tab.close({ flush: false });
    this.#tab = tab;
    this.client = this.#facade(tab);
    void this.#read(tab.messages(), (message) => this.#owner.onMessage(message));
    void this.#read(tab.events(), (event) => this.#event(tab, event));
    this.#renewBefore(tab, expiresAt);
    return tab;
  }

  /** For screens and reads; one object for as long as this is open. @type {LineClient | null} */
  client = null;

  /** @param {TabClient} tab @returns {LineClient} */
  #facade(tab) {
    const { userId } = this.#session;
    return {
      userId,
      direct: (other) => this.#client.directConversationId(userId, other),
      ask: (method, params = []) => tab.call.ask(method, params),
      watch: (method, params = []) => tab.watch(method, params),
      call: tab.call,
    };
  }

  /**
   * Try at once. A network that was away may have cut nothing: then nothing changes for the client, and a page that waits
   * for a change waits for ever. So a connection is told here, too.
   */
  async hurry() {
    if (this.#tab === null) return;
    const { call } = this.#tab;
    const state = await call.hurry().then(() => call.state()).catch(() => null); // its end is told by the streams
    if (state === "connected" && !this.#over) this.#owner.onConnection(state, null);
  }

  /** Nothing more is told. What was posted and has no answer stays in the store. */
  async close() {
    this.#over = true;
    clearTimeout(this.#renewal);
    await this.#tab?.close({ flush: false }).catch(() => {});
  }

  // -- streams ------------------------------------------------------------------------------------------------------------

  /**
   * @template T
   * @param {AsyncGenerator<T, void, void>} stream
   * @param {(one: T) => void} hear
   */
  async #read(stream, hear) {
    try {
      for await (const one of stream) if (!this.#over) hear(one);
    } catch (error) {
      if (this.#over) return;
      this.#over = true; // both streams end by it
      clearTimeout(this.#renewal);
      this.#owner.onEnd(error);
    }
  }

  /** @param {TabClient} tab @param {any} event */
  #event(tab, event) {
    if (event.type === "roleChanged") return void this.#look(tab, event.role);
    if (event.type === "connectionChanged") this.#owner.onConnection(event.state, event.retryInMs);
    else this.#owner.onEvent(event);
  }

  /** A tab leads, which may have been connected for long. @param {TabClient} tab @param {string} role */
  async #look(tab, role) {
    if (role === "waiting" || role === "stopped") return;
    const state = await tab.call.state().catch(() => null);
    if (state !== null && !this.#over) this.#owner.onConnection(state, null);
  }

  // -- the token ----------------------------------------------------------------------------------------------------------

  /**
   * For HELLO. Another tab may have made this browser somebody else: their token would open their conversations under this
   * page.
   */
  async #token() {
    const { Stopped, CloseCode } = this.#client;
    try {
      const now = this.#justHeard() ? this.#session : await this.#owner.account.session();
      if (now === null || now.userId !== this.#session.userId) throw new Stopped(CloseCode.REVOKED, "another session");
      return await this.#owner.account.token();
    } catch (error) {
      const { code, retryAfterMs = null } = /** @type {any} */ (error);
      if (code === "SIGNED_OUT") throw new Stopped(CloseCode.REVOKED, "signed out");
      if (code === "FORBIDDEN") throw new Stopped(CloseCode.AUTH_FAILED, "disabled");
      if (code === "OFFLINE" && !this.#over) this.#owner.onConnection("waiting", retryAfterMs);
      throw error; // an error with a code is a network that is away to the client: it tries again
    }
  }

  /** @param {TabClient} tab @param {number} expiresAt  UTC ms. */
  #renewBefore(tab, expiresAt) {
    const inMs = Math.max(RENEW_AGAIN_MS, expiresAt - Date.now() - RENEW_AHEAD_MS);
    this.#renewal = setTimeout(async () => {
      const until = tab.role === "following" ? Infinity : await this.#renewed(tab); // the tab that leads renews for all
      if (!this.#over) this.#renewBefore(tab, Number.isFinite(until) ? until : Date.now() + 2 * RENEW_AHEAD_MS);
    }, inMs);
  }

  /**
   * Until when; 0: it failed. The server closes with AUTH_EXPIRED then, and the client comes back with a new token.
   *
   * @param {TabClient} tab
   */
  async #renewed(tab) {
    try {
      return await tab.call.renew(await this.#owner.account.token());
    } catch {
      return 0;
    }
  }
}
