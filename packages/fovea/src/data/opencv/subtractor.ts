// What moves in front of what stays: a background that is learnt frame by frame. Zivkovic 2004, as OpenCV's MOG2.

import { FoveaError } from '../../util/errors.ts'
import type { Image } from '../../vision/image.ts'
import { checkImage, checkInteger, checkNumber, checkOneOf, checkOptions, checkSameSize, refuse, type Shape } from './check.ts'
import type { SubtractorOptions } from './protocol.ts'
import type { OpenCvThreads } from './threads.ts'

export interface BackgroundSubtractorOptions {
  /** The one method of this build of OpenCV. */
  readonly method?: 'mog2'
  /** Over how many frames the background is learnt; default 500. */
  readonly history?: number
  /** Squared Mahalanobis distance from which a pixel counts as foreground; default 16. */
  readonly threshold?: number
  /** Mark shadows as 127; default true. Without them it is faster. */
  readonly detectShadows?: boolean
}

export interface SubtractOptions {
  /** 0: learn nothing, 1: forget all but this frame, -1 (default): by the history. */
  readonly learningRate?: number
  /** Also give the background as it is known now; default false. */
  readonly background?: boolean
  /** Drops the frame where it still waits; one that is under way is finished, since the thread holds what was learnt. */
  readonly signal?: AbortSignal
}

export interface SubtractedFrame {
  /** 255 where something moves, 127 in its shadow, 0 elsewhere. */
  readonly mask: Image
  readonly background?: Image
}

let nextId = 0

/** Frames are worked on in the order of the calls. Close it when done; one that is forgotten is closed with the process, or with `vision.cv.close()`. */
export class BackgroundSubtractor {
  readonly #threads: OpenCvThreads
  readonly #options: SubtractorOptions
  readonly #id = nextId++
  #shape: Shape | undefined
  #closed = false

  /** @internal Made by `vision.cv.backgroundSubtractor()`. */
  constructor(threads: OpenCvThreads, options: BackgroundSubtractorOptions) {
    checkOptions('backgroundSubtractor', options, ['method', 'history', 'threshold', 'detectShadows'])
    const { method = 'mog2', history = 500, threshold = 16, detectShadows = true } = options
    checkOneOf('backgroundSubtractor.method', method, ['mog2'])
    checkInteger('backgroundSubtractor.history', history, 1, 1_000_000)
    checkNumber('backgroundSubtractor.threshold', threshold, 0)
    if (typeof detectShadows !== 'boolean') refuse('backgroundSubtractor.detectShadows', 'true or false', detectShadows)
    this.#threads = threads
    this.#options = { history, threshold, detectShadows }
  }

  /**
   * What moves in the next frame, of 1 or 3 channels and the size of the first.
   * @throws OPENCV_IMAGE for a frame of another shape, OPENCV_STATE_LOST where the thread died or this was closed, CANCELLED.
   */
  async apply(frame: Image, options: SubtractOptions = {}): Promise<SubtractedFrame> {
    checkOptions('apply', options, ['learningRate', 'background'])
    const { learningRate = -1, background = false, signal } = options
    if (this.#closed) throw new FoveaError('OPENCV_STATE_LOST', { found: 'a subtractor that was closed' })
    const shape = checkImage('apply.frame', frame)
    if (learningRate !== -1) checkNumber('apply.learningRate', learningRate, 0, 1)
    if (this.#shape !== undefined) checkSameSize('apply.frame', this.#shape, shape)
    if (signal?.aborted) throw new FoveaError('CANCELLED', { cause: signal.reason })
    const create = this.#shape === undefined ? { create: this.#options } : {}
    this.#shape = shape
    const request = { kind: 'subtract', id: this.#id, ...create, image: frame, learningRate, background } as const
    // The first frame makes the subtractor: dropped, there would be none for the next.
    return (await this.#threads.run(request, 'create' in request ? undefined : signal)) as SubtractedFrame
  }

  /** Frees what was learnt. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    // A thread that has died has freed it already.
    if (this.#shape !== undefined) await this.#threads.run({ kind: 'forget', id: this.#id }).catch(() => undefined)
  }
}
