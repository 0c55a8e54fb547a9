// Label Studio: one JSON list of tasks, positions in percent of the picture (labelstud.io, "Label Studio JSON format").

import { posix } from 'node:path'
import type { Annotation } from '../../vision/annotation.ts'
import type { LabelledPicture, LabelledStream } from '../../vision/labelled-set.ts'
import { decodeBrush, encodeBrush } from './brush-rle.ts'
import { settleTurned } from './fit.ts'
import type { DatasetFormat } from './format.ts'
import { isObject, JsonFile, type JsonObject, parseJson } from './json.ts'
import { GroupedAnnotations } from './label-groups.ts'
import { Labels } from './labels.ts'
import type { Listing } from './listing.ts'
import { type ReadContext, readHead } from './read-context.ts'
import { asTurnedBox, turnedBox } from './shapes.ts'
import type { WriteContext } from './write-context.ts'

/** How tasks name a file of a local storage. */
const localFile = '/data/local-files/?d='

export const labelStudio: DatasetFormat = {
  name: 'label-studio',
  title: 'Label Studio JSON: boxes, turned boxes, outlines, brush masks, points, choices, captions',
  holds: {
    splits: true,
    groups: true,
    labels: 'several',
    captions: true,
    shapes: ['box', 'orientedBox', 'polygons', 'mask', 'keypoints'],
    together: true,
    parts: true,
    sizes: true,
  },
  needsSize: true,
  async detect(listing) {
    for (const file of listing.withEnding('.json')) {
      const head = await readHead(listing, file, 65_536)
      if (/^\s*\[/.test(head) && /"data"\s*:\s*\{/.test(head) && /"(annotations|completions)"\s*:\s*\[/.test(head))
        return { confidence: 0.95, reason: `${file} is a list of tasks with annotations` }
    }
    return undefined
  },
  read,
  write,
  adapt: (picture, { lose }) => ({ ...picture, annotations: picture.annotations.map((annotation) => settleTurned(annotation, lose)) }),
}

async function read(context: ReadContext): Promise<LabelledStream> {
  const labels = new Labels(context)
  const pictures: LabelledPicture[] = []
  for (const file of context.listing.withEnding('.json'))
    await context.attempt('malformed-file', file, async () => {
      const json = parseJson(await context.text(file), file)
      if (!Array.isArray(json)) return
      const take = new JsonFile(file)
      for (const [i, value] of json.entries())
        await context.attempt('malformed-entry', file, async () => {
          const task = take.object(value, `task ${i}`)
          if (isObject(task.data)) pictures.push(await readTask(take, task, task.data, `task ${i}`, context, labels))
        })
    })
  return labels.sortedByName(pictures)
}

/** The picture's path below the root: of local storage, of an upload, or the end of an address that is there. */
function findPicture(listing: Listing, stated: string): { path: string | undefined; name: string } {
  const plain = stated.startsWith(localFile) ? decode(stated.slice(localFile.length)) : stated.replace(/[?#].*$/, '')
  const parts = plain.split('/').filter((part) => part !== '' && part !== '.' && part !== '..')
  for (let i = 0; i < parts.length; i++) {
    const end = parts.slice(i).join('/')
    const path = listing.first([end, `images/${end}`])
    if (path !== undefined) return { path, name: path }
  }
  return { path: undefined, name: (stated.startsWith(localFile) ? parts.join('/') : parts.at(-1)) || 'picture' }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

async function readTask(
  take: JsonFile,
  task: JsonObject,
  data: JsonObject,
  field: string,
  context: ReadContext,
  labels: Labels,
): Promise<LabelledPicture> {
  // Whatever the labelling form calls it.
  const stated = take.text(
    data.image ?? data.img ?? data.url ?? Object.values(data).find((value) => typeof value === 'string'),
    `${field}.data.image`,
  )
  const { path, name: whole } = findPicture(context.listing, stated)
  const [split, group] = [data.split, data.group].map((value) => (typeof value === 'string' && value !== '' ? value : undefined))
  const below = whole.replace(/^images\//, '')
  const name = split !== undefined && below.startsWith(`${split}/`) ? below.slice(split.length + 1) : below
  const start = {
    name,
    ...context.picture(path, name),
    ...(split === undefined ? {} : { split }),
    ...(group === undefined ? {} : { group }),
  }
  const annotators = take
    .optionalList(task.annotations ?? task.completions, `${field}.annotations`)
    .map((value) => take.object(value, `${field}.annotations`))
  const first = annotators.find((one) => one.was_cancelled !== true)
  if (annotators.length > 1)
    context.report('duplicate-name', take.file, `${field}: ${annotators.length} annotators, of whom the first counts`)
  const results = take.optionalList(first?.result, `${field}.result`).map((value) => take.object(value, `${field}.result`))
  const size =
    sizeOf(data.width, data.height) ??
    results.map((one) => sizeOf(one.original_width, one.original_height)).find(Boolean) ??
    (await context.sizeOf(start))
  const own: number[] = []
  const captions: string[] = []
  const annotations = new GroupedAnnotations()
  results.forEach((result, i) => {
    context.attemptNow('malformed-entry', take.file, () => {
      const place = `${field}.result[${i}]`
      const value = take.object(result.value, `${place}.value`)
      if (result.type === 'choices') {
        for (const choice of take.list(value.choices, place)) own.push(labels.of(take.text(choice, place), take.file))
        return
      }
      if (result.type === 'textarea') {
        for (const text of typeof value.text === 'string' ? [value.text] : take.list(value.text, place))
          captions.push(take.text(text, place))
        return
      }
      const shape =
        value.format === 'rle'
          ? readBrush(take, result, value, place, size)
          : size === undefined
            ? take.fail(place, 'a picture whose size is known', undefined)
            : readShape(take, value, place, size)
      if (shape === undefined) {
        context.report('unsupported-part', take.file, `${place}: ${String(result.type).slice(0, 40)}`)
        return
      }
      annotations.add(labelOf(take, value, place, context, labels), groupOf(result), shape)
    })
  })
  return { ...start, ...size, labels: own.filter((label) => label >= 0), annotations: annotations.list, captions }
}

function groupOf({ parentID, id }: JsonObject): string | undefined {
  const group = parentID ?? id
  return group === undefined ? undefined : String(group)
}

function sizeOf(width: unknown, height: unknown): { width: number; height: number } | undefined {
  return typeof width === 'number' && typeof height === 'number' && width > 0 && height > 0 ? { width, height } : undefined
}

function labelOf(take: JsonFile, value: JsonObject, field: string, context: ReadContext, labels: Labels): number {
  const names = value.rectanglelabels ?? value.polygonlabels ?? value.keypointlabels ?? value.brushlabels ?? value.labels
  const name = names === undefined ? undefined : take.list(names, field)[0]
  if (name !== undefined) return labels.of(take.text(name, field), take.file)
  context.report('unknown-class', take.file, `${field} has no label`)
  return -1
}

function readBrush(
  take: JsonFile,
  { original_width, original_height }: JsonObject,
  value: JsonObject,
  field: string,
  size: { width: number; height: number } | undefined,
): Partial<Annotation> {
  const { width, height } = sizeOf(original_width, original_height) ?? size ?? take.fail(field, 'a picture whose size is known', undefined)
  return { mask: decodeBrush(take.numbers(value.rle, `${field}.rle`), width, height, `${field}.rle`, take.file) }
}

function readShape(
  take: JsonFile,
  value: JsonObject,
  field: string,
  { width, height }: { width: number; height: number },
): Partial<Annotation> | undefined {
  const across = (part: unknown) => (take.number(part, field) / 100) * width
  const down = (part: unknown) => (take.number(part, field) / 100) * height
  if (value.points !== undefined) {
    const points = take.list(value.points, field).map((pair) => take.numbers(pair, field))
    if (!points.every((pair) => pair.length === 2)) take.fail(field, 'pairs of x and y', value.points)
    return { polygons: [points.flatMap(([x, y]) => [across(x), down(y)])] }
  }
  if (value.keypointlabels !== undefined) return { keypoints: [{ x: across(value.x), y: down(value.y), visibility: 2 }] }
  if (value.x === undefined || value.width === undefined) return undefined
  const [x1, y1] = [across(value.x), down(value.y)]
  const box = { x1, y1, x2: x1 + across(value.width), y2: y1 + down(value.height) }
  const rotation = value.rotation === undefined ? 0 : take.number(value.rotation, field)
  // It turns about its first corner.
  return rotation === 0 ? { box } : { orientedBox: turnedBox(box, rotation, [x1, y1]) }
}

async function write(set: LabelledStream, context: WriteContext): Promise<void> {
  const tasks: string[] = []
  for await (const picture of set.pictures) {
    const { name, split, group, width = 1, height = 1, labels, annotations, captions } = picture
    const path = posix.join('images', split ?? '', name)
    const size = { original_width: width, original_height: height, image_rotation: 0 }
    const of = (type: string, value: JsonObject, more: JsonObject): JsonObject => ({
      ...more,
      from_name: type,
      to_name: 'image',
      type,
      ...size,
      value,
    })
    const result = annotations.flatMap((annotation, i) =>
      regionsOf(annotation, set.classes[annotation.label]!.name, width, height).map(([type, value], k) => ({
        ...of(type, value, k === 0 ? { id: `a${i}` } : { id: `a${i}-${k}`, parentID: `a${i}` }),
        // A mask has a size of its own.
        ...(type === 'brushlabels' ? { original_width: annotation.mask!.width, original_height: annotation.mask!.height } : {}),
      })),
    )
    if (labels.length > 0) result.push(of('choices', { choices: labels.map((label) => set.classes[label]!.name) }, { id: 'choices' }))
    captions.forEach((caption, i) => {
      result.push(of('textarea', { text: [caption] }, { id: `caption${i}` }))
    })
    const data = {
      image: `${localFile}${encodeURIComponent(path)}`,
      ...(picture.width === undefined ? {} : { width, height }),
      ...(split === undefined ? {} : { split }),
      ...(group === undefined ? {} : { group }),
    }
    tasks.push(JSON.stringify({ id: tasks.length + 1, data, annotations: [{ result }] }))
    await context.placePicture(picture, path)
  }
  await context.write('tasks.json', `[\n${tasks.join(',\n')}\n]\n`)
}

function regionsOf(
  { box, orientedBox, polygons = [], mask, keypoints = [] }: Annotation,
  name: string,
  width: number,
  height: number,
): [string, JsonObject][] {
  const across = (x: number) => (100 * x) / width
  const down = (y: number) => (100 * y) / height
  const rectangle = (x: number, y: number, w: number, h: number, rotation: number): [string, JsonObject] => [
    'rectanglelabels',
    { x: across(x), y: down(y), width: across(w), height: down(h), rotation, rectanglelabels: [name] },
  ]
  const turned = orientedBox === undefined ? undefined : asTurnedBox(orientedBox)
  return [
    ...(box === undefined ? [] : [rectangle(box.x1, box.y1, box.x2 - box.x1, box.y2 - box.y1, 0)]),
    ...(turned === undefined
      ? []
      : [rectangle(orientedBox![0]!, orientedBox![1]!, turned.width, turned.height, (turned.degrees + 360) % 360)]),
    ...polygons.map((points): [string, JsonObject] => [
      'polygonlabels',
      {
        points: Array.from({ length: points.length / 2 }, (_, i) => [across(points[2 * i]!), down(points[2 * i + 1]!)]),
        polygonlabels: [name],
      },
    ]),
    ...(mask === undefined
      ? []
      : [['brushlabels', { format: 'rle', rle: encodeBrush(mask), brushlabels: [name] }] as [string, JsonObject]]),
    ...keypoints.map(({ x, y }): [string, JsonObject] => [
      'keypointlabels',
      { x: across(x), y: down(y), width: 0.5, keypointlabels: [name] },
    ]),
  ]
}
