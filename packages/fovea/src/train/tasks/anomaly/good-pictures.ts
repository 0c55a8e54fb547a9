// Which pictures of a data set are good ones to learn from, and which are left to measure by.

import type { ImageDataset, Sample } from '../../../data/dataset.ts'
import type { ImageFolder } from '../../../data/image-folder.ts'
import { isSoundName } from '../../../evaluate/records/anomaly.ts'
import { invalid } from '../../check-options.ts'

export interface PartedPictures {
  readonly good: ImageDataset
  /** What was not learnt from: `test`, else `val` and all odd pictures of `train`; undefined where there is nothing. */
  readonly held: ImageDataset | undefined
  /** Name of the class that is good; undefined where the pictures have none. */
  readonly className: string | undefined
}

/**
 * Parts a data set. Good are the pictures of the class of that name, else of one named good, normal, ok, sound or negative, else all where
 * there are no classes or one.
 *
 * @throws FoveaError TRAIN_OPTION where it is not clear which class is good, or none is left
 */
export function partGood({ classes, splits }: Pick<ImageFolder, 'classes' | 'splits'>, wanted?: string): PartedPictures {
  const { train, val, test } = splits
  const className = wanted ?? classes.find(isSoundName) ?? (classes.length === 1 ? classes[0] : undefined)
  if ((className === undefined && classes.length > 0) || (className !== undefined && !classes.includes(className)))
    throw invalid('good', `one of the classes ${classes.join(', ')}`, wanted ?? 'no class that is named good')
  const label = className === undefined ? -1 : classes.indexOf(className)
  const isGood = (sample: Sample) => (className === undefined ? (sample.annotations ?? []).length === 0 : sample.label === label)
  const all = train?.samples ?? []
  const good = all.filter(isGood)
  if (good.length === 0) throw invalid('good', 'good pictures in the split "train"', 'none')
  const odd = all.filter((sample) => !isGood(sample))
  const held = test?.samples ?? [...(val?.samples ?? []), ...odd]
  return { good: { classes, samples: good }, held: held.length === 0 ? undefined : { classes, samples: held }, className }
}
