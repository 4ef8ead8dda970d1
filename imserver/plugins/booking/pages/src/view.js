/** How the page draws: preact and htm. The one place that knows where they lie. */

export {
  Component, h, html, render, useEffect, useLayoutEffect, useMemo, useRef, useState,
} from "../vendor/standalone.module.js";
