/** Who is coming: name, age band, first visit, consent; what is known is filled in. Its one button books. */

import { actOf, cameToNothing, isGoing } from "../acts.js";
import { longDay, shortDay, timeOf } from "../dates.js";
import { Box, Choice, Submit, TextField } from "../parts/form.js";
import { HoldLeft, useSeconds } from "../parts/hold.js";
import { Icon } from "../parts/icon.js";
import { Empty, Nothing, Notice, underWay } from "../parts/notice.js";
import { Lines } from "../parts/lines.js";
import { ownIsComing } from "../readings.js";
import { addressOf } from "../router.js";
import { html, useEffect, useRef, useState } from "../view.js";
import { named, t } from "../words/index.js";
import { MAX_NAME, agreed, askedOf, command, differences, expected, faults, known, planned, yesTo } from "./details.js";
import { rehearseBooked } from "./booked.js";
import { ofShop } from "./of_shop.js";
import { NearTimes, RefusedNotice, refusedOf, visitWords } from "./refused.js";
import { Taking, take, takingNow } from "./taking.js";

/** @typedef {import("../shapes.js").Held} Held */
/** @typedef {import("../shapes.js").Refused} Refused */
/** @typedef {import("../shapes.js").Draft} Draft */
/** @typedef {import("../shapes.js").ShopPlace} ShopPlace */
/** @typedef {import("../shapes.js").PageState} PageState */
/** @typedef {import("../page.js").Page} Page */
/** @typedef {{state: PageState, page: Page, shop: ShopPlace}} Props */

export const YouScreen = ofShop((/** @type {Props} */ { state, page, shop }) => {
  const mine = state.mine.value;
  const now = mine?.held?.shop === shop.id ? mine.held : null;
  // What was held last: when it ends, one sees what ended, and the form stays as it was.
  const last = useRef(/** @type {Held | null} */ (null));
  if (now !== null) last.current = now;
  if (state.session === null) last.current = null; // signed out: it is nobody's form
  // It was held, and is too short for what was said since: what one fills in is of that.
  const refused = refusedOf(mine, shop);
  const held = refused === null ? last.current : heldBefore(last.current, refused);
  const left = useSeconds(page, now?.until ?? null);
  const booked = mine?.upcoming.find((one) => one.code === held?.code);

  // It was booked elsewhere: in the chat, or in another tab.
  useEffect(() => {
    if (booked && !busy(state)) page.router.go(addressOf("booked", { shop: shop.id, code: booked.code }), { replace: true });
  }, [booked?.code]);

  useEffect(() => whenIdle(() => void (held !== null && rehearseBooked(page.store.get(), page, held))), [held === null]);

  if (held === null) return html`<${NoneHeld} state=${state} shop=${shop} />`;
  const over = now === null || left === 0;
  return html`
    <div class="stack">
      <h1 tabindex="-1">${t("you.title")}</h1>
      <${Chosen} held=${held} shown=${expected(shop, held, state.drafts[shop.id] ?? known(held, mine))} state=${state} shop=${shop} />
    </div>
    ${over && !busy(state) && (refused
      ? html`<${RefusedNotice} refused=${refused} page=${page} shop=${shop} language=${state.language} says=${true} />`
      : html`<${Over} page=${page} />`)}
    ${!refused && html`<${Taking} state=${state} page=${page} shop=${shop} />`}
    <${Form} state=${state} page=${page} shop=${shop} held=${held} refused=${refused} over=${over && !busy(state)} />
  `;
});

/** @param {() => void} run  Once nothing else is to be done; Safari does not tell. @returns {() => void}  Not any more. */
function whenIdle(run) {
  if (!("requestIdleCallback" in window)) return () => {};
  const waiting = requestIdleCallback(run);
  return () => cancelIdleCallback(waiting);
}

/**
 * What the form is about where the shop has just refused it.
 *
 * @param {Held | null} last
 * @param {Refused} refused
 * @returns {Held}
 */
function heldBefore(last, { shop, service, minutes, wall, facts }) {
  const nothing = { code: "", version: 0, at: 0, until: 0, extensionsLeft: 0, ask: "", more: null, release: "" };
  return { ...nothing, ...last, shop, service, minutes, wall, facts, confirm: null, formYes: "" };
}

/** @param {PageState} state */
const saying = (state) => actOf(state, "", "details", "confirm");
/** @param {PageState} state */
const busy = (state) => isGoing(saying(state));

/** @param {{state: PageState, shop: ShopPlace}} props */
const NoneHeld = ({ state, shop }) =>
  ownIsComing(state)
    ? html`<h1 tabindex="-1">${t("you.title")}</h1><p role="status">${t("page.waiting")}</p>`
    : html`
      <${Empty} icon="clock" title=${t("held.none")} text=${t("held.none_text")}>
        <a class="button main" href=${addressOf("time", { shop: shop.id })}>${t("time.title")}</a>
      <//>`;

