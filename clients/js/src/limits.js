/** Every bound of the client, with its reason. The wire's own bounds stand in wire/limits.js. */

import { Misuse } from "./errors.js";
import { MAX_CHANGES_PAGE, MAX_PAGE_ITEMS, MAX_STATE_BYTES } from "./wire/limits.js";

const MIB = 1024 * 1024;

/** Counts, bytes and milliseconds, as the names say. */
export const DEFAULT_CLIENT_LIMITS = Object.freeze({
  // -- towards the application
  maxQueuedMessages: 1000, // not yet handed over; beyond it conversations are marked behind
  maxQueuedBytes: 8 * MIB, // the same messages in bytes of content
  maxQueuedEvents: 1000, // for each reader of events; the oldest is dropped
  // -- towards the server
  maxOutboxEntries: 10_000, // posts without a reply; an application that makes more must wait
  maxOutboxBytes: 64 * MIB, // the same posts in bytes of content
  maxWrites: 10_000, // of features, without an answer; an application that makes more must wait
  maxCalls: 10_000, // of anything else, without an answer
  requestsKeptForReads: 16, // of the session's window, so that a full outbox does not stop catching up
  maxParallelReads: 4, // conversations that catch up at the same time; the others wait
  pageItems: MAX_PAGE_ITEMS, // in one request; the server's limit may be lower
  syncRows: MAX_PAGE_ITEMS,
  // -- state that is no message
  changesRows: MAX_CHANGES_PAGE, // in one request
  maxItemStates: 10_000, // of messages, for each conversation; beyond it the oldest are not held any more
  maxItemStatesInAll: 100_000, // beyond it those of conversations not shown go, the eldest first
  maxRangesHeld: 100, // of positions, for each conversation; pages here and there make them
  maxStateBytes: 2 * MAX_STATE_BYTES, // of one map; larger ones are not kept
  maxSettingsBytes: 64 * MIB, // of all conversations' `about` and settings together
  // -- against a hostile server
  maxConversations: 100_000, // followed at a time; beyond it quiet ones are let go, and come back when they move
  maxConversationsAtRest: 200_000, // whose positions are kept, here in memory; beyond it new ones are not followed
  maxUnknownConversations: 1000, // pushed before sync explained them; more are left to sync
  maxCursors: 100, // of members, for each conversation; servers push them up to 50 members
  maxCursorsInAll: 200_000, // beyond it the least recently moved conversation's are dropped
  maxMembers: 100_000, // of one conversation; a server that lists more violates the protocol
  maxEditsPending: 1000, // edited messages to read again for events; the oldest is dropped
  maxRetryAfterMs: 600_000, // a `retry_after_ms` above it is cut
  // -- towards the socket
  maxUnwrittenBytes: 256 * 1024, // above it frames wait in the session, which is bounded
  // -- time
  connectTimeoutMs: 10_000, // for one attempt to open a transport, TLS included
  abortAfterMs: 1000, // for a closed transport to flush its last frame
  stableAfterMs: 1000, // a connection that lasts so long resets the back-off
  calmAfterMs: 300_000, // so long without a violation resets the count of violations
  maxViolations: 5, // closes with 210-215 (SPEC 14.1)
  hurryEveryMs: 1000, // between two attempts to connect, however much the application hurries
  saveStateEveryMs: 1000, // between two steps in which changed state goes to the store
  delayOverAfterMs: 3000, // without another refusal of the kind: posts are not delayed any more
  askAgainMs: 1000, // after an answer that was behind what is known
  reportEveryMs: 1000, // between two reports of a conversation's cursors, which are coalesced
});

/** @typedef {{[K in keyof typeof DEFAULT_CLIENT_LIMITS]: number}} ClientLimits */

/**
 * The defaults with these put in their place. Throws Misuse for an unknown name or a value that is not above 0.
 *
 * @param {Partial<ClientLimits>} [changed]
 * @returns {Readonly<ClientLimits>}
 */
export function clientLimits(changed = {}) {
  for (const [name, value] of Object.entries(changed)) {
    if (!(name in DEFAULT_CLIENT_LIMITS)) throw new Misuse(`there is no limit ${name}`);
    if (!(value > 0)) throw new Misuse(`${name} must be above 0`);
  }
  return Object.freeze({ ...DEFAULT_CLIENT_LIMITS, ...changed });
}
