/**
 * Questions that tabs watch (`Client.watch`), both sides: the leader asks each question once, however many tabs watch it, and tells
 * all of them; a tab keeps the newest answer for its reader.
 */

/** @import { Client } from "../client.js" */
/** @import { Said } from "./channel.js" */

/** @typedef {{answers: AsyncIterableIterator<any>, readers: Map<string, {to: string, id: number}>, last: {value: any} | null}} Shared */

/** The leader's side. */
export class Watches {
  #client;
  #tell;
  /** By the question, as JSON. @type {Map<string, Shared>} */
  #shared = new Map();

  /**
   * @param {Client} client
   * @param {(to: string, said: Said) => void} tell
   */
  constructor(client, tell) {
    this.#client = client;
    this.#tell = tell;
  }

  /** A tab watches; saying it twice is saying it once. @param {string} to @param {{id: number, method: string, params: any[]}} said */
  begin(to, { id, method, params }) {
    const question = JSON.stringify([method, params]);
    const reader = { to, id };
    const known = this.#shared.get(question);
    if (known !== undefined) {
      known.readers.set(nameOf(to, id), reader);
      if (known.last !== null) this.#tell(to, { type: "watched", id, value: known.last.value });
      return;
    }
    try {
      const answers = this.#client.watch(method, params);
      const shared = { answers, readers: new Map([[nameOf(to, id), reader]]), last: null };
      this.#shared.set(question, shared);
      void this.#read(question, shared);
    } catch (error) {
      this.#tell(to, { type: "watched", id, error });
    }
  }

  /** @param {string} to @param {number} id  It watches no more. */
  end(to, id) {
    for (const [question, shared] of this.#shared) {
      if (shared.readers.delete(nameOf(to, id))) this.#letGo(question, shared);
    }
  }

  /** @param {string} tabId  The tab has ended. */
  gone(tabId) {
    for (const [question, shared] of this.#shared) {
      for (const [name, { to }] of shared.readers) if (to === tabId) shared.readers.delete(name);
      this.#letGo(question, shared);
    }
  }

  /** @param {string} question @param {Shared} shared */
  #letGo(question, shared) {
    if (shared.readers.size > 0) return;
    this.#shared.delete(question);
    void shared.answers.return?.();
  }

  /** @param {string} question @param {Shared} shared */
  async #read(question, shared) {
    /** @param {Said} said */
    const tellAll = (said) => {
      for (const { to, id } of shared.readers.values()) this.#tell(to, { ...said, id });
    };
    try {
      for await (const value of shared.answers) {
        shared.last = { value };
        tellAll({ type: "watched", value });
      }
    } catch (error) {
      this.#shared.delete(question);
      tellAll({ type: "watched", error });
    }
  }
}

/** @param {string} to @param {number} id */
const nameOf = (to, id) => `${to} ${id}`;

/**
 * One question that this tab watches: always the newest answer; a slow reader misses those in between. It goes on until it is left,
 * or ended by `return()`, also while an answer is waited for (which a generator would not be).
 */
export class Watching {
  /** @type {{value: any} | null} */
  #newest = null;
  /** @type {{error: Error | null} | null} */
  #end = null;
  #left;
  #wake = () => {};

  /**
   * @param {string} method
   * @param {readonly unknown[]} params
   * @param {() => void} left  Called once, when nobody reads it any more.
   */
  constructor(method, params, left) {
    this.method = method;
    this.params = params;
    this.#left = left;
  }

  /** @param {Said} said  The leader has an answer, or an error, which is the last. */
  heard({ value, error }) {
    if (error !== undefined) return this.end(error);
    this.#newest = { value };
    this.#wake();
  }

  /** @param {Error | null} error  Null: the application closed the client, or left. */
  end(error) {
    if (this.#end !== null) return;
    this.#end = { error };
    this.#left();
    this.#wake();
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  /** @returns {Promise<IteratorResult<any, undefined>>} */
  async next() {
    while (this.#newest === null && this.#end === null) {
      await new Promise((resolve) => (this.#wake = () => resolve(undefined)));
    }
    const newest = this.#newest;
    this.#newest = null;
    if (newest !== null) return { done: false, value: newest.value };
    const error = this.#end?.error;
    this.#end = { error: null }; // told once, as an iterator does
    if (error) throw error;
    return { done: true, value: undefined };
  }

  /** @returns {Promise<IteratorResult<any, undefined>>} */
  async return() {
    this.#newest = null;
    this.end(null);
    return { done: true, value: undefined };
  }
}