/**
 * What the form is about.
 *
 * @param {{held: Held, shown: import("./details.js").Shown, state: PageState, shop: ShopPlace}} props
 */
const Chosen = ({ held, shown, state, shop }) => html`
  <div class="strip chosen">
    <${Icon} name="calendar" />
    <p>
      <strong class="block">${shortDay(held.wall, state.language)} · <span class="number">${timeOf(held.wall)}</span></strong>
      <span class="small">
        ${visitWords(shop, shown)}
      </span>
    </p>
    <a class="button plain" href=${timesOf(shop, held)}>${t("held.change")}</a>
  </div>
`;

/** The times of what it is for. @param {ShopPlace} shop @param {Held} held */
const timesOf = (shop, held) => addressOf("time", { shop: shop.id, query: { service: planned(held).service } });

/** The hold has ended; what to do about it is at the thumb. @param {{page: Page}} props */
function Over({ page }) {
  useEffect(() => page.say(t("held.over_title")), []);
  return html`<${Notice} kind="bad" icon="clock" title=${t("held.over_title")}><p>${t("held.over")}</p><//>`;
}

/**
 * The nearest times, or the same again if it may still be free; or others.
 *
 * @param {Props & {held: Held, refused: Refused | null}} props
 */
function Again({ held, refused, state, page, shop }) {
  const taking = takingNow(state) !== "";
  if (refused !== null) {
    return html`
      <${NearTimes} refused=${refused} shop=${shop} language=${state.language} taking=${takingNow(state)}
        onTake=${(/** @type {string} */ wall) => void take(page, shop, refused.service, wall)} />
      <a class="button plain wide" href=${timesOf(shop, held)}>${t("held.others")}</a>
    `;
  }
  return html`
    <button type="button" class="button main wide" aria-disabled=${taking}
      onClick=${() => void take(page, shop, held.service, held.wall)}>
      ${t("held.again", { time: timeOf(held.wall) })}
    </button>
    <a class="button plain wide" href=${timesOf(shop, held)}>${t("held.others")}</a>
  `;
}

/**
 * Whether it could not be moved or cancelled here once it is booked.
 *
 * @param {Page} page
 * @param {ShopPlace} shop
 * @param {Held} held
 */
const isSoon = (page, shop, { at }) => at > 0 && at - page.clock.now() < (shop.cutoffMinutes ?? 0) * 60_000;

/** How long before its start nothing is changed here. @param {ShopPlace} shop */
function hoursWords({ cutoffMinutes = 0 }) {
  if (cutoffMinutes % 60 !== 0) return t("you.minutes", { minutes: cutoffMinutes });
  return cutoffMinutes === 60 ? t("you.hour") : t("you.hours", { hours: cutoffMinutes / 60 });
}

/** Reasons that another age or visit may take away. */
const DEPENDS = new Set(["short", "unfit", "outgrown"]);

