// Draws the pictures of docs/opencv.md into docs/results: `node scripts/opencv-pictures.ts`.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { drawSheet } from '../packages/fovea/src/data/draw-prediction.ts'
import { createCv } from '../packages/fovea/src/data/opencv/cv.ts'
import { contourAnnotation } from '../packages/fovea/src/data/opencv/reads/contours.ts'
import { Random } from '../packages/fovea/src/util/random.ts'
import { drawAnnotations } from '../packages/fovea/src/vision/drawing/annotations.ts'
import { createImage, type Image } from '../packages/fovea/src/vision/image.ts'

const folder = join(import.meta.dirname, '../docs/results')
const cv = createCv()

/** Coins of two metals under a light from the left, with grain. */
function coins(width: number, height: number): Image {
  const random = new Random(8)
  const image = createImage(width, height, 3)
  const discs = Array.from({ length: 9 }, (_, i) => {
    const place = (column: number) => 44 + column * 84 + random.uniform(-8, 8)
    return {
      x: place(i % 3),
      y: place(Math.floor(i / 3)),
      radius: random.uniform(20, 33),
      metal: i % 2 === 0 ? [196, 128, 64] : [176, 180, 188],
    }
  })
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const disc = discs.find((one) => Math.hypot(x - one.x, y - one.y) < one.radius)
      const light = 1.08 - (0.4 * x) / width
      const color = disc === undefined ? [52, 62, 58] : disc.metal
      const ring = disc !== undefined && Math.abs(Math.hypot(x - disc.x, y - disc.y) - disc.radius + 5) < 1.5 ? 0.75 : 1
      for (let c = 0; c < 3; c++)
        image.data[3 * (y * width + x) + c] = Math.max(0, Math.min(255, color[c]! * light * ring + random.normal(0, 7)))
    }
  return image
}

const photo = coins(256, 256)
const gray = cv(photo).gray()
const parts = gray.gaussianBlur(5).threshold('otsu').morphology('open', 5)
const contours = await parts.contours({ minArea: 100 })
const distances = await parts.distances()
const most = distances.data.reduce((a, b) => Math.max(a, b))
const map = createImage(
  256,
  256,
  1,
  Uint8Array.from(distances.data, (value) => (255 * value) / most),
)
const circles = await gray.medianBlur(5).circles({ minRadius: 15, maxRadius: 40, minDistance: 50 })
const rings = circles
  .map(({ x, y, radius }) => `<circle cx="${x}" cy="${y}" r="${radius}" fill="none" stroke="#ff2d8f" stroke-width="2"/>`)
  .join('')
const tilted = await cv.perspectiveOf([0, 0, 256, 0, 256, 256, 0, 256], [40, 20, 236, 0, 256, 256, 0, 220])

const outlines = drawAnnotations(contours.map((contour, i) => contourAnnotation(contour, i)))
const cells = [
  { caption: 'the picture', image: photo },
  { caption: 'gray gaussianBlur threshold morphology', image: await parts.image() },
  { caption: `contours: ${contours.length}`, image: photo, overlay: outlines },
  { caption: 'canny', image: await gray.canny(80, 160).image() },
  { caption: `circles: ${circles.length}`, image: photo, overlay: rings },
  { caption: 'distances, colorMap', image: await cv(map).colorMap('viridis').image() },
  { caption: 'clahe', image: await gray.clahe({ clipLimit: 4 }).image() },
  { caption: 'bilateralFilter', image: await cv(photo).bilateralFilter(9, { sigmaColor: 60 }).image() },
  { caption: 'warpPerspective', image: await cv(photo).warpPerspective(tilted).image() },
]
mkdirSync(folder, { recursive: true })
const { width, height, channels, data } = await drawSheet(cells, { title: 'What vision.cv makes of a picture', side: 256, columns: 3 })
const sheet = sharp(data, { raw: { width, height, channels } })
const { size } = await sheet.png({ palette: true, colors: 96, dither: 0, compressionLevel: 9 }).toFile(join(folder, 'opencv.png'))
console.log(`opencv.png: ${Math.round(size / 1000)} kB`)
await cv.close()
