/**
 * The client's rule for older copies of the server's database (SPEC 10.9). No I/O, no clock.
 *
 * Whatever a client learns is learnt under a *place*. For what the last finished `sync` listed that is the token `since`: such a
 * conversation is clean. A conversation in which anything moved after that sync was asked is *dirty*, and has the place of the
 * session in which it moved last. In each fresh session nothing is applied and nothing is posted until the server has said, of
 * every dirty conversation, up to where what is known of it is part of its history (`check`), and has accepted `since` for all
 * others.
 *
 * A session goes so: `begin`; while there is a `question`, ask `check` and `answer`; then sync, with `syncAsked` and
 * `syncAnswered` around each page. If that is refused EPOCH_CHANGED: `letGo`, whereupon there are more questions; then sync from
 * nil. `open` says whether pushes are applied, posts offered and pages read. A push that comes before is dropped, and wants one
 * more sync.
 *
 * What changes here is to be stored in one step with what it came with: take `unsaved()` along in every step, and call `saved()`
 * behind it. A place that is stored early does no harm; one that is stored late lets what was learnt pass as older than it is.
 */

import { MAX_CHECKED } from "../wire/limits.js";
import { Notices } from "./notices.js";
import { OwnMessages } from "./own_messages.js";
import { Teams } from "./teams.js";
import { Trails } from "./trails.js";

/** @typedef {import("../wire/methods.js").CheckAnswer} CheckAnswer */
/** @typedef {import("../wire/methods.js").SyncRow} SyncRow */
/** @typedef {import("./saved.js").LineageStep} LineageStep */

/** The name under which the account's own values are dirty: no conversation has this id. */
export const ACCOUNT = "";

/**
 * What a client knows of a conversation since it came to a place: the highest position and modseq that it met.
 *
 * @typedef {{conversationId: string, place: string, position: number, modseq: number}} Known
 */

/**
 * What an answer comes to. To be done, and stored with `unsaved()`, in one step.
 *
 * A conversation that is not followed begins with its row, as in `sync`. Otherwise the row *replaces*: cursors, settings, about,
 * role and membership are the row's, lower or not, and `knownHead` is `head`. If `keep` is not null, messages above it are
 * forgotten: positions, values of items, messages that wait to be handed on and read cursors that wait to be reported fall to
 * it. `discardState`: all values of the conversation's items go, its numbers too, and `changes` is asked from 0. `doubtState`: so
 * it is asked, but what the application was shown stays until then, for nothing says that any of it is wrong.
 *
 * @typedef {{row: SyncRow, head: number, keep: number | null, discardState: boolean, doubtState: boolean}} Checked
 */

export class Lineage {
  constructor() {
    this.own = new OwnMessages();
    this.trails = new Trails();
    this.teams = new Teams(this.trails);
    this.notices = new Notices();
    /** The place of this session. */
    this._place = "";
    /**
     * Dirty conversations of which the server has not told yet in this session, and what it is being asked.
     *
     * @type {Set<string>}
     */
    this._todo = new Set();
    /** @type {Known[]} */
    this._asked = [];
    /** @type {Set<string>} */
    this._followed = new Set();
    /**
     * Conversations that were dirty when a page of `sync` was asked, and did not move since.
     *
     * @type {Set<string>}
     */
    this.covered = new Set();
    /** There is no `since` that could vouch for anything. */
    this._refused = true;
    /** Whether pushes are applied, posts offered and pages read. */
    this.open = false;
  }

  // -- the store ----------------------------------------------------------------------------------------------------------

  /** @param {Pick<import("./store.js").Saved, "trails" | "own" | "notices">} saved */
  restore({ trails, own, notices }) {
    this.trails.restore(trails);
    this.teams.restore();
    this.notices.restore(notices);
    this.own.restore(own);
  }

  /**
   * What the store does not have yet, to be stored in one step with what it came with; then call `saved`.
   *
   * @returns {LineageStep}
   */
  unsaved() {
    return { trails: this.trails.unsaved(), own: this.own.unsaved(), notices: this.notices.unsaved() };
  }

  /** The store has it. */
  saved() {
    this.trails.saved();
    this.own.saved();
    this.notices.saved();
  }

  /** `unsaved`, taken as saved; null if there is nothing, as with nearly every message and post. */
  step() {
    if (!this.trails.hasUnsaved && !this.own.hasUnsaved && !this.notices.hasUnsaved) return null;
    const step = this.unsaved();
    this.saved();
    return step;
  }

  // -- a fresh session ----------------------------------------------------------------------------------------------------

