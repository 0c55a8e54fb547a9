// A value that somebody gave, as an error repeats it.

import { clip } from './clip.ts'

/** As JSON where it can be, short and printable; never throws, whatever it is. */
export function said(value: unknown, length = 200): string {
  try {
    if (typeof value === 'object' && value !== null && ArrayBuffer.isView(value)) return value.constructor.name
    const text = JSON.stringify(value)
    // NaN and the infinities have no JSON.
    return clip(text === undefined || typeof value === 'number' ? nameOf(value) : text, length)
  } catch {
    return clip(nameOf(value), length)
  }
}

function nameOf(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (typeof value === 'function') return 'a function'
  try {
    return String(value)
  } catch {
    return `a ${typeof value}`
  }
}
