// What a data set holds, in numbers, as text and as a picture.

import { textTable } from '../../util/text-table.ts'
import { drawBarChart } from '../../vision/drawing/plots/bar-chart.ts'
import type { TextFont } from '../../vision/drawing/text.ts'
import type { LabelClass, LabelledPicture } from '../../vision/labelled-set.ts'
import { hasShape } from './fit.ts'
import type { Shape } from './format.ts'
import { areaOf, boxOf } from './shapes.ts'

export interface ClassStatistics {
  /** Pictures with at least one annotation or label of it. */
  readonly pictures: number
  readonly annotations: number
  /** As the class of whole pictures. */
  readonly labels: number
}

export interface DatasetStatistics {
  readonly images: number
  /** Annotations with a box along the axes. */
  readonly boxes: number
  readonly classes: readonly string[]
  readonly annotations: number
  readonly polygons: number
  readonly masks: number
  readonly orientedBoxes: number
  readonly keypoints: number
  readonly labels: number
  readonly captions: number
  readonly missingImages: number
  /** Pictures by split; '' for those in none. */
  readonly splits: Readonly<Record<string, number>>
  readonly perClass: Readonly<Record<string, ClassStatistics>>
  /** Annotations by COCO's areas: below 32² pixels, below 96², and larger. */
  readonly sizes: { readonly small: number; readonly medium: number; readonly large: number }
  /** Least, mean and most annotations of a picture. */
  readonly perImage: { readonly least: number; readonly mean: number; readonly most: number }
}

type Counts = Record<'images' | 'annotations' | 'labels' | 'captions' | 'missing' | 'small' | 'medium' | 'large' | Shape, number>

/** Counts pictures as they come. */
export class StatisticsMaker {
  readonly #classes: readonly LabelClass[]
  readonly #perClass: { pictures: number; annotations: number; labels: number }[]
  readonly #splits = new Map<string, number>()
  readonly #counts: Counts = {
    images: 0,
    annotations: 0,
    labels: 0,
    captions: 0,
    missing: 0,
    small: 0,
    medium: 0,
    large: 0,
    box: 0,
    orientedBox: 0,
    polygons: 0,
    mask: 0,
    keypoints: 0,
  }
  #least = Infinity
  #most = 0

  constructor(classes: readonly LabelClass[]) {
    this.#classes = classes
    this.#perClass = classes.map(() => ({ pictures: 0, annotations: 0, labels: 0 }))
  }

  add({ labels, annotations, captions, split = '', file }: LabelledPicture): void {
    const counts = this.#counts
    counts.images++
    counts.annotations += annotations.length
    counts.labels += labels.length
    counts.captions += captions.length
    if (file === undefined) counts.missing++
    this.#splits.set(split, (this.#splits.get(split) ?? 0) + 1)
    this.#least = Math.min(this.#least, annotations.length)
    this.#most = Math.max(this.#most, annotations.length)
    for (const label of new Set([...labels, ...annotations.map((one) => one.label)])) {
      const one = this.#perClass[label]
      if (one !== undefined) one.pictures++
    }
    for (const label of labels) if (this.#perClass[label] !== undefined) this.#perClass[label].labels++
    for (const annotation of annotations) {
      if (this.#perClass[annotation.label] !== undefined) this.#perClass[annotation.label]!.annotations++
      for (const shape of ['box', 'orientedBox', 'polygons', 'mask', 'keypoints'] as const) if (hasShape(annotation, shape)) counts[shape]++
      const area = boxOf(annotation) === undefined ? undefined : areaOf(annotation)
      if (area !== undefined) counts[area < 32 ** 2 ? 'small' : area < 96 ** 2 ? 'medium' : 'large']++
    }
  }

  result(): DatasetStatistics {
    const { images, annotations, labels, captions, missing, small, medium, large, box, orientedBox, polygons, mask, keypoints } =
      this.#counts
    return {
      images,
      boxes: box,
      classes: this.#classes.map(({ name }) => name),
      annotations,
      polygons,
      masks: mask,
      orientedBoxes: orientedBox,
      keypoints,
      labels,
      captions,
      missingImages: missing,
      splits: Object.fromEntries([...this.#splits].sort()),
      perClass: Object.fromEntries(this.#classes.map(({ name }, i) => [name, this.#perClass[i]!])),
      sizes: { small, medium, large },
      perImage: { least: images === 0 ? 0 : this.#least, mean: images === 0 ? 0 : annotations / images, most: this.#most },
    }
  }
}

/** Statistics of pictures that are in memory or come one at a time. */
export async function datasetStatistics(set: {
  readonly classes: readonly LabelClass[]
  readonly pictures: Iterable<LabelledPicture> | AsyncIterable<LabelledPicture>
}): Promise<DatasetStatistics> {
  const maker = new StatisticsMaker(set.classes)
  for await (const picture of set.pictures) maker.add(picture)
  return maker.result()
}

/** The statistics as a few lines of text. */
export function statisticsText(statistics: DatasetStatistics): string {
  const { images, boxes, annotations, polygons, masks, orientedBoxes, keypoints, labels, captions, missingImages, sizes, perImage } =
    statistics
  const facts: [string, number][] = [
    ['images', images],
    ['images that are missing', missingImages],
    ['annotations', annotations],
    ['boxes', boxes],
    ['turned boxes', orientedBoxes],
    ['outlines', polygons],
    ['masks', masks],
    ['with keypoints', keypoints],
    ['labels of whole images', labels],
    ['captions', captions],
  ]
  const named = Object.entries(statistics.splits).filter(([split]) => split !== '' || Object.keys(statistics.splits).length > 1)
  const lines = [
    textTable(facts.filter(([name, value]) => value > 0 || name === 'images').map(([name, value]) => [name, String(value)])),
    ...(named.length > 0 ? [`splits: ${named.map(([split, count]) => `${split || 'none'} ${count}`).join(', ')}`] : []),
    ...(annotations > 0
      ? [
          `annotations in an image: ${perImage.least} to ${perImage.most}, ${perImage.mean.toFixed(2)} on average`,
          `areas: ${sizes.small} small (below 32²), ${sizes.medium} medium (below 96²), ${sizes.large} large`,
        ]
      : []),
  ]
  const rows = Object.entries(statistics.perClass).map(([name, one]) => [name, ...[one.pictures, one.annotations, one.labels].map(String)])
  if (rows.length > 0) lines.push('', textTable([['class', 'images', 'annotations', 'labels'], undefined, ...rows]))
  return `${lines.join('\n')}\n`
}

/** Bars of annotations, or labels where there are none, by class, as SVG. @throws DRAWING_INVALID where there are no classes */
export function drawStatistics(statistics: DatasetStatistics, font: TextFont): string {
  const { annotations, images, labels } = statistics
  const what = annotations > 0 ? 'annotations' : 'labels'
  const bars = Object.entries(statistics.perClass).map(([label, one]) => ({ label, value: one[what] }))
  return drawBarChart(
    {
      title: annotations > 0 ? 'Annotations by class' : 'Images by class',
      subtitle: `${annotations > 0 ? annotations : labels} in ${images} images`,
      bars: bars.sort((a, b) => b.value - a.value).slice(0, 60),
    },
    font,
  )
}
