/**
 * Brings what is known up to date: `check` and `sync` after a fresh session, `sync` after whatever only sync explains (SPEC 10).
 *
 * Before the first sync of a session it asks `check` about what `since` does not vouch for. One sync at a time; which messages
 * are read then, `reading` decides.
 */

import { RefusalCode, Refused } from "../errors.js";
import { CHECK, SYNC } from "../wire/methods.js";
import { utf8Length } from "../wire/utf8.js";
import { Reading } from "./reading.js";
import { SessionLost } from "./requests.js";

/** @typedef {import("./lineage.js").Known} Known */
/** @typedef {import("../wire/methods.js").SyncResult} SyncResult */
/** @typedef {import("../wire/methods.js").CheckResult} CheckResult */

/** Of one `check`: half a frame, beside its answer's. */
const MAX_QUESTION_BYTES = 32 * 1024;
const KNOWN_OVERHEAD_BYTES = 32;

export class CatchUp {
  /** @param {import("./core.js").Core} core */
  constructor(core) {
    this._core = core;
    this.reading = new Reading(core);
    /** @type {string | null} */
    this.since = null;
    /** The first sync of this device is finished. */
    this.started = false;
    this._wanted = false;
    this._syncing = false;
    /** A page of sync is asked, or is being told. */
    this._asked = false;
    /** How often `since` was refused in this session. */
    this._refusals = 0;
    this._woken = false;
  }

  /** @param {import("./store.js").Saved} saved */
  restore({ since, synced }) {
    this.since = since;
    this.started = synced;
  }

  /** Request a sync after an event that only sync explains: a fresh session, `lagging`, an unknown conversation. */
  wantSync() {
    this._wanted = true;
    this.wake();
  }

  /** Look, when this turn is over, at what is to be asked: a conversation is behind, or the queue has room again. */
  wake() {
    if (this._woken) return;
    this._woken = true;
    queueMicrotask(() => {
      this._woken = false;
      if (!this._core.isOver) this._core.guard(() => this._look());
    });
  }

  _look() {
    if (this._wanted && !this._syncing) {
      this._syncing = true;
      this._core.own(this._sync());
    }
    this.reading.look();
  }

  /**
   * A fresh session: whose history does it go on with?
   *
   * @param {string} place
   */
  begin(place) {
    const { inbox, lineage } = this._core;
    this._refusals = 0;
    this._asked = false;
    inbox.voidAnswers();
    lineage.begin(place, this.since, inbox.size > 0);
    this.wantSync();
  }

  /**
   * Give `since` up, in one step with what then stands for it. All that it vouched for is checked; then every row is told again.
   * What is followed and its positions stay.
   *
   * @param {string} storeEpoch
   * @param {Parameters<import("./store.js").Store["forgetSince"]>[2]} recounted
   */
  letGo(storeEpoch, recounted) {
    const { inbox, lineage, store, window } = this._core;
    window.recall();
    lineage.letGo(this.since, inbox.names());
    this.since = null;
    inbox.voidAnswers();
    store.forgetSince(storeEpoch, lineage.unsaved(), recounted);
    lineage.saved();
  }

  /** A push was dropped. A sync that is asked later tells of it; one on its way may not. */
  missed() {
    if (this._asked) this.wantSync();
  }

  // -- sync -----------------------------------------------------------------------------------------------------------------

  async _sync() {
    try {
      while (this._wanted) {
        this._wanted = false;
        try {
          await this._syncOnce();
        } catch (error) {
          if (!(error instanceof SessionLost)) throw error;
          this._wanted = true; // with the token of then
        }
      }
    } finally {
      this._syncing = false;
    }
    this.wake();
  }

  async _syncOnce() {
    await this._check();
    const { inbox, limits } = this._core;
    let more = true;
    let idle = 0;
    while (more) {
      const { epoch } = inbox;
      const result = await this._askPage();
      if (result === null) {
        await this._check();
        idle = 0;
        continue;
      }
      if (epoch !== inbox.epoch) throw new SessionLost();
      more = result.more;
      if (more && result.rows.length === 0 && result.nextSince === this.since) {
        this._violated("sync: more, but nothing new");
      }
      // A server may add changes while it lists, but must not list known rows for ever.
      idle = this._apply(result) ? 0 : idle + (result.rows.length || limits.syncRows);
      if (more && idle > limits.maxConversations) this._violated("sync: more and more, but nothing new");
    }
    if (!this._wanted) inbox.explained();
    this._core.synced();
  }

  /** A page; null: `since` was refused, and was given up. */
  async _askPage() {
    this._core.lineage.syncAsked();
    this._asked = true;
    try {
      const params = [this.since, this._core.limits.syncRows];
      return await this._core.requests.call(SYNC, params, { patient: false, urgent: true });
    } catch (error) {
      if (!(error instanceof Refused) || error.code !== RefusalCode.EPOCH_CHANGED || this.since === null) throw error;
      // The token is of a history that is gone, or of another one.
      this._refusals += 1;
      if (this._refusals > 1) this._violated("sync: refused what it gave in this session");
      this._core.fallen.sinceRefused();
      return null;
    } finally {
      this._asked = false;
    }
  }

