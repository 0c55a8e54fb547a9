// The inner loops of resizing and of colours, on 128-bit vectors. AssemblyScript, not TypeScript: `npm run generate:kernels` compiles it to
// src/vision/kernels/kernels.gen.ts. They give the bytes of the plain loops in src/vision/kernels/plain.ts and src/data/transforms/color-jitter.ts.
//
// All arguments are addresses and numbers: the caller lays out the memory (src/vision/kernels/vectors.ts).

/** Weights are scaled by 2^22, as Pillow has them. */
const precision: i32 = 22
const half: i32 = 1 << 21

/** Four bytes as four 32-bit integers. */
function widen(from: usize): v128 {
  return i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(from)))
}

/** Four sums, rounded already, as bytes: clipped to 0 to 255. */
function storeClipped(to: usize, sums: v128, shift: i32): void {
  const words = i16x8.narrow_i32x4_s(i32x4.shr_s(sums, shift), i32x4.splat(0))
  v128.store32_lane(to, i8x16.narrow_i16x8_u(words, words), 0)
}

/**
 * Stretches `rows` rows of RGB to `width` pixels each. Weights: `taps` for each output pixel, of which `count` are used from input pixel `first` on.
 * Reads up to a byte beyond the last row and writes up to a byte beyond each: `outStride` is at least 3 * width + 1.
 */
export function stretchRows(
  from: usize,
  stride: usize,
  rows: i32,
  to: usize,
  outStride: usize,
  width: i32,
  first: usize,
  count: usize,
  weights: usize,
  taps: i32,
  mirror: i32,
): void {
  const start = i32x4.splat(half)
  let y = 0
  // Four rows at a time share the weights.
  for (; y + 4 <= rows; y += 4, from += 4 * stride, to += 4 * outStride) {
    for (let i = 0, out = to; i < width; i++, out += 3) {
      const x = mirror ? width - 1 - i : i
      let at = from + 3 * load<i32>(first + 4 * x)
      let weight = weights + 4 * x * taps
      const end = weight + 4 * load<i32>(count + 4 * x)
      let a = start
      let b = start
      let c = start
      let d = start
      for (; weight < end; weight += 4, at += 3) {
        const w = v128.load32_splat(weight)
        a = i32x4.add(a, i32x4.mul(widen(at), w))
        b = i32x4.add(b, i32x4.mul(widen(at + stride), w))
        c = i32x4.add(c, i32x4.mul(widen(at + 2 * stride), w))
        d = i32x4.add(d, i32x4.mul(widen(at + 3 * stride), w))
      }
      storeClipped(out, a, precision)
      storeClipped(out + outStride, b, precision)
      storeClipped(out + 2 * outStride, c, precision)
      storeClipped(out + 3 * outStride, d, precision)
    }
  }
  for (; y < rows; y++, from += stride, to += outStride) {
    for (let i = 0, out = to; i < width; i++, out += 3) {
      const x = mirror ? width - 1 - i : i
      let at = from + 3 * load<i32>(first + 4 * x)
      let weight = weights + 4 * x * taps
      const end = weight + 4 * load<i32>(count + 4 * x)
      let sum = start
      for (; weight < end; weight += 4, at += 3) sum = i32x4.add(sum, i32x4.mul(widen(at), v128.load32_splat(weight)))
      storeClipped(out, sum, precision)
    }
  }
}

/** `height` rows, each the weighted sum of `count` rows from `first` - `offset` on. `stride` is a multiple of 16, of both sides. */
export function stretchColumns(
  from: usize,
  stride: usize,
  offset: i32,
  to: usize,
  height: i32,
  first: usize,
  count: usize,
  weights: usize,
  taps: i32,
): void {
  const start = i32x4.splat(half)
  for (let y = 0; y < height; y++, to += stride) {
    const row = from + stride * (load<i32>(first + 4 * y) - offset)
    const begin = weights + 4 * y * taps
    const end = begin + 4 * load<i32>(count + 4 * y)
    for (let i: usize = 0; i < stride; i += 16) {
      let a = start
      let b = start
      let c = start
      let d = start
      for (let weight = begin, at = row + i; weight < end; weight += 4, at += stride) {
        const w = v128.load32_splat(weight)
        const bytes = v128.load(at)
        const low = i16x8.extend_low_i8x16_u(bytes)
        const high = i16x8.extend_high_i8x16_u(bytes)
        a = i32x4.add(a, i32x4.mul(i32x4.extend_low_i16x8_u(low), w))
        b = i32x4.add(b, i32x4.mul(i32x4.extend_high_i16x8_u(low), w))
        c = i32x4.add(c, i32x4.mul(i32x4.extend_low_i16x8_u(high), w))
        d = i32x4.add(d, i32x4.mul(i32x4.extend_high_i16x8_u(high), w))
      }
      const low = i16x8.narrow_i32x4_s(i32x4.shr_s(a, precision), i32x4.shr_s(b, precision))
      const high = i16x8.narrow_i32x4_s(i32x4.shr_s(c, precision), i32x4.shr_s(d, precision))
      v128.store(to + i, i8x16.narrow_i16x8_u(low, high))
    }
  }
}

/** `to` = clip((matrix * rgb + shift) >> 16) for `pixels` of RGB; the matrix of 3 x 3 by rows. Reads and writes up to a byte beyond. */
export function mapColors(from: usize, to: usize, pixels: i32, matrix: usize, shift: i32): void {
  const red = i32x4(load<i32>(matrix), load<i32>(matrix + 12), load<i32>(matrix + 24), 0)
  const green = i32x4(load<i32>(matrix + 4), load<i32>(matrix + 16), load<i32>(matrix + 28), 0)
  const blue = i32x4(load<i32>(matrix + 8), load<i32>(matrix + 20), load<i32>(matrix + 32), 0)
  const start = i32x4.splat(shift)
  for (let i = 0; i < pixels; i++, from += 3, to += 3) {
    const rgb = widen(from)
    const r = i32x4.mul(v128.shuffle<i32>(rgb, rgb, 0, 0, 0, 0), red)
    const g = i32x4.mul(v128.shuffle<i32>(rgb, rgb, 1, 1, 1, 1), green)
    const b = i32x4.mul(v128.shuffle<i32>(rgb, rgb, 2, 2, 2, 2), blue)
    storeClipped(to, i32x4.add(i32x4.add(start, r), i32x4.add(g, b)), 16)
  }
}

/** The sums of red, green and blue, as three 32-bit integers at `sums`: exact below 2^24 pixels. */
export function sumColors(from: usize, pixels: i32, sums: usize): void {
  let sum = i32x4.splat(0)
  for (let i = 0; i < pixels; i++, from += 3) sum = i32x4.add(sum, widen(from))
  v128.store(sums, sum)
}
