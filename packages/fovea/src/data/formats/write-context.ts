// What a writer of a format is given: a folder that only it fills, and the pictures to place in it.

import { constants, copyFile, link, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { FoveaError } from '../../util/errors.ts'
import type { LabelledPicture } from '../../vision/labelled-set.ts'
import { makeFolder, writeError } from '../files.ts'
import { insidePath } from './read-context.ts'

/** How pictures get into a data set that is written: their bytes, hard links or symbolic links to them, or not at all. */
export type Placement = 'copy' | 'link' | 'symlink' | 'none'

export class WriteContext {
  readonly root: string
  readonly placement: Placement
  /** Says that something is lost on the way, with the picture or class that lost it. */
  readonly lose: (what: string, example: string) => void
  readonly #made = new Set<string>()

  constructor(root: string, placement: Placement = 'copy', lose: (what: string, example: string) => void = () => {}) {
    this.root = root
    this.placement = placement
    this.lose = lose
  }

  /** Writes a file below the root. @throws DATASET_PATH, DATASET_EXISTS, FILE_WRITE */
  async write(path: string, content: string | Uint8Array): Promise<void> {
    const file = await this.#place(path)
    // The folder is new, so a file that is there is ours; it is not flushed, since there may be a million of them.
    await writeFile(file, content, { flag: 'wx' }).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === 'EEXIST') throw new FoveaError('DATASET_EXISTS', { file, expected: 'one label file of a name', found: 'two' })
      throw writeError(file, cause)
    })
  }

  /** Places the picture at a path below the root; a missing one is left out, since the label files still name it. */
  async placePicture(picture: LabelledPicture, path: string): Promise<void> {
    const file = await this.#place(path)
    if (picture.file === undefined || this.placement === 'none') return
    try {
      if (this.placement === 'link') await link(picture.file, file)
      else if (this.placement === 'symlink') await symlink(picture.file, file)
      else await copyFile(picture.file, file, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'EEXIST')
        throw new FoveaError('DATASET_EXISTS', { file, expected: 'one picture of a name', found: 'two' })
      throw writeError(file, cause)
    }
  }

  /** Makes a folder below the root. */
  async folder(path: string): Promise<void> {
    await this.#place(`${path}/x`)
  }

  /** @throws DATASET_UNSUPPORTED where a name cannot be that of one folder */
  checkFolderName(name: string, field: string): void {
    if (name === '' || /[/\\\0]/.test(name) || name.startsWith('.'))
      throw new FoveaError('DATASET_UNSUPPORTED', {
        field,
        expected: 'a name that a folder can have',
        found: name.slice(0, 100),
        remedy: 'Rename it, or choose a format that does not make folders of it.',
      })
  }

  async #place(path: string): Promise<string> {
    const file = join(this.root, insidePath(path, '', path))
    const folder = dirname(file)
    if (!this.#made.has(folder)) {
      await makeFolder(folder)
      this.#made.add(folder)
    }
    return file
  }
}
