/** The composition root of one client: makes the parts, owns their work, and dispatches a connection's events. */

import { CannotConnect, ClientError, CloseCode, Disconnected, Misuse, Stopped, StoreError } from "../errors.js";
import { makeFeatures } from "../features/index.js";
import { KEY_BYTES } from "../wire/limits.js";
import { sha256 } from "../wire/sha256.js";
import { encodeUtf8 } from "../wire/utf8.js";
import { fromHex, hex } from "../wire/values.js";
import { Announcer } from "./announcer.js";
import { Arrivals } from "./arrivals.js";
import { Backoff } from "./backoff.js";
import { Calls } from "./calls.js";
import { CatchUp } from "./catch_up.js";
import { Cursors, Receipts } from "./cursors.js";
import { Delivery } from "./delivery.js";
import { Fallen } from "./fallen.js";
import { FeaturePorts } from "./feature_ports.js";
import { Inbox } from "./inbox.js";
import { Journal } from "./journal.js";
import { ACCOUNT, Lineage } from "./lineage.js";
import { Link } from "./link.js";
import { Posting } from "./posting.js";
import { Questions } from "./questions.js";
import { Requests } from "./requests.js";
import { States } from "./states.js";
import { adopt, Store } from "./store.js";
import { Telling } from "./telling.js";
import { Timers } from "./timers.js";
import { Tokens } from "./tokens.js";
import { Window } from "./window.js";
import { Writes } from "./writes.js";

const DEVICE_ID_DIGITS = 16;

/**
 * The arguments of `connect()`, with every default in its place.
 *
 * @typedef {object} Options
 * @property {string} address
 * @property {import("../ports.js").OpenTransport} open
 * @property {import("./tokens.js").TokenSource} token
 * @property {string | null} deviceId
 * @property {boolean} early
 * @property {number | null} timeoutMs
 * @property {number} closeTimeoutMs
 * @property {Readonly<Record<string, number>>} have
 * @property {Readonly<Record<string, unknown>>} clientInfo
 */

/** The implementation behind a Client. */
export class Core {
  /**
   * @param {Options} options
   * @param {import("../ports.js").Storage} storage
   * @param {Readonly<import("../limits.js").ClientLimits>} limits
   * @param {import("../ports.js").Environment} environment
   */
  constructor(options, storage, limits, environment) {
    this.options = options;
    this._storage = storage;
    this.limits = limits;
    this.environment = environment;
    /** @type {import("../values.js").State} */
    this.state = "connecting";
    this.userId = "";
    this.deviceId = "";
    this.storeEpoch = "";
    /**
     * Those that WELCOME named; none: the server does not say.
     *
     * @type {ReadonlySet<string>}
     */
    this.serverFeatures = new Set();
    this._opened = false;
    this._lastFailure = "no attempt was finished";
    /** @type {(() => ClientError) | null} */
    this._end = null;
    /** @type {() => void} */
    this._onReady = () => {};
    /** @type {(error: unknown) => void} */
    this._onNotReady = () => {};
    /** @type {Promise<void> | null} */
    this._running = null;

    this.timers = new Timers(environment);
    this.announcer = new Announcer(limits.maxQueuedEvents);
    this.store = new Store(new Journal(storage, (error) => this.connectionFailed(error)));
    this.requests = new Requests(
      limits, () => this.makeBackoff(), this.timers, () => this.link.stepSoon(), (text) => this.link.violated(text),
    );
    this.inbox = new Inbox(limits.maxConversations, limits.maxUnknownConversations);
    this.lineage = new Lineage();
    this.telling = new Telling(this.lineage, this.store, this.announcer);
    this.delivery = new Delivery(
      this.store, this.lineage, limits, () => this.catchUp.wake(), (message) => this._finished(message),
    );
    this.cursors = new Cursors(limits.maxCursors, limits.maxCursorsInAll, (event) => this.announce(event));
    this.receipts = new Receipts(
      this.requests, this.timers, limits.reportEveryMs, (name) => this.lineage.teamOf(name) !== null,
      (work) => this.own(work),
    );
    this.writes = new Writes(this.requests, limits.maxWrites);
    this.tokens = new Tokens(options.token);
    this.states = new States(this);
    this.catchUp = new CatchUp(this);
    this.posting = new Posting(this);
    this.window = new Window(this);
    this.questions = new Questions(this);
    this.calls = new Calls(this);
    this.fallen = new Fallen(this);
    this.arrivals = new Arrivals(this);
    this.ports = new FeaturePorts(this);
    this.features = makeFeatures(this.ports);
    this.link = new Link(this);
  }

