/**
 * What falls when an older copy of the server's database has come back, when a conversation is gone, or when a team was left:
 * each time all parts forget the same, in one step (SPEC 10.3, 10.9).
 */

import { NO_CURSOR } from "../values.js";

/** @typedef {import("../values.js").Cursor} Cursor */
/** @typedef {import("./lineage.js").Checked} Checked */
/** @typedef {import("./lineage.js").Known} Known */
/** @typedef {import("../wire/methods.js").CheckAnswer} CheckAnswer */
/** @typedef {import("../wire/methods.js").SyncRow} SyncRow */

export class Fallen {
  /** @param {import("./core.js").Core} core */
  constructor(core) {
    this._core = core;
  }

  /** Give the token up, and let nothing be asked that depends on positions, until they are checked. */
  sinceRefused() {
    const { requests, lineage, catchUp, telling, storeEpoch } = this._core;
    requests.hold();
    const told = new Set(lineage.notices.all());
    catchUp.letGo(storeEpoch, null);
    for (const notice of lineage.notices.all()) {
      if (!told.has(notice)) telling.notice(notice); // it waited for this: to lose a team's conversation may be ordinary
    }
  }

  /**
   * Answers of `check`: what is known falls to what is part of the server's history.
   *
   * @param {readonly Known[]} asked
   * @param {import("../wire/methods.js").CheckResult} result
   */
  takeAnswers(asked, { answers, account, accountSeq }) {
    const { lineage, inbox, states, store, posting } = this._core;
    const offered = answers.flatMap((answer, at) => this._voidAnswers(asked[at], answer));
    /** @type {Map<string, import("./saved.js").SavedFall | null>} */
    const falls = new Map();
    for (const [at, outcome] of lineage.answer(answers).entries()) {
      const { conversationId: name, position } = asked[at];
      if (outcome === null) {
        this._tellNotice(name);
        this._drop([name]);
        falls.set(name, null);
      } else if (inbox.has(name)) {
        this._fall(outcome, answers[at]?.agreed ?? null, position);
        falls.set(name, { upto: outcome.keep ?? position, knownHead: outcome.head });
      } else {
        this._tellNotice(name); // sync lists it, from where this user joined
      }
    }
    states.accountIs(accountSeq ?? 0, account);
    const unsaved = states.kept.unsaved();
    const keys = offered.map(({ key }) => key);
    store.saveChecked(falls, keys, unsaved.states, unsaved.account, lineage.unsaved());
    states.kept.saved();
    lineage.saved();
    posting.offerAgain(offered);
  }

  /**
   * Posts whose answers are none in this history, and that the application has not seen as messages: they are offered again, in
   * the order of before, with those that were posted again by then. The key makes sure that none is there twice.
   *
   * @param {Known} known
   * @param {CheckAnswer | null} answer
   */
  _voidAnswers({ conversationId, position: met }, answer) {
    const { store, lineage, posting } = this._core;
    if (answer !== null && answer.agreed === met) return [];
    const agreed = answer?.agreed ?? 0;
    const again = posting.outbox
      .entries()
      .map((post) => ({ post, position: lineage.own.positionOf(post.key) }))
      .filter(({ post, position }) => post.conversationId === conversationId && position > agreed);
    const answered = store
      .answered(conversationId, agreed)
      .filter(({ post, position, passed }) => !passed && lineage.own.takeBack(post.key, position));
    return [...answered, ...again].sort((one, other) => one.position - other.position).map(({ post }) => post);
  }

  /**
   * A row that replaces what is known of its conversation. `asked`: the position that was known.
   *
   * @param {Checked} outcome
   * @param {number | null} agreed
   * @param {number} asked
   */
  _fall(outcome, agreed, asked) {
    const { row, keep } = outcome;
    const { telling, delivery, writes, ports, receipts, inbox, states, cursors, userId } = this._core;
    const name = row.conversationId;
    /** @type {Map<string, Cursor>} */
    const told = new Map(row.cursors.map((one) => [one.userId, { delivered: one.delivered, read: one.read }]));
    told.set(userId, { delivered: row.delivered, read: row.read });
    const before = this._ownCursor(row);
    if (keep !== null) {
      telling.replaced(name, agreed);
      delivery.fall(name, keep);
      writes.fall(name, keep);
      ports.fall(name, keep);
    }
    if (keep !== null || row.delivered < before.delivered || row.read < before.read) {
      receipts.fall(name, keep ?? asked, before);
    }
    inbox.fall(row, keep, outcome.head);
    states.fall(outcome);
    cursors.replace(name, told);
  }

