// JSON of label files: parsed, and taken apart with coded errors.

import { FoveaError } from '../../util/errors.ts'

export type JsonObject = Readonly<Record<string, unknown>>

/** Lists and objects in one another: label files need a few, and what is deeper would overflow the stack of those who walk it. */
export const maxJsonDepth = 64

/** @throws DATASET_MALFORMED; DATASET_TOO_LARGE beyond `maxJsonDepth` */
export function parseJson(text: string, file: string): unknown {
  let [depth, inText] = [0, false]
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (inText) {
      if (code === 0x5c) i++
      else if (code === 0x22) inText = false
    } else if (code === 0x22) inText = true
    // `[` and `{`, `]` and `}` differ in one bit.
    else if ((code | 0x20) === 0x7b) {
      if (++depth > maxJsonDepth) throw tooDeep(file)
    } else if ((code | 0x20) === 0x7d) depth--
  }
  return parseShallowJson(text, file)
}

/** As `parseJson`, of text whose depth is known. @throws DATASET_MALFORMED */
export function parseShallowJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (cause) {
    throw new FoveaError('DATASET_MALFORMED', { file, expected: 'JSON', found: (cause as Error).message.slice(0, 200), cause })
  }
}

export function tooDeep(file: string): FoveaError {
  return new FoveaError('DATASET_TOO_LARGE', { file, expected: `at most ${maxJsonDepth} lists and objects in one another`, found: 'more' })
}

/** Takes values out of one file. Every function throws DATASET_MALFORMED with file and field. */
export class JsonFile {
  readonly file: string

  constructor(file: string) {
    this.file = file
  }

  fail(field: string, expected: string, value: unknown): never {
    throw new FoveaError('DATASET_MALFORMED', { file: this.file, field, expected, found: brief(value) })
  }

  object(value: unknown, field: string): JsonObject {
    return isObject(value) ? value : this.fail(field, 'an object', value)
  }

  list(value: unknown, field: string): readonly unknown[] {
    return Array.isArray(value) ? value : this.fail(field, 'a list', value)
  }

  /** A list that may be missing. */
  optionalList(value: unknown, field: string): readonly unknown[] {
    return value === undefined || value === null ? [] : this.list(value, field)
  }

  text(value: unknown, field: string): string {
    return typeof value === 'string' ? value : this.fail(field, 'text', value)
  }

  number(value: unknown, field: string): number {
    return typeof value === 'number' && Number.isFinite(value) ? value : this.fail(field, 'a number', value)
  }

  numbers(value: unknown, field: string): number[] {
    return this.list(value, field).map((one) => this.number(one, field))
  }

  /** A whole number or a text. */
  id(value: unknown, field: string): number | string {
    return typeof value === 'string' || Number.isSafeInteger(value)
      ? (value as number | string)
      : this.fail(field, 'a whole number or text', value)
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function brief(value: unknown): string {
  if (value === undefined) return 'nothing'
  // Never the whole of it: it may be large, or deeper than the stack.
  if (Array.isArray(value)) return `a list of ${value.length}`
  if (typeof value === 'object' && value !== null) return 'an object'
  const text = typeof value === 'string' ? `"${value}"` : String(value)
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}
