/** Starts the page around the shop in memory. A test may have set it up before (`window.prepare`), and finds it as `window.fake`. */

import { startPage } from "/imserver/plugins/booking/pages/src/app.js";
import { FakeShop } from "./shop.js";
import { FakeStaff } from "./staff_shop.js";

const fake = location.pathname.startsWith("/staff") ? new FakeStaff() : new FakeShop();
window.fake = fake;
window.prepare?.(fake);
const reads = Object.fromEntries(["chain", "days", "day", "mine", "watchDay", "watchMine"].map((name) => [name, fake[name].bind(fake)]));
window.page = startPage({ root: document.getElementById("app"), makeLine: (store) => fake.line(store), reads });
