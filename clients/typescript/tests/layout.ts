// jsdom lays nothing out: what editors measure is nothing wide.
const NOWHERE = { x: 0, y: 0, left: 0, top: 0, right: 0, bottom: 0, width: 0, height: 0, toJSON: () => ({}) }

Range.prototype.getBoundingClientRect = () => NOWHERE
Range.prototype.getClientRects = () => [] as unknown as DOMRectList
