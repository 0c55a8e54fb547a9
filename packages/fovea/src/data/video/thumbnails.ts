// Single frames of a video: one as an image, or one every so often as files.

import { basename, extname, join } from 'node:path'
import { FoveaError } from '../../util/errors.ts'
import type { Image } from '../../vision/image.ts'
import { encodeJpeg } from '../encode.ts'
import { makeFolder, writeFileAtomically } from '../files.ts'
import { checkOptionNames } from '../option-names.ts'
import { checkWorkOptions, optionError } from './encode-options.ts'
import type { FrameSize } from './frame.ts'
import { openSource } from './open-source.ts'

export interface ThumbnailOptions {
  /** Seconds: the first frame from then on. @default 0 */
  readonly at?: number
  /** @default as it is shown */
  readonly size?: FrameSize
  readonly signal?: AbortSignal
}

export interface ThumbnailsOptions {
  /** Seconds from one to the next. */
  readonly every: number
  /** Where the JPEGs are written; made where it is missing. */
  readonly folder: string
  /** @default 320 wide */
  readonly size?: FrameSize
  readonly onProgress?: (written: number) => void
  readonly signal?: AbortSignal
}

export interface Thumbnail {
  /** Seconds. */
  readonly at: number
  readonly file: string
}

/**
 * One frame of a video.
 *
 * @param video what `openSource` takes for a video
 * @throws FoveaError VIDEO_UNREADABLE, also where `at` lies beyond the end; SOURCE_OPTION, and what `openSource` throws
 */
export async function thumbnail(video: string, options: ThumbnailOptions = {}): Promise<Image> {
  checkOptionNames(options, ['at', 'size', 'signal'], optionError)
  const { at, size, signal } = options
  await using source = await openSource(video, {
    policy: 'all',
    reconnect: false,
    ...(at === undefined ? {} : { start: at }),
    ...(size === undefined ? {} : { size }),
    ...(signal === undefined ? {} : { signal }),
  })
  for await (const { image } of source) return image
  throw new FoveaError('VIDEO_UNREADABLE', { file: source.id, expected: 'a frame', found: 'none' })
}

/**
 * Writes the first frame of every so many seconds as `NAME-000001.jpg` …; for images in memory iterate `openSource(video, { fps: 1 / every })`.
 *
 * @throws FoveaError VIDEO_OPTION, FILE_WRITE and what `openSource` throws; files written until then stay
 */
export async function thumbnails(video: string, options: ThumbnailsOptions): Promise<Thumbnail[]> {
  checkWorkOptions(options, ['every', 'folder', 'size'])
  if (typeof video !== 'string') throw optionError('video', 'a path or an address', typeof video)
  if (typeof options.folder !== 'string' || options.folder === '') throw optionError('folder', 'the name of a folder', options.folder)
  const { every, folder, size = { width: 320 }, onProgress, signal } = options
  if (!(every > 0 && Number.isFinite(every))) throw optionError('every', 'seconds above 0', every)
  await makeFolder(folder)
  await using source = await openSource(video, {
    policy: 'all',
    reconnect: false,
    fps: 1 / every,
    size,
    ...(signal === undefined ? {} : { signal }),
  })
  const name = basename(video, extname(video)).replaceAll(/[^\w.-]+/g, '_')
  const written: Thumbnail[] = []
  for await (const { image, timestamp } of source) {
    const file = join(folder, `${name}-${String(written.length + 1).padStart(6, '0')}.jpg`)
    await writeFileAtomically(file, [await encodeJpeg(image)])
    written.push({ at: timestamp, file })
    onProgress?.(written.length)
  }
  return written
}
