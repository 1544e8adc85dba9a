// TipTap as our editor of a Yjs fragment: its schema, carets and tools. Knows nothing of the
// connection.
import { Editor, Extension } from "@tiptap/core"
import { Collaboration } from "@tiptap/extension-collaboration"
import { Highlight } from "@tiptap/extension-highlight"
import { Image } from "@tiptap/extension-image"
import { TaskItem, TaskList } from "@tiptap/extension-list"
import { Subscript } from "@tiptap/extension-subscript"
import { Superscript } from "@tiptap/extension-superscript"
import { TableKit } from "@tiptap/extension-table"
import { TextAlign } from "@tiptap/extension-text-align"
import { TextStyleKit } from "@tiptap/extension-text-style"
import { StarterKit } from "@tiptap/starter-kit"
import { yCursorPlugin } from "@tiptap/y-tiptap"
import type { Awareness } from "y-protocols/awareness"
import type * as Y from "yjs"
import { personOf } from "../people"
import { MOD } from "../shortcuts"
import { askForLink } from "./links"
import { peerCaret, peerSelection } from "./peer-caret"
import { makeToolbar, type Pick, type Tool, type Toolbar } from "./toolbar"

/** Others' carets and selections, by class: y-tiptap's own need style attributes. */
function carets(awareness: Awareness): Extension {
  return Extension.create({
    name: "peerCarets",
    addProseMirrorPlugins: () => [
      yCursorPlugin(awareness, {
        cursorBuilder: (user: unknown, client: number) => peerCaret(personOf(client, user)),
        selectionBuilder: (user: unknown, client: number) => ({ class: peerSelection(personOf(client, user)) }),
      }),
    ],
  })
}

export function richEditor(title: string, fragment: Y.XmlFragment, awareness: Awareness, mayType: boolean): Editor {
  return new Editor({
    element: null,
    editable: mayType,
    injectCSS: false, // styles/rich.css has it
    editorProps: {
      attributes: {
        "aria-label": title,
        "aria-multiline": "true",
        role: "textbox",
        spellcheck: "true",
        class: "prose",
      },
      scrollMargin: { top: 140, bottom: 60, left: 0, right: 0 },
      scrollThreshold: { top: 120, bottom: 40, left: 0, right: 0 },
    },
    extensions: [
      StarterKit.configure({ undoRedo: false, link: { openOnClick: false } }),
      TaskList,
      TaskItem.configure({ nested: true }),
      TableKit.configure({ table: { resizable: false } }),
      Image.configure({ inline: true }),
      Highlight.configure({ multicolor: true }),
      Subscript,
      Superscript,
      TextStyleKit,
      TextAlign.configure({ types: ["heading", "paragraph"] }),
      Collaboration.configure({ fragment }),
      carets(awareness),
    ],
  })
}

const STYLES: Pick["options"] = [
  ["paragraph", "Text"],
  ["1", "Heading 1"],
  ["2", "Heading 2"],
  ["3", "Heading 3"],
  ["codeBlock", "Code"],
]

export function richTools(place: HTMLElement, editor: Editor): Toolbar {
  const mark = (name: ToolName, label: string, keys: string): Tool => ({
    name,
    label,
    icon: name,
    keys,
    run: () => void editor.chain().focus().toggleMark(name).run(),
    isOn: () => editor.isActive(name),
  })
  const pick: Pick = {
    label: "Style",
    options: STYLES,
    value: () => styleAt(editor),
    choose: (value) => void setStyle(editor, value),
  }
  return makeToolbar(place, pick, [
    [
      mark("bold", "Bold", `${MOD} B`),
      mark("italic", "Italic", `${MOD} I`),
      mark("underline", "Underline", `${MOD} U`),
      mark("strike", "Strike through", `${MOD} Shift S`),
      mark("code", "Code", `${MOD} E`),
      {
        name: "link",
        label: "Link",
        icon: "link",
        run: () => editLink(editor),
        isOn: () => editor.isActive("link"),
        isPossible: () => !editor.state.selection.empty || editor.isActive("link"),
      },
    ],
    [
      {
        name: "bullets",
        label: "Bulleted list",
        icon: "bullets",
        run: () => void editor.chain().focus().toggleBulletList().run(),
        isOn: () => editor.isActive("bulletList"),
      },
      {
        name: "numbers",
        label: "Numbered list",
        icon: "numbers",
        run: () => void editor.chain().focus().toggleOrderedList().run(),
        isOn: () => editor.isActive("orderedList"),
      },
      {
        name: "tasks",
        label: "Task list",
        icon: "tasks",
        run: () => void editor.chain().focus().toggleTaskList().run(),
        isOn: () => editor.isActive("taskList"),
      },
      {
        name: "quote",
        label: "Quote",
        icon: "quote",
        run: () => void editor.chain().focus().toggleBlockquote().run(),
        isOn: () => editor.isActive("blockquote"),
      },
      {
        name: "rule",
        label: "Dividing line",
        icon: "rule",
        run: () => void editor.chain().focus().setHorizontalRule().run(),
      },
    ],
    [
      {
        name: "undo",
        label: "Undo what I did",
        icon: "undo",
        keys: `${MOD} Z`,
        run: () => void editor.chain().focus().undo().run(),
        isPossible: () => editor.can().undo(),
      },
      {
        name: "redo",
        label: "Redo",
        icon: "redo",
        keys: `${MOD} Y`,
        run: () => void editor.chain().focus().redo().run(),
        isPossible: () => editor.can().redo(),
      },
    ],
  ])
}

type ToolName = "bold" | "italic" | "underline" | "strike" | "code"

function styleAt(editor: Editor): string {
  if (editor.isActive("codeBlock")) return "codeBlock"
  const level: unknown = editor.getAttributes("heading")["level"]
  return level === undefined ? "paragraph" : String(level)
}

function setStyle(editor: Editor, value: string): void {
  const chain = editor.chain().focus()
  if (value === "paragraph") chain.setParagraph().run()
  else if (value === "codeBlock") chain.setCodeBlock().run()
  else chain.setHeading({ level: Number(value) as 1 | 2 | 3 }).run()
}

function editLink(editor: Editor): void {
  const current: unknown = editor.getAttributes("link")["href"]
  askForLink(typeof current === "string" ? current : null, (address) => {
    const chain = editor.chain().focus().extendMarkRange("link")
    if (address === null) chain.unsetLink().run()
    else chain.setLink({ href: address }).run()
  })
}
