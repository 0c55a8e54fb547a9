// UTF-8 that loses nothing: bytes that are not UTF-8 become lone surrogates U+DC80 to U+DCFF, one a byte (PEP 383), and back.

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()
const loneSurrogate = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/

/** The text of `bytes`; bytes that are no UTF-8 become U+DC00 + byte, so that `encodeUtf8` gives the same bytes again. */
export function decodeUtf8(bytes: Uint8Array): string {
  return tryDecodeUtf8(bytes) ?? decodeLeniently(bytes)
}

/** The text of `bytes`, or undefined where they are not UTF-8. */
export function tryDecodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes)
  } catch {
    return undefined
  }
}

/** The bytes of a text. Lone surrogates that stand for a byte become that byte; any other becomes U+FFFD. */
export function encodeUtf8(text: string): Uint8Array {
  if (!loneSurrogate.test(text)) return encoder.encode(text)
  const parts: number[] = []
  // Iterating yields whole code points, so a surrogate met here is a lone one.
  for (const character of text) {
    const code = character.codePointAt(0)!
    if (code >= 0xdc80 && code <= 0xdcff) parts.push(code - 0xdc00)
    else parts.push(...encoder.encode(character))
  }
  return Uint8Array.from(parts)
}

/** Takes the longest valid sequence at each place, and single bytes where there is none. */
function decodeLeniently(bytes: Uint8Array): string {
  let text = ''
  let start = 0
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes, at)
    if (length > 0) {
      at += length
      continue
    }
    text += strict.decode(bytes.subarray(start, at)) + String.fromCharCode(0xdc00 + bytes[at]!)
    start = ++at
  }
  return text + strict.decode(bytes.subarray(start))
}

/** Length of the well-formed UTF-8 sequence at `at`, or 0 (Unicode standard, table 3-7). */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!
  if (first < 0x80) return 1
  const length = first >= 0xc2 && first <= 0xdf ? 2 : first >= 0xe0 && first <= 0xef ? 3 : first >= 0xf0 && first <= 0xf4 ? 4 : 0
  if (length === 0 || at + length > bytes.length) return 0
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
  if (bytes[at + 1]! < low || bytes[at + 1]! > high) return 0
  for (let i = 2; i < length; i++) if (bytes[at + i]! < 0x80 || bytes[at + i]! > 0xbf) return 0
  return length
}
