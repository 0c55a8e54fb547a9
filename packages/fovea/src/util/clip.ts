// Keeps texts from strange files short in messages.

/** The text, cut to `length` characters with an ellipsis where it is longer. */
export function clip(text: string, length = 400): string {
  return text.length <= length ? text : `${text.slice(0, length)}…`
}

/** A copy of a record whose texts are cut. */
export function clipAll<T extends object>(record: T): T {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, typeof value === 'string' ? clip(value) : value])) as T
}
