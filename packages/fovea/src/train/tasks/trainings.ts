// The training of a head by its task, on what the head sees of the data.

import type { Head } from '../../model/heads/head.ts'
import { classifyTraining } from './classify.ts'
import { countTraining } from './count.ts'
import { detectTraining } from './detect.ts'
import type { HeadContext, HeadTraining } from './head-training.ts'
import { HeadView } from './head-view.ts'
import { multilabelTraining } from './multilabel.ts'
import { segmentTraining } from './segment.ts'

/** @throws FoveaError TRAIN_OPTION where the data teach nothing to the head */
export function trainingOf(head: Head, context: HeadContext): HeadTraining {
  const view = new HeadView(context.train, head.labels)
  const training = plainTraining(head, { ...context, train: view.dataset })
  return {
    loss: (b) => training.loss(b),
    targets: (batch) => training.targets(view.batch(batch)),
    meter(held) {
      const heldView = new HeadView(held, head.labels)
      const meter = training.meter(heldView.dataset)
      return { add: (batch, answers) => meter.add(heldView.batch(batch), answers), compute: () => meter.compute() }
    },
  }
}

function plainTraining(head: Head, context: HeadContext): HeadTraining {
  switch (head.task) {
    case 'classify':
      return classifyTraining(head, context)
    case 'multilabel':
      return multilabelTraining(head, context)
    case 'detect':
      return detectTraining(head, context)
    case 'segment':
      return segmentTraining(head, context)
    case 'count':
      return countTraining(head, context)
  }
}

/** Values of the graph that a head is trained by. */
export function trainedValues(head: Head): string[] {
  switch (head.task) {
    case 'classify':
    case 'multilabel':
    case 'segment':
      return [head.scores.logits]
    case 'detect':
      return [
        ...[head.scores!, ...(head.auxiliary ? [head.auxiliary] : [])].flatMap(({ classes, sides, levels }) => [
          classes,
          sides,
          ...levels.map(({ value }) => value),
        ]),
        ...(head.masks ? [head.masks.prototypes, head.masks.coefficients] : []),
      ]
    case 'count':
      return [head.scores.density]
  }
}
