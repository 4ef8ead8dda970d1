/** What the page knows, as types: answers of `reads.js` and `session.js`, the line (`line.js`), and the state in the store. */

/** @typedef {"zh" | "en"} Language */
/** @typedef {{zh: string, en: string}} Names  Words in both languages. */

/**
 * `roles` of the account: `staff` has the staff's screens.
 *
 * @typedef {{userId: string, deviceId: string, name: string, guest: boolean, language: string, expiresAt: number,
 *   roles?: readonly string[]}} Session
 */

// -- what the booking plugin answers ------------------------------------------------------------------------------------------

/**
 * @typedef {object} ServiceOffer
 * @property {string} id
 * @property {Names} name
 * @property {number} minutes
 * @property {boolean} usual  What most people come for: chosen unless somebody chooses.
 * @property {boolean} asksAge
 * @property {boolean} asksFirstVisit
 * @property {Record<string, {service: string, first: number, later: number}>} [fits]  What it becomes by age, and its minutes at a
 *   first visit and at a later one.
 */

/**
 * @typedef {object} ShopPlace
 * @property {string} id
 * @property {string} bot  The account that speaks for the shop.
 * @property {Names} name
 * @property {Names} address
 * @property {string | null} map  A link.
 * @property {string | null} phone
 * @property {string} zone  IANA.
 * @property {string[]} languages
 * @property {number} horizonDays  So many days ahead can be booked.
 * @property {{now: boolean, text: Names}} open
 * @property {ServiceOffer[]} services
 * @property {number} [cutoffMinutes]  So long before the start nothing is moved or cancelled here any more.
 * @property {"auto" | "staff"} confirmation
 * @property {{version: string, text: Names} | null} consent
 * @property {{parking: Names | null, hours: {day: string, spans: string[]}[], needsIdCard: boolean}} info
 */

/** @typedef {{name: Names, shops: ShopPlace[], ages: {id: string, name: Names}[], notice: Names | null}} Chain */
/** @typedef {"free" | "few" | "full" | "closed"} DayState */
/** @typedef {{days: {day: string, state: DayState}[]}} Days */
/** @typedef {{wall: string, at: number, free: boolean}} Slot  `wall`: the shop's, "2026-12-03T15:00"; `at`: UTC ms. */
/** @typedef {{day: string, zone: string, asOf: number, times: Slot[], next: string | null}} Day */

/**
 * Of whom a booking is; "" and null: not known yet. `service`, `minutes`: what a yes books, which the shop fits to the person.
 *
 * @typedef {{name: string, age: string, firstVisit: boolean | null, person: string, service?: string, minutes?: number}} Facts
 */

/**
 * The start that the open booking wanted last and could not have. `why`: `short`, `unfit` (nobody there for that age), `outgrown`
 * (it was held, and is too short for what was said since), `taken`, or a rule of the shop. `near`: free ones instead.
 *
 * @typedef {{shop: string, service: string, minutes: number, wall: string, why: string, near: {wall: string, at: number}[],
 *   facts: Facts}} Refused
 */

/**
 * A time that is this customer's for some minutes, while they answer.
 *
 * @typedef {object} Held
 * @property {string} code
 * @property {number} version
 * @property {string} shop
 * @property {string} service
 * @property {string} wall
 * @property {number} at
 * @property {number} minutes
 * @property {number} until  UTC ms by the server's clock.
 * @property {number} extensionsLeft
 * @property {string} ask  What the bot asks next: name, age, first_visit, confirm, …
 * @property {Facts} facts
 * @property {string} [formYes]  How the line `yes:` of a form begins; none from an older server.
 * @property {string | null} confirm  The command that says yes; null while something is missing.
 * @property {string | null} more
 * @property {string} release
 */

/**
 * An appointment that is being moved, and the bot's question whether to.
 *
 * @typedef {{code: string, version: number, shop: string, wall: string, toWall: string, toAt: number, confirm: string | null,
 *   keep: string}} Moving
 */

/** @typedef {{codes: string[], confirm: string | null, keep: string}} Cancelling */

/**
 * @typedef {object} Appointment
 * @property {string} code
 * @property {number} version
 * @property {string} status  pending, confirmed, arrived, in_exam, done, cancelled, no_show, expired.
 * @property {string} shop
 * @property {string} service
 * @property {string} wall
 * @property {number} at
 * @property {number} end
 * @property {number} minutes
 * @property {string} name
 * @property {string} person
 * @property {string} with
 * @property {string | null} [wish]  The time that the shop is asked to move it to, until it answers.
 * @property {{conversation: string, position: number} | null} card
 * @property {string | null} move  The command, without the new time; null: not any more.
 * @property {string | null} cancel
 * @property {string} event  The address of its calendar file.
 */

