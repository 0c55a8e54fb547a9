import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readNpy, readNpz } from '../data/numpy-file.ts'
import { readModel } from '../graph/reader.ts'
import { Tensor } from '../graph/tensor.ts'
import { numbersOf } from '../graph/tensor-values.ts'
import { extract } from '../passes/extract.ts'
import { openSession } from '../runtime/session.ts'
import { Random } from '../util/random.ts'
import { createImage, type Image } from '../vision/image.ts'
import { buildClassifier } from './build-classifier.ts'
import { drawFeatures, isDrawable } from './draw-features.ts'
import { joinBatches, strideOf } from './extract-features.ts'
import { importModel } from './import-model.ts'
import { LayerSessions } from './layer-sessions.ts'
import { readMetadata } from './metadata.ts'
import { DeepSeekVision } from './vision-model.ts'

const random = new Random(4, 'pictures')
const pictureOf = (width: number, height: number): Image =>
  createImage(
    width,
    height,
    3,
    Uint8Array.from({ length: width * height * 3 }, () => random.integer(0, 256)),
  )
const options = { worker: false, threads: 1 } as const

const classifier = buildClassifier('resnet-tiny', { labels: ['a', 'b'], imageSize: [32, 32], options: { widths: [4, 4, 8, 8] } })
let model: DeepSeekVision
let folder: string

beforeAll(async () => {
  model = await DeepSeekVision.of(classifier, readMetadata(classifier), options)
  folder = await mkdtemp(join(tmpdir(), 'fovea-features-'))
})
afterAll(async () => {
  await model.close()
  await rm(folder, { recursive: true })
})

