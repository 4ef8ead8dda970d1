/** How much state is kept: items of one conversation and of all, and bytes of `about` and settings. */

/** @typedef {import("./state.js").ConversationState} ConversationState */

export class StateBounds {
  /** @param {import("./core.js").Core} core */
  constructor(core) {
    this._core = core;
    /**
     * How many items each conversation has, the one that changed last at the end; and all together.
     *
     * @type {Map<string, number>}
     */
    this._counts = new Map();
    this._count = 0;
    this._bytes = 0;
  }

  /**
   * The conversation's items changed: those that are too many are let go. Returns other conversations whose items are to go, too.
   *
   * @param {string} name
   * @param {ConversationState} state
   */
  counted(name, state) {
    const { limits } = this._core;
    if (state.items.size > limits.maxItemStates) this._cut(state, limits.maxItemStates);
    const below = state.held.shorten(limits.maxRangesHeld);
    if (below !== null) state.cut(below);
    this._count += state.items.size - (this._counts.get(name) ?? 0);
    this._counts.delete(name);
    if (state.items.size > 0) this._counts.set(name, state.items.size);
    const fallen = [];
    while (this._count > limits.maxItemStatesInAll && this._counts.size > 1) {
      const names = [...this._counts.keys()];
      const eldest = names.find((one) => !this._core.states.reader.isShown(one)) ?? names[0];
      fallen.push(eldest);
      this.drop(eldest);
    }
    return fallen;
  }

  /**
   * @param {ConversationState} state
   * @param {number} most
   */
  _cut(state, most) {
    const kept = Math.max(1, Math.floor((most * 3) / 4));
    const positions = [...state.items.keys()].filter((one) => state.held.has(one)).sort((one, other) => one - other);
    if (positions.length > kept) state.cut(positions[positions.length - kept]);
    if (state.items.size > most) state.forgetUnheld();
  }

  /** @param {string} name */
  drop(name) {
    this._count -= this._counts.get(name) ?? 0;
    this._counts.delete(name);
  }

  /**
   * A value of `about` or settings took the place of another.
   *
   * @param {Uint8Array | null} before
   * @param {Uint8Array | null} after
   */
  grown(before, after) {
    this._bytes += (after?.length ?? 0) - (before?.length ?? 0);
    if (this._bytes > this._core.limits.maxSettingsBytes) this._core.violated("more settings than a client keeps");
  }
}
