// Keeps texts from strange files short and harmless in messages.

/** All control characters but tab and newline: in a terminal they would be commands. */
const controls = /[^\P{Cc}\t\n]/gu

/** The text with its control characters replaced. */
export function printable(text: string): string {
  return text.replace(controls, '\ufffd')
}

/** The text, printable, cut to `length` characters with an ellipsis where it is longer. */
export function clip(text: string, length = 400): string {
  return printable(text.length <= length ? text : `${text.slice(0, length)}…`)
}

/** A copy of a record whose texts are cut. */
export function clipAll<T extends object>(record: T): T {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, typeof value === 'string' ? clip(value) : value])) as T
}
