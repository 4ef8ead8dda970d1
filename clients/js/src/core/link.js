/** What a connection tells goes to the parts: answers, pushes, WELCOME, the end of a session; and what goes out at once. */

import { CloseCode, Misuse, plain, StoreError } from "../errors.js";
import { BadShape } from "../wire/shapes.js";
import { EncodeError } from "../wire/values.js";
import { Reconnect } from "./reconnect.js";

/** Signals are dropped while so many bytes wait for the socket: messages that are stuck matter more than typing. */
const SIGNALS_UP_TO_BYTES = 64 * 1024;

export class Link {
  /** @param {import("./core.js").Core} core */
  constructor(core) {
    this._core = core;
    this.reconnect = new Reconnect(core);
  }

  // -- events ---------------------------------------------------------------------------------------------------------------

  /** @param {import("../session/connection.js").ConnectionEvent} event */
  connectionEvent(event) {
    try {
      if (event.event === "push") this._core.arrivals.onPush(event);
      else if (event.event === "signal") this._core.arrivals.onSignal(event);
      else if (event.event === "welcome") this._onWelcome(event);
      else if (event.event === "closed") this._onClosed(event);
      else this._core.requests.answered(event);
    } catch (error) {
      if (!(error instanceof BadShape)) throw error;
      this.violated(error.message);
    }
  }

  /** The window may have room: send queued requests and posts. */
  stepDone() {
    this._core.requests.serveLine();
    this._core.posting.offer();
  }

  /** @param {import("../session/connection.js").Closed} event */
  _onClosed(event) {
    this._core.requests.detach();
    this.reconnect.closed = { ...event, text: plain(event.text) };
  }

  /** @param {import("../session/connection.js").WelcomeReceived} event */
  _onWelcome({ welcome, session }) {
    if (this._core.userId !== "" && this._core.userId !== welcome.userId) {
      throw new StoreError(`the store belongs to the user '${this._core.userId}', the token to '${welcome.userId}'`, "user");
    }
    if (welcome.resumed && this._core.storeEpoch !== welcome.storeEpoch) {
      this.violated("another store_epoch in the same session");
      return;
    }
    this._core.userId = welcome.userId;
    this._core.serverFeatures = new Set(welcome.features);
    if (!welcome.resumed) {
      this.sessionOver();
      this._begin(welcome.place, welcome.storeEpoch);
    }
    this._core.store.saveIdentity(this._core.deviceId, this._core.userId, this._core.storeEpoch, welcome.features);
    this.reconnect.welcomed(session);
    this._core.requests.attach(session);
    if (this._core.lineage.open) this._core.released();
    this._core.change("connected", plain(welcome.reason), null, welcome.resumed);
  }

  /**
   * A fresh session.
   *
   * @param {string} place
   * @param {string} storeEpoch
   */
  _begin(place, storeEpoch) {
    const known = this._core.storeEpoch;
    this._core.storeEpoch = storeEpoch;
    this._core.catchUp.begin(place);
    const recounted = this._core.states.kept.servedWith(this._core.serverFeatures);
    // Another epoch: the database is another one, and no token of the old one is good.
    if ((known !== "" && known !== storeEpoch) || (recounted !== null && this._core.catchUp.since !== null)) {
      this._core.catchUp.letGo(storeEpoch, recounted);
    } else if (recounted !== null) {
      this._core.store.forgetSince(storeEpoch, this._core.lineage.unsaved(), recounted);
      this._core.lineage.saved();
    }
  }

  // -- going out ------------------------------------------------------------------------------------------------------------

  /** The session cannot be resumed. */
  sessionOver() {
    this._core.states.kept.sessionLost();
    this._core.arrivals.pushesMissed();
    this._core.requests.loseSession();
    this._core.posting.sessionLost();
  }

  /** @param {string} text  The server's payload violates the SPEC: end the session. */
  violated(text) {
    const { transport } = this.reconnect;
    transport?.connection.close(CloseCode.MALFORMED, text, this._core.timers.now);
    transport?.stepSoon();
  }

  /**
   * Ephemeral: dropped while not connected, or while the socket is stuck. Throws Misuse.
   *
   * @param {string} kind
   * @param {readonly unknown[]} fields
   */
  signal(kind, fields) {
    const { transport } = this.reconnect;
    if (transport === null || transport.bufferedBytes >= SIGNALS_UP_TO_BYTES) return;
    try {
      transport.connection.signal(kind, fields);
    } catch (error) {
      if (error instanceof EncodeError) throw new Misuse(error.message);
      throw error;
    }
    transport.stepSoon();
  }

  /** See Client.hurry. */
  hurry() {
    const { transport } = this.reconnect;
    if (transport === null) return this.reconnect.hurry();
    transport.connection.prove(this._core.timers.now);
    transport.stepSoon();
  }

  stepSoon() {
    this.reconnect.transport?.stepSoon();
  }
}
