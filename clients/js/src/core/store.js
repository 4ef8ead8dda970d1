/**
 * What the client keeps across restarts. Methods are synchronous steps, as in the Python client: each notes all that it
 * changes at once in the journal, which makes it atomic. The rules of what replaces what stand here, so a storage adapter
 * knows none. Positions and the newest answered posts are mirrored in memory; everything else the client's parts hold.
 */

import { KeptPosts } from "./kept_posts.js";
import {
  countedRecord, itemKey, itemRecord, noticeRecord, positionRecord, readCounted, readItem, readItemKey, readNotice, readOwn,
  readPosition, readState, readTrail, stateRecord, trailRecord,
} from "./saved.js";

/** @typedef {import("./saved.js").SavedPosition} SavedPosition */
/** @typedef {import("./saved.js").SavedPost} SavedPost */
/** @typedef {import("./saved.js").SavedState} SavedState */
/** @typedef {import("./saved.js").SavedCounted} SavedCounted */
/** @typedef {import("./saved.js").SavedOwn} SavedOwn */
/** @typedef {import("./saved.js").LineageStep} LineageStep */

/** @type {Readonly<SavedPosition>} */
const NOWHERE = Object.freeze({ have: 0, handed: 0, knownHead: 0 });

/**
 * Everything that a store holds, as it is read at the start.
 *
 * @typedef {object} Saved
 * @property {string | null} deviceId
 * @property {string | null} userId
 * @property {string | null} storeEpoch
 * @property {string | null} since
 * @property {boolean} synced  The first sync of this device is finished; until then conversations start at their heads.
 * @property {string[] | null} features  Of the server that told the state; null: nobody noted it.
 * @property {Map<string, SavedPosition>} positions
 * @property {SavedPost[]} outbox
 * @property {Map<string, SavedState>} states
 * @property {SavedCounted} account
 * @property {Map<string, import("./saved.js").SavedTrail>} trails
 * @property {Map<string, SavedOwn>} own  Those of the lowest positions first.
 * @property {Map<string, import("./saved.js").Notice>} notices
 */

export class Store {
  /** @param {import("./journal.js").Journal} journal */
  constructor(journal) {
    this._journal = journal;
    this.posts = new KeptPosts(journal);
    /** @type {Map<string, SavedPosition>} */
    this._positions = new Map();
    /**
     * Positions of the items that are in the store, by conversation.
     *
     * @type {Map<string, Set<number>>}
     */
    this._items = new Map();
    /** @type {Set<string>} */
    this._states = new Set();
  }

  /**
   * Read what the store holds.
   *
   * @param {import("../ports.js").Loaded} loaded
   * @returns {Saved}
   */
  open(loaded) {
    for (const [name, record] of loaded.positions) this._positions.set(name, readPosition(record));
    this.posts.open(loaded);
    const states = new Map([...loaded.states].map(([name, record]) => [name, readState(record)]));
    for (const [key, record] of loaded.items) {
      const [name, position] = readItemKey(key);
      states.get(name)?.items.set(position, readItem(record));
      this._itemsOf(name).add(position);
    }
    this._states = new Set(states.keys());
    /** @type {(name: string) => any} */
    const meta = (name) => loaded.meta.get(name) ?? null;
    const account = meta("account");
    return {
      deviceId: meta("deviceId"),
      userId: meta("userId"),
      storeEpoch: meta("storeEpoch"),
      since: meta("since"),
      synced: meta("synced") === true,
      features: meta("features"),
      positions: new Map(this._positions),
      outbox: this.posts.outbox(),
      states,
      account: account === null ? { seq: 0, value: null } : readCounted(account),
      trails: new Map([...loaded.trails].map(([name, record]) => [name, readTrail(record)])),
      own: this.posts.own(new Map([...loaded.own].map(([key, record]) => [key, readOwn(record)]))),
      notices: new Map([...loaded.notices].map(([name, record]) => [name, readNotice(record)])),
    };
  }

  /** Resolves when all that was noted so far is in the store. */
  durable() {
    return this._journal.durable();
  }

  get isDurable() {
    return this._journal.isDurable;
  }

