// One answer about a picture from several looks at it: in tiles, mirrored, or both.

import { flipHorizontal } from '../../data/transforms/flip.ts'
import type { Detections } from '../../vision/detections.ts'
import { cropImage, type Image } from '../../vision/image.ts'
import type { Segmentation } from '../../vision/segmentation.ts'
import { type Tile, tilesOf } from '../../vision/tiles.ts'
import type { HeadAnswer, MultiAnswer } from '../answers.ts'
import type { Count } from '../heads/count.ts'
import { meanOfMirrored } from './mirrored.ts'
import { tiledTasks, type ViewOptions } from './options.ts'
import type { ViewRule } from './rule.ts'
import { joinCounts, joinDetections, joinSegmentations, type TiledAnswer } from './tiled.ts'

export interface ViewRun {
  /** What the model sees of a picture, in pixels; of tiles without a size. */
  readonly size: readonly [height: number, width: number] | undefined
  /** By the names of heads; of a model with one answer of any name. */
  readonly rules: ReadonlyMap<string, ViewRule>
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
  const looks: { tile: Tile; answer: Answer }[] = []
  // One after another: a large picture has many tiles, and each is a copy.
  for (const tile of parts) looks.push({ tile, answer: await look(cropImage(image, tile.left, tile.top, tile.width, tile.height)) })
  const some = looks[0]!.answer
  const needsWhole = headsOf(some).some(({ task }) => (task === 'detect' ? whole : !tiledTasks.includes(task)))
  const all = needsWhole ? { tile: { left: 0, top: 0, width, height }, answer: await look(image) } : undefined
  return eachHead(some, run, (_, rule, name) => {
    const answers = looks.map(({ tile, answer }) => ({ tile, answer: headOf(answer, name) }))
    const plain = all && { tile: all.tile, answer: headOf(all.answer, name) }
    return joinTiles(answers, plain, image, rule, whole)
  })
}

function joinTiles(
  tiles: readonly TiledAnswer[],
  whole: TiledAnswer | undefined,
  image: Image,
  rule: ViewRule,
  takesWhole: boolean,
): HeadAnswer {
  switch (tiles[0]!.answer.task) {
    case 'detect':
      return joinDetections([...(takesWhole ? [whole!] : []), ...tiles] as TiledAnswer<Detections>[], image, rule)
    case 'count':
      return joinCounts(tiles as TiledAnswer<Count>[], image)
    case 'segment':
      return joinSegmentations(tiles as TiledAnswer<Segmentation>[], image)
    default:
      return whole!.answer
  }
}

/** The mean of the answers about the picture and its mirror image. */
async function answerTwice(image: Image, run: ViewRun): Promise<Answer> {
  const [plain, mirrored] = (await run.answer([image, flipHorizontal(image)])) as [Answer, Answer]
  return eachHead(plain, run, (answer, rule, name) => meanOfMirrored(answer, headOf(mirrored, name), rule))
}

function headsOf(answer: Answer): HeadAnswer[] {
  return answer.task === 'multi' ? Object.values(answer.heads) : [answer]
}

/** The answer of a head, which of a model with one answer has any name. */
function headOf(answer: Answer, name: string): HeadAnswer {
  return answer.task === 'multi' ? answer.heads[name]! : answer
}

function eachHead(answer: Answer, { rules }: ViewRun, change: (answer: HeadAnswer, rule: ViewRule, name: string) => HeadAnswer): Answer {
  if (answer.task !== 'multi') {
    const [[name, rule]] = rules as unknown as [[string, ViewRule]]
    return change(answer, rule, name)
  }
  const heads = Object.entries(answer.heads).map(([name, one]) => [name, change(one, rules.get(name)!, name)] as const)
  return { task: 'multi', heads: Object.fromEntries(heads) }
}