  /**
   * A fresh session, with the place of its WELCOME. Places are opaque, so all that is dirty is asked, also after a lost
   * connection. A device that follows nothing and has no token has nothing to ask. If WELCOME names another `store_epoch`, call
   * `letGo` next: the token is as good as refused.
   *
   * @param {string} place
   * @param {string | null} since
   * @param {boolean} followed  Whether any conversation is.
   */
  begin(place, since, followed) {
    this._place = place;
    this._todo.clear();
    for (const [name, trail] of this.trails.entries()) {
      if (trail.place !== null) this._todo.add(name);
      trail.reading = null;
      trail.lifting = false;
    }
    this._asked = [];
    this.covered.clear();
    this._refused = since === null;
    this.open = since === null && !followed && this._todo.size === 0;
  }

  /**
   * What to ask `check` next; null: nothing, `sync` may be asked. An empty list asks for the account alone.
   *
   * `known` says of a conversation the highest position known (`have` or `knownHead`) and the highest modseq met; null for one
   * that is not followed: a post there was answered and no row has come yet, or it was not found.
   *
   * @param {(name: string) => {position: number, modseq: number} | null} known
   */
  question(known) {
    if (this._todo.size === 0) return null;
    const answered = this.own.highest();
    this._followed.clear();
    this._asked = [...this._todo].filter((name) => name !== ACCOUNT).slice(0, MAX_CHECKED).map((name) => {
      const met = known(name);
      if (met !== null) this._followed.add(name);
      const position = Math.max(met?.position ?? 0, answered.get(name) ?? 0);
      const place = this.trails.get(name)?.place ?? "";
      return { conversationId: name, place, position, modseq: met?.modseq ?? 0 };
    });
    return this._asked;
  }

  /**
   * What the answers come to, in the order asked; null: NOT_FOUND, all that is kept of the conversation is forgotten, but its
   * outbox. All of it is done and stored in one step, together with the account's value and counter, which the result of `check`
   * has and which replace those that are kept. What was not answered is asked again.
   *
   * @param {readonly (CheckAnswer | null)[]} answers
   * @returns {(Checked | null)[]}
   */
  answer(answers) {
    const asked = this._asked;
    this._asked = [];
    this._todo.delete(ACCOUNT);
    // Also if it was clean: this is what it is now, not what `since` vouches for.
    this.trails.setPlace(ACCOUNT, this._place);
    return answers.map((answer, at) => {
      if (answer !== null) return this._checked(asked[at], answer);
      const name = asked[at].conversationId;
      this._forgotten(name, this._followed.has(name));
      return null;
    });
  }

  /**
   * `since` was refused, or is given up. In one step it becomes the place of all that it vouched for, and nil. This is asked
   * next. The sync behind that begins at nil, but is not that of a new device.
   *
   * @param {string | null} since
   * @param {Iterable<string>} followed
   */
  letGo(since, followed) {
    for (const name of [...followed, ACCOUNT]) {
      if (this.trails.of(name).place === null) {
        this.trails.setPlace(name, since ?? "");
        this._todo.add(name);
      }
    }
    this._refused = true;
    this.open = false;
    this.notices.decide(false);
  }

  // -- sync ---------------------------------------------------------------------------------------------------------------

  /** A page of `sync` is asked: it will cover what is dirty now. */
  syncAsked() {
    this.covered.clear();
    for (const [name, trail] of this.trails.entries()) if (trail.place !== null) this.covered.add(name);
  }

  /**
   * A page came: the server has accepted `since`. The last one covers what was dirty when it was asked, and did not move since.
   * To be stored in one step with `next_since`, and with the heads and modseqs of the rows.
   *
   * @param {boolean} more
   */
  syncAnswered(more) {
    this.open = true;
    this._refused = false;
    this.notices.decide(true);
    if (!more) {
      for (const name of this.covered) {
        this.trails.setPlace(name, null);
        if (this.trails.of(name).isNothing) this.trails.drop(name);
      }
    }
    this.covered.clear();
  }

  /**
   * A row of `sync` says how this user stands to a conversation.
   *
   * @param {SyncRow} row
   */
  row({ conversationId, leftAt, team }) {
    if (leftAt !== null) this.left(conversationId);
    if (team === null && this.trails.get(conversationId) === undefined) return;
    const trail = this.trails.of(conversationId);
    if (trail.team === team) return;
    trail.team = team;
    this.trails.changed(conversationId);
  }

  /** @param {string} name  The team by which this user is in it, as the last row said. */
  teamOf(name) {
    return this.trails.get(name)?.team ?? null;
  }

  /**
   * Whether `since` vouches for all that is known of it, and nothing of it is to be read again or told.
   *
   * @param {string} name
   */
  isQuiet(name) {
    const trail = this.trails.get(name);
    const settled = trail === undefined || (trail.place === null && trail.again.isEmpty && trail.reading === null);
    return settled && !this.own.isLookedFor(name) && !this.notices.has(name);
  }

