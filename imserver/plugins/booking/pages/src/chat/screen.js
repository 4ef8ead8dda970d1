/** The chat: the one conversation in which the shop's bot and people speak, with the next appointment on top. */

import { shortDay, timeOf } from "../dates.js";
import { Empty, Failed, Notice, Waiting } from "../parts/notice.js";
import { Beside } from "../parts/place.js";
import { html, useEffect, useLayoutEffect, useMemo, useState } from "../view.js";
import { named, t } from "../words/index.js";
import { Composer } from "./composer.js";
import { Conversation } from "./conversation.js";
import { shownContent, spokenContent } from "./content.js";
import { InAppNotice } from "./in_app.js";
import { MessageList } from "./list.js";
import { ownWords } from "./own_words.js";
import { rowsOf } from "./rows.js";
import { Strip } from "./strip.js";
import { LineNotice } from "./line_notice.js";
import { c, wordsOf } from "./words.js";

/** @import { ConversationView } from "./conversation.js" */
/** @import { Action } from "./content.js" */
/** @import { Bubble } from "./rows.js" */
/** @import { Line } from "../line/line.js" */

/** @typedef {import("../shapes.js").PageState} PageState */
/** @typedef {import("../page.js").Page} Page */
/** @typedef {import("../shapes.js").ShopPlace} ShopPlace */

/** @param {{state: PageState, page: Page}} props */
export function ChatScreen({ state, page }) {
  useLayoutEffect(() => fillWindow(), []);
  const shop = page.shop(state);
  if (shop === null && state.chain.state === "failed") {
    const again = () => page.readings.refresh();
    return html`<div class="screen"><${Failed} title=${t("shops.failed")} code=${state.chain.code} onRetry=${again} /></div>`;
  }
  if (shop === null) return html`<div class="screen"><${Waiting} /></div>`;
  return html`
    <div class="with-shop chat-place">
      <${Beside} shop=${shop} />
      <${Chat} key=${shop.id} state=${state} page=${page} shop=${shop} />
    </div>
  `;
}

