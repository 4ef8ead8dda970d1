/**
 * Writes of features: one lane for each conversation and feature, so that a retried *put* never comes behind a later *remove*.
 *
 * One request of a lane is on its way at a time, the same until it has an answer: through lost sessions and retryable refusals.
 * Lanes go side by side. Nothing of them survives the process.
 */

import { OutboxFull, RefusalCode, Refused } from "../errors.js";

/** @typedef {import("../errors.js").ClientError} ClientError */

/**
 * What a write is aimed at: its lane, and the position that it names, if it names one.
 *
 * @typedef {{conversationId?: string, position?: number}} Aim
 */

/**
 * @typedef {{method: import("../wire/methods.js").Method<any>, params: readonly unknown[], position: number,
 *   resolve: (result: any) => void, reject: (error: unknown) => void}} Write
 */

/** `worker` is another object after each start: one that was replaced ends at its next answer. */
class Lane {
  /** @param {string} conversationId */
  constructor(conversationId) {
    this.conversationId = conversationId;
    /** @type {Write[]} */
    this.writes = [];
    this.worker = {};
  }
}

export class Writes {
  /**
   * @param {import("./requests.js").Requests} requests
   * @param {number} most  Writes without an answer, in all lanes together.
   */
  constructor(requests, most) {
    this._requests = requests;
    this._most = most;
    /** @type {Map<string, Lane>} */
    this._lanes = new Map();
    this._count = 0;
    /** @type {(() => ClientError) | null} */
    this._end = null;
    /** @type {(() => void)[]} */
    this._onEmpty = [];
  }

  /**
   * The result of a write that may be repeated. Throws OutboxFull, Misuse, Refused, Stopped or Disconnected.
   *
   * @template R
   * @param {string} feature
   * @param {import("../wire/methods.js").Method<R>} method
   * @param {readonly unknown[]} params
   * @param {Aim} [aim]
   * @returns {Promise<R>}
   */
  async write(feature, method, params, { conversationId = "", position = 0 } = {}) {
    if (this._end !== null) throw this._end();
    if (this._count >= this._most) throw new OutboxFull(`${this._count} writes wait for an answer`);
    const name = `${feature}\n${conversationId}`;
    const lane = this._lanes.get(name) ?? new Lane(conversationId);
    this._lanes.set(name, lane);
    this._count += 1;
    return new Promise((resolve, reject) => {
      lane.writes.push({ method, params, position, resolve, reject });
      if (lane.writes.length === 1) this._start(name, lane);
    });
  }

  /** @returns {Promise<void>} */
  whenEmpty() {
    return this._count === 0 ? Promise.resolve() : new Promise((go) => this._onEmpty.push(go));
  }

  /**
   * Above `keep` it is another history: a position there is another message's. What names one is refused, unanswered or not.
   *
   * @param {string} conversationId
   * @param {number} keep
   */
  fall(conversationId, keep) {
    for (const [name, lane] of [...this._lanes]) {
      const void_ = lane.writes.filter((write) => write.position > keep);
      if (lane.conversationId !== conversationId || void_.length === 0) continue;
      lane.writes = lane.writes.filter((write) => write.position <= keep);
      for (const write of void_) {
        this._settled();
        write.reject(new Refused(RefusalCode.EPOCH_CHANGED, "the server's history is a different one now"));
      }
      if (lane.writes.length > 0) {
        this._start(name, lane);
      } else {
        lane.worker = {};
        this._lanes.delete(name);
      }
    }
  }

  /**
   * The client is over: every write fails with what `error` makes.
   *
   * @param {() => ClientError} error
   */
  end(error) {
    this._end = error;
    for (const lane of this._lanes.values()) {
      lane.worker = {};
      for (const write of lane.writes) write.reject(error());
    }
    this._lanes.clear();
    this._count = 1;
    this._settled();
  }

  /**
   * @param {string} name
   * @param {Lane} lane
   */
  _start(name, lane) {
    const worker = (lane.worker = {});
    void this._work(name, lane, worker);
  }

  /**
   * @param {string} name
   * @param {Lane} lane
   * @param {object} worker
   */
  async _work(name, lane, worker) {
    while (lane.writes.length > 0) {
      const write = lane.writes[0];
      const settle = await this._requests.call(write.method, write.params).then(
        (result) => () => write.resolve(result),
        (error) => () => write.reject(error), // whatever it is, it is the caller's
      );
      if (lane.worker !== worker) return;
      lane.writes.shift();
      this._settled();
      settle();
    }
    this._lanes.delete(name);
  }

  _settled() {
    this._count -= 1;
    if (this._count === 0) for (const run of this._onEmpty.splice(0)) run();
  }
}
