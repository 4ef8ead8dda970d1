/** What staff know of a customer, beside the conversation: who they are, what is to come, what was. */

import { Icon } from "../parts/icon.js";
import { html, useState } from "../view.js";
import { named, t } from "../words/index.js";
import { s } from "../words/staff.js";
import { VisitActions } from "./actions.js";
import { lineOf } from "./part.js";
import { cut, personWords, staffStatus, whenWords } from "./phrases.js";
import { conversationOf } from "./places.js";

/** @import { StaffProps } from "./screens.js" */
/** @import { AboutCustomer, SheetRow } from "./shapes.js" */

/** What a new phone shows at the counter. */
const DIGITS = /^\d{6}$/;

/** @param {StaffProps & {about: AboutCustomer}} props */
export function AboutPanel(props) {
  const { customer, upcoming, past } = props.about;
  /** @type {[string, any][]} */
  const facts = [
    [s("about.name"), html`<span dir="auto">${customer.name}</span>`],
    [s("about.kind"), customer.guest ? s("about.guest") : ""],
    [s("about.language"), s(`about.speaks.${customer.language === "zh" ? "zh" : "en"}`)],
    [s("about.phone"), customer.telephone && html`<a class="number" href=${`tel:${customer.telephone}`}>${customer.telephone}</a>`],
  ];
  return html`
    <section class="stack">
      <h2>${s("about.title")}</h2>
      <dl class="facts">
        ${facts.filter(([, value]) => value).map(([label, value]) => html`<dt key=${label}>${label}</dt><dd class="clamped">${value}</dd>`)}
      </dl>
    </section>
    <section class="stack">
      <h2>${s("about.upcoming")}</h2>
      ${upcoming.length === 0
        ? html`<p class="quiet">${s("about.no_upcoming")}</p>`
        : html`<ul class="stack">${upcoming.map((row) => html`<li key=${row.code}><${VisitCard} ...${props} row=${row} /></li>`)}</ul>`}
    </section>
    ${past.length > 0 && html`
      <section class="stack">
        <h2>${s("about.past")}</h2>
        <ul class="lines small">${past.map((row) => html`<li key=${row.code}><${PastLine} ...${props} row=${row} /></li>`)}</ul>
      </section>`}
    <${NewPhone} ...${props} />
  `;
}

/**
 * The customer stands at the counter with a new phone, which shows six digits: what is asked and answered then is said in the
 * conversation, as if one had typed it there.
 *
 * @param {StaffProps & {about: AboutCustomer}} props
 */
function NewPhone({ state, page, shop, about }) {
  const [digits, setDigits] = useState("");
  const whole = DIGITS.test(digits.replace(/\s/g, ""));
  const link = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!whole) return;
    setDigits("");
    await lineOf(page).say(shop, `/link ${digits.replace(/\s/g, "")}`, { conversation: conversationOf(state.route) });
  };
  return html`
    <details class="new-phone">
      <summary>${s("phone.title")}</summary>
      <form class="stack" onSubmit=${link}>
        <p class="small quiet">${s("phone.text", { name: cut(about.customer.name) })}</p>
        <label class="field"><span class="label">${s("phone.digits")}</span>
          <input class="input number" value=${digits} inputmode="numeric" autocomplete="off" maxlength="7"
            onInput=${(/** @type {any} */ event) => setDigits(event.target.value)} />
        </label>
        <button type="submit" class="button" aria-disabled=${whole ? null : "true"}>${s("phone.link")}</button>
      </form>
    </details>
  `;
}

/** @param {StaffProps & {row: SheetRow}} props */
function VisitCard(props) {
  const { state, staff, shop, row } = props;
  return html`
    <article class="card visit" aria-label=${`${row.code} ${personWords(row)}`}>
      <p class="between">
        <strong>${whenWords(row.wall, state.language, staff.now, shop.zone)}</strong>
        <span class=${row.status === "confirmed" ? "tag good" : "tag"}>${staffStatus(row.status)}</span>
      </p>
      <p class="small">${named(row.serviceName)} · ${t("time.minutes", { minutes: row.minutes })}</p>
      <p class="small quiet"><span class="code number">${row.code}</span> · <span dir="auto">${personWords(row)}</span></p>
      ${row.wish && html`<p class="small"><strong>${s("sheet.wish", { when: whenWords(row.wish, state.language, staff.now, shop.zone) })}</strong></p>`}
      <${VisitActions} ...${props} row=${row} />
    </article>
  `;
}

/** @param {StaffProps & {row: SheetRow}} props */
const PastLine = ({ state, staff, shop, row }) => html`
  <span class="number">${whenWords(row.wall, state.language, staff.now, shop.zone)}</span> · ${named(row.serviceName)} ·
  <span class="quiet"> ${staffStatus(row.status)}</span>
`;

/**
 * The same where there is no room beside the conversation: the next visit on one line, and all behind it.
 *
 * @param {StaffProps & {about: AboutCustomer}} props
 */
export function NextVisit(props) {
  const { state, staff, shop, about } = props;
  const next = about.upcoming[0];
  return html`
    <details class="about-fold">
      <summary>
        <${Icon} name="calendar" />
        <span class="grow">
          ${next === undefined ? s("about.no_upcoming") : html`
            <strong>${whenWords(next.wall, state.language, staff.now, shop.zone)}</strong> · ${named(next.serviceName)}`}
        </span>
        <span class="small go">${s("about.open")}</span>
      </summary>
      <div class="about-inside"><${AboutPanel} ...${props} /></div>
    </details>
  `;
}
