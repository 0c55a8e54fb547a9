import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createImage, filledImage } from '../vision/image.ts'
import { decodeImage, loadImage } from './decode.ts'
import { drawOver, encodeJpeg, encodePng, imageDataUrl, renderSvg, writePng } from './encode.ts'

const image = createImage(
  3,
  2,
  3,
  Uint8Array.from({ length: 18 }, (_, i) => i * 13),
)
const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="2"><rect width="2" height="2" fill="#ff0000"/></svg>'

test('PNG keeps every byte, also of grey and alpha', async () => {
  expect((await decodeImage(await encodePng(image))).data).toEqual(image.data)
  const gray = createImage(2, 1, 1, Uint8Array.from([7, 200]))
  expect(Array.from((await decodeImage(await encodePng(gray))).data)).toEqual([7, 7, 7, 200, 200, 200])
  expect((await loadImage(await imageDataUrl(image))).data).toEqual(image.data)
})

test('JPEG is close', async () => {
  const flat = filledImage(16, 16, [200, 30, 90])
  const back = await decodeImage(await encodeJpeg(flat))
  back.data.forEach((v, i) => {
    expect(Math.abs(v - flat.data[i]!)).toBeLessThan(4)
  })
})

test('an SVG is drawn at its size, times a scale', async () => {
  const drawn = await renderSvg(svg)
  expect([drawn.width, drawn.height]).toEqual([4, 2])
  expect(Array.from(drawn.data.subarray(0, 4))).toEqual([255, 0, 0, 255])
  expect(drawn.data[15]).toBe(0)
  const large = await renderSvg(svg, { scale: 3 })
  expect([large.width, large.height]).toEqual([12, 6])
  await expect(renderSvg('<svg')).rejects.toMatchObject({ code: 'DRAWING_INVALID' })
})

test('an SVG is laid over a picture', async () => {
  const over = await drawOver(filledImage(4, 2, [0, 0, 255]), svg)
  expect(over.channels).toBe(3)
  expect(Array.from(over.data.subarray(3, 9))).toEqual([255, 0, 0, 0, 0, 255])
})

test('writePng leaves a whole file or none', async () => {
  const root = await mkdtemp(join(tmpdir(), 'fovea-encode-'))
  try {
    await writePng(join(root, 'a.png'), image)
    expect(await readdir(root)).toEqual(['a.png'])
    expect((await loadImage(join(root, 'a.png'))).data).toEqual(image.data)
    await expect(writePng(join(root, 'none/a.png'), image)).rejects.toThrowError(/none/)
  } finally {
    await rm(root, { recursive: true })
  }
})
