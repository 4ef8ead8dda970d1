/** The strip of days: each with its state in words. It scrolls on a phone and is two weeks of a calendar on wider screens. */

import { daysAhead, longDay, monthOf, numberOf, shortMonthOf, weekdayOf } from "../dates.js";
import { html, useEffect, useRef, useState } from "../view.js";
import { t } from "../words/index.js";

/** @typedef {import("../shapes.js").Language} Language */

/**
 * @param {object} props
 * @param {import("../shapes.js").Days["days"]} props.days
 * @param {string} props.shown
 * @param {Language} props.language
 * @param {number} props.now
 * @param {string} props.zone
 * @param {(day: string) => void} props.onChoose
 */
export function DayStrip({ days, shown, language, now, zone, onChoose }) {
  const strip = useRef(/** @type {HTMLElement | null} */ (null));
  const [seen, setSeen] = useState(""); // the first and the last day in sight
  const months = [...new Set(seen.split("/").filter(Boolean).map((day) => monthOf(day, language)))].join(" – ");
  // The chosen day is in sight; only the strip scrolls, never the page under a thumb.
  useEffect(() => {
    const { current } = strip;
    const chosen = current?.querySelector("input:checked")?.parentElement;
    if (current) setSeen(inSight(current));
    if (current && chosen) current.scrollLeft = chosen.offsetLeft - (current.clientWidth - chosen.clientWidth) / 2;
  }, [shown, days[0]?.day, days.length]);
  return html`
    <fieldset class="field">
      <legend>${t("time.day")} <span class="quiet plain">${months}</span></legend>
      <div class="days" ref=${strip}
        onScroll=${(/** @type {Event} */ event) => setSeen(inSight(/** @type {HTMLElement} */ (event.currentTarget)))}>
        ${days.map(({ day, state }, index) => html`
          <label class=${`day ${state}`} key=${day}>
            <input type="radio" name="day" value=${day} checked=${day === shown} onChange=${() => onChoose(day)}
              aria-label=${`${longDay(day, language)}: ${t(`time.state.${state}`)}`} />
            <span>
              <small>${nameOf(day, language, now, zone)}</small>
              <b class="number">${numberOf(day)}${index > 0 && numberOf(day) === "1" ? html`<i>${shortMonthOf(day, language)}</i>` : null}</b>
              <small class="state">${t(`time.state.${state}`)}</small>
            </span>
          </label>`)}
      </div>
    </fieldset>
  `;
}

/** The first and the last day in sight. @param {HTMLElement} strip */
function inSight(strip) {
  const { scrollLeft, clientWidth } = strip;
  const boxes = /** @type {HTMLElement[]} */ ([...strip.children]).filter(({ offsetLeft, offsetWidth }) =>
    offsetLeft + offsetWidth / 2 >= scrollLeft && offsetLeft + offsetWidth / 2 <= scrollLeft + clientWidth);
  return [boxes[0], boxes[boxes.length - 1]].flatMap((box) => box?.querySelector("input")?.value ?? []).join("/");
}

/** @param {string} day @param {Language} language @param {number} now @param {string} zone */
function nameOf(day, language, now, zone) {
  const ahead = daysAhead(day, now, zone);
  if (ahead === 0) return t("time.today");
  return ahead === 1 && language === "zh" ? t("time.tomorrow") : weekdayOf(day, language);
}
