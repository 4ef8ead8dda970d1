/**
 * "I have been here before": a new phone at the counter. It shows a code that the people of the shop type, asks whether it found
 * the right one, and with a yes is the older account. What was not sent yet is sent before, or told.
 */

import { Failed, Notice } from "../parts/notice.js";
import { addressOf } from "../router.js";
import * as account from "../session.js";
import { html, useEffect, useRef, useState } from "../view.js";
import { c } from "../words/chat.js";
import { named } from "../words/index.js";
import { moment } from "./moment.js";

/** @import { Line } from "../line/line.js" */
/** @import { JoinState } from "../session.js" */

/** So soon it is asked what became of the code (ms), for somebody stands there and waits; each time a little later, up to this. */
const ASK_MS = 2_000;
const SELDOM_MS = 8_000;
const LATER = 1.2;
/** What was written has so long to go out before the yes counts (ms). */
const DRAIN_MS = 8_000;
const NONE = /** @type {JoinState} */ ({ state: "none" });
/** Codes of a code that is over. */
const OVER = new Set(["GONE", "NOT_FOUND"]);

/** @param {{state: import("../shapes.js").PageState, page: import("../page.js").Page}} props */
export function BeenHere({ state, page }) {
  const line = /** @type {Line} */ (/** @type {unknown} */ (page.line));
  const [join, setJoin] = useState(NONE);
  const [over, setOver] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState("");
  const [unsent, setUnsent] = useState(0);
  const stands = join.state !== "none";
  useEffect(() => (stands ? watch(setJoin, () => setOver(true)) : undefined), [stands]);
  const act = async (/** @type {() => Promise<void>} */ doIt) => {
    setBusy(true);
    setFailed("");
    try {
      await doIt();
    } catch (error) {
      const code = String(/** @type {any} */ (error).code ?? "other");
      if (!OVER.has(code)) setFailed(code);
      else setOver(true), setJoin(NONE);
    }
    setBusy(false);
  };
  const show = () => act(async () => {
    const shops = state.chain.value?.shops ?? [];
    const shop = shops.length === 1 ? shops[0].id : "";
    if (state.session === null) await line.enter({ id: shop, bot: "" });
    setJoin({ state: "shown", ...(await account.join(shop)) });
    setOver(false);
  });
  const yes = (/** @type {boolean} */ anyway) => act(async () => {
    const left = anyway ? 0 : await line.drained(DRAIN_MS);
    setUnsent(left);
    if (left > 0 || join.state !== "asked") return;
    await line.leaveFor(await account.acceptJoin(join.code), state.chain.value?.shops ?? []);
    location.replace(addressOf("mine"));
  });
  const no = () => act(async () => {
    if (join.state !== "none") await account.refuseJoin(join.code);
    setJoin(NONE);
  });
  return html`
    <section class="card" aria-label=${c("join.title")}>
      <h2>${c("join.title")}</h2>
      ${!stands && html`<p>${c("join.text")}</p>`}
      ${join.state === "shown" && html`<${Code} code=${join.code} until=${join.expiresAt} state=${state} />`}
      ${join.state === "asked" && html`<${Question} about=${join.about} code=${join.code} unsent=${unsent} />`}
      ${over && !stands && html`<p role="status">${c("join.over")}</p>`}
      ${failed && html`<${Failed} title=${c("devices.act_failed")} code=${failed} onRetry=${() => setFailed("")} />`}
      ${!failed && join.state === "none" && html`<${Act} busy=${busy} onTap=${show} text=${over ? c("join.again") : c("join.show")} />`}
      ${!failed && join.state === "shown" && html`
        <button type="button" class="button plain" onClick=${() => !busy && no()}>${c("devices.cancel")}</button>`}
      ${!failed && join.state === "asked" && html`
        <div class="row">
          <${Act} main busy=${busy} onTap=${() => yes(unsent > 0)}
            text=${busy ? c("join.doing") : unsent > 0 ? c("join.anyway") : c("join.yes")} />
          <${Act} busy=${busy} onTap=${no} text=${c("join.no")} />
        </div>`}
    </section>
  `;
}

/** @param {{text: string, busy: boolean, onTap: () => void, main?: boolean}} props */
const Act = ({ text, busy, onTap, main = false }) => html`
  <button type="button" class=${main ? "button main" : "button"} aria-disabled=${busy ? "true" : null}
    onClick=${() => !busy && onTap()}>${text}</button>
`;

/** The six digits, large, and read one by one. @param {{code: string, until: number, state: import("../shapes.js").PageState}} props */
const Code = ({ code, until, state }) => html`
  <p>${c("join.say")}</p>
  <p class="digits" role="status" aria-label=${c("join.code", { digits: [...code].join(" ") })}>
    <span aria-hidden="true">${code.slice(0, 3)} ${code.slice(3)}</span>
  </p>
  <p class="small quiet">${c("join.until", { time: moment(until, state.language) })}</p>
`;

/** Whom the shop has found; it takes the focus, for people look at the counter. @param {{about: any, code: string, unsent: number}} props */
function Question({ about, code, unsent }) {
  const asked = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => asked.current?.focus(), []);
  const count = about.appointments;
  return html`
    <div class="stack" tabindex="-1" ref=${asked}>
      <p class="lead">${c("join.ask", { name: about.name, shop: named(about.shop) })}</p>
      <p>${count === 0 ? c("join.coming_none") : count === 1 ? c("join.coming_one") : c("join.coming", { count })}</p>
      <p>${c("join.means")}</p>
      <p class="small quiet">${c("join.same_code", { code: `${code.slice(0, 3)} ${code.slice(3)}` })}</p>
      ${unsent > 0 && html`<${Notice} kind="bad"><p>${c("join.unsent", { count: unsent })}</p><//>`}
    </div>
  `;
}

/**
 * Asks what became of the code while it stands, also at once when the page is seen again. Returns what ends it.
 *
 * @param {(join: JoinState) => void} onState @param {() => void} onOver
 */
function watch(onState, onOver) {
  let ended = false;
  let wait = ASK_MS;
  const look = async () => {
    clearTimeout(timer);
    const now = await account.joinState().catch(() => null); // the network is away: asked again
    if (ended) return;
    clearTimeout(timer);
    timer = setTimeout(look, (wait = Math.min(wait * LATER, SELDOM_MS)));
    if (now === null) return;
    if (now.state === "none") onOver();
    onState(now);
  };
  let timer = setTimeout(look, wait);
  const seen = () => void (document.visibilityState === "visible" && look());
  document.addEventListener("visibilitychange", seen);
  return () => {
    ended = true;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", seen);
  };
}
