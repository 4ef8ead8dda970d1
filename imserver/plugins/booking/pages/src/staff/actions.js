/** What staff can do with an appointment now, as buttons: each posts in the staff's conversation what one could type there. */

import { actOf, cameToNothing, isGoing } from "../acts.js";
import { Nothing, underWay } from "../parts/notice.js";
import { addressOf } from "../router.js";
import { html, useEffect, useRef, useState } from "../view.js";
import { hasStaffWords, s } from "../words/staff.js";
import { staffStatus } from "./phrases.js";

/** @import { Known } from "./part.js" */
/** @import { StaffProps } from "./screens.js" */
/** @import { SheetAction, SheetRow } from "./shapes.js" */

/** Kinds of what happens next on an ordinary day: the button of the first that is possible is the one to press. */
const NEXT = new Set(["confirm", "arrive", "start", "finish"]);
/** Kinds that are in sight at once. What ends an appointment is one tap further away: it is rare, and stands beside what is not. */
const SHOWN = new Set([...NEXT, "move", "decline", "undo"]);

/** @param {StaffProps & {row: SheetRow}} props */
export function VisitActions({ state, page, part, shop, row }) {
  const [asked, setAsked] = useState(/** @type {SheetAction | null} */ (null));
  const [all, setAll] = useState(false);
  const act = actOf(state, row.code);
  const going = isGoing(act);
  // Another version has other actions: a question about what was is none any more.
  useEffect(() => (setAsked(null), setAll(false)), [row.version]);
  const run = async (/** @type {SheetAction} */ { kind, command }) => {
    setAsked(null);
    const changed = await part.acts.do(kind, row.code, shop, command, (known) => isChanged(known, row), undefined, { conversation: shop.group });
    if (changed) page.say(s("act.said", { name: row.name, status: staffStatus(statusNow(part.now(), row)) }));
  };
  const tap = (/** @type {SheetAction} */ action) => {
    if (going) return;
    if (action.sure) setAsked(action);
    else void run(action);
  };
  if (row.actions.length === 0) return null;
  const next = row.actions.find(({ kind }) => NEXT.has(kind));
  const shown = row.actions.filter(({ kind }) => all || SHOWN.has(kind));
  return html`
    ${asked !== null
      ? html`<${Sure} action=${asked} row=${row} onYes=${() => void run(asked)} onNo=${() => setAsked(null)} />`
      : html`
        <div class="row visit-actions no-print" role="group" aria-label=${s("act.of", { name: row.name })}>
          ${shown.map((action) => html`<${Action} key=${action.kind} action=${action} row=${row} shop=${shop} going=${going} main=${action === next} onTap=${tap} />`)}
          ${shown.length < row.actions.length && html`
            <button type="button" class="button plain" aria-expanded="false" onClick=${() => setAll(true)}>${s("act.more")}</button>`}
        </div>`}
    ${going && html`<p class="small quiet" role="status">${underWay(state, s("act.doing"))}</p>`}
    ${cameToNothing(act, ...row.actions.map(({ kind }) => kind)) && html`<${Nothing} act=${act} />`}
  `;
}

/**
 * @param {{action: SheetAction, row: SheetRow, shop: import("./shapes.js").StaffShop, going: boolean, main: boolean,
 *   onTap: (action: SheetAction) => void}} props
 */
function Action({ action, row, shop, going, main, onTap }) {
  const { kind } = action;
  if (!hasStaffWords(`act.${kind}`)) return null; // of a newer server
  const words = s(/** @type {import("../words/staff.js").StaffKey} */ (`act.${kind}`));
  if (kind === "move") {
    const query = { move: row.code, of: row.wall.slice(0, 10), service: row.service };
    return html`<a class="button" href=${addressOf("staffToday", { shop: shop.id, query })}>${words}</a>`;
  }
  return html`
    <button type="button" class=${main ? "button main" : "button"} aria-disabled=${going ? "true" : null}
      onClick=${() => onTap(action)}>${words}</button>
  `;
}

/** The question before what cannot be taken back. @param {{action: SheetAction, row: SheetRow, onYes: () => void, onNo: () => void}} props */
function Sure({ action, row, onYes, onNo }) {
  const no = useRef(/** @type {HTMLButtonElement | null} */ (null));
  useEffect(() => no.current?.focus(), []);
  const words = s(/** @type {import("../words/staff.js").StaffKey} */ (`act.${action.kind}`));
  return html`
    <div class="sure no-print" role="group" aria-label=${s("act.sure", { act: words, name: row.name })}>
      <p>${s("act.sure", { act: words, name: row.name })}</p>
      <div class="row">
        <button type="button" class="button alarm" onClick=${onYes}>${s("act.yes", { act: words })}</button>
        <button type="button" class="button" ref=${no} onClick=${onNo}>${s("act.no")}</button>
      </div>
    </div>
  `;
}

/** @param {Known} known @param {SheetRow} row */
const found = ({ sheet, customer }, { code }) =>
  [...(sheet?.rows ?? []), ...(customer?.upcoming ?? []), ...(customer?.past ?? [])].filter((one) => one.code === code);

/** Whether it is another than it was. @param {Known} known @param {SheetRow} row */
export function isChanged(known, row) {
  const now = found(known, row);
  return now.length === 0 ? known.sheet !== null || known.customer !== null : now.some(({ version }) => version > row.version);
}

/** @param {Known} known @param {SheetRow} row */
const statusNow = (known, row) =>
  found(known, row).reduce((newest, one) => (one.version > newest.version ? one : newest), row).status;
