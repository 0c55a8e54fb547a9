// The loops that every picture goes through, on 128-bit vectors: WebAssembly, with the bytes of the plain loops in two to five times their speed.

import { takePixels } from '../spare-pixels.ts'
import { kernelModule } from './kernels.gen.ts'
import type { Rows } from './plain.ts'
import type { Resampler } from './resampler.ts'

/** What is used of WebAssembly, as browsers and Node have it. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown }
}

interface Memory {
  readonly buffer: ArrayBuffer
  grow(pages: number): number
}

interface Exports {
  readonly memory: Memory
  readonly stretchRows: (
    from: number,
    stride: number,
    rows: number,
    to: number,
    outStride: number,
    width: number,
    first: number,
    count: number,
    weights: number,
    taps: number,
    mirror: number,
  ) => void
  readonly stretchColumns: (
    from: number,
    stride: number,
    offset: number,
    to: number,
    length: number,
    height: number,
    first: number,
    count: number,
    weights: number,
    taps: number,
  ) => void
  readonly mapColors: (from: number, to: number, pixels: number, matrix: number, shift: number) => void
  readonly sumColors: (from: number, pixels: number, sums: number) => void
}

let loaded: Exports | undefined
let refused = false

/** Undefined where there is no WebAssembly, or none with vectors: old browsers, and pages that forbid it. */
function kernels(): Exports | undefined {
  if (loaded !== undefined || refused) return loaded
  try {
    const bytes = Uint8Array.from(atob(kernelModule), (character) => character.charCodeAt(0))
    const module = new WebAssembly.Module(bytes)
    loaded = new WebAssembly.Instance(module, { env: { abort: () => undefined } }).exports as Exports
  } catch {
    refused = true
  }
  return loaded
}

/** Working memory of one pass, beside the single rows that it needs at least. Large pictures go through it in bands. */
const bandBytes = 2 ** 22
/** The most that the module's memory grows to: it never shrinks. Only rows of millions of pixels would need more. */
const mostBytes = 2 ** 26

/**
 * RGB rows stretched along both sides, `columns` undefined leaving the rows as they are; undefined where there are no kernels.
 * @param rows The first of `source` that are read: `columns.first` counts from the same row as `offset`.
 */
export function stretchRgb(
  source: Rows,
  kernel: Resampler,
  columns: Resampler | undefined,
  offset: number,
  mirrorX: boolean,
): Uint8Array | undefined {
  const wasm = kernels()
  if (wasm === undefined) return undefined
  const width = kernel.first.length
  const height = columns === undefined ? source.rows : columns.first.length
  // What of a row is read at all; of rows that are read for the most part all is copied, since one long copy is faster than many short ones.
  const left = kernel.first[0]!
  const right = kernel.first[width - 1]! + kernel.count[width - 1]!
  const whole = 6 * (right - left) > source.row
  const stride = whole ? source.row : strideLike(3 * (right - left), source.row)
  const [outStride, length] = [align(3 * width + 1), 3 * width]
  const firstRow = (y: number) => (columns === undefined ? y : columns.first[y]! - offset)
  const endRow = (y: number) => (columns === undefined ? y + 1 : columns.first[y]! - offset + columns.count[y]!)
  const most = Math.floor(bandBytes / (stride + outStride))
  const bands = bandsOf(height, firstRow, endRow, most, columns === undefined ? height : Math.floor(bandBytes / length))
  const [inputs, outputs] = [Math.max(...bands.map(({ rows }) => rows)), Math.max(...bands.map(({ end, begin }) => end - begin))]

  const layout = new Layout(wasm.memory)
  const across = layout.resampler(kernel, left)
  const down = columns && layout.resampler(columns, 0)
  const input = layout.take(inputs * stride + 16 + word)
  const between = layout.take(inputs * outStride + 16)
  const output = layout.take(columns === undefined ? 0 : outputs * length + 16)
  const memory = layout.fill()
  if (memory === undefined) return undefined
  const out = takePixels(height * length)
  for (const { begin, end, top, rows } of bands) {
    const start = source.start + top * source.row + 3 * left
    const place = input + ((source.data.byteOffset + start) % word)
    if (whole) memory.set(source.data.subarray(start, start + (rows - 1) * source.row + 3 * (right - left)), place)
    else
      for (let y = 0, from = start; y < rows; y++, from += source.row)
        memory.set(source.data.subarray(from, from + 3 * (right - left)), place + y * stride)
    const { first, count, weights } = across
    wasm.stretchRows(place, stride, rows, between, outStride, width, first, count, weights, kernel.taps, mirrorX ? 1 : 0)
    if (down === undefined || columns === undefined) {
      for (let y = begin; y < end; y++) {
        const from = between + (y - begin) * outStride
        out.set(memory.subarray(from, from + length), y * length)
      }
      continue
    }
    const { taps } = columns
    const table = [down.first + 4 * begin, down.count + 4 * begin, down.weights + 4 * begin * taps, taps] as const
    wasm.stretchColumns(between, outStride, top + offset, output, length, end - begin, ...table)
    out.set(memory.subarray(output, output + (end - begin) * length), begin * length)
  }
  return out
}

