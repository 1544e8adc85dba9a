// Holds clients of the editors' own providers and does with them what a test says.
//
// stdin: one JSON object per line, {id, do, ...}; stdout: {id, result} or {id, error} for each, as
// soon as it is done. `COMMANDS` lists what there is to do; `client` is a name the test chose.

import { createInterface } from "node:readline";
import { isDeepStrictEqual } from "node:util";

import * as Y from "yjs";

import { RETRY_MS, open } from "./clients.mjs";
import { contains, describe, fingerprint, randomEdits } from "./edits.mjs";

const POLL_MS = 5;
const [OPEN, CLOSED] = [1, 3]; // states of a socket
const clients = new Map();
const frames = new Map(); // of clients without a server: what they sent
const loads = new Map(); // timers of clients that keep editing
const managers = new Map(); // of clients that can undo
const OWN = "an editor's own change";

process.setMaxListeners(0); // every y-websocket provider listens for the exit

function find(name) {
  const client = clients.get(name);
  if (client === undefined) {
    throw new Error(`no client is called ${name}`);
  }
  return client;
}

/** Resolves to the milliseconds it took until `isTrue`; rejects with what `explain` says. */
async function until(isTrue, seconds, explain) {
  const start = performance.now();
  while (!isTrue()) {
    if (performance.now() - start > seconds * 1000) {
      throw new Error(`not within ${seconds} s: ${JSON.stringify(explain())}`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return performance.now() - start;
}

function statuses(names) {
  return Object.fromEntries(names.map((name) => [name, find(name).status()]));
}

function sees(watcher, other) {
  const shown = watcher.awareness.getStates().get(other.doc.clientID);
  return JSON.stringify(shown) === JSON.stringify(other.awareness.getLocalState());
}

const COMMANDS = {
  open({ client, ...options }) {
    const made = open(options);
    clients.set(client, made);
    if (options.fake) {
      frames.set(client, []);
      const note = made.wire.onSent;
      made.wire.onSent = (frame) => {
        frames.get(client).push(Buffer.from(frame).toString("hex"));
        note(frame);
      };
    }
    return made.doc.clientID;
  },

  connect: ({ client }) => find(client).connect(),
  reattach: ({ client }) => find(client).reattach(),

  /** Resolves once the socket is closed and stays so. */
  async disconnect({ client, seconds }) {
    const leaving = find(client);
    const { readyState } = leaving.wire.current;
    leaving.disconnect();
    if (readyState !== OPEN) {
      // Hocuspocus 2.x and 3.x dial again once more if they were told while they waited to
      await new Promise((resolve) => setTimeout(resolve, 3 * RETRY_MS));
      leaving.disconnect();
    }
    const isClosed = () => leaving.wire.current.readyState === CLOSED;
    await until(isClosed, seconds, () => leaving.status());
  },

  cut: ({ client }) => find(client).cut(),
  vanish: ({ client }) => find(client).vanish(),

  destroy({ client }) {
    COMMANDS.rest({ client });
    find(client).destroy();
    clients.delete(client);
  },

  /** `count` random edits at once. */
  edit({ client, seed, count }) {
    const edit = randomEdits(find(client).doc, seed);
    for (let done = 0; done < count; done += 1) {
      edit();
    }
  },

  insert: ({ client, text }) => find(client).doc.getText("text").insert(0, text),

  /** From now on its own changes can be undone, `theirs` too: what the provider brings. */
  track({ client, theirs }) {
    const { doc, provider } = find(client);
    const roots = [
      doc.getText("text"),
      doc.getMap("map"),
      doc.getArray("array"),
      doc.getXmlFragment("xml"),
    ];
    const trackedOrigins = new Set(theirs ? [OWN, provider] : [OWN]);
    managers.set(client, new Y.UndoManager(roots, { trackedOrigins, captureTimeout: 0 }));
  },

  /** An update, in base64, as a change of its own. */
  apply: ({ client, update }) =>
    Y.applyUpdate(find(client).doc, Buffer.from(update, "base64"), OWN),

  undo: ({ client }) => managers.get(client).undo() !== null,

  /** A random edit every `milliseconds`, until told to rest. */
  work({ client, seed, milliseconds }) {
    COMMANDS.rest({ client });
    loads.set(client, setInterval(randomEdits(find(client).doc, seed), milliseconds));
  },

  rest({ client }) {
    clearInterval(loads.get(client));
    loads.delete(client);
  },

  /** Another token for the next connection, shown on this one too `at_once`. */
  renew: ({ client, token, at_once: atOnce }) => find(client).renew(token, atOnce),

  /** What the client says of itself after so many seconds in which nothing was asked of it. */
  async observe({ client, seconds }) {
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    return find(client).status();
  },

  /** Until what the client says of itself includes all of `expected`. */
  reach({ client, expected, seconds }) {
    const told = () => find(client).status();
    const isSo = () => {
      const status = told();
      return Object.entries(expected).every(([key, value]) => status[key] === value);
    };
    return until(isSo, seconds, told);
  },

  /** Until y-websocket's has been told so often that it may not write. */
  told({ client, number, seconds }) {
    const { denied } = find(client);
    return until(() => denied.length >= number, seconds, () => find(client).status());
  },

  /** Until `number` events of this name have come; their values. */
  async happened({ client, event, number, seconds }) {
    const found = () => find(client).events.filter(([name]) => name === event);
    await until(() => found().length >= number, seconds, () => find(client).events);
    return found().map(([, value]) => value);
  },

  status: ({ client }) => find(client).status(),
  events: ({ client }) => find(client).events,
  state: ({ client }) => describe(find(client).doc),

  /** Until all are connected, synced and, where the provider can tell, saved. */
  settle: ({ clients: names, seconds }) =>
    until(() => names.every((name) => find(name).settled), seconds, () => statuses(names)),

  /** Until all have synced so many times. */
  synced: ({ clients: names, times, seconds }) =>
    until(
      () => names.every((name) => find(name).provider.synced && find(name).timesSynced >= times),
      seconds,
      () => statuses(names),
    ),

  unsynced: ({ clients: names, seconds }) =>
    until(() => names.every((name) => !find(name).provider.synced), seconds, () => statuses(names)),

  /** Until all are settled and hold the same. */
  converge({ clients: names, seconds }) {
    const same = () =>
      names.every((name) => find(name).settled) &&
      new Set(names.map((name) => fingerprint(find(name).doc))).size === 1;
    return until(same, seconds, () => statuses(names));
  },

  /** Until all hold this content. */
  show({ clients: names, content, seconds }) {
    const contents = () =>
      names.map((name) => JSON.parse(JSON.stringify(describe(find(name).doc).content)));
    const shown = () => contents().every((each) => isDeepStrictEqual(each, content));
    return until(shown, seconds, () => ({ wanted: content, contents: contents() }));
  },

  confirmed({ client, at_least: atLeast, seconds }) {
    const { confirmed } = find(client);
    return until(() => confirmed.length >= atLeast, seconds, () => find(client).status());
  },

  /** Whether `client` holds every update that `writer` has seen confirmed. */
  holds: ({ client, writer }) => contains(find(client).doc, find(writer).confirmed),

  set_awareness: ({ client, state }) => find(client).awareness.setLocalState(state),
  awareness: ({ client }) => Object.fromEntries(find(client).awareness.getStates()),

  /** Until each of `watchers` sees each of `shown` as it shows itself. */
  see: ({ watchers, shown, seconds }) =>
    until(
      () => watchers.every((name) => shown.every((other) => sees(find(name), find(other)))),
      seconds,
      () => watchers.map((name) => [name, COMMANDS.awareness({ client: name })]),
    ),

  /** Until none of `watchers` sees the Yjs client `gone`. */
  miss: ({ watchers, gone, seconds }) =>
    until(
      () => watchers.every((name) => !find(name).awareness.getStates().has(gone)),
      seconds,
      () => watchers.map((name) => [name, COMMANDS.awareness({ client: name })]),
    ),

  stateless: ({ client, payload }) => find(client).provider.sendStateless(payload),

  /** Of a client without a server: the frames it has sent, once there are `at_least` so many. */
  async take({ client, at_least: atLeast, seconds }) {
    const sent = frames.get(client);
    await until(() => sent.length >= atLeast, seconds, () => sent);
    return sent.splice(0);
  },

  /** To a client without a server: a frame. */
  give: ({ client, frame }) => find(client).wire.current.receive(Buffer.from(frame, "hex")),
};

function answer(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

const input = createInterface({ input: process.stdin });
input.on("line", async (line) => {
  const request = JSON.parse(line);
  try {
    const result = await COMMANDS[request.do](request);
    answer({ id: request.id, result: result ?? null });
  } catch (error) {
    answer({ id: request.id, error: String(error?.stack ?? error) });
  }
});
input.on("close", () => process.exit(0));