  // -- what is learnt -----------------------------------------------------------------------------------------------------

  /**
   * Something was learnt here: by a push of any kind, a page, an answer of `changes`, a reply to an own write.
   *
   * @param {string} name
   */
  moved(name) {
    this.covered.delete(name);
    if (this.trails.get(name)?.place !== this._place) this.trails.setPlace(name, this._place);
  }

  /**
   * A system message, handed on or not, tells that this message was edited or taken back.
   *
   * @param {string} name
   * @param {number} target
   */
  edited(name, target) {
    const { reading, touched } = this.trails.of(name);
    if (reading !== null && reading[0] <= target && target <= reading[1]) touched.add(target);
    this.trails.noteEdited(name, target);
  }

  /**
   * A system message, handed on or not, or a row tells that this user left or was removed.
   *
   * @param {string} name
   */
  left(name) {
    const trail = this.trails.of(name);
    trail.lifting = false;
    if (trail.veiled) return;
    trail.veiled = true;
    this.trails.changed(name);
  }

  /** @param {string} name  `changes` is asked there: only members are answered. */
  changesAsked(name) {
    const trail = this.trails.get(name);
    if (trail !== undefined) trail.lifting = trail.veiled;
  }

  /**
   * Its last page came: it showed what had been hidden, if this user has not left again.
   *
   * @param {string} name
   */
  changesAnswered(name) {
    const trail = this.trails.get(name);
    if (trail === undefined || !trail.lifting) return;
    trail.veiled = trail.lifting = false;
    this.trails.changed(name);
  }

  /**
   * Everything was read up to the head: own messages that are still looked for are gone.
   *
   * @param {string} name
   */
  reached(name) {
    const gone = this.own.giveUp(name);
    if (gone.length > 0) this.notices.note({ conversationId: name, gone });
  }

  /**
   * The conversations are not followed any more: what is kept of them goes. Own messages that were looked for are gone. Of those
   * that the outbox has posts for (`posting`) it is remembered that they are a team's, for the answers may yet come.
   *
   * @param {readonly string[]} names
   * @param {ReadonlySet<string>} posting
   */
  forget(names, posting) {
    for (const name of names) {
      this.reached(name);
      const team = this.teamOf(name);
      this.trails.drop(name);
      this.trails.changed(name);
      if (posting.has(name) && team !== null) this.trails.of(name).team = team;
      this._todo.delete(name);
      this.covered.delete(name);
    }
    this.own.forget(names);
  }

  /**
   * A page was refused NOT_FOUND: `forget`, which was learnt under this session's place. Another copy may have it again, and no
   * `since` of before would tell of it.
   *
   * @param {string} name
   * @param {ReadonlySet<string>} posting
   */
  notFound(name, posting) {
    this.forget([name], posting);
    this.trails.setPlace(name, this._place);
  }

  // -- the rules ------------------------------------------------------------------------------------------------------------

  /**
   * @param {Known} known
   * @param {CheckAnswer} answer
   * @returns {Checked}
   */
  _checked({ conversationId: name, position }, { agreed, stateGood, row }) {
    this._todo.delete(name);
    const trail = this.trails.of(name);
    const former = row.leftAt !== null;
    // What a former member is not shown looks like nothing, also if it is of another history. So such state is never known to be
    // good; but mostly it is, and that it may not be is no news.
    const hidden = trail.veiled || former;
    trail.veiled = former;
    trail.team = row.team;
    this.trails.setPlace(name, this._place);
    const head = row.leftAt === null ? row.head : Math.min(row.head, row.leftAt);
    if (agreed === position && (stateGood || hidden)) {
      return { row, head, keep: null, discardState: !stateGood, doubtState: hidden && stateGood };
    }
    const keep = agreed === null ? 0 : Math.min(agreed, position);
    trail.edited.cap(keep); // what stood above it is gone, and so may be the edits of what stands below it
    trail.again.cap(keep);
    for (const [low, high] of trail.edited.pairs()) trail.again.add(low, high);
    this.own.replacedAbove(name, keep);
    this.notices.note({ conversationId: name, replaced: true, agreed });
    return { row, head, keep, discardState: hidden || !stateGood, doubtState: false };
  }

  /**
   * @param {string} name
   * @param {boolean} followed
   */
  _forgotten(name, followed) {
    const ordinary = this.teamOf(name) !== null && !this._refused;
    const gone = this.own.keysIn(name);
    this.notFound(name, new Set());
    if (followed || gone.length > 0) {
      this.notices.note({ conversationId: name, forgotten: true, gone, pending: ordinary });
    }
  }
}
