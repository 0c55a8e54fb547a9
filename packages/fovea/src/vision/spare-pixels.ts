// Memory of pictures that nobody needs any more, used again: where thousands of pictures of one size are made, fresh memory and its collection
// cost a third of the time. Who gives nothing back gets fresh memory as ever.

const mostArrays = 64
const mostBytes = 2 ** 25
const spare: Uint8Array<ArrayBuffer>[] = []
let bytes = 0

/** Memory of `length` bytes whose content is to be overwritten: it may hold an earlier picture. */
export function takePixels(length: number): Uint8Array<ArrayBuffer> {
  const at = spare.findLastIndex((data) => data.length === length)
  if (at === -1) return new Uint8Array(length)
  bytes -= length
  return spare.splice(at, 1)[0]!
}

/**
 * Gives memory back. Only who made the picture, and knows that nobody holds it, may do that: it will be written over.
 * At most 64 arrays and 32 MiB are kept in each thread, the latest ones.
 */
export function givePixels(data: Uint8Array): void {
  const whole = data.buffer instanceof ArrayBuffer && data.length === data.buffer.byteLength
  if (!whole || data.length === 0 || data.length > mostBytes / 4) return
  spare.push(data as Uint8Array<ArrayBuffer>)
  bytes += data.length
  while (spare.length > mostArrays || bytes > mostBytes) bytes -= spare.shift()!.length
}
