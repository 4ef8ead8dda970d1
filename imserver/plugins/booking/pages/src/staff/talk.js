/** A conversation as staff have it: a customer's, with who answers and what one knows of them; and the staff's own. */

import { actOf, cameToNothing, isGoing } from "../acts.js";
import { moment } from "../chat/moment.js";
import { ownWords } from "../chat/own_words.js";
import { Thread } from "../chat/thread.js";
import { Icon } from "../parts/icon.js";
import { Empty, Nothing, Waiting, underWay } from "../parts/notice.js";
import { addressOf } from "../router.js";
import { html } from "../view.js";
import { c } from "../words/chat.js";
import { named } from "../words/index.js";
import { s } from "../words/staff.js";
import { AboutPanel, NextVisit } from "./about.js";
import { staffWords } from "./own_words.js";
import { lineOf } from "./part.js";
import { agoWords, cut, reasonWords } from "./phrases.js";
import { chatAddress, conversationOf } from "./places.js";

/** @import { Side } from "../chat/thread.js" */
/** @import { StaffProps } from "./screens.js" */
/** @import { AboutCustomer } from "./shapes.js" */

/** The staff's own conversation: what the shop's bot tells them, and what they tell each other. @param {StaffProps} props */
export function GroupChat(props) {
  const { state, page, shop } = props;
  const line = lineOf(page);
  return html`
    <section class="staff-talk chat">
      <header class="talk-head">
        <h1 class="talk-name" tabindex="-1">${s("group.title", { shop: named(shop.name) })}</h1>
      </header>
      <${Thread} state=${state} page=${page} line=${line} shop=${shop} id=${shop.group} to=${s("group.to")} draft=${shop.group}
        side=${sideOf(props, null)} empty=${{ title: s("group.empty"), text: s("group.empty_text") }} />
    </section>
  `;
}

/** @param {StaffProps} props */
export function CustomerChat(props) {
  const { state, page, staff, shop } = props;
  const line = lineOf(page);
  const id = conversationOf(state.route);
  const { value, code } = staff.customer;
  const about = value !== null && value.shop === shop.id ? value : null;
  if (about === null && code === "NOT_FOUND") {
    return html`
      <section class="staff-talk">
        <${Empty} icon="chat" title=${s("talk.missing")} text=${s("talk.missing_text")}>
          <a class="button main" href=${addressOf("staffInbox", { shop: shop.id })}>${s("bar.inbox")}</a>
        <//>
      </section>`;
  }
  const listed = [...(staff.inbox.value?.waiting ?? []), ...(staff.inbox.value?.recent ?? []), ...staff.older.rows];
  // The row that was tapped knows the name already.
  const customer = about?.customer ?? listed.find(({ conversation }) => conversation === id)?.customer ?? null;
  const to = customer === null ? s("talk.customer") : cut(customer.name);
  return html`
    <section class="staff-talk chat">
      <header class="talk-head">
        <div class="talk-who">
          <h1 class="talk-name" tabindex="-1" dir="auto">${to}</h1>
          ${customer?.guest && html`<span class="tag">${s("customer.guest")}</span>`}
        </div>
        ${about !== null && html`<${Answering} ...${props} about=${about} id=${id} />`}
      </header>
      ${about !== null && html`<${Waits} ...${props} about=${about} />`}
      ${about !== null && html`<${NextVisit} ...${props} about=${about} />`}
      <${Thread} state=${state} page=${page} line=${line} shop=${shop} id=${id} to=${to} draft=${id}
        side=${sideOf(props, about, customer?.id, to)} empty=${{ title: s("talk.empty"), text: s("talk.empty_text") }} />
    </section>
    <aside class="staff-about" aria-label=${s("about.title")}>
      ${about === null ? html`<${Waiting} rows=${3} />` : html`<${AboutPanel} ...${props} about=${about} />`}
    </aside>
  `;
}

/**
 * What staff see in messages that a customer does not: who of the people it was, what tapped commands mean, why it waits.
 *
 * @param {StaffProps} props
 * @param {AboutCustomer | null} about
 * @param {string} [customer]
 * @param {string} [called]
 * @returns {Side}
 */
