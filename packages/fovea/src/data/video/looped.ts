// A source that begins anew at its end, with timestamps that go on.

import type { Connection, FrameReader, RawFrame } from './frame.ts'

export class LoopedReader implements FrameReader {
  readonly live = false
  readonly samples: boolean
  readonly #inner: FrameReader

  constructor(inner: FrameReader) {
    this.#inner = inner
    this.samples = inner.samples ?? false
  }

  async *connect(connection: Connection): AsyncGenerator<RawFrame> {
    let offset = 0
    for (;;) {
      let frames = 0
      let first = 0
      let last = 0
      let gap = 0
      for await (const frame of this.#inner.connect(connection)) {
        const time = frame.time ?? 0
        if (frames === 0) first = time
        else gap = time - last
        last = time
        frames++
        yield { ...frame, time: time + offset }
      }
      if (frames === 0 || connection.signal.aborted) return
      // The last frame is taken to last as long as the one before; a single one for a second.
      offset += last - first + (frames > 1 ? gap : 1)
    }
  }
}
