/**
 * The three things that the client needs of its surroundings: a store, a way to open transports, and a clock with random
 * numbers. Types only: an adapter is any object of the shape.
 */

// -- storage ----------------------------------------------------------------------------------------------------------

/**
 * What a record holds: plain data that IndexedDB can clone. Bytes are `Uint8Array`; maps never occur.
 *
 * @typedef {null | boolean | number | string | Uint8Array | StoredValue[] | {[name: string]: StoredValue}} StoredValue
 */

/**
 * The tables of a store. Keys are strings in all of them; those of `posts` and `items` sort in the order that matters.
 *
 * | table | a record |
 * |---|---|
 * | `meta` | one of the client's few single values: device, user, store epoch, sync token … |
 * | `positions` | by conversation: how far it was received |
 * | `posts` | by number: the outbox, and the newest posts that were answered, with their contents (≤ 4 MiB) |
 * | `states` | by conversation: what is known of its state |
 * | `items` | by conversation and position: the state of a message (≤ 100,000) |
 * | `trails` | by conversation: where it was learnt, and what is to be read again |
 * | `own` | by key: positions of own messages |
 * | `notices` | by conversation: what the application is still to be told |
 * | `cards` | free for the application's side of the package; the core never touches it |
 *
 * @typedef {"meta" | "positions" | "posts" | "states" | "items" | "trails" | "own" | "notices" | "cards"} TableName
 */

/** @type {readonly TableName[]} */
export const TABLES = Object.freeze([
  "meta", "positions", "posts", "states", "items", "trails", "own", "notices", "cards",
]);

/**
 * One record, whole. `value` undefined: remove the record (which need not exist).
 *
 * @typedef {{table: TableName, key: string, value: StoredValue | undefined}} Change
 */

/**
 * Everything that the store holds, in ascending order of keys (by UTF-16 unit) within each table.
 *
 * @typedef {Record<TableName, Map<string, StoredValue>>} Loaded
 */

/**
 * Keeps the outbox and what was received across restarts.
 *
 * The client calls `open` once, then `commit` any number of times, never two at once, and `close` once at the end. It
 * hands over everything that changed in one turn of the event loop together, and lets nothing out that rests on it (a post
 * to the server, a message to the application) before `commit` has resolved.
 *
 * Every method rejects with `StoreError` (errors.js) when the store cannot be used: locked by another client, damaged,
 * refused, full. After that the client stops, and calls only `close`.
 *
 * @typedef {object} Storage
 * @property {() => Promise<Loaded>} open  Lock the store for this client alone and read it. One that is locked by a client
 *   that is just being closed may be waited for, for up to a second.
 * @property {(changes: readonly Change[]) => Promise<void>} commit  Atomic and durable: after a kill at any time either
 *   all of the changes are there or none, and all if the promise had resolved. Later changes of one record win. The
 *   values must not be changed by either side afterwards.
 * @property {() => Promise<void>} close  Release the store. Closing twice is allowed.
 * @property {() => Promise<void>} [erase]  Remove everything (signed out, token revoked), instead of `close`.
 */

// -- transport --------------------------------------------------------------------------------------------------------

/**
 * What a transport tells. All calls come on later turns than the one in which `open` was called.
 *
 * @typedef {object} TransportEvents
 * @property {(bytes: Uint8Array) => void} onBytes  Bytes arrived, in order; how they are cut means nothing. The client
 *   does not keep the array behind the call.
 * @property {(error?: Error) => void} onClosed  The transport is gone, in both directions; the last call, made once, also
 *   after `close` and `abort` of our own. A peer that has ended its direction counts as gone.
 * @property {() => void} onDrained  `bufferedBytes` fell to a quarter of a MiB or less, after it was above it.
 */

/**
 * An open transport.
 *
 * @typedef {object} Transport
 * @property {(bytes: Uint8Array) => void} send  Send in order. Never blocks; does nothing on one that is closed.
 * @property {number} bufferedBytes  Bytes given to `send` that the system has not taken yet.
 * @property {() => void} close  Close behind what was sent.
 * @property {() => void} abort  Close at once; bytes on their way may be lost.
 */

/**
 * Opens a transport to an address (`wss://host/socket`, `imserver://host:7410` …). Rejects with any Error if it cannot;
 * then no events come. `signal` aborts the attempt; a transport that opens nevertheless is aborted by its adapter.
 *
 * @typedef {(address: string, events: TransportEvents, signal: AbortSignal) => Promise<Transport>} OpenTransport
 */

// -- clock and random numbers -----------------------------------------------------------------------------------------

/**
 * The machine's clock, timers and random numbers, unless a test gives others.
 *
 * @typedef {object} Environment
 * @property {() => number} now  Milliseconds of a clock that never goes back.
 * @property {(run: () => void, ms: number) => unknown} setTimer  Run once after so many milliseconds.
 * @property {(timer: unknown) => void} clearTimer  Forget a timer, also one that has run.
 * @property {(least: number, most: number) => number} uniform  A random number of this range.
 * @property {(count: number) => Uint8Array} randomBytes  Bytes of good quality: they become idempotency keys.
 */
