/** The staff's screens: loaded when somebody goes to one of them. Which of them, the address says; who may, the server. */

import "../screens/shared.js";

import { fillWindow } from "../chat/hooks.js";
import { Empty, Failed, Waiting } from "../parts/notice.js";
import { addressOf } from "../router.js";
import { html, useEffect, useLayoutEffect } from "../view.js";
import { s } from "../words/staff.js";
import { StaffBar } from "./bar.js";
import { InboxPane } from "./inbox.js";
import { MoveScreen } from "./move.js";
import { partOf } from "./part.js";
import { NO_STAFF } from "./readings.js";
import { SheetScreen } from "./sheet.js";
import { ShopsScreen } from "./shops.js";
import { CustomerChat, GroupChat } from "./talk.js";

/** @import { Page } from "../page.js" */
/** @import { PageState } from "../shapes.js" */
/** @import { StaffPart } from "./part.js" */
/** @import { StaffShop, StaffState } from "./shapes.js" */

/** @typedef {{state: PageState, page: Page, staff: StaffState, part: StaffPart, shop: StaffShop}} StaffProps */

export { styled } from "./styled.js";

/** @param {{state: PageState, page: Page}} props */
export function StaffScreen({ state, page }) {
  const part = partOf(page);
  const staff = state.staff ?? NO_STAFF;
  const { route } = state;
  const shops = staff.shops.value;
  const shop = shops?.find(({ id }) => id === route.shop) ?? null;
  // Who works in one shop has no choice to make.
  const only = route.name === "staff" && shops?.length === 1 ? shops[0].id : null;
  useEffect(() => {
    if (only !== null) page.router.go(addressOf("staffInbox", { shop: only }), { replace: true });
  }, [only]);
  const without = shop === null ? withoutShop(state, staff, page) : null;
  return html`
    <${StaffBar} state=${state} page=${page} staff=${staff} shop=${shop} />
    ${shop === null
      ? html`<main class="content" id="content"><div class="screen">${without}</div></main>`
      : html`<${InShop} key=${shop.id} state=${state} page=${page} staff=${staff} part=${part} shop=${shop} />`}
  `;
}

/** By the route's name. @type {Record<string, (props: StaffProps) => any>} */
const SCREENS = { staffInbox: Talks, staffChat: Talks, staffGroup: Talks, staffToday: Today };

/** @param {StaffProps} props */
const InShop = (props) => html`<${SCREENS[props.state.route.name] ?? Talks} ...${props} />`;

/**
 * The inbox, and beside it what is open: on a phone one of both.
 *
 * @param {StaffProps} props
 */
function Talks(props) {
  useLayoutEffect(() => fillWindow(), []);
  const { name, conversation } = props.state.route;
  const Talk = name === "staffGroup" ? GroupChat : CustomerChat;
  return html`
    <main class=${`staff-panes ${name === "staffInbox" ? "listing" : "talking"}`} id="content">
      <${InboxPane} ...${props} />
      ${name === "staffInbox"
        ? html`<${Nobody} inbox=${props.staff.inbox.value} />`
        : html`<${Talk} key=${`${name} ${conversation}`} ...${props} />`}
    </main>
  `;
}

/** Beside the list, while no conversation is open. @param {{inbox: StaffState["inbox"]["value"]}} props */
function Nobody({ inbox }) {
  const [title, text] = inbox === null || inbox.waiting.length > 0
    ? [s("talk.none"), s("talk.none_text")]
    : [s("talk.nobody"), s(inbox.recent.length > 0 ? "talk.nobody_text" : "inbox.empty_text")];
  return html`<div class="staff-talk none"><${Empty} icon="chat" title=${title} text=${text} heading=${false} /></div>`;
}

/** @param {StaffProps} props */
function Today(props) {
  return html`
    <main class="content staff-wide" id="content">
      ${props.state.route.query.move ? html`<${MoveScreen} ...${props} />` : html`<${SheetScreen} ...${props} />`}
    </main>
  `;
}

/**
 * What stands where no shop of one's own is shown: a choice, or why there is none.
 *
 * @param {PageState} state
 * @param {StaffState} staff
 * @param {Page} page
 */
function withoutShop(state, staff, page) {
  const { value, state: reading, code } = staff.shops;
  if (value === null && state.asked && state.session === null) {
    return html`<${Empty} icon="person" title=${s("none.signed_out")} text=${s("none.signed_out_text")} />`;
  }
  if (value === null && reading === "failed") {
    return html`<h1 tabindex="-1">${s("shops.title")}</h1>
      <${Failed} title=${s("shops.failed")} code=${code} onRetry=${() => page.line.wake()} />`;
  }
  if (value === null) return html`<h1 class="spoken" tabindex="-1">${s("shops.title")}</h1><${Waiting} />`;
  if (value.length === 0) {
    const [title, text] = staff.gone ? [s("none.gone"), s("none.gone_text")] : [s("none.title"), s("none.text")];
    return html`<${Empty} icon="person" title=${title} text=${text} />`;
  }
  if (state.route.name !== "staff") {
    const [title, text] = staff.gone ? [s("none.gone"), s("none.gone_text")] : [s("none.other"), s("none.other_text")];
    return html`
      <${Empty} icon="person" title=${title} text=${text}>
        <a class="button main" href=${addressOf("staff")}>${s("shops.mine")}</a>
      <//>`;
  }
  return html`<${ShopsScreen} shops=${value} gone=${staff.gone} />`;
}
