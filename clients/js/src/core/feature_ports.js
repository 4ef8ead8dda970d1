/** The client as features see it: what each one registers, and its way to the core. */

import { NotOffered } from "../errors.js";

/** @typedef {import("../wire/methods.js").PageItem} PageItem */
/** @typedef {import("../values.js").Content} Content */

/** One feature's port. Asking and telling throw NotOffered if the server does not have the feature. */
export class Port {
  /**
   * @param {import("./core.js").Core} core
   * @param {string} name  That of the server's feature, in WELCOME and in the maps of state.
   */
  constructor(core, name) {
    this._core = core;
    this._name = name;
    /**
     * Be told the conversation and content of each message handed on, while the application reads events.
     *
     * @type {(conversationId: string, content: Content | null) => void}
     */
    this.onMessage = () => {};
    /**
     * Be told a conversation and a position: above it the history is another one, so forget positions there.
     *
     * @type {(conversationId: string, keep: number) => void}
     */
    this.onFall = () => {};
    /**
     * Be told the conversation and a message in it that was read again: it may say something else than it said.
     *
     * @type {(conversationId: string, item: PageItem) => void}
     */
    this.onChanged = () => {};
    /**
     * Be told that pushes of the feature may be missing: a session begins, or the server skipped some. Whoever shows what they
     * told asks the read that tells the same; state needs nothing of this.
     *
     * @type {() => void}
     */
    this.onMissed = () => {};
  }

  /** Whether the server has the feature, or does not say which ones it has. */
  get offered() {
    const named = this._core.serverFeatures;
    return named.size === 0 || named.has(this._name);
  }

  _require() {
    if (!this.offered) throw new NotOffered(this._name);
  }

  // -- asking and telling ---------------------------------------------------------------------------------------------------

  /**
   * Change something: in this feature's lane of the conversation, one at a time, and the same until there is an answer. Throws
   * Refused, OutboxFull, Misuse, Stopped or Disconnected.
   *
   * @template R
   * @param {import("../wire/methods.js").Method<R>} method
   * @param {readonly unknown[]} params
   * @param {import("./writes.js").Aim} [aim]
   */
  async write(method, params, aim) {
    this._require();
    return this._core.writes.write(this._name, method, params, aim);
  }

  /**
   * Ask something, patiently. Throws Refused, Misuse, Stopped or Disconnected.
   *
   * @template R
   * @param {import("../wire/methods.js").Method<R>} method
   * @param {readonly unknown[]} params
   */
  async call(method, params) {
    this._require();
    return this._core.requests.call(method, params);
  }

  /**
   * Say something that may be lost; nothing is said while not connected.
   *
   * @param {string} kind
   * @param {readonly unknown[]} fields
   */
  signal(kind, fields) {
    this._require();
    this._core.link.signal(kind, fields);
  }

  /** @param {import("./announcer.js").Unread} event  For the readers of `Client.events()`. */
  announce(event) {
    this._core.announce(event);
  }

  /** @param {Promise<unknown>} work  If it fails, the client stops. */
  own(work) {
    this._core.own(work);
  }

  // -- hearing; to be called when the feature is made -------------------------------------------------------------------------

  /**
   * @template T
   * @param {string} kind
   * @param {import("../wire/shapes.js").Read<T>} read
   * @param {(told: T) => void} take
   */
  onPush(kind, read, take) {
    this._core.arrivals.hear(kind, read, take);
  }

  /**
   * @template T
   * @param {string} kind
   * @param {import("../wire/shapes.js").Read<T>} read
   * @param {(told: T) => void} take
   */
  onSignal(kind, read, take) {
    this._core.arrivals.signals.set(kind, { read, take });
  }

  // -- knowing and helping ----------------------------------------------------------------------------------------------------

  get limits() {
    return this._core.limits;
  }

  /**
   * The state of a message that the application has; null if it has not.
   *
   * @param {string} conversationId
   * @param {number} position
   */
  item(conversationId, position) {
    return this._core.states.item(conversationId, position);
  }

  /**
   * A put was answered with how the message's state stands: take it over if it is newer.
   *
   * @param {string} conversationId
   * @param {number} position
   * @param {import("../wire/methods.js").ItemStands} stands
   */
  itemStands(conversationId, position, stands) {
    this._core.states.itemStands(conversationId, position, stands);
  }

  /**
   * The conversation has a message at this position: a write's own, which is not pushed to the session that caused it.
   *
   * @param {string} conversationId
   * @param {number} position
   */
  reaches(conversationId, position) {
    this._core.arrivals.noteHead(conversationId, position);
  }

  /** A new idempotency key. */
  key() {
    return this._core.keyOr(undefined);
  }

  /**
   * Check and encode a content. Throws Misuse.
   *
   * @param {string} conversationId
   * @param {Content | string} content
   */
  encode(conversationId, content) {
    return this._core.posting.encode(conversationId, content);
  }
}

/** The ports of all features, as the core tells them. */
export class FeaturePorts {
  /** @param {import("./core.js").Core} core */
  constructor(core) {
    this._core = core;
    /** @type {Port[]} */
    this._ports = [];
  }

  /** @param {string} name */
  make(name) {
    const port = new Port(this._core, name);
    this._ports.push(port);
    return port;
  }

  /**
   * A message was handed on.
   *
   * @param {string} conversationId
   * @param {Content | null} content
   */
  message(conversationId, content) {
    for (const port of this._ports) if (port.offered) port.onMessage(conversationId, content);
  }

  /**
   * Above `keep` it is another history.
   *
   * @param {string} conversationId
   * @param {number} keep
   */
  fall(conversationId, keep) {
    for (const port of this._ports) port.onFall(conversationId, keep);
  }

  /**
   * A message may say something else than it said.
   *
   * @param {string} conversationId
   * @param {PageItem} item
   */
  changed(conversationId, item) {
    for (const port of this._ports) port.onChanged(conversationId, item);
  }

  /** Pushes may be missing. */
  missed() {
    for (const port of this._ports) port.onMissed();
  }
}
