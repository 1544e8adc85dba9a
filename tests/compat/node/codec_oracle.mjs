// Encodes and decodes with npm lib0 and y-protocols, for tests/compat/test_codecs.py.
//
// stdin: one JSON object per line, {do, ...}; stdout: one JSON answer per line. Bytes are hex.

import { readFileSync } from "node:fs";

import * as decoding from "lib0/decoding";
import * as encoding from "lib0/encoding";
import * as auth from "y-protocols/auth";
import * as protocol from "y-protocols/awareness";
import * as Y from "yjs";

const bytes = (hex) => new Uint8Array(Buffer.from(hex, "hex"));
const hex = (data) => Buffer.from(data).toString("hex");

function encoded(write) {
  const encoder = encoding.createEncoder();
  write(encoder);
  return hex(encoding.toUint8Array(encoder));
}

/** The awareness update for entries [client id, clock, state], made by an Awareness. */
function awarenessUpdate(entries) {
  const doc = new Y.Doc();
  const awareness = new protocol.Awareness(doc);
  for (const [client, clock, state] of entries) {
    awareness.meta.set(client, { clock, lastUpdated: 0 });
    if (state !== null) {
      awareness.states.set(client, state);
    }
  }
  const clients = entries.map(([client]) => client);
  const update = protocol.encodeAwarenessUpdate(awareness, clients);
  doc.destroy();
  return update;
}

/** What an Awareness that knows nobody makes of an update. */
function seen(update) {
  const doc = new Y.Doc();
  const awareness = new protocol.Awareness(doc);
  awareness.setLocalState(null);
  protocol.applyAwarenessUpdate(awareness, update, "test");
  const entries = [...awareness.meta]
    .filter(([client]) => client !== doc.clientID)
    .map(([client, { clock }]) => [client, clock, awareness.states.get(client) ?? null]);
  doc.destroy();
  return entries;
}

function tryTo(parse) {
  try {
    parse();
    return true;
  } catch {
    return false;
  }
}

const ORACLES = {
  uint: ({ number }) => encoded((encoder) => encoding.writeVarUint(encoder, number)),
  string: ({ text }) => encoded((encoder) => encoding.writeVarString(encoder, text)),
  bytes: ({ data }) => encoded((encoder) => encoding.writeVarUint8Array(encoder, bytes(data))),
  denied: ({ reason }) =>
    encoded((encoder) => {
      encoding.writeVarUint(encoder, 2);
      auth.writePermissionDenied(encoder, reason);
    }),
  awareness: ({ entries }) =>
    encoded((encoder) => {
      encoding.writeVarUint(encoder, 1);
      encoding.writeVarUint8Array(encoder, awarenessUpdate(entries));
    }),
  read_awareness({ frame }) {
    const decoder = decoding.createDecoder(bytes(frame));
    return [decoding.readVarUint(decoder), seen(decoding.readVarUint8Array(decoder))];
  },
  read({ frame }) {
    const decoder = decoding.createDecoder(bytes(frame));
    const read = [
      decoding.readVarUint(decoder),
      decoding.readVarString(decoder),
      hex(decoding.readVarUint8Array(decoder)),
    ];
    return [...read, decoding.hasContent(decoder)];
  },
  is_json: ({ text }) => tryTo(() => JSON.parse(text)),
};

const lines = readFileSync(0, "utf8").split("\n").filter((line) => line !== "");
const answers = lines.map((line) => {
  const request = JSON.parse(line);
  return JSON.stringify(ORACLES[request.do](request));
});
// the timers of Awareness would keep the process
process.stdout.write(answers.join("\n") + "\n", () => process.exit(0));
