/**
 * The window on very many conversations: beyond `maxConversations` the quiet ones are let go, and come back when they move.
 *
 * Quiet is what has nothing to read, nothing in the application's queue and in the outbox, no screen that shows it, and nothing
 * that `since` does not vouch for. Of a conversation by a team nothing is kept: the row that a later sync lists begins behind that
 * `since`. So they go between two listings alone; within the first one, rows that are listed again begin at their heads. Of others
 * the store keeps the positions, for their rows say only where one joined; these go on where they were.
 */

/** @typedef {import("../wire/methods.js").SyncRow} SyncRow */

export class Window {
  /** @param {import("./core.js").Core} core */
  constructor(core) {
    this._core = core;
    /** How many are at rest. */
    this._resting = 0;
  }

  /**
   * Where the conversations of these rows were that are at rest. They are not any more: `Inbox.apply` follows them.
   *
   * @param {readonly SyncRow[]} rows
   * @returns {ReadonlyMap<string, import("./saved.js").SavedPosition>}
   */
  atRest(rows) {
    if (this._resting === 0) return new Map();
    const names = rows.map((row) => row.conversationId).filter((name) => !this._core.inbox.has(name));
    const found = this._core.store.places(names);
    this._resting -= found.size;
    return found;
  }

  /** Follow all that are at rest: the token that vouched for them is given up, and they are checked. */
  recall() {
    if (this._resting === 0) return;
    const { inbox, store } = this._core;
    inbox.restore(new Map([...store.places()].filter(([name]) => !inbox.has(name))));
    this._resting = 0;
  }

  /**
   * A page of sync was applied. `listed`: it was the last one.
   *
   * @param {boolean} listed
   */
  makeRoom(listed) {
    const { inbox, delivery, posting, states, lineage, limits } = this._core;
    if (!inbox.crowded(listed)) return;
    const kept = new Set([...delivery.conversations(), ...posting.conversations()]);
    /** @type {string[]} */
    const resting = [];
    /** @type {string[]} */
    const forgotten = [];
    const { surplus } = inbox;
    for (const name of inbox.quiet()) {
      if (resting.length + forgotten.length >= surplus) break;
      if (kept.has(name) || states.reader.isShown(name) || !lineage.isQuiet(name)) continue;
      if (lineage.teamOf(name) !== null) {
        if (listed) forgotten.push(name);
      } else if (this._resting + resting.length < limits.maxConversationsAtRest) {
        resting.push(name);
      }
    }
    this._letGo(resting, forgotten);
  }

  /**
   * @param {readonly string[]} resting
   * @param {readonly string[]} forgotten
   */
  _letGo(resting, forgotten) {
    const { inbox, states, cursors, lineage, store } = this._core;
    const names = [...resting, ...forgotten];
    inbox.letGo(names);
    if (names.length === 0) return;
    for (const name of names) {
      lineage.trails.drop(name); // which messages were edited is forgotten, and so is its team
      states.kept.drop(name);
      cursors.drop(name);
    }
    store.saveRest(resting, forgotten, lineage.unsaved());
    lineage.saved();
    this._resting += resting.length;
  }
}