/** @param {Props & {held: Held, refused: Refused | null, over: boolean}} props */
function Form({ state, page, shop, held, refused, over }) {
  const mine = state.mine.value;
  const service = shop.services.find((one) => one.id === held.service) ?? shop.services[0];
  // What is asked does not change under the fingers: an agreement that arrives meanwhile removes no box.
  const [asked] = useState(() => askedOf(shop, service, mine));
  const draft = state.drafts[shop.id] ?? known(held, mine);
  // From an earlier visit, and not what was entered for this one.
  const [filled] = useState(() => mine !== null && mine.upcoming.length + mine.past.length > 0 && mine.known.name !== "" &&
    draft.name === mine.known.name);
  const [tried, setTried] = useState(false);
  const form = useRef(/** @type {HTMLFormElement | null} */ (null));
  const enter = (/** @type {Partial<Draft>} */ patch) => {
    page.acts.forget(); // what the shop said was of the answers before
    const { drafts } = page.store.get(); // which may be newer than what is drawn
    page.store.set({ drafts: { ...drafts, [shop.id]: { ...(drafts[shop.id] ?? draft), ...patch } } });
  };
  // What the screen said when its button was tapped: the yes is to that.
  const shown = useRef(planned(held));
  const understood = cameToNothing(saying(state), "details", "confirm") && held.confirm !== null;
  const unlike = understood ? differences(draft, asked, held, shown.current) : [];
  const wrong = faults(draft, asked);
  // Who puts right an age tapped in error asks for the same time again.
  const again = refused !== null && over && DEPENDS.has(refused.why) &&
    differences(draft, asked, held, planned(held)).some((part) => part === "age" || part === "first");
  const ended = over && !again;
  // What the choice of an age makes of it is seen beside that choice, too.
  const seen = expected(shop, held, draft);
  const becomes = seen.service !== planned(held).service || seen.minutes !== planned(held).minutes;
  const fault = (/** @type {import("./details.js").Field} */ field) => {
    const key = tried ? wrong.get(field) : undefined;
    return key ? t(key, { most: MAX_NAME }) : "";
  };
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (busy(state) || ended) return;
    if (wrong.size === 0 && unlike.length > 0) return void confirm(page, shop, held);
    if (wrong.size === 0) {
      shown.current = seen;
      return void book(page, shop, held, seen, draft, asked);
    }
    setTried(true);
    page.say(wrong.size === 1 ? t("error.summary_one") : t("error.summary", { count: wrong.size }));
    focusField(form.current, [...wrong.keys()][0]);
  };
  const words = t(saying(state)?.state === "slow" ? "you.sending_slow" : "you.sending");
  const going = busy(state) ? underWay(state, words) : "";
  return html`
    <form class="screen" ref=${form} noValidate onSubmit=${submit}
      onKeyDown=${(/** @type {KeyboardEvent} */ event) => onEnter(event, wrong, form.current)}>
      ${filled && html`<p class="small quiet">${t("you.known")}</p>`}
      <${TextField} id="name" label=${t("you.name")} hint=${t("you.name_hint")} value=${draft.name} fault=${fault("name")}
        autocomplete="name" onInput=${(/** @type {string} */ name) => enter({ name })} />
      ${asked.includes("age") && html`
        <${Choice} id="age" label=${t("you.age")} value=${draft.age} fault=${fault("age")}
          options=${(state.chain.value?.ages ?? []).map(({ id, name }) => [id, named(name)])}
          onChoose=${(/** @type {string} */ age) => enter({ age })} />
        <p class="small becomes" role="status">
          ${becomes && t("you.becomes", { visit: visitWords(shop, seen) })}
        </p>`}
      ${asked.includes("first") && html`
        <${Choice} id="first" label=${t("you.first")} value=${draft.firstVisit} fault=${fault("first")}
          few=${true} options=${[["yes", t("you.yes")], ["no", t("you.no")]]}
          onChoose=${(/** @type {"yes" | "no"} */ firstVisit) => enter({ firstVisit })} />`}
      ${asked.includes("consent") && html`
        <${Box} id="consent" label=${t("you.consent")} value=${draft.consent} fault=${fault("consent")}
          onChoose=${(/** @type {boolean} */ consent) => enter({ consent })}>
          <h2 class="label">${t("you.consent_title")}</h2>
          <div class="small"><${Lines} text=${named(shop.consent?.text)} /></div>
        <//>`}
      ${!ended && html`<${Outcome} state=${state} shop=${shop} held=${held} unlike=${unlike} />`}
      ${isSoon(page, shop, held) && html`
        <p class="small">${t(shop.phone ? "you.late_call" : "you.late", { hours: hoursWords(shop), phone: shop.phone ?? "" })}</p>`}
      ${shop.confirmation === "staff" && html`<p class="small quiet">${t("you.staff")}</p>`}
      <div class="thumb">
        ${ended
          ? html`<${Again} held=${held} refused=${refused} state=${state} page=${page} shop=${shop} />`
          : html`
            ${!again && html`
              <${HoldLeft} held=${held} page=${page} state=${state}><strong class="number">${timeOf(held.wall)}</strong><//>`}
            <${Submit} busy=${going} words=${t(unlike.length > 0 ? "you.differs_yes" : "you.submit")} />`}
      </div>
    </form>
  `;
}

/**
 * Enter in the name: goes to what is missing, and books only if nothing is. Enter that ends a composition of an input method
 * does nothing else (Safari says 229 and no longer `isComposing`).
 *
 * @param {KeyboardEvent} event
 * @param {ReturnType<typeof faults>} wrong
 * @param {HTMLFormElement | null} form
 */
function onEnter(event, wrong, form) {
  const { target } = event;
  if (event.key !== "Enter" || !(target instanceof HTMLInputElement) || target.type !== "text") return;
  if (event.isComposing || event.keyCode === 229) return event.preventDefault();
  const missing = [...wrong.keys()].find((field) => field !== target.id);
  if (missing === undefined) return;
  event.preventDefault();
  focusField(form, missing);
}

/** @param {HTMLFormElement | null} form @param {string} field */
function focusField(form, field) {
  const part = form?.querySelector(`#${field}`);
  const control = part?.matches("input") ? part : part?.querySelector("input");
  if (control instanceof HTMLElement) control.focus();
}

/**
 * Say the facts, with a yes to what is on the screen: the shop books if it understood just that. Otherwise it asks, and it is
 * compared here, before the second yes.
 *
 * @param {Page} page
 * @param {ShopPlace} shop
 * @param {Held} before  What was held when the button was tapped.
 * @param {import("./details.js").Shown} shown  What the screen said of it.
 * @param {Draft} draft
 * @param {import("./details.js").Field[]} asked
 */
