/** Where the staff's screens are, as addresses name it: conversations without their kind, days of a sheet. */

import { dayAt } from "../dates.js";
import { addressOf } from "../router.js";

/** Service conversations are groups all (SPEC 20), and a slash has another meaning in an address. */
const KIND = "group/";
const DAY = /^\d{4}-\d\d-\d\d$/;

/** @param {{conversation: string}} route */
export const conversationOf = ({ conversation }) => KIND + conversation;

/** @param {string} shop @param {string} conversation  Its id. */
export const chatAddress = (shop, conversation) =>
  addressOf("staffChat", { shop, conversation: conversation.startsWith(KIND) ? conversation.slice(KIND.length) : conversation });

/**
 * The day whose sheet an address names: today by default.
 *
 * @param {{query: Readonly<Record<string, string>>}} route
 * @param {string} zone
 * @param {number} now
 */
export function dayOfSheet({ query }, zone, now) {
  const day = query.move ? query.of : query.day; // to move one, other days are looked at
  return DAY.test(day ?? "") ? day : dayAt(now, zone);
}
