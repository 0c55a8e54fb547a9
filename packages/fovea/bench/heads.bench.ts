// Latency of heads, by size of the picture: from bytes to answers before they are read, one picture; several heads on one backbone against as
// many models of one head; and a large picture in tiles.

import { Tensor } from '../src/graph/tensor.ts'
import { addHeads, type HeadSpec } from '../src/model/heads/add-heads.ts'
import { thresholdFeeds, withThresholdInputs } from '../src/model/heads/run.ts'
import { readMetadata } from '../src/model/metadata.ts'
import { openSource } from '../src/model/open-source.ts'
import { DeepSeekVision } from '../src/model/vision-model.ts'
import { openSession, type Session } from '../src/runtime/session.ts'
import { Random } from '../src/util/random.ts'
import { createImage, type Image } from '../src/vision/image.ts'
import { type BenchmarkCase, type BenchmarkOptions, measureInTurn } from './measure.ts'

export const name = 'heads on one backbone, one picture, ms'

const threads = 2
const labels = ['a', 'b', 'c', 'd']
const sizes = [256, 320, 640]

const heads: Readonly<Record<string, readonly HeadSpec[]>> = {
  classify: [{ task: 'classify', labels }],
  detect: [{ task: 'detect', labels }],
  'detect, answering once': [{ task: 'detect', labels, suppression: 'none' }],
  'detect with masks': [{ task: 'detect', labels, masks: true }],
  segment: [{ task: 'segment', labels }],
  count: [{ task: 'count', labels }],
  'detect, segment and classify': [
    { task: 'detect', labels },
    { task: 'segment', labels },
    { task: 'classify', labels },
  ],
}

/** Noise: what is drawn decides only how many boxes there are to suppress. */
function picture(height: number, width: number): Image {
  const random = new Random(0, 'picture')
  return createImage(
    width,
    height,
    3,
    Uint8Array.from({ length: height * width * 3 }, () => random.integer(0, 256)),
  )
}

export async function* run({ quick }: BenchmarkOptions): AsyncGenerator<BenchmarkCase> {
  const options = { repeats: quick ? 3 : 20, milliseconds: quick ? 50 : 3000 }
  for (const backbone of ['deepseek-vision-tiny', 'deepseek-vision-base']) {
    const { model: base } = await openSource(backbone)
    for (const size of quick ? sizes.slice(0, 1) : sizes) {
      const opened: { session: Session; feeds: Record<string, Tensor> }[] = []
      try {
        for (const specs of Object.values(heads)) {
          const model = addHeads(base, specs)
          const { heads: made } = readMetadata(model)
          const images = new Tensor('uint8', [1, size, size, 3], picture(size, size).data)
          opened.push({
            session: await openSession(withThresholdInputs(model, made), { threads, worker: false }),
            feeds: { images, ...thresholdFeeds(model, made) },
          })
        }
        const timings = await measureInTurn(
          opened.map(
            ({ session, feeds }) =>
              () =>
                session.run(feeds),
          ),
          options,
        )
        const ms = Object.fromEntries(Object.keys(heads).map((name, i) => [name, timings[i]!.median]))
        for (const [i, name] of Object.keys(heads).entries()) {
          const { median, fastest, repeats } = timings[i]!
          const several = heads[name]!.length > 1
          yield {
            name: `${backbone}, ${size}x${size}, ${name}`,
            unit: 'ms',
            better: 'lower',
            fovea: median,
            ...(several
              ? { peer: { name: 'three models of one head', value: heads[name]!.reduce((sum, { task }) => sum + ms[task]!, 0) } }
              : { noPeer: 'a head of ours alone' }),
            details: { repeats, fastest },
          }
        }
      } finally {
        for (const { session } of opened) await session.close()
      }
    }
  }
  yield* largePicture(quick)
}

/** 1080p whole at 640x640, and in tiles of 640: reading of the answers, cutting and merging included. */
async function* largePicture(quick: boolean): AsyncGenerator<BenchmarkCase> {
  const { model: base } = await openSource('deepseek-vision-tiny')
  const bare = addHeads(base, [{ task: 'detect', labels }])
  const metadata = readMetadata(bare)
  const model = await DeepSeekVision.of<'detect'>(
    bare,
    { ...metadata, preprocessing: { ...metadata.preprocessing, size: [640, 640], resize: 'letterbox' } },
    { threads },
  )
  const image = picture(1080, 1920)
  try {
    const [whole, tiled] = await measureInTurn([() => model.predict(image), () => model.predict(image, { tiles: true })], {
      repeats: quick ? 1 : 5,
      milliseconds: quick ? 50 : 3000,
    })
    yield {
      name: 'deepseek-vision-tiny, 1920x1080 in tiles of 640x640 and whole, detect',
      unit: 'ms',
      better: 'lower',
      fovea: tiled!.median,
      peer: { name: 'whole at 640x640', value: whole!.median },
      details: { repeats: tiled!.repeats, fastest: tiled!.fastest },
    }
  } finally {
    await model.close()
  }
}
