/**
 * One connection of a client: bytes and `now` go in; bytes, events and one deadline come out. It dies with its socket.
 *
 * After any call the adapter does one thing: write what `dataToSend` has, arm one timer for `deadline`, hand over `events`.
 * Feeding bytes never throws for the peer's fault: the connection closes and reports `closed`.
 */

import { CloseCode, plain } from "../errors.js";
import { decodeFrame } from "../wire/decode.js";
import { encodeTail } from "../wire/encode.js";
import { FrameType, sessionIsOver, TYPE_NAMES, VERSION } from "../wire/frames.js";
import { FrameSplitter } from "../wire/framing.js";
import { LIMITS_BEFORE_WELCOME, OWN_BOUNDS, readLimits } from "../wire/limits.js";
import { GOODBYE, WELCOME } from "../wire/methods.js";
import { Malformed, RemoteError } from "../wire/values.js";
import { takeFields, takeNonce, takeRefusal, takeReply, takeTold } from "./payload.js";
import { Session } from "./session.js";
import { Transmitter } from "./transmit.js";

/** @typedef {import("../wire/decode.js").Frame} Frame */
/** @typedef {import("./payload.js").ReplyReceived} ReplyReceived */
/** @typedef {import("./payload.js").RefusalReceived} RefusalReceived */
/** @typedef {import("./payload.js").Told} Told */
/** @typedef {ReturnType<typeof WELCOME>} Welcome */

/**
 * @typedef {{event: "welcome", welcome: Welcome, session: Session}} WelcomeReceived
 * @typedef {{event: "closed", code: number, text: string, retryAfterMs: number, byPeer: boolean, sessionOver: boolean}} Closed
 *   The last event. `code` is LOST if the socket ended without GOODBYE.
 * @typedef {ReplyReceived | RefusalReceived | Told | WelcomeReceived | Closed} ConnectionEvent
 */

/** @typedef {"new" | "awaiting welcome" | "open" | "closing" | "closed"} ConnectionState */
/** @typedef {(connection: Connection, frame: Frame) => void} Handler */

/** @type {readonly [number, Handler][]} */
const BEFORE_WELCOME = [
  [FrameType.WELCOME, (connection, frame) => connection._onWelcome(frame)],
  [FrameType.GOODBYE, (connection, frame) => connection._onGoodbye(frame)],
];
/** @type {readonly [number, Handler][]} */
const WHILE_OPEN = [
  [FrameType.ACK, () => {}], // the header said it
  [FrameType.PING, (connection, frame) => connection._onPing(frame)],
  [FrameType.PONG, (_, frame) => void takeNonce(frame)], // any bytes count as liveness, whichever PING they answer
  [FrameType.SIGNAL, (connection, frame) => connection._tell(takeTold("signal", frame))],
  [FrameType.GOODBYE, (connection, frame) => connection._onGoodbye(frame)],
  [FrameType.REPLY, (connection, frame) => connection._onAnswer(takeReply(frame))],
  [FrameType.REFUSAL, (connection, frame) => connection._onAnswer(takeRefusal(frame))],
  [FrameType.PUSH, (connection, frame) => connection._tell(takeTold("push", frame))],
];
/**
 * What may come, by state (SPEC 6.5); a known frame that is not in the row closes with BAD_STATE.
 *
 * @type {Readonly<Record<ConnectionState, ReadonlyMap<number, Handler>>>}
 */
const HANDLERS = {
  new: new Map(),
  "awaiting welcome": new Map(BEFORE_WELCOME),
  open: new Map(WHILE_OPEN),
  closing: new Map(),
  closed: new Map(),
};
const FIRST_PAYLOAD_TYPE = FrameType.REQUEST;
const GOODBYE_TEXT_CHARACTERS = 200;

export class Connection {
  /** @param {number} now */
  constructor(now) {
    /** @type {ConnectionState} */
    this.state = "new";
    /**
     * The session that this connection speaks for: from WELCOME on, and still after the end.
     *
     * @type {Session | null}
     */
    this.session = null;
    this.limits = LIMITS_BEFORE_WELCOME;
    /** @type {Session | null} */
    this._offered = null;
    this._splitter = new FrameSplitter();
    /** @type {ConnectionEvent[]} */
    this._events = [];
    this._out = new Transmitter();
    this._nonce = 0;
    this._now = now;
    this._since = now; // of the present state, for its time-out
    this._heardAt = now;
    /** @type {number | null} */
    this._pingedAt = null;
    /** @type {number} */
    this._deadAfterMs = OWN_BOUNDS.deadAfterPingMs;
  }

  // -- input ----------------------------------------------------------------------------------------------------------

  /**
   * Bytes from the socket, cut anywhere.
   *
   * @param {Uint8Array} bytes
   * @param {number} now
   */
  receive(bytes, now) {
    this._now = now;
    if (this.isOver || bytes.length === 0) return;
    this._heardAt = now;
    this._pingedAt = null;
    try {
      this._splitter.feed(bytes);
      for (let body = this._splitter.next(); body !== null; body = this.isOver ? null : this._splitter.next()) {
        this._receiveFrame(decodeFrame(body, this.limits), body.length);
      }
      this._splitter.keep();
    } catch (error) {
      if (!(error instanceof RemoteError)) throw error;
      this._sayGoodbye(error.code, error.message);
    }
  }

