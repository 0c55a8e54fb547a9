// Draws the pictures of docs/opencv.md into docs/results: `node scripts/opencv-pictures.ts`.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { drawSheet } from '../packages/fovea/src/data/draw-prediction.ts'
import { createCv } from '../packages/fovea/src/data/opencv/cv.ts'
import { contourAnnotation } from '../packages/fovea/src/data/opencv/reads/contours.ts'
import { Random } from '../packages/fovea/src/util/random.ts'
import { drawAnnotations } from '../packages/fovea/src/vision/drawing/annotations.ts'
import { createImage, type Image, toRgb } from '../packages/fovea/src/vision/image.ts'

const folder = join(import.meta.dirname, '../docs/results')
const cv = createCv()

/** Coins of two metals under a light from the left, with grain. */
function coins(width: number, height: number): Image {
  const random = new Random(8)
  const image = createImage(width, height, 3)
  const discs = Array.from({ length: 9 }, (_, i) => {
    const place = (column: number) => 44 + column * 84 + random.uniform(-8, 8)
    return { x: place(i % 3), y: place(Math.floor(i / 3)), radius: random.uniform(20, 33), metal: i % 2 === 0 ? [196, 128, 64] : [176, 180, 188] }
  })
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const disc = discs.find((one) => Math.hypot(x - one.x, y - one.y) < one.radius)
      const light = 1.08 - (0.4 * x) / width
      const color = disc === undefined ? [52, 62, 58] : disc.metal
      const ring = disc !== undefined && Math.abs(Math.hypot(x - disc.x, y - disc.y) - disc.radius + 5) < 1.5 ? 0.75 : 1
      for (let c = 0; c < 3; c++) image.data[3 * (y * width + x) + c] = Math.max(0, Math.min(255, color[c]! * light * ring + random.normal(0, 7)))
    }
  return image
}

/** An SVG laid over a picture. */
async function over(image: Image, shapes: string): Promise<Image> {
  const { width, height, channels, data } = toRgb(image)
  const svg = Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${shapes}</svg>`)
  const out = await sharp(data, { raw: { width, height, channels } }).composite([{ input: svg }]).removeAlpha().raw().toBuffer()
  return createImage(width, height, 3, new Uint8Array(out))
}

const photo = coins(256, 256)
const gray = cv(photo).gray()
const parts = gray.gaussianBlur(5).threshold('otsu').morphology('open', 5)
const contours = await parts.contours({ minArea: 100 })
const distances = await parts.distances()
const most = distances.data.reduce((a, b) => Math.max(a, b))
const map = createImage(256, 256, 1, Uint8Array.from(distances.data, (value) => (255 * value) / most))
const circles = await gray.medianBlur(5).circles({ minRadius: 15, maxRadius: 40, minDistance: 50 })
const rings = circles.map(({ x, y, radius }) => `<circle cx="${x}" cy="${y}" r="${radius}" fill="none" stroke="#ff2d8f" stroke-width="2"/>`).join('')
const tilted = await cv.perspectiveOf([0, 0, 256, 0, 256, 256, 0, 256], [40, 20, 236, 0, 256, 256, 0, 220])

const pictures: [Image, string][] = [
  [photo, 'the picture'],
  [await parts.image(), 'gray gaussianBlur threshold morphology'],
  [await over(photo, drawAnnotations(contours.map((contour, i) => contourAnnotation(contour, i)))), `contours: ${contours.length}`],
  [await gray.canny(80, 160).image(), 'canny'],
  [await over(photo, rings), `circles: ${circles.length}`],
  [await cv(map).colorMap('viridis').image(), 'distances, colorMap'],
  [await gray.clahe({ clipLimit: 4 }).image(), 'clahe'],
  [await cv(photo).bilateralFilter(9, { sigmaColor: 60 }).image(), 'bilateralFilter'],
  [await cv(photo).warpPerspective(tilted).image(), 'warpPerspective'],
]
mkdirSync(folder, { recursive: true })
const cells = pictures.map(([image, caption]) => ({ image: toRgb(image), caption }))
await writeSheet(cells)
await cv.close()

async function writeSheet(sheet: readonly { image: Image; caption: string }[]): Promise<void> {
  const { width, height, channels, data } = await drawSheet(sheet as never, { title: 'What vision.cv makes of a picture', side: 256, columns: 3 })
  const picture = sharp(data, { raw: { width, height, channels } })
  const { size } = await picture.png({ palette: true, colors: 192, dither: 0.5, compressionLevel: 9 }).toFile(join(folder, 'opencv.png'))
  console.log(`opencv.png: ${Math.round(size / 1000)} kB`)
}
