/** Drives a `Connection` over a transport: write, hand over events, arm the timer, written once for the client. */

import { Connection } from "../session/connection.js";

/** @typedef {import("../ports.js").Transport} Transport */

/** One socket. Nothing else writes to it, and nothing else feeds its `connection`. */
export class ClientTransport {
  /** @param {import("./core.js").Core} core */
  constructor(core) {
    this._core = core;
    this.connection = new Connection(core.timers.now);
    /** @type {Transport | null} */
    this._transport = null;
    /** @type {import("./timers.js").Timer | null} */
    this._timer = null;
    this._timerAt = Infinity;
    this._soon = false;
    this._stepping = false;
    this._closing = false;
    this._disowned = false;
    /** @type {() => void} */
    this._gone = () => {};
    /**
     * Resolves when the socket is gone.
     *
     * @type {Promise<void>}
     */
    this.lost = new Promise((resolve) => (this._gone = resolve));
    this.isLost = false;
    /** @type {import("../ports.js").TransportEvents} */
    this.events = {
      onBytes: (bytes) => this._onBytes(bytes),
      onClosed: () => this._onClosed(),
      onDrained: () => this._step(),
    };
  }

  /** @param {Transport} transport  It is open. */
  opened(transport) {
    this._transport = transport;
    if (this._disowned) transport.abort();
  }

  /** @param {Uint8Array} bytes */
  _onBytes(bytes) {
    this.connection.receive(bytes, this._core.timers.now);
    this._step();
  }

  _onClosed() {
    if (this.isLost) return;
    this._transport = null;
    this.isLost = true;
    this.connection.receiveEnd(this._core.timers.now);
    this._step();
    this._stopTimer();
    this._gone();
  }

  // -- the owner calls these ------------------------------------------------------------------------------------------------

  /** Step when this turn is over. All frames queued in it leave in one write. */
  stepSoon() {
    if (this._soon || this._stepping || this.isLost) return;
    this._soon = true;
    queueMicrotask(() => {
      if (this._soon) this._step();
    });
  }

  /** Cut at once; buffered bytes are lost. */
  abort() {
    this._transport?.abort();
  }

  /** Drop a transport that was never used: later events of its socket are not reported. */
  disown() {
    this._disowned = true;
    this.abort();
    this._stopTimer();
  }

  /** Abort, and wait until the socket is gone. */
  async cut() {
    if (this._transport === null) return;
    this._transport.abort();
    await this.lost;
  }

  /** Bytes that the socket has not taken yet. */
  get bufferedBytes() {
    return this._transport?.bufferedBytes ?? 0;
  }

  /** Whether frames may be written: if the server does not read, they stay in the session, which is bounded. */
  get _writable() {
    return this.bufferedBytes <= this._core.limits.maxUnwrittenBytes;
  }

  // -- the step -------------------------------------------------------------------------------------------------------------

  /** Write pending frames, hand over events, arm the timer. A call from within a handler adds a round. */
  _step() {
    this._soon = false;
    if (this._stepping || this._disowned) return;
    const { connection } = this;
    this._stepping = true;
    this._core.guard(() => {
      do {
        this._write();
        for (const event of connection.events()) this._core.link.connectionEvent(event);
        this._core.link.stepDone();
      } while (this._writable && connection.hasDataToSend);
    });
    this._stepping = false;
    this._write();
    if (connection.isOver) this._endSocket();
    this._arm();
  }

  _write() {
    if (this._transport === null || (!this._writable && !this.connection.isOver)) return;
    const bytes = this.connection.dataToSend(this._core.timers.now);
    if (bytes !== null) this._transport?.send(bytes);
  }

  _arm() {
    const { deadline } = this.connection;
    if (deadline === null || this.isLost) {
      this._stopTimer();
      return;
    }
    // A timer that fires too early costs one call; arming it anew at every frame would cost more.
    if (this._timer !== null && this._timerAt <= deadline) return;
    this._stopTimer();
    this._timerAt = deadline;
    this._timer = this._core.timers.after(deadline - this._core.timers.now, () => {
      this._timer = null;
      this.connection.onTime(this._core.timers.now);
      this._step();
    });
  }

  _stopTimer() {
    this._core.timers.cancel(this._timer);
    this._timer = null;
  }

  /** After GOODBYE. `close` may never finish with a peer that does not read, so a timer aborts it. */
  _endSocket() {
    if (this._closing || this._transport === null) return;
    this._closing = true;
    if (this.connection.state === "closed") {
      this._transport.abort(); // nothing of ours is left to send
      return;
    }
    this._transport.close();
    // Not one of the client's timers: it has to fire though the client is over.
    const { environment, limits } = this._core;
    const cut = environment.setTimer(() => this.abort(), limits.abortAfterMs);
    void this.lost.then(() => environment.clearTimer(cut));
  }
}