  /**
   * Device, user, the epoch that the positions belong to, and the server's features.
   *
   * @param {string} deviceId
   * @param {string} userId
   * @param {string} storeEpoch
   * @param {readonly string[]} features
   */
  saveIdentity(deviceId, userId, storeEpoch, features) {
    this._meta("deviceId", deviceId);
    this._meta("userId", userId);
    this._meta("storeEpoch", storeEpoch);
    this._meta("features", [...features]);
  }

  /**
   * A post is stored at `position`: from now on that is an own message that was met. It is not offered any more, and kept for a
   * while: see `answered`.
   *
   * @param {string} key
   * @param {number} position
   * @param {LineageStep | null} step
   */
  answerPost(key, position, step) {
    this.posts.answer(key, position);
    this._step(step);
  }

  /**
   * See `KeptPosts.answered`.
   *
   * @param {string} conversationId
   * @param {number} above
   */
  answered(conversationId, above) {
    return this.posts.answered(conversationId, above, (this._positions.get(conversationId) ?? NOWHERE).have);
  }

  // -- progress -------------------------------------------------------------------------------------------------------

  /**
   * In one step: mark the message at `done` finished, and the one at `handed` as handed over.
   *
   * @param {[string, number] | null} done
   * @param {[string, number] | null} handed
   * @param {LineageStep | null} step
   */
  saveProgress(done, handed, step) {
    if (done !== null) this._raise(done[0], { ...NOWHERE, have: done[1] });
    if (handed !== null) this._raise(handed[0], { ...NOWHERE, handed: handed[1] });
    this._step(step);
  }

  /**
   * In one step: save the token, the conversations that it covers and those that it ends, and `saveStates`. Rows never lower
   * positions.
   *
   * @param {{since: string, synced: boolean, positions: Map<string, SavedPosition>, states: Map<string, SavedState>,
   *   account: SavedCounted | null, step: LineageStep, forgotten: readonly string[]}} page
   */
  saveSync({ since, synced, positions, states, account, step, forgotten }) {
    this._meta("since", since);
    this._meta("synced", synced);
    for (const [name, position] of positions) this._raise(name, position);
    this.saveStates(states, account, step);
    this._forget(forgotten);
  }

  /**
   * In one step: save the state of these conversations (of items those that are given), and the account's if given.
   *
   * @param {Map<string, SavedState>} states
   * @param {SavedCounted | null} account
   * @param {LineageStep | null} step
   */
  saveStates(states, account, step) {
    for (const [name, state] of states) {
      this._states.add(name);
      this._journal.put("states", name, stateRecord(state));
      for (const [position, item] of state.items) {
        this._journal.put("items", itemKey(name, position), item === null ? undefined : itemRecord(item));
        if (item === null) this._items.get(name)?.delete(position);
        else this._itemsOf(name).add(position);
      }
    }
    if (account !== null) this._meta("account", countedRecord(account));
    this._step(step);
  }

  /**
   * In one step: save this, and that conversations reach so far.
   *
   * @param {LineageStep | null} step
   * @param {ReadonlyMap<string, number>} [heads]
   */
  saveLineage(step, heads = new Map()) {
    for (const [name, head] of heads) this._raise(name, { ...NOWHERE, knownHead: head });
    this._step(step);
  }

  // -- when there are very many conversations ---------------------------------------------------------------------------

  /**
   * In one step: of `resting` conversations keep the positions and not their state, of `forgotten` nothing.
   *
   * @param {readonly string[]} resting
   * @param {readonly string[]} forgotten
   * @param {LineageStep} step
   */
  saveRest(resting, forgotten, step) {
    for (const name of resting) this._forgetState(name);
    this._forget(forgotten);
    this._step(step);
  }

  /**
   * The positions that are kept of these conversations.
   *
   * @param {Iterable<string>} [names]  All, if none are given.
   */
  places(names = this._positions.keys()) {
    /** @type {Map<string, SavedPosition>} */
    const found = new Map();
    for (const name of names) {
      const position = this._positions.get(name);
      if (position !== undefined) found.set(name, position);
    }
    return found;
  }

  // -- when an older copy has come back ---------------------------------------------------------------------------------

