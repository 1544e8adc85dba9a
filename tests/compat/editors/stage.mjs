// One window of an editor, without a browser: gives an example of docs/editors.md a page to stand
// on, runs it, and does in it what the test says.
//
//   node stage.mjs FILE EDITOR     the example as a module that exports `editor` and `provider`
//
// stdin: one JSON object per line, {do, ...}; stdout: {result} or {error} for each, in order. The
// first line comes by itself once the example runs.

import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

import { becomeAPage } from "./page.mjs";

const POLL_MS = 10;

/** What each editor calls typing, and how it tells its text. */
const HANDS = {
  CodeMirror: {
    type: (view, text) => view.dispatch({ changes: { from: 0, insert: text } }),
    text: (view) => view.state.doc.toString(),
  },
  ProseMirror: {
    type(view, text) {
      const { doc, schema, tr } = view.state;
      const paragraph = () => schema.node("paragraph", null, schema.text(text));
      // a Yjs document nobody has written in has not even an empty paragraph
      view.dispatch(doc.content.size === 0 ? tr.insert(0, paragraph()) : tr.insertText(text, 1));
    },
    text: (view) => view.state.doc.textContent,
  },
  TipTap: {
    type: (editor, text) => editor.commands.insertContentAt(1, text),
    text: (editor) => editor.getText(),
  },
  Quill: {
    type: (quill, text) => quill.insertText(0, text, "user"),
    text: (quill) => quill.getText().trimEnd(),
  },
};

const [file, kind] = process.argv.slice(2);
becomeAPage();
const { editor, provider } = await import(pathToFileURL(file));
const hands = HANDS[kind];

async function until(isTrue, seconds, told) {
  for (const start = performance.now(); !isTrue(); ) {
    if (performance.now() - start > seconds * 1000) {
      throw new Error(`not within ${seconds} s: ${JSON.stringify(told())}`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

const people = () => [...provider.awareness.getStates().values()].map((state) => state.user?.name);

const COMMANDS = {
  synced: ({ seconds }) => until(() => provider.synced, seconds, () => "not synced"),
  type: ({ text }) => void hands.type(editor, text),
  text: () => hands.text(editor),
  see: ({ text, seconds }) =>
    until(() => hands.text(editor) === text, seconds, () => hands.text(editor)),
  rename: ({ name }) => provider.awareness.setLocalStateField("user", { name, color: "#336699" }),
  meet: ({ name, seconds }) => until(() => people().includes(name), seconds, people),
  name: () => provider.awareness.getLocalState()?.user?.name ?? null,
};

function answer(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

answer({ result: "ready" });
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  try {
    answer({ result: (await COMMANDS[command.do](command)) ?? null });
  } catch (error) {
    answer({ error: String(error?.stack ?? error) });
  }
}
process.exit(0);
