/**
 * The line: one client for this page, opened at the first act, kept open through everything that ends by itself, and told to
 * the page as a few states. Posts go through here alone, each under one key, however often it is offered.
 */

import { FreshStarts } from "./fresh_starts.js";
import { Listeners } from "./listeners.js";
import { Opened } from "./opened.js";
import { Posts } from "./posts.js";
import { Saying } from "./saying.js";
import { NO_LINE } from "./state.js";
import { reaction, STOP_ACTS } from "./stops.js";
import { Who } from "./who.js";

/** @import { ClientEvent } from "../../../../../../clients/js/src/events.js" */
/** @import { Message } from "../../../../../../clients/js/src/values.js" */
/** @import { LineClient } from "./opened.js" */
/** @import { Ports } from "./ports.js" */
/** @import { Outcome, Sent, Tap } from "./posts.js" */
/** @import { Session } from "./remembered.js" */
/** @import { StopCode } from "./stops.js" */

/** @typedef {import("./state.js").LineState} LineState */
/** @typedef {import("./saying.js").Shop} Shop */

/** Connecting for so long is waiting: what is posted meanwhile is said to go later. */
const SLOW_MS = 4000;
/** What ends a client of which a post alone has said that there is no room. */
const FULL = { name: "StoreError", reason: "full" };

