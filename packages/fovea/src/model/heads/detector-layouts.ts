// The forms in which other tools' detectors give their answers, and how to tell them.

import type { Dim } from '../../graph/dims.ts'
import type { Candidates, Suppression } from '../../nn/detection/decode.ts'
import {
  detrCandidates,
  endToEndCandidates,
  type ForeignOutputs,
  fastestDetCandidates,
  rtDetrRows,
  ultralyticsCandidates,
  yolov5Candidates,
  yoloxCandidates,
} from '../../nn/detection/foreign.ts'
import type { Emitter } from '../../nn/emitter.ts'
import type { InputSpec } from '../input-spec.ts'

export interface OutputShape {
  readonly name: string
  /** Undefined where nothing is known of it. */
  readonly dims: readonly Dim[] | undefined
}

export interface DetectorLayout {
  /** What its outputs are, for the user. */
  readonly about: string
  /** The outputs in the order of `emit` and the number of classes (0: not to be told from shapes), or undefined where shapes do not fit. */
  fits(outputs: readonly OutputShape[]): { readonly values: readonly string[]; readonly classes: number } | undefined
  emit(e: Emitter, outputs: ForeignOutputs): Candidates
  readonly suppression: Suppression
  /** The overlap that its own tool suppresses from. */
  readonly iou: number
  /** What its own tool does to pixels, where the file does not say. */
  readonly input?: InputSpec
}

/** One output [N, rest + classes, free] or with the last two turned. */
function single(rank: number, axis: number, before: number): DetectorLayout['fits'] {
  return ([output, ...others]) => {
    const size = output?.dims?.length === rank && others.length === 0 ? output.dims[axis] : undefined
    return typeof size === 'number' && size > before ? { values: [output!.name], classes: size - before } : undefined
  }
}

/** Two outputs: scores [N, K, C] and boxes [N, K, 4]. */
function queries(nothing: number): DetectorLayout['fits'] {
  return (outputs) => {
    const wide = outputs.filter(({ dims }) => dims?.length === 3)
    const box = wide.find(({ name, dims }) => dims![2] === 4 && /box/i.test(name)) ?? wide.find(({ dims }) => dims![2] === 4)
    const others = wide.filter((output) => output !== box)
    // Exports with hidden states have more outputs of the same form: the name tells, or there is no telling.
    const named = others.filter(({ name }) => /logit|score|class|label/i.test(name))
    const scores = others.length === 1 ? others[0] : named.length === 1 ? named[0] : undefined
    const size = scores?.dims?.[2]
    return box === undefined || typeof size !== 'number' || size <= nothing
      ? undefined
      : { values: [scores!.name, box.name], classes: size - nothing }
  }
}

/** An answer without suppression counts its classes by number only. */
const endToEnd: DetectorLayout['fits'] = ([output, ...others]) =>
  output?.dims?.length === 3 && output.dims[2] === 6 && others.length === 0 ? { values: [output.name], classes: 0 } : undefined

const yolox: InputSpec = { scale: 'raw', color: 'bgr', resize: 'letterbox' }

export const detectorLayouts = {
  ultralytics: {
    about: '[N, 4 + classes, A], Ultralytics from YOLOv8 on',
    fits: single(3, 1, 4),
    emit: ultralyticsCandidates,
    suppression: 'class',
    iou: 0.7,
  },
  yolov5: {
    about: '[N, A, 5 + classes], YOLOv5 to YOLOv7',
    fits: single(3, 2, 5),
    emit: yolov5Candidates,
    suppression: 'class',
    iou: 0.45,
  },
  yolox: {
    about: '[N, A, 5 + classes], YOLOX',
    fits: single(3, 2, 5),
    emit: yoloxCandidates,
    suppression: 'class',
    iou: 0.45,
    input: yolox,
  },
  'end-to-end': {
    about: '[N, K, 6], YOLOv10 and others without suppression',
    fits: endToEnd,
    emit: endToEndCandidates,
    suppression: 'none',
    iou: 1,
  },
  fastestdet: {
    about: '[N, 5 + classes, h, w], FastestDet',
    fits: single(4, 1, 5),
    emit: fastestDetCandidates,
    suppression: 'agnostic',
    iou: 0.45,
    input: { scale: 'unit', color: 'bgr', resize: 'squash' },
  },
  'rt-detr': {
    about: '[N, K, classes] and [N, K, 4], RT-DETR',
    fits: queries(0),
    emit: (e, outputs) => detrCandidates(e, outputs, 'sigmoid'),
    suppression: 'none',
    iou: 1,
    input: { scale: 'unit', color: 'rgb', resize: 'squash' },
  },
  'ultralytics-rt-detr': {
    about: '[N, K, 4 + classes], RT-DETR by Ultralytics',
    fits: single(3, 2, 4),
    emit: rtDetrRows,
    suppression: 'none',
    iou: 1,
    input: { scale: 'unit', color: 'rgb', resize: 'squash' },
  },
  detr: {
    about: '[N, K, classes + 1] and [N, K, 4], DETR',
    fits: queries(1),
    emit: (e, outputs) => detrCandidates(e, outputs, 'softmax'),
    suppression: 'none',
    iou: 1,
    input: { scale: 'imagenet', color: 'rgb', resize: 'squash' },
  },
} as const satisfies Readonly<Record<string, DetectorLayout>>

export type DetectorLayoutName = keyof typeof detectorLayouts

export const detectorLayoutNames = Object.keys(detectorLayouts) as readonly DetectorLayoutName[]

/** A detector without suppression answers with fewer, mostly 300. */
const mostAnswers = 1000

/**
 * The layout that a file tells of itself: metadata as Ultralytics writes them, with outputs of a shape that fits. Shapes alone tell nothing:
 * a map of features has the same.
 *
 * @param classes how many names the metadata hold
 */
export function guessLayout(
  outputs: readonly OutputShape[],
  metadata: ReadonlyMap<string, string>,
  classes: number,
): DetectorLayoutName | undefined {
  if (!metadata.has('names') || (metadata.get('task') ?? 'detect') !== 'detect' || classes === 0) return undefined
  const fits = (name: DetectorLayoutName) => {
    const found = detectorLayouts[name].fits(outputs)
    return found !== undefined && (found.classes === classes || found.classes === 0)
  }
  const count = outputs[0]?.dims?.[1]
  const isFew = typeof count === 'number' && count <= mostAnswers
  // With two classes it has six numbers, as answers without suppression do: the description of the file names it.
  if (fits('ultralytics-rt-detr') && isFew && (classes !== 2 || /rt-?detr/i.test(metadata.get('description') ?? '')))
    return 'ultralytics-rt-detr'
  // With one class, six numbers are what both have: without suppression there are some hundred answers, else one for each of thousands of points.
  if (fits('end-to-end') && fits('yolov5')) {
    return typeof count !== 'number' ? undefined : isFew ? 'end-to-end' : 'yolov5'
  }
  return (['end-to-end', 'ultralytics', 'yolov5'] as const).find(fits)
}
