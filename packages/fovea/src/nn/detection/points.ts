// The points of a pyramid: one in the middle of each cell of each level, and boxes as distances from them.

import type { Emitter } from '../emitter.ts'
import type { Corners } from './boxes.ts'

export interface Points {
  /** Middles of the cells in pixels of the input, [1, 1, points]. */
  readonly x: string
  readonly y: string
  /** Pixels between points of the same level, [1, 1, points]. */
  readonly stride: string
}

/**
 * Row by row, the levels after one another. Sizes are read from the maps, so that they need not be known.
 *
 * @param levels maps [N, C, H, W] with their strides
 */
export function emitPoints(e: Emitter, levels: readonly { readonly value: string; readonly stride: number }[]): Points {
  const { b } = e
  const axis = (value: string, at: number) => {
    const size = b.op('Squeeze', [b.op('Shape', [value], { start: at, end: at + 1 })])
    return e.float(b.op('Range', [b.scalar(0, 'int64'), size, b.scalar(1, 'int64')]))
  }
  const parts = levels.map(({ value, stride }) => {
    const middle = (at: number) => e.mul(e.add(axis(value, at), 0.5), stride)
    const rows = b.op('Unsqueeze', [middle(2), b.ints([1])])
    const columns = b.op('Unsqueeze', [middle(3), b.ints([0])])
    const flat = (x: string) => e.reshape(x, [1, 1, -1])
    const x = flat(e.add(e.mul(rows, 0), columns))
    return { x, y: flat(e.add(rows, e.mul(columns, 0))), stride: e.add(e.mul(x, 0), stride) }
  })
  const joined = (of: keyof Points) =>
    parts.length === 1
      ? parts[0]![of]
      : b.op(
          'Concat',
          parts.map((part) => part[of]),
          { axis: 2 },
        )
  return { x: joined('x'), y: joined('y'), stride: joined('stride') }
}

/** From distances to the left, upper, right and lower side in strides, [N, 4, A], to corners in pixels, [N, 1, A] each. */
export function boxesAround(e: Emitter, { x, y, stride }: Points, distances: string): Corners {
  const [left, top, right, bottom] = e.b.ops('Split', [e.mul(distances, stride)], 4, { axis: 1, num_outputs: 4 })
  return { x1: e.sub(x, left!), y1: e.sub(y, top!), x2: e.add(x, right!), y2: e.add(y, bottom!) }
}

/** The distances of the sides of boxes from the points, in strides, [N, 4, A]. */
export function distancesTo(e: Emitter, { x, y, stride }: Points, { x1, y1, x2, y2 }: Corners): string {
  const pixels = e.b.op('Concat', [e.sub(x, x1), e.sub(y, y1), e.sub(x2, x), e.sub(y2, y)], { axis: 1 })
  return e.div(pixels, stride)
}
