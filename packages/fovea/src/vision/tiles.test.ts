import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Random } from '../util/random.ts'
import type { Box, Detection } from './annotation.ts'
import { boxArea, boxIntersection, boxIoU } from './boxes.ts'
import { mergeTiles, type Tile, tileCores, tileShares, tilesOf } from './tiles.ts'

describe('tilesOf', () => {
  test('covers every pixel with tiles of one size that overlap enough', () => {
    const sides = fc.integer({ min: 1, max: 90 })
    fc.assert(
      fc.property(sides, sides, sides, sides, fc.constantFrom(0, 0.2, 0.5, 0.9), (width, height, tileWidth, tileHeight, overlap) => {
        const tiles = tilesOf(width, height, { size: [tileHeight, tileWidth], overlap })
        const [lefts, tops] = [new Set(tiles.map(({ left }) => left)), new Set(tiles.map(({ top }) => top))]
        expect(tiles).toHaveLength(lefts.size * tops.size)
        for (const tile of tiles) expect([tile.width, tile.height]).toEqual([Math.min(width, tileWidth), Math.min(height, tileHeight)])
        for (const [starts, side, length] of [
          [[...lefts], Math.min(width, tileWidth), width],
          [[...tops], Math.min(height, tileHeight), height],
        ] as const) {
          expect(starts[0]).toBe(0)
          expect(starts.at(-1)! + side).toBe(length)
          const steps = starts.slice(1).map((start, i) => start - starts[i]!)
          for (const step of steps) expect(step).toBeLessThanOrEqual(Math.max(1, Math.floor(side * (1 - overlap))))
        }
      }),
    )
  })

  test('refuses a size that would take for ever', () => {
    expect(() => tilesOf(4000, 3000, { size: 8 })).toThrow(expect.objectContaining({ code: 'METRIC_INVALID' }))
  })

  test.each([0, 1.5, Number.NaN])('refuses a size of %d', (size) => {
    expect(() => tilesOf(10, 10, { size })).toThrow(expect.objectContaining({ code: 'METRIC_INVALID' }))
  })
})

test('every place belongs to the core of one tile, deep inside of it, and shares of it sum to 1', () => {
  const sides = fc.integer({ min: 1, max: 60 })
  fc.assert(
    fc.property(sides, sides, sides, fc.constantFrom(0, 0.2, 0.5, 0.8), fc.nat(), (width, height, tile, overlap, place) => {
      const tiles = tilesOf(width, height, { size: tile, overlap })
      const cores = tileCores(tiles)
      const [x, y] = [(place % width) + 0.5, (Math.floor(place / width) % height) + 0.5]
      const owners = cores.flatMap(({ x1, y1, x2, y2 }, i) => (x >= x1 && x < x2 && y >= y1 && y < y2 ? [tiles[i]!] : []))
      expect(owners).toHaveLength(1)
      const [owner] = owners
      const shares = tileShares(tiles.map(({ left, width: length }) => [left, length]))
      const all = [...new Set(tiles.map(({ left }) => left))].map((left) => shares(left, x))
      expect(all.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9)
      // No other tile sees the place from further inside.
      expect(shares(owner!.left, x)).toBeCloseTo(Math.max(...all), 9)
    }),
  )
})

describe('mergeTiles', () => {
  /** Boxes that lie apart, the longest side below the overlap of the tiles. */
  function things(seed: number): Detection[] {
    const random = new Random(seed, 'things')
    const boxes: Box[] = []
    for (let i = 0; i < 60; i++) {
      const [x1, y1] = [random.uniform(0, 560), random.uniform(0, 380)]
      const box = { x1, y1, x2: x1 + random.uniform(8, 38), y2: y1 + random.uniform(8, 19) }
      if (boxes.every((other) => boxIoU(other, box) === 0)) boxes.push(box)
    }
    return boxes.map((box, i) => ({ label: i % 3, score: random.uniform(0.3, 1), box }))
  }

  /** What a detector that makes no mistakes finds in a tile: things that are cut score higher than whole ones. */
  function seenIn(tile: Tile, all: readonly Detection[]): Detection[] {
    const bounds = { x1: tile.left, y1: tile.top, x2: tile.left + tile.width, y2: tile.top + tile.height }
    return all.flatMap((thing) => {
      const { box } = thing
      if (boxIntersection(bounds, box!) < 0.1 * boxArea(box!)) return []
      const part = {
        x1: Math.max(box!.x1, bounds.x1),
        y1: Math.max(box!.y1, bounds.y1),
        x2: Math.min(box!.x2, bounds.x2),
        y2: Math.min(box!.y2, bounds.y2),
      }
      return [{ ...thing, box: part, score: boxArea(part) < boxArea(box!) ? 1 : thing.score }]
    })
  }

  test('gives things that lie apart once and whole, wherever borders cut them', () => {
    fc.assert(
      fc.property(fc.integer(), fc.boolean(), (seed, whole) => {
        const all = things(seed)
        const picture = { width: 600, height: 400 }
        const tiles = tilesOf(600, 400, { size: [100, 200], overlap: 0.2 })
        const looks = whole ? [{ left: 0, top: 0, ...picture }, ...tiles] : tiles
        const merged = mergeTiles(
          looks.map((tile) => ({ tile, detections: seenIn(tile, all) })),
          picture,
        )
        const sorted = (list: readonly Detection[]) =>
          [...list].sort((a, b) => a.box!.x1 - b.box!.x1).map(({ box, label }) => ({ box, label }))
        expect(sorted(merged)).toEqual(sorted(all))
      }),
      { numRuns: 50 },
    )
  })

  test('keeps a cut thing that no other tile has, and the order of scores', () => {
    const tile = { left: 100, top: 0, width: 100, height: 100 }
    const [cut, plain] = [
      { label: 0, score: 0.9, box: { x1: 100, y1: 10, x2: 130, y2: 40 } },
      { label: 0, score: 0.5, box: { x1: 150, y1: 10, x2: 170, y2: 40 } },
    ]
    const merged = mergeTiles([{ tile, detections: [plain, cut] }], { width: 200, height: 100 })
    expect(merged).toEqual([cut, plain])
    expect(mergeTiles([{ tile, detections: [plain, cut] }], { width: 200, height: 100 }, { limit: 1 })).toEqual([cut])
  })
})
