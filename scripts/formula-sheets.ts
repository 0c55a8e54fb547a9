// Draws what pretraining shows a network, as sheets in docs/results/models: `node scripts/formula-sheets.ts`.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { drawSheet } from '../packages/fovea/src/data/draw-prediction.ts'
import { drawFormula, formulaVersion } from '../packages/fovea/src/data/synthetic/formula/index.ts'
import { rasterize } from '../packages/fovea/src/data/synthetic/formula/rasterize.ts'
import { shapeClasses, shapeInstance } from '../packages/fovea/src/data/synthetic/formula/shapes.ts'
import { textureClasses, textureInstance } from '../packages/fovea/src/data/synthetic/formula/textures.ts'
import { Random } from '../packages/fovea/src/util/random.ts'
import { createImage, type Image } from '../packages/fovea/src/vision/image.ts'

const folder = join(import.meta.dirname, '../docs/results/models')

type Pictures = Parameters<typeof drawSheet>[0]

/** A palette keeps the files small. */
async function writeSheet(name: string, pictures: Pictures, title: string, side: number, columns: number, colors: number): Promise<void> {
  const { width, height, channels, data } = await drawSheet(pictures, { title, side, columns })
  const picture = sharp(data, { raw: { width, height, channels } })
  const { size } = await picture.png({ palette: true, colors, dither: 0, compressionLevel: 9 }).toFile(join(folder, name))
  console.log(`${name}: ${Math.round(size / 1000)} kB`)
}

/** Values of 0 to 255 over a square, as grey. */
function grey(size: number, value: (x: number, y: number) => number): Image {
  const data = new Uint8ClampedArray(size * size)
  for (let y = 0, i = 0; y < size; y++) for (let x = 0; x < size; x++) data[i++] = value(x, y)
  return createImage(size, size, 1, new Uint8Array(data.buffer))
}

function texture(textureClass: number, size: number): Image {
  const value = textureInstance(textureClass, new Random(0, 'sheet', textureClass))
  // As large as a picture of 64 pixels shows it.
  return grey(size, (x, y) => 128 + 55 * value(x / 64, y / 64))
}

function shape(shapeClass: number, size: number): Image {
  const cover = new Float32Array(size * size)
  const place = { x: size / 2, y: size / 2, half: size * 0.47, angle: 0, stretch: 1 }
  rasterize(shapeInstance(shapeClass, new Random(0, 'sheet', shapeClass)), place, cover, size)
  return grey(size, (x, y) => 255 * (1 - 0.85 * cover[y * size + x]!))
}

mkdirSync(folder, { recursive: true })
const numbered = (count: number, draw: (i: number) => Image): Pictures =>
  Array.from({ length: count }, (_, i) => ({ image: draw(i), caption: String(i) }))
const scenes = Array.from({ length: 80 }, (_, i) => ({ image: drawFormula(i, { seed: 0, size: 64 }).image }))
await writeSheet('formula-samples.png', scenes, `Scenes 0 to 79 of seed 0, version ${formulaVersion}`, 64, 16, 128)
const textures = numbered(textureClasses, (i) => texture(i, 48))
await writeSheet('formula-textures.png', textures, `The ${textureClasses} classes of textures, one instance each`, 48, 20, 32)
const shapes = numbered(shapeClasses, (i) => shape(i, 64))
await writeSheet('formula-shapes.png', shapes, `The ${shapeClasses} classes of shapes, one instance each`, 64, 16, 16)
