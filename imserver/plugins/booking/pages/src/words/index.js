/** What every screen says and asks of words. Parts that are loaded on demand have tables of their own: `chat.js`, `staff.js`. */

export { PAGE, hasWords, t } from "./page.js";
export { LANGUAGE_TAGS, firstLanguage, named, speak } from "./spoken.js";

/** @typedef {import("./spoken.js").Language} Language */
/** @typedef {import("./page.js").Key} Key */
