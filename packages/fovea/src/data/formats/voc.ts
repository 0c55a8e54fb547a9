// Pascal VOC: one XML file for each picture, lists of names for the splits (Everingham et al. 2010; VOC development kit, section 5).

import { basename, dirname, extname, posix } from 'node:path'
import { FoveaError } from '../../util/errors.ts'
import type { Annotation, Box } from '../../vision/annotation.ts'
import type { LabelClass, LabelledPicture, LabelledStream } from '../../vision/labelled-set.ts'
import { compareText } from '../dataset.ts'
import type { DatasetFormat } from './format.ts'
import { Labels } from './labels.ts'
import { stemOf } from './listing.ts'
import { type ReadContext, readHead } from './read-context.ts'
import { splitByFolder } from './split-folders.ts'
import type { WriteContext } from './write-context.ts'
import { childOf, childrenOf, numberOf, parseXml, printXml, textOf, type XmlElement, type XmlTree } from './xml.ts'

/** Attributes that VOC has elements for; the flags are '0' or '1'. */
const flags = ['pose', 'truncated', 'occluded'] as const

export const voc: DatasetFormat = {
  name: 'voc',
  title: 'Pascal VOC XML: boxes',
  holds: {
    splits: true,
    labels: 'none',
    shapes: ['box'],
    isDifficult: true,
    attributes: 'text',
    ownAttributes: ['parts', 'actions'],
    sizes: true,
    unusedClasses: true,
    classDetails: ['color'],
    namesPerSplit: false,
    namesByStem: true,
  },
  wantsSize: true,
  // Both ends are written, so that one pixel and none look alike.
  adapt(picture, { lose }) {
    for (const { box } of picture.annotations)
      if (box !== undefined && (box.x2 - box.x1 === 1 || box.y2 - box.y1 === 1)) lose('side of a box that is one pixel long')
    return picture
  },
  async detect(listing) {
    for (const file of listing.withEnding('.xml').slice(0, 20)) {
      const head = await readHead(listing, file)
      if (!/<annotation[\s>]/.test(head) || /<polygon>|<imagesize>|<sourceImage>/.test(head)) continue
      if (/<bndbox>/.test(head)) return { confidence: 0.95, reason: `${file} has boxes as Pascal VOC writes them` }
      if (/<segmented>|<size>/.test(head)) return { confidence: 0.7, reason: `${file} describes a picture as Pascal VOC does` }
    }
    return undefined
  },
  read,
  write,
}

async function read(context: ReadContext): Promise<LabelledStream> {
  const { listing } = context
  const labels = new Labels(context)
  const map = listing.files.find((file) => basename(file) === 'labelmap.txt')
  if (map !== undefined) labels.declare(parseLabelMap(await context.text(map)))
  const splits = await readSplits(context)
  const pictures: LabelledPicture[] = []
  for (const file of listing.withEnding('.xml')) {
    const picture = await context.attempt('malformed-file', file, async () => {
      const root = parseXml(await context.text(file), file)
      return root.name === 'annotation' ? readPicture(root, file, context, labels, splits) : undefined
    })
    if (picture !== undefined) pictures.push(picture)
  }
  const listed = new Set(pictures.map(({ name }) => stemOf(name)))
  for (const [stem, split] of splits) {
    if (listed.has(stem)) continue
    const path = pictureFolders('Annotations').flatMap((folder) => listing.imageByStem(posix.join(folder, stem)) ?? [])[0]
    const name = `${stem}${path === undefined ? '.jpg' : extname(path)}`
    context.report('missing-labels', `Annotations/${stem}.xml`, `${name} is in the list of ${split}`)
    pictures.push({ name, ...context.picture(path, name), split, labels: [], annotations: [], captions: [] })
  }
  return labels.sortedByName(pictures)
}

