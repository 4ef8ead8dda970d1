/** Icons of the chat alone, drawn like those of `icons.svg`; loaded with it. They never stand alone. */

import { html } from "../view.js";

const PATHS = {
  send: "M4 12 20 4l-5 16-3.5-6.5zM11.5 13.5 20 4",
  down: "M12 5v14m-6-6 6 6 6-6",
  sent: "M5 12.5l4.5 4.5L19 7.5",
  read: "M2.5 12.5 7 17l9.5-9.5M11 16l1 1 9.5-9.5",
  sending: "M12 7v5.5l3 2M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17Z",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  browser: "M3.5 5h17v14h-17zM3.5 9h17M6.5 7v.01M9 7v.01",
};

/** @typedef {keyof typeof PATHS} ChatIconName */

/** @param {{name: ChatIconName}} props */
export const ChatIcon = ({ name }) =>
  html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d=${PATHS[name]} /></svg>`;
