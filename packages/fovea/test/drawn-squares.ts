// Pictures of bright and dark squares on grey noise, with their boxes and outlines: what a detector can learn in seconds.

import type { Sample } from '../src/data/dataset.ts'
import { Random } from '../src/util/random.ts'
import type { Annotation } from '../src/vision/annotation.ts'
import { createImage } from '../src/vision/image.ts'

export const squareClasses = ['bright', 'dark'] as const
export const squareSide = 64

/** Three squares in each, of which the first two are of one class: that is the class of the whole. */
export function drawnSquares(count: number, seed: number): (Sample & Required<Pick<Sample, 'image' | 'annotations'>>)[] {
  return Array.from({ length: count }, (_, i) => {
    const random = new Random(seed, 'squares', i)
    const data = Uint8Array.from({ length: squareSide * squareSide * 3 }, () => random.integer(110, 146))
    const annotations: Annotation[] = []
    const most = random.integer(0, 2)
    for (let k = 0; k < 3; k++) {
      const label = k < 2 ? most : 1 - most
      const size = random.integer(12, 20)
      const [x1, y1] = [random.integer(0, squareSide - size), 21 * k + random.integer(0, Math.max(1, 21 - size))]
      const [x2, y2] = [x1 + size, y1 + size]
      for (let y = y1; y < y2; y++) data.fill(label === 0 ? 235 : 20, 3 * (y * squareSide + x1), 3 * (y * squareSide + x2))
      annotations.push({ label, box: { x1, y1, x2, y2 }, polygons: [[x1, y1, x2, y1, x2, y2, x1, y2]] })
    }
    return { path: `${i}`, label: most, image: createImage(squareSide, squareSide, 3, data, `${i}`), annotations }
  })
}
