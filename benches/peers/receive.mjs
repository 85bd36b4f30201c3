// Receives a Vipps delivery as a program would with Node's own modules: verify, then parse. Prints nanoseconds per call.
//
// Reads a JSON object from standard input: url, secret, headers, body.

import { createHash, createHmac, createSecretKey, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";

const { url, secret, headers, body } = JSON.parse(readFileSync(0, "utf8"));
const { host, pathname, search } = new URL(url);
const target = pathname + search;
const bytes = Buffer.from(body);
const key = createSecretKey(Buffer.from(secret));
const window = 300_000;

function receive() {
  const date = headers["x-ms-date"];
  const hash = headers["x-ms-content-sha256"];
  if (createHash("sha256").update(bytes).digest("base64") !== hash) throw new Error("another body");
  const mac = createHmac("sha256", key).update(`POST\n${target}\n${date};${host};${hash}`).digest();
  const prefix = "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=";
  if (!headers.authorization.startsWith(prefix)) throw new Error("another signature");
  const sent = Buffer.from(headers.authorization.slice(prefix.length), "base64");
  if (sent.length !== mac.length || !timingSafeEqual(sent, mac)) throw new Error("another signature");
  if (Math.abs(Date.now() - Date.parse(date)) > window) throw new Error("outside of the replay window");
  const event = JSON.parse(bytes);
  if (event.name !== "CAPTURED") throw new Error("another event");
  return event;
}

const calls = 1000;
let best = Infinity;
for (let batch = 0; batch < 200; batch += 1) {
  const start = process.hrtime.bigint();
  for (let call = 0; call < calls; call += 1) receive();
  best = Math.min(best, Number(process.hrtime.bigint() - start) / calls);
}
console.log(best.toFixed(0));
