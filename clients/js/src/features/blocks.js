/** blocks: take no direct messages from somebody. */

import { PAGE_ITEMS } from "../wire/limits.js";
import { BLOCK, BLOCK_CHANGED, BLOCKS, UNBLOCK } from "../wire/methods.js";

/**
 * `client.blocks`. Its event is `blockChanged`: said by another device of this account. Who is blocked is told so when he writes;
 * in groups nothing is kept away.
 */
export class Blocking {
  /** @param {import("../core/feature_ports.js").Port} port */
  constructor(port) {
    this._port = port;
    port.onPush("block_changed", BLOCK_CHANGED, ({ userId, blocked }) => {
      port.announce({ type: "blockChanged", userId, blocked });
    });
  }

  /**
   * Take no direct messages from this user. Throws Refused: NOT_FOUND for who does not exist, FORBIDDEN for a bot that cannot be
   * done without yet.
   *
   * @param {string} userId
   */
  async put(userId) {
    await this._port.write(BLOCK, [userId]);
  }

  /**
   * Take messages from this user again.
   *
   * @param {string} userId
   */
  async remove(userId) {
    await this._port.write(UNBLOCK, [userId]);
  }

  /**
   * A page of those whom one blocks, and what the next page comes after; null: that was the last.
   *
   * @param {{after?: string | null, limit?: number}} [page]
   * @returns {Promise<{userIds: string[], next: string | null}>}
   */
  async people({ after = null, limit = PAGE_ITEMS } = {}) {
    return this._port.call(BLOCKS, [after, limit]);
  }
}
