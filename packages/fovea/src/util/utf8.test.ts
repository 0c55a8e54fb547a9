import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeUtf8, encodeUtf8, tryDecodeUtf8 } from './utf8.ts'

test('any bytes survive decoding and encoding', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      expect(encodeUtf8(decodeUtf8(bytes))).toEqual(bytes)
    }),
  )
})

test('bytes mixed of text and other bytes survive', () => {
  const piece = fc.oneof(
    fc.string({ unit: 'binary' }).map((text) => new TextEncoder().encode(text)),
    fc.uint8Array({ maxLength: 3 }),
  )
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      const bytes = Uint8Array.from(pieces.flatMap((part) => [...part]))
      expect(encodeUtf8(decodeUtf8(bytes))).toEqual(bytes)
    }),
  )
})

test('text is itself', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(decodeUtf8(encodeUtf8(text))).toBe(text)
    }),
  )
})

test('bytes that are not UTF-8 are told apart', () => {
  expect(tryDecodeUtf8(Uint8Array.of(0xff, 0xfe))).toBeUndefined()
  expect(decodeUtf8(Uint8Array.of(0x61, 0xff, 0x62))).toBe('a\udcffb')
  // A byte order mark is kept.
  expect(decodeUtf8(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61))).toBe('\ufeffa')
  // Encoded surrogates are no UTF-8.
  expect(decodeUtf8(Uint8Array.of(0xed, 0xb2, 0x80))).toBe('\udced\udcb2\udc80')
})
