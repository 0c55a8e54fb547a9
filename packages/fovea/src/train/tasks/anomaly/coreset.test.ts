import { describe, expect, test } from 'vitest'
import { Random } from '../../../util/random.ts'
import { chooseCoreset, project, type Rows } from './coreset.ts'

function randomRows(count: number, width: number, seed: number): Rows {
  const random = new Random(seed, 'rows')
  return { data: Float32Array.from({ length: count * width }, () => random.normal()), count, width }
}

const distance = ({ data, width }: Rows, a: number, b: number) =>
  Math.hypot(...Array.from({ length: width }, (_, k) => data[a * width + k]! - data[b * width + k]!))

/** How far the row that is worst off lies from the nearest of those chosen. */
const radius = (rows: Rows, chosen: Iterable<number>) => {
  const centres = [...chosen]
  return Math.max(...Array.from({ length: rows.count }, (_, i) => Math.min(...centres.map((centre) => distance(rows, i, centre)))))
}

function* subsets(count: number, size: number, from = 0): Generator<number[]> {
  if (size === 0) yield []
  else for (let i = from; i <= count - size; i++) for (const rest of subsets(count, size - 1, i + 1)) yield [i, ...rest]
}

describe('the greedy coreset', () => {
  test('comes within twice the best radius of all choices', async () => {
    for (let seed = 0; seed < 30; seed++) {
      const rows = randomRows(11, 1 + (seed % 3), seed)
      const size = 2 + (seed % 3)
      const chosen = await chooseCoreset(rows, { size, seed })
      expect(new Set(chosen).size).toBe(size)
      const best = Math.min(...[...subsets(rows.count, size)].map((subset) => radius(rows, subset)))
      expect(radius(rows, chosen)).toBeLessThanOrEqual(2 * best + 1e-6)
    }
  })

  test('takes the farthest row at each step, as plain loops do', async () => {
    const rows = randomRows(300, 8, 5)
    const chosen = [...(await chooseCoreset(rows, { size: 40, seed: 5 }))]
    for (let i = 1; i < chosen.length; i++) {
      const before = chosen.slice(0, i)
      const far = (row: number) => Math.min(...before.map((centre) => distance(rows, row, centre)))
      expect(far(chosen[i]!)).toBeCloseTo(radius(rows, before), 5)
    }
    // All rows lie within the distance of the one that would have come next.
    expect(radius(rows, chosen)).toBeLessThanOrEqual(
      Math.min(...chosen.slice(1).map((row, i) => Math.min(...chosen.slice(0, i + 1).map((c) => distance(rows, row, c))))),
    )
  })

  test('the same seed chooses the same rows; of few rows all are kept', async () => {
    const rows = randomRows(500, 12, 7)
    const choose = (seed: number) => chooseCoreset(rows, { size: 25, seed, dimensions: 6 })
    expect(await choose(1)).toEqual(await choose(1))
    expect(await choose(1)).not.toEqual(await choose(2))
    expect([...(await chooseCoreset(randomRows(3, 2, 0), { size: 5 }))]).toEqual([0, 1, 2])
    // Copies of what is chosen add nothing.
    const copies = { data: Float32Array.from({ length: 60 }, (_, i) => Math.floor(i / 2) % 3), count: 30, width: 2 }
    expect((await chooseCoreset(copies, { size: 10 })).length).toBe(3)
  })

  test('a projection keeps distances but for some per cent', async () => {
    const rows = randomRows(40, 400, 9)
    const small = await project(rows, 128, 3)
    const ratios = Array.from({ length: 39 }, (_, i) => distance(small, i, i + 1) / distance(rows, i, i + 1))
    expect(Math.min(...ratios)).toBeGreaterThan(0.75)
    expect(Math.max(...ratios)).toBeLessThan(1.25)
    expect(ratios.reduce((a, b) => a + b) / ratios.length).toBeCloseTo(1, 1)
  })

  test('lets the event loop in, tells how far it is, and can be cancelled', async () => {
    const rows = randomRows(20_000, 16, 11)
    const told: number[] = []
    let turns = 0
    const timer = setInterval(() => {
      turns++
    }, 1)
    await chooseCoreset(rows, { size: 400, onProgress: (done) => told.push(done) })
    clearInterval(timer)
    expect(turns).toBeGreaterThan(3)
    expect(told.length).toBeGreaterThan(3)
    const stop = new AbortController()
    const choosing = chooseCoreset(rows, { size: 19_999, signal: stop.signal, onProgress: () => stop.abort() })
    await expect(choosing).rejects.toMatchObject({ code: 'CANCELLED' })
  })
})
