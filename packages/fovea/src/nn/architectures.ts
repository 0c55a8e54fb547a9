// The table of architectures. A row enrols a network in the tests and in the command line.

import type { GraphBuilder } from '../graph/builder.ts'
import type { Dim } from '../graph/dims.ts'
import type { Model } from '../graph/model.ts'
import { FoveaError } from '../util/errors.ts'
import { activationNames } from './layers/index.ts'
import { convNext } from './models/convnext.ts'
import { deepSeekVision } from './models/deepseek-vision.ts'
import { efficientNetB0 } from './models/efficientnet.ts'
import { mobileNetV2 } from './models/mobilenetv2.ts'
import { mobileVit, mobileVitBackbone } from './models/mobilevit.ts'
import type { ArchitectureOptions, ArchitectureResult } from './models/network.ts'
import { type ResNetOptions, resNet, resNetBackbone, stemNames } from './models/resnet.ts'
import { smallCnn } from './models/small-cnn.ts'
import { vit } from './models/vit.ts'
import { type Feature, ModuleBuilder, type ModuleOptions, type Parameter } from './module.ts'
import { pyramidKinds } from './necks/pyramid.ts'

export interface Architecture {
  readonly title: string
  readonly paper: string
  readonly family: 'cnn' | 'resnet' | 'mobilevit' | 'vit' | 'mobilenet' | 'efficientnet' | 'convnext' | 'deepseek-vision'
  readonly defaults: {
    /** Side of the square picture in pixels that it is made for. */
    readonly inputSize: number
    /** Options taken where the caller names none. */
    readonly options: Omit<ArchitectureOptions, 'classes'>
  }
  /** Number of trained values at the defaults with 3 input channels and 1,000 classes. */
  readonly expectedParameters: number
  /** Whether a network takes pictures of one size alone, as a table of position embeddings does. @default false */
  readonly fixedSize?: boolean
  /** @param x pixels [N, C, H, W] @param size height and width where the network is of a fixed size, else 0 */
  readonly build: (
    m: ModuleBuilder,
    x: Feature,
    options: ArchitectureOptions,
    size: readonly [height: number, width: number],
  ) => ArchitectureResult
}

const he2016 = 'https://arxiv.org/abs/1512.03385'

/** A row of the ResNet family: `fixed` is what makes this network of it, the rest may be chosen. */
function resNetRow(
  title: string,
  expectedParameters: number,
  fixed: Pick<ResNetOptions, 'depths' | 'block'>,
  defaults: Architecture['defaults'] = { inputSize: 224, options: { stem: 'imagenet', widths: [64, 128, 256, 512] } },
): Architecture {
  return {
    title,
    paper: he2016,
    family: 'resnet',
    defaults,
    expectedParameters,
    build: (m, x, options) => resNet(m, x, { ...options, ...fixed }),
  }
}

function mobileVitRow(
  title: string,
  expectedParameters: number,
  expansion: number,
  widths: readonly number[],
  tokenWidths: readonly number[],
): Architecture {
  return {
    title,
    paper: 'https://arxiv.org/abs/2110.02178',
    family: 'mobilevit',
    defaults: { inputSize: 256, options: { widths, tokenWidths } },
    expectedParameters,
    build: (m, x, options) => mobileVit(m, x, { ...options, expansion }),
  }
}

/** A vision transformer of twelve blocks with patches of 16 pixels. */
function vitRow(title: string, expectedParameters: number, width: number, heads: number): Architecture {
  return {
    title,
    paper: 'https://arxiv.org/abs/2010.11929',
    family: 'vit',
    defaults: { inputSize: 224, options: { widths: [width], depths: [12], heads, patch: 16 } },
    expectedParameters,
    fixedSize: true,
    build: (m, x, options, size) => vit(m, x, { ...options, size }),
  }
}

