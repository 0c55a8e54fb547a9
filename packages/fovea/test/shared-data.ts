// Tests that measure against real data: skipped with a reason where it is absent, failed there when CI=true.

import { describe, test } from 'vitest'
import { sharedData, sharedDataFolder } from './shared-data-path.ts'

export { sharedData, sharedDataFolder }

/**
 * A `describe` whose tests read a file or folder of the shared data.
 *
 * ```ts
 * describeWithData('ONNX node tests', 'onnx-node-tests', (folder) => {
 *   test('…', () => readFile(join(folder, …)))
 * })
 * ```
 */
export function describeWithData(title: string, path: string, body: (fullPath: string) => void): void {
  const found = sharedData(path)
  if (found !== undefined) {
    describe(title, () => body(found))
    return
  }
  const reason = `no ${path} in ${sharedDataFolder} (set FOVEA_SHARED_DATA)`
  test(`${title} (needs ${path} of the shared data)`, ({ skip }) => {
    if (process.env.CI === 'true') throw new Error(`CI needs the shared data: ${reason}`)
    skip(reason)
  })
}
