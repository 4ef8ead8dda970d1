/**
 * State that is no message, of all conversations and of the account: what the server tells goes through the rules in `state`, is
 * announced, kept in the store, and asked for while a conversation is shown (`state_reader`).
 *
 * Values are kept as bytes: as maps they would take many times as much. A conversation that never had a state has no entry.
 */

import { decodeContent } from "../wire/decode.js";
import { encodeContent } from "../wire/encode.js";
import { EncodeError, plainMap, sameBytes } from "../wire/values.js";
import { Counted, Kept } from "./kept.js";
import { ACCOUNT } from "./lineage.js";
import { Ranges } from "./ranges.js";
import { ConversationState } from "./state.js";
import { StateBounds } from "./state_bounds.js";
import { StateReader } from "./state_reader.js";

/** @typedef {import("./kept.js").Value} Value */
/** @typedef {import("./saved.js").SavedState} SavedState */
/** @typedef {import("../wire/values.js").WireValue} WireValue */
/** @typedef {ReadonlyMap<string, WireValue> | null} StateMap */
/** @typedef {import("../wire/methods.js").SyncRow} SyncRow */

/** What stands for a value that this client does not keep. */
const TOO_LARGE = Symbol("too large");

/** @type {(value: Value) => Readonly<Record<string, any>>} */
const shown = (value) => (value === null ? {} : plainMap(decodeContent(value)));

