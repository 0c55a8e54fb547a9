// Deterministic transforms against torchvision's v2 functions on PIL images (bench/peers/transforms_golden.py).

import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { Random } from '../../util/random.ts'
import { createImage, type Image } from '../../vision/image.ts'
import { applyTransform, parseTransform } from './compose.ts'
import { transforms as t } from './index.ts'
import { fiveCrop, transformSample } from './sample.ts'

interface Case {
  readonly transform: { readonly kind: string }
  readonly channels: 1 | 3
  readonly width: number
  readonly height: number
  readonly data: string
  readonly boxes?: readonly (readonly number[])[]
}

interface Golden {
  readonly width: number
  readonly height: number
  readonly boxes: readonly (readonly number[])[]
  readonly cases: readonly Case[]
  readonly fiveCrop: readonly string[]
  /** The columns that nearest takes of a row; `plain` where (i + 0.5) x from / to gives them too. */
  readonly nearest: readonly { readonly from: number; readonly to: number; readonly columns: string; readonly plain: boolean }[]
  /** 64x41 to 9x31, in colour. */
  readonly nearestPicture: string
}

const golden = JSON.parse(readFileSync(new URL('../../../test/golden/transforms.json', import.meta.url), 'utf8')) as Golden

/** What may differ, in steps of 255. All others are equal. */
const tolerance: Readonly<Record<string, number>> = { gaussianBlur: 1 }

function picture(channels: 1 | 3): Image {
  const { width, height } = golden
  const data = Uint8Array.from({ length: width * height * channels }, (_, i) => {
    const [x, y, c] = [Math.floor(i / channels) % width, Math.floor(i / channels / width), i % channels]
    return (x * 5 + y * 3 + c * 40 + ((x * y * (c + 1)) % 23) * 7) % 251
  })
  return createImage(width, height, channels, data)
}

const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'base64'))

describe('as torchvision does', () => {
  test.each(golden.cases.map((item) => [`${JSON.stringify(item.transform)} on ${item.channels} channels`, item] as const))(
    '%s',
    (_, item) => {
      const out = applyTransform(picture(item.channels), parseTransform(item.transform), new Random(0))
      expect([out.width, out.height]).toEqual([item.width, item.height])
      const expected = bytes(item.data)
      const largest = out.data.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0)
      expect(largest).toBeLessThanOrEqual(tolerance[item.transform.kind] ?? 0)
    },
  )

  test('nearest takes the same columns and rows, also where one falls exactly between two', () => {
    // The way of counting matters in some of them.
    expect(golden.nearest.filter(({ plain }) => !plain).length).toBeGreaterThan(10)
    for (const { from, to, columns } of golden.nearest) {
      const row = createImage(
        from,
        1,
        1,
        Uint8Array.from({ length: from }, (_, i) => i),
      )
      const nearest = (image: Image, size: [number, number]) =>
        applyTransform(image, t.resize(size, { interpolation: 'nearest' }), new Random(0)).data
      expect(nearest(row, [1, to]), `${from} to ${to}`).toEqual(bytes(columns))
      expect(nearest({ ...row, width: 1, height: from }, [to, 1])).toEqual(bytes(columns))
    }
    const tall = createImage(
      64,
      41,
      3,
      Uint8Array.from({ length: 64 * 41 * 3 }, (_, i) => i),
    )
    expect(applyTransform(tall, t.resize([31, 9], { interpolation: 'nearest' }), new Random(0)).data).toEqual(bytes(golden.nearestPicture))
  })

  test.each(golden.cases.filter(({ boxes }) => boxes).map((item) => [JSON.stringify(item.transform), item] as const))(
    'boxes: %s',
    (_, item) => {
      const annotations = golden.boxes.map(([x1, y1, x2, y2], label) => ({ label, box: { x1: x1!, y1: y1!, x2: x2!, y2: y2! } }))
      const moved = transformSample({ image: picture(3), annotations }, parseTransform(item.transform), new Random(0), { minVisible: 0 })
      moved.annotations.forEach(({ box }, i) => {
        const values = [box!.x1, box!.y1, box!.x2, box!.y2]
        values.forEach((value, k) => {
          expect(Math.abs(value - item.boxes![i]![k]!)).toBeLessThan(0.01)
        })
      })
      expect(moved.annotations.length).toBe(golden.boxes.length)
    },
  )

  test('five crops', () => {
    const crops = fiveCrop({ image: picture(3), annotations: [] }, [9, 8])
    expect(crops.map(({ image }) => image.data)).toEqual(golden.fiveCrop.map(bytes))
  })
})
