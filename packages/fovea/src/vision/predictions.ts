// What models answer, by task: the one union that models, predictors, evaluation, drawing and flows speak.

import type { Detection } from './annotation.ts'

/** A score for each class, in the order of the classes. */
export interface ClassPrediction {
  readonly task: 'classify'
  /** Probabilities, 0 to 1. */
  readonly probabilities: ArrayLike<number>
}

/** A score for each class, in the order of the classes, of which a picture may show several. */
export interface MultilabelPrediction {
  readonly task: 'multilabel'
  /** Probabilities, 0 to 1, each of its own. */
  readonly probabilities: ArrayLike<number>
  /** The classes that are told to be there. @default those of 0.5 or more */
  readonly present?: readonly { readonly index: number }[]
}

/** Things with their boxes, outlines or masks, in pixels of the upright picture. */
export interface DetectionPrediction {
  readonly task: 'detect'
  readonly detections: readonly Detection[]
  /** What the model found before non-maximum suppression; a sweep of its IoU needs it. */
  readonly candidates?: readonly Detection[]
}

/** A class for each pixel, row by row, in the size of the upright picture. */
export interface SegmentationPrediction {
  readonly task: 'segment'
  readonly width: number
  readonly height: number
  readonly data: ArrayLike<number>
}

/** How odd a picture is, and each of its pixels. */
export interface AnomalyPrediction {
  readonly task: 'anomaly'
  /** The higher, the odder. */
  readonly score: number
  /** Row by row, in any size: it is brought to that of the picture. */
  readonly map?: { readonly width: number; readonly height: number; readonly data: ArrayLike<number> }
}

/** How many things there are. */
export interface CountPrediction {
  readonly task: 'count'
  readonly count: number
}

export interface CaptionPrediction {
  readonly task: 'caption'
  readonly caption: string
}

/** The answer of a model; `task` tells which. */
export type Prediction =
  | ClassPrediction
  | MultilabelPrediction
  | DetectionPrediction
  | SegmentationPrediction
  | AnomalyPrediction
  | CountPrediction
  | CaptionPrediction

/** What a prediction may be of. */
export type PredictionTask = Prediction['task']

/** The prediction of a task. */
export type PredictionOf<T extends PredictionTask> = Extract<Prediction, { readonly task: T }>

/** In the order of the union. */
export const predictionTasks: readonly PredictionTask[] = ['classify', 'multilabel', 'detect', 'segment', 'anomaly', 'count', 'caption']
