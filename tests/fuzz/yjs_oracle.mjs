// Lets npm yjs edit random documents and say what it makes of them: for test_yjs_oracle.py.
//
// node yjs_oracle.mjs FOLDER SEED COUNT [halves], where FOLDER has yjs in its node_modules; with
// halves, edits may divide characters of two UTF-16 units. stdout: one JSON
// object per document, {deliveries, structs, deletes, vector, state}. Clients edit and exchange what
// they like; a delivery is an update that reaches a server's replica: {update, gap, effective}, where
// an update with a gap is not applied, and `effective` is null if it brought nothing. The rest tells
// what the replica is in the end, as its full state and as what yjs reads out of that. Bytes are base64.

import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const [folder, seed, count, halves] = process.argv.slice(2);
const require = createRequire(join(resolve(folder), "package.json"));
const Y = require("yjs");

function generator(state) {
  // mulberry32
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const base64 = (bytes) => Buffer.from(bytes).toString("base64");

function play(random) {
  const below = (n) => Math.floor(random() * n);
  const pick = (list) => list[below(list.length)];
  const words = ["a", "bc", "😀", "né", "漢字", "x😀y", "\u{10ffff}", "uuuu", "\ud83d"]; // the last only half a character
  const values = [
    () => null, () => ({ u: undefined }), () => true, () => false, () => below(1e9) - 5e8, () => random(), () => 0.5,
    () => 2 ** 40, () => -0, () => ({ big: BigInt(below(1e9)) * 4_000_000_000n }), () => pick(words),
    () => new Uint8Array([1, 2, 255]), () => ({ k: [1, { "😀": pick(words) }], e: {} }), () => [[], [[]]],
  ];
  const shared = () => pick([
    () => new Y.Map([["k", pick(words)]]),
    () => Y.Array.from([1, pick(words)]),
    () => new Y.Text(pick(words)),
    () => new Y.Doc({ meta: { a: 1 }, autoLoad: below(2) === 0 }),
    () => pick(values)(),
  ])();
  const node = () => {
    if (below(2)) return new Y.XmlText(pick(words));
    const element = new Y.XmlElement(pick(["p", "h1", "é"]));
    if (below(2)) element.setAttribute("level", pick(values)());
    return element;
  };

  function boundaries(text) {
    const places = [0];
    for (const { insert } of text.toDelta()) {
      for (const piece of typeof insert !== "string" ? [""] : halves ? insert.split("") : insert) {
        places.push(places.at(-1) + (piece.length || 1));
      }
    }
    return places;
  }
  function editText(text) {
    const places = boundaries(text);
    const [at, end] = [pick(places), pick(places)].sort((a, b) => a - b);
    const rest = end - at;
    pick([
      () => text.insert(at, pick(words)),
      () => text.insert(at, pick(words)),
      () => text.insert(at, pick(words), { bold: pick([true, null]), link: { href: "/" } }),
      () => text.delete(at, rest > 5 && places.includes(at + 2) ? 2 : rest),
      () => rest && text.format(at, rest, { [pick(["b", "i"])]: pick([true, null, "1"]) }),
      () => text.insertEmbed(at, { image: pick(words.slice(0, -1)) }),
      () => text.insertEmbed(at, new Y.Map([["a", 1]])),
      () => text.setAttribute("k", pick(words)),
    ])();
  }
  function editArray(list, make) {
    const at = below(list.length + 1);
    if (below(3)) list.insert(at, below(2) ? [make()] : [make(), make()]);
    else list.delete(at, below(Math.min(list.length - at, 3) + 1));
  }
  function editMap(map) {
    const key = pick(["a", "b", "c", "😀"]);
    if (below(4)) map.set(key, shared());
    else map.delete(key);
  }
  function edit(type) {
    // Now and then go into what is nested.
    if (below(2)) {
      const inner = (type instanceof Y.Map ? [...type.values()]
        : type instanceof Y.Text || type instanceof Y.XmlText ? []
        : type.toArray()).filter((child) => child instanceof Y.AbstractType);
      if (inner.length) return edit(pick(inner));
    }
    if (type instanceof Y.XmlText || type instanceof Y.Text) editText(type);
    else if (type instanceof Y.XmlElement && !below(4)) type.setAttribute(pick(["x", "y"]), pick(words));
    else if (type instanceof Y.XmlFragment) editArray(type, node);
    else if (type instanceof Y.Array) editArray(type, shared);
    else editMap(type);
    return undefined;
  }

  const clients = Array.from({ length: 3 }, (_, index) => {
    const doc = new Y.Doc({ gc: below(3) !== 0 });
    doc.clientID = pick([below(40), below(2 ** 30), 2 ** 32 + below(99999)]) * 3 + index;
    const roots = [doc.getText("text"), doc.getMap("map"), doc.getArray("array"), doc.getXmlFragment("xml")];
    const undo = new Y.UndoManager(roots, { captureTimeout: 0 });
    const made = [];
    doc.on("update", (update, origin) => origin === "remote" || made.push(update));
    return { doc, roots, undo, made };
  });
  let server = new Y.Doc({ gc: below(4) !== 0 });
  const deliveries = [];
  let effective = [];
  const watch = () => server.on("update", (update) => effective.push(update)); // two if yjs tidies formats
  watch();

  function deliver(update) {
    const state = Y.encodeStateAsUpdate(server);
    const gc = server.gc;
    effective = [];
    Y.applyUpdate(server, update, "remote");
    const gap = server.store.pendingStructs !== null || server.store.pendingDs !== null;
    deliveries.push({ update: base64(update), gap, effective: gap || !effective.length ? null : base64(Y.mergeUpdates(effective)) });
    if (gap) {
      server.destroy();
      server = new Y.Doc({ gc });
      Y.applyUpdate(server, state, "remote");
      watch();
    }
  }

  for (let step = 0; step < 40; step++) {
    const { doc, roots, undo, made } = pick(clients);
    switch (below(9)) {
      case 0:
        if (undo.undoStack.length) undo.undo();
        break;
      case 1:
        if (undo.redoStack.length) undo.redo();
        break;
      case 2: // exchange with another client
        Y.applyUpdate(doc, Y.encodeStateAsUpdate(pick(clients).doc, Y.encodeStateVector(doc)), "remote");
        break;
      case 3: // one of the client's own updates, maybe out of order or again
        if (made.length) deliver(below(2) ? made[0] : pick(made));
        if (below(2)) made.shift();
        break;
      case 4: // some of them as one
        if (made.length) deliver(Y.mergeUpdates(made.splice(below(3), 1 + below(4)).concat(made.slice(-1))));
        break;
      case 5: // step 2, full or for what the server has, or had
        deliver(Y.encodeStateAsUpdate(doc, below(2) ? Y.encodeStateVector(server) : undefined));
        break;
      case 6:
        deliver(Y.encodeStateAsUpdate(server));
        break;
      default:
        doc.transact(() => {
          for (let i = below(4); i >= 0; i--) edit(pick(roots));
        });
    }
  }
  deliver(Y.encodeStateAsUpdate(clients[0].doc));

  const state = Y.encodeStateAsUpdate(server);
  const { structs, ds } = Y.decodeUpdate(state);
  const kinds = { GC: "GC", Skip: "Skip" };
  return {
    deliveries,
    state: base64(state),
    vector: [...Y.decodeStateVector(Y.encodeStateVectorFromUpdate(state))],
    structs: structs.map((s) => [s.id.client, s.id.clock, s.length, kinds[s.constructor.name] ?? s.content.getRef()]),
    deletes: [...ds.clients].map(([client, ranges]) => [client, ranges.map((r) => [r.clock, r.clock + r.len])]),
  };
}

for (let i = 0; i < Number(count); i++) {
  process.stdout.write(`${JSON.stringify(play(generator(Number(seed) + i)))}\n`);
}
