// The inner loops of resizing and of colours, on 128-bit vectors. AssemblyScript, not TypeScript: `npm run generate:kernels` compiles it to
// src/vision/kernels/kernels.gen.ts. They give the bytes of the plain loops in src/vision/kernels/plain.ts and src/data/transforms/color-jitter.ts.
//
// All arguments are addresses and numbers: the caller lays out the memory (src/vision/kernels/vectors.ts).

/** Weights are scaled by 2^22, as Pillow has them. */
const precision: i32 = 22
const half: i32 = 1 << 21

/** Four bytes as four 32-bit integers. Reads eight, which costs an instruction less. */
function widen(from: usize): v128 {
  return i32x4.extend_low_i16x8_u(v128.load8x8_u(from))
}

/** Four sums, rounded already, as bytes: clipped to 0 to 255. */
function storeClipped(to: usize, sums: v128, shift: i32): void {
  const words = i16x8.narrow_i32x4_s(i32x4.shr_s(sums, shift), i32x4.splat(0))
  v128.store32_lane(to, i8x16.narrow_i16x8_u(words, words), 0)
}

/**
 * Stretches `rows` rows of RGB to `width` pixels each. Weights: `taps` for each output pixel, of which `count` are used from input pixel `first` on.
 * Reads up to five bytes beyond the last row and writes up to a byte beyond each: `outStride` is at least 3 * width + 1.
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

/**
 * `height` rows of `length` bytes, each the weighted sum of `count` rows from `first` - `offset` on. Rows of the result follow each other without a
 * gap; up to 15 bytes are read and written beyond each, so that later rows write over what earlier ones left.
 */
export function stretchColumns(
  from: usize,
  stride: usize,
  offset: i32,
  to: usize,
  length: usize,
  height: i32,
  first: usize,
  count: usize,
  weights: usize,
  taps: i32,
): void {
  const start = i32x4.splat(half)
  for (let y = 0; y < height; y++, to += length) {
    const row = from + stride * (load<i32>(first + 4 * y) - offset)
    const begin = weights + 4 * y * taps
    const end = begin + 4 * load<i32>(count + 4 * y)
    for (let i: usize = 0; i < length; i += 16) {
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

/** Of 16 bytes of RGB one colour of four pixels, as 32-bit integers: the byte of the first is `at`. Places beyond the 16 give 0. */
function colorOf(rgb: v128, at: i32): v128 {
  const places = i32x4(at, at + 3, at + 6, at + 9)
  return i8x16.swizzle(rgb, v128.or(places, i32x4.splat(0x7f7f7f00)))
}

/**
 * `to` = clip((matrix * rgb + shift) >> 16) for `pixels` of RGB; the matrix of 3 x 3 by rows. Four pixels at a time: up to 13 bytes are read and
 * written beyond the last.
 */
export function mapColors(from: usize, to: usize, pixels: i32, matrix: usize, shift: i32): void {
  const redRed = v128.load32_splat(matrix)
  const redGreen = v128.load32_splat(matrix + 4)
  const redBlue = v128.load32_splat(matrix + 8)
  const greenRed = v128.load32_splat(matrix + 12)
  const greenGreen = v128.load32_splat(matrix + 16)
  const greenBlue = v128.load32_splat(matrix + 20)
  const blueRed = v128.load32_splat(matrix + 24)
  const blueGreen = v128.load32_splat(matrix + 28)
  const blueBlue = v128.load32_splat(matrix + 32)
  const start = i32x4.splat(shift)
  for (let i = 0; i < pixels; i += 4, from += 12, to += 12) {
    const rgb = v128.load(from)
    const r = colorOf(rgb, 0)
    const g = colorOf(rgb, 1)
    const b = colorOf(rgb, 2)
    const red = i32x4.add(i32x4.add(start, i32x4.mul(r, redRed)), i32x4.add(i32x4.mul(g, redGreen), i32x4.mul(b, redBlue)))
    const green = i32x4.add(i32x4.add(start, i32x4.mul(r, greenRed)), i32x4.add(i32x4.mul(g, greenGreen), i32x4.mul(b, greenBlue)))
    const blue = i32x4.add(i32x4.add(start, i32x4.mul(r, blueRed)), i32x4.add(i32x4.mul(g, blueGreen), i32x4.mul(b, blueBlue)))
    const words = i16x8.narrow_i32x4_s(i32x4.shr_s(red, 16), i32x4.shr_s(green, 16))
    const more = i16x8.narrow_i32x4_s(i32x4.shr_s(blue, 16), start)
    const planes = i8x16.narrow_i16x8_u(words, more)
    v128.store(to, i8x16.swizzle(planes, i8x16(0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11, 16, 16, 16, 16)))
  }
}

/** The sums of red, green and blue of `pixels`, a multiple of four, as three 32-bit integers at `sums`: exact below 2^23 pixels. */
export function sumColors(from: usize, pixels: i32, sums: usize): void {
  let red = i32x4.splat(0)
  let green = i32x4.splat(0)
  let blue = i32x4.splat(0)
  for (let i = 0; i < pixels; i += 4, from += 12) {
    const rgb = v128.load(from)
    red = i32x4.add(red, colorOf(rgb, 0))
    green = i32x4.add(green, colorOf(rgb, 1))
    blue = i32x4.add(blue, colorOf(rgb, 2))
  }
  store<i32>(sums, total(red))
  store<i32>(sums + 4, total(green))
  store<i32>(sums + 8, total(blue))
}

function total(sums: v128): i32 {
  return i32x4.extract_lane(sums, 0) + i32x4.extract_lane(sums, 1) + i32x4.extract_lane(sums, 2) + i32x4.extract_lane(sums, 3)
}
