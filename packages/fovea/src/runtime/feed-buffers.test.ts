import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Tensor } from '../graph/tensor.ts'
import { FeedBuffers } from './feed-buffers.ts'
import { fromWire } from './wire.ts'

const tensors = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map((bytes) => new Tensor('uint8', [bytes.length], bytes)),
  fc.float32Array({ maxLength: 40 }).map((values) => Tensor.float32([values.length], values)),
  fc.array(fc.string(), { maxLength: 4 }).map((strings) => new Tensor('string', [strings.length], strings)),
)

test('feeds cross as they are, whatever travelled in the buffers before', () => {
  fc.assert(
    fc.property(fc.array(fc.dictionary(fc.string(), tensors, { maxKeys: 4 }), { maxLength: 8 }), (runs) => {
      const buffers = new FeedBuffers()
      for (const feeds of runs) {
        const packed = buffers.pack(feeds)
        const { tensors: received, buffer } = structuredClone(packed, { transfer: [packed.buffer] })
        const result = fromWire(received)
        expect(Object.keys(result)).toEqual(Object.keys(feeds))
        for (const [name, { dtype, dims, bytes, strings }] of Object.entries(feeds)) {
          expect(result[name]).toMatchObject({ dtype, dims, strings })
          expect(Buffer.compare(result[name]!.bytes, bytes)).toBe(0)
          expect(result[name]!.bytes.byteOffset % 8).toBe(0)
        }
        buffers.giveBack(buffer)
      }
    }),
    { seed: 1 },
  )
})

test('a buffer that came back is used again by feeds of about its size, and none that is still under way', () => {
  const buffers = new FeedBuffers()
  const feeds = (length: number) => ({ x: new Tensor('uint8', [length], new Uint8Array(length)) })
  const [first, second] = [buffers.pack(feeds(1000)).buffer, buffers.pack(feeds(1000)).buffer]
  expect(first).not.toBe(second)
  buffers.giveBack(first)
  expect(buffers.pack(feeds(2000)).buffer).not.toBe(first)
  expect(buffers.pack(feeds(100)).buffer).not.toBe(first)
  expect(buffers.pack(feeds(900)).buffer).toBe(first)
  expect(buffers.pack(feeds(900)).buffer).not.toBe(first)
})
