/** The form as data: what was entered, what is missing, and the command that says it. No drawing: tests read it in Node. */

/** @typedef {import("../shapes.js").Draft} Draft */
/** @typedef {import("../shapes.js").Held} Held */
/** @typedef {import("../shapes.js").Mine} Mine */
/** @typedef {import("../shapes.js").ShopPlace} ShopPlace */
/** @typedef {import("../shapes.js").ServiceOffer} ServiceOffer */
/** @typedef {"name" | "age" | "first" | "consent"} Field */
/** @typedef {Field | "visit" | "when"} Part  Of what is booked. */
/** @typedef {Pick<Held, "service" | "minutes" | "wall">} Shown  What the screen says of the visit. */

/** The bot's own bound of a name. */
export const MAX_NAME = 40;
/**
 * What a name is cut to when it is sent wrongly pasted: control characters and ends of lines would be other lines of the
 * command.
 */
const BREAKS = /[\p{Cc}\p{Zl}\p{Zp}]+/gu;

/**
 * What is asked, in the order in which it is asked.
 *
 * @param {ShopPlace} shop
 * @param {ServiceOffer} service
 * @param {Mine | null} mine
 * @returns {Field[]}
 */
export function askedOf(shop, service, mine) {
  /** @type {Field[]} */
  const asked = ["name"];
  // What an age has made of another service is undone by another age.
  if (service.asksAge || plainOf(shop, service.id) !== undefined) asked.push("age");
  if (service.asksFirstVisit) asked.push("first");
  if (!agreed(shop, mine)) asked.push("consent");
  return asked;
}

/** Whether the shop needs no consent any more. @param {ShopPlace} shop @param {Mine | null} mine */
export const agreed = (shop, mine) => shop.consent === null || mine?.known.consent[shop.id] === shop.consent.version;

/**
 * The form before anything is entered: what the shop knows already, and nothing that it does not.
 *
 * @param {Held | null} held
 * @param {Mine | null} mine
 * @returns {Draft}
 */
export function known(held, mine) {
  const facts = held?.facts;
  return {
    name: facts?.name || mine?.known.name || "",
    age: facts?.age || mine?.known.age || "",
    firstVisit: facts?.firstVisit == null ? "" : facts.firstVisit ? "yes" : "no",
    consent: false,
  };
}

/** A name as it is sent: one line. @param {string} name */
export const oneLine = (name) => name.replace(BREAKS, " ").trim();

/** The fields that are not right, each with the key of its words. @param {Draft} draft @param {Field[]} asked */
export function faults(draft, asked) {
  const name = oneLine(draft.name);
  /** @type {[Field, import("../words/index.js").Key | ""][]} */
  const all = [
    ["name", name === "" ? "error.name" : [...name].length > MAX_NAME ? "error.name_long" : ""],
    ["age", draft.age === "" ? "error.age" : ""],
    ["first", draft.firstVisit === "" ? "error.first" : ""],
    ["consent", draft.consent ? "" : "error.consent"],
  ];
  return new Map(all.filter(([field, key]) => key !== "" && asked.includes(field)));
}

/**
 * What one could type instead of filling in the form.
 *
 * @param {Draft} draft
 * @param {Field[]} asked
 * @param {ShopPlace} shop
 * @param {string} [yes]  `yesTo` what the screen shows: books in the same turn if the shop would ask about just that.
 */
export function command(draft, asked, shop, yes = "") {
  const lines = ["/details", `name: ${oneLine(draft.name)}`];
  if (asked.includes("age")) lines.push(`age: ${draft.age}`);
  if (asked.includes("first")) lines.push(`first visit: ${draft.firstVisit}`);
  if (asked.includes("consent") && shop.consent) lines.push(`consent: ${shop.consent.version}`);
  if (yes !== "") lines.push(`yes: ${yes}`);
  return lines.join("\n");
}

/** The yes of a form to the visit that is shown; "" for a server that takes none. @param {Held} held @param {Shown} shown */
export const yesTo = ({ formYes = "" }, { service, minutes, wall }) =>
  formYes && `${formYes} ${service} ${minutes} ${wall.replace("T", " ")}`;

/** The service that becomes this one at some age. @param {ShopPlace} shop @param {string} id */
const plainOf = (shop, id) =>
  shop.services.find((one) => one.id !== id && Object.values(one.fits ?? {}).some(({ service }) => service === id));

/**
 * What the shop will make of what is held, by what is entered so far: its own answer, where the chain does not say.
 *
 * @param {ShopPlace} shop
 * @param {Held} held
 * @param {Draft} draft
 * @returns {Shown}
 */
export function expected(shop, held, draft) {
  const plan = planned(held);
  const { age, firstVisit } = held.facts;
  const same = draft.age === age && (firstVisit === null || firstVisit === (draft.firstVisit === "yes"));
  if (same && (held.confirm !== null || held.code === "")) return plan; // it has said so already
  const service = shop.services.find(({ id }) => id === plan.service);
  const of = service?.fits?.[draft.age] === undefined ? plainOf(shop, plan.service) : service;
  const fit = of?.fits?.[draft.age];
  if (fit === undefined) return plan;
  const { asksFirstVisit = true } = shop.services.find(({ id }) => id === fit.service) ?? {};
  const later = !asksFirstVisit || draft.firstVisit === "no";
  const minutes = later ? fit.later : draft.firstVisit === "yes" ? fit.first : Math.max(fit.first, fit.later);
  return { ...plan, service: fit.service, minutes };
}

/** What a yes to what is held books. @param {Held} held @returns {Shown} */
export const planned = ({ service, minutes, wall, facts }) =>
  ({ service: facts.service || service, minutes: facts.minutes || minutes, wall });

/**
 * What the shop would book otherwise than the screen said when its button was tapped, by part: a yes books only what its
 * customer saw. `visit`: the service or its length, which the shop fits to the person.
 *
 * @param {Draft} draft
 * @param {Field[]} asked
 * @param {Held} held
 * @param {Shown} shown
 * @returns {Part[]}
 */
export function differences(draft, asked, held, shown) {
  const { facts } = held;
  const plan = planned(held);
  const same = {
    visit: plan.service === shown.service && plan.minutes === shown.minutes,
    when: plan.wall === shown.wall,
    name: facts.name === oneLine(draft.name),
    age: facts.age === draft.age,
    first: facts.firstVisit === (draft.firstVisit === "yes"),
    consent: true, // the bot says what it knows of it in `known`; without it there is no `confirm`
  };
  return /** @type {Part[]} */ (["visit", "when", ...asked]).filter((part) => !same[part]);
}
