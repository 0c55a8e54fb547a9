// COCO's twelve figures on as many pictures and detections as COCO's validation set has, against pycocotools. Justifies matching on typed arrays.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Random } from '../src/util/random.ts'
import type { Annotation, Detection } from '../src/vision/annotation.ts'
import { fromCornerSize, toCornerSize } from '../src/vision/boxes.ts'
import { CocoMetric } from '../src/vision/metrics/coco.ts'
import { areaOf, boxOf, type DetectedPicture } from '../src/vision/metrics/detections.ts'
import { polygonMask } from '../src/vision/polygon-mask.ts'
import { toRunLengthText } from '../src/vision/run-length-text.ts'
import { type BenchmarkCase, type BenchmarkOptions, measure } from './measure.ts'
import { findPeer, type PeerSearch, runPeer } from './peer.ts'

export const name = "COCO's figures, 5,000 pictures with 36,000 detections of 80 classes, ms"

const classes = Array.from({ length: 80 }, (_, i) => `class ${i}`)
const [width, height] = [640, 480]

export async function* run({ quick }: BenchmarkOptions): AsyncGenerator<BenchmarkCase> {
  const peer = await findPeer()
  for (const by of ['boxes', 'masks'] as const) {
    const pictures = drawPictures(quick ? 500 : 5000, by)
    const metric = new CocoMetric(classes, { by })
    const timing = await measure(
      () => {
        metric.reset()
        metric.update(pictures)
        return metric.compute()
      },
      { warmUp: 1, repeats: quick ? 2 : 7, milliseconds: 0 },
    )
    const detections = pictures.reduce((sum, picture) => sum + picture.detections.length, 0)
    const { ap, ap50, ar } = metric.compute()
    yield {
      name: `${by}, ${pictures.length} pictures, ${detections} detections`,
      unit: 'ms',
      better: 'lower',
      fovea: timing.median,
      ...(await measurePeer(peer, by, pictures, quick ? 1 : 3, [ap, ap50, ar])),
      details: { fastest: timing.fastest, slowest: timing.slowest, repeats: timing.repeats },
    }
  }
}

/** Seven things to a picture, most of them found, some twice; and some that are not there. */
function drawPictures(count: number, by: 'boxes' | 'masks'): DetectedPicture[] {
  const random = new Random(4, by)
  return Array.from({ length: count }, (_, picture) => {
    const truths: Annotation[] = []
    const detections: Detection[] = []
    for (let i = random.integer(0, 15); i > 0; i--) {
      const size = [random.uniform(4, 300), random.uniform(4, 300)] as const
      const box = [random.uniform(0, width - size[0]), random.uniform(0, height - size[1]), ...size] as const
      const label = random.integer(0, classes.length)
      truths.push({ label, ...shapeOf(box, by), ...(random.chance(0.02) && { isCrowd: true }) })
      if (random.chance(0.85)) {
        const [x, y, w, h] = box.map((value, k) => value + random.normal(0, 0.07) * size[k % 2]!) as [number, number, number, number]
        detections.push({ label, ...shapeOf([x, y, Math.max(1, w), Math.max(1, h)], by), score: random.next() })
      }
      if (random.chance(0.18)) detections.push({ label: random.integer(0, classes.length), ...shapeOf(box, by), score: random.next() / 2 })
    }
    return { picture, truths, detections }
  })
}

/** A box, or the mask of an outline of sixteen corners in it. */
function shapeOf([x, y, w, h]: readonly [number, number, number, number], by: 'boxes' | 'masks'): Pick<Annotation, 'box' | 'mask'> {
  if (by === 'boxes') return { box: fromCornerSize([x, y, w, h]) }
  const corners = Array.from({ length: 16 }, (_, i) => {
    const angle = (i * Math.PI) / 8
    return [x + (w / 2) * (1 + Math.cos(angle)), y + (h / 2) * (1 + Math.sin(angle))]
  })
  return { mask: polygonMask(corners.flat(), width, height) }
}

async function measurePeer(
  peer: PeerSearch,
  by: 'boxes' | 'masks',
  pictures: readonly DetectedPicture[],
  repeats: number,
  ours: readonly number[],
): Promise<Pick<BenchmarkCase, 'peer' | 'noPeer'>> {
  if ('skipped' in peer) return { noPeer: peer.skipped }
  const folder = mkdtempSync(join(tmpdir(), 'fovea-bench-'))
  try {
    const file = join(folder, 'coco.json')
    writeFileSync(file, JSON.stringify(toCoco(pictures, by)))
    const [result] = await runPeer(peer, 'coco_metrics.py', [file, repeats])
    const { name, ms, figures } = result as { name: string; ms: number; figures: number[] }
    const theirs = [figures[0]!, figures[1]!, figures[8]!]
    if (ours.some((value, i) => Math.abs(value - theirs[i]!) > 1e-6)) throw new Error(`figures differ: ${ours} and ${theirs}`)
    return { peer: { name, value: ms } }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function toCoco(pictures: readonly DetectedPicture[], by: 'boxes' | 'masks'): Record<string, unknown> {
  const rows = (list: readonly Annotation[], picture: number) =>
    list.map((one) => ({
      image_id: picture,
      category_id: one.label,
      iscrowd: one.isCrowd ? 1 : 0,
      area: areaOf(one),
      bbox: toCornerSize(boxOf(one, 'bbox')),
      ...(one.mask && { segmentation: { size: [height, width], counts: toRunLengthText(one.mask) } }),
      ...('score' in one && { score: one.score }),
    }))
  const numbered = (list: readonly Record<string, unknown>[]) => list.map((row, i) => ({ id: i + 1, ...row }))
  return {
    by: by === 'boxes' ? 'bbox' : 'segm',
    images: pictures.map(({ picture }) => ({ id: picture, width, height })),
    categories: classes.map((name, id) => ({ id, name })),
    truths: numbered(pictures.flatMap(({ truths, picture }) => rows(truths, picture!))),
    detections: numbered(pictures.flatMap(({ detections, picture }) => rows(detections, picture!))),
  }
}
