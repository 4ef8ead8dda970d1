/**
 * What an application asks of a server's plugins: a question once, or again whenever it has another answer.
 *
 * A server pushes to who asked `[method, params…]` (SPEC 19): the question again, which is then asked again. What is lost with a
 * session, or dropped because this client lags behind, is asked again, too.
 */

import { Disconnected, Misuse, NotOffered } from "../errors.js";
import { MAX_QUESTIONS } from "../wire/limits.js";
import { ANYTHING } from "../wire/methods.js";
import { decodeValue } from "../wire/decode.js";
import { encodeValue } from "../wire/encode.js";
import { EncodeError, Float, plainValue } from "../wire/values.js";

/** @typedef {import("../wire/values.js").WireValue} WireValue */

/**
 * `for await (const answer of client.watch(…))`: the answer now, and each later one that is asked because it is another.
 *
 * Always the newest: a slow reader misses those in between. It goes on until it is left, or ended by `return()`.
 */
export class Answers {
  /**
   * @param {Questions} questions
   * @param {string} method
   * @param {readonly unknown[]} params
   * @param {() => void} left
   */
  constructor(questions, method, params, left) {
    this._questions = questions;
    this._method = method;
    this._params = params;
    this._left = left;
    this._said = [method, ...wireParams(params)];
    this._asking = false;
    this._over = false;
    this._due = true;
    /** @type {(() => void) | null} */
    this._again = null;
  }

  /** There may be another answer. */
  askAgain() {
    this._due = true;
    const again = this._again;
    this._again = null;
    again?.();
  }

  /** @param {WireValue[]} told  There is another answer to this question: maybe this one. */
  pushed(told) {
    if (begins(told, this._said)) this.askAgain();
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  /** @returns {Promise<IteratorResult<any, undefined>>} */
  async next() {
    if (this._asking) throw new Misuse("these answers are being read already");
    this._asking = true;
    try {
      while (!this._due && !this._over) await new Promise((resolve) => (this._again = () => resolve(undefined)));
      if (this._over) return { done: true, value: undefined };
      this._due = false; // before it is asked: a push from now on means that the answer may be old
      return { done: false, value: await this._questions.ask(this._method, this._params) };
    } catch (error) {
      if (error instanceof Disconnected) return this.return();
      this._due = true;
      throw error;
    } finally {
      this._asking = false;
    }
  }

  /** @returns {Promise<IteratorResult<any, undefined>>} */
  async return() {
    this._over = true;
    this._left();
    this.askAgain();
    return { done: true, value: undefined };
  }
}

/** Questions of one client, and what it has others do. */
export class Questions {
  /** @param {import("./core.js").Core} core */
  constructor(core) {
    this._core = core;
    /** @type {Set<Answers>} */
    this._watched = new Set();
  }

  /**
   * Ask once.
   *
   * @param {string} method
   * @param {readonly unknown[]} params
   */
  async ask(method, params) {
    this._feature(method);
    return plainValue(await this._core.requests.call({ name: method, result: ANYTHING }, params));
  }

  /**
   * Have something done, once.
   *
   * @param {string} method
   * @param {readonly unknown[]} params
   * @param {import("./writes.js").Aim} aim
   */
  async write(method, params, aim) {
    const feature = this._feature(method);
    return plainValue(await this._core.writes.write(feature, { name: method, result: ANYTHING }, params, aim));
  }

  /**
   * Ask now, and again for as long as the answers are read.
   *
   * @param {string} method
   * @param {readonly unknown[]} params
   */
  watch(method, params) {
    if (this._watched.size >= MAX_QUESTIONS) throw new Misuse(`at most ${MAX_QUESTIONS} questions are watched at once`);
    const answers = new Answers(this, method, params, () => this._watched.delete(answers));
    this._watched.add(answers);
    return answers;
  }

  /**
   * A push of a kind that nobody else knows: a question that has another answer, maybe one of ours.
   *
   * @param {string} kind
   * @param {WireValue[]} fields
   */
  pushed(kind, fields) {
    for (const answers of this._watched) answers.pushed([kind, ...fields]);
  }

  /** Pushes were lost, or may have been; or the client is over, which who asks again will be told. */
  missed() {
    for (const answers of this._watched) answers.askAgain();
  }

  /** @param {string} method  The plugin, as WELCOME names it. Throws Misuse or NotOffered. */
  _feature(method) {
    const [feature, name] = method.split(".", 2);
    if (!feature.startsWith("x-") || !name) throw new Misuse(`'${method}' is no method of a plugin: x-PLUGIN.NAME`);
    const named = this._core.serverFeatures;
    if (named.size > 0 && !named.has(feature)) throw new NotOffered(feature);
    return feature;
  }
}

/**
 * The params as the wire says them, without those at the end that say nothing. Throws Misuse.
 *
 * @param {readonly unknown[]} params
 * @returns {WireValue[]}
 */
function wireParams(params) {
  try {
    const said = /** @type {WireValue[]} */ (decodeValue(encodeValue(params)));
    while (said.length > 0 && said[said.length - 1] === null) said.pop();
    return said;
  } catch (error) {
    if (error instanceof EncodeError) throw new Misuse(error.message);
    throw error;
  }
}

/**
 * Whether what is told begins with what was said. It may have more behind, in every array (SPEC 5.1).
 *
 * @param {WireValue} told
 * @param {WireValue} said
 * @returns {boolean}
 */
function begins(told, said) {
  if (Array.isArray(said)) {
    return Array.isArray(told) && told.length >= said.length && said.every((one, at) => begins(told[at], one));
  }
  if (said instanceof Float || told instanceof Float) return Number(said) === Number(told);
  if (said instanceof Uint8Array) return told instanceof Uint8Array && String(told) === String(said);
  if (!(said instanceof Map)) return told === said;
  return told instanceof Map && told.size === said.size && [...said].every(([key, one]) => begins(told.get(key) ?? null, one));
}
