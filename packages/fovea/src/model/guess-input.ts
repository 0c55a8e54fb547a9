// What an imported model expects of its pixels, guessed from its metadata, its first nodes and its first BatchNormalization.

import { consumersOf, dataInputs } from '../graph/analysis.ts'
import type { Graph, Model, Node } from '../graph/model.ts'
import { numbersOf } from '../graph/tensor-values.ts'
import type { Interpolation, Preprocessing } from '../vision/preprocessing.ts'
import { type InputWord, partsOf } from './input-spec.ts'

export interface InputGuess {
  readonly parts: Partial<Preprocessing>
  /** What the scaling is called, for the user. */
  readonly scaling: InputWord | 'its own mean and deviation'
  /** Why, as a clause for the user. */
  readonly reason: string
  /** True where the file states it, so that it is no guess. */
  readonly stated: boolean
}

export interface InputFacts {
  readonly channels: 1 | 3
  readonly channelsLast: boolean
}

/** Variance of natural pictures' pixels under each scaling: a deviation of about a quarter of the range. */
const pixelVariance = { raw: 4000, unit: 0.06, imagenet: 1.2, symmetric: 0.24 } as const

/** torchvision and timm evaluate on the middle of the picture. */
const centre = { resize: 'crop', cropFraction: 0.875 } as const

/** Guesses the preprocessing of a model that carries no contract of ours; the size is not guessed here. */
export function guessInput(model: Model, { channels, channelsLast }: InputFacts): InputGuess {
  const { graph, metadata } = model
  const known = (scaling: InputWord, reason: string, more: Partial<Preprocessing> = {}): InputGuess => ({
    parts: { ...partsOf(scaling, channels), ...more },
    scaling,
    reason,
    stated: false,
  })
  if (metadata.has('stride') && metadata.has('names'))
    // Its classifiers look at the middle of a picture, all its other tasks at the whole.
    return known('unit', 'its metadata is that of an Ultralytics model', {
      resize: metadata.get('task') === 'classify' ? 'crop' : 'letterbox',
    })
  const stated = statedNormalization(metadata, channels)
  if (stated !== undefined)
    return { parts: stated, scaling: 'its own mean and deviation', reason: 'its metadata states mean and std', stated: true }
  const origin = [...metadata.values(), model.producerName ?? ''].join(' ')
  if (/timm|torchvision/i.test(origin)) return known('imagenet', 'its metadata names timm or torchvision', centre)

  const [input] = dataInputs(graph)
  const consumers = consumersOf(graph)
  const path = firstNodes(consumers, input ?? '')
  if (path.some((node) => ['Sub', 'Div', 'Mul', 'Add'].includes(node.op)) && path.at(-1)?.op === 'Conv')
    return known('raw', 'it scales its pixels itself')
  const keras = channelsLast && /tf2onnx|keras|tensorflow/i.test(origin)
  const conv = path.at(-1)
  const variance = conv?.op === 'Conv' ? inputVariance(graph, consumers, conv) : undefined
  if (variance !== undefined) {
    const distance = (word: keyof typeof pixelVariance) => Math.abs(Math.log(variance / pixelVariance[word]))
    const words = keras ? (['raw', 'unit', 'symmetric'] as const) : (['raw', 'unit', 'imagenet'] as const)
    const nearest = words.toSorted((a, b) => distance(a) - distance(b))[0]!
    return known(nearest, `its first BatchNormalization was trained on pixels with a variance near ${variance.toPrecision(2)}`)
  }
  if (keras) return known('symmetric', 'models of Keras that do not scale their pixels themselves mostly take -1 to 1')
  return known('unit', 'nothing in the file tells; 0 to 1 is the most common')
}

/** Mean, deviation, crop and interpolation as timm's `pretrained_cfg` has them, in one key of JSON or Python, or in keys of their own. */
function statedNormalization(metadata: ReadonlyMap<string, string>, channels: number): Partial<Preprocessing> | undefined {
  const whole = ['pretrained_cfg', 'data_config', 'preprocessing'].map((key) => metadata.get(key)).find((text) => text !== undefined)
  const listOf = (key: string) => numbersIn(metadata.get(key) ?? fieldOf(whole, key))
  const [mean, std] = [listOf('mean'), listOf('std')]
  if (mean?.length !== channels || std?.length !== channels || std.some((value) => value <= 0)) return undefined
  // Some state them in 0 to 255.
  const range = Math.max(...mean, ...std) > 2 ? 255 : 1
  const crop = Number(metadata.get('crop_pct') ?? fieldOf(whole, 'crop_pct'))
  const interpolation = metadata.get('interpolation') ?? fieldOf(whole, 'interpolation')
  return {
    scale: 'custom',
    mean: mean.map((value) => value / range),
    std: std.map((value) => value / range),
    ...(crop > 0 && crop <= 1 ? { resize: 'crop', cropFraction: crop } : {}),
    ...(interpolations.has(interpolation ?? '') ? { interpolation: interpolation as Interpolation } : {}),
  }
}

const interpolations: ReadonlySet<string> = new Set<Interpolation>(['nearest', 'bilinear', 'bicubic'])

/** The value of a key in the text of a flat JSON object or Python dict: what stands in brackets, quotes, or before the next comma. */
export function fieldOf(text: string | undefined, key: string): string | undefined {
  const match = new RegExp(`["']?\\b${key}["']?\\s*[:=]\\s*(?:[\\[(]([^\\])]*)[\\])]|["']([^"']*)["']|([^,}\\s]+))`).exec(text ?? '')
  return match?.[1] ?? match?.[2] ?? match?.[3]
}

/** The numbers that a text lists. */
export function numbersIn(text: string | undefined): number[] | undefined {
  return text?.match(/-?\d+(?:\.\d+)?(?:e-?\d+)?/gi)?.map(Number)
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
