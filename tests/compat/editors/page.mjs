// A page without a browser.

import { JSDOM } from "jsdom";
import WebSocket from "ws";

const PAGE = '<!doctype html><body><div id="editor"></div></body>';

/** Makes this process look like a page; what Node has itself stays, but for the socket. */
export function becomeAPage() {
  const { window } = new JSDOM(PAGE, { pretendToBeVisual: true, url: "http://127.0.0.1/" });
  // jsdom lays nothing out
  const nowhere = { x: 0, y: 0, left: 0, right: 0, top: 0, bottom: 0, width: 0, height: 0 };
  window.Range.prototype.getClientRects = () => [];
  window.Range.prototype.getBoundingClientRect = () => nowhere;
  window.Document.prototype.elementFromPoint = () => null;
  for (const name of Object.getOwnPropertyNames(window)) {
    if (!(name in globalThis)) {
      globalThis[name] = window[name];
    }
  }
  globalThis.window = window;
  globalThis.WebSocket = WebSocket;
}
