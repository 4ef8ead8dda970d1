/** edits: new content for one's own messages, and what edited messages say now. */

import { readContent, withoutState } from "../contents.js";
import { Refused } from "../errors.js";
import { EDIT, HISTORY } from "../wire/methods.js";

/** @typedef {import("../values.js").Content} Content */
/** @typedef {import("../wire/methods.js").PageItem} PageItem */
/** @typedef {{conversationId: string, target: number}} Place */

/**
 * `client.edits`. Its event is `edited`: edited messages are read again for it. Those to be read are bounded: the oldest is
 * dropped, but its system message is still delivered.
 */
export class Edits {
  /** @param {import("../core/feature_ports.js").Port} port */
  constructor(port) {
    this._port = port;
    /** @type {Map<string, Place>} */
    this._pending = new Map();
    /**
     * What is being read, unless it was taken back meanwhile.
     *
     * @type {Place | null}
     */
    this._reading = null;
    this._running = false;
    port.onMessage = (conversationId, content) => this._seen(conversationId, content);
    port.onFall = (conversationId, keep) => this._fall(conversationId, keep);
    port.onChanged = (conversationId, item) => this._changed(conversationId, item);
  }

  /**
   * Replace the content of an own message; returns the edit's position, that of its system message, and the new revision. With
   * `revision`: only if it still has that revision (else CONFLICT). Edits in a conversation are made one after another.
   *
   * @param {string} conversationId
   * @param {number} position
   * @param {Content | string} content
   * @param {{revision?: number | null}} [options]
   */
  async edit(conversationId, position, content, { revision = null } = {}) {
    const params = [conversationId, this._port.key(), position, revision, this._port.encode(conversationId, content)];
    const result = await this._port.write(EDIT, params, { conversationId, position });
    this._port.reaches(conversationId, result.position);
    return { position: result.position, revision: result.revision };
  }

  /**
   * A delivered message: if it announces an edit, read the target; if it was taken back, do not.
   *
   * @param {string} conversationId
   * @param {Content | null} content
   */
  _seen(conversationId, content) {
    if (content === null || content.type !== "system") return;
    const { event, target } = content;
    if ((event !== "edited" && event !== "retracted") || !Number.isInteger(target) || target < 1) return;
    const name = `${target} ${conversationId}`;
    if (event === "retracted") {
      this._pending.delete(name);
      if (this._reading?.conversationId === conversationId && this._reading.target === target) this._reading = null;
      return;
    }
    if (this._pending.size >= this._port.limits.maxEditsPending) {
      const [oldest] = this._pending.keys();
      this._pending.delete(oldest);
    }
    this._pending.set(name, { conversationId, target });
    if (!this._running) this._port.own(this._run());
  }

  /**
   * @param {string} conversationId
   * @param {number} keep
   */
  _fall(conversationId, keep) {
    /** @type {(place: Place | null) => boolean} */
    const falls = (place) => place !== null && place.conversationId === conversationId && place.target > keep;
    for (const [name, place] of [...this._pending]) if (falls(place)) this._pending.delete(name);
    if (falls(this._reading)) this._reading = null;
  }

  async _run() {
    this._running = true;
    try {
      for (const [name, place] of this._pending) {
        this._pending.delete(name);
        await this._read(place);
      }
    } finally {
      this._running = false;
    }
  }

  /** @param {Place} place */
  async _read(place) {
    const { conversationId, target } = (this._reading = place);
    let page;
    try {
      page = await this._port.call(HISTORY, [conversationId, target - 1, null, 1]);
    } catch (error) {
      if (error instanceof Refused) return; // not readable any more, or the server has lost the feature
      throw error;
    }
    if (this._reading !== place) return; // taken back while the page was under way, which may still show it
    for (const item of page.items) if (item.position === target) this._changed(conversationId, item);
  }

  /**
   * @param {string} conversationId
   * @param {PageItem} item
   */
  _changed(conversationId, item) {
    if (item.content === null) return;
    const { position, revision, content } = withoutState(item);
    this._port.announce(() => ({ type: "edited", conversationId, position, revision, content: readContent(content) }));
  }
}
