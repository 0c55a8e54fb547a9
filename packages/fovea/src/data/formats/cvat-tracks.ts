// CVAT for video 1.1: tracks of things through the frames, as annotations of each frame (opencv/cvat, "XML annotation format").

import { FoveaError } from '../../util/errors.ts'
import type { Annotation } from '../../vision/annotation.ts'
import type { LabelledPicture } from '../../vision/labelled-set.ts'
import type { Labels } from './labels.ts'
import { stemOf } from './listing.ts'
import type { ReadContext } from './read-context.ts'
import { asTurnedBox, turnedBox } from './shapes.ts'
import { childOf, childrenOf, numberOf, textOf, type XmlElement } from './xml.ts'

/** The most frames of a video (an hour has 108,000), and the most shapes of all tracks together. */
const maxFrames = 200_000
const maxMade = 1_000_000

type ReadShape = (element: XmlElement, field: string, size: readonly [number, number]) => Partial<Annotation> | undefined

/** A track at a frame. */
interface Moment {
  readonly frame: number
  readonly outside: boolean
  readonly shape: Partial<Annotation>
}

/**
 * The frames of a video that the file has tracks of; none where it has no tracks. A frame that lies between two that a track lists gets its
 * shape by linear interpolation, as CVAT shows it: from a listed shape that is not outside to the next, whether that is outside or not. Where two
 * shapes have different numbers of points, or are masks, the earlier one stays. A track ends with the last frame that it lists.
 * @throws DATASET_MALFORMED, DATASET_TOO_LARGE beyond 200,000 frames, or a million shapes
 */
export function readTracks(root: XmlElement, file: string, context: ReadContext, labels: Labels, readShape: ReadShape): LabelledPicture[] {
  const tracks = childrenOf(root, 'track')
  if (tracks.length === 0) return []
  const { frames, size } = readVideo(root, file)
  const found = new Map<number, Annotation[]>()
  let made = 0
  for (const [i, track] of tracks.entries())
    context.attemptNow('malformed-entry', file, () => {
      const { label: name, id, group_id } = track.attributes
      const label = name ? labels.of(name, file) : -1
      const own = { ...(id === undefined ? {} : { track_id: id }), ...(group_id === undefined ? {} : { group_id }) }
      for (const { frame, shape } of visibleMoments(readMoments(track, `track[${i}]`, file, size, readShape, context), frames)) {
        if (++made > maxMade) throw tooLarge(file, `${maxMade} shapes of tracks`)
        const attributes = { ...own, ...shape.attributes }
        const list = found.get(frame) ?? []
        found.set(frame, list)
        list.push({ label, ...shape, ...(Object.keys(attributes).length === 0 ? {} : { attributes }) })
      }
    })
  return namePictures(
    [...new Set([...frames, ...found.keys()])].sort((a, b) => a - b),
    found,
    size,
    file,
    context,
  )
}

function tooLarge(file: string, most: string): FoveaError {
  return new FoveaError('DATASET_TOO_LARGE', { file, expected: `at most ${most}`, found: 'more' })
}

/** The frames of the task, by its first, last and step; and the size of the video, 0 where it is not stated. */
function readVideo(root: XmlElement, file: string): { frames: number[]; size: readonly [number, number] } {
  const meta = childOf(root, 'meta')
  const task = meta?.children.find((one) => childOf(one, 'size') !== undefined || childOf(one, 'start_frame') !== undefined)
  const original = (task && childOf(task, 'original_size')) ?? (meta && childOf(meta, 'original_size'))
  const size = ['width', 'height'].map((side) => (original === undefined ? 0 : numberOf(textOf(original, side), side, file))) as [
    number,
    number,
  ]
  const [start, stop] = ['start_frame', 'stop_frame'].map((name) =>
    task && textOf(task, name) ? numberOf(textOf(task, name), name, file) : Number.NaN,
  )
  const step = Number(/step\s*=\s*(\d+)/.exec((task && textOf(task, 'frame_filter')) ?? '')?.[1] ?? 1)
  if (!(Number.isSafeInteger(start) && Number.isSafeInteger(stop) && start! >= 0 && step > 0)) return { frames: [], size }
  const count = Math.floor((stop! - start!) / step) + 1
  if (count > maxFrames) throw tooLarge(file, `${maxFrames} frames`)
  return { frames: Array.from({ length: Math.max(0, count) }, (_, i) => start! + i * step), size }
}