export class States {
  /** @param {import("./core.js").Core} core */
  constructor(core) {
    this._core = core;
    /** @type {Map<string, ConversationState>} */
    this._states = new Map();
    this._account = new Counted();
    this._bounds = new StateBounds(core);
    this.reader = new StateReader(core, this);
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

  // -- what is known --------------------------------------------------------------------------------------------------------

  /**
   * See Client.item.
   *
   * @param {string} name
   * @param {number} position
   */
  item(name, position) {
    const state = this._states.get(name);
    if (state === undefined) {
      const track = this._core.inbox.get(name);
      return track !== undefined && position > 0 && position <= track.have ? { extra: {}, mine: {} } : null;
    }
    if (!state.held.has(position)) return null;
    const { extra, mine } = state.items.get(position) ?? new Kept();
    return { extra: shown(extra), mine: shown(mine) };
  }

  /** @param {string} name */
  about(name) {
    return shown(this._states.get(name)?.about.value ?? null);
  }

  /** @param {string} name */
  settings(name) {
    return shown(this._states.get(name)?.settings.value ?? null);
  }

  account() {
    return shown(this._account.value);
  }

  /** @param {string} name */
  get(name) {
    return this._states.get(name);
  }

  // -- pushes ---------------------------------------------------------------------------------------------------------------

  /** @param {ReturnType<typeof import("../wire/methods.js").ITEM>} push  Items of one unit, or a hint. */
  onItem({ conversationId: name, modseq, items }) {
    const state = this._pushed(name);
    if (state === null) return;
    const told = items === null ? null : this.encodedItems(items, true);
    if (told === null) {
      state.hint(modseq);
      this.changed(name, state, []);
    } else {
      this.changed(name, state, state.pushItems(modseq, told));
    }
  }

  /** @param {ReturnType<typeof import("../wire/methods.js").ABOUT>} push */
  onAbout({ conversationId: name, modseq, about }) {
    const state = this._pushed(name);
    if (state === null) return;
    const before = state.about.value;
    const value = this._encoded(about);
    if (value === TOO_LARGE) state.hint(modseq);
    else if (state.pushAbout(modseq, value)) this._aboutChanged(name, before, value);
    this.changed(name, state, []);
  }

  /** @param {ReturnType<typeof import("../wire/methods.js").SETTINGS>} push */
  onSettings({ conversationId: name, seq, settings }) {
    const state = this._pushed(name);
    if (state === null) return;
    state.told();
    this._takeSettings(name, state, seq, settings);
    this.changed(name, state, []);
  }

  /** @param {ReturnType<typeof import("../wire/methods.js").ACCOUNT>} push */
  onAccount({ seq, account }) {
    this._core.lineage.moved(ACCOUNT);
    this.accountStands(seq, account);
  }

  /** @param {string} name  Of a conversation that a push of a message came from: it can be asked again. */
  told(name) {
    const state = this._states.get(name);
    if (state === undefined) return;
    const { refused } = state;
    state.told();
    if (refused) this.reader.lookAt(name);
  }

  /**
   * The application gets this message.
   *
   * @param {string} name
   * @param {number} position
   */
  handedOn(name, position) {
    const state = this._states.get(name);
    if (state === undefined) return;
    state.message(position);
    this._unsaved.add(name);
    this.reader.lookAt(name);
  }

  // -- rows -----------------------------------------------------------------------------------------------------------------

  /**
   * Rows of sync; `fresh` are conversations that were not followed before.
   *
   * @param {import("../wire/methods.js").SyncResult} result
   * @param {Set<string>} fresh
   */
  takeRows({ rows, account, accountSeq }, fresh) {
    for (const row of rows) {
      const name = row.conversationId;
      const modseq = row.modseq ?? 0;
      if (fresh.delete(name) && modseq > 0) {
        // Nothing of it is held: all that is read from now on is newer, or lowers `seen`.
        const have = this._core.inbox.get(name)?.have ?? 0;
        this._states.set(name, new ConversationState({ have, seen: modseq, top: modseq }));
      }
      if (this._states.has(name) || modseq || row.settingsSeq || row.about?.size) {
        const state = this._of(name);
        if (state !== null) this._takeRow(name, state, row, modseq);
      }
    }
    if (account !== null) this._takeAccount(accountSeq ?? 0, account);
  }

  /**
   * @param {string} name
   * @param {ConversationState} state
   * @param {SyncRow} row
   * @param {number} modseq
   */
  _takeRow(name, state, row, modseq) {
    state.row(modseq, row.leftAt !== null);
    if (row.leftAt === null) this._takeAbout(name, state, modseq, row.about);
    if (row.settingsSeq !== null) this._takeSettings(name, state, row.settingsSeq, row.settings);
    this.changed(name, state, []);
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
    const { seq, value } = this._account;
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

  // -- pages and answers ----------------------------------------------------------------------------------------------------

  /**
   * While a page is on its way, values of what is not held are kept: it may be about to be. To be called when it has come, or
   * failed, is what this returns.
   *
   * @param {string} name
   */
  pageAsked(name) {
    const state = this._states.get(name);
    if (state !== undefined) state.paging += 1;
    return () => {
      if (state !== undefined) state.paging -= 1;
    };
  }

  /**
   * A page that the application gets, at once or as messages. Before these are handed on: who has them already?
   *
   * @param {string} name
   * @param {import("../wire/methods.js").HistoryResult} page
   */
  takePage(name, page) {
    const modseq = page.modseq ?? 0;
    const state = this._states.get(name) ?? (modseq > 0 ? this._of(name) : null);
    if (state === null) return;
    const items = page.items.flatMap((item) => this.encodedItems([item], false) ?? []);
    if (items.length < page.items.length) state.forgetItems();
    this._core.lineage.moved(name);
    this.changed(name, state, state.page(modseq, items));
  }

  /**
   * An item of such a page with what is known of it: a push may have been newer.
   *
   * @param {import("../values.js").Item} item
   * @param {number} modseq
   */
  shownAs(item, modseq) {
    const kept = this._states.get(item.conversationId)?.items.get(item.position);
    if (kept === undefined || (kept.modseq <= modseq && kept.mineModseq <= modseq)) return item;
    return { ...item, extra: shown(kept.extra), mine: shown(kept.mine) };
  }

  /**
   * A put was answered.
   *
   * @param {string} name
   * @param {number} position
   * @param {import("../wire/methods.js").ItemStands} stands
   */
  itemStands(name, position, { modseq, extra, mine }) {
    const state = this._of(name);
    const told = state === null ? null : this.encodedItems([{ position, extra, mine }], false);
    if (state === null || told === null) return;
    this._core.lineage.moved(name);
    this.changed(name, state, state.answeredPut(modseq, told[0]) ? [position] : []);
  }

  /**
   * A put to a conversation was answered: right as of its modseq, like a row. It says nothing of items.
   *
   * @param {string} name
   * @param {number} modseq
   * @param {StateMap} about
   */
  aboutStands(name, modseq, about) {
    const state = this._of(name);
    if (state === null) return;
    state.met = Math.max(state.met, modseq);
    this._takeAbout(name, state, modseq, about);
    this.changed(name, state, []);
  }

  /**
   * A put to one's settings was answered.
   *
   * @param {string} name
   * @param {number} seq
   * @param {StateMap} settings
   */
  ownStands(name, seq, settings) {
    const state = this._of(name);
    if (state === null) return;
    this._takeSettings(name, state, seq, settings);
    this.changed(name, state, []);
  }

  /**
   * A put to one's account was answered, or a push told of it.
   *
   * @param {number} seq
   * @param {StateMap} account
   */
  accountStands(seq, account) {
    this._takeAccount(seq, account);
    this._saveSoon();
  }

  // -- life -----------------------------------------------------------------------------------------------------------------

  /**
   * Resume from the store. Messages kept without state: nothing is known of them since modseq 0.
   *
   * @param {import("./store.js").Saved} saved
   */
  restore(saved) {
    this._account = new Counted(saved.account);
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
      this._bounds.grown(null, state.about.value);
      this._bounds.grown(null, state.settings.value);
      this._bounds.counted(name, state);
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
    if (same || (this._states.size === 0 && this._account.seq === 0)) return null;
    for (const [name, state] of this._states) {
      state.recount();
      this._unsaved.add(name);
    }
    this._account.seq = 0;
    const { states } = this.unsaved();
    this.saved();
    return { states, account: { seq: 0, value: this._account.value } };
  }

  /** What was asked is lost. */
  sessionLost() {
    for (const state of this._states.values()) state.sessionLost();
  }

  // -- when an older copy of the server's database has come back ---------------------------------------------------------------

  /** @param {string} name */
  met(name) {
    const state = this._states.get(name);
    return state === undefined ? 0 : Math.max(state.met, state.about.seq);
  }

  /**
   * A row that replaces.
   *
   * @param {import("./lineage.js").Checked} checked
   */
  fall({ row, keep, discardState, doubtState }) {
    const name = row.conversationId;
    const former = row.leftAt !== null;
    const says = row.modseq || row.settingsSeq || row.about?.size;
    const state = this._states.get(name) ?? (says ? this._of(name) : null);
    if (state === null) return;
    const about = state.about.value;
    const settings = state.settings.value;
    if (keep !== null) state.cap(keep);
    /** @type {number[]} */
    let changed = [];
    if (discardState) changed = state.discard(former);
    else if (doubtState) state.doubt();
    state.replace({
      modseq: row.modseq ?? 0, about: this._encodedOrNull(row.about), settingsSeq: row.settingsSeq ?? 0,
      settings: this._encodedOrNull(row.settings), former,
    });
    this._aboutChanged(name, about, state.about.value);
    this._settingsChanged(name, settings, state.settings.value);
    this.changed(name, state, changed);
  }

  /**
   * The account's values, whatever was known of them.
   *
   * @param {number} seq
   * @param {StateMap} account
   */
  accountIs(seq, account) {
    this._account.seq = -1;
    this._takeAccount(seq, account);
  }

  /** @param {string} name  Of a conversation that is not followed any more. If it is shown, it stays so. */
  drop(name) {
    const state = this._states.get(name);
    if (state === undefined) return;
    this._states.delete(name);
    state.refused = true; // a reader that waits for its answer asks no more
    this._bounds.grown(state.about.value, null);
    this._bounds.grown(state.settings.value, null);
    this._bounds.drop(name);
    this._unsaved.delete(name);
  }

  // -- within ---------------------------------------------------------------------------------------------------------------

  /**
   * A map as it is kept; null if it is empty.
   *
   * @param {StateMap} map
   * @returns {Value | typeof TOO_LARGE}
   */
  _encoded(map) {
    if (map === null || map.size === 0) return null;
    try {
      const bytes = encodeContent(map);
      return bytes.length > this._core.limits.maxStateBytes ? TOO_LARGE : bytes;
    } catch (error) {
      if (error instanceof EncodeError) return TOO_LARGE;
      throw error;
    }
  }

  /** @param {StateMap} map */
  _encodedOrNull(map) {
    const value = this._encoded(map);
    return value === TOO_LARGE ? null : value;
  }

  /**
   * Items as they are kept; null if one of them is too large. `partly`: without a `mine` one's own is what it was.
   *
   * @param {readonly {position: number, extra: StateMap, mine: StateMap}[]} items
   * @param {boolean} partly
   */
  encodedItems(items, partly) {
    /** @type {import("./kept.js").Told[]} */
    const told = [];
    for (const item of items) {
      const extra = this._encoded(item.extra);
      const mine = partly && item.mine === null ? undefined : this._encoded(item.mine);
      if (extra === TOO_LARGE || mine === TOO_LARGE) return null;
      told.push({ position: item.position, extra, mine });
    }
    return told;
  }

  /**
   * The state of a followed conversation. One without any had none when its messages were handed on.
   *
   * @param {string} name
   */
  _of(name) {
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

  /** @param {string} name */
  _pushed(name) {
    const state = this._of(name);
    if (state === null) this._core.catchUp.wantSync();
    else this._core.lineage.moved(name);
    return state;
  }

  /**
   * Tell the application, let go what is too much, and note what is to be saved or asked.
   *
   * @param {string} name
   * @param {ConversationState} state
   * @param {readonly number[]} positions
   */
  changed(name, state, positions) {
    for (const position of positions) {
      const { extra, mine } = state.items.get(position) ?? new Kept();
      this._core.announce(() => ({
        type: "itemChanged", conversationId: name, position, extra: shown(extra), mine: shown(mine),
      }));
    }
    for (const fallen of this._bounds.counted(name, state)) {
      const other = this._states.get(fallen);
      other?.forgetItems();
      other?.forgetUnheld(); // those whose messages have yet to come
      this._unsaved.add(fallen);
    }
    this._unsaved.add(name);
    this._saveSoon();
    this.reader.lookAt(name);
  }

  /** Save what changed, a moment later. */
  _saveSoon() {
    if (this._saving !== null) return;
    this._saving = this._core.timers.after(this._core.limits.saveStateEveryMs, () => {
      this._saving = null;
      this.save();
    });
  }

  /**
   * @param {string} name
   * @param {ConversationState} state
   * @param {number} modseq
   * @param {StateMap} about
   */
  _takeAbout(name, state, modseq, about) {
    const before = state.about.value;
    const value = this._encoded(about);
    if (value !== TOO_LARGE && state.about.take(modseq, value)) this._aboutChanged(name, before, value);
  }

  /**
   * @param {string} name
   * @param {Value} before
   * @param {Value} about
   */
  _aboutChanged(name, before, about) {
    this._bounds.grown(before, about);
    if (sameBytes(about, before)) return;
    this._core.announce(() => ({ type: "aboutChanged", conversationId: name, about: shown(about) }));
  }

  /**
   * @param {string} name
   * @param {ConversationState} state
   * @param {number} seq
   * @param {StateMap} settings
   */
  _takeSettings(name, state, seq, settings) {
    const before = state.settings.value;
    const value = this._encoded(settings);
    if (value !== TOO_LARGE && state.settings.take(seq, value)) this._settingsChanged(name, before, value);
  }

  /**
   * @param {string} name
   * @param {Value} before
   * @param {Value} settings
   */
  _settingsChanged(name, before, settings) {
    this._bounds.grown(before, settings);
    if (sameBytes(settings, before)) return;
    this._core.announce(() => ({ type: "settingsChanged", conversationId: name, settings: shown(settings) }));
  }

  /**
   * @param {number} seq
   * @param {StateMap} account
   */
  _takeAccount(seq, account) {
    const before = this._account.value;
    const value = this._encoded(account);
    if (value === TOO_LARGE || !this._account.take(seq, value)) return;
    this._accountUnsaved = true;
    if (!sameBytes(value, before)) this._core.announce(() => ({ type: "accountChanged", account: shown(value) }));
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