  /**
   * The order of the checks is that of SPEC 5.
   *
   * @param {Frame} frame
   * @param {number} size
   */
  _receiveFrame(frame, size) {
    const [type, seq, ack] = frame;
    if (this.session !== null) this.session.acked(ack);
    if (!TYPE_NAMES.has(type)) throw new Malformed(`unknown frame type ${type}`);
    const handle = HANDLERS[this.state].get(type);
    if (handle === undefined) {
      throw new RemoteError(CloseCode.BAD_STATE, `${TYPE_NAMES.get(type)} in state ${this.state}`);
    }
    if (type < FIRST_PAYLOAD_TYPE) {
      if (seq !== 0) throw new Malformed("a control frame with a seq");
      handle(this, frame);
      return;
    }
    const { receive } = /** @type {Session} */ (this.session);
    if (seq !== receive.seq + 1) {
      throw new RemoteError(CloseCode.SEQ_ORDER, `seq ${seq}, expected ${receive.seq + 1}`);
    }
    handle(this, frame);
    receive.took(size, this._now);
  }

  /**
   * The socket ended, by end of file, reset or our own abort.
   *
   * @param {number} now
   */
  receiveEnd(now) {
    this._now = now;
    if (this.state === "closing") this._become("closed");
    else if (this.state !== "closed") this._lost("connection lost");
  }

  /**
   * Do what is due. Call at `deadline`, or at any other time.
   *
   * @param {number} now
   */
  onTime(now) {
    this._now = now;
    if (this.state === "open" && this.session !== null) {
      const { receive } = this.session;
      if (receive.dueAt !== null && now >= receive.dueAt) receive.nowDue = true;
      this._checkPeer(now);
      return;
    }
    const due = this._handshakeDeadline();
    if (due === null || now < due) return;
    if (this.state === "closing") this._become("closed");
    else this._lost("no WELCOME");
  }

  /** @param {number} now */
  _checkPeer(now) {
    if (this._pingedAt !== null) {
      if (now >= this._pingedAt + this._deadAfterMs) this._lost("no answer to PING");
    } else if (now >= this._heardAt + OWN_BOUNDS.pingAfterMs) {
      this._ping(OWN_BOUNDS.deadAfterPingMs);
    }
  }

  /** @param {number} deadAfterMs  Without a byte for so long, the peer is gone. */
  _ping(deadAfterMs) {
    this._pingedAt = this._now;
    this._deadAfterMs = deadAfterMs;
    this._nonce += 1;
    this._out.ping = this._nonce;
  }

  /**
   * Whether the peer is still there is doubtful: PING now, and give up sooner than after silence alone.
   *
   * @param {number} now
   */
  prove(now) {
    this._now = now;
    if (this.state === "open") this._ping(OWN_BOUNDS.deadWhenDoubtfulMs);
  }

  /**
   * When `onTime` has something to do; null if never.
   *
   * @returns {number | null}
   */
  get deadline() {
    if (this.state !== "open" || this.session === null) return this._handshakeDeadline();
    const { receive } = this.session;
    const peer =
      this._pingedAt === null
        ? this._heardAt + OWN_BOUNDS.pingAfterMs
        : this._pingedAt + this._deadAfterMs;
    // An ACK that is due already waits for the socket, not for time.
    return receive.nowDue || receive.dueAt === null ? peer : Math.min(peer, receive.dueAt);
  }

  _handshakeDeadline() {
    if (this.state === "awaiting welcome") return this._since + OWN_BOUNDS.welcomeTimeoutMs;
    return this.state === "closing" ? this._since + OWN_BOUNDS.closeTimeoutMs : null;
  }

  // -- output ---------------------------------------------------------------------------------------------------------

  /** Whether no event but those already reported will come. */
  get isOver() {
    return this.state === "closing" || this.state === "closed";
  }

  /** The events since the last call, in order. */
  events() {
    const events = this._events;
    this._events = [];
    return events;
  }

  /** Whether `dataToSend` would return bytes; apart from an ACK that falls due by time. */
  get hasDataToSend() {
    if (this._out.hasFrames) return true;
    return this.state === "open" && this.session !== null && this._out.hasPending(this.session);
  }

  /**
   * All bytes to write now, joined; null if there are none. They count as transmitted.
   *
   * @param {number} now
   * @returns {Uint8Array | null}
   */
  dataToSend(now) {
    this._now = now;
    if (this.state === "open" && this.session !== null) this._out.appendOpen(this.session, now);
    return this._out.take();
  }

  /**
   * Queue an ephemeral frame. Dropped if the connection is not open or too many are pending. Throws EncodeError.
   *
   * @param {string} kind
   * @param {readonly unknown[]} fields
   */
  signal(kind, fields) {
    const tail = encodeTail([kind, ...fields], this.limits);
    if (this.state === "open") this._out.appendSignal(tail);
  }

