"""What protocol/SPEC.md asks of clients, sentence by sentence, and the scenarios that judge it.

A test holds the sentences against the specification: each stands there, word by word, in its section; each "must" of it stands
here; and each scenario is named by a sentence. `by` may hold patterns (`closes/*`); `EVERY` is judged in each scenario, by
whatever the client sends (`line`, `session`).
"""

from __future__ import annotations

from typing import Final, NamedTuple

#: Judged at every frame of every scenario.
EVERY: Final = "every scenario"


class Rule(NamedTuple):
    """`says`: as it stands in `section`. `by`: scenarios, or EVERY; none: `why` not."""

    section: str
    says: str
    by: tuple[str, ...]
    why: str = ""


def _rule(section: str, says: str, *by: str) -> Rule:
    return Rule(section, says, by)


def _not_judged(section: str, says: str, why: str) -> Rule:
    return Rule(section, says, (), why)


RULES: Final[tuple[Rule, ...]] = (
    # -- frames
    _rule("2.2", "The client asks for the subprotocol `imserver.1`", EVERY),
    _rule("2.2", "A text message is a breach", EVERY),
    _rule(
        "2.1",
        "So do not shut down\nyour sending half to say that you are done: send GOODBYE",
        "closes/orderly",
    ),
    _rule(
        "3",
        "a receiver must judge the length before it buffers the body",
        "frames/too-long",
        "frames/of-length-0",
    ),
    _rule("3", "A frame that is not complete\nwhen the connection ends is discarded", "resume/half-a-frame"),
    _rule(
        "3",
        "the new limit holds from the byte behind it",
        "hello/welcome-and-more",
        "resume/large-frame",
        "resume/smaller-limits",
    ),
    _rule("3", "A\nclient keeps to 4096 until it has read WELCOME", EVERY, "hello/first"),
    _rule(
        "2",
        "How bytes are cut into segments means nothing",
        "hello/welcome-byte-by-byte",
        "frames/one-segment",
    ),
    _rule(
        "4",
        "A receiver **must** refuse\neverything in the right column",
        "frames/of-byte-c1",
        "frames/cut-short",
        "frames/with-*",
        "frames/nested-17-deep",
        "frames/that-is-a-map",
    ),
    _rule("4", "a sender must not send it", EVERY),
    _rule("4", "a receiver must accept the longer ones", "frames/wide-numbers"),
    _rule("5", "**A receiver ignores extra trailing fields**, and so must you", "growth/*", "typing/grown"),
    _rule("5", "an unknown frame type | close MALFORMED", "frames/of-an-unknown-type"),
    _rule(
        "5", "close BAD_STATE", "frames/that-clients-send", "frames/welcome-again", "frames/reply-to-nothing"
    ),
    _rule("5", "a control frame whose seq is not 0 | close MALFORMED", "frames/ack-with-a-seq"),
    _rule(
        "5",
        "a payload frame whose seq is not the next one | close SEQ_ORDER",
        "frames/again",
        "frames/with-a-gap",
    ),
    _rule(
        "5",
        "missing fields, or fields of a wrong type | close MALFORMED",
        "frames/push-of-*",
        "frames/refusal-of-no-text",
        "frames/ping-of-no-nonce",
    ),
    _rule(
        "5",
        "a push of a known kind with missing or wrong fields of that kind | close MALFORMED",
        "frames/message-*",
    ),
    _rule(
        "5",
        "a signal of a known kind with such fields | ignored; a client may close MALFORMED",
        "frames/wrong-signal",
    ),
    _rule(
        "5",
        "an unknown push or signal kind, an unknown key in a map, an unknown feature | ignored",
        "receiving/unknown-names",
        "growth/unknown-everything",
        "typing/unknown-conversation",
    ),
    _rule(
        "5",
        "an ack above the last seq sent; a lower ack than before is ignored | close ACK_TOO_HIGH",
        "frames/that-acks-too-much",
        "frames/lower-ack",
    ),
    _rule("5.1", "**at most 12 fields** behind type, seq and ack (MALFORMED)", "frames/of-13-fields"),
    # -- sessions
    _rule("6", "**It must send nothing else before WELCOME**", EVERY, "hello/first"),
    _rule(
        "6",
        "A client waits for 15 s, counted\nfrom HELLO, then closes the socket and comes back",
        "hello/no-welcome",
    ),
    _rule(
        "6",
        "The client closes with MALFORMED for an empty `user_id`",
        "hello/welcome-*",
        "resume/another-session",
    ),
    _rule("6", "do not make up a new `device_id` at each start", "hello/killed"),
    _rule(
        "6.1",
        "the seq of the last payload frame received in that session",
        "resume/acks-what-came",
        "resume/resent-pushes",
    ),
    _rule("6.1", "otherwise closes with ACK_TOO_HIGH", "resume/welcome-acks-too-*"),
    _rule("6.1", "**with the same seq and the same fields**", "resume/sends-again"),
    _rule(
        "6.1",
        "So every payload frame arrives exactly once, whatever the cut swallowed",
        "resume/three-cuts",
        "resume/sends-nothing-again",
    ),
    _rule(
        "6.2",
        "forgets the old session: its resend queue, its counters",
        "hello/refused-resume",
        "posting/fresh-session",
    ),
    _rule("6.2", "a session's state must not be kept on disk", "hello/killed"),
    _rule(
        "6.2", "No GOODBYE *before WELCOME* ends the session that HELLO offered", "closes/*-before-welcome"
    ),
    _rule(
        "6.3",
        "**a client that did not receive a WELCOME presents the token that it has.**",
        "hello/lost-welcome",
    ),
    _rule(
        "7",
        "**Every frame carries, as `ack`, the seq of the last payload frame that its sender has taken over**",
        EVERY,
    ),
    _rule("7", "**Ack what your protocol layer has parsed**", "windows/acks-never-wait-for-the-application"),
    _rule("7", "100 ms have passed since the first of them", "windows/ack-in-time", "windows/ack-by-count"),
    _rule(
        "8",
        "A client must not send a request that does not fit",
        EVERY,
        "windows/requests",
        "windows/one-request",
        "windows/request-bytes",
        "resume/window-across-a-cut",
    ),
    # -- posts
    _rule("9.1", "The key is 16 bytes, made by the client, one for each message", EVERY, "posting/once"),
    _rule(
        "9.2",
        "its content is encoded **once** (the bytes must stay the same)",
        "posting/fresh-session",
        "posting/outbox-on-disk",
    ),
    _rule("9.2", "offer the new entries of each conversation in order", "posting/in-order"),
    _rule(
        "9.2",
        "REFUSAL 600-699: final, and *not stored*. Remove the entry and tell the application",
        "posting/final-refusal",
    ),
    _rule("9.2", "it is committed; tell the application", "posting/echo-first", "posting/duplicate"),
    _rule(
        "9.3",
        "offers nothing there until all its posts and abandons there are answered",
        "holds/unanswered",
        "holds/elsewhere",
        "holds/across-a-cut",
    ),
    _rule("9.3", "begins with *one*, and offers twice as many at a time after each success", "holds/burst"),
    _rule("9.3", "Holds belong to the session: a fresh one has none", "holds/end-with-the-session"),
    _rule("9.4", "**and nothing is offered to that conversation** (9.3)", "posting/abandon"),
    _rule(
        "9.6", "ask again with the same key, after\n   `retry_after_ms`", "posting/create-again", "edits/edit"
    ),
    _rule("9.6", "have one under way at a time", "edits/one-edit-at-a-time"),
    _rule(
        "9.7", "a *put* that is asked again must not come behind a later *remove*", "reactions/put-and-remove"
    ),
    _rule("20", "So the creator knows it before the answer", "posting/create"),
    # -- receiving
    _rule("10", "Their reply is no message: it moves neither `have` nor `known_head`", "edits/own-edit"),
    _rule("10.2", "`p ≤ have`: seen. Drop it", "receiving/twice"),
    _rule("10.2", "hand it on; `have = p`; `known_head = max(known_head, p)`", "receiving/in-order"),
    _rule(
        "10.2",
        "something is missing. `known_head = max(known_head, p)`; drop the content; go to *reading*",
        "receiving/gap",
        "receiving/pushes-during-a-read",
    ),
    _rule(
        "10.2",
        "The conversation is unknown: drop the message, and sync (10.3)",
        "receiving/unknown-conversation",
    ),
    _rule("10.2", "positions without items are no longer kept", "receiving/kept-no-longer"),
    _rule(
        "10.2",
        "stop until `known_head` rises again",
        "receiving/rest-cannot-be-read",
        "lineage/history-beyond-the-head",
    ),
    _rule(
        "10.3",
        'Ask it after every WELCOME with `resumed = false`, after PUSH "lagging"',
        "syncing/since",
        "syncing/lagging",
        "syncing/lagging-while-away",
    ),
    _rule(
        "10.3",
        "a reason that comes up during one asks for one more after it",
        "syncing/reasons-during-a-sync",
    ),
    _rule("10.3", "While `more`, ask again with the new `since`", "syncing/pages"),
    _rule("10.3", "ends all conversations that the client knows with that `team`", "syncing/team-left"),
    _rule(
        "10.4", "a new device starts\nat the heads", "syncing/new-device", "syncing/first-sync-interrupted"
    ),
    _rule(
        "10.6",
        "and never begins as\na new device, which would skip messages",
        "lineage/another-epoch",
        "lineage/since-refused",
    ),
    _rule(
        "10.7",
        "at most the one unfinished message of each conversation is handed over again",
        "receiving/across-a-kill",
    ),
    _rule("10.9", "An ordinary reconnect after an answered sync asks no `check`", "lineage/place-after-sync"),
    _rule(
        "10.9",
        "It asks `check` about each conversation in which it learnt something",
        "lineage/check",
        "lineage/across-a-kill",
    ),
    _rule("10.9", "Of own messages that do not come back it tells the user", "lineage/posts-again"),
    _rule("10.9", "Nothing else of the session goes out before 3 is done", "lineage/nothing-else-before"),
    _rule(
        "10.9", "A second EPOCH_CHANGED of `since` in one session", "lineage/refused-twice", "lineage/check-*"
    ),
    # -- contents, state and parts
    _rule("11", "**a receiver must check every field that it uses**", "receiving/unknown-contents"),
    _rule("11", "passes the\nbytes on untouched", "receiving/card", "receiving/unknown-contents"),
    _rule("11.2", "a client that shows the target reads it again", "edits/edited"),
    _rule("11.3", "a client forgets the content of the target wherever it has it", "receiving/taken-back"),
    _rule("12", "Report at most once a second, when there is something new", "receiving/cursors"),
    _rule("13", "PING must be answered by PONG with its nonce at once", "windows/ping"),
    _rule("13", "The client sends PING after 25 s of silence", "windows/silence"),
    _rule("13", "the first attempt after a random time within 0.5 s", "closes/no-goodbye", "closes/jitter"),
    _rule("14.1", "**come back**, after `retry_after_ms`, and resume", "closes/10?", "closes/150"),
    _rule("14.1", "**stop**: do not come back by yourself; tell the application", "closes/20?", "closes/250"),
    _rule(
        "14.1",
        "offer the outbox one entry at a time",
        "closes/21?",
        "closes/one-at-a-time",
        "closes/posts-that-close",
    ),
    _rule("14.1", "stop after 5 such closes in a row", "closes/five-in-a-row"),
    _rule("14.1", "come back only with another one", "closes/30?", "closes/350", "closes/the-only-token"),
    _rule(
        "14.1",
        "**later**: come back with back-off, after `retry_after_ms`",
        "closes/40?",
        "closes/450",
        "closes/50?",
        "closes/950",
    ),
    _rule(
        "14.2",
        "Treat an unknown code of 600-699 as final, one of 700-799 as retryable",
        "holds/unknown-code",
        "posting/final-refusal",
    ),
    _rule(
        "14.2",
        "offer the same key again, not before `retry_after_ms`",
        "holds/disk-full",
        "holds/overloaded",
        "holds/internal",
        "holds/outcome-unknown",
        "syncing/refused-for-now",
    ),
    _rule(
        "16",
        "Refuse in your own encoder what exceeds them, **before** you give out a seq",
        "windows/content-too-long",
        "windows/exact-bounds",
        "hello/welcome-with-few-limits",
        "receiving/many-pairs",
    ),
    _rule("17", "a session that is resumed has that token from then on", "posting/renew"),
    _rule("18.2", "`first..last` is the range that the page covers", "syncing/application-pages"),
    _rule(
        "18.6",
        "The client's `have` stays where it was, and reading shows what came between",
        "syncing/added-again",
    ),
    _rule(
        "18.9",
        "A value replaces the one held if and only if its modseq is higher",
        "states/higher-is-right",
        "states/mine",
        "states/unknown-item",
        "reactions/own-put",
    ),
    _rule(
        "18.9",
        "While a conversation is shown and `top` > `seen`: ask `changes` after `seen`",
        "states/gap",
        "states/hint",
        "states/lagging",
    ),
    _rule("18.9", "`settings` and `account` replace by their counters", "states/counters"),
    _rule("18.9", "Keep WELCOME's `features`, as a set, with the state", "states/other-features"),
    _rule(
        "18.12",
        "So a client asks nothing of a part that is\nnot named",
        EVERY,
        "*/without",
        "typing/features-of-a-resume",
    ),
    _rule(
        "18.14",
        "all devices of the asker are pushed `block_changed`",
        "blocks/block",
        "blocks/refused-by-a-block",
    ),
    _rule("19.1", "**Signals are told once or never.**", "typing/both-ways"),
    # -- what no judge of a client sees
    _not_judged(
        "9.2",
        "A client that wants to survive a kill keeps the outbox on disk",
        "a choice: whoever lacks `kill` says so",
    ),
    _not_judged(
        "14.1",
        "two programs that share a device id must not displace each other for ever",
        "the reason of `stop`, which is judged",
    ),
    _not_judged("17", "if present it must contain `chat`", "of tokens, which an operator makes"),
    _not_judged("18.6", "All must exist", "of the server"),
    _not_judged("19.1", "What must arrive is no signal", "of who makes a signal"),
    _not_judged(
        "21", "must be recv + 1; an ACK is due within 100 ms", "a sketch; sections 5 and 7 are judged"
    ),
    _not_judged(
        "5.1",
        "each beside the one that it must be taken for",
        "of vectors/later.json, which a test of the client reads",
    ),
)
