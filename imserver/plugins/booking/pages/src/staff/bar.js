/** The bar of the staff's screens: the shop, where one can go in it, and what belongs to the browser. */

import { Icon } from "../parts/icon.js";
import { OtherLanguage, Theme } from "../parts/frame.js";
import { addressOf } from "../router.js";
import { html, useEffect, useRef } from "../view.js";
import { named, t } from "../words/index.js";
import { s } from "../words/staff.js";

/** @import { Page } from "../page.js" */
/** @import { PageState } from "../shapes.js" */
/** @import { StaffShop, StaffState } from "./shapes.js" */

/**
 * @typedef {{state: PageState, page: Page, staff: StaffState, shop: StaffShop | null}} BarProps
 */

/** Screens that take the whole of a phone: the bar has the way back instead of the way elsewhere. */
const DEEP = new Set(["staffChat", "staffGroup"]);

/** @param {BarProps} props */
export function StaffBar({ state, page, staff, shop }) {
  const deep = DEEP.has(state.route.name) || Boolean(state.route.query.move);
  const above = shop === null ? addressOf("staff") : addressOf("staffInbox", { shop: shop.id });
  return html`
    <header class=${deep ? "top staff-bar deep" : "top staff-bar"}>
      <div class="top-row">
        ${deep && html`
          <button type="button" class="button icon-only back" aria-label=${t("page.back")} onClick=${() => page.router.back(above)}>
            <${Icon} name="back" />
          </button>`}
        <div class="top-name">
          ${(staff.shops.value?.length ?? 0) > 1 && shop !== null
            ? html`<a href=${addressOf("staff")}>${named(shop.name)}</a>`
            : html`<span>${named(shop?.name) || named(state.chain.value?.name)}</span>`}
          <small>${state.session?.name || s("bar.staff")}</small>
        </div>
        ${shop !== null && html`<${Ways} route=${state.route} staff=${staff} shop=${shop} />`}
        <${Menu} state=${state} page=${page} shop=${shop} />
      </div>
    </header>
    ${staff.sound === "refused" && staff.shops.value !== null && html`<${Silent} page=${page} />`}
  `;
}

/** @param {{route: PageState["route"], staff: StaffState, shop: StaffShop}} props */
function Ways({ route, staff, shop }) {
  const { id, waiting, alarms, group } = shop;
  const unread = staff.unread[group] ?? 0;
  return html`
    <nav class="ways-staff" aria-label=${s("bar.ways")}>
      <${Way} href=${addressOf("staffInbox", { shop: id })} icon="chat" words=${s("bar.inbox")} here=${HERE.inbox.has(route.name)}
        count=${waiting} said=${s("shops.waiting", { count: waiting })} bad=${alarms > 0} />
      <${Way} href=${addressOf("staffToday", { shop: id })} icon="calendar" words=${s("bar.today")} here=${HERE.today.has(route.name)} />
      <${Way} href=${addressOf("staffGroup", { shop: id })} icon="person" words=${s("bar.group")} here=${HERE.group.has(route.name)}
        count=${unread} said=${s("unread.count", { count: unread })} />
    </nav>
  `;
}

const HERE = {
  inbox: new Set(["staffInbox", "staffChat"]), today: new Set(["staffToday"]), group: new Set(["staffGroup"]),
};

/**
 * @param {{href: string, icon: import("../parts/icon.js").IconName, words: string, here: boolean, count?: number, said?: string,
 *   bad?: boolean}} props
 */
const Way = ({ href, icon, words, here, count = 0, said = "", bad = false }) => html`
  <a class="way" href=${href} aria-current=${here ? "page" : null}>
    <${Icon} name=${icon} /><span>${words}</span>
    ${count > 0 && html`
      <span class=${bad ? "count bad" : "count"}><span aria-hidden="true">${count > 99 ? "99+" : count}</span><span class="spoken">${said}</span></span>`}
  </a>
`;

/**
 * What belongs to this browser or this person, and not to the shop: the bot's direct chat is where an admin finds the links of
 * `/link NAME`.
 *
 * @param {{state: PageState, page: Page, shop: StaffShop | null}} props
 */
function Menu({ state, page, shop }) {
  const menu = useRef(/** @type {HTMLDetailsElement | null} */ (null));
  useEffect(() => {
    // A tap beside it closes it, as everywhere; so does another screen.
    const close = (/** @type {Event} */ event) => {
      if (menu.current !== null && !menu.current.contains(/** @type {Node} */ (event.target))) menu.current.open = false;
    };
    const key = (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Escape" || !menu.current?.open) return;
      menu.current.open = false;
      menu.current.querySelector("summary")?.focus();
    };
    document.addEventListener("click", close);
    document.addEventListener("keydown", key);
    return () => {
      document.removeEventListener("click", close);
      document.removeEventListener("keydown", key);
    };
  }, []);
  return html`
    <details class="menu" ref=${menu}>
      <summary class="button icon-only" aria-label=${s("bar.more")}><${Icon} name="settings" /></summary>
      <div class="menu-list">
        ${state.session && html`<a class="button plain" href=${addressOf("devices")}>${s("bar.devices")}</a>`}
        ${shop !== null && html`<a class="button plain" href=${addressOf("chat", { shop: shop.id })}>${s("bar.own")}</a>`}
        <${OtherLanguage} state=${state} page=${page} />
        <${Theme} state=${state} page=${page} />
      </div>
    </details>
  `;
}

/** Browsers play no sound before somebody has tapped on the page: an alarm that nobody hears has to be said. @param {{page: Page}} props */
const Silent = ({ page }) => html`
  <div class="strip line" role="status">
    <${Icon} name="alarm" /><span>${s("sound.refused")}</span>
    <button type="button" class="button" onClick=${() => void page.staff?.sound.ready()}>${s("sound.on")}</button>
  </div>
`;
