import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Random } from '../../util/random.ts'
import { clipBox } from '../../vision/boxes.ts'
import { placementOf } from '../../vision/placement.ts'
import { createPreprocessing } from '../../vision/preprocessing.ts'
import { decodeMask } from '../../vision/run-lengths.ts'
import { readMask } from './read-mask.ts'

test('each pixel of the box is looked up in the cells, whatever the placement of the picture', () => {
  const sides = fc.integer({ min: 3, max: 60 })
  fc.assert(
    fc.property(sides, sides, fc.constantFrom('letterbox', 'squash'), fc.integer(), (width, height, resize, seed) => {
      const random = new Random(seed, 'mask')
      const preprocessing = createPreprocessing({ size: [32, 40], resize: resize as 'letterbox', layout: 'nhwc' })
      const placement = placementOf(width, height, preprocessing)
      const mask = { height: 8, width: 10, stride: 4, cells: Uint8Array.from({ length: 80 }, () => random.integer(0, 256)) }
      const [x1, y1] = [random.uniform(-5, width - 1), random.uniform(-5, height - 1)]
      const box = clipBox({ x1, y1, x2: x1 + random.uniform(1, 40), y2: y1 + random.uniform(1, 40) }, { width, height })
      if (box === undefined) return
      const found = decodeMask(readMask(mask, box, placement))
      const value = (x: number, y: number) => mask.cells[y * 10 + x]!
      const axis = (at: number, cells: number) => {
        const place = Math.min(cells - 1, Math.max(0, at - 0.5))
        return [Math.floor(place), Math.min(cells - 1, Math.floor(place) + 1), place - Math.floor(place)] as const
      }
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++) {
          const [l, r, h] = axis((((x + 0.5) * placement.scaled[1]) / width + placement.offset[1]) / 4, 10)
          const [t, b, v] = axis((((y + 0.5) * placement.scaled[0]) / height + placement.offset[0]) / 4, 8)
          const level = (value(l, t) * (1 - h) + value(r, t) * h) * (1 - v) + (value(l, b) * (1 - h) + value(r, b) * h) * v
          if (Math.abs(level - 127.5) < 1e-6) continue
          const inside = x >= Math.floor(box.x1) && x < Math.ceil(box.x2) && y >= Math.floor(box.y1) && y < Math.ceil(box.y2)
          // Masks are stored column by column.
          const at = found.length === width * height ? y * width + x : -1
          expect(found[at] === 1, `${x}, ${y}`).toBe(inside && level > 127.5)
        }
    }),
    { numRuns: 60 },
  )
})
