// Measures a classifier on held-out pictures while it is being trained.

import type { ImageDataset } from '../data/dataset.ts'
import type { LoaderOptions } from '../data/loader-options.ts'
import { VisionDataLoader } from '../data/vision-data-loader.ts'
import { copyModel } from '../graph/copy.ts'
import type { Model } from '../graph/model.ts'
import { Tensor } from '../graph/tensor.ts'
import { openSession } from '../runtime/session.ts'
import type { Preprocessing } from '../vision/preprocessing.ts'

export interface Validation {
  /** Mean cross-entropy, in nats. */
  readonly loss: number
  readonly accuracy: number
  readonly samples: number
}

/** The model with other weights; graph and everything else are shared. */
export function withWeights(model: Model, weights: ReadonlyMap<string, Tensor>): Model {
  const result = copyModel(model)
  for (const name of result.graph.initializers.keys()) {
    const tensor = weights.get(name)
    if (tensor !== undefined) result.graph.initializers.set(name, tensor)
  }
  return result
}

/** A loader for validation that decodes once and is used epoch after epoch. */
export function validationLoader(
  dataset: ImageDataset,
  preprocessing: Preprocessing,
  { onError, diskCache }: Pick<LoaderOptions, 'onError' | 'diskCache'>,
): VisionDataLoader {
  return new VisionDataLoader(dataset, {
    preprocessing,
    batchSize: 32,
    workers: 1,
    ...(onError && { onError }),
    ...(diskCache && { diskCache }),
  })
}

/** Runs the model, whose first output are probabilities, over all batches of the loader. Undefined where no picture could be read. */
export async function validate(
  model: Model,
  loader: VisionDataLoader,
  options: { device: string; threads: number; signal?: AbortSignal },
): Promise<Validation | undefined> {
  const session = await openSession(model, { device: options.device, threads: options.threads })
  const [input] = session.inputs
  const [output] = session.outputs
  let loss = 0
  let correct = 0
  let samples = 0
  try {
    for await (const { images, shape, labels } of loader.batches(options.signal ? { signal: options.signal } : {})) {
      const results = await session.run({ [input!.name]: new Tensor('uint8', shape, images) }, { outputs: [output!.name] })
      const { data, dims } = results[output!.name]!
      const probabilities = data as Float32Array
      const classes = dims.at(-1)!
      labels.forEach((label, i) => {
        const row = probabilities.subarray(i * classes, (i + 1) * classes)
        loss -= Math.log(Math.max(row[label]!, 1e-12))
        if (row.indexOf(row.reduce((a, b) => Math.max(a, b))) === label) correct++
        samples++
      })
    }
  } finally {
    await session.close()
  }
  if (samples === 0) return undefined
  return { loss: loss / samples, accuracy: correct / samples, samples }
}
