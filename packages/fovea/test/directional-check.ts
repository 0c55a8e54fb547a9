// Checks the gradients of a network, or of a part of one, against differences along random directions, in training mode and float64.

import { expect } from 'vitest'
import { GraphBuilder } from '../src/graph/builder.ts'
import type { Model } from '../src/graph/model.ts'
import { sizeOf } from '../src/graph/tensor.ts'
import type { Network } from '../src/nn/architectures.ts'
import { crossEntropy } from '../src/nn/losses.ts'
import type { Parameter } from '../src/nn/module.ts'
import { evaluateModel, ndarrayOf } from '../src/ops/evaluate.ts'
import { type NDArray, ndarray } from '../src/ops/ndarray.ts'
import { autodiff } from '../src/passes/autodiff.ts'
import { toTrainingMode } from '../src/passes/training-mode.ts'
import { Random } from '../src/util/random.ts'

export interface DirectionalOptions {
  /** Height and width of the pictures that the network was built for. */
  readonly size: number
  /** @default 2 */
  readonly batch?: number
  /** @default 1 */
  readonly directions?: number
}

/** Expects a gradient that is not zero for every trained parameter, and slopes that agree with central differences to 1e-6. */
export function checkAlongDirections(network: Network, { size, batch = 2, directions = 1 }: DirectionalOptions): void {
  const random = new Random(11)
  const feeds = new Map<string, NDArray>([
    [network.input.value, drawn([batch, network.input.channels, size, size], () => random.uniform(-1, 1))],
    [
      'targets',
      ndarray(
        'int64',
        [batch],
        Array.from({ length: batch }, (_, i) => i % network.logits.channels),
      ),
    ],
  ])
  const lossOf = (b: GraphBuilder) => crossEntropy(b, network.logits, b.input('targets', 'int64', [batch]), { dtype: 'float64' })
  checkPart({ ...network, lossOf }, feeds, { directions, random })
}

interface Part {
  readonly model: Model
  readonly parameters: ReadonlyMap<string, Parameter>
  /** Emits what is lessened behind the part. */
  readonly lossOf: (b: GraphBuilder) => string
}

/** As `checkAlongDirections`, of a part of a network whose inputs are fed. */
export function checkPart(
  { model: whole, parameters, lossOf }: Part,
  given: ReadonlyMap<string, NDArray>,
  { directions = 1, random = new Random(11) }: { readonly directions?: number; readonly random?: Random } = {},
): void {
  const trained = [...parameters].filter(([, { kind }]) => kind !== 'running').map(([path]) => path)
  const training = toTrainingMode(whole, new Set(trained))
  const loss = lossOf(new GraphBuilder({ graph: training.model.graph }))
  const { model, gradients } = autodiff(training.model, { loss, parameters: trained })
  const feeds = new Map<string, NDArray>([...given, ...training.masks.map(({ input, dims }) => [input, drawn(dims, () => 1)] as const)])
  // Away from zero, where scales begin as constants and a ReLU may stand on its kink.
  const at = new Map(
    trained.map((path) => {
      const array = ndarrayOf(whole.graph.initializers.get(path)!)
      return [path, { ...array, data: array.data.map((value) => value + random.normal(0, 0.1)) }] as const
    }),
  )
  const values = evaluateModel(model, new Map([...feeds, ...at]), [...gradients.values()])
  for (const [path, gradient] of gradients) {
    const { data, dims } = values.get(gradient)!
    expect(dims, path).toEqual(at.get(path)!.dims)
    expect(
      data.some((value) => value !== 0),
      path,
    ).toBe(true)
  }
  for (let i = 0; i < directions; i++) {
    const direction = new Map([...at].map(([path, { data }]) => [path, data.map(() => random.normal())]))
    const lossAlong = (distance: number) => {
      const moved = [...at].map(([path, array]) => {
        const step = direction.get(path)!
        return [path, { ...array, data: array.data.map((value, k) => value + distance * step[k]!) }] as const
      })
      return evaluateModel(training.model, new Map([...feeds, ...moved]), [loss]).get(loss)!.data[0]!
    }
    // Small, so that few of the many ReLUs pass their kinks on the way.
    const h = 1e-8
    const numeric = (lossAlong(h) - lossAlong(-h)) / (2 * h)
    let slope = 0
    for (const [path, gradient] of gradients) {
      const step = direction.get(path)!
      values.get(gradient)!.data.forEach((value, k) => {
        slope += value * step[k]!
      })
    }
    expect(Math.abs(slope - numeric) / Math.abs(numeric), `slope ${slope} against ${numeric}`).toBeLessThan(1e-6)
  }
}

function drawn(dims: readonly number[], draw: () => number): NDArray {
  return ndarray('float64', dims, Float64Array.from({ length: sizeOf(dims) }, draw))
}
