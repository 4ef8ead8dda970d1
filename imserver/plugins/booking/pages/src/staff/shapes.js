/**
 * What staff read, as types: answers of `x-booking.staff`, `.inbox`, `.customer`, `.sheet` (`schedule/asked_by_staff.py` says
 * more of each), and the part of the page's state that is made of them.
 */

/** @import { Language, Names, Reading } from "../shapes.js" */

/**
 * `group`: the conversation of the shop's staff; `waiting`, `alarms`: conversations in which a text waits for people, and
 * because of a red flag.
 *
 * @typedef {{id: string, name: Names, zone: string, group: string, bot: string, role: string, waiting: number, alarms: number}}
 *   StaffShop
 */
/** @typedef {{id: string, name: string, guest: boolean, language: Language}} Customer */
/** @typedef {{by: string, name: string, at: number}} Taken  Who has taken a conversation over from the bot. */
/** @typedef {"alarm" | "asked" | "question" | "unread" | "circles" | "request"} Why */

/**
 * A service conversation. `since`, `why`, `position`, `text` are of the text that waits.
 *
 * @typedef {object} InboxRow
 * @property {string} conversation
 * @property {Customer} customer
 * @property {number | null} since
 * @property {Why | null} why  A newer server may have reasons that this page does not know.
 * @property {number | null} position
 * @property {string} text
 * @property {Taken | null} taken
 * @property {{code: string, wall: string, status: string, serviceName: Names} | null} coming
 * @property {number | null} lastHumanAt
 * @property {number} at
 */

/**
 * @typedef {{shop: string, asOf: number, waiting: InboxRow[], moreWaiting: number, recent: InboxRow[], next: string | null,
 *   edition: number, number: number}} Inbox
 */
/**
 * What changed last in it. Who knows the inbox as it was at `after` or later, of this `edition`, has with `rows` all of it.
 *
 * @typedef {{shop: string, asOf: number, edition: number, number: number, after: number, waiting: number, rows: InboxRow[]}}
 *   Changes
 */

/** @typedef {{kind: string, command: string, sure: boolean}} SheetAction  `sure`: ask before it is posted. */

/**
 * An appointment, as staff see it.
 *
 * @typedef {object} SheetRow
 * @property {string} code
 * @property {number} version
 * @property {string} status
 * @property {string} wall
 * @property {number} at
 * @property {number} end
 * @property {number} minutes
 * @property {string} service
 * @property {Names} serviceName
 * @property {string} name
 * @property {string} person
 * @property {string} age
 * @property {Names | null} ageName
 * @property {boolean} firstVisit
 * @property {boolean} guest
 * @property {boolean} byGuest
 * @property {string[]} with  Ids of columns.
 * @property {string[]} [away]  Those of them who are away then. What was kept of an older sheet has none.
 * @property {string} conversation
 * @property {string} customer
 * @property {string | null} wish  The start that the customer asks for instead.
 * @property {number | null} holdUntil
 * @property {boolean} noMessages
 * @property {string} note
 * @property {SheetAction[]} actions
 */

/**
 * A day. `open`: minutes of the day on the shop's clock.
 *
 * @typedef {object} Sheet
 * @property {string} shop
 * @property {string} day
 * @property {string} zone
 * @property {number} asOf
 * @property {number | null} until
 * @property {boolean} closed
 * @property {[number, number][]} open
 * @property {{id: string, name: Names, kind: string, away: {from: number, to: number, note: string}[]}[]} columns
 * @property {SheetRow[]} rows
 */

/**
 * A customer of the shop, beside the conversation. `here`: whether they are in it.
 *
 * @typedef {object} AboutCustomer
 * @property {string} shop
 * @property {number} asOf
 * @property {Customer & {telephone: string | null}} customer
 * @property {boolean} here
 * @property {Why | null} why
 * @property {number | null} since
 * @property {number | null} position
 * @property {Taken | null} taken
 * @property {{take: string | null, giveBack: string | null, book?: string}} commands
 * @property {SheetRow[]} upcoming
 * @property {SheetRow[]} past
 */

/**
 * What staff see. `gone`: they were staff of a shop when the page read it, and are not any more. `older`: pages of the inbox
 * below the first; `unread`: messages of others that nobody with this account has read, by conversation. `sound`: whether an
 * alarm is heard (`refused`: the browser waits for a tap).
 *
 * @typedef {object} StaffState
 * @property {Reading<StaffShop[]>} shops
 * @property {boolean} gone
 * @property {Reading<Inbox>} inbox
 * @property {{rows: InboxRow[], next: string | null, state: "idle" | "reading" | "failed"}} older
 * @property {Reading<AboutCustomer>} customer
 * @property {Reading<Sheet>} sheet
 * @property {Readonly<Record<string, number>>} unread
 * @property {"on" | "off" | "refused"} sound
 * @property {number} now  The server's clock, half a minute exact: for how long somebody waits.
 */

export {};
