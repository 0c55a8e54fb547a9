// Whether four numbers without names are two corners, or a corner with width and height: told by what is impossible over a whole file.

/** `xyxy`: two corners. `xywh`: the upper left corner, width and height, as COCO has them. */
export type BoxOrder = 'xyxy' | 'xywh'

/** A box as it is written, and the size of its picture where that is known. */
export interface UnorderedBox {
  readonly numbers: readonly [number, number, number, number]
  readonly size?: { readonly width: number; readonly height: number } | undefined
}

export interface OrderGuess {
  readonly order: BoxOrder
  /** What speaks against relying on it, in a clause; undefined where the other reading is impossible and this one is not. */
  readonly doubt?: string
}

/** Tools that count pixels from 1, or round, end a box up to a pixel beyond its picture. */
const slack = 1

/**
 * Corners are impossible where a box ends before it begins, width and height where they are negative, and either where the box ends outside its
 * picture. The reading with fewer impossible boxes is taken; corners where both fit all boxes.
 */
export function guessBoxOrder(boxes: readonly UnorderedBox[]): OrderGuess {
  const wrong = { xyxy: 0, xywh: 0 }
  for (const { numbers, size } of boxes) {
    const [a, b, c, d] = numbers
    const out = (x: number, y: number) => size !== undefined && (x > size.width + slack || y > size.height + slack)
    if (c < a || d < b || out(c, d)) wrong.xyxy++
    if (c < 0 || d < 0 || out(a + c, b + d)) wrong.xywh++
  }
  const order = wrong.xywh < wrong.xyxy ? 'xywh' : 'xyxy'
  const other = order === 'xyxy' ? 'xywh' : 'xyxy'
  const read = `${boxes.length} boxes of four numbers read as ${orderNames[order]}`
  if (boxes.length === 0) return { order }
  if (wrong[other] === 0) return { order, doubt: `${read}: they may as well be ${orderNames[other]}` }
  if (wrong[order] > 0)
    return { order, doubt: `${read}: ${wrong[order]} of them cannot be that, ${wrong[other]} cannot be ${orderNames[other]}` }
  // A few boxes that are drawn the wrong way round look like the other reading, where no picture's size speaks against that.
  const rare = 10 * wrong[other] < boxes.length && boxes.every(({ size }) => size === undefined)
  return rare ? { order, doubt: `${read}: only ${wrong[other]} of them cannot be ${orderNames[other]}` } : { order }
}

const orderNames: Readonly<Record<BoxOrder, string>> = { xyxy: 'corners (xyxy)', xywh: 'a corner, width and height (xywh)' }
