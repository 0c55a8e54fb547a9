// What a user asks of a model file of ours, which states all of it itself: done where it can be, refused where not.

import type { Model } from '../graph/model.ts'
import { clip } from '../util/clip.ts'
import { FoveaError } from '../util/errors.ts'
import { channelsOf, type Preprocessing } from '../vision/preprocessing.ts'
import { takesAnySize } from './front.ts'
import type { ImportOptions } from './import-classifier.ts'
import { differing, givenParts, withGiven } from './input-spec.ts'
import { checkLabels } from './labels.ts'
import { type ModelMetadata, writeMetadata } from './metadata.ts'
import type { OpenedModel } from './open-model.ts'

/** What the graph does itself: bytes go in as they are. */
const inGraph: readonly (keyof Preprocessing)[] = ['scale', 'mean', 'std', 'color']

/**
 * A model of ours with what is asked of it. Size, resizing, interpolation and border are done before the graph and can be given, the
 * size where the graph takes any; class names replace as many. A note says what was replaced.
 *
 * @throws FoveaError PREPROCESSING_INVALID for another size than the graph is fixed to, or another scaling than it holds; MODEL_OPTION
 *   for the task features of a classifier, or the layout of a detector; MODEL_NO_HEAD where classes are asked of a model of features; MODEL_LABELS for
 *   another number of labels
 */
export function withOptions({ model, metadata }: Pick<OpenedModel, 'model' | 'metadata'>, options: ImportOptions): OpenedModel {
  const { labels, file } = options
  checkTask(metadata, options)
  if (labels !== undefined) checkLabels(labels, metadata.labels.length, { file, field: 'labels' })
  const given = givenParts(options, channelsOf(metadata.preprocessing))
  checkInput(model, metadata.preprocessing, given, file)
  const { preprocessing, notes } = withGiven(metadata.preprocessing, given, 'the model')
  const renamed = labels?.some((label, i) => label !== metadata.labels[i]) ?? false
  if (!renamed && differing(metadata.preprocessing, given).length === 0) return { model, metadata, notes: [] }
  // A model of one task has its names in its head as well.
  const heads = metadata.heads?.map((head) => ({ ...head, labels: labels ?? head.labels }))
  const changed: ModelMetadata = { ...metadata, preprocessing, ...(renamed ? { labels, ...(heads && { heads }) } : {}) }
  const told = renamed ? [`The class names that were given replace those of the model: ${clip(metadata.labels.join(', '))}.`] : []
  return { model: writeMetadata(model, changed), metadata: changed, notes: [...notes, ...told] }
}

function checkTask({ task, name }: ModelMetadata, asked: ImportOptions): void {
  if (asked.detector !== undefined)
    throw new FoveaError('MODEL_OPTION', {
      file: asked.file,
      field: 'detector',
      expected: "another tool's file; this one states its answers itself",
      found: JSON.stringify(asked.detector),
      remedy: 'Leave it out.',
    })
  if (task === 'features' && (asked.task === 'classify' || asked.labels !== undefined))
    throw new FoveaError('MODEL_NO_HEAD', { field: name, file: asked.file, expected: 'the task classify', found: task })
  if (task === 'classify' && asked.task === 'features')
    throw new FoveaError('MODEL_OPTION', {
      file: asked.file,
      field: 'task',
      expected: '"classify", as the file states',
      found: '"features"',
      remedy: 'Leave it out: extractFeatures() and `fovea features` take the layers of a classifier as they are.',
    })
}

function checkInput(model: Model, stated: Preprocessing, given: Partial<Preprocessing>, file: string | undefined): void {
  const fail = (field: string, expected: string, found: string, remedy: string): never => {
    throw new FoveaError('PREPROCESSING_INVALID', { file, field, expected, found, remedy })
  }
  for (const key of differing(stated, given)) {
    const found = JSON.stringify(given[key]) ?? 'nothing'
    if (inGraph.includes(key))
      fail(
        `input.${key}`,
        `${JSON.stringify(stated[key]) ?? 'nothing'}, as the graph of the model scales its pixels itself`,
        found,
        'Leave it out.',
      )
    if (key === 'size' && !takesAnySize(model) && stated.size !== undefined)
      fail(
        'size',
        `${stated.size.join('x')}, which the model is fixed to`,
        given.size?.join('x') ?? found,
        'Leave it out; pictures of any size are resized to it.',
      )
  }
}
