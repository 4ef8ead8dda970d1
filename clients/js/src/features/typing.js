/** typing: who is writing now, perhaps. */

import { TYPING } from "../wire/methods.js";

/** `client.typing`. Its event is `typing`. */
export class Typists {
  /** @param {import("../core/feature_ports.js").Port} port */
  constructor(port) {
    this._port = port;
    port.onSignal("typing", TYPING, ({ conversationId, userId }) => {
      port.announce({ type: "typing", conversationId, userId });
    });
  }

  /**
   * Show the other members that the user is typing. May be lost; does nothing while not connected.
   *
   * @param {string} conversationId
   */
  tell(conversationId) {
    this._port.signal("typing", [conversationId]);
  }
}
