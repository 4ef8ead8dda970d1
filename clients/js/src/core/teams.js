/**
 * Conversations of teams that were left: they end when the listing that said so does (SPEC 10.3, step 5). No I/O.
 *
 * In the trail of such a conversation `LEFT` stands instead of its team until then, also across kills.
 */

/** No team has this id. */
const LEFT = "";

export class Teams {
  /** @param {import("./trails.js").Trails} trails */
  constructor(trails) {
    this._trails = trails;
    /**
     * All whose team is `LEFT`, and maybe some whose was.
     *
     * @type {Set<string>}
     */
    this._ending = new Set();
  }

  /** What an earlier process left to decide. */
  restore() {
    this._ending = new Set([...this._trails.entries()].filter(([, trail]) => trail.team === LEFT).map(([name]) => name));
  }

  /**
   * Rows of a page say that these were left. The conversations in which this user was by one of them end when the listing does,
   * unless a row that comes until then says how the user is there: by a place of their own, or by the team again.
   *
   * @param {ReadonlySet<string>} teams
   */
  left(teams) {
    if (teams.size === 0) return;
    for (const [name, trail] of this._trails.entries()) {
      if (trail.team === null || !teams.has(trail.team)) continue;
      trail.team = LEFT;
      this._ending.add(name);
      this._trails.changed(name);
    }
  }

  /**
   * The rows of the last page were told: conversations that end with their team, to be forgotten in one step with the token; and
   * those in which something came since that page was asked. It may be younger than the page, and tell of a place of one's own or
   * of coming back: so the next sync decides, and is to be asked for.
   *
   * @param {(name: string) => boolean} followed
   * @param {ReadonlySet<string>} covered  Those in which nothing came since.
   */
  ended(followed, covered) {
    this._ending = new Set([...this._ending].filter((name) => this._trails.get(name)?.team === LEFT && followed(name)));
    /** @type {string[]} */
    const ended = [];
    /** @type {string[]} */
    const younger = [];
    for (const name of [...this._ending].sort()) {
      const moved = (this._trails.get(name)?.place ?? null) !== null && !covered.has(name);
      (moved ? younger : ended).push(name);
    }
    return { ended, younger };
  }
}
