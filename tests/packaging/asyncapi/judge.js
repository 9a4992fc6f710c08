// Whether a file is an AsyncAPI document by the parser from npm, and what it says of it.
//
//   judge.js FILE    exit 0 and a summary as JSON; exit 1 and each finding, if there is any at all

import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const { document, diagnostics } = await new Parser().parse(readFileSync(process.argv[2], "utf8"));
// A newer version of AsyncAPI is not a finding about this one.
const findings = diagnostics.filter((one) => one.code !== "asyncapi-latest-version");
for (const { code, path, message, severity } of findings) {
  console.error(`${severity} ${code} /${path.join("/")}: ${message}`);
}
if (!document || findings.length > 0) process.exit(1);

const channels = document.channels().all().map((channel) => ({
  id: channel.id(),
  address: channel.address(),
  bindings: channel.bindings().all().map((binding) => binding.protocol()),
  messages: channel.messages().all().map((message) => ({
    name: message.name(),
    contentType: message.contentType(),
    headers: Object.keys(message.headers().properties()),
    key: message.bindings().get("kafka").value().key.type,
    payload: Object.keys(message.payload().properties()),
    examples: message.examples().all().length,
  })),
  operations: channel.operations().all().map((operation) => operation.action()),
}));
console.log(JSON.stringify({ version: document.version(), channels }));
