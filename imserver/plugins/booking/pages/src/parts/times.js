/** The times of a day, live: one that somebody else takes turns grey, with its word, where it stands. */

import { timeOf } from "../dates.js";
import { html } from "../view.js";
import { t } from "../words/index.js";

/** @typedef {import("../shapes.js").Slot} Slot */

/** Parts of a day by the hour in which they end. */
const PARTS = /** @type {const} */ ([
  ["time.morning", 12],
  ["time.afternoon", 18],
  ["time.evening", 24],
]);

/**
 * @param {object} props
 * @param {Slot[]} props.times
 * @param {string} props.yours  The wall time that is held for this customer, or "".
 * @param {string} props.taking  The one that is being taken, or "".
 * @param {boolean} [props.keeps]  The own one cannot be tapped: it is what one moves away from.
 * @param {string} [props.mark]  What the own one says.
 * @param {(time: Slot) => void} props.onTake
 */
export function Times({ times, yours, taking, keeps = false, mark, onTake }) {
  let begin = 0;
  return PARTS.map(([name, end]) => {
    const from = begin;
    begin = end;
    const listed = times.filter(({ wall }) => Number(wall.slice(11, 13)) >= from && Number(wall.slice(11, 13)) < end);
    if (listed.length === 0) return null;
    return html`
      <section key=${name} class="stack" aria-label=${t(name)}>
        <h3 class="small quiet">${t(name)}</h3>
        <ul class="times">
          ${listed.map((time) => html`
            <li key=${time.wall}>
              <${Time} time=${time} yours=${time.wall === yours} taking=${taking} keeps=${keeps} mark=${mark} onTake=${onTake} />
            </li>`)}
        </ul>
      </section>
    `;
  });
}

/**
 * One time as a button. A taken one stays in place and in reach of the keyboard: whoever was about to tap it hears why not.
 *
 * @param {{time: Slot, yours: boolean, taking: string, keeps?: boolean, mark?: string, onTake: (time: Slot) => void}} props
 */
export function Time({ time, yours, taking, keeps = false, mark = t("time.yours"), onTake }) {
  const open = (yours ? !keeps : time.free) && taking === "";
  const kind = yours ? "yours" : time.free ? "free" : "taken";
  return html`
    <button type="button" class=${`slot ${kind} ${taking === time.wall ? "busy" : ""}`} aria-disabled=${!open}
      onClick=${() => open && onTake(time)}>
      <span class="number">${timeOf(time.wall)}</span>
      ${kind !== "free" && html`<small>${kind === "yours" ? mark : t("time.taken")}</small>`}
    </button>
  `;
}