  makeBackoff() {
    return new Backoff(this.environment.uniform, this.limits.maxRetryAfterMs);
  }

  // -- work that somebody owns ----------------------------------------------------------------------------------------------

  /** @param {import("./announcer.js").Unread} event */
  announce(event) {
    this.announcer.announce(event);
  }

  /** @param {Promise<unknown>} work  If it fails while the client is there, the client stops. */
  own(work) {
    work.catch((error) => this.connectionFailed(error));
  }

  /** @param {() => void} run  If it throws, the client stops: going on could lose something. */
  guard(run) {
    try {
      run();
    } catch (error) {
      this.connectionFailed(error);
    }
  }

  /** Whether the client was closed or has stopped. */
  get isOver() {
    return this._end !== null;
  }

  /**
   * A key that was given, or a new one. Throws Misuse.
   *
   * @param {Uint8Array | undefined} key
   */
  keyOr(key) {
    if (key === undefined) return this.environment.randomBytes(KEY_BYTES);
    if (!(key instanceof Uint8Array) || key.length !== KEY_BYTES) throw new Misuse(`a key is ${KEY_BYTES} bytes`);
    return key;
  }

  /** @param {string} digits  A key as it is looked up. */
  keyFrom(digits) {
    return fromHex(digits);
  }

  // -- opening and closing --------------------------------------------------------------------------------------------------

  /** Connect; resolves when the first sync is finished, or `early`. On failure cleans up and throws as `connect` does. */
  async open() {
    if (this._opened) throw new Misuse("a client is opened once; call connect() again");
    this._opened = true;
    /** @type {Promise<void>} */
    const ready = new Promise((resolve, reject) => {
      this._onReady = resolve;
      this._onNotReady = reject;
    });
    ready.catch(() => {});
    const { timeoutMs } = this.options;
    try {
      this._restore(this.store.open(await this._storage.open()));
      this._running = this.link.reconnect.run().catch((error) => this.stop(error));
      if (timeoutMs !== null) {
        this.timers.after(timeoutMs, () => {
          this._onNotReady(new CannotConnect(`no connection in ${timeoutMs} ms: ${this._lastFailure}`));
        });
      }
      await ready;
    } catch (error) {
      await this._shut();
      throw error;
    }
  }

  /** @param {import("./store.js").Saved} saved */
  _restore(saved) {
    const wanted = this.options.deviceId;
    if (wanted !== null && saved.deviceId !== null && saved.deviceId !== wanted) {
      throw new StoreError(`the store belongs to the device '${saved.deviceId}', not '${wanted}'`, "device");
    }
    this.deviceId = wanted ?? saved.deviceId ?? "";
    this.userId = saved.userId ?? "";
    this.storeEpoch = saved.storeEpoch ?? "";
    adopt(saved, this.options.have);
    // Posts may have been answered where no row of sync has told of the conversation yet.
    const known = new Set([...saved.positions.keys(), ACCOUNT, ...saved.outbox.map((post) => post.conversationId)]);
    for (const own of saved.own.values()) known.add(own.conversationId);
    const trails = new Map([...saved.trails].filter(([name, one]) => known.has(name) || one.place !== null));
    this.lineage.restore({ ...saved, trails });
    this.telling.restore();
    this.inbox.restore(saved.positions);
    this.states.kept.restore(saved);
    this.catchUp.restore(saved);
    this.posting.restore(saved.outbox);
  }

  /** @param {boolean} flush  See Client.close. */
  async close(flush) {
    try {
      await this._leave(flush);
    } finally {
      await this._shut();
    }
  }

  /** @param {boolean} flush */
  async _leave(flush) {
    if (this._end === null && flush) {
      const flushed = (async () => {
        await this.posting.whenEmpty();
        await this.writes.whenEmpty();
        await this.store.durable(); // who waits for an answer gets it when it is in the store
        if (this.state === "connected") await this.receipts.flush();
      })();
      // Unsent posts stay in the outbox; the next client reports cursors again.
      await Promise.race([flushed, this.timers.sleep(this.options.closeTimeoutMs)]).catch(() => {});
      flushed.catch(() => {});
    }
    if (this._end === null) this.states.kept.save();
    this.link.reconnect.leaving = true;
    const { transport } = this.link.reconnect;
    if (transport === null) return;
    transport.connection.close(CloseCode.OK, "", this.timers.now);
    transport.stepSoon();
    await transport.lost;
  }