  /** Ask about all that `since` does not vouch for. */
  async _check() {
    const { lineage, requests, fallen } = this._core;
    for (;;) {
      const question = lineage.question((name) => this._known(name));
      if (question === null) return;
      const asked = withinBytes(question);
      /** @type {CheckResult} */
      let result;
      try {
        const known = asked.map(({ conversationId, place, position, modseq }) => [
          conversationId, place, position, modseq,
        ]);
        result = await requests.call(CHECK, [known], { patient: false, urgent: true });
      } catch (error) {
        if (error instanceof Refused) this._violated(`check: ${error.message}`);
        throw error;
      }
      const fault = checkFault(asked, result);
      if (fault !== null) this._violated(`check: ${fault}`);
      fallen.takeAnswers(asked, result);
    }
  }

  /** @param {string} name */
  _known(name) {
    const position = this._core.inbox.knownHead(name);
    return position === null ? null : { position, modseq: this._core.states.met(name) };
  }

  /**
   * @param {string} text
   * @returns {never}
   */
  _violated(text) {
    this._core.violated(text);
    throw new SessionLost();
  }

  /**
   * Apply a page; true if it brought an unknown conversation or head, or one that found no room.
   *
   * @param {SyncResult} result
   */
  _apply(result) {
    const { inbox, window, states, lineage, store, fallen, arrivals } = this._core;
    const before = new Map(result.rows.map((row) => [row.conversationId, inbox.knownHead(row.conversationId)]));
    const unknown = new Set([...before].filter(([, head]) => head === null).map(([name]) => name));
    const resting = window.atRest(result.rows);
    const changed = inbox.apply(result.rows, !this.started, resting);
    for (const [name, place] of resting) before.set(name, place.knownHead);
    const rows = result.rows.filter((row) => changed.has(row.conversationId));
    if (rows.length < result.rows.length) this._tellWithoutRoom(result, changed);
    this.since = result.nextSince;
    this.started = this.started || !result.more;
    states.takeRows({ ...result, rows }, unknown);
    for (const row of rows) lineage.row(row);
    const ended = fallen.leftTeams(result.rows, !result.more);
    const wasOpen = lineage.open;
    lineage.syncAnswered(result.more);
    store.saveSync({
      since: this.since, synced: this.started, positions: changed, ...states.kept.unsaved(), step: lineage.unsaved(),
      forgotten: ended,
    });
    states.kept.saved();
    lineage.saved();
    arrivals.takeRows(rows);
    fallen.tellGone(ended);
    window.makeRoom(!result.more);
    if (!wasOpen) this._core.opened();
    this.wake();
    const withoutRoom = rows.length < result.rows.length;
    return withoutRoom || [...changed].some(([name, place]) => place.knownHead !== before.get(name));
  }

  /**
   * Too many conversations have something to read: of those that found no room the application is told. Each can be asked, and is
   * followed if it moves when there is room again.
   *
   * @param {SyncResult} result
   * @param {ReadonlyMap<string, unknown>} taken
   */
  _tellWithoutRoom({ rows }, taken) {
    for (const row of this.started ? rows : []) {
      if (taken.has(row.conversationId) || row.leftAt !== null) continue;
      const reason = "more conversations than this client follows";
      this._core.cannotRead(row.conversationId, Math.max(row.joinedAt - 1, 0), row.head, reason);
    }
  }
}

/**
 * As many as fit into a frame, whatever the names are like: the rest is asked next.
 *
 * @param {Known[]} question
 */
function withinBytes(question) {
  let size = 0;
  for (const [at, { conversationId, place }] of question.entries()) {
    size += utf8Length(conversationId) + utf8Length(place) + KNOWN_OVERHEAD_BYTES;
    if (at > 0 && size > MAX_QUESTION_BYTES) return question.slice(0, at);
  }
  return question;
}

/**
 * What an honest server would not answer.
 *
 * @param {readonly Known[]} asked
 * @param {CheckResult} result
 */
function checkFault(asked, { answers }) {
  if (answers.length > asked.length || (asked.length > 0 && answers.length === 0)) {
    return `${answers.length} answers to ${asked.length}`;
  }
  for (const [at, answer] of answers.entries()) {
    if (answer === null) continue;
    const { conversationId, position } = asked[at];
    const { row, agreed } = answer;
    // Who left may have read more by a team, behind the end of their own place.
    const highest = row.leftAt === null ? Math.min(position, row.head) : position;
    if (row.conversationId !== conversationId) return `the row of ${row.conversationId} for ${conversationId}`;
    if (agreed !== null && agreed > highest) return `agreed on ${agreed} of ${position}, up to ${row.head}`;
  }
  return null;
}
