/** Facts of the staff's screens in words: how long, why, by whom, when. */

import { daysAhead, shortDay, timeOf } from "../dates.js";
import { named, t } from "../words/index.js";
import { hasStaffWords, s } from "../words/staff.js";

/** @import { Language, Session } from "../shapes.js" */
/** @import { InboxRow, SheetRow, Taken } from "./shapes.js" */

/** Longer names are cut where they stand in a row of others (characters). */
const MAX_NAME = 40;
const MINUTE_MS = 60_000;
const HOUR = 60;
const DAY = 24 * HOUR;

/** A name for a list: accounts may be called anything, of any length. @param {string} name */
export function cut(name) {
  if (name.length <= MAX_NAME) return name;
  const signs = [...name.slice(0, 2 * MAX_NAME)];
  return signs.length <= MAX_NAME ? signs.join("") : `${signs.slice(0, MAX_NAME).join("")}…`;
}

/**
 * "12 min", "3 h"; of what waits, and of what was the last.
 *
 * @param {number} at
 * @param {number} now
 * @param {boolean} waits
 */
export function agoWords(at, now, waits) {
  const minutes = Math.max(0, Math.floor((now - at) / MINUTE_MS));
  if (minutes < 1) return s(waits ? "ago.waits_now" : "ago.now");
  if (minutes < HOUR) return s("ago.minutes", { count: minutes });
  if (minutes < DAY) return s("ago.hours", { count: Math.floor(minutes / HOUR) });
  return s("ago.days", { count: Math.floor(minutes / DAY) });
}

/** Why people are waited for. @param {string} why */
export function reasonWords(why) {
  const key = `why.${why}`;
  return hasStaffWords(key) ? s(key) : s("why.unread");
}

/** @param {Taken} taken @param {Session | null} session */
export const takenWords = ({ by, name }, session) => (by === session?.userId ? s("taken.you") : s("taken.by", { name: cut(name) }));

/** "Today 15:00", "Thu 3 Dec 15:00". @param {string} wall @param {Language} language @param {number} now @param {string} zone */
export function whenWords(wall, language, now, zone) {
  const ahead = daysAhead(wall, now, zone);
  const day = ahead === 0 ? t("time.today") : ahead === 1 ? t("time.tomorrow") : shortDay(wall, language);
  return `${day} ${timeOf(wall)}`;
}

/** @param {NonNullable<InboxRow["coming"]>} coming @param {Language} language @param {number} now @param {string} zone */
export const comingWords = ({ wall, serviceName }, language, now, zone) =>
  s("coming", { when: whenWords(wall, language, now, zone), service: named(serviceName) });

/** Whom an appointment is for. @param {Pick<SheetRow, "name" | "person">} row */
export const personWords = ({ name, person }) => (person && person !== name ? `${name} (${person})` : name);

/** What an appointment's status means to staff. @param {string} status */
export function staffStatus(status) {
  const key = `state.${status}`;
  return hasStaffWords(key) ? s(key) : status;
}
