/** Reads a server's day and one's own, books what is free, and prints what it heard: one line of JSON. */

import { connect } from "../../../clients/js/src/index.js";
import { chain, day, days, watchDay, watchMine } from "../../../imserver/plugins/booking/pages/src/reads.js";

const { origin, token, shop, wall } = JSON.parse(process.argv[2]);
const plain = globalThis.fetch;
globalThis.fetch = (path, options) => plain(new URL(String(path), origin), options);
const until = async (holds) => {
  const end = Date.now() + 20_000;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`not in time: ${JSON.stringify(heard)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};

const params = { shop, service: "exam", day: wall.slice(0, 10) };
const heard = { days: [], mine: [] };
const there = (await chain()).shops.find((one) => one.id === shop);
const strip = await days({ shop, service: "exam" });
const before = await day(params);
const client = await connect({ address: `${origin.replace("http", "ws")}/socket`, token });
const stops = [
  watchDay(client, params, (told) => heard.days.push(told)),
  watchMine(client, (told) => heard.mine.push(told)),
];
await until(() => heard.days.length === 1 && heard.mine.length === 1);
await client.post(client.direct(there.bot), `/book exam ${wall.replace("T", " ")}`);
await until(() => heard.mine.at(-1).held?.wall === wall);
const room = heard.mine.at(-1).conversations[shop];
await client.post(room, "/details\nname: <b>Ann</b>\nage: adult\nfirst visit: yes\nconsent: shipped-1");
await until(() => heard.mine.at(-1).held?.confirm);
await client.post(room, heard.mine.at(-1).held.confirm);
await until(() => heard.mine.at(-1).upcoming.length === 1);
stops.forEach((stop) => stop());
await client.close();
const [booked] = heard.mine.at(-1).upcoming;
console.log(JSON.stringify({ service: there.services[0].id, strip: strip.days.length, before: before.times.length, booked }));
process.exit(0);
