// Answers what npm quill-delta makes of Deltas, for tests/properties/test_quill_delta.py.
//
// stdin: one JSON object per line, {document, a, b, c, position}. Each of the first four is an array
// of ops in any form; a and b are made on the document, c on the document after a. stdout: for each
// line one JSON array of answers, in the order of the list in `answer`.

import { readFileSync, writeSync } from "node:fs";
import Delta from "quill-delta";

function build(ops) {
  const delta = new Delta();
  for (const op of ops) {
    if (op.insert !== undefined) {
      delta.insert(op.insert, op.attributes);
    } else if (op.delete !== undefined) {
      delta.delete(op.delete);
    } else {
      delta.retain(op.retain, op.attributes);
    }
  }
  return delta.chop();
}

function answer(request) {
  const document = build(request.document);
  const [a, b, c] = [request.a, request.b, request.c].map(build);
  return [
    document.ops,
    a.ops,
    b.ops,
    c.ops,
    document.compose(a).ops,
    a.compose(c).ops,
    a.transform(b, true).ops,
    a.transform(b, false).ops,
    a.invert(document).ops,
    a.transformPosition(request.position, true),
    a.transformPosition(request.position, false),
  ];
}

function write(text) {
  const bytes = Buffer.from(text);
  for (let sent = 0; sent < bytes.length; ) {
    sent += writeSync(1, bytes, sent);
  }
}

let lines = [];
for (const line of readFileSync(0, "utf8").split("\n")) {
  if (line !== "") {
    lines.push(JSON.stringify(answer(JSON.parse(line))));
  }
  if (lines.length === 500) {
    write(lines.join("\n") + "\n");
    lines = [];
  }
}
if (lines.length > 0) {
  write(lines.join("\n") + "\n");
}
