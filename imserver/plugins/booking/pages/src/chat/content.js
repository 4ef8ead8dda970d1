/**
 * What a message's content is, for drawing. Everything in it was written by another user: each field that is used is checked
 * (SPEC 11), and what is not as it should be is shown as text or as something that this page does not know.
 */

/**
 * @typedef {{label: string, command: string, style: "default" | "primary" | "danger"}} Action
 * @typedef {{is: "card", title: string, text: string, fields: [string, string][], actions: Action[], ref: {kind: string, id:
 *   string} | null}} CardContent
 * @typedef {{is: "text", text: string, label: string | null, card: number | null}} TextContent
 * @typedef {{is: "system", event: string, userId: string, target: number}} SystemContent
 * @typedef {CardContent | TextContent | SystemContent | {is: "retracted"} | {is: "unknown"}} Shown
 */

/** Buttons of one card; the bot makes at most as many. */
const MAX_ACTIONS = 50;
const MAX_FIELDS = 50;
const STYLES = /** @type {const} */ (["default", "primary", "danger"]);

/** @param {Readonly<Record<string, any>> | null} content @returns {Shown} */
export function shownContent(content) {
  if (content === null) return { is: "retracted" };
  if (content.type === "card") return cardOf(content) ?? asText(content);
  if (content.type === "system") {
    const { event, user, target } = content;
    const [userId, at] = [typeof user === "string" ? user : "", Number.isInteger(target) ? target : 0];
    return { is: "system", event: String(event), userId, target: at };
  }
  return asText(content);
}

/**
 * The same as a person may write it: a card without buttons, which could say what they are not, and be pressed by who trusts the bot's.
 *
 * @param {Readonly<Record<string, any>> | null} content
 */
export const ofPerson = (content) => (content?.type === "card" ? { ...content, actions: [], ref: undefined } : content);

/** @param {Readonly<Record<string, any>>} content @returns {Shown} */
function asText({ text, label, card }) {
  if (typeof text !== "string") return { is: "unknown" };
  const pressed = typeof label === "string" && Number.isInteger(card);
  return { is: "text", text, label: pressed ? label : null, card: pressed ? card : null };
}

/** @param {Readonly<Record<string, any>>} content @returns {CardContent | null} */
function cardOf({ title, text, fields = [], actions = [], ref }) {
  if (typeof title !== "string" || typeof text !== "string" || !Array.isArray(fields) || !Array.isArray(actions)) return null;
  if (!fields.every(isField) || !actions.every(isAction)) return null;
  const drawn = actions.slice(0, MAX_ACTIONS).map(({ label, command, style }) => ({
    label, command, style: STYLES.includes(style) ? style : /** @type {const} */ ("default"),
  }));
  const named = typeof ref?.kind === "string" && typeof ref.id === "string" ? { kind: ref.kind, id: ref.id } : null;
  const rows = fields.slice(0, MAX_FIELDS);
  return { is: "card", title, text: withoutButtons(text, drawn), fields: rows, actions: drawn, ref: named };
}

/** @param {any} field @returns {field is [string, string]} */
const isField = (field) => Array.isArray(field) && typeof field[0] === "string" && typeof field[1] === "string";

/** @param {any} action */
const isAction = (action) => typeof action?.label === "string" && typeof action.command === "string" && action.command !== "";

/**
 * The text without the numbered lines that say what the buttons say, for those who type ("1. Eye exam").
 *
 * @param {string} text
 * @param {Action[]} actions
 */
function withoutButtons(text, actions) {
  const lines = new Set(actions.map(({ label }, index) => `${index + 1}. ${label}`));
  return text.split("\n").filter((line) => !lines.has(line.trim())).join("\n").trim();
}

/** What a person hears of a message. @param {Shown} shown */
export function spokenContent(shown) {
  if (shown.is === "text") return shown.label ?? shown.text;
  if (shown.is !== "card") return "";
  const fields = shown.fields.map(([label, value]) => `${label}: ${value}`);
  return [shown.title, shown.text, ...fields].filter(Boolean).join(". ");
}

/** An address in a text: only https, and only what is one to the browser, too; or a place on a map. */
const ADDRESS = /https:\/\/[^\s<>"'`]+|\bgeo:-?\d{1,3}(?:\.\d+)?,-?\d{1,3}(?:\.\d+)?/gu;
/** Marks at the end that belong to the sentence. */
const AFTER = /[.,;:!?)\]}。，；：！？）】」』]+$/u;

/**
 * A text in pieces; those with `href` are links, and with `map` lead to a map, of which nobody reads the numbers.
 *
 * @param {string} text
 * @returns {{text: string, href?: string, map?: boolean}[]}
 */
export function linked(text) {
  const pieces = [];
  let from = 0;
  for (const found of text.matchAll(ADDRESS)) {
    const address = found[0].replace(AFTER, "");
    const href = safe(address);
    if (href === null) continue;
    if (found.index > from) pieces.push({ text: text.slice(from, found.index) });
    pieces.push(href.startsWith("geo:") ? { text: address, href, map: true } : { text: address, href });
    from = found.index + address.length;
  }
  if (from < text.length) pieces.push({ text: text.slice(from) });
  return pieces;
}

/** @param {string} address */
function safe(address) {
  try {
    if (address.startsWith("geo:")) return address;
    const url = new URL(address);
    // user:password@ is there to look like another site.
    return url.protocol === "https:" && url.username === "" && url.password === "" ? url.href : null;
  } catch {
    return null;
  }
}
