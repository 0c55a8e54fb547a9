// The head that finds anomalies on a model: a memory of good patches in the graph, built; its answers read.

import { dataInputs } from '../../graph/analysis.ts'
import { GraphBuilder } from '../../graph/builder.ts'
import { copyModel } from '../../graph/copy.ts'
import { isStatic } from '../../graph/dims.ts'
import { type Model, tensorType } from '../../graph/model.ts'
import { Tensor } from '../../graph/tensor.ts'
import { emitMap, emitNearest, emitScore } from '../../nn/anomaly/nearest.ts'
import { emitPatchFeatures, emitPatchRows, type PatchGrid, type PatchMap, type Projection } from '../../nn/anomaly/patches.ts'
import { Emitter } from '../../nn/emitter.ts'
import { bindDimensions } from '../../passes/bind-dimensions.ts'
import { eliminateDeadNodes } from '../../passes/eliminate-dead-nodes.ts'
import { inferValues } from '../../passes/infer-shapes.ts'
import { FoveaError } from '../../util/errors.ts'
import { AnomalyMap } from '../../vision/anomaly.ts'
import { overPicture, type Placement } from '../../vision/placement.ts'
import { resolveLayer } from '../layers.ts'
import { readMetadata, writeMetadata } from '../metadata.ts'
import type { AnomalyHead, AnomalyLimits } from './head.ts'
import { threshold } from './threshold.ts'

/** What good pictures look like, as a head holds it. */
export interface AnomalyHeadSpec {
  /** @default 'anomaly' */
  readonly name?: string
  /** What good pictures are called. @default 'good' */
  readonly good?: string
  /** Layers of the model, by stage or value; the first gives the grid. */
  readonly layers: readonly PatchLayer[]
  readonly projection: Projection
  /** Remembered rows, row by row [patches, width]. */
  readonly bank: { readonly data: Float32Array; readonly dims: readonly [number, number] }
  readonly scoring: AnomalyScoring
  readonly limits: AnomalyLimits
}

export interface PatchLayer {
  readonly layer: string
  /** Takes away the mean over the picture. */
  readonly relative?: boolean
}

export interface AnomalyScoring {
  /** Nearest patches whose distances are averaged. */
  readonly neighbours: number
  /** Deviation of the Gaussian that smooths the map, in cells. */
  readonly smoothing: number
  /** The part of the cells, the highest, whose mean is the score of the picture, 0 to 1. */
  readonly share: number
}

/** A model that is fixed to one size of picture, with a value that holds features of patches. */
export interface PatchModel {
  readonly model: Model
  /** float [N, channels, height, width]. */
  readonly features: string
  readonly maps: readonly PatchMap[]
  readonly grid: PatchGrid
}

/**
 * The model cut to what patches are made of, fixed to the size that its preprocessing names.
 *
 * @throws FoveaError MODEL_LAYER for a layer that is not there or is no map
 */
export function patchModel(source: Model, layers: readonly PatchLayer[]): PatchModel {
  const { stages, preprocessing } = readMetadata(source)
  const size = preprocessing.size
  const fixed = size === undefined ? source : bindDimensions(source, { H: size[0], W: size[1] }).model
  const model = copyModel(fixed)
  const shapes = inferValues(model, { bindings: { N: 1 } })
  const maps = layers.map(({ layer, relative = false }): PatchMap => {
    const value = resolveLayer(model, stages, layer)
    const dims = shapes.dims(value)
    if (!isStatic(dims) || dims.length !== 4 || dims.some((side) => side < 1))
      throw new FoveaError('MODEL_LAYER', {
        field: layer,
        expected: 'a map [N, C, H, W]',
        found: dims === undefined ? 'unknown' : `[${dims}]`,
      })
    return { value, channels: dims[1]!, height: dims[2]!, width: dims[3]!, relative }
  })
  const [{ height, width }] = maps as [PatchMap]
  const { graph } = model
  graph.outputs = []
  graph.inputs = graph.inputs.filter(({ name }) => !graph.initializers.has(name))
  const b = new GraphBuilder({ graph, opset: model.opsets.get('') ?? 1 })
  const features = b.output(emitPatchFeatures(new Emitter(b), maps, { height, width }), undefined, b.fresh('patches'))
  return { model: eliminateDeadNodes(model).model, features, maps, grid: { height, width } }
}

