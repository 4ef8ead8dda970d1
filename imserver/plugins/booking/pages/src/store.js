/**
 * The page's state: one object that is replaced, never changed. Events of the client and acts set parts of it; screens draw
 * it.
 */

/**
 * @template {object} S
 * @typedef {object} Store
 * @property {() => S} get
 * @property {(patch: Partial<S>) => void} set  Replaces the named parts. Listeners hear of it once, after the running code.
 * @property {(listener: (state: S) => void) => () => void} subscribe  Returns how to stop listening.
 */

/**
 * @template {object} S
 * @param {S} initial
 * @returns {Store<S>}
 */
export function createStore(initial) {
  let state = Object.freeze({ ...initial });
  /** @type {Set<(state: S) => void>} */
  const listeners = new Set();
  let due = false;

  function tell() {
    due = false;
    for (const listener of [...listeners]) listener(state);
  }

  return {
    get: () => state,
    set(patch) {
      const names = /** @type {(keyof S)[]} */ (Object.keys(patch));
      if (names.every((name) => Object.is(state[name], patch[name]))) return;
      state = Object.freeze({ ...state, ...patch });
      // One drawing for everything that one event changes: a page of history is 50 messages.
      if (!due) queueMicrotask(tell);
      due = true;
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
