// Validates one JSON text per line with ajv, and prints the time in milliseconds, with the start of the program.
//
// Reads a JSON object from standard input: schema, file, valid (the number of lines that are).

import { createReadStream, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import Ajv from "ajv";
import addFormats from "ajv-formats";

const { schema, file, valid } = JSON.parse(readFileSync(0, "utf8"));
const ajv = new Ajv({ strict: false });
addFormats(ajv);
ajv.addFormat("local-date-time", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?$/);
ajv.addFormat("http-date", (text) => !Number.isNaN(Date.parse(text)));
const validate = ajv.compile(schema);

let count = 0;
for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
  if (validate(JSON.parse(line))) count += 1;
}
if (count !== valid) throw new Error(`${count} of ${valid} lines are valid`);
console.log((performance.now()).toFixed(0));