export const architectures = {
  'small-cnn': {
    title: 'Small CNN: six convolutions',
    paper: 'https://arxiv.org/abs/1409.1556',
    family: 'cnn',
    defaults: { inputSize: 64, options: { widths: [32, 64, 128], dropout: 0.1 } },
    expectedParameters: 416_456,
    build: smallCnn,
  },
  'resnet-tiny': resNetRow(
    'ResNet-10, narrow: for small sets of pictures, trained from scratch',
    1_483_400,
    { depths: [1, 1, 1, 1], block: 'basic' },
    { inputSize: 96, options: { stem: 'small', widths: [32, 64, 128, 256], dropout: 0.1, zeroInit: true } },
  ),
  resnet18: resNetRow('ResNet-18', 11_689_512, { depths: [2, 2, 2, 2], block: 'basic' }),
  resnet34: resNetRow('ResNet-34', 21_797_672, { depths: [3, 4, 6, 3], block: 'basic' }),
  resnet50: resNetRow('ResNet-50', 25_557_032, { depths: [3, 4, 6, 3], block: 'bottleneck' }),
  'mobilevit-xxs': mobileVitRow('MobileViT-XXS', 1_272_024, 2, [16, 16, 24, 48, 64, 80, 320], [64, 80, 96]),
  'mobilevit-xs': mobileVitRow('MobileViT-XS', 2_317_848, 4, [16, 32, 48, 64, 80, 96, 384], [96, 120, 144]),
  'mobilevit-s': mobileVitRow('MobileViT-S', 5_578_632, 4, [16, 32, 64, 96, 128, 160, 640], [144, 192, 240]),
  'vit-tiny': vitRow('ViT-Ti/16', 5_717_416, 192, 3),
  'vit-small': vitRow('ViT-S/16', 22_050_664, 384, 6),
  'vit-base': vitRow('ViT-B/16', 86_567_656, 768, 12),
  mobilenetv2: {
    title: 'MobileNetV2',
    paper: 'https://arxiv.org/abs/1801.04381',
    family: 'mobilenet',
    defaults: { inputSize: 224, options: { widths: [32, 16, 24, 32, 64, 96, 160, 320, 1280], dropout: 0.2 } },
    expectedParameters: 3_504_872,
    build: mobileNetV2,
  },
  'efficientnet-b0': {
    title: 'EfficientNet-B0',
    paper: 'https://arxiv.org/abs/1905.11946',
    family: 'efficientnet',
    defaults: { inputSize: 224, options: { widths: [32, 16, 24, 40, 80, 112, 192, 320, 1280], dropout: 0.2 } },
    expectedParameters: 5_288_548,
    build: efficientNetB0,
  },
  'convnext-tiny': {
    title: 'ConvNeXt-T',
    paper: 'https://arxiv.org/abs/2201.03545',
    family: 'convnext',
    defaults: { inputSize: 224, options: { widths: [96, 192, 384, 768], depths: [3, 3, 9, 3] } },
    expectedParameters: 28_589_128,
    build: convNext,
  },
  'deepseek-vision-tiny': {
    title: 'DeepSeekVision tiny: MobileViT-XXS, a pyramid of 64 channels, dynamic attention',
    paper: 'https://arxiv.org/abs/2106.08322',
    family: 'deepseek-vision',
    defaults: {
      inputSize: 224,
      options: { widths: [16, 16, 24, 48, 64, 80, 320], tokenWidths: [64, 80, 96], neck: 'fpn', neckChannels: 64 },
    },
    expectedParameters: 1_796_300,
    build: (m, x, options) =>
      deepSeekVision(m, x, (inner, pixels) => mobileVitBackbone(inner, pixels, { ...options, expansion: 2 }), options),
  },
  'deepseek-vision-base': {
    title: 'DeepSeekVision base: ResNet-18, a pyramid of 128 channels, dynamic attention',
    paper: 'https://arxiv.org/abs/2106.08322',
    family: 'deepseek-vision',
    defaults: { inputSize: 224, options: { widths: [64, 128, 256, 512], neck: 'fpn', neckChannels: 128 } },
    expectedParameters: 13_206_700,
    build: (m, x, options) =>
      deepSeekVision(m, x, (inner, pixels) => resNetBackbone(inner, pixels, { ...options, depths: [2, 2, 2, 2], block: 'basic' }), options),
  },
} as const satisfies Record<string, Architecture>

export type ArchitectureName = keyof typeof architectures

export function architectureNames(): string[] {
  return Object.keys(architectures)
}

/** The row of this name. @throws FoveaError NN_UNKNOWN_ARCHITECTURE naming those that exist */
export function architectureOf(name: string): Architecture {
  if (Object.hasOwn(architectures, name)) return architectures[name as ArchitectureName]
  throw new FoveaError('NN_UNKNOWN_ARCHITECTURE', { expected: `one of ${architectureNames().join(', ')}`, found: name })
}