async function book(page, shop, before, shown, draft, asked) {
  const unlike = (/** @type {Held} */ held) => differences(draft, asked, held, shown);
  const same = (/** @type {import("../shapes.js").Mine} */ { held: now }) =>
    now?.shop === shop.id && now.confirm !== null && unlike(now).length === 0;
  const lost = (/** @type {import("../shapes.js").Mine} */ mine) => refusedOf(mine, shop) !== null;
  const mine = page.store.get().mine.value;
  const earlier = new Set(mine?.upcoming.map(({ code }) => code));
  const made = (/** @type {import("../shapes.js").Mine} */ { upcoming }) =>
    upcoming.find((one) => one.shop === shop.id && one.wall === shown.wall && !earlier.has(one.code));
  if (mine === null || !agreed(shop, mine) || !same(mine)) {
    const text = command(draft, asked, shop, yesTo(before, shown));
    const ends = (/** @type {import("../shapes.js").Mine} */ now) => made(now) !== undefined || same(now);
    const done = await page.acts.do("details", before.code, shop, text, ends, lost);
    const now = page.store.get().mine.value;
    const booked = now === null ? undefined : made(now);
    if (done && booked !== undefined) return arrive(page, shop, booked);
    const { held } = now ?? {};
    if (!done && held?.confirm) {
      const parts = unlike(held).map((part) => understoodAs(page.store.get(), shop, held, part));
      page.say(`${t("you.differs")}: ${parts.join(", ")}`);
    }
    if (!done) return;
  }
  const held = page.store.get().mine.value?.held;
  if (held) await confirm(page, shop, held);
}

/**
 * The yes to what one has seen, unless it has become another meanwhile.
 *
 * @param {Page} page
 * @param {ShopPlace} shop
 * @param {Held} seen
 */
async function confirm(page, shop, seen) {
  const { code } = seen;
  const now = page.store.get().mine.value?.held ?? null;
  if (now === null || now.confirm === null || now.code !== code || now.confirm !== seen.confirm) return;
  const booked = (/** @type {import("../shapes.js").Mine} */ mine) => mine.upcoming.some((one) => one.code === code);
  if (!(await page.acts.do("confirm", code, shop, now.confirm, booked))) return;
  const made = page.store.get().mine.value?.upcoming.find((one) => one.code === code);
  if (made !== undefined) arrive(page, shop, made);
}

/** It is booked: that is shown, and said. @param {Page} page @param {ShopPlace} shop @param {import("../shapes.js").Appointment} made */
function arrive(page, shop, made) {
  const { language, drafts, route } = page.store.get();
  const { [shop.id]: _, ...others } = drafts;
  page.store.set({ drafts: others });
  if (route.name === "you") page.router.go(addressOf("booked", { shop: shop.id, code: made.code }), { replace: true });
  const key = made.status === "pending" ? "booked.said_pending" : "booked.said";
  page.say(t(key, { day: longDay(made.wall, language), time: timeOf(made.wall) }));
}

/**
 * What came of the last try, if it did not book: what the shop would book instead, its own words, or what failed.
 *
 * @param {{state: PageState, shop: ShopPlace, held: Held, unlike: import("./details.js").Part[]}} props
 */
function Outcome({ state, shop, held, unlike }) {
  const act = saying(state);
  if (!cameToNothing(act, "details", "confirm")) return null;
  if (unlike.length === 0) return html`<${Nothing} act=${act} />`;
  return html`
    <${Notice} kind="bad" title=${t("you.differs")}>
      <p>${t(unlike.some((part) => part !== "visit") ? "you.differs_text" : "you.differs_visit")}</p>
      <dl class="facts">
        ${unlike.map((part) => html`<dt>${LABELS[part]()}</dt><dd>${understoodAs(state, shop, held, part)}</dd>`)}
      </dl>
    <//>
  `;
}

/** @type {Record<import("./details.js").Part, () => string>} */
const LABELS = {
  visit: () => t("time.service"),
  when: () => t("time.title"),
  name: () => t("you.name"),
  age: () => t("you.age"),
  first: () => t("you.first"),
  consent: () => t("you.consent"),
};

/**
 * What the shop understood, in words.
 *
 * @param {PageState} state
 * @param {ShopPlace} shop
 * @param {Held} held
 * @param {import("./details.js").Part} part
 */
function understoodAs(state, shop, held, part) {
  const { facts, wall } = held;
  if (part === "visit") return visitWords(shop, planned(held));
  if (part === "when") return `${shortDay(wall, state.language)} ${timeOf(wall)}`;
  if (part === "age") return named(state.chain.value?.ages.find(({ id }) => id === facts.age)?.name) || facts.age;
  if (part === "first") return facts.firstVisit ? t("you.yes") : t("you.no");
  return facts.name;
}
