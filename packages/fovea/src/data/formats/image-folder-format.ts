// ImageFolder as a format: a folder for each class, in folders of splits or in none.

import { posix } from 'node:path'
import type { LabelledPicture, LabelledStream } from '../../vision/labelled-set.ts'
import type { DatasetFormat } from './format.ts'
import { Labels } from './labels.ts'
import type { ReadContext } from './read-context.ts'
import { splitName } from './split-folders.ts'
import type { WriteContext } from './write-context.ts'

export const imageFolder: DatasetFormat = {
  name: 'image-folder',
  title: 'ImageFolder: a folder of pictures for each class',
  byFolder: true,
  holds: { splits: ['train', 'val', 'test'], labels: 'one', shapes: [] },
  async detect(listing) {
    const images = listing.images()
    const inFolders = images.filter((path) => path.includes('/')).length
    if (images.length === 0) return undefined
    if (inFolders === 0) return { confidence: 0.1, reason: 'pictures without folders' }
    return { confidence: 0.3, reason: `${inFolders} pictures in folders` }
  },
  read,
  write,
  adapt(picture, { className }) {
    return { ...picture, name: nameInFolder(picture.name, picture.labels[0] === undefined ? undefined : className(picture.labels[0])) }
  },
}

/** A picture's name is its path below the split; one without a class lies in no folder. */
export function nameInFolder(name: string, folder: string | undefined): string {
  if (folder === undefined) return name.replaceAll('/', '_')
  return name.startsWith(`${folder}/`) ? name : `${folder}/${name}`
}

async function read(context: ReadContext): Promise<LabelledStream> {
  const labels = new Labels(context)
  const top = context.listing.folders.filter((folder) => !folder.includes('/'))
  const named = top.map(splitName)
  // A folder that is called `test` beside folders of classes is a class.
  const hasSplits = named.includes('train') || named.includes('val') || (named.includes('test') && top.length === 1)
  const pictures = context.listing.images().map((path): LabelledPicture => {
    const [first = '', ...rest] = path.split('/')
    const split = hasSplits && rest.length > 0 ? splitName(first) : undefined
    const name = split === undefined ? path : rest.join('/')
    const [folder, ...below] = name.split('/')
    return {
      name,
      file: context.listing.full(path),
      ...(split === undefined ? {} : { split }),
      labels: below.length === 0 ? [] : [labels.of(folder!, path)].filter((label) => label >= 0),
      annotations: [],
      captions: [],
    }
  })
  return labels.sortedByName(pictures)
}

async function write(set: LabelledStream, context: WriteContext): Promise<void> {
  for (const { name } of set.classes) context.checkFolderName(name, 'class')
  for await (const picture of set.pictures) await context.placePicture(picture, posix.join(picture.split ?? '', picture.name))
}
