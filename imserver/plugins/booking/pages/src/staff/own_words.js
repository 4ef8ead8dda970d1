/** What the staff's page posts for somebody who taps, as words of people. What one types oneself is shown as it was typed. */

import { shortDay } from "../dates.js";
import { s } from "../words/staff.js";

/** @import { Language } from "../shapes.js" */
/** @import { StaffKey } from "../words/staff.js" */

const CODE = "([A-Za-z][A-Za-z0-9]{3,7})";
const VERSION = String.raw` v\d+`;
const WALL = String.raw` (\d{4}-\d\d-\d\d)[ T](\d\d:\d\d)`;

/** Commands about one appointment, with what they say of it. @type {readonly (readonly [string, StaffKey])[]} */
const STEPS = [
  ["confirm|确认", "own.confirm"], ["arrive|到店", "own.arrive"], ["start|开始", "own.start"],
  ["done|完成", "own.finish"], ["no-show|爽约", "own.no_show"], ["undo|撤销", "own.undo"], ["cancel|取消", "own.cancel"],
  ["decline|不改", "own.decline"],
];
const STEP_PATTERNS = STEPS.map(([names, key]) => /** @type {const} */ ([new RegExp(`^/?(?:${names}) ${CODE}${VERSION}(?: (?:yes|是))?$`, "iu"), key]));
const MOVE = new RegExp(`^/?(?:confirm|确认|move|改约) ${CODE}${VERSION}${WALL}$`, "iu");
const LINK = /^\/link (\d{6})$/iu;
const TAKE = /^(?:\/take|接手)$/iu;
const GIVE_BACK = /^(?:\/give-back|交还)$/iu;

/** A sentence instead of a command; null for what is shown as it is. @param {string} text @param {Language} language */
export function staffWords(text, language) {
  if (TAKE.test(text)) return s("own.take");
  if (GIVE_BACK.test(text)) return s("own.give_back");
  const linked = LINK.exec(text);
  if (linked !== null) return s("own.link", { code: linked[1] });
  const moved = MOVE.exec(text);
  if (moved !== null) return s("own.move", { code: moved[1].toUpperCase(), when: `${shortDay(moved[2], language)} ${moved[3]}` });
  for (const [pattern, key] of STEP_PATTERNS) {
    const found = pattern.exec(text);
    if (found !== null) return s(key, { code: found[1].toUpperCase() });
  }
  return null;
}