/** @param {{state: PageState, page: Page, shop: ShopPlace}} props */
function Chat({ state, page, shop }) {
  const line = /** @type {Line} */ (/** @type {unknown} */ (page.line));
  const id = line.conversationOf(shop);
  const direct = line.client()?.direct(shop.bot) ?? "";
  const before = useConversation(line, direct === id ? "" : direct, () => {});
  const { conversation, view } = useConversation(line, id, (item, seen) => {
    const spoken = spokenContent(shownContent(item.content));
    if (spoken) page.say(c("chat.says", { name: seen.people[item.senderId]?.name ?? named(shop.name), text: spoken }));
  });
  const unsent = useUnsent(line).filter((post) => post.conversationId === id || post.conversationId === direct);
  const [pressing, setPressing] = useState(/** @type {ReadonlySet<string>} */ (new Set()));
  const waits = line.state.state === "waiting";
  const me = line.session?.userId ?? "";
  const now = useClock(unsent.length > 0);
  const rows = useMemo(
    () => {
      const views = [view, before.view].filter((one) => one !== null);
      return view === null ? [] : rowsOf(views, unsent, { me, bot: shop.bot, waits, now, dayOf });
    },
    [view, before.view, unsent.map(({ name, refused }) => name + refused?.code).join(), me, waits, now],
  );
  const press = async (/** @type {Bubble} */ card, /** @type {Action} */ action) => {
    const name = `${card.key} ${action.command}`;
    setPressing((all) => new Set(all).add(name));
    const outcome = await line.say(shop, action.command, {
      label: action.label, card: card.position, conversation: card.conversation,
    });
    if (outcome.state === "waiting") await outcome.settled;
    setPressing((all) => new Set([...all].filter((one) => one !== name)));
  };
  const acts = {
    press, pressing, timeAt: (/** @type {number} */ at) => timeOf(wallHere(at)),
    ownWords: (/** @type {string} */ text) =>
      ownWords(text, { shop, ages: state.chain.value?.ages ?? [], language: state.language }),
    settle: (/** @type {string} */ name, /** @type {"again" | "discard"} */ act) => line.settle(name, act),
  };
  const seen = (/** @type {number} */ position) => {
    conversation?.seen(position);
    const last = before.view?.items[before.view.items.length - 1]?.position;
    if (last !== undefined) before.conversation?.seen(last);
  };
  const inWords = (/** @type {string} */ day) => dayWords(day, state.language);
  const nameOf = (/** @type {string} */ userId) => view?.people[userId]?.name ?? c("told.somebody");
  return html`
    <section class="chat screen">
      <h1 class="spoken" tabindex="-1">${c("chat.title", { shop: named(shop.name) })}</h1>
      <${LineNotice} line=${line} page=${page} />
      <${Strip} state=${state} shop=${shop} />
      <${InAppNotice} />
      ${view === null || (rows.length === 0 && view.state === "ready")
        ? html`<div class="chat-scroll"><${Empty} icon="chat" title=${c("chat.empty")} text=${c("chat.empty_text")} /></div>`
        : rows.length === 0
          ? html`<div class="chat-scroll"><${Unread} failed=${view.state === "failed"} /></div>`
          : html`
            <${MessageList} rows=${rows} view=${view} acts=${acts} nameOf=${nameOf} dayWords=${inWords}
              onOlder=${() => conversation?.more()} onSeen=${seen}>
              ${view.typing && html`<p class="typing small quiet">${typingWords(view)}</p>`}
            <//>`}
      <${Writing} line=${line} shop=${shop} state=${state} page=${page} id=${id} typing=${() => conversation?.typing()} />
    </section>
  `;
}

/** There is nothing to show yet. @param {{failed: boolean}} props */
const Unread = ({ failed }) =>
  failed ? html`<${Notice} kind="bad" title=${c("chat.failed")}>${c("chat.failed_text")}<//>` : html`<${Waiting} rows=${4} />`;

/** @param {ConversationView} view */
function typingWords({ typing, people }) {
  const person = typing === null ? undefined : people[typing];
  return person === undefined || person.isBot ? c("chat.typing_shop") : c("chat.typing", { name: person.name });
}

/** @param {{line: Line, shop: ShopPlace, state: PageState, page: Page, id: string, typing: () => void}} props */
function Writing({ line, shop, state, page, id, typing }) {
  const text = String(state.chat[shop.id] ?? "");
  const keep = (/** @type {string} */ written) => {
    page.store.set({ chat: { ...page.store.get().chat, [shop.id]: written } });
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
      if (!page.store.get().chat[shop.id]) keep(written);
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
    <${Composer} shop=${named(shop.name)} text=${text} onText=${keep} onSend=${send} hint=${hint} />
  `;
}

/** @type {{conversation: Conversation | null, view: ConversationView | null}} */
const NO_CONVERSATION = { conversation: null, view: null };

// -- hooks ------------------------------------------------------------------------------------------------------------------

/**
 * @param {Line} line
 * @param {string} id  "": there is none yet.
 * @param {(item: import("./conversation.js").ChatItem, view: ConversationView) => void} arrived
 */
function useConversation(line, id, arrived) {
  const client = line.client();
  const [one, setOne] = useState(NO_CONVERSATION);
  useEffect(() => {
    if (id === "") return setOne(NO_CONVERSATION);
    const conversation = new Conversation(id, line, client, (view, item) => {
      setOne({ conversation, view });
      if (item !== null) arrived(item, view);
    });
    setOne((before) => ({ conversation, view: before.view?.id === id ? before.view : conversation.view }));
    void conversation.open();
    return () => conversation.close();
  }, [id, client]);
  return one;
}

/** @param {Line} line */
function useUnsent(line) {
  const [unsent, setUnsent] = useState(line.unsent);
  useEffect(() => line.unsentChanged(() => setUnsent(line.unsent)), []);
  return unsent;
}

/** Now, each second while it matters. @param {boolean} runs */
function useClock(runs) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (!runs) return;
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [runs]);
  return now;
}

/** The chat fills the window: its list scrolls, and what one writes stays in sight above a keyboard. */
function fillWindow() {
  const { classList, style } = document.documentElement;
  const measure = () => style.setProperty("--seen", `${visualViewport?.height ?? innerHeight}px`);
  classList.add("chatting");
  measure();
  visualViewport?.addEventListener("resize", measure);
  return () => {
    classList.remove("chatting");
    visualViewport?.removeEventListener("resize", measure);
  };
}

// -- times, as this phone has them ------------------------------------------------------------------------------------------

/** @param {number} at */
function wallHere(at) {
  const date = new Date(at);
  return new Date(at - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** @param {number} at */
const dayOf = (at) => wallHere(at).slice(0, 10);

/** @param {string} day @param {PageState["language"]} language */
function dayWords(day, language) {
  if (day === dayOf(Date.now())) return c("chat.today");
  if (day === dayOf(Date.now() - 86_400_000)) return c("chat.yesterday");
  return shortDay(day, language);
}

