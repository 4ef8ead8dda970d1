/** Every word that the page says, in the language that it speaks now. Whole sentences: nothing is assembled in code. */

import { en } from "./en.js";
import { zh } from "./zh.js";

/** @typedef {import("../shapes.js").Language} Language */
/** @typedef {keyof typeof en} Key */

export const CATALOGUES = { zh, en };
/** What a document says of itself (`<html lang>`). */
export const LANGUAGE_TAGS = { zh: "zh-CN", en: "en" };

/** The one language of this document, as `<html lang>` is one. @type {Language} */
let spoken = "en";

/** @param {Language} language  What `t` says from now on. */
export function speak(language) {
  spoken = language;
}

/**
 * A text with its values put in. A value is text and stays text.
 *
 * @param {Key} key
 * @param {Readonly<Record<string, string | number>>} [values]
 */
export function t(key, values = {}) {
  return CATALOGUES[spoken][key].replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** Whether there are such words: a code of the server may be newer than this page. @param {string} key @returns {key is Key} */
export const hasWords = (key) => Object.prototype.hasOwnProperty.call(en, key);

/** The right one of words in both languages. @param {import("../shapes.js").Names | null | undefined} names */
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
