/** What stands around each screen: the bar with the shop, its telephone and the chat; the state of the line; announcements. */

import { LANGUAGE_TAGS, hasWords, named, t } from "../words/index.js";
import { addressOf, isStaffs } from "../router.js";
import { html } from "../view.js";
import { Icon } from "./icon.js";

/** @typedef {import("../shapes.js").PageState} PageState */
/** @typedef {import("../page.js").Page} Page */

/** Screens that are nobody's child have no "back". */
const ROOTS = new Set(["shops", "link"]);
/** Where "back" leads if the page was opened at this screen. @type {Record<string, "shop" | "mine" | "time">} */
const ABOVE = { time: "shop", you: "time", booked: "mine", move: "mine", cancel: "mine", chat: "shop" };

/** @param {{state: PageState, page: Page, children: any}} props */
export function Frame({ state, page, children }) {
  const staffs = isStaffs(state.route); // their screens have a bar of their own
  return html`
    <a class="skip button main" href="#content">${t("page.skip")}</a>
    ${!staffs && html`<${Top} state=${state} page=${page} />`}
    ${!(state.route.name === "chat" && state.line.state === "stopped") && html`<${LineStrip} state=${state} page=${page} />`}
    ${staffs ? children : html`<main class="content" id="content">${children}</main>`}
    ${state.route.name !== "chat" && !staffs && html`<${Bottom} state=${state} page=${page} />`}
    <div class="spoken" role="status" aria-live="polite"><span key=${state.said.count}>${state.said.text}</span></div>
  `;
}

/** @param {{state: PageState, page: Page}} props */
function Top({ state, page }) {
  const shop = page.shop(state);
  const chain = state.chain.value;
  const { name } = state.route;
  const above = shop && ABOVE[name] ? addressOf(ABOVE[name], { shop: shop.id }) : addressOf("shops");
  // A chain's only shop has no list above it.
  const root = ROOTS.has(name) || (name === "shop" && (chain?.shops.length ?? 1) < 2 && !page.router.deep);
  return html`
    <header class="top">
      <div class="top-row">
        ${!root && html`
          <button type="button" class="button icon-only" aria-label=${t("page.back")} onClick=${() => page.router.back(above)}>
            <${Icon} name="back" />
          </button>`}
        <div class="top-name">
          ${shop && name !== "shop"
            ? html`<a href=${addressOf("shop", { shop: shop.id })}>${named(shop.name)}</a><small>${named(chain?.name)}</small>`
            : html`<span>${named(chain?.name)}</span>`}
        </div>
        ${shop?.phone && html`
          <a class="button icon-only" href=${`tel:${shop.phone}`} aria-label=${t("page.call", { shop: named(shop.name) })}>
            <${Icon} name="phone" />
          </a>`}
        ${state.session && shop && name !== "chat" && html`
          <a class="button icon-only" href=${addressOf("chat", { shop: shop.id })} aria-label=${t("page.chat")}>
            <${Icon} name="chat" />
          </a>`}
        ${state.session && name !== "mine" && html`
          <a class="button icon-only" href=${addressOf("mine")} aria-label=${t("page.mine")}><${Icon} name="calendar" /></a>`}
        ${!state.session && html`<${OtherLanguage} state=${state} page=${page} />`}
      </div>
    </header>
  `;
}

/**
 * The language switch: in the top bar until somebody has an account, and so has chosen; at the bottom always.
 *
 * @param {{state: PageState, page: Page}} props
 */
export function OtherLanguage({ state, page }) {
  const other = state.language === "zh" ? "en" : "zh";
  return html`
    <button type="button" class="button plain" lang=${LANGUAGE_TAGS[other]} onClick=${() => page.speak(other)}>
      ${t("page.language")}
    </button>
  `;
}

/** Colours in the order in which the button goes through them. */
const THEMES = /** @type {const} */ (["auto", "light", "dark"]);

/** @param {{state: PageState, page: Page}} props */
export function Theme({ state, page }) {
  const next = THEMES[(THEMES.indexOf(state.theme) + 1) % THEMES.length];
  return html`
    <button type="button" class="button plain" onClick=${() => page.paint(next)}>${t(`page.theme.${state.theme}`)}</button>
  `;
}

/** @param {{state: PageState, page: Page}} props */
function Bottom({ state, page }) {
  return html`
    <footer class="bottom">
      <${OtherLanguage} state=${state} page=${page} />
      <${Theme} state=${state} page=${page} />
      ${state.session?.roles?.includes("staff") && html`<a class="button plain" href=${addressOf("staff")}>${t("page.staff")}</a>`}
      ${state.session && html`<a class="button plain" href=${addressOf("devices")}>${t("page.devices")}</a>`}
    </footer>
  `;
}

/** How the line is, while it is not well: words, and the act that helps. @param {{state: PageState, page: Page}} props */
function LineStrip({ state, page }) {
  const strip = stripOf(state, page);
  return strip && html`
    <div class=${strip.stays ? "strip line stays" : "strip line"} role="status">
      <${Icon} name=${strip.icon} /><span>${strip.words}</span>
      ${strip.stays && state.route.name !== "devices" && html`<a class="button" href=${addressOf("devices")}>${t("page.devices")}</a>`}
      ${strip.act && html`<button type="button" class="button" onClick=${strip.does}>${strip.act}</button>`}
    </div>
  `;
}

/**
 * The one thing to say of it: the gravest first.
 *
 * @param {PageState} state
 * @param {Page} page
 * @returns {{icon: import("./icon.js").IconName, words: string, act?: string, does?: () => void, stays?: boolean} | null}
 */
function stripOf({ line, reachable, mine, update, joined }, page) {
  if (line.state === "stopped") {
    const key = `line.${line.code}`;
    const words = hasWords(key) ? t(key) : t("line.stopped");
    return { icon: "cut", words, act: t(`line.${line.act ?? "reload"}`), does: () => page.mend(line.act) };
  }
  if (!reachable) return { icon: "cut", words: t("line.offline") };
  if (line.state === "waiting") return { icon: "cut", words: t("line.waiting") };
  if (mine.code === "OUTDATED") {
    return { icon: "cut", words: t("line.OUTDATED"), act: t("line.reload"), does: () => page.reload() };
  }
  if (line.notice !== null) {
    return { icon: "info", words: t(`line.${line.notice}`), act: t("line.dismiss"), does: () => page.line.dismiss() };
  }
  if (joined !== "") {
    const dismiss = () => page.store.set({ joined: "" });
    return { icon: "person", words: t("line.joined", { name: joined }), act: t("line.dismiss"), does: dismiss, stays: true };
  }
  return update === null ? null : { icon: "info", words: t("line.update"), act: t("line.reload"), does: update };
}
