// Does what requests ask, with the library loaded: the inside of the worker. Whatever happens, the memory of a request is given back.

import { FoveaError, isFoveaError } from '../../util/errors.ts'
import { runCall } from './call.ts'
import type { Mat, Native, OpenCv } from './library.ts'
import { MatScope } from './mat-scope.ts'
import type { Request, SubtractorOptions } from './protocol.ts'
import type { PlainFunction, Reading, Step } from './step.ts'
import { functions, reads, steps } from './tables.ts'

interface Subtractor extends Native {
  apply(frame: Mat, mask: Mat, learningRate: number): void
  getBackgroundImage(out: Mat): void
}

/** Where a request was when it failed. */
interface Place {
  step: string
}

export class Executor {
  readonly #cv: OpenCv
  readonly #subtractors = new Map<number, Subtractor>()
  #lostBytes = 0

  constructor(cv: OpenCv) {
    this.#cv = cv
  }

  get heapBytes(): number {
    return this.#cv.HEAPU8.length
  }

  /**
   * At most what C++ exceptions have left behind. The build runs no destructors when it throws, so what a failing function refers to stays
   * allocated, our matrices too, although they are deleted.
   */
  get lostBytes(): number {
    return this.#lostBytes
  }

  /** @throws FoveaError, and `FatalError` where the library can no longer be relied on. */
  run(request: Request): unknown {
    const scope = new MatScope(this.#cv)
    const place: Place = { step: request.kind }
    try {
      return this.#answer(request, scope, place)
    } catch (error) {
      if (typeof error === 'number') this.#lostBytes += scope.bytes
      throw codedError(this.#cv, error, place.step, request.kind)
    } finally {
      scope.close()
    }
  }

  #answer(request: Request, scope: MatScope, place: Place): unknown {
    switch (request.kind) {
      case 'pipeline': {
        let mat = scope.image(request.image)
        for (const [i, { name, options }] of request.steps.entries()) {
          place.step = `step ${i + 1}, ${name}`
          mat = (steps[name] as unknown as Step<unknown>).apply(scope, mat, options)
        }
        place.step = request.read
        return (reads[request.read] as unknown as Reading<unknown, unknown>).read(scope, mat, request.options)
      }
      case 'function':
        place.step = request.name
        return (functions[request.name] as unknown as PlainFunction<unknown, unknown>).run(scope, request.options)
      case 'call':
        place.step = request.name
        return runCall(scope, request.name, request.args)
      case 'subtract': {
        place.step = 'backgroundSubtractor'
        if (request.create !== undefined) this.#subtractors.set(request.id, this.#createSubtractor(scope, request.create))
        const subtractor = this.#subtractors.get(request.id)
        if (subtractor === undefined) throw new FoveaError('OPENCV_STATE_LOST')
        const [mask, background] = [scope.mat(), scope.mat()]
        subtractor.apply(scope.image(request.image), mask, request.learningRate)
        if (!request.background) return { mask: scope.toImage(mask) }
        subtractor.getBackgroundImage(background)
        return { mask: scope.toImage(mask), background: scope.toImage(background) }
      }
      case 'forget':
        this.#subtractors.get(request.id)?.delete()
        this.#subtractors.delete(request.id)
        return undefined
    }
  }

  #createSubtractor(scope: MatScope, { history, threshold, detectShadows }: SubtractorOptions): Subtractor {
    return scope.build<Subtractor>('BackgroundSubtractorMOG2', history, threshold, detectShadows)
  }
}

/** An error after which the thread of the library must be replaced. */
export class FatalError extends Error {
  readonly coded: FoveaError

  constructor(coded: FoveaError) {
    super(coded.message)
    this.coded = coded
  }
}

/** The most that the build allows itself. Its allocator believes to have got what lies beyond, so the first touch there is what fails. */
const heapLimit = 2 ** 30

function codedError(cv: OpenCv, error: unknown, step: string, kind: Request['kind']): FoveaError | FatalError {
  const said = typeof error === 'number' ? exceptionAt(cv, error) : undefined
  // StsNoMem
  const isFull = said?.code === -4 || (said === undefined && cv.HEAPU8.length >= heapLimit)
  const found = (said?.text ?? (error instanceof Error ? error.message : String(error))).slice(0, 400)
  if (isFull) return new FatalError(new FoveaError('OPENCV_MEMORY', { found, node: step }))
  if (isFoveaError(error)) return new FoveaError(error.code, { ...error.details, node: error.details.node ?? step })
  if (said !== undefined) return new FoveaError('OPENCV_FAILED', { found: said.text, node: step })
  // embind found that arguments do not fit: nothing has run.
  const isBinding = error instanceof Error && ['BindingError', 'UnboundTypeError', 'TypeError'].includes(error.name)
  if (isBinding) return new FoveaError(kind === 'call' ? 'OPENCV_ARGUMENT' : 'OPENCV_FAILED', { found, node: step })
  return new FatalError(new FoveaError('OPENCV_WORKER_DIED', { found, node: step }))
}

/** A C++ exception comes as a pointer. What is no cv::Exception (a bad allocation) gives nothing. */
function exceptionAt(cv: OpenCv, pointer: number): { readonly code: number; readonly text: string } | undefined {
  try {
    const { code, msg } = cv.exceptionFromPtr(pointer)
    return msg.startsWith('OpenCV(') ? { code, text: textOf(msg) } : undefined
  } catch {
    return undefined
  }
}

/** OpenCV's message without the place in its sources: `(-215:Assertion failed) x > 0 in function 'y'`. */
function textOf(message: string): string {
  return (
    message
      .replace(/^OpenCV\([^)]*\) \S+ error: /s, '')
      // Long ones quote: each line begins with >.
      .replace(/\n>?\s*/g, ' ')
      .replace(/\s+/g, ' ')
      .trim()
      .slice(0, 400)
  )
}
