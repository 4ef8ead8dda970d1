/** An appointment as a card of facts, and as a line of a list. */

import { longDay, otherZone, timeOf } from "../dates.js";
import { addressOf } from "../router.js";
import { html } from "../view.js";
import { hasWords, named, t } from "../words/index.js";
import { Icon } from "./icon.js";
import { mapLink } from "./place.js";

/** @typedef {import("../shapes.js").Appointment} Appointment */
/** @typedef {import("../shapes.js").PageState} PageState */

/** What a status means; a newer server may have one that this page does not know. @param {string} status */
export function statusWords(status) {
  const key = `status.${status}`;
  return hasWords(key) ? t(key) : status;
}

/** @param {PageState} state @param {{shop: string, service: string}} of */
export function partsOf(state, of) {
  const shop = state.chain.value?.shops.find((one) => one.id === of.shop) ?? null;
  return { shop, service: shop?.services.find((one) => one.id === of.service) ?? null };
}

/**
 * When it is, large: this is what people look for.
 *
 * @param {{wall: string, at: number, state: PageState, shop: import("../shapes.js").ShopPlace | null}} props
 */
export function When({ wall, at, state, shop }) {
  const zone = shop && otherZone(at, shop.zone, state.language);
  return html`
    <p class="when">
      <span>${longDay(wall, state.language)}</span>
      <strong class="number">${timeOf(wall)}</strong>
      ${zone && html`<small class="quiet">${t("time.zone", { zone: zone.name })} ${t("time.zone_here", zone)}</small>`}
    </p>
  `;
}

/** @param {{appointment: Appointment, state: PageState}} props */
export function AppointmentCard({ appointment, state }) {
  const { shop, service } = partsOf(state, appointment);
  const map = mapLink(shop?.map ?? null);
  /** @type {[string, any][]} */
  const facts = [
    [t("booked.service"),
      `${named(service?.name) || appointment.service} · ${t("time.minutes", { minutes: appointment.minutes })}`],
    [t("booked.where"), html`${named(shop?.name)}<br />${named(shop?.address)}${map && html` · <a href=${map} target="_blank"
      rel="noopener noreferrer">${t("page.map")}<span class="spoken"> ${t("page.new_window")}</span></a>`}`],
    [t("booked.who"), appointment.person || appointment.name],
    [t("booked.with"), appointment.with],
    [t("booked.code"), html`<span class="code number">${appointment.code}</span>`],
  ];
  return html`
    <article class="card raised">
      <${When} wall=${appointment.wall} at=${appointment.at} state=${state} shop=${shop} />
      <dl class="facts">
        ${facts.filter(([, value]) => value).map(([label, value]) => html`<dt key=${label}>${label}</dt><dd>${value}</dd>`)}
      </dl>
    </article>
  `;
}

/** @param {{appointment: Appointment, state: PageState}} props */
export function AppointmentLine({ appointment, state }) {
  const { shop, service } = partsOf(state, appointment);
  const { shop: id, code, status } = appointment;
  return html`
    <a class="card shop-link" href=${addressOf("booked", { shop: id, code })}>
      <span class="stack">
        <strong>${longDay(appointment.wall, state.language)} · <span class="number">${timeOf(appointment.wall)}</span></strong>
        <span>${named(service?.name) || appointment.service} · ${named(shop?.name)}</span>
        <span class=${status === "confirmed" ? "tag good" : "tag"}>${statusWords(status)}</span>
      </span>
      <${Icon} name="next" />
    </a>
  `;
}
