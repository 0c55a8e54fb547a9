// The test pattern as a source: testpattern://?size=640x480&fps=25&frames=100&live=1

import { FoveaError } from '../../util/errors.ts'
import type { Connection, FrameReader, FrameSize, RawFrame } from './frame.ts'
import { resized } from './image-files.ts'
import { pause } from './pause.ts'
import { testPattern } from './test-pattern.ts'

export interface PatternOptions {
  readonly width: number
  readonly height: number
  readonly fps: number
  /** Ends after so many. */
  readonly frames: number
  /** Comes at its rate, as a camera does, instead of as fast as it is read. */
  readonly live: boolean
}

/** @throws FoveaError SOURCE_OPTION naming the parameter */
export function parsePattern(address: string): PatternOptions {
  const { searchParams } = new URL(address)
  const fail = (field: string, expected: string): never => {
    throw new FoveaError('SOURCE_OPTION', { file: address, field, expected, found: searchParams.get(field) ?? 'none' })
  }
  for (const name of searchParams.keys()) if (!['size', 'fps', 'frames', 'live'].includes(name)) fail(name, 'size, fps, frames or live')
  const size = /^(\d{1,5})x(\d{1,5})$/.exec(searchParams.get('size') ?? '640x480') ?? fail('size', 'WIDTHxHEIGHT')
  const fps = Number(searchParams.get('fps') ?? 25)
  if (!(fps > 0 && fps <= 1000)) fail('fps', 'a number above 0')
  const frames = searchParams.has('frames') ? Number(searchParams.get('frames')) : Number.POSITIVE_INFINITY
  if (!(frames >= 1)) fail('frames', 'a number of at least 1')
  return { width: Number(size[1]), height: Number(size[2]), fps, frames, live: /^(1|true)?$/.test(searchParams.get('live') ?? '0') }
}

export class PatternReader implements FrameReader {
  readonly live: boolean
  readonly #pattern: PatternOptions
  readonly #size: FrameSize | undefined
  #next = 0

  constructor(pattern: PatternOptions, size?: FrameSize) {
    this.live = pattern.live
    this.#pattern = pattern
    this.#size = size
    // Told now, not at the first frame, and before a size is allocated that cannot be.
    testPattern(0, pattern)
  }

  get isOver(): boolean {
    return this.#next >= this.#pattern.frames
  }

  async *connect({ signal }: Connection): AsyncGenerator<RawFrame> {
    const { fps, frames, live } = this.#pattern
    if (!live) this.#next = 0
    const begin = performance.now() - (this.#next * 1000) / fps
    while (this.#next < frames && !signal.aborted) {
      if (live) await pause(begin + (this.#next * 1000) / fps - performance.now(), signal)
      const index = this.#next++
      yield { time: index / fps, image: async () => resized(testPattern(index, this.#pattern), this.#size) }
    }
  }
}
