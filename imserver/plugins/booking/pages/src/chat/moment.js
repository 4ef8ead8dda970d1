/** An instant as this phone's clock shows it: "3 Dec, 15:00", and the day only if it is another one. */

const TAGS = { zh: "zh-CN", en: "en-GB" };

/** @param {number} at  UTC ms. @param {import("../shapes.js").Language} language @param {number} [now] */
export function moment(at, language, now = Date.now()) {
  const today = new Date(at).toDateString() === new Date(now).toDateString();
  /** @type {Intl.DateTimeFormatOptions} */
  const day = today ? {} : { day: "numeric", month: "short" };
  return new Intl.DateTimeFormat(TAGS[language], { ...day, hour: "2-digit", minute: "2-digit" }).format(at);
}
