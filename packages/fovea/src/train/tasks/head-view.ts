// What a head sees of a data set: its own classes by their own numbers, and nothing of pictures that do not tell of them.

import type { ImageDataset, Sample } from '../../data/dataset.ts'
import type { Batch } from '../../data/vision-data-loader.ts'
import type { Annotation } from '../../vision/annotation.ts'
import type { LabelMap } from '../../vision/geometry/label-map.ts'
import { semanticLabels, unknownPixel } from '../../vision/semantic-map.ts'

/**
 * A view of a data set whose classes are the head's labels. Things of other classes are not there; of a picture that does not cover all labels of
 * the head (`covers`, in a mix of data sets) nothing is known.
 */
export class HeadView {
  readonly dataset: ImageDataset
  readonly #background: number
  readonly #places: Int32Array
  readonly #isWhole: boolean

  /** @param labels of the head; names that are no classes of the data, such as a background, stay behind the others */
  constructor(source: ImageDataset, labels: readonly string[]) {
    this.#background = semanticLabels(labels).background
    this.#places = Int32Array.from(source.classes, (name) => labels.indexOf(name))
    this.#isWhole = this.#places.every((place, i) => place === i) && !source.samples.some(({ covers }) => covers !== undefined)
    this.dataset = this.#isWhole ? source : { classes: labels, samples: source.samples.map((sample) => this.#sample(sample)) }
  }

  /** The batch as the head sees it. */
  batch(batch: Batch): Batch {
    if (this.#isWhole) return batch
    const samples = [...batch.indices].map((index) => this.dataset.samples[index]!)
    return {
      ...batch,
      labels: batch.labels.map((label, i) => (samples[i]!.label < 0 ? -1 : this.#place(label))),
      annotations: batch.annotations.map((marked, i) => (samples[i]!.annotations === undefined ? [] : this.#marked(marked))),
      labelMaps: batch.labelMaps.map((map, i) => (samples[i]!.labelMap === undefined ? undefined : map && this.#map(map))),
    }
  }

  #sample(sample: Sample): Sample {
    const { label, labels, annotations, labelMap, covers, ...rest } = sample
    const known = (labels: Iterable<number>) => covers === undefined || [...labels].every((one) => covers.includes(one))
    const isCovered = known([...this.#places.keys()].filter((one) => this.#places[one]! >= 0))
    // A picture whose classes are others than the head's has none of these: that is known, and taught.
    const shown = labels ?? (label < 0 ? undefined : [label])
    return {
      ...rest,
      label: isCovered ? this.#place(label) : -1,
      ...(shown !== undefined && isCovered && { labels: shown.map((one) => this.#place(one)).filter((place) => place >= 0) }),
      ...(annotations !== undefined && isCovered && { annotations: this.#marked(annotations) }),
      ...(labelMap !== undefined && isCovered && { labelMap: this.#map(labelMap) }),
    }
  }

  #place(label: number): number {
    return label < 0 ? -1 : (this.#places[label] ?? -1)
  }

  #marked(annotations: readonly Annotation[]): Annotation[] {
    // What is of no known class stays so: it is neither a thing of the head nor its background.
    return annotations.flatMap((one) => {
      const label = this.#place(one.label)
      return label < 0 && one.label >= 0 ? [] : [{ ...one, label }]
    })
  }

  /** What other classes fill is background. */
  #map({ data, unknown, ...size }: LabelMap): LabelMap {
    const moved = Int32Array.from(data, (label) => {
      if (label === unknown) return unknownPixel
      const place = this.#places[label] ?? -1
      return place < 0 ? this.#background : place
    })
    return { ...size, data: moved, unknown: unknownPixel }
  }
}
