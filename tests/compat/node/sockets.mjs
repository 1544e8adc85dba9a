// The WebSocket classes that providers are given: npm ws with every frame noted, and one that talks
// to nobody but the test.
//
// Owns the notes. Knows nothing of what the frames mean.

import WebSocket from "ws";

/** What a client's sockets have sent and got; `current` is the newest socket. */
export class Wire {
  constructor() {
    this.current = null;
    this.opened = 0;
    this.sentBytes = 0;
    this.onSocket = () => {};
    this.onSent = () => {};
    this.onReceived = () => {};
  }

  /** A class that dials for real. */
  realSocket() {
    const wire = this;
    return class extends WebSocket {
      constructor(url, protocols) {
        super(url, protocols ?? []);
        wire.adopt(this);
        this.on("open", () => (wire.opened += 1));
        this.on("message", (data) => wire.onReceived(new Uint8Array(data)));
        this.on("error", () => {}); // providers let go of a socket before it is done
      }

      send(data) {
        wire.sentBytes += data.length;
        wire.onSent(new Uint8Array(data));
        super.send(data);
      }
    };
  }

  /** A class that is open at once and whose other end is the test. */
  fakeSocket() {
    const wire = this;
    return class extends EventTarget {
      static OPEN = 1;
      OPEN = 1;
      readyState = 0;

      constructor(url) {
        super();
        this.url = url;
        wire.adopt(this);
        setImmediate(() => {
          this.readyState = 1;
          wire.opened += 1;
          this.tell("open", {});
        });
      }

      tell(type, properties) {
        const event = Object.assign(new Event(type), properties);
        this[`on${type}`]?.(event);
        this.dispatchEvent(event);
      }

      send(data) {
        wire.onSent(new Uint8Array(data));
      }

      receive(data) {
        wire.onReceived(data);
        this.tell("message", { data: Uint8Array.from(data).buffer });
      }

      close(code = 1000, reason = "") {
        if (this.readyState !== 3) {
          this.readyState = 3;
          this.tell("close", { code, reason });
        }
      }

      terminate() {
        this.close(1006);
      }
    };
  }

  adopt(socket) {
    this.current = socket;
    this.onSocket();
  }
}
