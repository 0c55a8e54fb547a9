// Several data sets as one: each picture says of which classes it tells.

import { FoveaError } from '../util/errors.ts'
import type { ImageDataset, Sample } from './dataset.ts'

/**
 * The pictures of all data sets under the union of their classes, which are the same where their names are. A picture tells only of the
 * classes of the data set that it came from (`covers`), so that heads of a model can be taught by different ones: one with boxes, another with
 * classes of whole pictures.
 *
 * @throws FoveaError DATA_OPTION_INVALID for none
 */
export function mixDatasets(datasets: readonly ImageDataset[]): ImageDataset {
  if (datasets.length === 0)
    throw new FoveaError('DATA_OPTION_INVALID', { field: 'datasets', expected: 'one data set or more', found: 'none' })
  if (datasets.length === 1) return datasets[0]!
  const classes = [...new Set(datasets.flatMap((dataset) => dataset.classes))]
  const samples = datasets.flatMap((dataset) => {
    const places = dataset.classes.map((name) => classes.indexOf(name))
    return dataset.samples.map((sample) => underNames(sample, places))
  })
  return { classes, samples }
}

function underNames({ label, labels, annotations, labelMap, covers, ...rest }: Sample, places: readonly number[]): Sample {
  const placed = (one: number) => places[one] ?? -1
  return {
    ...rest,
    label: placed(label),
    ...(labels && { labels: labels.map(placed) }),
    ...(annotations && { annotations: annotations.map((one) => ({ ...one, label: placed(one.label) })) }),
    // What is no class of the data set, such as a background behind them, is none of the mix.
    ...(labelMap && {
      labelMap: {
        ...labelMap,
        data: Int32Array.from(labelMap.data, (one) => (one === labelMap.unknown ? one : (places[one] ?? backgroundPixel))),
      },
    }),
    covers: covers?.map(placed) ?? places,
  }
}

/** Below all classes: heads take it for their background. */
const backgroundPixel = -1
