// YOLO: a text file for each picture, one line a thing, in parts of the picture's width and height (Darknet; Ultralytics' data.yaml).

import { basename, dirname, posix } from 'node:path'
import { parse as parseYaml, stringify } from 'yaml'
import { FoveaError } from '../../util/errors.ts'
import { maxOf } from '../../util/extremes.ts'
import type { Annotation } from '../../vision/annotation.ts'
import type { LabelledPicture, LabelledStream } from '../../vision/labelled-set.ts'
import type { DatasetFormat, Holdings } from './format.ts'
import { isObject } from './json.ts'
import { Labels } from './labels.ts'
import { type Listing, stemOf } from './listing.ts'
import { type ReadContext, readHead } from './read-context.ts'
import { splitName } from './split-folders.ts'
import type { WriteContext } from './write-context.ts'
import { type LineKind, readLine, settlePose, writeLine } from './yolo-line.ts'

const holds: Holdings = { splits: true, labels: 'none', shapes: ['box', 'polygons'], unusedClasses: true, namesByStem: true }

export const yolo: DatasetFormat = {
  name: 'yolo',
  title: 'YOLO text: boxes and outlines',
  holds,
  needsSize: true,
  reservedFolders: /^(images|labels|annotations)$/i,
  detect: (listing) => detect(listing, 'plain'),
  read: (context) => read(context, 'plain'),
  write: (set, context) => write(set, context, 'plain'),
}

/** Four corners look like an outline of four: only the task of the data set tells them apart. */
export const yoloObb: DatasetFormat = {
  name: 'yolo-obb',
  title: 'YOLO text: boxes that are turned',
  holds: { ...holds, shapes: ['orientedBox'] },
  needsSize: true,
  reservedFolders: /^(images|labels|annotations)$/i,
  detect: (listing) => detect(listing, 'turned'),
  read: (context) => read(context, 'turned'),
  write: (set, context) => write(set, context, 'turned'),
}

/** Every thing has as many keypoints: `kpt_shape` of data.yaml says how many, and whether each states its visibility. */
export const yoloPose: DatasetFormat = {
  name: 'yolo-pose',
  title: 'YOLO text: boxes with keypoints',
  holds: { ...holds, shapes: ['box', 'keypoints'], together: true, visibility: true },
  needsSize: true,
  reservedFolders: /^(images|labels|annotations)$/i,
  derives: ['box'],
  detect: (listing) => detect(listing, 'pose'),
  read: (context) => read(context, 'pose'),
  write: (set, context) => write(set, context, 'pose'),
  adapt: settlePose,
}

const line = /^\s*\d+(\s+-?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?){4,}\s*$/i

