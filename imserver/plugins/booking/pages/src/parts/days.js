/** The strip of days: each with its state in words. It scrolls on a phone and is two weeks of a calendar on wider screens. */

import { daysAhead, longDay, monthOf, numberOf, shortMonthOf, weekdayOf } from "../dates.js";
import { html, useEffect, useRef } from "../view.js";
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
  // The chosen day is in sight; only the strip scrolls, never the page under a thumb.
  useEffect(() => {
    const { current } = strip;
    const chosen = current?.querySelector("input:checked")?.parentElement;
    if (current && chosen) current.scrollLeft = chosen.offsetLeft - (current.clientWidth - chosen.clientWidth) / 2;
  }, [shown, days.length]);
  return html`
    <fieldset class="field">
      <legend>${t("time.day")} <span class="quiet plain">${days.length > 0 && monthOf(days[0].day, language)}</span></legend>
      <div class="days" ref=${strip}>
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

/** @param {string} day @param {Language} language @param {number} now @param {string} zone */
function nameOf(day, language, now, zone) {
  const ahead = daysAhead(day, now, zone);
  if (ahead === 0) return t("time.today");
  return ahead === 1 && language === "zh" ? t("time.tomorrow") : weekdayOf(day, language);
}
