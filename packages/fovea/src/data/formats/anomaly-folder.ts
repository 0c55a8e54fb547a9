// Anomaly folders as of MVTec AD: [category/]split/{good, kind of defect}/picture and [category/]ground_truth/kind/picture_mask (Bergmann et al. 2019).

import { posix } from 'node:path'
import type { LabelledPicture, LabelledStream } from '../../vision/labelled-set.ts'
import { decodeMask, encodeMask, mergeMasks } from '../../vision/run-lengths.ts'
import type { AdaptContext, DatasetFormat } from './format.ts'
import { nameInFolder } from './image-folder-format.ts'
import { Labels } from './labels.ts'
import { type Listing, stemOf } from './listing.ts'
import { readMask, writeMask } from './raster.ts'
import type { ReadContext } from './read-context.ts'
import type { WriteContext } from './write-context.ts'

const truth = 'ground_truth'
/** The folder of pictures that are in no split. */
const noSplit = 'default'

export const anomalyFolder: DatasetFormat = {
  name: 'anomaly-folder',
  title: 'Anomaly folders: good and defects, with masks in ground_truth/',
  byFolder: true,
  holds: { splits: ['train', 'val', 'test'], groups: true, labels: 'one', shapes: ['mask'] },
  async detect(listing) {
    if (listing.folders.some((path) => posix.basename(path) === truth)) return { confidence: 0.85, reason: `a folder ${truth}` }
    const good = listing.folders.find((path) => /(^|\/)(train|test)\/good$/.test(path))
    return good === undefined ? undefined : { confidence: 0.7, reason: `a folder ${good}` }
  },
  read,
  write,
  adapt,
}

/** Folders that hold `ground_truth`, or `train/good`: '' or those of the categories. */
function roots(listing: Listing): string[] {
  const found = listing.folders.flatMap((path) => {
    const match = /^(?:(.*)\/)?(?:ground_truth|(?:train|test)\/good)$/.exec(path)
    return match === null ? [] : [match[1] ?? '']
  })
  return [...new Set(found)]
}

async function read(context: ReadContext): Promise<LabelledStream> {
  const { listing } = context
  const labels = new Labels(context)
  const pictures: LabelledPicture[] = []
  const categories = roots(listing)
  for (const root of categories)
    for (const path of listing.images(root)) {
      // Of a category that lies deeper.
      if (categories.some((other) => other.length > root.length && path.startsWith(`${other}/`))) continue
      const [split = '', ...rest] = (root === '' ? path : path.slice(root.length + 1)).split('/')
      if (split === truth || rest.length === 0) continue
      const name = rest.join('/')
      const label = rest.length > 1 ? labels.of(rest[0]!, path) : -1
      const stem = stemOf(posix.join(root, truth, name))
      const file = listing.imageByStem(`${stem}_mask`) ?? listing.imageByStem(stem)
      const pixels =
        file === undefined ? undefined : await context.attempt('malformed-file', file, () => readMask(listing.full(file), file))
      const runs = pixels && encodeMask(pixels.values, pixels.width, pixels.height)
      pictures.push({
        name,
        file: listing.full(path),
        ...(split === noSplit ? {} : { split }),
        ...(root === '' ? {} : { group: root }),
        labels: label < 0 ? [] : [label],
        annotations: runs === undefined ? [] : [{ label, mask: runs }],
        captions: [],
      })
    }
  return labels.sortedByName(pictures)
}

/** One mask for a picture, of its own class. */
function adapt(picture: LabelledPicture, { className, lose }: AdaptContext): LabelledPicture {
  const [label] = picture.labels
  const name = nameInFolder(picture.name, label === undefined ? undefined : className(label))
  const own = picture.annotations.filter((annotation) => annotation.label === label)
  for (const _ of picture.annotations.slice(own.length)) lose('mask of another class than the picture')
  const [first, ...others] = own.map(({ mask }) => mask!)
  if (first === undefined || label === undefined) return { ...picture, name, annotations: [] }
  const same = others.filter(({ width, height }) => width === first.width && height === first.height)
  for (const _ of others.slice(same.length)) lose('mask of another size than its picture')
  if (same.length > 0) lose('difference between things of one class')
  return { ...picture, name, annotations: [{ label, mask: mergeMasks([first, ...same]) }] }
}

async function write(set: LabelledStream, context: WriteContext): Promise<void> {
  for (const { name } of set.classes) context.checkFolderName(name, 'class')
  for await (const picture of set.pictures) {
    const { group = '', name, annotations } = picture
    if (group !== '') context.checkFolderName(group, 'group')
    await context.placePicture(picture, posix.join(group, picture.split ?? noSplit, name))
    await context.folder(posix.join(group, truth))
    const mask = annotations[0]?.mask
    if (mask === undefined) continue
    const values = decodeMask(mask).map((one) => 255 * one)
    await context.write(posix.join(group, truth, `${stemOf(name)}_mask.png`), await writeMask(values, mask.width, mask.height))
  }
}
