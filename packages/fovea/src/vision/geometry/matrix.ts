// 3x3 matrices: how points of a picture move.

/** Row-major. A point (x, y) goes to ((a x + b y + c) / w, (d x + e y + f) / w) with w = g x + h y + i. */
export type Matrix3 = readonly number[]

export type Point = readonly [x: number, y: number]

export const identity3: Matrix3 = [1, 0, 0, 0, 1, 0, 0, 0, 1]

/** The matrix that does `b` first, then `a`. */
export function multiply3(a: Matrix3, b: Matrix3): number[] {
  return Array.from({ length: 9 }, (_, i) => {
    const row = Math.floor(i / 3) * 3
    return a[row]! * b[i % 3]! + a[row + 1]! * b[(i % 3) + 3]! + a[row + 2]! * b[(i % 3) + 6]!
  })
}

/** The matrix of the way back; not finite where there is none. */
export function invert3(m: Matrix3): number[] {
  const cofactor = (i: number, j: number) => {
    const at = (row: number, column: number) => m[(row % 3) * 3 + (column % 3)]!
    return at(i + 1, j + 1) * at(i + 2, j + 2) - at(i + 1, j + 2) * at(i + 2, j + 1)
  }
  const determinant = m[0]! * cofactor(0, 0) + m[1]! * cofactor(0, 1) + m[2]! * cofactor(0, 2)
  return Array.from({ length: 9 }, (_, k) => cofactor(k % 3, Math.floor(k / 3)) / determinant)
}

export function movePoint(m: Matrix3, x: number, y: number): Point {
  const w = depthOf(m, x, y)
  return [(m[0]! * x + m[1]! * y + m[2]!) / w, (m[3]! * x + m[4]! * y + m[5]!) / w]
}

/** The divisor of a perspective at a point; what is not over 0 lies behind the eye. */
export function depthOf(m: Matrix3, x: number, y: number): number {
  return m[6]! * x + m[7]! * y + m[8]!
}

export function translation(x: number, y: number): Matrix3 {
  return [1, 0, x, 0, 1, y, 0, 0, 1]
}

export function scaling(x: number, y: number): Matrix3 {
  return [x, 0, 0, 0, y, 0, 0, 0, 1]
}

/** The same map with (x, y) in place of the origin. */
export function aboutPoint(m: Matrix3, x: number, y: number): Matrix3 {
  return multiply3(translation(x, y), multiply3(m, translation(-x, -y)))
}

/** True where lines along the axes stay along the axes: flips, crops, resizing, quarter turns. */
export function keepsAxes(m: Matrix3): boolean {
  return isAffine(m) && ((m[1] === 0 && m[3] === 0) || (m[0] === 0 && m[4] === 0))
}

/** True where right angles stay right. */
export function keepsAngles(m: Matrix3): boolean {
  const [a, b, , d, e] = m as readonly [number, number, number, number, number]
  const scale = a * a + d * d
  return isAffine(m) && Math.abs(a * b + d * e) <= 1e-9 * scale && Math.abs(b * b + e * e - scale) <= 1e-9 * scale
}

/** True where left and right, or top and bottom, change places. */
export function mirrors(m: Matrix3): boolean {
  return m[0]! * m[4]! - m[1]! * m[3]! < 0
}

function isAffine(m: Matrix3): boolean {
  return m[6] === 0 && m[7] === 0
}