describe('extractFeatures', () => {
  it('gives what the whole model computes there, and runs only what leads there', async () => {
    const image = pictureOf(32, 32)
    const { conv3, embedding, logits } = await model.extractFeatures(image, { layer: ['conv3', 'embedding', 'logits'] })
    const stages = model.metadata.stages
    const session = await openSession(
      { ...classifier, graph: { ...classifier.graph, outputs: [{ name: stages.conv3! }, { name: stages.embedding! }] } },
      options,
    )
    const whole = await session.run({ images: new Tensor('uint8', [1, 32, 32, 3], image.data) })
    await session.close()
    for (const features of [conv3!, embedding!]) {
      const wanted = [...numbersOf(whole[features.value]!)]
      expect(features.shape).toEqual(whole[features.value]!.dims)
      ;[...features.data].forEach((value, i) => {
        expect(Number(value)).toBeCloseTo(wanted[i]!, 5)
      })
    }
    expect(conv3).toMatchObject({ layer: 'conv3', value: stages.conv3, dtype: 'float32', stride: 32 / conv3!.shape[2]! })
    expect(embedding!.stride).toBeUndefined()
    expect(logits!.shape).toEqual([1, 2])
    const part = extract(classifier, { outputs: [stages.conv3!] })
    expect(part.graph.nodes.length).toBeLessThan(classifier.graph.nodes.length)
    expect(part.graph.initializers.size).toBeLessThan(classifier.graph.initializers.size)
  })

  it('takes any value of the graph, and several pictures in batches', async () => {
    const images = [pictureOf(40, 20), pictureOf(32, 32), pictureOf(7, 90)]
    const value = classifier.graph.nodes.find(({ op }) => op === 'BatchNormalization')!.outputs[0]!
    const all = await model.extractFeatures(images, { layer: value, batchSize: 2 })
    expect(all.shape[0]).toBe(3)
    expect(all.placements.map(({ picture }) => picture)).toEqual([
      [20, 40],
      [32, 32],
      [90, 7],
    ])
    const size = all.data.length / 3
    for (const [i, image] of images.entries()) {
      const one = await model.extractFeatures(image, { layer: value })
      ;[...one.data].forEach((number, at) => {
        expect(Number(all.data[i * size + at])).toBeCloseTo(Number(number), 5)
      })
    }
  })

  it('names stages and what is spelt alike where there is no such layer', async () => {
    const image = pictureOf(8, 8)
    await expect(model.extractFeatures(image, { layer: 'Conv3' })).rejects.toThrow(
      /expected one of the stages .*conv2.*found "Conv3" \(spelt alike: conv3.*MODEL_LAYER/,
    )
    await expect(model.extractFeatures(image, { layer: ['conv3', 'toString'] })).rejects.toThrow(/found "toString"/)
    await expect(model.extractFeatures([], { layer: 'conv3' })).rejects.toThrow(/at least one, found none/)
  })

  it('saves what NumPy reads, and refuses the name before it works', async () => {
    const image = pictureOf(32, 32)
    const file = join(folder, 'conv3.npy')
    const { data, shape, dtype } = await model.extractFeatures(image, { layer: 'conv3', save: file })
    expect(await readNpy(file)).toEqual({ dtype, shape, data })
    const both = await model.extractFeatures(image, { layer: ['conv2', 'embedding'], save: join(folder, 'both.npz') })
    const read = await readNpz(join(folder, 'both.npz'))
    expect(Object.keys(read)).toEqual(['conv2', 'embedding'])
    expect(read.embedding!.data).toEqual(both.embedding!.data)
    await expect(model.extractFeatures(image, { layer: ['conv2', 'embedding'], save: join(folder, 'x.npy') })).rejects.toThrow(/\.npz/)
    expect(await readdir(folder)).toHaveLength(2)
  })

  it('works where the batch is fixed and the model has no head, which predict says', async () => {
    const source = readModel(`
      graph main(x: float32[1,3,8,8]) -> (total)
        k: float32[2,3,3,3] = {${Array.from({ length: 54 }, (_, i) => `${(i % 5) - 2}.0`).join(', ')}}
        c = Conv(x, k) {strides=[2, 2], pads=[1, 1, 1, 1]}
        m = Relu(c)
        total = ReduceSum(m) {keepdims=0}`)
    const imported = importModel(source, { input: 'unit' })
    const features = await DeepSeekVision.of(imported.model, imported.metadata, options)
    try {
      expect(imported.model.graph.inputs[0]).toMatchObject({ type: { dims: [1, 8, 8, 3] } })
      expect((await features.extractFeatures([pictureOf(8, 8), pictureOf(8, 8)], { layer: 'stem' })).shape).toEqual([2, 2, 4, 4])
      await expect(features.extractFeatures([pictureOf(8, 8), pictureOf(8, 8)], { layer: 'total' })).rejects.toThrow(
        /the same shape for every picture.*MODEL_LAYER/,
      )
      for (const call of [
        features.predict(pictureOf(8, 8)),
        features.explain(pictureOf(8, 8)),
        features.probabilities(new Tensor('uint8', [1, 8, 8, 3], new Uint8Array(192))),
      ])
        await expect(call).rejects.toThrow(/fovea train.*MODEL_NO_HEAD/)
      await features.warmUp()
    } finally {
      await features.close()
    }
  })
})

describe('LayerSessions', () => {
  it('opens each set once, closes the least recently used, and never one that works', async () => {
    const opened: string[] = []
    const sessions = new LayerSessions(async (values) => {
      opened.push(values.join())
      return openSession(extract(classifier, { outputs: values }), options)
    }, 2)
    const batch = new Tensor('uint8', [1, 32, 32, 3], new Uint8Array(3072))
    const { stem, conv2, conv3, conv4 } = model.metadata.stages as Record<'stem' | 'conv2' | 'conv3' | 'conv4', string>
    for (const value of [stem, conv2, stem, conv3, stem]) await sessions.run([value], batch)
    expect(opened).toEqual([stem, conv2, conv3])
    await sessions.run([conv2], batch)
    expect(opened).toHaveLength(4)
    const results = await Promise.all([stem, conv2, conv3, conv4].map((value) => sessions.run([value], batch)))
    expect(results.flatMap((result) => Object.keys(result))).toEqual([stem, conv2, conv3, conv4])
    await sessions.close()
  })

  it('opens nothing once it is closed, and closes what is on its way', async () => {
    let closed = 0
    const sessions = new LayerSessions(async (values) => {
      const session = await openSession(extract(classifier, { outputs: values }), options)
      return Object.assign(session, { close: async () => void closed++ })
    })
    const run = () => sessions.run([model.metadata.stages.stem!], new Tensor('uint8', [1, 32, 32, 3], new Uint8Array(3072)))
    const running = run()
    await sessions.close()
    await expect(run()).rejects.toThrow(/RUNTIME_CLOSED/)
    expect(Object.keys(await running)).toEqual([model.metadata.stages.stem])
    expect(closed).toBe(1)
  })

  it('tries anew what did not open', async () => {
    let tries = 0
    const sessions = new LayerSessions(async (values) => {
      if (tries++ === 0) throw new Error('no memory')
      return openSession(extract(classifier, { outputs: values }), options)
    })
    const run = () => sessions.run([model.metadata.stages.stem!], new Tensor('uint8', [1, 32, 32, 3], new Uint8Array(3072)))
    await expect(run()).rejects.toThrow('no memory')
    expect(Object.keys(await run())).toEqual([model.metadata.stages.stem])
    await sessions.close()
  })
})

describe('joinBatches and strideOf', () => {
  it('keep to what fits', () => {
    const part = (count: number) => Tensor.float32([count, 2], new Float32Array(count * 2).fill(count))
    expect([...joinBatches('x', [part(2), part(1)], [2, 1]).data]).toEqual([2, 2, 2, 2, 1, 1])
    expect(() => joinBatches('x', [part(2), part(2)], [2, 1])).toThrow(/MODEL_LAYER/)
    expect(strideOf([1, 8, 11, 11], [352, 352])).toBe(32)
    expect(strideOf([1, 8, 11, 22], [352, 352])).toBeUndefined()
    expect(strideOf([1, 8], [352, 352])).toBeUndefined()
  })
})

describe('drawFeatures', () => {
  it.each(['activation', 'components'] as const)('lays %s over the picture in its own form', async (kind) => {
    const image = pictureOf(400, 330)
    const conv2 = await model.extractFeatures(image, { layer: 'conv2' })
    const drawn = await drawFeatures(image, conv2, { kind })
    expect([drawn.width, drawn.height, drawn.channels]).toEqual([400, 330, 3])
    expect(drawn.data).not.toEqual(image.data)
  })

  it('leaves clear what a crop has cut off', async () => {
    const metadata = { ...model.metadata, preprocessing: { ...model.metadata.preprocessing, resize: 'crop' as const } }
    const cropping = await DeepSeekVision.of(classifier, metadata, options)
    const image = createImage(
      660,
      330,
      3,
      new Uint8Array(660 * 330 * 3).map((_, i) => (i % 3) * 90),
    )
    const conv2 = await cropping.extractFeatures(image, { layer: 'conv2' })
    await cropping.close()
    const gray = await drawFeatures(image, conv2, { kind: 'components' })
    const at = (x: number) => [...gray.data.subarray((165 * 660 + x) * 3, (165 * 660 + x) * 3 + 3)]
    expect(new Set(at(5)).size).toBe(1)
    expect(new Set(at(655)).size).toBe(1)
    const heat = await drawFeatures(image, conv2)
    expect(heat.data.subarray(0, 60)).toEqual(image.data.subarray(0, 60))
  })

  it('shows channels, levels and all together on sheets', async () => {
    const image = pictureOf(64, 64)
    const conv2 = await model.extractFeatures([image, image], { layer: 'conv2' })
    const [channels, sheet] = await Promise.all(
      (['channels', 'sheet'] as const).map((kind) => drawFeatures(image, conv2, { kind, index: 1 })),
    )
    expect(sheet!.width).toBeGreaterThan(800)
    expect(channels!.width).toBeGreaterThan(400)
    // Two rows: all on one scale, each on its own.
    const attention = { ...conv2, layer: 'attention', shape: [2, 4, 8, 8], data: new Float32Array(512).fill(0.5) }
    const levels = await drawFeatures(image, attention)
    expect([levels.width, levels.height].map((side) => side > 2 * 224)).toEqual([true, true])
    expect(levels.width).toBeGreaterThan(5 * 224)
  })

  it('refuses what is no map, and other pictures', async () => {
    const image = pictureOf(64, 64)
    const { conv2, embedding } = await model.extractFeatures(image, { layer: ['conv2', 'embedding'] })
    await expect(drawFeatures(image, embedding!)).rejects.toThrow(/a map \[N, C, H, W\].*DRAWING_INVALID/)
    const single = { ...conv2!, shape: [1, 2, 1, 1], data: new Float32Array(2) }
    await expect(drawFeatures(image, single)).rejects.toThrow(/several places, found 1x1: .*nothing to draw.*--imgsz.*DRAWING_INVALID/)
    expect([conv2!, embedding!, single].map(isDrawable)).toEqual([true, false, false])
    await expect(drawFeatures(pictureOf(64, 63), conv2!)).rejects.toThrow(/the picture of 64x64 pixels.*found 64x63/)
  })
})
