/**
 * My browsers: which ones see my appointments, what they are called, signing them out; and how another phone becomes one of
 * them.
 */

import { Icon } from "../parts/icon.js";
import { Empty, Notice, Waiting } from "../parts/notice.js";
import * as account from "../session.js";
import { html, useEffect, useState } from "../view.js";
import { BeenHere } from "./been_here.js";
import { ChatIcon } from "./icons.js";
import { moment } from "./moment.js";
import { OtherPhone } from "./other_phone.js";
import { Undone, codeOf, undoneWords } from "./undone.js";
import { c } from "../words/chat.js";

/** @import { Line } from "../line/line.js" */

/** @typedef {import("../shapes.js").PageState} PageState */
/** @typedef {import("../page.js").Page} Page */
/** @typedef {{id: string, label: string, madeAt: number, seenAt: number, this: boolean}} Device */

/** As accounts allow it. */
const MAX_LABEL = 60;

/** @param {{state: PageState, page: Page}} props */
export function DevicesScreen({ state, page }) {
  const [devices, setDevices] = useState(/** @type {Device[] | null} */ (null));
  const [failed, setFailed] = useState("");
  const read = async () => {
    try {
      setDevices(await account.devices());
      setFailed("");
    } catch (error) {
      setFailed(codeOf(error));
    }
  };
  const nobody = state.session === null;
  useEffect(() => void (nobody || read()), [nobody, state.joined]); // a link has signed one more in
  if (nobody) {
    return html`
      <div class="screen">
        <${Empty} icon="person" title=${c("devices.title")} text=${c("devices.none")} />
        <${BeenHere} state=${state} page=${page} />
      </div>`;
  }
  return html`
    <div class="screen">
      <h1 tabindex="-1">${c("devices.title")}</h1>
      <p>${c(state.session?.roles?.includes("staff") ? "devices.text_staff" : "devices.text")}</p>
      ${failed && html`<${Undone} title=${c("devices.failed")} code=${failed} onRetry=${read} />`}
      ${devices === null ? !failed && html`<${Waiting} rows=${2} />` : html`
        <ul class="devices">${devices.map((one) => html`
          <li key=${one.id}><${DeviceCard} device=${one} state=${state} page=${page} onChanged=${read} /></li>`)}
        </ul>`}
      <${OtherPhone} state=${state} page=${page} />
      ${state.session?.guest && html`<${BeenHere} state=${state} page=${page} />`}
      <${Leave} state=${state} page=${page} />
    </div>
  `;
}

/** @param {{device: Device, state: PageState, page: Page, onChanged: () => Promise<void>}} props */
function DeviceCard({ device, state, page, onChanged }) {
  const [naming, setNaming] = useState(false);
  const [failed, setFailed] = useState("");
  const name = device.label || c("devices.unnamed");
  const act = async (/** @type {() => Promise<any>} */ doIt, /** @type {string} */ said) => {
    try {
      await doIt();
      setFailed("");
      setNaming(false);
      page.say(said);
      await onChanged();
    } catch (error) {
      setFailed(codeOf(error));
    }
  };
  const rename = (/** @type {string} */ label) => act(() => account.rename(device.id, label), c("devices.named"));
  const revoke = () => act(() => account.revoke(device.id), c("devices.revoked", { name }));
  return html`
    <article class="card device" aria-label=${name}>
      <${ChatIcon} name="browser" />
      <div class="lines">
        <p><strong>${name}</strong> ${device.this && html`<span class="tag good">${c("devices.this")}</span>`}</p>
        <p class="small quiet">
          ${c("devices.seen", { time: moment(device.seenAt, state.language) })}<br />
          ${c("devices.made", { time: moment(device.madeAt, state.language) })}
        </p>
      </div>
      ${naming
        ? html`<${NameForm} label=${device.label} onCancel=${() => setNaming(false)} onSave=${rename} />`
        : html`
          <div class="row">
            <button type="button" class="button" onClick=${() => setNaming(true)}>${c("devices.name")}</button>
            ${!device.this && html`<button type="button" class="button alarm" aria-label=${c("devices.revoke_of", { name })}
              onClick=${revoke}>${c("devices.revoke")}</button>`}
          </div>`}
      ${failed && html`<p class="error" role="alert">${undoneWords(failed)}</p>`}
    </article>
  `;
}

/** @param {{label: string, onSave: (label: string) => void, onCancel: () => void}} props */
function NameForm({ label, onSave, onCancel }) {
  const [written, setWritten] = useState(label);
  return html`
    <form class="row" onSubmit=${(/** @type {Event} */ event) => (event.preventDefault(), onSave(written.trim()))}>
      <label class="field"><span class="label">${c("devices.name_label")}</span>
        <input class="input" value=${written} maxlength=${MAX_LABEL} autocomplete="off"
          onInput=${(/** @type {any} */ event) => setWritten(event.target.value)} />
      </label>
      <button type="submit" class="button main">${c("devices.save")}</button>
      <button type="button" class="button plain" onClick=${onCancel}>${c("devices.cancel")}</button>
    </form>
  `;
}

/** Signing out here, which asks once: it removes what cannot be had again. @param {{state: PageState, page: Page}} props */
function Leave({ state, page }) {
  const line = /** @type {Line} */ (/** @type {unknown} */ (page.line));
  const [asked, setAsked] = useState(false);
  const [failed, setFailed] = useState("");
  const leave = async () => {
    try {
      await line.signOut();
    } catch (error) {
      setFailed(codeOf(error));
    }
  };
  const unsent = line.unsent.length;
  const guest = state.session?.guest ? c("devices.leave_guest") : "";
  return html`
    <section class="stack">
      ${!asked
        ? html`
          <button type="button" class="button alarm" onClick=${() => setAsked(true)}>
            <${Icon} name="close" />${c("devices.leave")}
          </button>`
        : html`
          <${Notice} kind="bad" title=${c("devices.leave")}>
            <p>${c("devices.leave_sure", { guest })}</p>
            ${unsent > 0 && html`<p>${c("devices.leave_unsent", { count: unsent })}</p>`}
            <div class="row">
              <button type="button" class="button alarm" onClick=${leave}>${c("devices.leave_yes")}</button>
              <button type="button" class="button plain" onClick=${() => setAsked(false)}>${c("devices.cancel")}</button>
            </div>
          <//>`}
      ${failed && html`<${Undone} title=${c("devices.act_failed")} code=${failed} onRetry=${leave} />`}
    </section>
  `;
}