/**
 * @typedef {object} Mine
 * @property {number} asOf
 * @property {Record<string, string>} conversations  By shop.
 * @property {Record<string, number>} [waiting]  Since when (UTC ms) a text waits for the people of a shop.
 * @property {{name: string, age: string, language: string, consent: Record<string, string>}} known
 * @property {Held | null} held
 * @property {Refused | null} [refused]
 * @property {Moving | null} moving
 * @property {Cancelling | null} cancelling
 * @property {Appointment[]} upcoming
 * @property {Appointment[]} past
 */

// -- the line -----------------------------------------------------------------------------------------------------------------

/** @typedef {import("./line/line.js").LineState} LineState */

/**
 * What screens use of the line (`line/line.js`, which says more of each).
 *
 * @typedef {object} Line
 * @property {() => Promise<unknown>} start
 * @property {(shop: {id: string, bot: string}, text: string, tap?: import("./line/posts.js").Tap) => Promise<Posted>} post
 *   What is only worth doing now; rejects with `code`, `text`.
 * @property {(listener: (message: Message) => void) => () => void} heard
 * @property {() => void} wake
 * @property {() => import("./line/opened.js").LineClient | null} client  Null while there is none.
 * @property {Pick<import("./line/kept.js").Kept, "get" | "put"> | null} kept
 *   What this browser keeps for the time without a network.
 * @property {() => void} begin
 * @property {() => void} takeOver
 * @property {() => void} dismiss
 * @property {readonly unknown[]} unsent
 */

/** @typedef {{conversationId: string, position: number, sentAt: number}} Posted */
/**
 * @typedef {object} Message
 * @property {string} conversationId
 * @property {number} position
 * @property {string} senderId
 * @property {number} sentAt
 * @property {Readonly<Record<string, any>> | null} content
 */

// -- the state in the store ---------------------------------------------------------------------------------------------------

/**
 * What is read from the server. While a newer answer is on its way or did not come, `value` is the last one.
 *
 * @template T
 * @typedef {{state: "waiting" | "ready" | "failed", value: T | null, code: string, key: string}} Reading
 */

/**
 * An act that is under way, or what it came to. `waiting`: for its turn, behind another; `slow`: longer than a moment, so it is
 * said. `words`: the bot's, when it refused.
 *
 * @typedef {object} Act
 * @property {string} name  take, details, confirm, more, release, move, cancel; of staff also arrive, start, …
 * @property {string} target  What it is about (a wall time, a code): screens find their own.
 * @property {"waiting" | "sending" | "slow" | "failed" | "refused" | "done"} state
 * @property {string} code
 * @property {string} words
 */

/** @typedef {{name: string, age: string, firstVisit: "" | "yes" | "no", consent: boolean}} Draft */

/**
 * @typedef {object} PageState
 * @property {import("./router.js").Route} route
 * @property {Language} language
 * @property {"auto" | "light" | "dark"} theme
 * @property {boolean} reachable  False once the browser says that it has no network.
 * @property {boolean} asked  Whether it is known by now who this browser is.
 * @property {Session | null} session
 * @property {LineState} line
 * @property {Reading<Chain>} chain
 * @property {Reading<Days>} days
 * @property {Reading<Day>} day
 * @property {Reading<Mine>} mine
 * @property {readonly Appointment[]} gone  Were to come, and the shop has them no more: an older copy of its records came back.
 * @property {Act | null} act  The one under way, or the last.
 * @property {readonly Act[]} others  Those that wait their turn, in order; and those before `act` that came to nothing.
 * @property {Record<string, string>} packs  What to bring and to mind, by appointment.
 * @property {Record<string, Draft>} drafts  What was entered, by shop: the back button loses nothing.
 * @property {{text: string, count: number}} said  The last announcement.
 * @property {Record<string, string>} chat  What is being written: by shop; of staff, by conversation.
 * @property {import("./staff/shapes.js").StaffState | null} staff  What staff see; null before their part of the page is there.
 * @property {string} joined  A browser that a link has signed in since; "" once somebody has looked.
 * @property {(() => void) | null} update  There is a newer version of this page, and this loads it.
 */

/**
 * What a page without a person knows of one.
 *
 * @returns {Pick<PageState, "mine" | "gone" | "act" | "others" | "packs" | "drafts" | "chat" | "staff">}
 */
export const nobodys = () => ({ mine: unread(), gone: [], act: null, others: [], packs: {}, drafts: {}, chat: {}, staff: null });

/** @template T @returns {Reading<T>} */
export const unread = () => ({ state: "waiting", value: null, code: "", key: "" });
