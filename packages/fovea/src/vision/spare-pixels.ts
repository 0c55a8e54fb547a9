// Memory of pictures that nobody needs any more, used again: where thousands of pictures of one size are made, fresh memory and its collection
// cost a third of the time. Who gives nothing back gets fresh memory as ever.

const most = 64
const spare: Uint8Array<ArrayBuffer>[] = []

/** Memory of `length` bytes whose content is to be overwritten: it may hold an earlier picture. */
export function takePixels(length: number): Uint8Array<ArrayBuffer> {
  const at = spare.findLastIndex((bytes) => bytes.length === length)
  return at === -1 ? new Uint8Array(length) : spare.splice(at, 1)[0]!
}

/**
 * Gives memory back. Only who made the picture, and knows that nobody holds it, may do that: it will be written over.
 * At most 64 arrays are kept in each thread, the latest ones, and none above 4 MiB.
 */
export function givePixels(data: Uint8Array): void {
  const whole = data.buffer instanceof ArrayBuffer && data.length === data.buffer.byteLength
  if (!whole || data.length === 0 || data.length > 2 ** 22) return
  if (spare.length === most) spare.shift()
  spare.push(data as Uint8Array<ArrayBuffer>)
}