/** Stems of pictures by `ImageSets/Main/<split>.txt`; `trainval` counts only for those that are in neither. */
async function readSplits(context: ReadContext): Promise<Map<string, string>> {
  const splits = new Map<string, string>()
  const lists = context.listing.withEnding('.txt').filter((file) => /(^|\/)ImageSets\/[^/]+\/[^/]+$/.test(file))
  // Main is for boxes; the others matter where there is no Main.
  const main = lists.filter((file) => /\/?ImageSets\/Main\//.test(file))
  const order = (file: string) => (basename(file) === 'trainval.txt' ? 1 : 0)
  for (const file of (main.length > 0 ? main : lists).sort((a, b) => order(a) - order(b) || compareText(a, b))) {
    const split = stemOf(basename(file))
    const rows = (await context.text(file)).split(/\r?\n/).map((line) => line.trim())
    // `cat_train.txt` tells with a second column which pictures have a cat.
    if (split.includes('_') && rows.every((row) => row === '' || /\s(-1|0|1)$/.test(row))) continue
    for (const stem of rows) {
      if (stem === '' || stem.startsWith('#')) continue
      const known = splits.get(stem)
      if (known === undefined) splits.set(stem, split)
      else if (known !== split && split !== 'trainval') context.report('split-leakage', file, `${stem} is in ${known} and ${split}`)
    }
  }
  return splits
}

/** Where the pictures of a folder of XML files lie: beside it or in it. */
function pictureFolders(folder: string): string[] {
  const [parent, own] = [dirname(folder), basename(folder)]
  const renamed = own.replace(/annotations?|labels?|xmls?$/i, (word) =>
    word === word.toUpperCase() ? 'IMAGES' : /^[A-Z]/.test(word) ? 'Images' : 'images',
  )
  return [posix.join(parent, 'JPEGImages'), posix.join(parent, renamed), posix.join(parent, 'images'), folder, parent]
}

/** The part of a file's folder from the folder of labels down: `sub` of `Annotations/sub`. */
function labelFolder(folder: string): { top: string; below: string } {
  const parts = folder.split('/')
  const at = parts.findIndex((part) => /annotations?$/i.test(part))
  return at < 0 ? { top: folder, below: '' } : { top: parts.slice(0, at + 1).join('/'), below: parts.slice(at + 1).join('/') }
}

function readPicture(
  root: XmlElement,
  file: string,
  context: ReadContext,
  labels: Labels,
  splits: ReadonlyMap<string, string>,
): LabelledPicture {
  const stated = textOf(root, 'filename') ?? ''
  if (stated !== '') context.inside(stated, '', file)
  const { top, below } = labelFolder(dirname(file))
  const stem = posix.join(below, stemOf(basename(file)))
  const { listing } = context
  const path = pictureFolders(top)
    .flatMap((folder) => [
      stated === '' ? undefined : listing.first([posix.join(folder, below, stated)]),
      listing.imageByStem(posix.join(folder, stem)),
    ])
    .find((found) => found !== undefined)
  const name = `${stem}${extname(path ?? stated) || '.jpg'}`
  const size = childOf(root, 'size')
  const [width, height] = size === undefined ? [0, 0] : ['width', 'height'].map((side) => numberOf(textOf(size, side), side, file))
  const split = splits.get(stem) ?? (splits.size === 0 ? splitByFolder(file) : undefined)
  const annotations: Annotation[] = []
  childrenOf(root, 'object').forEach((object, i) => {
    const annotation = context.attemptNow('malformed-entry', file, () => readObject(object, file, `object[${i}]`, context, labels))
    if (annotation !== undefined) annotations.push(annotation)
  })
  return {
    name,
    ...context.picture(path, name),
    ...(width! > 0 && height! > 0 ? { width: width!, height: height! } : {}),
    ...(split === undefined ? {} : { split }),
    labels: [],
    annotations,
    captions: [],
  }
}

function readObject(object: XmlElement, file: string, field: string, context: ReadContext, labels: Labels): Annotation {
  const name = textOf(object, 'name')
  if (name === undefined) throw new FoveaError('DATASET_MALFORMED', { file, field, expected: 'a name', found: 'nothing' })
  const bounds = childOf(object, 'bndbox')
  const attributes: Record<string, unknown> = {}
  for (const flag of flags) {
    const value = textOf(object, flag)
    if (value !== undefined) attributes[flag] = value
  }
  for (const attribute of childrenOf(childOf(object, 'attributes') ?? object, 'attribute'))
    attributes[textOf(attribute, 'name') ?? ''] = textOf(attribute, 'value') ?? ''
  const parts = childrenOf(object, 'part').map((part, i) => readPart(part, file, `${field}.part[${i}]`, context))
  if (parts.length > 0) attributes.parts = parts
  const actions = childOf(object, 'actions')?.children.map((action) => [action.name, action.text] as const) ?? []
  if (actions.length > 0) attributes.actions = Object.fromEntries(actions)
  return {
    label: labels.of(name, file),
    ...(bounds === undefined ? {} : { box: readBox(bounds, file, `${field}.bndbox`, context) }),
    ...(textOf(object, 'difficult') === '1' ? { isDifficult: true } : {}),
    ...(Object.keys(attributes).length > 0 ? { attributes } : {}),
  }
}

function readPart(part: XmlElement, file: string, field: string, context: ReadContext): { name: string; box?: Box } {
  const bounds = childOf(part, 'bndbox')
  return { name: textOf(part, 'name') ?? '', ...(bounds === undefined ? {} : { box: readBox(bounds, file, field, context) }) }
}

/**
 * In the original the first pixel is 1 and a box includes its last pixel: 1 to 3 covers three pixels, ours 0 to 3. A box whose last
 * pixel is its first is what a click without a drag leaves behind: it stays of zero size, instead of becoming one pixel.
 */
function readBox(bounds: XmlElement, file: string, field: string, context: ReadContext): Box {
  const [xmin, ymin, xmax, ymax] = (['xmin', 'ymin', 'xmax', 'ymax'] as const).map((side) =>
    numberOf(textOf(bounds, side), `${field}.${side}`, file),
  )
  if (context.options.vocOrigin === 'zero') return { x1: xmin!, y1: ymin!, x2: xmax!, y2: ymax! }
  if (xmin! < 1 || ymin! < 1) context.report('first-pixel', file, `${field} begins at ${xmin}, ${ymin}`)
  const end = (low: number, high: number) => (high === low ? high - 1 : high)
  return { x1: xmin! - 1, y1: ymin! - 1, x2: end(xmin!, xmax!), y2: end(ymin!, ymax!) }
}

function writeBox({ x1, y1, x2, y2 }: Box): XmlTree {
  const end = (low: number, high: number) => String(high === low ? low + 1 : high)
  return [
    'bndbox',
    {},
    [
      ['xmin', {}, String(x1 + 1)],
      ['ymin', {}, String(y1 + 1)],
      ['xmax', {}, end(x1, x2)],
      ['ymax', {}, end(y1, y2)],
    ],
  ]
}

/** datumaro's `name:red,green,blue:parts:actions`, one class a line. */
function parseLabelMap(text: string): LabelClass[] {
  return text.split(/\r?\n/).flatMap((line) => {
    const match = /^(?!#)(.+?):([\d, ]*):[^:]*:[^:]*$/.exec(line.trim())
    if (match === null) return []
    const color = match[2]!.split(',').map(Number)
    return { name: match[1]!, ...(color.length === 3 ? { color: color as [number, number, number] } : {}) }
  })
}

async function write(set: LabelledStream, context: WriteContext): Promise<void> {
  const lists = new Map<string, string[]>()
  for await (const picture of set.pictures) {
    const stem = stemOf(picture.name)
    if (picture.split !== undefined) lists.set(picture.split, [...(lists.get(picture.split) ?? []), stem])
    await context.write(`Annotations/${stem}.xml`, printXml(pictureTree(picture, set.classes)))
    await context.placePicture(picture, `JPEGImages/${picture.name}`)
  }
  for (const [split, stems] of lists) await context.write(`ImageSets/Main/${split}.txt`, `${stems.join('\n')}\n`)
  const map = set.classes.map(({ name, color }) => `${name}:${(color ?? []).join(',')}::\n`)
  await context.write('labelmap.txt', `# label:color_rgb:parts:actions\n${map.join('')}`)
}

function pictureTree({ name, width, height, annotations }: LabelledPicture, classes: readonly LabelClass[]): XmlTree {
  const size: XmlTree[] =
    width === undefined || height === undefined
      ? []
      : [
          [
            'size',
            {},
            [
              ['width', {}, String(width)],
              ['height', {}, String(height)],
              ['depth', {}, '3'],
            ],
          ],
        ]
  const objects = annotations.map((annotation) => objectTree(annotation, classes[annotation.label]!.name))
  return ['annotation', {}, [['folder', {}, 'JPEGImages'], ['filename', {}, basename(name)], ...size, ['segmented', {}, '0'], ...objects]]
}

function objectTree({ box, isDifficult, attributes = {} }: Annotation, name: string): XmlTree {
  const content: XmlTree[] = [['name', {}, name]]
  for (const flag of flags) if (attributes[flag] !== undefined) content.push([flag, {}, String(attributes[flag])])
  content.push(['difficult', {}, isDifficult ? '1' : '0'])
  if (box !== undefined) content.push(writeBox(box))
  for (const part of partsOf(attributes.parts))
    content.push(['part', {}, [['name', {}, part.name], ...(part.box === undefined ? [] : [writeBox(part.box)])]])
  const actions = actionsOf(attributes.actions)
  if (actions.length > 0) content.push(['actions', {}, actions.map(([key, value]) => [key, {}, String(value)])])
  const own: readonly string[] = [
    ...flags,
    ...(isPlainParts(attributes.parts) ? ['parts'] : []),
    ...(actions.length > 0 ? ['actions'] : []),
  ]
  const others = Object.entries(attributes).filter(([key]) => !own.includes(key))
  if (others.length > 0)
    content.push([
      'attributes',
      {},
      others.map(([key, value]) => [
        'attribute',
        {},
        [
          ['name', {}, key],
          ['value', {}, String(value)],
        ],
      ]),
    ])
  return ['object', {}, content]
}

/** Attributes of other formats may have the names of VOC's own elements, and hold something else: those are written as any other attribute. */
function isPlainParts(parts: unknown): parts is readonly { readonly name: string; readonly box?: Box }[] {
  return Array.isArray(parts) && parts.every((part) => typeof part === 'object' && part !== null && typeof part.name === 'string')
}

function partsOf(parts: unknown): readonly { readonly name: string; readonly box?: Box }[] {
  return isPlainParts(parts) ? parts : []
}

/** Actions are elements of their own, so their names must be names of XML. */
function actionsOf(actions: unknown): [string, unknown][] {
  if (typeof actions !== 'object' || actions === null || Array.isArray(actions)) return []
  const entries = Object.entries(actions)
  return entries.every(([key]) => /^[A-Za-z_][\w.-]*$/.test(key)) ? entries : []
}