function sideOf({ state, page, part, shop }, about, customer, called) {
  const place = page.shop(state);
  const ages = state.chain.value?.ages ?? [];
  return {
    staffs: true,
    customer,
    called,
    // Colleagues read along: the ticks tell of the customer, in the staff's own conversation of all.
    readers: customer === undefined ? undefined : (userId) => userId === customer,
    onSeen: (position) => part.unread.read(about === null ? shop.group : conversationOf(state.route), position),
    acts: {
      ownWords: (text, { from }) => {
        if (from === "customer") return place && ownWords(text, { shop: place, ages, language: state.language });
        return from === "bot" ? null : staffWords(text, state.language);
      },
      tickWords: (tick) => (tick === "read" || tick === "sent" ? s(`tick.${tick}`) : c(`tick.${tick}`)),
      who: ({ from, name }) => (from === "own" ? c("chat.you") : from === "bot" ? s("talk.bot") : name || s(`talk.${from}`)),
      note: ({ position }) => (about !== null && about.position === position && about.why
        ? { words: reasonWords(about.why), grave: about.why === "alarm" } : null),
      quiet: customer !== undefined, // their buttons are the customer's
      opens: (conversation) => chatAddress(shop.id, conversation),
    },
  };
}

/** That somebody waits here, for how long, and why. @param {StaffProps & {about: AboutCustomer}} props */
function Waits({ staff, about: { since, why, here } }) {
  if (since === null) return here ? null : html`<div class="strip waits"><${Icon} name="info" /><span>${s("talk.left")}</span></div>`;
  const alarm = why === "alarm";
  return html`
    <div class=${alarm ? "strip waits bad" : "strip waits"} role="status">
      <${Icon} name=${alarm ? "alarm" : "person"} />
      <span class="grow"><strong>${reasonWords(why ?? "unread")}</strong>${" "}
        <span class="number">${s("talk.waits", { ago: agoWords(since, staff.now, true) })}</span></span>
    </div>
  `;
}

/** Who answers, the bot or somebody, and the button that changes it. @param {StaffProps & {about: AboutCustomer, id: string}} props */
function Answering({ state, page, part, shop, about, id }) {
  const { taken, commands } = about;
  const act = actOf(state, id, "takeOver", "giveBack");
  const mine = taken !== null && taken.by === state.session?.userId;
  const going = isGoing(act);
  const change = async (/** @type {"takeOver" | "giveBack"} */ name, /** @type {string} */ command) => {
    // Whoever goes on to something else waits for it no longer: it is said in the conversation, and one act is under way at a time.
    const isOpen = () => conversationOf(page.store.get().route) === id;
    const reached = (/** @type {import("./part.js").Known} */ { customer }) =>
      !isOpen() || (name === "giveBack" ? customer?.taken === null : customer?.taken?.by === state.session?.userId);
    const done = await part.acts.do(name, id, shop, command, reached, undefined, { conversation: id });
    if (done && isOpen()) page.say(s(name === "giveBack" ? "taken.given_back" : "taken.you"));
  };
  return html`
    <p class="small quiet answering">
      ${taken === null ? s(commands.giveBack === null ? "taken.bot" : "taken.silent") : mine
        ? s("taken.you_since", { time: moment(taken.at, state.language) })
        : s("taken.by_since", { name: cut(taken.name), time: moment(taken.at, state.language) })}
    </p>
    <span class="row">
      ${commands.take !== null && !mine && html`
        <button type="button" class="button" aria-disabled=${going ? "true" : null}
          onClick=${() => void (!going && change("takeOver", commands.take ?? ""))}>
          ${going ? underWay(state, s("taken.doing")) : s("taken.take")}
        </button>`}
      ${commands.giveBack !== null && html`
        <button type="button" class="button" aria-disabled=${going ? "true" : null}
          onClick=${() => void (!going && change("giveBack", commands.giveBack ?? ""))}>
          ${going ? underWay(state, s("taken.doing")) : s("taken.give_back")}
        </button>`}
    </span>
    ${cameToNothing(act, "takeOver", "giveBack") && html`<${Nothing} act=${act} />`}
  `;
}