  /** See Client.abort. */
  async abort() {
    await this._shut();
  }

  /** End all work and release all resources. Idempotent. */
  async _shut() {
    if (this.state !== "closed") this.change("closed");
    this._finish(() => new Disconnected("the client is closed"));
    await this.link.reconnect.leave();
    await this._running;
    await this.store.durable().catch(() => {}); // who had to know of a failure knows
    await this._storage.close();
  }

  /** @param {unknown} error  The client cannot go on: every pending or later call throws the reason. */
  stop(error) {
    if (this._end !== null) return;
    const text = error instanceof Error ? error.message || error.name : String(error);
    this.change("stopped", text);
    this._finish(() => {
      if (error instanceof Stopped) return new Stopped(error.code, error.text);
      if (error instanceof StoreError) return new StoreError(error.message, error.reason);
      if (error instanceof Misuse) return new Misuse(error.message);
      const stopped = new Stopped(0, text);
      stopped.cause = error;
      return stopped;
    });
    void this.link.reconnect.leave();
  }

  /** @param {() => ClientError} error */
  _finish(error) {
    this._end = error;
    this.telling.end();
    this.requests.end(error);
    this.posting.end(error);
    this.writes.end(error);
    this.delivery.end(error);
    this.questions.missed();
    this.announcer.end(error);
    this.timers.end(error);
    this._onNotReady(error());
  }

  /**
   * @param {import("../values.js").State} state
   * @param {string} [reason]
   * @param {number | null} [retryInMs]
   * @param {boolean} [resumed]
   */
  change(state, reason = "", retryInMs = null, resumed = false) {
    this.state = state;
    this.announce({ type: "connectionChanged", state, reason, retryInMs, resumed });
  }

  // -- the connection -------------------------------------------------------------------------------------------------------

  /** @param {unknown} error  A fault of ours, or of the store: going on could lose something. */
  connectionFailed(error) {
    if (this._end !== null) return;
    this.stop(error);
    this.link.reconnect.transport?.abort();
  }

  // -- calls between the parts ----------------------------------------------------------------------------------------------

  /**
   * The device id for HELLO. By default it follows from the first token: servers bind a token to the device that used it first,
   * so a made-up id would lock the token out at the next start without a store.
   *
   * @param {string} token
   */
  deviceFor(token) {
    if (this.deviceId === "") this.deviceId = hex(sha256(encodeUtf8(token))).slice(0, DEVICE_ID_DIGITS);
    return this.deviceId;
  }

  connecting() {
    this.change("connecting");
  }

  /**
   * No connection now.
   *
   * @param {string} text
   * @param {number} retryInMs
   */
  attemptFailed(text, retryInMs) {
    this._lastFailure = text;
    this.change("waiting", text, retryInMs);
  }

  /** @param {string} text  The server's payload violates the SPEC: end the session. */
  violated(text) {
    this.link.violated(text);
  }

  /**
   * False until the first sync of a new device is finished: where it starts must not depend on its own posts. And until it is
   * known whose history a fresh session goes on with.
   */
  get mayOffer() {
    return this.catchUp.started && this.lineage.open;
  }

  /** See Client.events. */
  subscribe() {
    const stream = this.announcer.subscribe();
    this.catchUp.wake(); // what is read again for events waits for a reader
    return stream;
  }

  /** A sync is finished. */
  synced() {
    this._onReady();
    this.states.reader.synced();
    this.posting.offer();
  }

  /** The session goes on with what is known: requests go out. */
  released() {
    this.requests.release();
    if (this.options.early) this._onReady();
  }

  /** The same, after the first page of sync has told what that is. */
  opened() {
    this.released();
    this.posting.offer();
    for (const name of this.lineage.own.lookedFor()) this.fallen.readUpToHead(name);
  }

  /**
   * @param {string} conversationId
   * @param {number} after
   * @param {number} knownHead
   * @param {string} reason
   */
  cannotRead(conversationId, after, knownHead, reason) {
    this.announce({ type: "catchUpFailed", conversationId, after, knownHead, reason });
  }

  /** @param {import("../values.js").Message} message */
  _finished(message) {
    const kind = this.inbox.get(message.conversationId)?.kind;
    if (!message.own && kind !== "channel") this.receipts.delivered(message.conversationId, message.position);
  }
}
