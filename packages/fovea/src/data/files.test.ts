import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { writeFileAtomically } from './files.ts'

test.skipIf(process.platform === 'win32')('a file that is written over keeps its mode', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'fovea-files-'))
  try {
    const file = join(folder, 'model.onnx')
    for (const mode of [0o600, 0o664, 0o755]) {
      await writeFile(file, 'old')
      await chmod(file, mode)
      await writeFileAtomically(file, 'new')
      expect((await stat(file)).mode & 0o777).toBe(mode)
      expect(await readFile(file, 'utf8')).toBe('new')
    }
    expect(await readdir(folder)).toEqual(['model.onnx'])
  } finally {
    await rm(folder, { recursive: true })
  }
})
