// DOTA: turned boxes in pixels, a text file for each picture (Xia et al. 2018, "DOTA: A Large-scale Dataset for Object Detection in Aerial Images").

import { posix } from 'node:path'
import { FoveaError } from '../../util/errors.ts'
import type { Annotation } from '../../vision/annotation.ts'
import type { LabelledPicture, LabelledStream } from '../../vision/labelled-set.ts'
import type { DatasetFormat } from './format.ts'
import { Labels } from './labels.ts'
import { type Listing, stemOf } from './listing.ts'
import { type ReadContext, readHead } from './read-context.ts'
import { splitByFolder } from './split-folders.ts'
import type { WriteContext } from './write-context.ts'

/** Eight numbers, a class, and whether it is difficult. */
const line = /^(-?\d+(\.\d*)?(e[+-]?\d+)?\s+){8}\S.*$/i
/** Lines at the top that tell of the picture. */
const heading = /^(imagesource|gsd|acquisition dates)\s*:/i

export const dota: DatasetFormat = {
  name: 'dota',
  title: 'DOTA text: turned boxes',
  reservedFolders: /^(images|labels|labelTxt.*)$/i,
  holds: { splits: true, labels: 'none', shapes: ['orientedBox'], isDifficult: true, namesByStem: true },
  async detect(listing) {
    for (const file of labelFiles(listing).slice(0, 20)) {
      const lines = (await readHead(listing, file))
        .split('\n')
        .slice(0, 7)
        .filter((text) => text.trim() !== '' && !heading.test(text))
      const good = lines.filter((text) => line.test(text) && Number.isNaN(Number(text.trim().split(/\s+/)[8])))
      if (good.length * 2 > lines.length) return { confidence: 0.93, reason: `${file} has four corners and a class in each line` }
    }
    return undefined
  },
  read,
  write,
}

/** The text of a picture: in `labelTxt` beside `images`, or beside it. */
function labelPath(listing: Listing, image: string): string | undefined {
  const stem = stemOf(image)
  const parts = stem.split('/')
  const at = parts.findLastIndex((part, i) => i < parts.length - 1 && part.toLowerCase() === 'images')
  const renamed = at < 0 ? [] : ['labelTxt', 'labelTxt-v1.0', 'labelTxt-v1.5', 'labels'].map((word) => parts.with(at, word).join('/'))
  return listing.first(
    [...renamed, stem].map((path) => `${path}.txt`).filter((path) => listing.only === undefined || path === listing.only),
  )
}

function labelFiles(listing: Listing): string[] {
  return listing.images().flatMap((image) => labelPath(listing, image) ?? [])
}

/** Split and name: `train/images/a.png`, `images/train/a.png` and `a.png` are all called `a.png`. */
function placeOf(image: string): { split?: string; name: string } {
  const split = splitByFolder(image)
  const parts = image.split('/')
  const folders = parts.slice(0, -1)
  const at = folders.findIndex((part) => part.toLowerCase() === 'images')
  if (at >= 0) folders.splice(at, 1)
  const own = folders.findIndex((part) => splitByFolder(`${part}/x`) !== undefined)
  if (own >= 0 && own < 2) folders.splice(own, 1)
  return { ...(split === undefined || own < 0 || own >= 2 ? {} : { split }), name: [...folders, parts.at(-1)!].join('/') }
}

async function read(context: ReadContext): Promise<LabelledStream> {
  const { listing } = context
  const labels = new Labels(context)
  const pictures: LabelledPicture[] = []
  for (const image of listing.images()) {
    const file = labelPath(listing, image)
    if (file === undefined && listing.only !== undefined) continue
    const { split, name } = placeOf(image)
    const text = file === undefined ? '' : ((await context.attempt('malformed-file', file, () => context.text(file))) ?? '')
    const annotations: Annotation[] = []
    text.split(/\r?\n/).forEach((row, i) => {
      if (row.trim() === '' || heading.test(row.trim())) return
      const annotation = context.attemptNow('malformed-entry', file!, () => readLine(row, file!, i + 1, labels))
      if (annotation !== undefined) annotations.push(annotation)
    })
    pictures.push({
      name,
      ...context.picture(image, name),
      ...(split === undefined ? {} : { split }),
      labels: [],
      annotations,
      captions: [],
    })
  }
  return labels.sortedByName(pictures)
}

function readLine(row: string, file: string, number: number, labels: Labels): Annotation {
  const cells = row.trim().split(/\s+/)
  const corners = cells.slice(0, 8).map(Number)
  // The mark may be missing: evaluation files have none.
  const marked = cells.length > 9 && /^[0-2]$/.test(cells.at(-1)!)
  const name = cells.slice(8, marked ? -1 : undefined).join(' ')
  if (corners.length !== 8 || !corners.every(Number.isFinite) || name === '')
    throw new FoveaError('DATASET_MALFORMED', {
      file,
      field: `line ${number}`,
      expected: 'x and y of four corners, a class, and 0 or 1',
      found: row.trim().slice(0, 80),
    })
  return { label: labels.of(name, file), orientedBox: corners, ...(marked && cells.at(-1) !== '0' ? { isDifficult: true } : {}) }
}

async function write(set: LabelledStream, context: WriteContext): Promise<void> {
  for (const { name } of set.classes)
    if (name === '' || name.split(/\s+/).join(' ') !== name || name.startsWith(' ') || name.endsWith(' '))
      throw new FoveaError('DATASET_UNSUPPORTED', {
        field: 'classes',
        expected: 'names of words with one space between',
        found: name.slice(0, 100),
      })
  for await (const picture of set.pictures) {
    const folder = picture.split ?? ''
    const lines = picture.annotations.map(
      ({ label, orientedBox, isDifficult }) => `${orientedBox!.join(' ')} ${set.classes[label]!.name} ${isDifficult ? 1 : 0}\n`,
    )
    await context.write(posix.join(folder, 'labelTxt', `${stemOf(picture.name)}.txt`), lines.join(''))
    await context.placePicture(picture, posix.join(folder, 'images', picture.name))
  }
}
