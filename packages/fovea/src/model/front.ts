// The graph's front and back: bytes of pictures in, probabilities out, so that every deployment computes the same.

import { dataInputs } from '../graph/analysis.ts'
import { GraphBuilder } from '../graph/builder.ts'
import { copyModel } from '../graph/copy.ts'
import type { Dim } from '../graph/dims.ts'
import { type Model, type TensorType, tensorType } from '../graph/model.ts'
import { Tensor } from '../graph/tensor.ts'
import type { Head } from '../passes/find-head.ts'
import { channelsOf, type Preprocessing, pixelAffine } from '../vision/preprocessing.ts'

/** Names that every Fovea classifier has. */
export const ports = { images: 'images', pixels: 'pixels', probabilities: 'probabilities', logits: 'logits' } as const

/**
 * Emits bytes to floats: uint8 NHWC to float NCHW, scaled as the preprocessing says.
 *
 * @returns name of the float value [N, C, H, W]
 */
export function emitPixels(b: GraphBuilder, images: string, preprocessing: Preprocessing, output: string = ports.pixels): string {
  const { factor, offset } = pixelAffine(preprocessing)
  const channels = channelsOf(preprocessing)
  const perChannel = (values: readonly number[]) => b.constant(Tensor.float32([1, channels, 1, 1], values), 'pixel_scale')
  // The transpose moves bytes, a quarter of what it would move behind the Cast.
  const planar = b.op('Transpose', [images], { perm: [0, 3, 1, 2] })
  const floats = b.op('Cast', [planar], { to: 1 })
  const plainFactor = factor.every((value) => value === 1)
  const plainOffset = offset.every((value) => value === 0)
  if (plainFactor && plainOffset) return b.op('Identity', [floats], {}, output)
  if (plainOffset) return b.op('Mul', [floats, perChannel(factor)], {}, output)
  const scaled = plainFactor ? floats : b.op('Mul', [floats, perChannel(factor)])
  return b.op('Add', [scaled, perChannel(offset)], {}, output)
}

export interface FrontOptions {
  /** True where the size that the contract names is only the usual one. @default false */
  readonly anySize?: boolean
  /** A number where the body works for that batch alone. @default 'N', any */
  readonly batch?: Dim
}

/**
 * The type of the `images` input: bytes [N, H, W, C] with a free batch, and a free size where the contract names none or only the
 * usual one.
 */
export function imagesType(preprocessing: Preprocessing, { anySize = false, batch = 'N' }: FrontOptions = {}): TensorType {
  const [height, width]: readonly Dim[] = (anySize ? undefined : preprocessing.size) ?? ['H', 'W']
  return tensorType('uint8', [batch, height!, width!, channelsOf(preprocessing)])
}

/** A classifier whole: bytes in, scores out, and the names of the scores. */
export interface CompleteClassifier {
  readonly model: Model
  /** Names of the scaled float pixels [N, C, H, W], the scores, and the scores behind softmax. */
  readonly stages: { readonly pixels: string; readonly logits: string; readonly probabilities: string }
}

/** A model of features whole: bytes in, the body's own outputs out. */
export interface CompleteFeatures {
  readonly model: Model
  readonly stages: { readonly pixels: string }
}

/**
 * Puts the front before a model that takes float NCHW pixels; its outputs stay what they are.
 *
 * @param body its only data input takes the float pixels; weights are shared with the result
 */
export function completeFeatures(body: Model, preprocessing: Preprocessing, options: FrontOptions = {}): CompleteFeatures {
  const { model, pixels } = withFront(body, preprocessing, options)
  return { model, stages: { pixels } }
}

/**
 * Puts the front before a model that takes float NCHW pixels, and gives it two outputs: probabilities, then logits.
 *
 * @param body its only data input takes the float pixels; weights are shared with the result
 */
export function completeClassifier(
  body: Model,
  preprocessing: Preprocessing,
  head: Pick<Head, 'logits' | 'activation'>,
): CompleteClassifier {
  const { model, pixels, builder: b } = withFront(body, preprocessing)
  const [score] = body.graph.outputs.map((output) => output.name)
  model.graph.outputs = []
  const probabilities = head.activation === 'none' ? b.op('Softmax', [head.logits], { axis: -1 }, b.fresh(ports.probabilities)) : score!
  b.output(probabilities)
  b.output(head.logits)
  return { model, stages: { pixels, logits: head.logits, probabilities } }
}

function withFront(
  body: Model,
  preprocessing: Preprocessing,
  options: FrontOptions = {},
): { model: Model; pixels: string; builder: GraphBuilder } {
  const model = copyModel(body)
  const { graph } = model
  const pixels = dataInputs(graph)[0]!
  const { nodes } = graph
  graph.inputs = graph.inputs.filter((value) => value.name !== pixels)
  // The builder sees all names of the body while the front's nodes go before them.
  const builder = new GraphBuilder({ graph, opset: body.opsets.get('') ?? 1 })
  graph.nodes = []
  graph.inputs.unshift({ name: ports.images, type: imagesType(preprocessing, options) })
  emitPixels(builder, ports.images, preprocessing, pixels)
  graph.nodes.push(...nodes)
  return { model, pixels, builder }
}

/** True where the model takes pictures of any size, so that the size in its contract is only the usual one. */
export function takesAnySize({ graph }: Model): boolean {
  const [images] = dataInputs(graph)
  const type = graph.inputs.find(({ name }) => name === images)?.type
  return type?.kind === 'tensor' && type.dims !== undefined && type.dims.slice(1, -1).every((dim) => typeof dim === 'string')
}