export class Line {
  #ports;
  #who;
  #state = NO_LINE;
  /** @type {Opened | null} */
  #opened = null;
  /** @type {Promise<LineClient> | null} */
  #opening = null;
  /** @type {typeof import("./client.js") | null} */
  #client = null;
  /** @type {(() => void) | void} */
  #unwatch = undefined;
  /** @type {any} */
  #slow = 0;
  /** The browser's storage failed: this page keeps nothing. */
  #inMemory = false;
  #freshStarts = new FreshStarts();
  #away = false;
  #leaving = false;
  #posts = new Posts(
    () => this.#state.state === "waiting",
    () => this.#postListeners.tell(),
    () => void (this.#inMemory || this.#ended(FULL)),
    // A guest is known by the language of the page that made it; the account of staff is older than their page.
    () => (this.session?.roles?.includes("staff") ? this.#ports.guest().language : undefined),
  );
  #saying = new Saying({
    posts: this.#posts,
    state: () => this.#state,
    online: () => this.#ports.online(),
    enter: (shop) => this.enter(shop),
    conversationOf: (shop) => this.conversationOf(shop),
    hurry: () => void this.#opened?.hurry(),
  });
  #messageListeners = /** @type {Listeners<[Message]>} */ (new Listeners());
  #postListeners = /** @type {Listeners<[]>} */ (new Listeners());
  #eventListeners = /** @type {Listeners<[ClientEvent]>} */ (new Listeners());

  /** @param {Ports} ports */
  constructor(ports) {
    this.#ports = ports;
    this.#who = new Who(ports);
  }

  get state() {
    return this.#state;
  }

  get session() {
    return this.#who.session;
  }

  /** What is kept of this person for the time without a network; null before it is known who it is. */
  get kept() {
    return this.#who.kept;
  }

  /** Connect if this browser is somebody. Rejects with SessionError. @returns {Promise<Session | null>} */
  async start() {
    const session = await this.#who.known();
    if (session !== null) void this.#open();
    return session;
  }

  /**
   * The client, maybe still connecting: its calls wait. Makes a guest of the shop if this browser is nobody. Rejects with
   * SessionError.
   *
   * @param {Shop} shop
   * @returns {Promise<LineClient>}
   */
  async enter(shop) {
    await this.#who.somebody(shop.id);
    return this.#open();
  }

  /** The client, if there is one. */
  client() {
    return this.#opened?.client ?? null;
  }

  // -- posting ------------------------------------------------------------------------------------------------------------

  /**
   * Say what one could type, to the shop; without a connection it is sent later. Never rejects.
   *
   * @param {Shop} shop @param {string} text @param {Tap} [tap] @returns {Promise<Outcome>}
   */
  say(shop, text, tap = {}) {
    return this.#saying.say(shop, text, tap);
  }

  /**
   * The same for what is only worth doing now: a time, a yes. Resolves when it is stored, through a line that is cut
   * meanwhile. Rejects with an error with `code` and `text`; without a connection (OFFLINE) nothing is sent, now or later.
   *
   * @param {Shop} shop
   * @param {string} text
   * @param {Tap} [tap]
   * @returns {Promise<Sent>}
   */
  post(shop, text, tap = {}) {
    return this.#saying.post(shop, text, tap);
  }

  /**
   * Where the shop speaks with this person: the service conversation, or before there is one the bot's own. "": nowhere yet.
   *
   * @param {Shop} shop
   */
  conversationOf(shop) {
    return this.#who.conversations[shop.id] ?? this.client()?.direct(shop.bot) ?? "";
  }

  /** What was said and has no answer yet, or was refused. */
  get unsent() {
    return this.#posts.listed;
  }

  /** Say a refused one again, under its key; or give it up. @param {string} name @param {"again" | "discard"} act */
  settle(name, act) {
    this.#posts[act](name);
  }

  /** `unsent` is another list. @param {() => void} listener @returns {() => void} */
  unsentChanged(listener) {
    return this.#postListeners.add(listener);
  }

  // -- what comes ---------------------------------------------------------------------------------------------------------

  /**
   * Every message of every conversation, as it comes, own ones too.
   *
   * @param {(message: Message) => void} listener
   * @returns {() => void}
   */
  heard(listener) {
    return this.#messageListeners.add(listener);
  }

  /** What else the client tells. @param {(event: ClientEvent) => void} listener @returns {() => void} */
  told(listener) {
    return this.#eventListeners.add(listener);
  }

  // -- what the page does -------------------------------------------------------------------------------------------------

  /** It is seen again, or the network is another one. */
  wake() {
    if (this.#opened === null || this.#away) return;
    if (this.#ports.online()) void this.#opened.hurry();
    else this.#become({ state: "waiting", retryAt: null });
  }

  /** It goes into the back/forward cache: another tab may lead. */
  async pause() {
    this.#away = true;
    await this.#close();
  }

  /** It is back. */
  resume() {
    this.#away = false;
    if (this.session !== null && this.#state.state !== "stopped") void this.#open();
  }

  /** Another tab made this browser somebody else, or nobody, or what it remembers was cleared. @param {string | null} userId */
  became(userId) {
    if (this.#leaving || (this.session?.userId ?? null) === userId) return;
    if (this.#state.state === "stopped") return; // what it says stays: nobody becomes somebody else unawares
    if (this.session === null) void this.start().catch(() => {});
    else if (userId === null) void this.#isStill();
    else void this.#stop("OTHER_ACCOUNT");
  }

  /** After `ELSEWHERE`: have the line here. */
  takeOver() {
    if (this.#state.code === "ELSEWHERE") void this.#open();
  }

  /** After `SIGNED_OUT`: as somebody new, at the next act. */
  begin() {
    if (this.#state.code === "SIGNED_OUT") this.#become(NO_LINE);
  }

  /** The notice was read. */
  dismiss() {
    this.#become({ notice: null });
  }

  /**
   * Sign this browser out, and remove everything of this person from it. Rejects with SessionError; nothing is removed then.
   */
  async signOut() {
    this.#leaving = true;
    try {
      await this.#ports.account.signOut();
      await this.#stop("SIGNED_OUT");
    } finally {
      this.#leaving = false;
    }
  }

  /**
   * A link, or the shop, made this browser somebody else: what it kept of the one before goes; the page is to be loaded again.
   * What had no answer yet is kept for the new one, who may say it again by a tap.
   *
   * @param {Session} session
   * @param {readonly Shop[]} [shops]  With which the same person goes on speaking; none: it is another person.
   */
  async leaveFor(session, shops = []) {
    this.#leaving = true;
    const before = this.session?.userId ?? "";
    const placesOf = (/** @type {Shop} */ shop) => [this.#who.conversations[shop.id], this.#direct(before, shop)];
    const moved = await this.#posts.leave(this.kept, shops, placesOf);
    await this.#close();
    await this.#who.becomes(session);
    await moved(this.kept, (shop) => this.#direct(session.userId, shop));
  }

  /**
   * Waits until all that was said has its answer. How much has none after so long.
   *
   * @param {number} withinMs
   */
  drained(withinMs) {
    return this.#saying.drained(withinMs);
  }

  /** @param {string} userId @param {Shop} shop */
  #direct(userId, shop) {
    return this.#client?.directConversationId(userId, shop.bot) ?? "";
  }

  // -- opening ------------------------------------------------------------------------------------------------------------

  /** Never rejects by itself: what goes wrong is an end, like one that comes later. @returns {Promise<LineClient>} */
  #open() {
    this.#opening ??= this.#join();
    return this.#opening;
  }

  /** @returns {Promise<LineClient>} */
  async #join() {
    this.#become({ state: this.#ports.online() ? "connecting" : "waiting", code: "", act: null, retryAt: null });
    clearTimeout(this.#slow);
    this.#slow = setTimeout(() => this.#state.state === "connecting" && this.#become({ state: "waiting" }), SLOW_MS);
    this.#client ??= await this.#ports.importClient();
    const opened = new Opened(this.#owner(() => opened), this.#client, /** @type {Session} */ (this.session), () => this.#who.justHeard());
    this.#opened = opened;
    let tab;
    try {
      tab = await opened.join(!this.#inMemory);
    } catch (error) {
      await this.#ended(error);
      return /** @type {any} */ (this.#opening ?? Promise.reject(error));
    }
    if (opened !== this.#opened) return this.#open();
    this.#become({ kept: tab.kept });
    await this.#posts.goThrough(tab, this.kept);
    const client = /** @type {LineClient} */ (opened.client);
    this.#unwatch = this.#ports.watchMine(client, (mine) => this.#who.learnt(mine));
    return client;
  }

  /**
   * What an open client tells; one that is not this line's any more tells nothing.
   *
   * @param {() => Opened} which
   * @returns {import("./opened.js").Owner}
   */
  #owner(which) {
    const { account, address } = this.#ports;
    const mine = () => which() === this.#opened;
    return {
      account,
      address,
      onConnection: (state, retryInMs) => void (mine() && this.#connection(state, retryInMs)),
      onMessage: (message) => this.#messageListeners.tell(message),
      onEvent: (event) => this.#event(event),
      onEnd: (error) => void (mine() && this.#ended(error)),
    };
  }

  /** @param {string} state  The client's. @param {number | null} retryInMs */
  #connection(state, retryInMs) {
    if (state === "connected") this.#become({ state: "connected", retryAt: null });
    // An attempt that is under way still waits: a line that flickers every second says nothing.
    if (state === "waiting") this.#become({ state: "waiting", retryAt: retryInMs === null ? null : Date.now() + retryInMs });
  }

  /** @param {ClientEvent} event */
  #event(event) {
    if (event.type === "historyReplaced") void this.#replaced();
    if (event.type === "postsGone") this.#posts.lost(event.conversationId, event.posts);
    if (event.type === "postSettled") this.#posts.settled(event);
    this.#eventListeners.tell(event);
  }

  // -- ends ---------------------------------------------------------------------------------------------------------------

  /** @param {any} error */
  async #ended(error) {
    if (this.#leaving || this.#away) return;
    const what = reaction(error, /** @type {typeof import("./client.js")} */ (this.#client).CloseCode);
    await this.#close();
    if (what.then === "stop") return this.#stop(what.code);
    if (what.then === "who") return this.#askWho(error);
    this.#inMemory = true;
    this.#become({ notice: "FULL" });
    void this.#open();
  }

  /** An older copy is back. Where it does not know this browser, nobody finds again what is booked with a token that is still good. */
  async #replaced() {
    this.#become({ notice: "REPLACED" });
    await this.#isStill();
  }

  /** The server settles who this browser is. False: not who it was, and this page has stopped. */
  async #isStill() {
    try {
      const now = await this.#ports.account.session();
      if (now !== null && now.userId === this.session?.userId) await this.#who.is(now);
      else await this.#stop(now === null ? "SIGNED_OUT" : "OTHER_ACCOUNT");
    } catch (failed) {
      // Not to be reached: on as before, the next attempt settles it.
      if (/** @type {any} */ (failed).code === "FORBIDDEN") await this.#stop("REFUSED");
    }
    return this.#state.state !== "stopped";
  }

  /** @param {any} error  Why the client ended, if that may be because of who this browser is now. */
  async #askWho(error) {
    if (!(await this.#isStill())) return;
    const isTime = this.#freshStarts.next();
    if (isTime === null) return this.#stop("FAILED");
    if (error.name === "StoreError") this.#become({ notice: "CLEARED" });
    await isTime;
    void this.#open();
  }

  /** It ends here, for good. @param {StopCode} code */
  async #stop(code) {
    await this.#close();
    this.#posts.refuseAll(code);
    if (code === "SIGNED_OUT") await this.#who.forget();
    this.#become({ state: "stopped", code, act: STOP_ACTS[code], retryAt: null });
  }

  /** What is posted meanwhile waits for the next client. */
  async #close() {
    const opened = this.#opened;
    this.#opened = this.#opening = null;
    clearTimeout(this.#slow);
    if (this.#unwatch) this.#unwatch();
    this.#unwatch = undefined;
    this.#posts.hold();
    await opened?.close();
  }

  /** @param {Partial<LineState>} patch */
  #become(patch) {
    const next = Object.freeze({ ...this.#state, ...patch });
    const names = /** @type {(keyof LineState)[]} */ (Object.keys(next));
    if (names.every((name) => next[name] === this.#state[name])) return;
    this.#state = next;
    this.#ports.onState(next);
  }
}
