// How several looks at one picture are asked for, and which models can take them.

import { FoveaError } from '../../util/errors.ts'
import type { TileOptions } from '../../vision/tiles.ts'
import type { HeadTask } from '../heads/head.ts'
import type { ModelMetadata } from '../metadata.ts'

/** Looks at a picture beside the plain one. Of several heads each takes those that it can, and answers plainly besides. */
export interface ViewOptions {
  /**
   * Looks at parts of the picture, so that large pictures are seen at their size. `true` takes tiles of the size that the model sees. Boxes are merged,
   * densities fade into one another, pixels are taken from the tile in whose middle they lie the most. For heads that detect, count or segment. @default false
   */
  readonly tiles?: boolean | TilesAsked
  /** Looks at the mirror image too, and answers with the mean: surer, and twice the time. For heads that detect, count or tell classes. @default false */
  readonly flip?: boolean
}

export interface TilesAsked extends Partial<TileOptions> {
  /** Of a detector: looks at the picture as a whole too, which finds what is larger than a tile. @default true */
  readonly whole?: boolean
}

/** Heads that answer about parts of a picture as about the whole. */
export const tiledTasks: readonly HeadTask[] = ['detect', 'count', 'segment']
/** Heads whose answers about a mirror image can be turned back and averaged. */
export const mirroredTasks: readonly HeadTask[] = ['detect', 'count', 'classify', 'multilabel']

/** True where more than one look is asked for. @throws FoveaError MODEL_OPTION where the model cannot */
export function asksForViews(
  { task, heads, name }: Pick<ModelMetadata, 'task' | 'heads' | 'name'>,
  { tiles = false, flip = false }: ViewOptions,
): boolean {
  if (typeof flip !== 'boolean') throw new FoveaError('MODEL_OPTION', { field: 'flip', expected: 'true or false', found: String(flip) })
  if (typeof tiles !== 'boolean' && (typeof tiles !== 'object' || tiles === null))
    throw new FoveaError('MODEL_OPTION', { field: 'tiles', expected: 'true, false, or { size, overlap, whole }', found: String(tiles) })
  if (typeof tiles === 'object') checkTiles(tiles)
  const tasks = heads?.map((head) => head.task as string) ?? [task]
  const fail = (field: string, expected: string): never => {
    throw new FoveaError('MODEL_OPTION', { field, file: name, expected, found: `one for ${task}` })
  }
  if (tiles !== false && !tiledTasks.some((one) => tasks.includes(one))) fail('tiles', 'a model that detects, counts or segments')
  if (flip && !mirroredTasks.some((one) => tasks.includes(one))) fail('flip', 'a model that detects, counts or tells classes')
  return tiles !== false || flip
}

/** A misspelt option would be taken for one that did something. */
function checkTiles(tiles: TilesAsked): void {
  const fail = (field: string, expected: string, found: unknown): never => {
    throw new FoveaError('MODEL_OPTION', { field, expected, found: String(found) })
  }
  if (Array.isArray(tiles)) fail('tiles', '{ size, overlap, whole }', 'a list')
  const { size, overlap = 0, whole = true, ...others } = tiles
  const [strange] = Object.keys(others)
  if (strange !== undefined) fail('tiles', 'size, overlap, whole', strange)
  if (typeof whole !== 'boolean') fail('tiles.whole', 'true or false', whole)
  if (typeof overlap !== 'number') fail('tiles.overlap', '0 to 0.9', overlap)
  if (size !== undefined && typeof size !== 'number' && !(Array.isArray(size) && size.length === 2))
    fail('tiles.size', 'a number, or [height, width]', size)
}