/** How many cells a part of the map is: at least one. */
export function cellsOf(share: number, { height, width }: PatchGrid): number {
  return Math.min(height * width, Math.max(1, Math.round(share * height * width)))
}

/**
 * The model with the head in the place of its outputs: one file that answers alone.
 *
 * @throws FoveaError MODEL_LAYER as `patchModel`
 */
export function addAnomalyHead(source: Model, spec: AnomalyHeadSpec): Model {
  const { name = 'anomaly', good = 'good', projection, bank, limits } = spec
  const patches = patchModel(source, spec.layers)
  const { model, grid } = patches
  const { graph } = model
  graph.outputs = []
  const b = new GraphBuilder({ graph, opset: model.opsets.get('') ?? 1 })
  const e = new Emitter(b)
  const rows = emitPatchRows(e, patches.features, grid, projection, `${name}.projection`)
  const { scores, map } = emitAnswers(e, rows, { name: `${name}.bank`, ...bank }, grid, spec.scoring)
  const picked = (by: AnomalyLimits['score']) => Tensor.float32([1], [by[limits.by]])
  const thresholds = {
    score: threshold(b, `${name}_threshold`, picked(limits.score)),
    cell: threshold(b, `${name}_cellThreshold`, picked(limits.cell)),
  }
  const above = (value: string, limit: string) => b.op('Cast', [b.op('Greater', [value, limit])], { to: 2 })
  const cells = b.op('Squeeze', [map, b.ints([1])])
  const input = graph.inputs.find(({ name: one }) => one === dataInputs(graph)[0])?.type
  const batch = (input?.kind === 'tensor' ? input.dims?.[0] : undefined) ?? 'N'
  const outputs = {
    scores: b.output(scores, tensorType('float32', [batch]), b.fresh(`${name}_scores`)),
    map: b.output(cells, tensorType('float32', [batch, grid.height, grid.width]), b.fresh(`${name}_map`)),
    alarms: b.output(above(scores, thresholds.score), tensorType('uint8', [batch]), b.fresh(`${name}_alarms`)),
    odd: b.output(above(cells, thresholds.cell), tensorType('uint8', [batch, grid.height, grid.width]), b.fresh(`${name}_odd`)),
  }
  const labels = [good, 'anomaly']
  const head: AnomalyHead = { task: 'anomaly', name, labels, outputs, thresholds, scores: { rows, bank: `${name}.bank` }, limits }
  const { metrics: _, split: __, thresholds: ___, calibration: ____, rejection: _____, ...metadata } = readMetadata(source)
  const produced = new Set(graph.nodes.flatMap((node) => node.outputs))
  const stages = Object.fromEntries(Object.entries(metadata.stages).filter(([, value]) => produced.has(value)))
  return writeMetadata(model, { ...metadata, task: 'anomaly', labels, heads: [head], stages })
}

/** Distances of rows to a bank as map and score. @param penalty as `emitNearest` takes it */
export function emitAnswers(
  e: Emitter,
  rows: string,
  bank: Parameters<typeof emitNearest>[2],
  grid: PatchGrid,
  { neighbours, smoothing, share }: AnomalyScoring,
  penalty?: string,
): { scores: string; map: string } {
  const distances = emitNearest(e, rows, bank, { neighbours, ...(penalty === undefined ? {} : { penalty }) })
  const map = emitMap(e, distances, grid, smoothing)
  return { map, scores: emitScore(e, map, cellsOf(share, grid)) }
}

/** The answer for a picture of the batch: what lies in the border of a letterbox is left out of the map. */
export function readAnomaly(
  { scores, map, dims }: { readonly scores: Float32Array; readonly map: Float32Array; readonly dims: readonly number[] },
  picture: number,
  placement: Placement,
  { threshold, pixelThreshold }: { readonly threshold: number; readonly pixelThreshold: number },
): AnomalyMap {
  const [, height = 1, width = 1] = dims
  const data = map.subarray(picture * height * width, (picture + 1) * height * width)
  return new AnomalyMap({
    score: scores[picture]!,
    threshold,
    pixelThreshold,
    map: overPicture({ height, width, data }, placement),
    width: placement.picture[1],
    height: placement.picture[0],
  })
}
