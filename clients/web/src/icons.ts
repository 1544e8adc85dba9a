// Line drawings of 20 by 20, for the eye only: whatever has one is also named in words.

const SVG = "http://www.w3.org/2000/svg"

export const ICONS = {
  back: "M12 4.5 6.5 10l5.5 5.5",
  forward: "M8 4.5 13.5 10 8 15.5",
  play: "M6.5 4v12l9-6z",
  pen: "m4 16 .8-3.5L13 4.3l2.7 2.7-8.2 8.2z",
  pause: "M7 4.5v11M13 4.5v11",
  close: "m5 5 10 10M15 5 5 15",
  search: "M9 3.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11ZM13 13l3.5 3.5",
  plus: "M10 4v12M4 10h12",
  check: "m4.5 10.5 3.5 3.5 7.5-8",
  link: "M8.5 11.5a3 3 0 0 0 4.3 0l2.4-2.4a3 3 0 0 0-4.3-4.3l-.9.9M11.5 8.5a3 3 0 0 0-4.3 0l-2.4 2.4a3 3 0 0 0 4.3 4.3l.9-.9",
  share: "M10 12.5V3.5M6.5 6.5 10 3l3.5 3.5M4.5 10.5v5a1 1 0 0 0 1 1h9a1 1 0 0 0 1-1v-5",
  key: "M12.5 3a4.5 4.5 0 0 0-4.3 5.8L3 14v3h3v-2h2v-2h1.5l1.7-1.7A4.5 4.5 0 1 0 12.5 3ZM13.5 6.5h.01",
  more: "M4.5 10h.01M10 10h.01M15.5 10h.01",
  keyboard: "M2.5 5.5h15v9h-15zM5.5 8.5h.01M8.5 8.5h.01M11.5 8.5h.01M14.5 8.5h.01M6.5 11.5h7",
  sun: "M10 6.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7ZM10 2v1.5M10 16.5V18M2 10h1.5M16.5 10H18M4.3 4.3l1.1 1.1M14.6 14.6l1.1 1.1M4.3 15.7l1.1-1.1M14.6 5.4l1.1-1.1",
  moon: "M16.5 11.7A6.8 6.8 0 0 1 8.3 3.5a6.8 6.8 0 1 0 8.2 8.2Z",
  auto: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14ZM10 3v14M10 6.5h4.8M10 10h6.8M10 13.5h4.8",
  clock: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14ZM10 6v4.2l2.8 1.8",
  download: "M10 3.5v9M6.5 9.5 10 13l3.5-3.5M4 16.5h12",
  leave: "M8 4H4.5v12H8M8 10h8.5M13.5 7l3 3-3 3",
  info: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14ZM10 9.3v4M10 6.7h.01",
  text: "M4 5.5h12M4 10h12M4 14.5h7",
  richtext: "M4 5V3.8h9V5M8.5 3.8v10M6.7 13.8h3.6M14 9.5h3M14 12.7h3M14 15.9h3M4 17h7",
  yjsText: "M3.5 5.5h8M3.5 10h5M3.5 14.5h7M16.5 4v12M14.5 4h4M14.5 16h4",
  yjsRich: "M3 5V4h7v1M6.5 4v9.5M5 13.5h3M15.5 4v12M13.5 4h4M13.5 16h4",
} as const

export type IconName = keyof typeof ICONS

export function icon(name: IconName): SVGSVGElement {
  return drawing("0 0 20 20", `icon icon-${name}`, ICONS[name])
}

/** A drawing that only its owner has, by its path. */
export function iconOf(path: string): SVGSVGElement {
  return drawing("0 0 20 20", "icon", path)
}

/** Two carets in one text: what an empty place shows. */
export function pairDrawing(): SVGSVGElement {
  const drawn = drawing("0 0 88 56", "pair", "")
  const line = (path: string, hue: string) => {
    const made = document.createElementNS(SVG, "path")
    made.setAttribute("d", path)
    made.setAttribute("class", hue)
    drawn.append(made)
  }
  line("M4 20h34M4 38h22", "pair-text")
  line("M52 20h32M40 38h30", "pair-text")
  line("M45 10v20M42 10h6M42 30h6", "pair-caret hue-0")
  line("M33 28v20M30 28h6M30 48h6", "pair-caret hue-1")
  return drawn
}

function drawing(viewBox: string, name: string, path: string): SVGSVGElement {
  const drawn = document.createElementNS(SVG, "svg")
  drawn.setAttribute("viewBox", viewBox)
  drawn.setAttribute("class", name)
  drawn.setAttribute("aria-hidden", "true")
  if (path !== "") {
    const line = document.createElementNS(SVG, "path")
    line.setAttribute("d", path)
    drawn.append(line)
  }
  return drawn
}
