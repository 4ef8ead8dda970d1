/** The messages of a conversation, live, and where one writes below them: for customers and for staff. */

import { Empty, Notice, Waiting } from "../parts/notice.js";
import { html, useMemo, useState } from "../view.js";
import { c, wordsOf } from "../words/chat.js";
import { Composer } from "./composer.js";
import { shownContent, spokenContent } from "./content.js";
import { useClock, useConversation, useUnsent } from "./hooks.js";
import { MessageList } from "./list.js";
import { dayHere, dayWords, timeHere } from "./moment.js";
import { rowsOf } from "./rows.js";

/** @import { BubbleActs } from "./bubble.js" */
/** @import { Action } from "./content.js" */
/** @import { ConversationView, Readers } from "./conversation.js" */
/** @import { Line } from "../line/line.js" */
/** @import { Bubble } from "./rows.js" */

/** @typedef {import("../shapes.js").PageState} PageState */
/** @typedef {import("../page.js").Page} Page */

/**
 * Whose screen it is: what differs between customer and staff.
 *
 * @typedef {object} Side
 * @property {string} [customer]  Of staff: whose conversation it is, where it is somebody's; and what they are `called`.
 * @property {string} [called]
 * @property {boolean} [staffs]
 * @property {Readers} [readers]  Whose reading the two ticks tell of.
 * @property {Pick<BubbleActs, "ownWords" | "tickWords" | "who"> & Partial<BubbleActs>} acts
 * @property {(position: number) => void} [onSeen]
 */

/**
 * @param {object} props
 * @param {PageState} props.state
 * @param {Page} props.page
 * @param {Line} props.line
 * @param {{id: string, bot: string}} props.shop
 * @param {string} props.id  The conversation; "": there is none yet, and the first words make it.
 * @param {string} [props.before]  Another one that is shown as a part of it.
 * @param {string} props.to  To whom one writes, in words.
 * @param {string} props.draft  Under which name the state keeps what is being written.
 * @param {{title: string, text: string}} props.empty
 * @param {Side} props.side
 */
