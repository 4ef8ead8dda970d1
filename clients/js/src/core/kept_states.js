/** The state of every followed conversation that has one, and the account's, as this device and its store hold it. */

import { Counted, Kept } from "./kept.js";
import { Ranges } from "./ranges.js";
import { ConversationState } from "./state.js";
import { StateBounds } from "./state_bounds.js";

/** @typedef {import("./saved.js").SavedState} SavedState */

export class KeptStates {
  /** @param {import("./core.js").Core} core */
  constructor(core) {
    this._core = core;
    /** @type {Map<string, ConversationState>} */
    this._states = new Map();
    this.account = new Counted();
    this.bounds = new StateBounds(core);
    /**
     * Of the server that told all this.
     *
     * @type {ReadonlySet<string> | null}
     */
    this._features = null;
    /** @type {Set<string>} */
    this._unsaved = new Set();
    this._accountUnsaved = false;
    /** @type {import("./timers.js").Timer | null} */
    this._saving = null;
  }

  /** @param {string} name */
  get(name) {
    return this._states.get(name);
  }

  /**
   * The state of a followed conversation. One without any had none when its messages were handed on.
   *
   * @param {string} name
   */
  of(name) {
    const track = this._core.inbox.get(name);
    let state = this._states.get(name);
    if (state === undefined) {
      if (track === undefined) return null;
      state = new ConversationState({ have: track.have });
      state.held.add(1, track.have);
      this._states.set(name, state);
    }
    state.have = Math.max(state.have, track?.have ?? 0);
    return state;
  }

  /**
   * A conversation that was not followed before: nothing of it is held, and all that is read from now on is newer, or lowers `seen`.
   *
   * @param {string} name
   * @param {number} modseq
   */
  begin(name, modseq) {
    const have = this._core.inbox.get(name)?.have ?? 0;
    this._states.set(name, new ConversationState({ have, seen: modseq, top: modseq }));
  }

  /** @param {string} name  Of a conversation that is not followed any more. If it is shown, it stays so. */
  drop(name) {
    const state = this._states.get(name);
    if (state === undefined) return;
    this._states.delete(name);
    state.refused = true; // a reader that waits for its answer asks no more
    this.bounds.grown(state.about.value, null);
    this.bounds.grown(state.settings.value, null);
    this.bounds.drop(name);
    this._unsaved.delete(name);
  }

  // -- life -----------------------------------------------------------------------------------------------------------------

  /**
   * Resume from the store. Messages kept without state: nothing is known of them since modseq 0.
   *
   * @param {import("./store.js").Saved} saved
   */
  restore(saved) {
    this.account = new Counted(saved.account);
    this._features = saved.features === null ? null : new Set(saved.features);
    for (const [name, one] of saved.states) {
      const state = new ConversationState({ have: saved.positions.get(name)?.have ?? 0, seen: one.seen, top: one.top });
      state.met = Math.max(state.met, one.met);
      state.held = new Ranges(one.held);
      state.about = new Counted(one.about);
      state.settings = new Counted(one.settings);
      state.former = one.former;
      for (const [position, item] of one.items) if (item !== null) state.items.set(position, new Kept(item));
      this._states.set(name, state);
      this.bounds.grown(null, state.about.value);
      this.bounds.grown(null, state.settings.value);
      this.bounds.counted(name, state);
    }
  }

  /**
   * WELCOME names the features. Of others, what is kept may show other keys under the same numbers: then it counts as of 0 until
   * it is told again. Returns all of it, to be stored as counted anew, before a sync from the beginning; null: nothing changed.
   *
   * @param {ReadonlySet<string>} features
   */
  servedWith(features) {
    const before = this._features;
    this._features = features;
    const same = before !== null && before.size === features.size && [...before].every((one) => features.has(one));
    if (same || (this._states.size === 0 && this.account.seq === 0)) return null;
    for (const [name, state] of this._states) {
      state.recount();
      this._unsaved.add(name);
    }
    this.account.seq = 0;
    const { states } = this.unsaved();
    this.saved();
    return { states, account: { seq: 0, value: this.account.value } };
  }

  /** What was asked is lost. */
  sessionLost() {
    for (const state of this._states.values()) state.sessionLost();
  }

  // -- the store ------------------------------------------------------------------------------------------------------------

  /**
   * The conversation's state changed: to be saved soon. What is too much is let go.
   *
   * @param {string} name
   * @param {ConversationState} state
   */
  changed(name, state) {
    for (const fallen of this.bounds.counted(name, state)) {
      const other = this._states.get(fallen);
      other?.forgetItems();
      other?.forgetUnheld(); // those whose messages have yet to come
      this._unsaved.add(fallen);
    }
    this.toSave(name);
    this.saveSoon();
  }

  /** @param {string} name  To be saved with the next step. */
  toSave(name) {
    this._unsaved.add(name);
  }

  accountChanged() {
    this._accountUnsaved = true;
  }

  /**
   * What the store does not have yet, to be saved in one step; then call `saved`.
   *
   * @returns {{states: Map<string, SavedState>, account: import("./saved.js").SavedCounted | null}}
   */
  unsaved() {
    const states = new Map();
    for (const name of this._unsaved) {
      const state = this._states.get(name);
      if (state !== undefined) states.set(name, savedState(state));
    }
    const { seq, value } = this.account;
    return { states, account: this._accountUnsaved ? { seq, value } : null };
  }

  /** The store has it. */
  saved() {
    for (const name of this._unsaved) this._states.get(name)?.unsaved.clear();
    this._unsaved.clear();
    this._accountUnsaved = false;
  }

  /** Bring the store up to date: values and `seen` in one step. */
  save() {
    const { states, account } = this.unsaved();
    if (states.size === 0 && account === null) return;
    this._core.store.saveStates(states, account, this._core.lineage.step());
    this.saved();
  }

  /** Save what changed, a moment later. */
  saveSoon() {
    if (this._saving !== null) return;
    this._saving = this._core.timers.after(this._core.limits.saveStateEveryMs, () => {
      this._saving = null;
      this.save();
    });
  }
}

/**
 * With the items that changed since the last save, null for those that went.
 *
 * @param {ConversationState} state
 * @returns {SavedState}
 */
function savedState(state) {
  /** @type {SavedState["items"]} */
  const items = new Map();
  for (const position of state.unsaved) {
    const kept = state.items.get(position);
    items.set(position, kept === undefined ? null : { ...kept });
  }
  const { seen, top, met, former, about, settings } = state;
  return { seen, top, met, former, about: { ...about }, settings: { ...settings }, held: state.held.pairs(), items };
}
