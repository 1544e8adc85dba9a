// How long a text is, as people count. Pure.

export interface Counts {
  readonly words: number
  readonly characters: number
}

/** A run of letters and digits, which may hold apostrophes and hyphens; of scripts that are written
 * without spaces each sign. */
const WORD = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]|[\p{L}\p{N}\p{M}]+(?:['’.-][\p{L}\p{N}\p{M}]+)*/gu
const LINE_END = /\n/g

/** Characters are code points, and line ends count for none. */
export function countsOf(text: string): Counts {
  const words = text.match(WORD)?.length ?? 0
  const lines = text.match(LINE_END)?.length ?? 0
  let pairs = 0
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index)
    if (unit >= 0xdc00 && unit < 0xe000) pairs += 1
  }
  return { words, characters: text.length - pairs - lines }
}

export function inWords({ words, characters }: Counts): string {
  const count = (number: number, one: string) => `${number.toLocaleString("en")} ${number === 1 ? one : `${one}s`}`
  return `${count(words, "word")} · ${count(characters, "character")}`
}
