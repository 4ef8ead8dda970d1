/** A set of positions, as few ranges as possible: messages come one after another, and pages are runs. */

/** Above every position (the wire's integers end at 2^53 - 1). */
export const NEVER = Number.MAX_SAFE_INTEGER;

/**
 * The first index whose value is at least this one.
 *
 * @param {readonly number[]} sorted
 * @param {number} value
 */
function firstFrom(sorted, value) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

export class Ranges {
  /** @param {Iterable<readonly [number, number]>} [ranges] */
  constructor(ranges = []) {
    /** @type {number[]} */
    this._lows = [];
    /** @type {number[]} */
    this._highs = [];
    for (const [low, high] of ranges) this.add(low, high);
  }

  /**
   * Add `low..high`; true if any of them is new.
   *
   * @param {number} low
   * @param {number} high
   */
  add(low, high) {
    if (low > high) return false;
    const first = firstFrom(this._highs, low - 1);
    const behind = firstFrom(this._lows, high + 2);
    if (first < behind) {
      if (this._lows[first] <= low && high <= this._highs[first]) return false;
      low = Math.min(low, this._lows[first]);
      high = Math.max(high, this._highs[behind - 1]);
    }
    this._splice(first, behind, [[low, high]]);
    return true;
  }

  /**
   * Remove `low..high`.
   *
   * @param {number} low
   * @param {number} high
   */
  remove(low, high) {
    if (low > high) return;
    const first = firstFrom(this._highs, low);
    const behind = firstFrom(this._lows, high + 1);
    if (first >= behind) return;
    /** @type {[number, number][]} */
    const left = [];
    if (this._lows[first] < low) left.push([this._lows[first], low - 1]);
    if (high < this._highs[behind - 1]) left.push([high + 1, this._highs[behind - 1]]);
    this._splice(first, behind, left);
  }

  /**
   * Remove every position below this one.
   *
   * @param {number} below
   */
  cut(below) {
    this.remove(-NEVER, below - 1);
  }

  /**
   * Remove every position above this one.
   *
   * @param {number} above
   */
  cap(above) {
    this.remove(above + 1, NEVER - 1);
  }

  /**
   * Keep at most so many ranges, by making one of the lowest: then there are positions in it that nobody added.
   *
   * @param {number} most
   */
  join(most) {
    const extra = this._lows.length - most;
    if (extra <= 0) return;
    this._lows.splice(1, extra);
    this._highs.splice(0, extra);
  }

  /**
   * Keep the highest `most` ranges; returns the position below which nothing is left, null if nothing was removed.
   *
   * @param {number} most
   */
  shorten(most) {
    if (this._lows.length <= most) return null;
    const below = this._lows[this._lows.length - most];
    this.cut(below);
    return below;
  }

  clear() {
    this._lows = [];
    this._highs = [];
  }

  /**
   * The ranges, ascending, with both ends.
   *
   * @returns {[number, number][]}
   */
  pairs() {
    return this._lows.map((low, index) => [low, this._highs[index]]);
  }

  /** @param {number} position */
  has(position) {
    const at = firstFrom(this._highs, position);
    return at < this._lows.length && this._lows[at] <= position;
  }

  get isEmpty() {
    return this._lows.length === 0;
  }

  /**
   * @param {number} first
   * @param {number} behind
   * @param {readonly [number, number][]} ranges
   */
  _splice(first, behind, ranges) {
    this._lows.splice(first, behind - first, ...ranges.map(([low]) => low));
    this._highs.splice(first, behind - first, ...ranges.map(([, high]) => high));
  }
}
