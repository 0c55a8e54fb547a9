// The built-in sample data: pictures of a surface inspection, drawn by formula, with the place of every defect known.

import { join } from 'node:path'
import { FoveaError } from '../../util/errors.ts'
import { Random } from '../../util/random.ts'
import { createImage, type Image } from '../../vision/image.ts'
import type { ImageDataset } from '../dataset.ts'
import { writePng } from '../encode.ts'
import { makeFolder } from '../files.ts'
import { type Canvas, drawCrack, drawInclusions, drawPits, drawScratch, drawStain } from './defects.ts'
import { drawTexture } from './texture.ts'

/** In the order of an ImageFolder. */
export const surfaceClasses = ['crack', 'good', 'inclusion', 'pit', 'scratch', 'stain'] as const
export type SurfaceClass = (typeof surfaceClasses)[number]

export interface Surface {
  /** RGB, size x size. */
  readonly image: Image
  /** One channel: 255 where the defect is, else 0; black for `good`. */
  readonly mask: Image
  /** One channel: which of the things a pixel of the mask belongs to, from 1 on; else 0. A crack is one with all its branches. */
  readonly things: Image
  readonly surfaceClass: SurfaceClass
}

export interface SurfaceOptions {
  /** Default 0. */
  readonly seed?: number
  /** Side in pixels, at least 32. Default 64. */
  readonly size?: number
  /** Pictures of each class. Default 100. */
  readonly perClass?: number
  /** Default all of `surfaceClasses`. */
  readonly classes?: readonly SurfaceClass[]
}

const draw: Record<SurfaceClass, (canvas: Canvas, random: Random) => void> = {
  good: () => undefined,
  scratch: drawScratch,
  pit: drawPits,
  stain: drawStain,
  crack: drawCrack,
  inclusion: drawInclusions,
}

/** One picture. The same random state gives the same picture. */
export function drawSurface(surfaceClass: SurfaceClass, size: number, random: Random): Surface {
  const pixels = size * size
  const canvas: Canvas = {
    size,
    light: drawTexture(size, random),
    warmth: new Float32Array(pixels),
    mask: new Float32Array(pixels),
    owners: new Uint8Array(pixels),
    things: 0,
  }
  draw[surfaceClass](canvas, random)
  const tint = [random.uniform(-0.05, 0.07), random.uniform(-0.01, 0.02), random.uniform(-0.06, 0.06)] as const
  const noise = random.uniform(0.008, 0.024)
  const data = new Uint8Array(pixels * 3)
  const mask = new Uint8Array(pixels)
  for (let i = 0; i < pixels; i++) {
    const light = canvas.light[i]! + random.normal(0, noise)
    const warmth = canvas.warmth[i]!
    const color = [light * (1 + tint[0]) + 0.05 * warmth, light * (1 + tint[1]), light * (1 + tint[2]) - 0.1 * warmth]
    for (let c = 0; c < 3; c++) data[i * 3 + c] = Math.min(255, Math.max(0, Math.round((color[c]! + random.normal(0, noise * 0.35)) * 255)))
    mask[i] = canvas.mask[i]! >= 0.5 ? 255 : 0
    if (mask[i] === 0) canvas.owners[i] = 0
  }
  const plane = (values: Uint8Array) => createImage(size, size, 1, values)
  return { image: createImage(size, size, 3, data), mask: plane(mask), things: plane(canvas.owners), surfaceClass }
}

/**
 * A whole set, class by class. Picture n of a class depends on seed, size, class and n alone.
 * @throws DATA_OPTION_INVALID
 */
export function* generateSurfaces(options: SurfaceOptions = {}): Generator<Surface & { readonly name: string }> {
  const { seed = 0, size = 64, perClass = 100, classes = surfaceClasses } = options
  if (!Number.isInteger(size) || size < 32 || size > 4096) throw invalid('size', 'a whole number from 32 to 4096', size)
  if (!Number.isInteger(perClass) || perClass < 1) throw invalid('perClass', 'a whole number of at least 1', perClass)
  for (const surfaceClass of classes) {
    if (!surfaceClasses.includes(surfaceClass)) throw invalid('classes', `some of ${surfaceClasses.join(', ')}`, surfaceClass)
    for (let i = 0; i < perClass; i++) {
      const name = `${surfaceClass}_${String(i + 1).padStart(4, '0')}`
      yield { ...drawSurface(surfaceClass, size, new Random(seed, size, surfaceClass, i)), name }
    }
  }
}

/** The set in memory, for the loader. */
export function surfaceDataset(options: SurfaceOptions = {}): ImageDataset {
  const classes = [...(options.classes ?? surfaceClasses)].sort()
  const samples = [...generateSurfaces(options)].map(({ image, name, surfaceClass }) => ({
    path: `${name}.png`,
    label: classes.indexOf(surfaceClass),
    image,
  }))
  return { classes, samples }
}

/**
 * Writes the set as an ImageFolder: `folder/<class>/<class>_0001.png`, and the masks of the defects under the same names in `maskFolder`
 * where one is given. Returns the number of pictures.
 */
export async function writeSurfaces(
  folder: string,
  options: SurfaceOptions & { readonly maskFolder?: string; readonly signal?: AbortSignal } = {},
): Promise<number> {
  const { maskFolder, signal } = options
  const made = new Set<string>()
  // Several files are under way at a time: each waits for the disk.
  const writes: Promise<void>[] = []
  let count = 0
  for (const { image, mask, name, surfaceClass } of generateSurfaces(options)) {
    if (signal?.aborted) break
    const files: [string, Image][] = [[folder, image]]
    if (maskFolder !== undefined && surfaceClass !== 'good') files.push([maskFolder, mask])
    for (const [root, picture] of files) {
      const parent = join(root, surfaceClass)
      if (!made.has(parent)) {
        // No write may fail unobserved while this waits for something else.
        await Promise.all(writes.splice(0))
        await makeFolder(parent)
        made.add(parent)
      }
      writes.push(writePng(join(parent, `${name}.png`), picture))
    }
    if (writes.length >= 16) await Promise.all(writes.splice(0))
    count++
  }
  await Promise.all(writes)
  if (signal?.aborted) throw new FoveaError('CANCELLED', { cause: signal.reason })
  return count
}

function invalid(field: string, expected: string, found: unknown): FoveaError {
  return new FoveaError('DATA_OPTION_INVALID', { field, expected, found: String(found) })
}
