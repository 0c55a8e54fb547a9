// Finds what JSON.parse passes over in silence: a key that an object has twice, and nesting without end.

/** The first key that an object of the text has twice; undefined where all differ. Text that is no JSON gives whatever it gives. */
export function duplicateKey(text: string, maxDepth: number): { readonly key: string } | { readonly tooDeep: true } | undefined {
  const open: (Set<string> | undefined)[] = []
  for (let i = 0; i < text.length; i++) {
    const c = text[i]
    if (c === '{' || c === '[') {
      if (open.length === maxDepth) return { tooDeep: true }
      open.push(c === '{' ? new Set() : undefined)
    } else if (c === '}' || c === ']') open.pop()
    else if (c === '"') {
      const end = endOfString(text, i)
      const keys = open.at(-1)
      // In JSON a text before a colon is a key, and nothing else is.
      if (keys !== undefined && isBeforeColon(text, end + 1)) {
        const key = unescaped(text.slice(i, end + 1))
        if (keys.has(key)) return { key }
        keys.add(key)
      }
      i = end
    }
  }
  return undefined
}

function endOfString(text: string, start: number): number {
  let i = start + 1
  while (i < text.length && text[i] !== '"') i += text[i] === '\\' ? 2 : 1
  return i
}

function isBeforeColon(text: string, start: number): boolean {
  let i = start
  while (i < text.length && ' \t\r\n'.includes(text[i]!)) i++
  return text[i] === ':'
}

/** Two spellings of one key are one key. */
function unescaped(quoted: string): string {
  try {
    return JSON.parse(quoted) as string
  } catch {
    return quoted
  }
}