  // -- the handshake --------------------------------------------------------------------------------------------------

  /**
   * Say HELLO, offering `session` to be resumed. Throws EncodeError, also above 4 KiB.
   *
   * @param {{token: string, deviceId: string, clientInfo: Readonly<Record<string, unknown>>, session: Session | null}} said
   * @param {number} now
   */
  hello({ token, deviceId, clientInfo, session }, now) {
    this._now = now;
    const resume = session === null ? null : [session.sessionId, session.resumeToken];
    const tail = encodeTail(
      [[VERSION, VERSION], [], token, deviceId, clientInfo, resume], LIMITS_BEFORE_WELCOME,
    );
    this._out.append(FrameType.HELLO, session === null ? 0 : session.receive.seq, tail);
    this._offered = session;
    this._become("awaiting welcome");
  }

  /** @param {Frame} frame */
  _onWelcome(frame) {
    const welcome = takeFields(WELCOME, frame);
    const limits = readLimits(welcome.limits);
    if (limits === null) throw new Malformed("WELCOME: a limit out of its range");
    if (welcome.version !== VERSION) {
      throw new RemoteError(CloseCode.VERSION, `this client speaks version ${VERSION}`);
    }
    const session = this._sessionOf(welcome, frame[2], limits);
    session.attach(frame[2], welcome.resumeToken, limits);
    this.session = session;
    this._offered = null;
    this.limits = limits;
    this._splitter.maxFrameBytes = limits.maxFrameBytes;
    this._become("open");
    this._events.push({ event: "welcome", welcome, session });
  }

  /**
   * @param {Welcome} welcome
   * @param {number} ack
   * @param {import("../wire/limits.js").WireLimits} limits
   */
  _sessionOf(welcome, ack, limits) {
    const offered = this._offered;
    if (!welcome.resumed) {
      if (ack !== 0) throw new RemoteError(CloseCode.ACK_TOO_HIGH, "ack in a fresh session");
      if (offered !== null) offered.over = true;
      return new Session({ ...welcome, limits });
    }
    if (offered === null || welcome.sessionId !== offered.sessionId || welcome.userId !== offered.userId) {
      throw new RemoteError(CloseCode.BAD_STATE, "resumed a session that was not offered");
    }
    if (ack < offered.queue.ackedSeq || ack > offered.queue.transmittedSeq) {
      throw new RemoteError(CloseCode.ACK_TOO_HIGH, "ack out of range in WELCOME");
    }
    return offered;
  }

  // -- frames ---------------------------------------------------------------------------------------------------------

  /** @param {Frame} frame */
  _onPing(frame) {
    this._out.pong = takeNonce(frame);
  }

  /** @param {Told} told */
  _tell(told) {
    this._events.push(told);
  }

  /** @param {ReplyReceived | RefusalReceived} answer */
  _onAnswer(answer) {
    /** @type {Session} */ (this.session).answered(answer.requestSeq);
    this._events.push(answer);
  }

  /** @param {Frame} frame */
  _onGoodbye(frame) {
    const { code, text, retryAfterMs } = takeFields(GOODBYE, frame);
    this._finish("closed", { code, text, retryAfterMs, byPeer: true });
  }

  // -- the end --------------------------------------------------------------------------------------------------------

  /**
   * Say GOODBYE as the last frame, behind every request that is queued. Closing twice is allowed. The session is over.
   *
   * @param {number} code
   * @param {string} text
   * @param {number} now
   */
  close(code, text, now) {
    this._now = now;
    if (this.isOver) return;
    if (this.state === "open" && this.session !== null) this._out.appendOpen(this.session, now);
    this._sayGoodbye(code, text);
  }

  /**
   * @param {number} code
   * @param {string} text
   */
  _sayGoodbye(code, text) {
    const ack = this.session === null ? 0 : this.session.receive.seq;
    const shown = [...plain(text)].slice(0, GOODBYE_TEXT_CHARACTERS).join("");
    this._out.append(FrameType.GOODBYE, ack, encodeTail([code, shown, 0]));
    this._finish("closing", { code, text, retryAfterMs: 0, byPeer: false });
  }

  /** @param {string} text */
  _lost(text) {
    this._finish("closed", { code: CloseCode.LOST, text, retryAfterMs: 0, byPeer: false });
  }

  /**
   * @param {ConnectionState} state
   * @param {{code: number, text: string, retryAfterMs: number, byPeer: boolean}} how
   */
  _finish(state, how) {
    const session = this.session ?? this._offered;
    const welcomed = this.session !== null;
    const over = session === null || sessionIsOver(how.code, { byClient: !how.byPeer, welcomed });
    if (session !== null && over) session.over = true;
    this._become(state);
    this._out.dropPending();
    this._events.push({ event: "closed", ...how, sessionOver: over });
  }

  /** @param {ConnectionState} state */
  _become(state) {
    this.state = state;
    this._since = this._now;
    if (this.isOver) this._splitter.clear(); // a socket may take its time to end
    if (state === "closed") this._out.clear();
  }
}
