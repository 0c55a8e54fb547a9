// The OpenCV library (opencv-js, WebAssembly) as this folder sees it. Only a worker thread loads it.

import { createRequire } from 'node:module'

/** What lives in the memory of WebAssembly and must be deleted by hand. */
export interface Native {
  delete(): void
  isDeleted(): boolean
}

/** Rows of elements of one depth, channels interleaved. The views are over the heap as it is now: a call that allocates may make them stale. */
export interface Mat extends Native {
  readonly rows: number
  readonly cols: number
  readonly data: Uint8Array
  readonly data8S: Int8Array
  readonly data16U: Uint16Array
  readonly data16S: Int16Array
  readonly data32S: Int32Array
  readonly data32F: Float32Array
  readonly data64F: Float64Array
  type(): number
  depth(): number
  channels(): number
  isContinuous(): boolean
  convertTo(target: Mat, type: number, scale?: number, offset?: number): void
  copyTo(target: Mat, mask?: Mat): void
  roi(rectangle: object): Mat
  setTo(value: readonly number[], mask?: Mat): void
}

/** A `std::vector`. Elements that are Mats come out as handles of their own. */
export interface NativeVector<T> extends Native {
  size(): number
  get(index: number): T
  push_back(value: T): void
}

/** The module: functions, classes and constants by their names in OpenCV. */
export interface OpenCv {
  readonly [name: string]: unknown
  readonly HEAPU8: Uint8Array
  readonly exceptionFromPtr: (pointer: number) => { readonly code: number; readonly msg: string }
}

interface LoadingModule extends OpenCv {
  onRuntimeInitialized?: () => void
  // The module is a thenable that resolves with itself: awaiting it would never end.
  then?: unknown
}

let loading: Promise<{ readonly cv: OpenCv }> | undefined

/** Loads and compiles the library, once a thread: 13 MB and about half a second. In an object, since the module itself cannot be awaited. */
export function loadOpenCv(): Promise<{ readonly cv: OpenCv }> {
  loading ??= load()
  return loading
}

async function load(): Promise<{ readonly cv: OpenCv }> {
  const events = ['uncaughtException', 'unhandledRejection'] as const
  const before = events.map((event) => process.rawListeners(event))
  // Not by import(): tools that await what a module exports by default would never get past a thenable that resolves with itself.
  const require = createRequire(import.meta.url)
  const cv = require('@techstark/opencv-js') as LoadingModule
  // It would end the process at any rejection that nobody handles, whosever it is.
  for (const [i, event] of events.entries())
    for (const listener of process.rawListeners(event))
      if (!before[i]!.includes(listener)) process.removeListener(event, listener as () => void)
  if (typeof cv.Mat !== 'function')
    await new Promise<void>((resolve) => {
      cv.onRuntimeInitialized = resolve
    })
  delete cv.then
  return { cv }
}
