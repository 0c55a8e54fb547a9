// What an imported model expects of its pixels, guessed from its metadata, its first nodes and its first BatchNormalization.

import { consumersOf, dataInputs } from '../graph/analysis.ts'
import type { Graph, Model, Node } from '../graph/model.ts'
import { numbersOf } from '../graph/tensor-values.ts'
import type { PixelScale } from '../vision/preprocessing.ts'

export interface ScaleGuess {
  readonly scale: Exclude<PixelScale, 'custom'>
  /** Why, as a clause for the user. */
  readonly reason: string
}

/** Variance of natural pictures' pixels under each scaling: a deviation of about a quarter of the range. */
const pixelVariance = { raw: 4000, unit: 0.06, imagenet: 1.2 } as const

/** Guesses the pixel scaling of a model that carries no contract. */
export function guessScale(model: Model): ScaleGuess {
  const { graph, metadata } = model
  if (metadata.has('stride') && metadata.has('names')) return { scale: 'unit', reason: 'its metadata is that of an Ultralytics model' }
  if (/timm|torchvision/i.test([...metadata.values(), model.producerName ?? ''].join(' ')))
    return { scale: 'imagenet', reason: 'its metadata names timm or torchvision' }
  const [input] = dataInputs(graph)
  const consumers = consumersOf(graph)
  const path = firstNodes(consumers, input ?? '')
  if (path.some((node) => ['Sub', 'Div', 'Mul', 'Add'].includes(node.op)) && path.at(-1)?.op === 'Conv')
    return { scale: 'raw', reason: 'it scales its pixels itself' }
  const conv = path.at(-1)
  const variance = conv?.op === 'Conv' ? inputVariance(graph, consumers, conv) : undefined
  if (variance !== undefined) {
    const distance = (scale: keyof typeof pixelVariance) => Math.abs(Math.log(variance / pixelVariance[scale]))
    const scale = (['raw', 'unit', 'imagenet'] as const).toSorted((a, b) => distance(a) - distance(b))[0]!
    return { scale, reason: `its first BatchNormalization was trained on pixels with a variance near ${variance.toPrecision(2)}` }
  }
  return { scale: 'unit', reason: 'nothing in the file tells; 0 to 1 is the most common' }
}

/** The chain of nodes from the input to the first convolution or branch. */
function firstNodes(consumers: ReadonlyMap<string, Node[]>, value: string): Node[] {
  const path: Node[] = []
  while (path.length < 8) {
    const users = consumers.get(value) ?? []
    if (users.length !== 1) break
    path.push(users[0]!)
    if (users[0]!.op === 'Conv') break
    value = users[0]!.outputs[0]!
  }
  return path
}

/**
 * Variance of the input that the first BatchNormalization's running variance speaks of. Neighbouring pixels are nearly equal, so
 * a filter's response varies by about the square of its summed weights times the pixels' variance; edge filters, whose weights
 * cancel, say little, and the median over the channels leaves them out.
 */
function inputVariance(graph: Graph, consumers: ReadonlyMap<string, Node[]>, conv: Node): number | undefined {
  const norm = consumers.get(conv.outputs[0]!)?.[0]
  const weight = graph.initializers.get(conv.inputs[1] ?? '')
  const running = graph.initializers.get(norm?.inputs[4] ?? '')
  if (norm?.op !== 'BatchNormalization' || weight === undefined || running === undefined) return undefined
  const weights = numbersOf(weight)
  const per = weights.length / weight.dims[0]!
  const ratios = [...numbersOf(running)].map((variance, channel) => {
    let sum = 0
    let squares = 0
    for (let i = channel * per; i < (channel + 1) * per; i++) {
      sum += weights[i]!
      squares += weights[i]! ** 2
    }
    return variance / Math.max(sum ** 2, squares)
  })
  const sorted = ratios.filter((ratio) => Number.isFinite(ratio) && ratio > 0).sort((a, b) => a - b)
  return sorted[sorted.length >> 1]
}