/** clip((matrix * rgb + shift) >> 16) for all pixels of an RGB picture; undefined where there are no kernels. */
export function mapRgb(data: Uint8Array, matrix: Int32Array, shift: number): Uint8Array | undefined {
  const wasm = kernels()
  if (wasm === undefined) return undefined
  const out = takePixels(data.length)
  const band = Math.min(data.length, 3 * 2 ** 19)
  const layout = new Layout(wasm.memory)
  const numbers = layout.place(matrix)
  const input = layout.take(band + 16)
  const output = layout.take(band + 16)
  const memory = layout.fill()
  if (memory === undefined) return undefined
  for (let at = 0; at < data.length; at += band) {
    const part = data.subarray(at, at + band)
    memory.set(part, input)
    wasm.mapColors(input, output, part.length / 3, numbers, shift)
    out.set(memory.subarray(output, output + part.length), at)
  }
  return out
}

/** The sums of red, green and blue of an RGB picture; undefined where there are no kernels. */
export function sumRgb(data: Uint8Array): readonly [number, number, number] | undefined {
  const wasm = kernels()
  if (wasm === undefined) return undefined
  const band = Math.min(data.length, 3 * 2 ** 20)
  const layout = new Layout(wasm.memory)
  const sums = layout.take(16)
  const input = layout.take(band + 16)
  const memory = layout.fill()
  if (memory === undefined) return undefined
  const total: [number, number, number] = [0, 0, 0]
  for (let at = 0; at < data.length; at += band) {
    const part = data.subarray(at, at + band)
    memory.set(part, input)
    // Pixels are summed by four: what comes after the last ones counts nothing.
    memory.fill(0, input + part.length, input + part.length + 12)
    wasm.sumColors(input, part.length / 3, sums)
    const found = new Int32Array(wasm.memory.buffer, sums, 3)
    for (const c of [0, 1, 2] as const) total[c] += found[c]!
  }
  return total
}

interface Band {
  /** Output rows from `begin` to before `end`. */
  readonly begin: number
  readonly end: number
  /** The input rows that they need: `rows` from `top` on. */
  readonly top: number
  readonly rows: number
}

/** At most `outputs` rows in a band, that need at most `inputs` rows; or a single one where that needs more. */
function bandsOf(height: number, first: (y: number) => number, end: (y: number) => number, inputs: number, outputs: number): Band[] {
  const bands: Band[] = []
  for (let begin = 0; begin < height; ) {
    const top = first(begin)
    let stop = begin + 1
    while (stop < height && stop - begin < outputs && end(stop) - top <= inputs) stop++
    bands.push({ begin, end: stop, top, rows: end(stop - 1) - top })
    begin = stop
  }
  return bands
}

/** Gives out places in the memory of the module, which grows as needed; every call of a kernel lays it out anew. */
class Layout {
  readonly #memory: Memory
  readonly #placed: { readonly at: number; readonly values: Int32Array }[] = []
  #end = 1024

  constructor(memory: Memory) {
    this.#memory = memory
  }

  take(bytes: number): number {
    const at = this.#end
    this.#end = align(at + bytes)
    return at
  }

  place(values: Int32Array): number {
    const at = this.take(values.byteLength)
    this.#placed.push({ at, values })
    return at
  }

  /** The tables of a resampler; `from` is the input that counts as the first. */
  resampler({ first, count, weights }: Resampler, from: number): { first: number; count: number; weights: number } {
    return { first: this.place(from === 0 ? first : first.map((at) => at - from)), count: this.place(count), weights: this.place(weights) }
  }

  /** Makes the memory large enough, and writes what was placed. Undefined where that is too much: such memory cannot be given back. */
  fill(): Uint8Array | undefined {
    if (this.#end > mostBytes) return undefined
    const missing = this.#end - this.#memory.buffer.byteLength
    try {
      if (missing > 0) this.#memory.grow(Math.ceil(missing / 65_536))
    } catch {
      return undefined
    }
    const words = new Int32Array(this.#memory.buffer)
    for (const { at, values } of this.#placed) words.set(values, at / 4)
    return new Uint8Array(this.#memory.buffer)
  }
}

/**
 * Shared memory, as that of a cache, is copied eight bytes at a time where they lie alike on both sides, and else one by one. So pictures are put at
 * the same place in a word as they come from.
 */
const word = 8

/** Room for `bytes` of a row and one more, such that rows lie in words as those that are `row` bytes apart. */
function strideLike(bytes: number, row: number): number {
  return word * Math.ceil((bytes + 1) / word) + (row % word)
}

/** To the next multiple of 16, the bytes of a vector. */
function align(bytes: number): number {
  return 16 * Math.ceil(bytes / 16)
}
