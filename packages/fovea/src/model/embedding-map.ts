// Many pictures' features on a plane: near ones are alike. UMAP (McInnes 2018) or principal components.

import { setImmediate } from 'node:timers/promises'
import { UMAP } from 'umap-js'
import { FoveaError } from '../util/errors.ts'
import { Random } from '../util/random.ts'
import { principalComponents } from '../vision/principal-components.ts'

export type MapMethod = 'umap' | 'pca'

export interface EmbeddingMapOptions {
  /** @default 'umap' */
  readonly method?: MapMethod
  /** UMAP: how many near ones each point is held to. @default 15, less for few points */
  readonly neighbors?: number
  /** UMAP: the same seed gives the same map. @default 0 */
  readonly seed?: number
  readonly signal?: AbortSignal
  readonly onProgress?: (done: number, total: number) => void
}

export interface EmbeddingMap {
  /** The method that was used: principal components too where points are too few for UMAP. */
  readonly method: MapMethod
  readonly points: readonly (readonly [x: number, y: number])[]
  /** Part of all variance that the plane shows; principal components only. */
  readonly explained?: number
}

/** Fewer points have no neighbourhoods to keep. */
const fewest = 8
/** Distances are measured on so many principal components at most: what lies behind is noise, and costs. */
const keptComponents = 50

/**
 * Lays rows of equal length on a plane.
 *
 * @throws FoveaError DRAWING_INVALID where rows differ in length or are not finite, CANCELLED
 */
export async function mapEmbeddings(rows: readonly Float32Array[], options: EmbeddingMapOptions = {}): Promise<EmbeddingMap> {
  const columns = rows[0]?.length ?? 0
  const odd = rows.find((row) => row.length !== columns)
  if (columns === 0 || odd !== undefined)
    throw new FoveaError('DRAWING_INVALID', {
      field: 'rows',
      expected: 'rows of equal length',
      found: `${columns} and ${odd?.length ?? 0}`,
    })
  const data = new Float32Array(rows.length * columns)
  rows.forEach((row, i) => {
    data.set(row, i * columns)
  })
  const method = options.method === 'pca' || rows.length < fewest ? 'pca' : 'umap'
  const { scores, variances, total } = principalComponents(data, rows.length, columns, method === 'pca' ? 2 : keptComponents)
  const count = variances.length
  if (method === 'umap') return { method, points: await umap(scores, rows.length, count, options) }
  const points = rows.map((_, i) => [scores[i * count]!, count > 1 ? scores[i * count + 1]! : 0] as const)
  const shown = variances.slice(0, 2).reduce((sum, variance) => sum + variance, 0)
  return { method, points, explained: total > 0 ? shown / total : 1 }
}

async function umap(
  scores: Float64Array,
  rows: number,
  count: number,
  { neighbors = 15, seed = 0, signal, onProgress }: EmbeddingMapOptions,
): Promise<[number, number][]> {
  const random = new Random(seed, 'umap')
  const method = new UMAP({ nNeighbors: Math.min(neighbors, rows - 1), minDist: 0.15, random: () => random.next() })
  const epochs = method.initializeFit(Array.from({ length: rows }, (_, i) => [...scores.subarray(i * count, (i + 1) * count)]))
  for (let epoch = 1; epoch <= epochs; epoch++) {
    method.step()
    if (epoch % 5 !== 0) continue
    onProgress?.(epoch, epochs)
    // The loop must turn for an interruption to arrive.
    await setImmediate()
    if (signal?.aborted) throw new FoveaError('CANCELLED', { cause: signal.reason })
  }
  return method.getEmbedding().map(([x = 0, y = 0]) => [x, y])
}
