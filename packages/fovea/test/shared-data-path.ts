// Where the real data to measure against lies. Free of vitest, so that benchmarks and child processes can use it too.

import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** The folder of shared data: FOVEA_SHARED_DATA, else `../shared/data` beside the project. */
export const sharedDataFolder = process.env.FOVEA_SHARED_DATA ?? resolve(import.meta.dirname, '../../../../shared/data')

/** The path of a file or folder of the shared data, or undefined where it is absent. */
export function sharedData(path: string): string | undefined {
  const full = join(sharedDataFolder, path)
  return existsSync(full) ? full : undefined
}
