// Quill by itself restores an earlier version as a change of its own, and undoes it.
//
// stdin: {content, operation, typed}, Deltas' arrays of ops: what is in the document, what restores an
// earlier version, what somebody else types then. stdout: {restored, undone}, the contents.

import { text } from "node:stream/consumers";

import { becomeAPage } from "./page.mjs";

becomeAPage();
const { default: Quill } = await import("quill");
const { content, operation, typed } = JSON.parse(await text(process.stdin));

const quill = new Quill("#editor", { modules: { history: { userOnly: true } } });
quill.setContents(content);
quill.history.clear();

quill.updateContents(operation, "user");
const restored = quill.getContents().ops;
quill.updateContents(typed, "api"); // as what comes from others
quill.history.undo();
const undone = quill.getContents().ops;

process.stdout.write(JSON.stringify({ restored, undone }));
process.exit(0);
