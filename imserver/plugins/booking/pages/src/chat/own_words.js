/**
 * What this page posts for somebody who taps, as words of people: the commands are typeable, and nobody reads them. Only of one's
 * own messages: what others write is shown as it is.
 */

import { shortDay } from "../dates.js";
import { named } from "../words/index.js";
import { c } from "../words/chat.js";

/** @typedef {import("../shapes.js").ShopPlace} ShopPlace */
/**
 * @typedef {object} Around
 * @property {ShopPlace} shop
 * @property {readonly {id: string, name: import("../shapes.js").Names}[]} ages
 * @property {import("../shapes.js").Language} language
 */

const CODE = "[A-Za-z][A-Za-z0-9]{3,7}";
const WALL = String.raw`(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d)`;
const FORM = /^\/?(?:details|资料|資料)\n/iu;

/**
 * Commands with what they say.
 *
 * @type {readonly (readonly [RegExp, (found: RegExpExecArray, around: Around) => string])[]}
 */
const COMMANDS = [
  [command(String.raw`book|预约`, String.raw`([a-z0-9-]{1,40}) (?:at )?${WALL}`), ([, service, day, time], { shop, language }) =>
    c("own.book", { when: `${shortDay(day, language)} ${time}`, service: serviceName(shop, service) })],
  [command("move|改约", String.raw`${CODE}(?: v\d+)? ${WALL}`), ([, day, time], { language }) =>
    c("own.move", { when: `${shortDay(day, language)} ${time}` })],
  [command("confirm|确认", String.raw`${CODE} v\d+`), () => c("own.confirm")],
  [command("cancel|取消", String.raw`${CODE} v\d+(?: ${CODE} v\d+)* (?:yes|是)`), () => c("own.cancel_yes")],
  [command("cancel|取消", String.raw`${CODE} v\d+`), () => c("own.cancel")],
  [command("longer|续留", CODE), () => c("own.longer")],
  [command("consent|隐私", String.raw`\S+`), () => c("own.consent")],
  [command("language|语言", String.raw`\S+`), () => c("own.language")],
];

/** What staff tap in a customer's conversation: the bot says behind it what it means. */
const STAFFS = /^(?:\/take|接手)$/iu;
const STAFFS_BACK = /^(?:\/give-back|交还)$/iu;

/** What a customer reads instead of a command of the shop's people; null for what is shown as it is. @param {string} text */
export function theirWords(text) {
  if (STAFFS.test(text)) return c("their.take");
  return STAFFS_BACK.test(text) ? c("their.give_back") : null;
}

/** @param {string} names @param {string} rest */
function command(names, rest) {
  return new RegExp(`^/?(?:${names}) ${rest}$`, "iu");
}

/** A sentence instead of a command; null for what is shown as it is. @param {string} text @param {Around} around */
export function ownWords(text, around) {
  if (FORM.test(text)) return formWords(text, around);
  for (const [pattern, words] of COMMANDS) {
    const found = pattern.exec(text);
    if (found !== null) return words(found, around);
  }
  return null;
}

/**
 * Labels of the form's lines (`/details`), as the shop reads them.
 *
 * @type {Record<string, "name" | "age" | "first" | "consent" | "yes">}
 */
const LINES = {
  name: "name", 姓名: "name", age: "age", 年龄: "age", "first visit": "first", 第一次来: "first", consent: "consent", 同意: "consent",
  yes: "yes", 确认: "yes",
};
/** What a yes is to. */
const SEEN = new RegExp(String.raw`^${CODE} v\d+ ([a-z0-9-]{1,40}) \d{1,4} ${WALL}$`, "iu");

/** @param {string} text @param {Around} around */
function formWords(text, { ages, shop, language }) {
  const said = text.split("\n").slice(1).map((line) => /^([^:：]{1,20})[:：]\s*(.*)$/u.exec(line));
  const facts = said.map((found) => {
    if (found === null) return "";
    const [, label, value] = found;
    const field = LINES[label.trim().toLowerCase()];
    if (field === "age") return named(ages.find(({ id }) => id === value)?.name) || value;
    if (field === "first") return c(/^(yes|是)$/iu.test(value) ? "own.first" : "own.again");
    const [, service, day, time] = (field === "yes" && SEEN.exec(value)) || [];
    if (service) return c("own.yes", { when: `${shortDay(day, language)} ${time}`, service: serviceName(shop, service) });
    return field === "consent" ? c("own.agreed") : value;
  });
  return c("own.sent", { facts: facts.filter(Boolean).join(c("own.comma")) });
}

/** @param {ShopPlace} shop @param {string} id */
const serviceName = (shop, id) => named(shop.services.find((one) => one.id === id)?.name) || id;
