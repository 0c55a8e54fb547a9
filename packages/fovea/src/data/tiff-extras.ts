// What a TIFF says of its samples beyond colours: alpha, or something else, such as near infrared.

/** Pages further than these are not looked for. */
const maxPages = 10_000

/**
 * The field ExtraSamples (TIFF 6.0, tag 338; BigTIFF too) of a page: 0 for what is no alpha, 1 for premultiplied alpha, 2 for straight alpha, one for
 * each sample beyond the colours. Undefined where the page does not state it, or cannot be followed.
 */
export function extraSamples(bytes: Uint8Array, page = 0): number[] | undefined {
  if (bytes.length < 16 || page >= maxPages) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const little = bytes[0] === 0x49
  const big = view.getUint16(2, little) === 43
  const [entryLength, wide] = [big ? 20 : 12, big ? 8 : 4]
  const inside = (at: number, length: number) => at >= 0 && at + length <= bytes.length
  const word = (at: number) => (big ? Number(view.getBigUint64(at, little)) : view.getUint32(at, little))
  let directory = word(big ? 8 : 4)
  for (let i = 0; ; i++) {
    if (directory === 0 || !inside(directory, big ? 8 : 2)) return undefined
    const entries = big ? word(directory) : view.getUint16(directory, little)
    const first = directory + (big ? 8 : 2)
    if (!inside(first, entries * entryLength)) return undefined
    if (i === page) {
      for (let at = first; at < first + entries * entryLength; at += entryLength) {
        if (view.getUint16(at, little) !== 338 || view.getUint16(at + 2, little) !== 3) continue
        const count = word(at + 4)
        const values = count * 2 <= wide ? at + 4 + wide : word(at + 4 + wide)
        if (count < 1 || count > 64 || !inside(values, 2 * count)) return undefined
        return Array.from({ length: count }, (_, k) => view.getUint16(values + 2 * k, little))
      }
      return undefined
    }
    const next = first + entries * entryLength
    if (!inside(next, wide)) return undefined
    directory = word(next)
  }
}
