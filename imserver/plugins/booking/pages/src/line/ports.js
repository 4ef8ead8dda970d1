/** What the line needs of the page, the browser and the client: `line.js` of the page gives the real ones, tests their own. */

/** @import { LineClient } from "./opened.js" */
/** @import { Session } from "./remembered.js" */
/** @import { LineState } from "./state.js" */

/**
 * @typedef {import("./who.js").WhoPorts & {
 *   account: {session: () => Promise<Session | null>, token: () => Promise<string>, signOut: () => Promise<void>},
 *   watchMine: (client: LineClient, onChange: (mine: any) => void) => (() => void) | void,
 *   importClient: () => Promise<typeof import("./client.js")>,
 *   address: string,
 *   online: () => boolean,
 *   onState: (state: LineState) => void,
 * }} Ports  `account` is `session.js`, `watchMine` of `reads.js`; `online` is false when the browser is sure to have no
 * network.
 */

export {};
