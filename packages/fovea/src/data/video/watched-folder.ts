// A folder that somebody writes pictures to: each is a frame, once it is fully written, in the order in which they were written.

import { readdir, stat } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { FoveaError } from '../../util/errors.ts'
import { compareText } from '../dataset.ts'
import { loadImage } from '../decode.ts'
import { imageExtensions } from '../image-format.ts'
import type { Connection, FrameReader, FrameSize, RawFrame, WatchOptions } from './frame.ts'
import { resized } from './image-files.ts'
import { pause } from './pause.ts'

interface Look {
  /** Size, time and identity of the file. */
  readonly state: string
  readonly given: boolean
}

/**
 * The folder is listed every so often rather than watched by the system: that works on network drives, and a file counts as written when
 * two looks in a row find its size and time unchanged. Folders inside are not looked into.
 */
export class WatchedFolderReader implements FrameReader {
  readonly live = true
  readonly silent = true
  /** Every file counts, however close they come. */
  readonly samples = true
  readonly #folder: string
  readonly #options: WatchOptions & { readonly size?: FrameSize }
  /** What each file was at the last look; `given` once it was a frame. Kept over reconnects. */
  #known: Map<string, Look> | undefined

  constructor(folder: string, options: WatchOptions & { readonly size?: FrameSize } = {}) {
    this.#folder = folder
    this.#options = options
  }

  async *connect({ signal, online }: Connection): AsyncGenerator<RawFrame> {
    const { existing = true, intervalMs = 500, size } = this.#options
    while (!signal.aborted) {
      const files = await this.#look()
      online()
      const before = this.#known
      const written: (typeof files)[number][] = []
      const known = new Map<string, Look>()
      for (const file of files) {
        const was = before?.get(file.name)
        // A file that is written anew is a new picture.
        const unchanged = was?.state === file.state
        const given = unchanged && was.given
        const old = before === undefined && !existing
        if (unchanged && !given && file.bytes > 0) written.push(file)
        known.set(file.name, { state: file.state, given: given || old || (unchanged && file.bytes > 0) })
      }
      this.#known = known
      for (const { name } of written.sort((a, b) => a.time - b.time || compareText(a.name, b.name))) {
        if (signal.aborted) return
        const path = join(this.#folder, name)
        yield { image: async () => resized(await loadImage(path), size) }
      }
      await pause(intervalMs, signal)
    }
  }

  async #look(): Promise<{ name: string; state: string; time: number; bytes: number }[]> {
    const names = await readdir(this.#folder).catch((error: NodeJS.ErrnoException) => {
      throw new FoveaError('SOURCE_FAILED', { file: this.#folder, expected: 'a folder', found: error.code ?? 'a read error', cause: error })
    })
    const found = []
    for (const name of names) {
      if (name.startsWith('.') || !imageExtensions.includes(extname(name).toLowerCase())) continue
      // Gone in the meantime: a name that its writer used for a while.
      const entry = await stat(join(this.#folder, name)).catch(() => undefined)
      if (entry?.isFile())
        found.push({ name, state: `${entry.size} ${entry.mtimeMs} ${entry.ino}`, time: entry.mtimeMs, bytes: entry.size })
    }
    return found
  }
}
