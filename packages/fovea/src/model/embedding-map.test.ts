import { describe, expect, it } from 'vitest'
import { Random } from '../util/random.ts'
import { mapEmbeddings } from './embedding-map.ts'

const random = new Random(5, 'clusters')
const centres = Array.from({ length: 3 }, () => Array.from({ length: 20 }, () => random.uniform(-5, 5)))
const kinds = Array.from({ length: 60 }, (_, i) => i % 3)
const rows = kinds.map((kind) => Float32Array.from(centres[kind]!, (value) => value + 0.3 * random.normal()))

/** Part of the points whose nearest other is of their kind. */
function purity(points: readonly (readonly [number, number])[]): number {
  const right = points.filter(([x, y], i) => {
    const distances = points.map(([px, py], j) => (i === j ? Number.POSITIVE_INFINITY : Math.hypot(px - x, py - y)))
    return kinds[distances.indexOf(Math.min(...distances))] === kinds[i]
  })
  return right.length / points.length
}

describe('mapEmbeddings', () => {
  it.each(['umap', 'pca'] as const)('keeps together what is alike, the same for the same seed: %s', async (method) => {
    const seen: number[] = []
    const map = await mapEmbeddings(rows, { method, seed: 3, onProgress: (done) => seen.push(done) })
    expect(map.method).toBe(method)
    expect(purity(map.points)).toBe(1)
    expect(await mapEmbeddings(rows, { method, seed: 3 })).toEqual(map)
    if (method === 'umap') {
      expect((await mapEmbeddings(rows, { seed: 4 })).points).not.toEqual(map.points)
      expect(seen).toEqual([...seen].sort((a, b) => a - b))
      expect(seen.length).toBeGreaterThan(10)
    } else expect(map.explained).toBeGreaterThan(0.9)
  })

  it('takes principal components where points are few, down to one', async () => {
    expect((await mapEmbeddings(rows.slice(0, 3))).method).toBe('pca')
    expect(await mapEmbeddings(rows.slice(0, 1))).toEqual({ method: 'pca', points: [[0, 0]], explained: 1 })
    expect((await mapEmbeddings(Array.from({ length: 5 }, (_, i) => Float32Array.of(i)))).points.every(([, y]) => y === 0)).toBe(true)
  })

  it('lays out points that are all the same', async () => {
    const { points } = await mapEmbeddings(Array.from({ length: 12 }, () => Float32Array.of(1, 2, 3)))
    expect(points.flat().every(Number.isFinite)).toBe(true)
  })

  it('refuses rows that differ in length or are not finite, and can be cancelled', async () => {
    await expect(mapEmbeddings([])).rejects.toThrow(/DRAWING_INVALID/)
    await expect(mapEmbeddings([Float32Array.of(1), Float32Array.of(1, 2)])).rejects.toThrow(/rows of equal length/)
    await expect(mapEmbeddings([Float32Array.of(1), Float32Array.of(Number.NaN)])).rejects.toThrow(/finite values/)
    await expect(mapEmbeddings(rows, { signal: AbortSignal.abort() })).rejects.toThrow(/CANCELLED/)
  })
})