export function Thread({ state, page, line, shop, id, before = "", to, draft, empty, side }) {
  const earlier = useConversation(line, before === id ? "" : before, () => {}, side);
  const { conversation, view } = useConversation(line, id, (item, seen) => {
    const spoken = spokenContent(shownContent(item.content));
    const name = item.senderId === side.customer ? to : (seen.people[item.senderId]?.name ?? (side.staffs ? c("told.somebody") : to));
    if (spoken) page.say(c("chat.says", { name, text: spoken }));
  }, { ...side, keeps: side.staffs !== true });
  const unsent = useUnsent(line).filter((post) => post.conversationId === id || (before !== "" && post.conversationId === before));
  const [pressing, press] = usePressing(line, shop);
  const waits = line.state.state === "waiting";
  const me = line.session?.userId ?? "";
  const now = useClock(unsent.length > 0);
  const { customer, called, staffs } = side;
  const rows = useMemo(
    () => {
      const views = [view, earlier.view].filter((one) => one !== null);
      return view === null ? [] : rowsOf(views, unsent, { me, bot: shop.bot, waits, now, dayOf: dayHere, customer, called, staffs });
    },
    [view, earlier.view, unsent.map(({ name, refused }) => name + refused?.code).join(), me, waits, now, customer, called],
  );
  const seen = (/** @type {number} */ position) => {
    conversation?.seen(position);
    side.onSeen?.(position);
    const last = earlier.view?.items[earlier.view.items.length - 1]?.position;
    if (last !== undefined) earlier.conversation?.seen(last);
  };
  const acts = {
    ...side.acts, press, pressing, timeAt: timeHere,
    settle: (/** @type {string} */ name, /** @type {"again" | "discard"} */ act) => line.settle(name, act),
  };
  const inWords = (/** @type {string} */ day) => dayWords(day, state.language);
  const nameOf = (/** @type {string} */ userId) => view?.people[userId]?.name ?? c("told.somebody");
  return html`
    ${id === "" || (rows.length === 0 && view?.state === "ready")
      ? html`<div class="chat-scroll"><${Empty} icon="chat" ...${empty} heading=${false} /></div>`
      : view === null || rows.length === 0
        ? html`<div class="chat-scroll"><${Unread} failed=${view?.state === "failed"} /></div>`
        : html`
          <${MessageList} rows=${rows} view=${view} acts=${acts} nameOf=${nameOf} dayWords=${inWords}
            onOlder=${() => conversation?.more()} onSeen=${seen}>
            ${view.typing && html`<p class="typing small quiet">${typingWords(view)}</p>`}
          <//>`}
    <${Writing} line=${line} shop=${shop} to=${to} draft=${draft} state=${state} page=${page} id=${id}
      typing=${() => conversation?.typing()} />
  `;
}

/**
 * Buttons of cards: those that are being pressed ("KEY COMMAND"), and how one is.
 *
 * @param {Line} line
 * @param {{id: string, bot: string}} shop
 * @returns {[ReadonlySet<string>, (card: Bubble, action: Action) => Promise<void>]}
 */
function usePressing(line, shop) {
  const [pressing, setPressing] = useState(/** @type {ReadonlySet<string>} */ (new Set()));
  const press = async (/** @type {Bubble} */ card, /** @type {Action} */ action) => {
    const name = `${card.key} ${action.command}`;
    setPressing((all) => new Set(all).add(name));
    const outcome = await line.say(shop, action.command, {
      label: action.label, card: card.position, conversation: card.conversation,
    });
    if (outcome.state === "waiting") await outcome.settled;
    setPressing((all) => new Set([...all].filter((one) => one !== name)));
  };
  return [pressing, press];
}

/** There is nothing to show yet. @param {{failed: boolean}} props */
const Unread = ({ failed }) =>
  failed ? html`<${Notice} kind="bad" title=${c("chat.failed")}>${c("chat.failed_text")}<//>` : html`<${Waiting} rows=${4} />`;

/** @param {ConversationView} view */
function typingWords({ typing, people }) {
  const person = typing === null ? undefined : people[typing];
  return person === undefined || person.isBot ? c("chat.typing_shop") : c("chat.typing", { name: person.name });
}

/**
 * @param {{line: Line, shop: {id: string, bot: string}, to: string, draft: string, state: PageState, page: Page, id: string,
 *   typing: () => void}} props
 */
function Writing({ line, shop, to, draft, state, page, id, typing }) {
  const text = String(state.chat[draft] ?? "");
  const keep = (/** @type {string} */ written) => {
    page.store.set({ chat: { ...page.store.get().chat, [draft]: written } });
    if (written) typing();
  };
  const [failed, setFailed] = useState("");
  const send = async (/** @type {string} */ written) => {
    keep("");
    setFailed("");
    const outcome = await line.say(shop, written, id === "" ? {} : { conversation: id });
    // Refused before it was a post (no account could be made): the words go back to where they were written.
    if (outcome.state === "refused" && !line.unsent.some((post) => post.text === written)) {
      setFailed(outcome.code);
      if (!page.store.get().chat[draft]) keep(written);
    }
  };
  const { state: how, kept } = line.state;
  if (how === "stopped") return null;
  const hint = how === "waiting" || !state.reachable ? c(kept ? "write.offline" : "write.not_kept") : "";
  return html`
    ${failed && html`
      <${Notice} kind="bad" title=${c("tick.refused")}>
        <p role="alert">${wordsOf("refused", failed)}</p>
        <button type="button" class="button" onClick=${() => send(text.trim())}>${c("refused.again")}</button>
      <//>`}
    <${Composer} to=${to} text=${text} onText=${keep} onSend=${send} hint=${hint} />
  `;
}
