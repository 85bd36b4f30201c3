// Reads SCHEMA<TAB>KIND<TAB>PAYLOAD lines and prints what ajv finds: `valid`, `invalid`, `not-json`, or `failed` if it
// throws.

import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";

// Unlike `import`, this finds packages in NODE_PATH as well.
const require = createRequire(import.meta.url);
const Ajv = require("ajv");
const addFormats = require("ajv-formats");

const binary = process.env.POS_WEBHOOKS ?? "target/release/pos-webhooks";
const provider = process.argv[2];

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Whether there is such a day, and its name if one is given. */
function isDay(year, month, day, name) {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const same = date.getUTCFullYear() === +year && date.getUTCMonth() === month - 1 && date.getUTCDate() === +day;
  return same && (name === undefined || DAYS[date.getUTCDay()] === name);
}

function isHttpDate(text) {
  const found = /^([A-Z][a-z]{2}), (\d\d) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT$/.exec(text);
  if (!found) return false;
  const [, name, day, month, year, hour, minute, second] = found;
  return isDay(year, MONTHS.indexOf(month) + 1, day, name) && hour < 24 && minute < 60 && second <= 60;
}

function isLocalDateTime(text) {
  const found = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d+)?$/.exec(text);
  if (!found) return false;
  const [, year, month, day, hour, minute, second] = found;
  return isDay(year, month, day) && hour < 24 && minute < 60 && second < 60;
}

const ajv = new Ajv({ strict: true, allowUnionTypes: true });
addFormats(ajv);
ajv.addFormat("uuid", /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i);
ajv.addFormat("http-date", isHttpDate);
ajv.addFormat("local-date-time", isLocalDateTime);
for (const annotation of ["int32", "int64", "password"]) ajv.addFormat(annotation, true);

/** Checks the formats that the published schemas replace by patterns, beside the patterns. */
function withOwnFormats(schema) {
  if (schema === null || typeof schema !== "object") return schema;
  if (Array.isArray(schema)) return schema.map(withOwnFormats);
  const copy = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, withOwnFormats(value)]));
  if (typeof copy.pattern === "string" && copy.pattern.startsWith("^(?:Mon|")) copy.format = "http-date";
  if (typeof copy.pattern === "string" && copy.pattern.startsWith("^(?:[0-9]{4}-")) copy.format = "local-date-time";
  return copy;
}

const validators = new Map();
function validator(name) {
  if (!validators.has(name)) {
    const schema = JSON.parse(execFileSync(binary, ["schema", provider, name], { encoding: "utf8" }));
    validators.set(name, ajv.compile(withOwnFormats(schema)));
  }
  return validators.get(name);
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]:]|-?[0-9][0-9.eE+-]*/g;

/** Whether JSON has no duplicate names, and no numbers out of the range of a double, which JSON.parse admits. */
function isStrict(json) {
  const open = [];
  let last;
  for (const [token] of json.matchAll(TOKEN)) {
    if (token === "{" || token === "[") {
      open.push(new Set());
    } else if (token === "}" || token === "]") {
      open.pop();
    } else if (token === ":") {
      const names = open.at(-1);
      if (names.size === names.add(JSON.parse(last)).size) return false;
    } else if (token[0] !== '"') {
      const number = Number(token);
      if (!Number.isFinite(number) || (number === 0 && /^[^eE]*[1-9]/.test(token))) return false;
    }
    last = token;
  }
  return true;
}

function verdict(line) {
  const [name, , ...rest] = line.split("\t");
  const json = rest.join("\t").replace(/^\ufeff/, "");
  let value;
  try {
    value = JSON.parse(json);
  } catch {
    return "not-json";
  }
  if (!isStrict(json)) return "not-json";
  try {
    return validator(name)(value) ? "valid" : "invalid";
  } catch (error) {
    if (error instanceof TypeError) return "failed";
    throw error;
  }
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
let rest = "";
for await (const chunk of process.stdin) {
  const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
  rest = lines.pop();
  if (lines.length > 0) process.stdout.write(`${lines.map(verdict).join("\n")}\n`);
}
