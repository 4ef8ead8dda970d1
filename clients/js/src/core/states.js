/**
 * State that is no message, of all conversations and of the account: what the server tells goes through the rules in `state`, is
 * announced, kept in the store, and asked for while a conversation is shown (`state_reader`).
 *
 * Values are kept as bytes: as maps they would take many times as much. A conversation that never had a state has no entry.
 */

import { sameBytes } from "../wire/values.js";
import { Kept } from "./kept.js";
import { KeptStates } from "./kept_states.js";
import { ACCOUNT } from "./lineage.js";
import { StateReader } from "./state_reader.js";
import { encodedItems, encodedMap, shown, TOO_LARGE } from "./state_values.js";

/** @typedef {import("./kept.js").Value} Value */
/** @typedef {import("./state.js").ConversationState} ConversationState */
/** @typedef {import("./state_values.js").StateMap} StateMap */
/** @typedef {import("../wire/methods.js").SyncRow} SyncRow */

export class States {
  /** @param {import("./core.js").Core} core */
  constructor(core) {
    this._core = core;
    this.kept = new KeptStates(core);
    this.reader = new StateReader(core, this);
  }

  // -- what is known --------------------------------------------------------------------------------------------------------

  /**
   * See Client.item.
   *
   * @param {string} name
   * @param {number} position
   */
  item(name, position) {
    const state = this.kept.get(name);
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
    return shown(this.kept.get(name)?.about.value ?? null);
  }

  /** @param {string} name */
  settings(name) {
    return shown(this.kept.get(name)?.settings.value ?? null);
  }

  account() {
    return shown(this.kept.account.value);
  }

  // -- pushes ---------------------------------------------------------------------------------------------------------------

  /** @param {ReturnType<typeof import("../wire/methods.js").ITEM>} push  Items of one unit, or a hint. */
  onItem({ conversationId: name, modseq, items }) {
    const state = this._pushed(name);
    if (state === null) return;
    const told = items === null ? null : this._encodedItems(items, true);
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
    const state = this.kept.get(name);
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
    const state = this.kept.get(name);
    if (state === undefined) return;
    state.message(position);
    this.kept.toSave(name);
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
      if (fresh.delete(name) && modseq > 0) this.kept.begin(name, modseq);
      if (this.kept.get(name) !== undefined || modseq || row.settingsSeq || row.about?.size) {
        const state = this.kept.of(name);
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

  // -- pages and answers ----------------------------------------------------------------------------------------------------

  /**
   * While a page is on its way, values of what is not held are kept: it may be about to be. To be called when it has come, or
   * failed, is what this returns.
   *
   * @param {string} name
   */
  pageAsked(name) {
    const state = this.kept.get(name);
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
    const state = this.kept.get(name) ?? (modseq > 0 ? this.kept.of(name) : null);
    if (state === null) return;
    const items = page.items.flatMap((item) => this._encodedItems([item], false) ?? []);
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
    const kept = this.kept.get(item.conversationId)?.items.get(item.position);
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
    const state = this.kept.of(name);
    const told = state === null ? null : this._encodedItems([{ position, extra, mine }], false);
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
    const state = this.kept.of(name);
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
    const state = this.kept.of(name);
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
    this.kept.saveSoon();
  }

  // -- when an older copy of the server's database has come back ---------------------------------------------------------------

  /** @param {string} name */
  met(name) {
    const state = this.kept.get(name);
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
    const state = this.kept.get(name) ?? (says ? this.kept.of(name) : null);
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

  /** @param {number} seq @param {StateMap} account  The account's values, whatever was known of them. */
  accountIs(seq, account) {
    this.kept.account.seq = -1;
    this._takeAccount(seq, account);
  }

  // -- within ---------------------------------------------------------------------------------------------------------------

  /** @param {StateMap} map */
  _encoded(map) {
    return encodedMap(map, this._core.limits.maxStateBytes);
  }

  /** @param {StateMap} map */
  _encodedOrNull(map) {
    const value = this._encoded(map);
    return value === TOO_LARGE ? null : value;
  }

  /** @param {Parameters<typeof encodedItems>[0]} items @param {boolean} partly */
  _encodedItems(items, partly) {
    return encodedItems(items, this._core.limits.maxStateBytes, partly);
  }

  /** @param {string} name */
  _pushed(name) {
    const state = this.kept.of(name);
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
    this.kept.changed(name, state);
    this.reader.lookAt(name);
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
    this.kept.bounds.grown(before, about);
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
    this.kept.bounds.grown(before, settings);
    if (sameBytes(settings, before)) return;
    this._core.announce(() => ({ type: "settingsChanged", conversationId: name, settings: shown(settings) }));
  }

  /**
   * @param {number} seq
   * @param {StateMap} account
   */
  _takeAccount(seq, account) {
    const before = this.kept.account.value;
    const value = this._encoded(account);
    if (value === TOO_LARGE || !this.kept.account.take(seq, value)) return;
    this.kept.accountChanged();
    if (!sameBytes(value, before)) this._core.announce(() => ({ type: "accountChanged", account: shown(value) }));
  }
}