async function detect(listing: Listing, kind: LineKind): Promise<{ confidence: number; reason: string } | undefined> {
  for (const file of listing.withEnding(['.yaml', '.yml'])) {
    const head = await readHead(listing, file)
    if (!/^names\s*:/m.test(head)) continue
    if (kind !== (/^kpt_shape\s*:/m.test(head) ? 'pose' : /^task\s*:\s*['"]?obb/m.test(head) ? 'turned' : 'plain')) continue
    return { confidence: 0.9, reason: `${file} lists the names of classes` }
  }
  const data = listing.files.find((file) => file.endsWith('.data'))
  if (kind === 'plain' && data !== undefined && /^names\s*=/m.test(await readHead(listing, data)))
    return { confidence: 0.9, reason: `${data} is Darknet's` }
  // Nothing in a line tells keypoints from an outline.
  if (kind === 'pose') return undefined
  for (const file of labelFiles(listing).slice(0, 20)) {
    const lines = (await readHead(listing, file))
      .split('\n')
      .slice(0, 5)
      .filter((text) => text.trim() !== '')
    const good = lines.filter((text) => line.test(text))
    // A broken line does not make it something else.
    if (good.length * 2 <= lines.length) continue
    if (good.every((text) => text.trim().split(/\s+/).length === 9) === (kind === 'turned'))
      return { confidence: kind === 'turned' ? 0.5 : 0.6, reason: `${file} has a class and parts of a picture in each line` }
  }
  return undefined
}

/** Text files that belong to a picture. */
function labelFiles(listing: Listing): string[] {
  const wanted = new Set(listing.images().flatMap(labelPaths))
  return listing.withEnding('.txt').filter((file) => wanted.has(file))
}

/** Where the lines of a picture may be: the last `images` of its path becomes `labels`, or beside it. */
function labelPaths(image: string): string[] {
  const stem = stemOf(image)
  const parts = stem.split('/')
  const at = parts.findLastIndex((part, i) => i < parts.length - 1 && part.toLowerCase() === 'images')
  const renamed = at < 0 ? [] : ['labels', 'Labels', 'annotations', 'Annotations'].map((word) => parts.with(at, word).join('/'))
  return [...renamed, stem].map((path) => `${path}.txt`)
}

interface Setup {
  /** Folders and pictures of each split. */
  readonly places: readonly { readonly split: string; readonly path: string }[]
  /** `kpt_shape`: how many keypoints a thing has, and how many numbers each. */
  readonly keypoints?: readonly [number, number]
}

async function read(context: ReadContext, kind: LineKind): Promise<LabelledStream> {
  const labels = new Labels(context)
  const setup = await readSetup(context, labels)
  if (kind === 'pose' && setup.keypoints === undefined)
    throw new FoveaError('DATASET_MALFORMED', {
      file: 'data.yaml',
      field: 'kpt_shape',
      expected: 'the number of keypoints and of their numbers',
      found: 'nothing',
    })
  if (!labels.declared) labels.declare((await numberedClasses(context)).map((name) => ({ name })))
  return { classes: labels.classes, pictures: pictures(context, labels.classes.length, setup, kind) }
}

async function* pictures(
  context: ReadContext,
  classes: number,
  { places, keypoints = [0, 0] }: Setup,
  kind: LineKind,
): AsyncIterable<LabelledPicture> {
  const { listing } = context
  const listed = new Set(listing.images())
  for (const { path } of places)
    if (stemOf(path) !== path && !listed.has(path)) context.report('missing-file', path, 'the picture of a list')
  for (const image of listing.images()) {
    const { split, name } = placeOf(image, places)
    const file = listing.first(labelPaths(image).filter((path) => listing.only === undefined || path === listing.only))
    const picture = { name, ...context.picture(image, name), ...(split === undefined ? {} : { split }) }
    const text = file === undefined ? '' : ((await context.attempt('malformed-file', file, () => context.text(file))) ?? '')
    const size = await context.sizeOf(picture)
    const annotations: Annotation[] = []
    text.split(/\r?\n/).forEach((row, i) => {
      if (row.trim() === '') return
      const read = () => readLine(row, { file: file!, number: i + 1, size, kind, keypoints, classes, context })
      const annotation = context.attemptNow('malformed-entry', file!, read)
      if (annotation !== undefined) annotations.push(annotation)
    })
    yield { ...picture, ...size, labels: [], annotations, captions: [] }
  }
}

/** Split and name of a picture: by the lists of data.yaml, else by the folders `images` and `train`, `val`, `test`. */
function placeOf(image: string, places: Setup['places']): { split: string | undefined; name: string } {
  const place = places.find(({ path }) => image === path || image.startsWith(`${path}/`))
  const plain = (path: string) => path.replace(/^(images|obj_\w+_data)\//i, '')
  if (place !== undefined && place.path !== image) return { split: place.split, name: plain(image.slice(place.path.length + 1)) }
  const parts = image.split('/')
  const at = parts.findIndex((part, i) => i < parts.length - 1 && i < 2 && splitName(part) !== undefined)
  const below = at < 0 ? image : parts.toSpliced(at, 1).join('/')
  return { split: place?.split ?? (at < 0 ? undefined : splitName(parts[at]!)), name: plain(below) }
}

async function readSetup(context: ReadContext, labels: Labels): Promise<Setup> {
  const { listing } = context
  for (const file of listing.files.filter((path) => /\.ya?ml$/i.test(path))) {
    const setup = await context.attempt('malformed-file', file, async () => readDataYaml(await context.text(file), file, context, labels))
    if (setup !== undefined) return setup
  }
  const data = listing.files.find((file) => file.endsWith('.data'))
  const places: { split: string; path: string }[] = []
  if (data !== undefined)
    for (const row of (await context.text(data)).split('\n')) {
      const [key = '', value = ''] = row.split('=').map((part) => part.trim())
      if (splitName(key) === undefined && key !== 'names') continue
      const listFile = darknetPath(listing, value, data, context)
      if (listFile === undefined) continue
      const rows = (await context.text(listFile)).split(/\r?\n/).map((text) => text.trim())
      if (key === 'names') labels.declare(rows.filter((name) => name !== '').map((name) => ({ name })))
      else for (const one of rows) if (one !== '') places.push({ split: key, path: darknetPath(listing, one, listFile, context) ?? one })
    }
  const names = listing.files.find((file) => /(^|\/)([\w-]+\.names|classes\.txt|labels\.txt)$/.test(file))
  if (names !== undefined) {
    const rows = (await context.text(names)).split(/\r?\n/).map((text) => text.trim())
    labels.declare(rows.filter((name) => name !== '').map((name) => ({ name })))
  }
  return { places }
}

/** Darknet's paths begin where it was started, often with a `data/` that the folder does not have. */
function darknetPath(listing: Listing, path: string, file: string, context: ReadContext): string | undefined {
  const plain = context.inside(path, '', file)
  return listing.first([plain, plain.replace(/^data\//, ''), posix.join(dirname(file), plain), posix.join(dirname(file), basename(plain))])
}

async function readDataYaml(text: string, file: string, context: ReadContext, labels: Labels): Promise<Setup | undefined> {
  let yaml: unknown
  try {
    yaml = parseYaml(text, { maxAliasCount: 0, logLevel: 'error' })
  } catch (cause) {
    throw new FoveaError('DATASET_MALFORMED', { file, expected: 'YAML', found: (cause as Error).message.split('\n')[0] ?? '', cause })
  }
  if (!isObject(yaml) || yaml.names === undefined) return undefined
  const { names, path, kpt_shape: shape } = yaml
  if (Array.isArray(names)) labels.declare(names.map((name) => ({ name: String(name) })))
  else if (isObject(names)) {
    const ids = Object.keys(names).map(Number)
    const highest = maxOf(ids, -1)
    if (!ids.every((id) => Number.isInteger(id) && id >= 0) || highest > 100_000)
      throw new FoveaError('DATASET_MALFORMED', {
        file,
        field: 'names',
        expected: 'names by whole numbers',
        found: String(ids.slice(0, 5)),
      })
    labels.declare(Array.from({ length: highest + 1 }, (_, id) => ({ name: String(names[id] ?? id) })))
  } else throw new FoveaError('DATASET_MALFORMED', { file, field: 'names', expected: 'a list of names', found: String(names).slice(0, 60) })
  const places: { split: string; path: string }[] = []
  for (const [key, value] of Object.entries(yaml)) {
    if (['path', 'names', 'nc', 'task', 'download', 'yaml_file', 'roboflow', 'kpt_shape', 'flip_idx', 'channels'].includes(key)) continue
    for (const one of Array.isArray(value) ? value : [value]) {
      if (typeof one !== 'string') continue
      const found = await yamlPlaces(one, typeof path === 'string' ? path : '', file, context)
      for (const place of found) places.push({ split: key, path: place })
    }
  }
  return { places, ...(shape === undefined ? {} : { keypoints: readKeypointShape(shape, file) }) }
}

function readKeypointShape(shape: unknown, file: string): [number, number] {
  const [count, numbers] = Array.isArray(shape) ? (shape as unknown[]) : []
  if (Number.isInteger(count) && (count as number) >= 0 && (count as number) <= 10_000 && (numbers === 2 || numbers === 3))
    return [count as number, numbers]
  throw new FoveaError('DATASET_MALFORMED', {
    file,
    field: 'kpt_shape',
    expected: '[number of keypoints, 2 or 3]',
    found: String(shape).slice(0, 60),
  })
}

/** The folder, or the pictures of the list, that data.yaml names; paths from elsewhere count by their ends, `../` is left out. */
async function yamlPlaces(value: string, base: string, file: string, context: ReadContext): Promise<string[]> {
  const { listing } = context
  const plain = posix
    .normalize(value.replaceAll('\\', '/'))
    .replace(/^(\.\.\/|\/)+/, '')
    .replace(/\/$/, '')
  const ends = plain.split('/').map((_, i, parts) => parts.slice(i).join('/'))
  const bases = [posix.join(dirname(file), posix.normalize(base).replace(/^(\.\.\/|\/)+/, '')), dirname(file), '.']
  const candidates = ends.flatMap((end) => bases.map((one) => posix.normalize(posix.join(one, end))))
  const found = candidates.find((path) => listing.hasFolder(path) || listing.has(path))
  if (found === undefined) return []
  if (!listing.has(found)) return [found]
  const rows = (await context.text(found)).split(/\r?\n/).filter((row) => row.trim() !== '')
  return rows.map((row) => context.inside(row.trim(), dirname(found), found))
}

/** Where no list names the classes, they are called by their numbers. */
async function numberedClasses(context: ReadContext): Promise<string[]> {
  let highest = -1
  for (const file of labelFiles(context.listing)) {
    const text = (await context.attempt('malformed-file', file, () => context.text(file))) ?? ''
    for (const match of text.matchAll(/^\s*(\d{1,5})\s/gm)) highest = Math.max(highest, Number(match[1]))
  }
  return Array.from({ length: highest + 1 }, (_, id) => String(id))
}

async function write(set: LabelledStream, context: WriteContext, kind: LineKind): Promise<void> {
  const splits = new Set<string>()
  // Things that come before the first with keypoints wait until their number is known.
  let keypoints: number | undefined = kind === 'pose' ? undefined : 0
  let waiting: LabelledPicture[] = []
  const writeLabels = async (picture: LabelledPicture) => {
    const lines = picture.annotations.map((annotation) => `${writeLine(annotation, picture, keypoints ?? 0)}\n`)
    await context.write(posix.join('labels', picture.split ?? '', `${stemOf(picture.name)}.txt`), lines.join(''))
  }
  for await (const picture of set.pictures) {
    const folder = picture.split ?? ''
    if (picture.split !== undefined) splits.add(picture.split)
    keypoints ??= picture.annotations.flatMap((one) => one.keypoints?.length ?? [])[0]
    waiting.push(picture)
    if (keypoints !== undefined) {
      for (const one of waiting) await writeLabels(one)
      waiting = []
    }
    await context.placePicture(picture, posix.join('images', folder, picture.name))
  }
  for (const one of waiting) await writeLabels(one)
  const paths = Object.fromEntries([...splits].map((split) => [split, `images/${split}`]))
  const names = Object.fromEntries(set.classes.map(({ name }, id) => [id, name]))
  const task = { plain: {}, turned: { task: 'obb' }, pose: { kpt_shape: [keypoints ?? 0, 3] } }[kind]
  await context.write('data.yaml', stringify({ path: '.', ...paths, ...task, nc: set.classes.length, names }))
}
