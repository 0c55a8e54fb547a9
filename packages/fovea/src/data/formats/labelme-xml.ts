// The original LabelMe of MIT: an XML file for each picture in Annotations/, pictures in Images/, masks in Masks/ (Russell et al. 2008). Read only.

import { basename, posix } from 'node:path'
import { FoveaError } from '../../util/errors.ts'
import type { Annotation } from '../../vision/annotation.ts'
import { boundsOf } from '../../vision/geometry/polygon.ts'
import type { LabelledPicture } from '../../vision/labelled-set.ts'
import { encodeMask } from '../../vision/run-lengths.ts'
import type { Labels } from './labels.ts'
import { stemOf } from './listing.ts'
import { readMask } from './raster.ts'
import type { ReadContext } from './read-context.ts'
import { childOf, childrenOf, numberOf, parseXml, textOf, type XmlElement } from './xml.ts'

/** Whether the beginning of an XML file is that of LabelMe. */
export function isLabelmeXml(head: string): boolean {
  return /<annotation>/.test(head) && /<sourceImage>|<imagesize>|<polygon>/.test(head)
}

/** Things that were deleted in the tool are left out; attributes become the description. */
export async function readLabelmeXml(file: string, context: ReadContext, labels: Labels): Promise<LabelledPicture | undefined> {
  const root = parseXml(await context.text(file), file)
  if (root.name !== 'annotation' || childOf(root, 'filename') === undefined) return undefined
  const below = posix.join(textOf(root, 'folder') ?? '', textOf(root, 'filename')!)
  const name = context.inside(below, '', file)
  const parts = stemOf(file).split('/')
  const at = parts.findLastIndex((part) => part.toLowerCase() === 'annotations')
  const path = context.listing.first([posix.join('Images', name), name]) ?? context.listing.imageByStem(parts.with(at, 'Images').join('/'))
  const size = childOf(root, 'imagesize')
  const [height, width] = size === undefined ? [0, 0] : ['nrows', 'ncols'].map((side) => numberOf(textOf(size, side), side, file))
  const annotations: Annotation[] = []
  for (const [i, object] of childrenOf(root, 'object').entries()) {
    if (textOf(object, 'deleted') === '1') continue
    const annotation = await context.attempt('malformed-entry', file, () => readObject(object, `object[${i}]`, name, file, context, labels))
    if (annotation !== undefined) annotations.push(annotation)
  }
  return {
    name,
    ...context.picture(path, name),
    ...(width! > 0 && height! > 0 ? { width: width!, height: height! } : {}),
    labels: [],
    annotations,
    captions: [],
  }
}

async function readObject(
  object: XmlElement,
  field: string,
  picture: string,
  file: string,
  context: ReadContext,
  labels: Labels,
): Promise<Annotation> {
  const label = labels.of(textOf(object, 'name') ?? '', file)
  const description = textOf(object, 'attributes') ?? ''
  const start = { label, ...(description === '' ? {} : { attributes: { description } }) }
  const segment = childOf(object, 'segm')
  if (segment !== undefined) {
    const stated = context.inside(posix.join('Masks', posix.dirname(picture), textOf(segment, 'mask') ?? ''), '', file)
    const path = context.listing.first([stated]) ?? context.listing.files.find((one) => basename(one) === textOf(segment, 'mask'))
    if (path === undefined) throw new FoveaError('DATASET_MALFORMED', { file, field, expected: 'a mask file', found: stated })
    const { width, height, values } = await readMask(context.listing.full(path), path)
    return { ...start, mask: encodeMask(values, width, height) }
  }
  const polygon = childOf(object, 'polygon')
  const points = (polygon === undefined ? [] : childrenOf(polygon, 'pt')).flatMap((point) =>
    ['x', 'y'].map((axis) => numberOf(textOf(point, axis), `${field}.${axis}`, file)),
  )
  const box = textOf(object, 'type') === 'bounding_box' ? boundsOf([points]) : undefined
  return { ...start, ...(box === undefined ? { polygons: [points] } : { box }) }
}
