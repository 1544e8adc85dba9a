// One provider of npm, whichever version, behind one set of words.
//
// Owns how each version is made, connected, cut off and asked how it stands. The providers are
// used as they come; only their options keep a test short or apart from the other clients here.

import * as decoding from "lib0/decoding";
import { HocuspocusProvider as Provider2 } from "hocuspocus-provider-2";
import { HocuspocusProviderWebsocket as Websocket2 } from "hocuspocus-provider-2";
import { HocuspocusProvider as Provider3 } from "hocuspocus-provider-3";
import { HocuspocusProviderWebsocket as Websocket3 } from "hocuspocus-provider-3";
import { HocuspocusProvider as Provider4 } from "hocuspocus-provider-4";
import { HocuspocusProviderWebsocket as Websocket4 } from "hocuspocus-provider-4";
import { WebsocketProvider as Y1 } from "y-websocket-1";
import { WebsocketProvider as Y2 } from "y-websocket-2";
import { WebsocketProvider as Y3 } from "y-websocket-3";
import * as Y from "yjs";

import { Wire } from "./sockets.mjs";

const Y_WEBSOCKET = { "y-websocket-1": Y1, "y-websocket-2": Y2, "y-websocket-3": Y3 };
const HOCUSPOCUS = {
  "hocuspocus-2": [Provider2, Websocket2],
  "hocuspocus-3": [Provider3, Websocket3],
  "hocuspocus-4": [Provider4, Websocket4],
};
export const RETRY_MS = 50;
const AUTH = 2; // the message of y-protocols that says what is denied
const QUICK_RETRY = { delay: RETRY_MS, minDelay: RETRY_MS, maxDelay: 10 * RETRY_MS };

class Client {
  constructor(options) {
    this.doc = new Y.Doc();
    this.wire = new Wire();
    this.socketClass = options.fake ? this.wire.fakeSocket() : this.wire.realSocket();
    this.events = [];
    this.timesSynced = 0;
  }

  noteSynced(state) {
    this.timesSynced += state ? 1 : 0;
  }

  get awareness() {
    return this.provider.awareness;
  }

  /** The connection breaks without a word; the provider dials again by itself. */
  cut() {
    this.wire.current.terminate();
  }

  status() {
    return {
      synced: this.provider.synced,
      timesSynced: this.timesSynced,
      opened: this.wire.opened,
      settled: this.settled,
      sentBytes: this.wire.sentBytes,
      ...this.details(),
    };
  }
}

class YWebsocketClient extends Client {
  constructor(options) {
    super(options);
    this.provider = new Y_WEBSOCKET[options.provider](options.url, options.document, this.doc, {
      WebSocketPolyfill: this.socketClass,
      disableBc: true, // or the clients of this process would talk past the server
      params: options.token === undefined ? {} : { token: options.token },
      protocols: options.protocols ?? [],
    });
    this.denied = [];
    this.provider.messageHandlers[AUTH] = (_, decoder) => {
      decoding.readVarUint(decoder);
      this.denied.push(decoding.readVarString(decoder));
    };
    this.provider.on("sync", (state) => this.noteSynced(state));
    this.provider.on("closed", (event) => this.events.push(["closed", event]));
    this.provider.on("connection-close", (event) => {
      this.events.push(["connection-close", { code: event?.code, reason: event?.reason }]);
    });
  }

  get settled() {
    return this.provider.synced;
  }

  details() {
    return { connected: this.provider.wsconnected, denied: this.denied };
  }

  renew(token) {
    this.provider.params = { token };
  }

  connect() {
    this.provider.connect();
  }

  disconnect() {
    this.provider.disconnect();
  }

  vanish() {
    this.provider.shouldConnect = false;
    this.cut();
  }

  destroy() {
    this.provider.destroy();
    this.awareness.destroy();
  }
}

class HocuspocusClient extends Client {
  constructor(options) {
    super(options);
    this.waiting = []; // what was sent and not answered by a sync status yet
    this.confirmed = [];
    this.refused = 0;
    this.wire.onSocket = () => (this.waiting = []);
    this.wire.onSent = (frame) => this.noteSent(frame);
    this.wire.onReceived = (frame) => this.noteReceived(frame);
    const [Provider, Websocket] = HOCUSPOCUS[options.provider];
    this.socket = new Websocket({
      url: options.url,
      WebSocketPolyfill: this.socketClass,
      ...QUICK_RETRY,
    });
    this.provider = new Provider({
      websocketProvider: this.socket,
      name: options.document,
      document: this.doc,
      token: options.token ?? null,
      broadcast: false,
      sessionAwareness: options.session ?? false,
    });
    this.provider.attach?.(); // 2.x does it by itself
    this.provider.on("synced", ({ state }) => this.noteSynced(state));
    for (const name of ["authenticated", "authenticationFailed", "stateless", "close"]) {
      this.provider.on(name, (event) => this.events.push([name, plain(event)]));
    }
  }

  noteSent(frame) {
    const message = readSync(frame);
    if (message !== undefined) {
      this.waiting.push(message);
    }
  }

  noteReceived(frame) {
    const status = readStatus(frame);
    if (status === 1) {
      this.confirmed.push(this.waiting.shift());
    } else if (status === 0) {
      this.waiting.shift();
      this.refused += 1;
    }
  }

  get settled() {
    return this.provider.synced && !this.provider.hasUnsyncedChanges && this.waiting.length === 0;
  }

  details() {
    return {
      connected: this.socket.status === "connected",
      unsynced: this.provider.unsyncedChanges,
      hasUnsyncedChanges: this.provider.hasUnsyncedChanges,
      confirmed: this.confirmed.length,
      refused: this.refused,
      authenticated: this.provider.isAuthenticated,
      scope: this.provider.authorizedScope,
    };
  }

  renew(token, atOnce) {
    this.provider.configuration.token = token;
    if (atOnce) {
      this.provider.sendToken();
    }
  }

  connect() {
    this.socket.connect();
  }

  /** 2.x leaves the socket when it is denied. */
  reattach() {
    this.provider.connect();
  }

  disconnect() {
    this.socket.disconnect();
  }

  vanish() {
    this.socket.shouldConnect = false;
    this.cut();
  }

  destroy() {
    this.provider.destroy();
    this.socket.destroy();
  }
}

/** A connected client. options: provider, url, document, and maybe token,
 * protocols (y-websocket 2 and 3), session, fake. */
export function open(options) {
  if (options.provider in Y_WEBSOCKET) {
    return new YWebsocketClient(options);
  }
  if (options.provider in HOCUSPOCUS) {
    return new HocuspocusClient(options);
  }
  throw new Error(`no provider is called ${options.provider}`);
}

/** The update in a Hocuspocus frame with a step 2 or an update. */
function readSync(frame) {
  const decoder = decoding.createDecoder(frame);
  if (frame.length < 2) {
    return undefined;
  }
  decoding.readVarString(decoder);
  const isSync = decoding.readVarUint(decoder) === 0 && decoding.readVarUint(decoder) > 0;
  return isSync ? decoding.readVarUint8Array(decoder) : undefined;
}

/** The value of a Hocuspocus frame with a sync status. */
function readStatus(frame) {
  const decoder = decoding.createDecoder(frame);
  if (frame.length < 2) {
    return undefined;
  }
  decoding.readVarString(decoder);
  return decoding.readVarUint(decoder) === 8 ? decoding.readVarUint(decoder) : undefined;
}

/** What of an event can be written as JSON. */
function plain(event) {
  const { scope, reason, payload } = event ?? {};
  return event?.event === undefined
    ? { scope, reason, payload }
    : { code: event.event.code, reason: event.event.reason };
}
