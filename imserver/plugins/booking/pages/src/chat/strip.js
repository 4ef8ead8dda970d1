/** On top of the chat: the time that is held, or the next appointment at this shop; and that people were told. */

import { shortDay, timeOf } from "../dates.js";
import { Icon } from "../parts/icon.js";
import { addressOf } from "../router.js";
import { html } from "../view.js";
import { named } from "../words/index.js";
import { moment } from "./moment.js";
import { c } from "../words/chat.js";

/** @typedef {import("../shapes.js").PageState} PageState */
/** @typedef {import("../shapes.js").ShopPlace} ShopPlace */

/** Statuses of an appointment that is still to come. */
const TO_COME = new Set(["pending", "confirmed"]);

/** @param {{state: PageState, shop: ShopPlace}} props */
export function Strip({ state, shop }) {
  const mine = state.mine.value;
  if (mine === null) return null;
  return html`
    <${Next} state=${state} shop=${shop} mine=${mine} />
    <${Human} state=${state} shop=${shop} since=${mine.waiting?.[shop.id] ?? null} />
  `;
}

/** @param {{state: PageState, shop: ShopPlace, mine: import("../shapes.js").Mine}} props */
function Next({ state, shop, mine }) {
  const held = mine.held?.shop === shop.id ? mine.held : null;
  const next = mine.upcoming.find((one) => one.shop === shop.id && TO_COME.has(one.status));
  if (held !== null) {
    return html`<${Line} icon="clock" label=${c("strip.held")} of=${held} state=${state} shop=${shop}
      href=${addressOf("you", { shop: shop.id })} act=${c("strip.continue")} />`;
  }
  if (next === undefined) return null;
  return html`<${Line} icon="calendar" label=${c("strip.next")} of=${next} state=${state} shop=${shop}
    href=${addressOf("booked", { shop: shop.id, code: next.code })} act=${c("strip.open")} />`;
}

/**
 * A text waits for people: that is said until they write.
 *
 * @param {{state: PageState, shop: ShopPlace, since: number | null}} props
 */
function Human({ state, shop, since }) {
  if (since === null) return null;
  return html`
    <div class="strip chat-human" role="status">
      <${Icon} name="person" />
      <span>
        ${shop.open.now ? c("strip.human") : c("strip.human_closed")}${" "}
        <span class="quiet number">${c("strip.human_since", { time: moment(since, state.language) })}</span>
      </span>
    </div>
  `;
}

/**
 * @param {{icon: import("../parts/icon.js").IconName, label: string, of: {wall: string, service: string}, state: PageState,
 *   shop: ShopPlace,
 *   href: string, act: string}} props
 */
function Line({ icon, label, of, state, shop, href, act }) {
  const service = shop.services.find((one) => one.id === of.service);
  return html`
    <a class="strip chat-strip" href=${href}>
      <${Icon} name=${icon} />
      <span class="grow">
        <span class="small">${label}${service && ` · ${named(service.name)}`}</span>
        <strong>${shortDay(of.wall, state.language)} <span class="number">${timeOf(of.wall)}</span></strong>
      </span>
      <span class="small go">${act}</span><${Icon} name="next" />
    </a>
  `;
}
