// Random edits on a Yjs document that come out the same for the same seed and the same document.
//
// Owns which roots a test document has and what may happen to them. Knows nothing of providers.

import { isDeepStrictEqual } from "node:util";

import * as Y from "yjs";

const WORDS = ["a", "bc", "def ", "\n", "ö", "😀", "e\u0301", "漢字", " "];
const TAGS = ["paragraph", "heading", "listItem"];

/** Numbers in [0, 1) that follow from `seed`. */
function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32;
  };
}

/** The positions in a Y.Text between whole characters: Yjs spoils a surrogate pair that is split. */
function boundaries(text) {
  const positions = [0];
  for (const { insert } of text.toDelta()) {
    for (const character of typeof insert === "string" ? insert : "x") {
      positions.push(positions.at(-1) + character.length);
    }
  }
  return positions;
}

class Editor {
  constructor(doc, seed) {
    this.doc = doc;
    this.random = randomFrom(seed);
  }

  below(limit) {
    return Math.floor(this.random() * limit);
  }

  pick(choices) {
    return choices[this.below(choices.length)];
  }

  value() {
    return this.pick([
      () => this.below(1000),
      () => this.pick(WORDS),
      () => null,
      () => this.random() - 0.5,
      () => ({ word: this.pick(WORDS), list: [this.below(10), true] }),
      () => new Uint8Array([this.below(256), 0]),
      () => new Y.Map([[this.pick(WORDS), this.below(10)]]),
      () => Y.Array.from([this.below(10), this.pick(WORDS)]),
      () => new Y.Text(this.pick(WORDS)),
    ])();
  }

  text(text) {
    const positions = boundaries(text);
    const index = this.below(positions.length);
    const at = positions[index];
    const length = positions[Math.min(index + 1 + this.below(4), positions.length - 1)] - at;
    if (length > 0 && this.random() < 0.3) {
      text.delete(at, length);
    } else if (length > 0 && this.random() < 0.15) {
      text.format(at, length, { bold: this.pick([true, null]) });
    } else if (this.random() < 0.05) {
      text.insertEmbed(at, { image: this.pick(WORDS) });
    } else {
      text.insert(at, this.pick(WORDS));
    }
  }

  map(map) {
    const key = `key${this.below(6)}`;
    const inner = map.get(key);
    if (inner instanceof Y.Map && this.random() < 0.5) {
      inner.set(this.pick(WORDS), this.value());
    } else if (this.random() < 0.2) {
      map.delete(key);
    } else {
      map.set(key, this.value());
    }
  }

  array(array) {
    const at = this.below(array.length + 1);
    if (at < array.length && this.random() < 0.35) {
      array.delete(at, Math.min(1 + this.below(2), array.length - at));
    } else {
      array.insert(at, [this.value()]);
    }
  }

  xml(fragment) {
    const at = this.below(fragment.length + 1);
    const child = at < fragment.length ? fragment.get(at) : undefined;
    if (child instanceof Y.XmlText && this.random() < 0.6) {
      this.text(child);
    } else if (child instanceof Y.XmlElement && this.random() < 0.5) {
      this.xml(child);
    } else if (child instanceof Y.XmlElement && this.random() < 0.4) {
      child.setAttribute(this.pick(["level", "align"]), String(this.below(4)));
    } else if (child !== undefined && this.random() < 0.3) {
      fragment.delete(at, 1);
    } else if (this.random() < 0.5) {
      fragment.insert(at, [new Y.XmlElement(this.pick(TAGS))]);
    } else {
      fragment.insert(at, [new Y.XmlText(this.pick(WORDS))]);
    }
  }

  once() {
    this.pick([
      () => this.text(this.doc.getText("text")),
      () => this.map(this.doc.getMap("map")),
      () => this.array(this.doc.getArray("array")),
      () => this.xml(this.doc.getXmlFragment("xml")),
    ])();
  }
}

/** Returns a function that edits `doc` once, in a transaction of one to three changes. */
export function randomEdits(doc, seed) {
  const editor = new Editor(doc, seed);
  return () =>
    doc.transact(() => {
      for (let changes = 1 + editor.below(3); changes > 0; changes -= 1) {
        editor.once();
      }
    });
}

/** A Delta in which neighbours with equal attributes are one: marks without effect divide them. */
function joined(delta) {
  const ops = [];
  for (const op of delta) {
    const last = ops.at(-1);
    const both = typeof last?.insert === "string" && typeof op.insert === "string";
    if (both && isDeepStrictEqual(last.attributes, op.attributes)) {
      ops[ops.length - 1] = { ...last, insert: last.insert + op.insert };
    } else {
      ops.push(op);
    }
  }
  return ops;
}

/** Everything in `doc` that two equal documents have in common. */
export function describe(doc) {
  const { sv, ds } = Y.snapshot(doc);
  const deleted = [...ds.clients].map(([client, ranges]) => [
    client,
    ranges.map(({ clock, len }) => [clock, len]),
  ]);
  return {
    content: {
      text: joined(doc.getText("text").toDelta()),
      map: doc.getMap("map").toJSON(),
      array: doc.getArray("array").toJSON(),
      xml: doc.getXmlFragment("xml").toString().replaceAll("</bold><bold>", ""),
    },
    vector: Object.fromEntries(sv),
    deleted: Object.fromEntries(deleted),
  };
}

/** A short text that is the same for documents that hold the same. */
export function fingerprint(doc) {
  const sorted = (clients) => [...clients].sort(([a], [b]) => a - b);
  const { sv, ds } = Y.snapshot(doc);
  return JSON.stringify([sorted(sv), sorted(ds.clients)]);
}

/** Whether `doc` holds all of `updates` already. */
export function contains(doc, updates) {
  const snapshot = Y.snapshot(doc);
  return updates.every((update) => Y.snapshotContainsUpdate(snapshot, update));
}
