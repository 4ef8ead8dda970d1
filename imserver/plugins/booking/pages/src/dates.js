/**
 * Dates and times for people, by the browser's own `Intl`. Wall times of a shop are never converted: they are what its door
 * says.
 */

/** @typedef {import("./shapes.js").Language} Language */

const TAGS = { zh: "zh-CN", en: "en-GB" };
/** Making a format costs up to a millisecond on a slow phone, and a day of times asks for forty. */
const MAX_FORMATS = 64;
/** @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/** @param {string} tag @param {Intl.DateTimeFormatOptions} options */
function format(tag, options) {
  const key = tag + JSON.stringify(options);
  let made = formats.get(key);
  if (made === undefined) {
    if (formats.size >= MAX_FORMATS) formats.clear();
    formats.set(key, (made = inZone(tag, options)));
  }
  return made;
}

/**
 * A zone that this browser's tables do not know yet is shown by the phone's own clock.
 *
 * @param {string} tag
 * @param {Intl.DateTimeFormatOptions} options
 */
function inZone(tag, options) {
  try {
    return new Intl.DateTimeFormat(tag, options);
  } catch {
    return new Intl.DateTimeFormat(tag, { ...options, timeZone: undefined });
  }
}

/** A wall time or day as an instant of UTC, in which zone `format` reads it back. @param {string} wall */
const asUtc = (wall) => new Date(`${wall.slice(0, 10)}T${wall.slice(11) || "12:00"}Z`);

/** @param {string} wall  "15:00": 24 hours in both languages, as the bot and the shop's door say it. */
export const timeOf = (wall) => wall.slice(11, 16);

/** @param {string} wall  The day of a wall time, "2026-12-03". */
export const dayOf = (wall) => wall.slice(0, 10);

/** "Thursday 3 December", "12月3日 星期四". @param {string} wall @param {Language} language */
export function longDay(wall, language) {
  const date = asUtc(wall);
  if (language === "zh") {
    return `${part(date, { month: "long", day: "numeric" }, language)} ${part(date, { weekday: "long" }, language)}`;
  }
  return part(date, { weekday: "long", day: "numeric", month: "long" }, language).replace(",", "");
}

/** "Thu 3 Dec", "12月3日 周四". @param {string} wall @param {Language} language */
export function shortDay(wall, language) {
  const date = asUtc(wall);
  const [weekday, day] = [weekdayOf(wall, language), part(date, { month: "short", day: "numeric" }, language)];
  return language === "zh" ? `${day} ${weekday}` : `${weekday} ${day}`;
}

/** "Thu", "周四". @param {string} wall @param {Language} language */
export const weekdayOf = (wall, language) => part(asUtc(wall), { weekday: "short" }, language);

/** "December", "12月". @param {string} wall @param {Language} language */
export const monthOf = (wall, language) => part(asUtc(wall), { month: "long" }, language);

/** "Dec", "12月": where there is room for three letters. @param {string} wall @param {Language} language */
export const shortMonthOf = (wall, language) => part(asUtc(wall), { month: "short" }, language);

/** "3". @param {string} wall */
export const numberOf = (wall) => String(Number(wall.slice(8, 10)));

/** @param {Date} date @param {Intl.DateTimeFormatOptions} options @param {Language} language */
const part = (date, options, language) => format(TAGS[language], { ...options, timeZone: "UTC" }).format(date);

/** The shop's date at an instant, "2026-12-03". @param {number} at @param {string} zone */
export function dayAt(at, zone) {
  return format("en-CA", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit" }).format(at);
}

/** @param {string} day @param {number} count  So many days later (or earlier). */
export function plusDays(day, count) {
  return new Date(asUtc(day).getTime() + count * 86_400_000).toISOString().slice(0, 10);
}

/** 0 today, 1 tomorrow, … by the shop's date. @param {string} wall @param {number} now @param {string} zone */
export function daysAhead(wall, now, zone) {
  return Math.round((asUtc(dayOf(wall)).getTime() - asUtc(dayAt(now, zone)).getTime()) / 86_400_000);
}

/** Days in the strip: two weeks, the time in which most people book. */
const DAYS = 14;

/**
 * The days in the strip around a day (by default today), and where the strips before and behind it begin; null where there is
 * none: nothing is booked in the past, nor beyond the shop's horizon.
 *
 * @param {string} day
 * @param {number} now
 * @param {{zone: string, horizonDays: number}} shop
 */
export function stripOf(day, now, { zone, horizonDays }) {
  const today = dayAt(now, zone);
  const ahead = /^\d{4}-\d\d-\d\d$/.test(day) ? daysAhead(day, now, zone) : 0;
  const last = Math.floor(horizonDays / DAYS); // the horizon is a day that can be booked
  const index = Math.min(Math.max(Math.floor(ahead / DAYS) || 0, 0), last);
  const begin = (/** @type {number} */ at) => plusDays(today, at * DAYS);
  return {
    from: begin(index),
    count: Math.min(DAYS, horizonDays + 1 - index * DAYS),
    earlier: index > 0 ? begin(index - 1) : null,
    later: index < last ? begin(index + 1) : null,
  };
}

/**
 * Null where this phone's clock shows what the shop's shows at that instant. Otherwise the zone's name in words, and what the
 * phone's own clock shows then ("Wed 2 Dec 08:00").
 *
 * @param {number} at
 * @param {string} zone
 * @param {Language} language
 * @param {string} [here]  A zone instead of the phone's own.
 */
export function otherZone(at, zone, language, here = undefined) {
  const [theirs, ours] = [wallAt(at, zone), here === undefined ? wallHere(at) : wallAt(at, here)];
  if (theirs === ours) return null;
  const parts = format(TAGS[language], { timeZone: zone, timeZoneName: "long" }).formatToParts(at);
  const name = parts.find((one) => one.type === "timeZoneName")?.value ?? zone;
  return { name, here: `${shortDay(ours, language)} ${timeOf(ours)}` };
}

/** What the phone's own clock shows: to ask for its zone would cost a format. @param {number} at */
function wallHere(at) {
  const date = new Date(at);
  const [month, day, hour, minute] = [date.getMonth() + 1, date.getDate(), date.getHours(), date.getMinutes()].map(twoDigits);
  return `${date.getFullYear()}-${month}-${day}T${hour}:${minute}`;
}

const twoDigits = (/** @type {number} */ number) => String(number).padStart(2, "0");

/** @param {number} at @param {string} zone */
function wallAt(at, zone) {
  const text = format("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(at);
  return `${dayAt(at, zone)}T${text}`;
}
