/**
 * The language that this document speaks, and how a table of words becomes a function: `t` of every screen's, and one for each
 * part of the page that is loaded on demand, with its own table. Whole sentences: nothing is assembled in code.
 */

/** @typedef {import("../shapes.js").Language} Language */
/** @typedef {import("../shapes.js").Names} Names */
/** @typedef {Readonly<Record<string, string | number>>} Values */

/** What a document says of itself (`<html lang>`). */
export const LANGUAGE_TAGS = { zh: "zh-CN", en: "en" };

/** The one language of this document, as `<html lang>` is one. @type {Language} */
let spoken = "en";

/** @param {Language} language  What is said from now on. */
export function speak(language) {
  spoken = language;
}

/**
 * A function that says the texts of a table, with their values put in. A value is text and stays text.
 *
 * @template {string} Key
 * @param {Readonly<Record<Key, Names>>} table
 * @returns {(key: Key, values?: Values) => string}
 */
export const speaking = (table) => (key, values = {}) =>
  table[key][spoken].replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));

/** The right one of words in both languages. @param {Names | null | undefined} names */
export const named = (names) => names?.[spoken] ?? names?.en ?? "";

/**
 * The language to begin with: what was chosen here, else the first that the browser asks for and we have.
 *
 * @param {string | null} chosen
 * @param {readonly string[]} asked
 * @returns {Language}
 */
export function firstLanguage(chosen, asked) {
  for (const tag of [chosen ?? "", ...asked]) {
    if (/^zh\b/i.test(tag)) return "zh";
    if (/^en\b/i.test(tag)) return "en";
  }
  return "en";
}
