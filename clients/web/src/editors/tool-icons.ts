// The drawings on the buttons of formats, 20 by 20.
import { iconOf } from "../icons"

const PATHS = {
  bold: "M6 4h5a3 3 0 0 1 0 6H6zM6 10h5.8a3.1 3.1 0 0 1 0 6.2H6z",
  italic: "M9 4h5M6 16h5M11.5 4l-3 12",
  underline: "M6 3.5v6a4 4 0 0 0 8 0v-6M5 16.5h10",
  strike: "M3.5 10h13M13.5 6.3C13 4.7 11.7 4 10 4 8 4 6.5 5 6.5 6.8c0 1.5 1.1 2.3 2.5 3M6.5 13.5c.5 1.7 1.9 2.5 3.6 2.5 2.1 0 3.6-1 3.6-2.9 0-.5-.1-.9-.3-1.3",
  code: "m7 6-4 4 4 4M13 6l4 4-4 4",
  link: "M8.5 11.5a3 3 0 0 0 4.3 0l2.4-2.4a3 3 0 0 0-4.3-4.3l-.9.9M11.5 8.5a3 3 0 0 0-4.3 0l-2.4 2.4a3 3 0 0 0 4.3 4.3l.9-.9",
  bullets: "M4 5.5h.01M4 10h.01M4 14.5h.01M8 5.5h8.5M8 10h8.5M8 14.5h8.5",
  numbers: "M3.3 4.3 4.5 3.5v4M3.2 12.6c.2-.7 2.3-.9 2.1.5-.1.7-2 1.8-2 2.9h2.2M8.5 5.5H17M8.5 10H17M8.5 14.5H17",
  tasks: "m3 5.7 1.2 1.2L6.5 4.5M3 13.7l1.2 1.2 2.3-2.4M9.5 5.8H17M9.5 13.8H17",
  quote: "M4.5 4v12M8.5 6H16M8.5 10H16M8.5 14h5",
  block: "M3 4h14v12H3zM8.3 7.8 6 10l2.3 2.2M11.7 7.8 14 10l-2.3 2.2",
  rule: "M3 10h14",
  undo: "M7.5 4 4 7.5 7.5 11M4.5 7.5h6.8a4.2 4.2 0 0 1 0 8.5H8",
  redo: "M12.5 4 16 7.5 12.5 11M15.5 7.5H8.7a4.2 4.2 0 0 0 0 8.5H12",
  plain: "M4.5 6V4.5h9V6M9 4.5 7 16M5 16h4M12.5 12l4 4M16.5 12l-4 4",
} as const

export type ToolIcon = keyof typeof PATHS

export function toolIcon(name: ToolIcon): SVGSVGElement {
  return iconOf(PATHS[name])
}
