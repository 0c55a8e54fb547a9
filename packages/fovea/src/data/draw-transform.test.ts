import { expect, test } from 'vitest'
import { drawAnnotations } from '../vision/drawing/annotations.ts'
import { filledImage } from '../vision/image.ts'
import { drawTransforms, layOutTransforms } from './draw-transform.ts'
import { transforms as t } from './transforms/index.ts'

const samples = [0, 1].map((label) => ({
  image: filledImage(60, 40, [90, 120, 150]),
  annotations: [{ label, box: { x1: 2, y1: 5, x2: 22, y2: 25 }, keypoints: [{ x: 10, y: 10, visibility: 2 as const }] }],
}))

test('each sample stands before its variants, and every cell hangs on seed, sample and variant alone', () => {
  const transform = t.compose([t.randomHorizontalFlip(), t.randomAffine({ degrees: 30 })])
  const cells = layOutTransforms(samples, transform, { variants: 3, seed: 4 })
  expect(cells.length).toBe(8)
  expect([cells[0]!.annotations, cells[4]!.annotations]).toEqual(samples.map(({ annotations }) => annotations))
  expect(layOutTransforms(samples, transform, { variants: 2, seed: 4 }).slice(3)).toEqual(cells.slice(4, 7))
  expect(cells[1]!.annotations).not.toEqual(cells[2]!.annotations)
})

test('captions count what the rule leaves', () => {
  const [before, after] = layOutTransforms(samples, t.crop({ top: 0, left: 30, height: 40, width: 30 }), { variants: 1 })
  expect([before!.caption, after!.caption]).toEqual(['60 x 40, as it is', '30 x 40, 0 of 1'])
})

test('annotations are drawn in the colour of their class', () => {
  const mask = { width: 4, height: 3, counts: [4, 2, 6] }
  const svg = drawAnnotations([{ label: 1, box: { x1: 1, y1: 2, x2: 3, y2: 4 }, mask, keypoints: [{ x: 0, y: 0, visibility: 0 }] }], 2)
  expect(svg).toBe(
    '<g><path d="M2 2h2v4h-2Z" fill="#d55e00" fill-opacity="0.4"/>' +
      '<path d="M2 4L6 4L6 8L2 8Z" fill="none" stroke="#d55e00" stroke-width="1.5" stroke-linejoin="round"/></g>',
  )
})

test('the sheet shows boxes over pictures', async () => {
  const sheet = await drawTransforms(samples, t.randomHorizontalFlip(1), { variants: 1, side: 96, title: 'Flips' })
  const colors = new Set<number>()
  for (let i = 0; i < sheet.data.length; i += 3) colors.add((sheet.data[i]! << 16) | (sheet.data[i + 1]! << 8) | sheet.data[i + 2]!)
  expect([colors.has(0x0072b2), colors.has(0xd55e00), colors.has(0x5a7896)]).toEqual([true, true, true])
})
