/** Fields of a form: a text, a choice among few, a box to tick. Each with its own error beside it. */

import { html } from "../view.js";
import { Icon } from "./icon.js";

/** @param {{id: string, text: string}} props */
const Fault = ({ id, text }) => (text ? html`<p class="error" id=${`${id}-error`}>${text}</p>` : null);

/** What describes a field: its hint, its error. @param {string} id @param {string} hint @param {string} fault */
const described = (id, hint, fault) => [hint && `${id}-hint`, fault && `${id}-error`].filter(Boolean).join(" ") || undefined;

/**
 * @param {object} props
 * @param {string} props.id
 * @param {string} props.label
 * @param {string} [props.hint]
 * @param {string} props.value
 * @param {string} props.fault  "" if there is none.
 * @param {string} props.autocomplete
 * @param {(value: string) => void} props.onInput
 */
export const TextField = ({ id, label, hint = "", value, fault, autocomplete, onInput }) => html`
  <div class=${fault ? "field wrong" : "field"}>
    <label for=${id}>${label}</label>
    ${hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}
    <input class="input" id=${id} name=${id} type="text" value=${value} autocomplete=${autocomplete} autocapitalize="words"
      spellcheck=${false} enterkeyhint="next" aria-required="true" aria-invalid=${Boolean(fault)}
      aria-describedby=${described(id, hint, fault)}
      onInput=${(/** @type {InputEvent} */ event) => onInput(/** @type {HTMLInputElement} */ (event.target).value)} />
    <${Fault} id=${id} text=${fault} />
  </div>
`;

/**
 * @param {object} props
 * @param {string} props.id
 * @param {string} props.label
 * @param {readonly (readonly [value: string, words: string])[]} props.options
 * @param {string} props.value  "" while nothing is chosen.
 * @param {string} props.fault
 * @param {boolean} [props.few]  Short words: beside each other.
 * @param {(value: string) => void} props.onChoose
 */
export const Choice = ({ id, label, options, value, fault, few = false, onChoose }) => html`
  <fieldset class=${fault ? "field wrong" : "field"} id=${id} role="radiogroup" aria-required="true"
    aria-invalid=${Boolean(fault)} aria-describedby=${described(id, "", fault)}>
    <legend>${label}</legend>
    <div class=${few ? "choices few" : "choices"}>
      ${options.map(([each, words]) => html`
        <label class="choice" key=${each}>
          <input type="radio" name=${id} value=${each} checked=${each === value} onChange=${() => onChoose(each)} />
          <span>${words}</span>
        </label>`)}
    </div>
    <${Fault} id=${id} text=${fault} />
  </fieldset>
`;

/**
 * @param {object} props
 * @param {string} props.id
 * @param {string} props.label
 * @param {boolean} props.value
 * @param {string} props.fault
 * @param {(value: boolean) => void} props.onChoose
 * @param {any} [props.children]  What is agreed to.
 */
export const Box = ({ id, label, value, fault, onChoose, children }) => html`
  <div class=${fault ? "field wrong" : "field"}>
    ${children}
    <label class="choice">
      <input type="checkbox" id=${id} name=${id} checked=${value} aria-required="true" aria-invalid=${Boolean(fault)}
        aria-describedby=${described(id, "", fault)}
        onChange=${(/** @type {Event} */ event) => onChoose(/** @type {HTMLInputElement} */ (event.target).checked)} />
      <span>${label}</span>
    </label>
    <${Fault} id=${id} text=${fault} />
  </div>
`;

/** The form's main button; while it works it says so and takes no second tap. @param {{busy: string, words: string}} props */
export const Submit = ({ busy, words }) => html`
  <button type="submit" class="button main wide" aria-disabled=${busy !== ""}>
    ${busy || words}${!busy && html`<${Icon} name="check" />`}
  </button>
`;
