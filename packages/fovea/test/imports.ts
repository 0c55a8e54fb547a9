// Finds every import of a TypeScript source without compiling it: static, type-only, re-export, dynamic, `import('x').T`.

export interface Import {
  readonly specifier: string
  readonly line: number
}

export interface Source {
  /** The text with comments, regular expressions and the contents of strings blanked; offsets and lines are kept. */
  readonly code: string
  readonly imports: readonly Import[]
  /** Specifiers of `import(x)` and `require(x)` that are not plain strings, by line. */
  readonly computed: readonly number[]
}

/** After these a slash begins a regular expression; after anything else (`x!` too) it divides. */
const beforeRegex =
  /(?:^|(?<![\w$)\]])!|[([{,;=:&|?+\-*%^~<>]|\b(?:return|typeof|case|in|of|do|else|void|delete|throw|new|await|yield))\s*$/

/** Reads a source once, from the left. */
export function readSource(text: string): Source {
  const code = text.split('')
  const strings = new Map<number, string>()
  const blank = (from: number, to: number) => {
    for (let i = from; i < to; i++) if (code[i] !== '\n') code[i] = ' '
  }
  /** For each template literal being read: the depth of braces inside its current `${}`. */
  const templates: number[] = []
  let i = 0

  const templateText = () => {
    const start = i
    while (i < text.length && text[i] !== '`' && !text.startsWith('${', i)) i += text[i] === '\\' ? 2 : 1
    blank(start, Math.min(i, text.length))
    if (text[i] === '`') i++
    else {
      templates.push(0)
      i += 2
    }
  }

  while (i < text.length) {
    const c = text[i]!
    if (text.startsWith('//', i)) {
      const end = endOf(text, '\n', i)
      blank(i, end)
      i = end
    } else if (text.startsWith('/*', i)) {
      const end = Math.min(text.length, endOf(text, '*/', i + 2) + 2)
      blank(i, end)
      i = end
    } else if (c === "'" || c === '"') {
      const start = ++i
      while (i < text.length && text[i] !== c && text[i] !== '\n') i += text[i] === '\\' ? 2 : 1
      strings.set(start - 1, text.slice(start, i))
      blank(start, Math.min(i, text.length))
      i++
    } else if (c === '`') {
      i++
      templateText()
    } else if (c === '/' && beforeRegex.test(code.slice(Math.max(0, i - 40), i).join(''))) {
      const start = i++
      for (let inClass = false; i < text.length && text[i] !== '\n' && (inClass || text[i] !== '/'); i++) {
        if (text[i] === '\\') i++
        else if (text[i] === '[') inClass = true
        else if (text[i] === ']') inClass = false
      }
      blank(start, ++i)
    } else {
      if (templates.length > 0 && c === '{') templates[templates.length - 1]!++
      i++
      if (templates.length > 0 && c === '}' && templates[templates.length - 1]!-- === 0) {
        templates.pop()
        templateText()
      }
    }
  }

  const blanked = code.join('')
  const imports: Import[] = []
  const computed: number[] = []
  // The clause of a static import or a re-export holds names, commas, braces and `*` only.
  const statement = /(?<![.\w$])(?:import|export)\b(?:[\w\s{},*$]*?\bfrom\s*|\s*)(?=["'])|(?<![.\w$])(?:import|require)\s*\(\s*/g
  for (const match of blanked.matchAll(statement)) {
    const specifier = strings.get(match.index + match[0].length)
    const line = blanked.slice(0, match.index).split('\n').length
    if (specifier !== undefined) imports.push({ specifier, line })
    else computed.push(line)
  }
  return { code: blanked, imports, computed }
}

function endOf(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from)
  return found < 0 ? text.length : found
}
