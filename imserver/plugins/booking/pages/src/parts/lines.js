/** A text of several lines, each its own paragraph. */

import { html } from "../view.js";

/** @param {{text: string}} props */
export const Lines = ({ text }) => html`
  <div class="lines">${text.split("\n").filter(Boolean).map((line, index) => html`<p key=${index}>${line}</p>`)}</div>
`;
