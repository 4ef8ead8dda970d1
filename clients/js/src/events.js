/**
 * The events that `client.events()` reports beside messages, each with its `type`; those of features stand with these.
 * Droppable: a slow reader loses the oldest ones, except those that are kept until they were heard.
 */

/** @typedef {import("./values.js").Cursor} Cursor */
/** @typedef {import("./values.js").StateMap} StateMap */
/** @typedef {import("./values.js").Content} Content */

/**
 * `reason` is for people. `retryInMs` says when the next attempt to connect begins, in state `waiting`.
 *
 * @typedef {{type: "connectionChanged", state: import("./values.js").State, reason: string, retryInMs: number | null,
 *   resumed: boolean}} ConnectionChanged
 */

/**
 * A member received or read up to the positions in `cursor`.
 *
 * @typedef {{type: "cursorMoved", conversationId: string, userId: string, cursor: Cursor}} CursorMoved
 */

/**
 * A message was taken back by `userId`: forget its content. It is a tombstone now, and `revision` its last one. Comes when the
 * system message that tells of it is handed on, missed ones too, and only if the application reads events. What was not handed
 * over before is handed over as a tombstone. Whoever keeps contents goes by that system message.
 *
 * @typedef {{type: "retracted", conversationId: string, position: number, revision: number, userId: string}} Retracted
 */

/**
 * The state of a message that the application has is this now, whole. See `Client.show` for when to count on it.
 *
 * @typedef {{type: "itemChanged", conversationId: string, position: number, extra: StateMap, mine: StateMap}} ItemChanged
 */

/**
 * What a conversation keeps for all its members, for this user alone, and what the account keeps, whole.
 *
 * @typedef {{type: "aboutChanged", conversationId: string, about: StateMap}} AboutChanged
 * @typedef {{type: "settingsChanged", conversationId: string, settings: StateMap}} SettingsChanged
 * @typedef {{type: "accountChanged", account: StateMap}} AccountChanged
 */

/**
 * A post got its answer while no call waited for it (the waiting was given up, or an earlier process made it). Exactly one of
 * `posted` and `error` is set.
 *
 * @typedef {{type: "postSettled", conversationId: string, key: Uint8Array, posted: import("./values.js").Posted | null,
 *   error: import("./errors.js").ClientError | null}} PostSettled
 */

/**
 * The server takes posts later (`delayed`), or does so no more. All go out by themselves; nothing is to be done.
 *
 * `code` is the refusal's: RATE_LIMITED (posts come faster than it takes them from one user), STORE_FULL, OVERLOADED, …, and
 * `text` what it says of it. Comes once for each code when that begins, and once when no post was refused so for a while. At
 * the beginning `waiting` says how many posts have no answer, and `retryInMs` when the next of them goes out. RATE_LIMITED with
 * a map as `detail` is an allowance that is used up, of bytes a day: a delay of its own.
 *
 * @typedef {{type: "postsDelayed", delayed: boolean, code: number, text: string, waiting: number, retryInMs: number | null,
 *   detail: any}} PostsDelayed
 */

/**
 * An older copy of the server's database has come back: above `agreed` the conversation is another one now.
 *
 * What the application keeps of messages above it is void; those that are there now come in `messages()`. Null: nothing is
 * known to be the same; maybe this user is in the conversation no more. `edited` follows for messages below that may say
 * something else. Kept until it was heard, across restarts, too: the reader who asks for the next event has heard it.
 *
 * @typedef {{type: "historyReplaced", conversationId: string, agreed: number | null}} HistoryReplaced
 */

/**
 * Own messages that were stored and are not there any more: the history was replaced, was read to its head, and they did not
 * come. Posting `content` again under the same key makes no second one, whoever does it; it is null if this client does not
 * have it any more. Kept until it was heard, like `historyReplaced`, behind which it comes.
 *
 * @typedef {{type: "postsGone", conversationId: string, posts: {key: Uint8Array, content: Content | null}[]}} PostsGone
 */

/**
 * Positions after `after` up to `knownHead` cannot be read (removed from the conversation, kept no longer, …).
 *
 * @typedef {{type: "catchUpFailed", conversationId: string, after: number, knownHead: number, reason: string}} CatchUpFailed
 */

/**
 * A message was edited; `content` and `revision` are the present ones (null: bytes that are no valid content). Comes after the
 * edit's system message was handed over. Not for a message that was taken back since: `retracted` tells of that. After
 * `historyReplaced` it tells of messages whose edit, or retraction, may be gone: then `revision` may be lower than before.
 *
 * @typedef {{type: "edited", conversationId: string, position: number, revision: number, content: Content | null}} Edited
 */

/**
 * A member is typing now; one blocks somebody, or does not any more.
 *
 * @typedef {{type: "typing", conversationId: string, userId: string}} Typing
 * @typedef {{type: "blockChanged", userId: string, blocked: boolean}} BlockChanged
 */

/**
 * @typedef {ConnectionChanged | CursorMoved | Retracted | ItemChanged | AboutChanged | SettingsChanged | AccountChanged |
 *   PostSettled | PostsDelayed | HistoryReplaced | PostsGone | CatchUpFailed | Edited | Typing | BlockChanged} ClientEvent
 */

export {};