  /**
   * What the server had been told of this user's own cursor, as far as it is known: after a restart, that what is done was
   * delivered.
   *
   * @param {SyncRow} row
   * @returns {Cursor}
   */
  _ownCursor({ conversationId: name, leftAt, kind }) {
    const { cursors, store, lineage, userId } = this._core;
    if (leftAt !== null || kind === "channel") return NO_CURSOR;
    const known = cursors.of(name).get(userId) ?? NO_CURSOR;
    const done = lineage.teamOf(name) !== null ? 0 : (store.places([name]).get(name)?.have ?? 0);
    return { delivered: Math.max(known.delivered, done), read: known.read };
  }

  /** @param {readonly string[]} names  Of conversations that are followed no more. */
  _drop(names) {
    const { delivery, inbox, states, cursors, receipts, writes, ports } = this._core;
    delivery.forget(names);
    for (const name of names) {
      inbox.drop(name);
      states.kept.drop(name);
      cursors.drop(name);
      receipts.drop(name);
      writes.fall(name, 0);
      ports.fall(name, 0);
    }
  }

  /** @param {string} name */
  _tellNotice(name) {
    for (const notice of this._core.lineage.notices.all()) {
      if (notice.conversationId === name) this._core.telling.notice(notice);
    }
  }

  /** @param {string} name  There may be nothing more to read, now: then own messages that are looked for are gone. */
  readUpToHead(name) {
    const { lineage, inbox, store } = this._core;
    if (!lineage.own.isLookedFor(name) || !lineage.open) return;
    const track = inbox.get(name);
    if (track === undefined || track.isBehind) return;
    lineage.reached(name);
    store.saveLineage(lineage.step());
    this.tellGone([name]);
  }

  /**
   * A page of sync, the last one if it is `listed`, may say that teams were left. Returns conversations that end with them, which
   * are followed no more.
   *
   * @param {readonly SyncRow[]} rows
   * @param {boolean} listed
   */
  leftTeams(rows, listed) {
    const { lineage, inbox, catchUp, posting } = this._core;
    lineage.teams.left(new Set(rows.filter((row) => row.leftAt !== null).map((row) => row.conversationId)));
    if (!listed) return [];
    const { ended, younger } = lineage.teams.ended((name) => inbox.has(name), lineage.covered);
    if (younger.length > 0) catchUp.wantSync();
    if (ended.length > 0) {
      lineage.forget(ended, posting.conversations());
      this._drop(ended);
    }
    return ended;
  }

  /**
   * A page of it was refused NOT_FOUND: unless something said since it was asked (`standing`) that one is in the conversation, it is
   * followed no more.
   *
   * @param {string} name
   * @param {string | null} standing
   */
  notFound(name, standing) {
    const { inbox, lineage, posting, states, store } = this._core;
    const track = inbox.get(name);
    if (track === undefined || track.standing !== standing) return;
    if (track.isBehind) this._core.cannotRead(name, track.have, track.knownHead, "not found");
    lineage.notFound(name, posting.conversations());
    this._drop([name]);
    const unsaved = states.kept.unsaved();
    store.saveChecked(new Map([[name, null]]), [], unsaved.states, unsaved.account, lineage.unsaved());
    states.kept.saved();
    lineage.saved();
    this.tellGone([name]);
  }

  /** @param {readonly string[]} names  Own messages that were looked for there are gone, which is stored. */
  tellGone(names) {
    if (names.length === 0) return;
    const { lineage, telling } = this._core;
    for (const notice of lineage.notices.all()) if (names.includes(notice.conversationId)) telling.gone(notice);
  }
}
