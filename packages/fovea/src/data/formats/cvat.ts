// CVAT for images 1.1: one XML file for all pictures (opencv/cvat, "XML annotation format").

import { posix } from 'node:path'
import { FoveaError } from '../../util/errors.ts'
import type { Annotation, RunLengths } from '../../vision/annotation.ts'
import type { LabelClass, LabelledPicture, LabelledStream } from '../../vision/labelled-set.ts'
import { readTracks } from './cvat-tracks.ts'
import { settleTurned } from './fit.ts'
import type { DatasetFormat } from './format.ts'
import { Labels } from './labels.ts'
import { checkPart, cutMask, type MaskPart, placeMask } from './mask-part.ts'
import { type ReadContext, readHead } from './read-context.ts'
import { asTurnedBox, turnedBox } from './shapes.ts'
import type { WriteContext } from './write-context.ts'
import { childOf, childrenOf, numberOf, parseXml, printXml, textOf, type XmlElement, type XmlTree } from './xml.ts'

/** What elements have beside their shape. */
const flags = ['occluded', 'z_order', 'source', 'group_id'] as const
/** Shapes that we have no field for are kept as they are written. */
const others = ['polyline', 'ellipse', 'cuboid'] as const

export const cvat: DatasetFormat = {
  name: 'cvat',
  title: 'CVAT for images XML: boxes, turned boxes, outlines, masks, points, tags',
  holds: {
    splits: true,
    labels: 'several',
    shapes: ['mask', 'polygons', 'orientedBox', 'box', 'keypoints'],
    unknownClass: true,
    attributes: 'text',
    ownAttributes: others,
    sizes: true,
    unusedClasses: true,
    classDetails: ['color'],
  },
  wantsSize: true,
  async detect(listing) {
    for (const file of listing.withEnding('.xml')) {
      const head = await readHead(listing, file)
      if (/<annotations>/.test(head) && /<(meta|version|image)\b/.test(head))
        return { confidence: 0.95, reason: `${file} has CVAT's element annotations` }
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
  for (const file of context.listing.withEnding('.xml'))
    await context.attempt('malformed-file', file, async () => {
      const root = parseXml(await context.text(file), file)
      if (root.name !== 'annotations') return
      labels.declare(readLabels(root))
      for (const picture of readTracks(root, file, context, labels, (element, field, size) => readAnnotation(element, field, file, size)))
        pictures.push(picture)
      childrenOf(root, 'image').forEach((image, i) => {
        const picture = context.attemptNow('malformed-entry', file, () => readPicture(image, `image[${i}]`, file, context, labels))
        if (picture !== undefined) pictures.push(picture)
      })
    })
  return labels.sortedByName(pictures)
}

/** The labels of a task, a project or a job. */
function readLabels(root: XmlElement): LabelClass[] {
  const meta = childOf(root, 'meta')
  return (meta?.children ?? []).flatMap((holder) =>
    childrenOf(childOf(holder, 'labels') ?? holder, 'label').map((label) => {
      const color = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(textOf(label, 'color') ?? '')
      const channels = color?.slice(1).map((channel) => Number.parseInt(channel, 16)) as [number, number, number] | undefined
      return { name: textOf(label, 'name') ?? '', ...(channels === undefined ? {} : { color: channels }) }
    }),
  )
}

function readPicture(image: XmlElement, field: string, file: string, context: ReadContext, labels: Labels): LabelledPicture {
  const { name: stated = '', subset } = image.attributes
  const name = context.inside(stated, '', file)
  const places = [...(subset ? [`images/${subset}`, subset] : []), 'images', '']
  const path = context.listing.first(places.map((place) => posix.join(place, name)))
  const [width, height] = [
    numberOf(image.attributes.width, `${field}.width`, file),
    numberOf(image.attributes.height, `${field}.height`, file),
  ]
  const own: number[] = []
  const annotations: Annotation[] = []
  image.children.forEach((element, i) => {
    context.attemptNow('malformed-entry', file, () => {
      const place = `${field}.${element.name}[${i}]`
      const label = element.attributes.label ? labels.of(element.attributes.label, file) : -1
      if (element.name === 'tag') {
        if (label >= 0 && !own.includes(label)) own.push(label)
        return
      }
      const shape = readAnnotation(element, place, file, [width, height])
      if (shape === undefined) context.report('unsupported-part', file, place)
      else annotations.push({ label, ...shape })
    })
  })
  return {
    name,
    ...context.picture(path, name),
    ...(width > 0 && height > 0 ? { width, height } : {}),
    ...(subset ? { split: subset } : {}),
    labels: own,
    annotations,
    captions: [],
  }
}

/** Shape and attributes of an element; undefined for what is no shape. */
function readAnnotation(
  element: XmlElement,
  field: string,
  file: string,
  [width, height]: readonly [number, number],
): Partial<Annotation> | undefined {
  const shape = readShape(element, field, file, width, height)
  if (shape === undefined) return undefined
  const attributes: Record<string, unknown> = { ...shape.attributes }
  for (const flag of flags) if (element.attributes[flag] !== undefined) attributes[flag] = element.attributes[flag]
  for (const attribute of childrenOf(element, 'attribute')) attributes[attribute.attributes.name ?? ''] = attribute.text
  return Object.keys(attributes).length === 0 ? shape : { ...shape, attributes }
}

function readShape(element: XmlElement, field: string, file: string, width: number, height: number): Partial<Annotation> | undefined {
  const { attributes } = element
  const number = (name: string) => numberOf(attributes[name], `${field}.${name}`, file)
  switch (element.name) {
    case 'box': {
      const box = { x1: number('xtl'), y1: number('ytl'), x2: number('xbr'), y2: number('ybr') }
      const turn = attributes.rotation === undefined ? 0 : number('rotation')
      return turn === 0 ? { box } : { orientedBox: turnedBox(box, turn) }
    }
    case 'polygon':
      return { polygons: [readPoints(attributes.points, field, file)] }
    case 'points': {
      const points = readPoints(attributes.points, field, file)
      return {
        keypoints: Array.from({ length: points.length / 2 }, (_, i) => ({
          x: points[2 * i]!,
          y: points[2 * i + 1]!,
          visibility: 2 as const,
        })),
      }
    }
    case 'mask': {
      const part = { left: number('left'), top: number('top'), width: number('width'), height: number('height') }
      return { mask: readMask(attributes.rle ?? '', part, width, height, field, file) }
    }
    case 'polyline':
      readPoints(attributes.points, field, file)
      return { attributes: { polyline: attributes.points } }
    case 'ellipse':
    case 'cuboid': {
      const { label: _, ...shape } = attributes
      return {
        attributes: {
          [element.name]: Object.fromEntries(Object.entries(shape).filter(([name]) => !(flags as readonly string[]).includes(name))),
        },
      }
    }
    default:
      return undefined
  }
}

/** `x,y;x,y`. */
function readPoints(text: string | undefined, field: string, file: string): number[] {
  const points = (text ?? '').split(';').flatMap((pair) => pair.split(','))
  if (points.length % 2 === 1)
    throw new FoveaError('DATASET_MALFORMED', { file, field, expected: 'points as x,y;x,y', found: (text ?? '').slice(0, 60) })
  return points.map((value) => numberOf(value, field, file))
}

/** Runs along the rows of a part of the picture, those of 0 first. */
function readMask(rle: string, part: Omit<MaskPart, 'pixels'>, width: number, height: number, field: string, file: string): RunLengths {
  checkPart(part, width, height, field, file)
  const counts = rle.split(',').map((count) => numberOf(count, `${field}.rle`, file))
  const total = counts.reduce((sum, count) => sum + count, 0)
  if (!counts.every((count) => Number.isSafeInteger(count) && count >= 0) || total !== part.width * part.height)
    throw new FoveaError('DATASET_MALFORMED', { file, field, expected: `runs of ${part.width * part.height} pixels`, found: String(total) })
  const pixels = new Uint8Array(total)
  let at = 0
  counts.forEach((count, i) => {
    pixels.fill(i % 2, at, at + count)
    at += count
  })
  return placeMask({ ...part, pixels }, width, height, field, file)
}

async function write(set: LabelledStream, context: WriteContext): Promise<void> {
  const images: XmlTree[] = []
  const subsets = new Set<string>()
  for await (const picture of set.pictures) {
    const { name, width = 0, height = 0, split, labels, annotations } = picture
    if (split !== undefined) subsets.add(split)
    const className = (label: number) => set.classes[label]?.name ?? ''
    images.push([
      'image',
      { id: images.length, name, ...(split === undefined ? {} : { subset: split }), width, height },
      [
        ...labels.map((label): XmlTree => ['tag', { label: className(label) }, []]),
        ...annotations.map((annotation) => shapeTree(annotation, className(annotation.label))),
      ],
    ])
    await context.placePicture(picture, posix.join('images', split ?? '', name))
  }
  const hex = (value: number) => value.toString(16).padStart(2, '0')
  const labels = set.classes.map(
    ({ name, color }): XmlTree => [
      'label',
      {},
      [['name', {}, name], ...(color === undefined ? [] : [['color', {}, `#${color.map(hex).join('')}`] as XmlTree])],
    ],
  )
  const meta: XmlTree = [
    'meta',
    {},
    [
      [
        'task',
        {},
        [
          ['subsets', {}, [...subsets].join('\n')],
          ['labels', {}, labels],
        ],
      ],
    ],
  ]
  await context.write('annotations.xml', printXml(['annotations', {}, [['version', {}, '1.1'], meta, ...images]]))
}

function shapeTree(annotation: Annotation, label: string): XmlTree {
  const all = annotation.attributes ?? {}
  const own = Object.fromEntries(flags.flatMap((flag) => (all[flag] === undefined ? [] : [[flag, String(all[flag])]])))
  const [name, shape] = shapeOf(annotation)
  const known: readonly string[] = [...flags, ...others]
  const attributes = Object.entries(all)
    .filter(([key]) => !known.includes(key))
    .map(([key, value]): XmlTree => ['attribute', { name: key }, String(value)])
  return [name, { label, ...own, ...shape }, attributes]
}

function shapeOf({ box, orientedBox, polygons, mask, keypoints, attributes = {} }: Annotation): [string, Record<string, string | number>] {
  const pairs = (points: readonly number[]) =>
    Array.from({ length: points.length / 2 }, (_, i) => `${points[2 * i]},${points[2 * i + 1]}`).join(';')
  if (mask !== undefined) return ['mask', maskAttributes(mask)]
  if (polygons !== undefined) return ['polygon', { points: pairs(polygons[0]!) }]
  if (orientedBox !== undefined) {
    const { cx, cy, width, height, degrees } = asTurnedBox(orientedBox)!
    const corner = { xtl: cx - width / 2, ytl: cy - height / 2, xbr: cx + width / 2, ybr: cy + height / 2 }
    return ['box', { ...corner, rotation: (degrees + 360) % 360 }]
  }
  if (box !== undefined) return ['box', { xtl: box.x1, ytl: box.y1, xbr: box.x2, ybr: box.y2 }]
  if (keypoints !== undefined) return ['points', { points: pairs(keypoints.flatMap(({ x, y }) => [x, y])) }]
  if (attributes.polyline !== undefined) return ['polyline', { points: String(attributes.polyline) }]
  const other = others.find((one) => attributes[one] !== undefined)!
  return [other, attributes[other] as Record<string, string>]
}

function maskAttributes(mask: RunLengths): Record<string, string | number> {
  const { left, top, width, height, pixels } = cutMask(mask)
  const counts: number[] = []
  let [run, value] = [0, 0]
  for (const pixel of Array.from(pixels)) {
    if (pixel === value) run++
    else {
      counts.push(run)
      run = 1
      value = pixel
    }
  }
  return { rle: [...counts, run].join(', '), left, top, width, height }
}
