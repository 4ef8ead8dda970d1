/** Values of state as a device holds them: those of one item, and those that are told whole with a counter of their own. */

/** @typedef {Uint8Array | null} Value */

/**
 * An item as a push tells it, and as pages and `changes` show it: `mine` undefined says nothing about the user's own value.
 *
 * @typedef {{position: number, extra: Value, mine: Value | undefined}} Told
 */

/** The values of one item, and the modseq of each. */
export class Kept {
  /** @param {{modseq: number, extra: Value, mineModseq: number, mine: Value}} [saved] */
  constructor({ modseq, extra, mineModseq, mine } = { modseq: 0, extra: null, mineModseq: 0, mine: null }) {
    this.modseq = modseq;
    this.extra = extra;
    this.mineModseq = mineModseq;
    this.mine = mine;
  }

  /** Whether it shows anything. */
  get says() {
    return this.extra !== null || this.mine !== null;
  }
}

/** A value that is told whole, with a counter of its own: settings, account. Gaps mean nothing, and no counter falls. */
export class Counted {
  /** @param {{seq: number, value: Value}} [saved] */
  constructor({ seq, value } = { seq: 0, value: null }) {
    this.seq = seq;
    this.value = value;
  }

  /**
   * Take the value over if it is newer; true if it was.
   *
   * @param {number} seq
   * @param {Value} value
   */
  take(seq, value) {
    if (seq <= this.seq) return false;
    this.seq = seq;
    this.value = value;
    return true;
  }

  /**
   * Take the value over whatever its counter: the one that is held may be of another history.
   *
   * @param {number} seq
   * @param {Value} value
   */
  replace(seq, value) {
    this.seq = seq;
    this.value = value;
  }
}