function readMoments(
  track: XmlElement,
  field: string,
  file: string,
  size: readonly [number, number],
  readShape: ReadShape,
  context: ReadContext,
): Moment[] {
  const moments: Moment[] = []
  track.children.forEach((element, i) => {
    context.attemptNow('malformed-entry', file, () => {
      const place = `${field}.${element.name}[${i}]`
      const frame = numberOf(element.attributes.frame, `${place}.frame`, file)
      if (!(Number.isSafeInteger(frame) && frame >= 0))
        throw new FoveaError('DATASET_MALFORMED', { file, field: `${place}.frame`, expected: 'a number of a frame', found: String(frame) })
      const shape = readShape(element, place, size)
      if (shape === undefined) context.report('unsupported-part', file, place)
      else moments.push({ frame, outside: element.attributes.outside === '1', shape })
    })
  })
  return moments.sort((a, b) => a.frame - b.frame)
}

/** The track at the frames where it is to be seen. */
function* visibleMoments(moments: readonly Moment[], frames: readonly number[]): Iterable<Moment> {
  let at = 0
  for (const [i, moment] of moments.entries()) {
    if (moment.outside) continue
    yield moment
    const next = moments[i + 1]
    if (next === undefined) return
    while (at < frames.length && frames[at]! <= moment.frame) at++
    for (; at < frames.length && frames[at]! < next.frame; at++) {
      const frame = frames[at]!
      yield { frame, outside: false, shape: between(moment.shape, next.shape, (frame - moment.frame) / (next.frame - moment.frame)) }
    }
  }
}

/** A shape on the way from one to another; what has no way between stays as the first. */
function between(from: Partial<Annotation>, to: Partial<Annotation>, part: number): Partial<Annotation> {
  const mix = (a: number, b: number) => a + (b - a) * part
  if (from.box !== undefined && to.box !== undefined) {
    const [a, b] = [from.box, to.box]
    return { ...from, box: { x1: mix(a.x1, b.x1), y1: mix(a.y1, b.y1), x2: mix(a.x2, b.x2), y2: mix(a.y2, b.y2) } }
  }
  const [a, b] = [from, to].map((one) => turnOf(one))
  if (from.orientedBox !== undefined || to.orientedBox !== undefined) {
    if (a === undefined || b === undefined) return from
    // The shorter way round.
    const turn = ((b.degrees - a.degrees + 540) % 360) - 180
    const [cx, cy, w, h] = [mix(a.cx, b.cx), mix(a.cy, b.cy), mix(a.width, b.width), mix(a.height, b.height)]
    const { box: _, orientedBox: __, ...rest } = from
    return { ...rest, orientedBox: turnedBox({ x1: cx - w / 2, y1: cy - h / 2, x2: cx + w / 2, y2: cy + h / 2 }, a.degrees + turn * part) }
  }
  const [p, q] = [from.polygons?.[0], to.polygons?.[0]]
  if (p !== undefined && q !== undefined && p.length === q.length) return { ...from, polygons: [p.map((value, i) => mix(value, q[i]!))] }
  const [k, l] = [from.keypoints, to.keypoints]
  if (k !== undefined && l !== undefined && k.length === l.length)
    return { ...from, keypoints: k.map((one, i) => ({ ...one, x: mix(one.x, l[i]!.x), y: mix(one.y, l[i]!.y) })) }
  return from
}

function turnOf({ box, orientedBox }: Partial<Annotation>): ReturnType<typeof asTurnedBox> {
  if (orientedBox !== undefined) return asTurnedBox(orientedBox)
  return box === undefined ? undefined : asTurnedBox(turnedBox(box, 0))
}

/** Frames as CVAT names them when it exports pictures: `frame_000010.png`; any other name that ends with the number is found too. */
function namePictures(
  frames: readonly number[],
  found: ReadonlyMap<number, Annotation[]>,
  [width, height]: readonly [number, number],
  file: string,
  context: ReadContext,
): LabelledPicture[] {
  const byNumber = new Map<number, string>()
  for (const path of context.listing.images()) {
    const digits = /(\d{1,15})$/.exec(stemOf(path))
    if (digits !== null && !byNumber.has(Number(digits[1]))) byNumber.set(Number(digits[1]), path)
  }
  const there = frames.some((frame) => byNumber.has(frame))
  if (!there)
    context.report(
      'missing-file',
      file,
      `no frame of the video lies beside it, such as frame_${String(frames[0] ?? 0).padStart(6, '0')}.png`,
    )
  return frames.map((frame) => {
    const path = byNumber.get(frame)
    const name = path === undefined ? `frame_${String(frame).padStart(6, '0')}.png` : path.replace(/^images\//, '')
    return {
      name,
      ...(there ? context.picture(path, name) : {}),
      ...(width > 0 && height > 0 ? { width, height } : {}),
      labels: [],
      annotations: found.get(frame) ?? [],
      captions: [],
    }
  })
}