export interface NetworkOptions extends Omit<ArchitectureOptions, 'classes'>, ModuleOptions {
  /** @default 1000 */
  readonly classes?: number
  /** @default 3 */
  readonly inputChannels?: number
  /** Height and width of the pictures; may be symbols. @default 'H' and 'W', or the usual size of a network of a fixed one */
  readonly inputSize?: number | readonly [height: Dim, width: Dim]
  /** @default 'N' */
  readonly batch?: Dim
  readonly builder?: GraphBuilder
}

export interface Network extends ArchitectureResult {
  /** Pixels [N, C, H, W] in, logits [N, classes] out, weights as initializers. */
  readonly model: Model
  readonly input: Feature
  /** Role of every parameter, by the name of its initializer. */
  readonly parameters: ReadonlyMap<string, Parameter>
  /** What it was built with, defaults filled in; plain JSON. */
  readonly options: ArchitectureOptions
}

/**
 * Builds a network of the table with fresh weights: input `pixels` (float NCHW), output `logits`.
 *
 * @throws FoveaError NN_UNKNOWN_ARCHITECTURE, NN_OPTION_INVALID
 */
export function buildNetwork(name: string, options: NetworkOptions = {}): Network {
  const { build, defaults, fixedSize = false } = architectureOf(name)
  const {
    inputChannels = 3,
    inputSize = fixedSize ? defaults.inputSize : ['H', 'W'],
    batch = 'N',
    builder,
    seed,
    dtype,
    values,
    ...chosen
  } = options
  const complete = checked({ ...defaults.options, ...withoutUndefined(chosen), classes: chosen.classes ?? 1000 })
  const m = new ModuleBuilder(builder, {
    ...(seed === undefined ? {} : { seed }),
    ...(dtype === undefined ? {} : { dtype }),
    ...(values === undefined ? {} : { values }),
  })
  const [height, width] = typeof inputSize === 'number' ? [inputSize, inputSize] : inputSize
  const input = m.input('pixels', inputChannels, [batch, height, width])
  const result = build(m, input, complete, fixedSize ? numbersOf(height, width) : [0, 0])
  m.b.output(result.logits.value)
  return { ...result, model: m.b.model(), input, parameters: m.parameters, options: complete }
}

function numbersOf(height: Dim, width: Dim): [number, number] {
  if (typeof height === 'number' && typeof width === 'number') return [height, width]
  throw new FoveaError('NN_OPTION_INVALID', {
    field: 'inputSize',
    expected: 'a height and a width in pixels: this network takes pictures of one size',
    found: `${height}, ${width}`,
  })
}

/** Number of trained values: running statistics are not counted. */
export function countParameters(network: Pick<Network, 'model' | 'parameters'>): number {
  let count = 0
  for (const [name, { kind }] of network.parameters) if (kind !== 'running') count += network.model.graph.initializers.get(name)!.size
  return count
}

/** Options may come from a file: what cannot be built is refused here. */
function checked(options: ArchitectureOptions): ArchitectureOptions {
  const { classes, dropout = 0, stem, activation, neck } = options
  const count = (value: unknown) => Number.isSafeInteger(value) && (value as number) > 0
  const check = (field: keyof ArchitectureOptions, fits: boolean, expected: string) => {
    if (!fits) throw new FoveaError('NN_OPTION_INVALID', { field, expected, found: JSON.stringify(options[field]) })
  }
  check('classes', count(classes), 'a whole number above 0')
  for (const field of ['widths', 'tokenWidths', 'depths'] as const) {
    const list = options[field] ?? []
    check(field, Array.isArray(list) && list.every(count), 'a list of whole numbers above 0')
  }
  for (const field of ['heads', 'patch', 'neckChannels'] as const)
    check(field, options[field] === undefined || count(options[field]), 'a whole number above 0')
  check('dropout', dropout >= 0 && dropout < 1, 'a number from 0 up to 1')
  check('stem', stem === undefined || stemNames().includes(stem), `one of ${stemNames().join(', ')}`)
  check('neck', neck === undefined || pyramidKinds().includes(neck), `one of ${pyramidKinds().join(', ')}`)
  check('activation', activation === undefined || activationNames().includes(activation), `one of ${activationNames().join(', ')}`)
  return options
}

function withoutUndefined<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>
}
