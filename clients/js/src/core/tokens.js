/** The token for HELLO. A refused one is never sent again. */

import { CloseCode, Stopped } from "../errors.js";

/**
 * A token, or a function that returns one.
 *
 * @typedef {string | (() => string | Promise<string>)} TokenSource
 */

export class Tokens {
  /** @param {TokenSource} source */
  constructor(source) {
    this._source = source;
    /** @type {string | null} */
    this._token = typeof source === "string" ? source : null;
    /** @type {string | null} */
    this._refused = null;
    /**
     * Why it was.
     *
     * @type {number}
     */
    this._code = CloseCode.AUTH_FAILED;
    this._text = "";
  }

  /** The token to send. Throws Stopped if there is only the refused one, and any error of the application's function. */
  async current() {
    if (this._token === null && typeof this._source !== "string") this._token = await this._source();
    if (this._token === null || this._token === this._refused) {
      throw new Stopped(this._code, `${this._text || "the token is not accepted"}, and there is no newer one`);
    }
    return this._token;
  }

  /**
   * The server rejected the token: it is wrong, too old, or was revoked.
   *
   * @param {number} code
   * @param {string} text
   */
  refuse(code, text) {
    this._refused = this._token;
    this._token = null;
    this._code = code;
    this._text = text;
  }

  /** True if there is no token left and no function to call. */
  get exhausted() {
    return this._token === null && typeof this._source === "string";
  }

  /** @param {string} token  The application extended the session with this one. */
  renewed(token) {
    this._token = token;
  }
}
