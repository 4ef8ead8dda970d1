/** The inbox: red flags first, then who waits for people and for how long, then the others; each row leads to its conversation. */

import { ownWords } from "../chat/own_words.js";
import { Icon } from "../parts/icon.js";
import { Empty, Failed, Waiting } from "../parts/notice.js";
import { html } from "../view.js";
import { s } from "../words/staff.js";
import { chatAddress, conversationOf } from "./places.js";
import { agoWords, cut, reasonWords, comingWords, takenWords } from "./phrases.js";

/** @import { StaffProps } from "./screens.js" */
/** @import { InboxRow } from "./shapes.js" */

/** @param {StaffProps} props */
export function InboxPane(props) {
  const { state, page, staff, shop } = props;
  const { inbox } = staff;
  const listing = state.route.name === "staffInbox";
  const Title = listing ? "h1" : "h2";
  const count = inbox.value === null ? 0 : inbox.value.waiting.length + inbox.value.moreWaiting;
  return html`
    <section class="staff-list" aria-label=${s("inbox.title")}>
      <${Title} class="pane-title" tabindex=${listing ? "-1" : null}>
        ${s("inbox.title")} <span class="quiet plain small">${inbox.value !== null && s(count === 0 ? "inbox.none_waits" : "shops.waiting", { count })}</span>
      <//>
      ${inbox.value === null
        ? inbox.state === "failed"
          ? html`<${Failed} title=${s("inbox.failed")} code=${inbox.code} onRetry=${() => page.line.wake()} />`
          : html`<${Waiting} rows=${5} />`
        : html`<${Rows} ...${props} shop=${shop} inbox=${inbox.value} />`}
    </section>
  `;
}

/** @param {StaffProps & {inbox: import("./shapes.js").Inbox}} props */
function Rows(props) {
  const { inbox, staff, part } = props;
  const { older } = staff;
  const waiting = new Set(inbox.waiting.map(({ conversation }) => conversation));
  const first = inbox.recent.filter(({ conversation }) => !waiting.has(conversation));
  const shown = new Set([...waiting, ...first.map(({ conversation }) => conversation)]);
  // What moves up while one reads further down stands where it is now, and only there.
  const rest = older.rows.filter(({ conversation }) => !shown.has(conversation));
  const next = older.rows.length > 0 ? older.next : inbox.next;
  if (waiting.size + first.length === 0) {
    return html`<${Empty} icon="chat" title=${s("inbox.empty")} text=${s("inbox.empty_text")} heading=${false} />`;
  }
  return html`
    ${waiting.size > 0 && html`<${List} ...${props} title=${s("inbox.waiting")} rows=${inbox.waiting} />`}
    ${inbox.moreWaiting > 0 && html`<p class="small pad">${s("inbox.more_waiting", { count: inbox.moreWaiting })}</p>`}
    ${first.length > 0 && html`<${List} ...${props} title=${s("inbox.recent")} rows=${[...first, ...rest]} />`}
    ${next !== null && html`
      <p class="pad">
        <button type="button" class="button plain wide" aria-disabled=${older.state === "reading" ? "true" : null}
          onClick=${() => void part.readings.more()}>
          ${s(`older.${older.state}`)}
        </button>
      </p>`}
  `;
}

/** @param {StaffProps & {title: string, rows: InboxRow[]}} props */
function List({ state, page, staff, shop, title, rows }) {
  const open = state.route.name === "staffChat" ? conversationOf(state.route) : "";
  /** @type {Around} */
  const around = {
    ages: state.chain.value?.ages ?? NO_AGES, place: page.shop(state), shopId: shop.id, zone: shop.zone, session: state.session, language: state.language, now: staff.now,
  };
  return html`
    <${state.route.name === "staffInbox" ? "h2" : "h3"} class="list-title small quiet">${title}<//>
    <ol class="inbox-rows">
      ${rows.map((row) => item({ ...around, here: row.conversation === open, unread: staff.unread[row.conversation] ?? 0 }, row))}
    </ol>
  `;
}

/** @type {readonly any[]} */
const NO_AGES = [];

/**
 * What a row shows beside its own, the same objects as long as they say the same.
 *
 * @typedef {object} Around
 * @property {readonly any[]} ages
 * @property {import("../shapes.js").ShopPlace | null} place
 * @property {string} shopId
 * @property {string} zone
 * @property {import("../shapes.js").Session | null} session
 * @property {import("../shapes.js").Language} language
 * @property {number} now
 */
/** @typedef {Around & {here: boolean, unread: number}} RowProps */

/** What is drawn of rows. @type {WeakMap<InboxRow, {of: RowProps, drawn: any}>} */
const drawn = new WeakMap();

/**
 * A row as it is drawn already, if nothing about it is another: preact leaves what is the same object as it is, and of two hundred
 * rows a text changes one.
 *
 * @param {RowProps} of
 * @param {InboxRow} row
 */
function item(of, row) {
  const known = drawn.get(row);
  if (known !== undefined && same(known.of, of)) return known.drawn;
  const made = html`<li key=${row.conversation}><${Row} ...${of} row=${row} /></li>`;
  drawn.set(row, { of, drawn: made });
  return made;
}

/** @param {Record<string, any>} one @param {Record<string, any>} other */
function same(one, other) {
  for (const name in one) if (one[name] !== other[name]) return false;
  return true;
}

/** @param {RowProps & {row: InboxRow}} props */
function Row({ ages, place, shopId, zone, session, language, now, here, unread: count, row }) {
  const { conversation, customer, since, why, text, taken, coming, at } = row;
  const unread = here ? 0 : count;
  const alarm = why === "alarm";
  // What a page posted for who tapped is a command, which nobody reads.
  const said = place && ownWords(text, { shop: place, ages, language });
  return html`
    <a class=${`inbox-row${alarm ? " alarm" : ""}${since !== null ? " waits" : ""}`} href=${chatAddress(shopId, conversation)}
      aria-current=${here ? "true" : null}>
      <span class="line">
        <strong class="name" dir="auto">${cut(customer.name)}</strong>
        ${customer.guest && html`<span class="tag">${s("customer.guest")}</span>`}
        <span class=${since === null ? "ago small quiet number" : "ago small number"}>
          ${unread > 0 && html`
            <span class="count"><span aria-hidden="true">${unread > 99 ? "99+" : unread}</span><span class="spoken">${s("unread.count", { count: unread })}</span></span>`}
          ${agoWords(since ?? at, now, since !== null)}
        </span>
      </span>
      ${why !== null && html`
        <span class=${alarm ? "reason small bad" : "reason small"}>
          <${Icon} name=${alarm ? "alarm" : "person"} /><span>${reasonWords(why)}</span>
        </span>`}
      ${text && html`<span class="excerpt small" dir="auto">${said ?? text}</span>`}
      ${(taken !== null || coming !== null) && html`
        <span class="meta small quiet">
          ${[taken && takenWords(taken, session), coming && comingWords(coming, language, now, zone)]
            .filter(Boolean).join(" · ")}
        </span>`}
    </a>
  `;
}
