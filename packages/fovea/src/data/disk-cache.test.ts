import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createImage } from '../vision/image.ts'
import { DiskCache } from './disk-cache.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-disk-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const picture = (value: number, side = 20) => ({
  image: createImage(side, side, 3, new Uint8Array(side * side * 3).fill(value), 'p'),
  full: { width: 2 * side, height: 3 * side },
})
const cache = (options: { bytes?: number; settings?: string } = {}) =>
  new DiskCache({ folder: join(folder, 'cache'), ...(options.bytes === undefined ? {} : { bytes: options.bytes }) }, options.settings ?? '')
const entries = async () => (await readdir(join(folder, 'cache'))).sort()

test('gives back what was put, to another instance too', async () => {
  await cache().put('a', picture(7))
  expect(await cache().get('a', 'p')).toEqual(picture(7))
  expect(await cache().get('b', 'p')).toBeUndefined()
})

test('the key changes with path, size, time and settings, and a missing file has none', async () => {
  const [one, two] = [join(folder, '1'), join(folder, '2')]
  await writeFile(one, 'x')
  await writeFile(two, 'x')
  const keys = [await cache().key(one), await cache().key(two), await cache({ settings: 'shrunk' }).key(one)]
  await utimes(one, 1, 1)
  keys.push(await cache().key(one))
  await writeFile(one, 'xy')
  await utimes(one, 1, 1)
  keys.push(await cache().key(one))
  expect(new Set(keys).size).toBe(5)
  expect(await cache().key(one)).toBe(keys[4])
  expect(await cache().key(join(folder, 'none'))).toBeUndefined()
})

test('a broken entry is missing, whichever byte is broken, and goes', async () => {
  await cache().put('a', picture(7, 4))
  const file = join(folder, 'cache', 'a.pixels')
  const whole = await readFile(file)
  const broken = Array.from(whole.keys(), (i) => whole.map((byte, k) => (k === i ? byte ^ 1 : byte)))
  for (const bytes of [...broken, whole.subarray(0, -1), whole.subarray(0, 10), new Uint8Array(0), Buffer.concat([whole, whole])]) {
    await writeFile(file, bytes)
    expect(await cache().get('a', 'p')).toBeUndefined()
    expect(await entries()).toEqual([])
  }
  await cache().put('a', picture(7, 4))
  expect(await cache().get('a', 'p')).toEqual(picture(7, 4))
})

test('what was used longest ago goes first where the limit is exceeded', async () => {
  const size = (await sizeOfOne()) as number
  const small = cache({ bytes: 5 * size })
  for (const [i, name] of ['a', 'b', 'c', 'd'].entries()) {
    await small.put(name, picture(i))
    const time = new Date(Date.now() - 1e6 + 1000 * i)
    await utimes(join(folder, 'cache', `${name}.pixels`), time, time)
  }
  // Used now, so that b is the oldest.
  await small.get('a', 'p')
  await small.put('e', picture(4))
  await small.put('f', picture(5))
  expect(await entries()).toEqual(['a', 'd', 'e', 'f'].map((name) => `${name}.pixels`))
  await small.put('huge', picture(1, 100))
  expect((await entries()).length).toBe(4)
})

async function sizeOfOne(): Promise<number> {
  await cache().put('x', picture(0))
  const { size } = await stat(join(folder, 'cache', 'x.pixels'))
  await rm(join(folder, 'cache'), { recursive: true })
  return size
}

test('several write the same entries at once: whole entries, nothing else', async () => {
  const many = Array.from({ length: 6 }, () => cache({ bytes: 20_000 }))
  await Promise.all(many.flatMap((one, i) => Array.from({ length: 12 }, (_, k) => one.put(`k${(i + k) % 12}`, picture((i + k) % 12)))))
  const names = await entries()
  expect(names.every((name) => name.endsWith('.pixels'))).toBe(true)
  for (const name of names) {
    const found = await cache().get(name.replace('.pixels', ''), 'p')
    if (found !== undefined) expect(found).toEqual(picture(Number(name.slice(1, -7))))
  }
  const sizes = await Promise.all((await entries()).map(async (name) => (await stat(join(folder, 'cache', name))).size))
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(20_000 + 6 * 1300)
})

test('a folder that cannot be written costs nothing but speed', async () => {
  await writeFile(join(folder, 'cache'), 'a file')
  await cache().put('a', picture(1))
  expect(await cache().get('a', 'p')).toBeUndefined()
})

// Where Node's own recursive mkdir never returns.
test.runIf(process.platform === 'linux')('a folder that cannot be made costs speed, never the run', async () => {
  const nowhere = new DiskCache({ folder: '/proc/none/cache' }, '')
  await nowhere.put('a', picture(7))
  expect(await nowhere.get('a', 'p')).toBeUndefined()
})
