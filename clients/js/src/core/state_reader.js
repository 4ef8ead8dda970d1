/** Asks `changes` while a conversation is shown and something is missing: one question at a time for each (SPEC 18.9). */

import { Refused } from "../errors.js";
import { CHANGES } from "../wire/methods.js";
import { SessionLost } from "./requests.js";
import { encodedItems } from "./state_values.js";

/** @typedef {import("./state.js").ConversationState} ConversationState */

export class StateReader {
  /**
   * @param {import("./core.js").Core} core
   * @param {import("./states.js").States} states
   */
  constructor(core, states) {
    this._core = core;
    this._states = states;
    /** @type {Set<string>} */
    this._shown = new Set();
    /** @type {Set<string>} */
    this._reading = new Set();
  }

  /** @param {string} name */
  show(name) {
    this._shown.add(name);
    this.lookAt(name);
  }

  /** @param {string} name */
  hide(name) {
    this._shown.delete(name);
  }

  /** @param {string} name  Whether a screen shows it, or its state is being asked. */
  isShown(name) {
    return this._shown.has(name) || this._reading.has(name);
  }

  /** Every row is known: what is shown can be asked. */
  synced() {
    for (const name of [...this._shown].sort()) this.lookAt(name);
  }

  /** @param {string} name  Ask if something is missing that is shown. */
  lookAt(name) {
    const state = this._states.kept.get(name);
    if (state === undefined || !state.due()) return; // in this order: where nothing is held, `due` counts it as seen
    if (!this._shown.has(name) || this._reading.has(name) || !this._core.mayOffer || this._core.isOver) return;
    this._reading.add(name);
    const ended = () => {
      this._reading.delete(name);
      this.lookAt(name);
    };
    this._core.own(this._read(name, state).then(ended));
  }

  /**
   * Ask until nothing is missing.
   *
   * @param {string} name
   * @param {ConversationState} state
   */
  async _read(name, state) {
    while (this._states.kept.get(name) === state && this._shown.has(name) && state.due()) {
      const after = state.ask();
      this._core.lineage.changesAsked(name);
      let result;
      try {
        const params = [name, after, this._core.limits.changesRows];
        result = await this._core.requests.call(CHANGES, params, { patient: false });
      } catch (error) {
        if (error instanceof SessionLost) return; // sync comes first
        if (!(error instanceof Refused)) throw error;
        state.refuse();
        continue;
      }
      if (this._states.kept.get(name) !== state) return;
      if (result.upto < after || (result.more && (result.upto === after || result.rows.length === 0))) {
        state.refuse();
        this._core.violated("changes: an answer that does not go on");
        return;
      }
      if (this._take(name, state, result)) await this._core.timers.sleep(this._core.limits.askAgainMs);
    }
  }

  /**
   * True if the server was behind what is known: then the next question can wait.
   *
   * @param {string} name
   * @param {ConversationState} state
   * @param {import("../wire/methods.js").ChangesResult} result
   */
  _take(name, state, { rows, upto, more }) {
    const told = rows.flatMap((row) => {
      const [one] = encodedItems([row], this._core.limits.maxStateBytes, false) ?? [];
      return one === undefined ? [] : [{ ...one, modseq: row.modseq }];
    });
    if (told.length < rows.length) state.forgetItems();
    this._core.lineage.moved(name);
    const { changed, behind } = state.answer(told, upto, more);
    if (!more) this._core.lineage.changesAnswered(name);
    this._states.changed(name, state, changed);
    return behind;
  }
}