  /**
   * In one step: drop the token, and save the places that stand for it, and the epoch. `recounted`: all state as of 0, whole,
   * if that is to be stored, too.
   *
   * @param {string} storeEpoch
   * @param {LineageStep} step
   * @param {{states: Map<string, SavedState>, account: SavedCounted} | null} recounted
   */
  forgetSince(storeEpoch, step, recounted) {
    this._meta("since", null);
    this._meta("storeEpoch", storeEpoch);
    if (recounted !== null) this.saveStates(recounted.states, recounted.account, null);
    this._step(step);
  }

  /**
   * In one step: take over answers of `check`. Only here positions fall. Null: the conversation is forgotten, which a page that
   * was refused NOT_FOUND says, too. `offered`: keys of answered posts that have no answer in this history.
   *
   * @param {Map<string, import("./saved.js").SavedFall | null>} fallen
   * @param {readonly string[]} offered
   * @param {Map<string, SavedState>} states
   * @param {SavedCounted | null} account
   * @param {LineageStep} step
   */
  saveChecked(fallen, offered, states, account, step) {
    for (const [name, fall] of fallen) {
      if (fall === null) continue;
      const old = this._positions.get(name) ?? NOWHERE;
      this._place(name, {
        have: Math.min(old.have, fall.upto), handed: Math.min(old.handed, fall.upto), knownHead: fall.knownHead,
      });
    }
    this.saveStates(states, account, step);
    for (const key of offered) this.posts.setPosition(key, null);
    this._forget([...fallen].filter(([, fall]) => fall === null).map(([name]) => name));
  }

  // -- within -----------------------------------------------------------------------------------------------------------

  /**
   * @param {string} name
   * @param {import("../ports.js").StoredValue} value
   */
  _meta(name, value) {
    this._journal.put("meta", name, value);
  }

  /**
   * @param {string} name
   * @param {SavedPosition} position
   */
  _place(name, position) {
    this._positions.set(name, position);
    this._journal.put("positions", name, positionRecord(position));
  }

  /**
   * Positions never go back, field by field.
   *
   * @param {string} name
   * @param {SavedPosition} position
   */
  _raise(name, { have, handed, knownHead }) {
    const old = this._positions.get(name);
    const { have: done, handed: given, knownHead: head } = old ?? NOWHERE;
    if (old !== undefined && have <= done && handed <= given && knownHead <= head) return;
    this._place(name, {
      have: Math.max(have, done), handed: Math.max(handed, given), knownHead: Math.max(knownHead, head),
    });
  }

  /** @param {LineageStep | null} step */
  _step(step) {
    if (step === null) return;
    for (const [name, trail] of step.trails) {
      this._journal.put("trails", name, trail === null ? undefined : trailRecord(trail));
    }
    for (const [key, own] of step.own) this.posts.putOwn(key, own);
    for (const [name, notice] of step.notices) {
      this._journal.put("notices", name, notice === null ? undefined : noticeRecord(notice));
    }
  }

  /** @param {readonly string[]} names */
  _forget(names) {
    for (const name of names) {
      this._positions.delete(name);
      this._journal.put("positions", name, undefined);
      this._forgetState(name);
    }
  }

  /** @param {string} name */
  _forgetState(name) {
    if (!this._states.delete(name)) return;
    this._journal.put("states", name, undefined);
    for (const position of this._items.get(name) ?? []) this._journal.put("items", itemKey(name, position), undefined);
    this._items.delete(name);
  }

  /** @param {string} name */
  _itemsOf(name) {
    let positions = this._items.get(name);
    if (positions === undefined) this._items.set(name, (positions = new Set()));
    return positions;
  }
}

/**
 * Overrule stored positions with those that the application kept: it knows which messages it finished. But not that a history
 * was replaced, before it has heard of it.
 *
 * @param {Saved} saved
 * @param {Readonly<Record<string, number>>} have
 */
export function adopt(saved, have) {
  for (const [name, given] of Object.entries(have)) {
    const notice = saved.notices.get(name);
    let position = given;
    if (notice !== undefined && !notice.pending && (notice.replaced || notice.forgotten)) {
      position = Math.min(position, (notice.forgotten ? null : notice.agreed) ?? 0);
    }
    const knownHead = Math.max(saved.positions.get(name)?.knownHead ?? 0, position);
    saved.positions.set(name, { have: position, handed: 0, knownHead });
  }
}
