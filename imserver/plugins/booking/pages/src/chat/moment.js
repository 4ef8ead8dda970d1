/** Instants as this phone's clock shows them: "3 Dec, 15:00", and the day only if it is another one. */

import { shortDay, timeOf } from "../dates.js";
import { c } from "../words/chat.js";

/** @typedef {import("../shapes.js").Language} Language */

const TAGS = { zh: "zh-CN", en: "en-GB" };

/** @param {number} at  UTC ms. @param {Language} language @param {number} [now] */
export function moment(at, language, now = Date.now()) {
  const today = new Date(at).toDateString() === new Date(now).toDateString();
  /** @type {Intl.DateTimeFormatOptions} */
  const day = today ? {} : { day: "numeric", month: "short" };
  return new Intl.DateTimeFormat(TAGS[language], { ...day, hour: "2-digit", minute: "2-digit" }).format(at);
}

/** @param {number} at */
function wallHere(at) {
  const date = new Date(at);
  return new Date(at - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** "15:00". @param {number} at */
export const timeHere = (at) => timeOf(wallHere(at));

/** @param {number} at */
export const dayHere = (at) => wallHere(at).slice(0, 10);

/** "Today", "Thu 3 Dec". @param {string} day @param {Language} language */
export function dayWords(day, language) {
  if (day === dayHere(Date.now())) return c("chat.today");
  if (day === dayHere(Date.now() - 86_400_000)) return c("chat.yesterday");
  return shortDay(day, language);
}
