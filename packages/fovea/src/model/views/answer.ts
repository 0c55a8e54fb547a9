// One answer about a picture from several looks at it: in tiles, mirrored, or both.

import { flipHorizontal } from '../../data/transforms/flip.ts'
import { cropImage, type Image } from '../../vision/image.ts'
import { type Tile, tilesOf } from '../../vision/tiles.ts'
import type { HeadAnswer, MultiAnswer } from '../answers.ts'
import { meanOfMirrored } from './mirrored.ts'
import type { ViewOptions } from './options.ts'
import type { ViewRule } from './rule.ts'
import { countJoiner, detectionJoiner, segmentationJoiner, type TileJoiner } from './tiled.ts'

export interface ViewRun {
  /** What the model sees of a picture, in pixels; of tiles without a size. */
  readonly size: readonly [height: number, width: number] | undefined
  /** The rule of a head; of a model with one answer, whatever the name. */
  readonly ruleOf: (name: string) => ViewRule
  /** Answers plainly about pictures; of a detector that looks twice with all that is found, since the mean of two scores decides. */
  readonly answer: (images: readonly Image[]) => Promise<readonly (HeadAnswer | MultiAnswer)[]>
}

type Answer = HeadAnswer | MultiAnswer

/** @throws FoveaError METRIC_INVALID for tiles that cannot be, and as `answer` */
export async function answerByViews(image: Image, { tiles = false, flip = false }: ViewOptions, run: ViewRun): Promise<Answer> {
  const look = async (picture: Image) => (flip ? answerTwice(picture, run) : (await run.answer([picture]))[0]!)
  if (tiles === false) return look(image)
  const { whole = true, ...asked } = tiles === true ? {} : tiles
  const { width, height } = image
  const parts = tilesOf(width, height, { ...asked, size: asked.size ?? run.size ?? [640, 640] })
  if (parts.length === 1) return look(image)
  const joiners = new Map<string, TileJoiner>()
  let takesWhole = false
  let some: Answer | undefined
  // One after another: a large picture has many tiles, and each is a copy.
  for (const tile of parts) {
    const answer = await look(cropImage(image, tile.left, tile.top, tile.width, tile.height))
    some ??= answer
    for (const [name, own] of headsOf(answer)) {
      const joiner = joiners.get(name) ?? joinerOf(own.task, image, run.ruleOf(name), parts)
      if (joiner !== undefined) joiners.set(name, joiner)
      joiner?.add(tile, own)
      takesWhole ||= joiner === undefined || (own.task === 'detect' && whole)
    }
  }
  const all = takesWhole ? await look(image) : undefined
  return eachHead(some!, ({ task }, name) => {
    const joiner = joiners.get(name)
    // What is told of the whole alone is told by the whole.
    if (joiner === undefined) return headOf(all!, name)
    if (task === 'detect' && whole) joiner.add({ left: 0, top: 0, width, height }, headOf(all!, name))
    return joiner.finish()
  })
}

function joinerOf(task: HeadAnswer['task'], image: Image, rule: ViewRule, tiles: readonly Tile[]): TileJoiner | undefined {
  switch (task) {
    case 'detect':
      return detectionJoiner(image, rule)
    case 'count':
      return countJoiner(image, tiles)
    case 'segment':
      return segmentationJoiner(image, rule, tiles)
    default:
      return undefined
  }
}

/** The mean of the answers about the picture and its mirror image. */
async function answerTwice(image: Image, run: ViewRun): Promise<Answer> {
  const [plain, mirrored] = (await run.answer([image, flipHorizontal(image)])) as [Answer, Answer]
  return eachHead(plain, (answer, name) => meanOfMirrored(answer, headOf(mirrored, name), run.ruleOf(name)))
}

/** Answers by the names of heads; of a model with one answer that has none. */
function headsOf(answer: Answer): [name: string, answer: HeadAnswer][] {
  return answer.task === 'multi' ? Object.entries(answer.heads) : [['', answer]]
}

function headOf(answer: Answer, name: string): HeadAnswer {
  return answer.task === 'multi' ? answer.heads[name]! : answer
}

function eachHead(answer: Answer, change: (answer: HeadAnswer, name: string) => HeadAnswer): Answer {
  if (answer.task !== 'multi') return change(answer, '')
  return { task: 'multi', heads: Object.fromEntries(headsOf(answer).map(([name, own]) => [name, change(own, name)])) }
}
