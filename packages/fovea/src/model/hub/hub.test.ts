import { spawn } from 'node:child_process'
import { existsSync, globSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { commitOf, type Fault, HubServer } from '../../../test/hub-server.ts'
import { isFoveaError } from '../../util/errors.ts'
import type { HubOptions, HubProgress } from './settings.ts'
import { fetchSnapshot, type Snapshot } from './snapshot.ts'

/** Large enough to come in many pieces. */
const weights = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7919) >> 5))
const config = '{"architecture":"resnet18"}\n'
const main = commitOf('main')

let hub: HubServer
let cache = ''
beforeEach(async () => {
  hub = await HubServer.start()
  cache = await mkdtemp(join(tmpdir(), 'fovea-hub-'))
  hub.repositories.set('o/m', {
    files: { 'config.json': config, 'model.safetensors': weights, 'README.md': '#' },
    large: ['model.safetensors'],
  })
})
afterEach(async () => {
  await hub.close()
  await rm(cache, { recursive: true, force: true })
})

function load(reference = 'hf:o/m', options: HubOptions = {}): Promise<Snapshot> {
  return fetchSnapshot(reference, { endpoint: hub.address, cache, retry: { delayMs: 1 }, offline: false, ...options })
}

/** What went wrong, as code and message. */
async function failure(loading: Promise<unknown>): Promise<string> {
  return loading.then(
    () => 'nothing',
    (error: unknown) => (isFoveaError(error) ? error.message : `not coded: ${String(error)}`),
  )
}

const storagePath = '/storage/o/m/model.safetensors'
/** Breaks the connection after so many bytes of the weights, as often as told. */
function cutAfter(bytes: number, times = 1): Fault {
  let left = times
  return ({ path, range }, response) => {
    if (!path.startsWith(storagePath) || left-- <= 0) return false
    const begin = Number(/\d+/.exec(range ?? '0')![0])
    response.writeHead(begin > 0 ? 206 : 200, {
      'content-length': weights.length - begin,
      ...(begin > 0 ? { 'content-range': `bytes ${begin}-${weights.length - 1}/${weights.length}` } : {}),
    })
    response.write(weights.subarray(begin, begin + bytes), () => setImmediate(() => response.destroy()))
    return true
  }
}
const answer =
  (
    status: number,
    headers: Record<string, string> = {},
    when = (path: string) => path.startsWith('/api'),
    times = Number.POSITIVE_INFINITY,
  ): Fault =>
  ({ path }, response) => {
    if (!when(path) || times-- <= 0) return false
    response.writeHead(status, headers).end(`status ${status}`)
    return true
  }
const leftovers = () => globSync('**/*.{partial,lock,tmp}', { cwd: cache })

describe('a model of the hub', () => {
  it('is fetched whole, verified, and lies where the documentation says', async () => {
    const { main: file, commit, folder, notes } = await load()
    expect({ commit, notes }).toEqual({ commit: main, notes: [] })
    expect(folder).toBe(join(cache, 'hub', new URL(hub.address).host.replace(':', '_'), 'o', 'm', main))
    expect(file).toBe(join(folder, 'model.safetensors'))
    expect(await readFile(file)).toEqual(weights)
    expect(await readFile(join(folder, 'config.json'), 'utf8')).toBe(config)
    // What no model needs is left where it is.
    expect(existsSync(join(folder, 'README.md'))).toBe(false)
    expect(await readFile(join(folder, '..', 'refs', 'main'), 'utf8')).toBe(`${main}\n`)
    expect(JSON.parse(await readFile(`${folder}.json`, 'utf8'))).toMatchObject({ main: 'model.safetensors' })
    expect(leftovers()).toEqual([])
  })

  it('is asked for once: a branch asks for its commit alone, a commit asks for nothing', async () => {
    await load()
    hub.requests.length = 0
    await load()
    expect(hub.paths).toEqual(['/api/models/o/m/revision/main?blobs=true'])
    hub.requests.length = 0
    expect((await load(`hf:o/m@${main}`)).commit).toBe(main)
    expect(hub.paths).toEqual([])
  })

  it('is another one when its branch has moved', async () => {
    await load()
    hub.branches.set('o/m@main', 'second')
    hub.repositories.set('o/m', { files: { 'model.onnx': 'new' } })
    const { commit, main: file } = await load()
    expect(commit).toBe(commitOf('second'))
    expect(await readFile(file, 'utf8')).toBe('new')
    expect((await load(`hf:o/m@${main}`)).commit).toBe(main)
  })

  it('of a branch with a slash in its name is asked for and remembered', async () => {
    hub.branches.set('o/m@refs/pr/3', 'pull')
    expect((await load('hf:o/m@refs/pr/3')).commit).toBe(commitOf('pull'))
    expect(hub.paths[0]).toBe('/api/models/o/m/revision/refs%2Fpr%2F3?blobs=true')
    expect((await load('hf:o/m@refs/pr/3', { offline: true })).commit).toBe(commitOf('pull'))
  })

  it('tells how far it is', async () => {
    const events: HubProgress[] = []
    await load('hf:o/m', { onProgress: (event) => events.push(event) })
    expect(events[0]).toMatchObject({ kind: 'download', file: 'config.json', total: config.length, index: 0, files: 2 })
    const received = events.filter(({ index }) => index === 1).map((event) => event.received)
    expect(received.at(-1)).toBe(weights.length)
    expect(received).toEqual(received.toSorted((a, b) => a - b))
  })

  it.each([
    [['model.onnx', 'model.safetensors'], 'model.onnx', ['model.onnx']],
    [['onnx/model.onnx', 'onnx/model.onnx_data', 'onnx/model_int8.onnx'], 'onnx/model.onnx', ['onnx/model.onnx', 'onnx/model.onnx_data']],
    [['weights/net.onnx', 'pytorch_model.bin'], 'weights/net.onnx', ['weights/net.onnx']],
    [['model.onnx', 'model.onnx.data', 'model.onnx.lock', 'model.onnx.partial'], 'model.onnx', ['model.onnx', 'model.onnx.data']],
  ])('of %s is %s', async (paths, file, files) => {
    hub.repositories.set('o/m', { files: Object.fromEntries(paths.map((path) => [path, path])) })
    const snapshot = await load()
    expect(snapshot.main).toBe(join(snapshot.folder, file))
    expect(
      globSync('**/*', { cwd: snapshot.folder })
        .filter((path) => path.includes('.'))
        .sort(),
    ).toEqual(files)
  })

  it('in parts is what its index names, and no more', async () => {
    const index = JSON.stringify({ weight_map: { a: 'model-1.safetensors', b: 'model-2.safetensors', c: 'model-1.safetensors' } })
    const files = { 'model.safetensors.index.json': index, 'model-1.safetensors': '1', 'model-2.safetensors': '2' }
    hub.repositories.set('o/m', { files: { ...files, 'model-3.safetensors': '3', 'other.safetensors': '4' } })
    const snapshot = await load()
    expect(globSync('*', { cwd: snapshot.folder }).sort()).toEqual(Object.keys(files).sort())
    expect((await load('hf:o/m', { offline: true })).main).toBe(snapshot.main)
    hub.branches.set('o/m@main', 'second')
    hub.repositories.set('o/m', { files: { 'model.safetensors.index.json': index, 'model-1.safetensors': '1' } })
    expect(await failure(load())).toMatch(/none called model-2\.safetensors.*\[HUB_NO_MODEL\]/)
  })

  it('is the file that is named, beside what is remembered of the usual one', async () => {
    const paths = [
      'model.onnx',
      'onnx/model_int8.onnx',
      'onnx/model_int8.onnx_data',
      'onnx/model_int8.onnx.txt',
      'a/w.safetensors',
      'a/config.json',
    ]
    hub.repositories.set('o/m', { files: Object.fromEntries(paths.map((path) => [path, path])) })
    const named = await load('hf:o/m/onnx/model_int8.onnx')
    expect(named.main).toBe(join(named.folder, 'onnx', 'model_int8.onnx'))
    expect(globSync('**/*.*', { cwd: named.folder }).sort()).toEqual(['onnx/model_int8.onnx', 'onnx/model_int8.onnx_data'])
    expect(await failure(load('hf:o/m', { offline: true }))).toMatch(/\[HUB_OFFLINE\]/)
    const usual = await load()
    expect(usual.main).toBe(join(usual.folder, 'model.onnx'))
    expect((await load('hf:o/m/onnx/model_int8.onnx', { offline: true })).main).toBe(named.main)
    // Weights lie with the config of their own folder.
    expect(globSync('a/*', { cwd: (await load(`hf:o/m@${main}/a/w.safetensors`)).folder }).sort()).toEqual([
      'a/config.json',
      'a/w.safetensors',
    ])
    hub.branches.set('o/m@refs/pr/3', 'pull')
    hub.requests.length = 0
    expect((await load('hf:o/m@refs/pr/3/onnx/model_int8.onnx')).commit).toBe(commitOf('pull'))
    expect(hub.paths[0]).toBe('/api/models/o/m/revision/refs%2Fpr%2F3?blobs=true')
  })

  it('of several files without a usual name is asked for, and so is one that is not there', async () => {
    hub.repositories.set('o/m', { files: { 'a.onnx': 'a', 'b/c.onnx': 'c', 'README.md': 'y' } })
    expect(await failure(load())).toMatch(/found a\.onnx, b\/c\.onnx.*Name the one you mean: hf:o\/m\/a\.onnx\. \[HUB_NO_MODEL\]/)
    expect(await failure(load('hf:o/m/d.onnx'))).toMatch(/expected d\.onnx, found a\.onnx, b\/c\.onnx.*\[HUB_NO_MODEL\]/)
    expect((await load('hf:o/m/b/c.onnx')).main).toMatch(/c\.onnx$/)
  })

  it('is refused where there is no file that makes one', async () => {
    hub.repositories.set('o/m', { files: { 'pytorch_model.bin': 'x', 'README.md': 'y' } })
    expect(await failure(load())).toMatch(/found pytorch_model\.bin.*hf:o\/m.*\[HUB_NO_MODEL\]/)
  })
})

describe('a download', () => {
  it('goes on where it was cut', async () => {
    hub.faults.push(cutAfter(100_000, 2))
    const { main: file } = await load()
    expect(await readFile(file)).toEqual(weights)
    const ranges = hub.requests.filter(({ path }) => path.startsWith(storagePath)).map(({ range }) => range)
    expect(ranges).toHaveLength(3)
    expect(ranges[0]).toBeUndefined()
    expect(Number(/^bytes=(\d+)-$/.exec(ranges[2]!)![1])).toBeGreaterThan(0)
  })

  it('goes on where an earlier process left it', async () => {
    hub.faults.push(cutAfter(100_000, 1))
    expect(await failure(load('hf:o/m', { retry: { times: 0 } }))).toMatch(/\[HUB_FAILED\]/)
    expect(leftovers()).toEqual([expect.stringMatching(/model\.safetensors\.partial$/)])
    hub.requests.length = 0
    expect(await readFile((await load()).main)).toEqual(weights)
    expect(hub.requests.find(({ path }) => path.startsWith(storagePath))!.range).toMatch(/^bytes=[1-9]/)
    expect(leftovers()).toEqual([])
  })

  it('begins anew where the server does not know ranges', async () => {
    hub.faults.push(cutAfter(100_000, 1), ({ path, range }, response) => {
      if (!path.startsWith(storagePath) || range === undefined) return false
      response.writeHead(200, { 'content-length': weights.length }).end(weights)
      return true
    })
    expect(await readFile((await load()).main)).toEqual(weights)
  })

  it('begins anew where the range is another one than was asked for, or none', async () => {
    hub.faults.push(
      cutAfter(100_000, 1),
      answer(416, {}, (path) => path.startsWith(storagePath), 1),
    )
    expect(await readFile((await load()).main)).toEqual(weights)
    await rm(cache, { recursive: true })
    hub.faults.length = 0
    hub.faults.push(cutAfter(100_000, 1), ({ path, range }, response) => {
      if (!path.startsWith(storagePath) || range === undefined) return false
      response.writeHead(206, { 'content-range': `bytes 5-${weights.length - 1}/${weights.length}` }).end(weights.subarray(5))
      hub.faults.pop()
      return true
    })
    expect(await readFile((await load()).main)).toEqual(weights)
  })

  it('of what an earlier try left damaged begins anew', async () => {
    hub.faults.push(cutAfter(100_000, 1))
    await failure(load('hf:o/m', { retry: { times: 0 } }))
    const [partial] = leftovers()
    await writeFile(join(cache, partial!), Buffer.alloc(50_000))
    expect(await readFile((await load()).main)).toEqual(weights)
  })

  it('with another content than the hub says is refused and removed', async () => {
    hub.faults.push(({ path }, response) => {
      if (!path.startsWith(storagePath)) return false
      response.writeHead(200).end(weights.map((byte, i) => (i === 200_000 ? byte ^ 1 : byte)))
      return true
    })
    expect(await failure(load())).toMatch(/expected sha256 [0-9a-f]{64}, found [0-9a-f]{64}.*model\.safetensors.*\[HUB_CHECKSUM\]/)
    expect(globSync('**/model.safetensors*', { cwd: cache })).toEqual([])
  })

  it('of a small file is verified as git does', async () => {
    hub.faults.push(answer(200, {}, (path) => path.endsWith('config.json')))
    const text = 'status 200'
    expect(text.length).toBeLessThan(config.length)
    expect(await failure(load('hf:o/m', { retry: { times: 0 } }))).toMatch(/ended at 10 of 28 bytes.*\[HUB_FAILED\]/)
    hub.faults.length = 0
    hub.faults.push(({ path }, response) => {
      if (!path.endsWith('config.json')) return false
      response.writeHead(200).end(config.replace('18', '19'))
      return true
    })
    await rm(cache, { recursive: true })
    expect(await failure(load())).toMatch(/expected git [0-9a-f]{40}.*\[HUB_CHECKSUM\]/)
  })

  it('that is longer than the hub says is cut off and removed', async () => {
    hub.faults.push(({ path }, response) => {
      if (!path.startsWith(storagePath)) return false
      response.writeHead(200).end(Buffer.concat([weights, weights]))
      return true
    })
    expect(await failure(load())).toMatch(/expected 300000 bytes, found more.*\[HUB_CHECKSUM\]/)
    expect(globSync('**/model.safetensors*', { cwd: cache })).toEqual([])
  })

  it('larger than allowed is not begun', async () => {
    expect(await failure(load('hf:o/m', { maxFileBytes: 1000 }))).toMatch(/at most 1000 bytes, found 300000.*\[HUB_TOO_LARGE\]/)
    expect(hub.paths.some((path) => path.includes('model.safetensors'))).toBe(false)
  })

  it('takes its checksum from the answer where the listing has none, and none is not enough', async () => {
    hub.repositories.set('o/m', { files: {}, extra: [{ rfilename: 'model.onnx' }] })
    hub.faults.push(({ path }, response) => {
      if (!path.startsWith('/o/m/resolve')) return false
      response.writeHead(200, { etag: 'W/"abc"' }).end('x')
      return true
    })
    expect(await failure(load())).toMatch(/a checksum from the server, found none.*\[HUB_CHECKSUM\]/)
    hub.faults.length = 0
    hub.repositories.set('o/m', { files: { 'model.onnx': weights }, large: ['model.onnx'] })
    hub.faults.push(({ path }, response) => {
      if (!path.startsWith('/api')) return false
      response.end(JSON.stringify({ sha: main, siblings: [{ rfilename: 'model.onnx' }] }))
      return true
    })
    expect(await readFile((await load()).main)).toEqual(weights)
  })

  it('waits and tries again after 429, 5xx and broken connections, and gives up in the end', async () => {
    hub.faults.push(
      answer(429, { 'retry-after': '0' }, undefined, 2),
      answer(503, {}, (path) => path.endsWith('config.json'), 2),
      ({ path }, response) => {
        if (!path.endsWith('config.json') || hub.paths.filter((other) => other === path).length > 4) return false
        response.destroy()
        return true
      },
    )
    expect(await readFile((await load()).main)).toEqual(weights)
    await rm(cache, { recursive: true })
    hub.faults.length = 0
    hub.faults.push(answer(500))
    expect(await failure(load('hf:o/m', { retry: { times: 2, delayMs: 1 } }))).toMatch(/status 500.*3 times.*\[HUB_FAILED\]/)
  })

  it('is given up where the server begins anew each time and never gets further', async () => {
    hub.faults.push(({ path }, response) => {
      if (!path.startsWith(storagePath)) return false
      response.writeHead(200, { 'content-length': weights.length })
      response.write(weights.subarray(0, 50_000), () => setImmediate(() => response.destroy()))
      return true
    })
    expect(await failure(load('hf:o/m', { retry: { times: 3, delayMs: 1 } }))).toMatch(/4 times.*\[HUB_FAILED\]/)
  })

  it('does not write through a link that lies in its place', async () => {
    const { folder, main: file } = await load()
    await rm(file)
    const elsewhere = join(cache, 'precious')
    await writeFile(elsewhere, 'precious')
    await symlink(elsewhere, join(folder, 'model.safetensors.partial'))
    expect(await failure(load())).toMatch(/\[FILE_WRITE\]/)
    expect(await readFile(elsewhere, 'utf8')).toBe('precious')
  })

  it('gives a silent server up', async () => {
    hub.faults.push(({ path }, response) => {
      if (!path.startsWith(storagePath)) return false
      response.writeHead(200, { 'content-length': weights.length }).write(weights.subarray(0, 1000))
      return true
    })
    expect(await failure(load('hf:o/m', { timeoutMs: 100, retry: { times: 0 } }))).toMatch(/no answer for 0\.1 s.*\[HUB_FAILED\]/)
  })

  it('can be stopped, and gone on with', async () => {
    const controller = new AbortController()
    const onProgress = ({ file, received }: HubProgress) => {
      if (file === 'model.safetensors' && received > 10_000) controller.abort()
    }
    hub.faults.push(({ path, range }, response) => {
      if (!path.startsWith(storagePath) || range !== undefined) return false
      response.writeHead(200, { 'content-length': weights.length }).write(weights.subarray(0, 150_000))
      return true
    })
    expect(await failure(load('hf:o/m', { signal: controller.signal, onProgress }))).toMatch(/\[CANCELLED\]/)
    expect(globSync('**/*.lock', { cwd: cache })).toEqual([])
    expect(await readFile((await load()).main)).toEqual(weights)
  })

  it('that cannot be written says where', async () => {
    await writeFile(join(cache, 'hub'), 'a file where a folder should be')
    expect(await failure(load())).toMatch(/\[FILE_WRITE\]/)
  })

  it('is made once by those who ask at once, in one process', async () => {
    const snapshots = await Promise.all([load(), load(), load()])
    for (const { main: file } of snapshots) expect(await readFile(file)).toEqual(weights)
    expect(hub.paths.filter((path) => path.startsWith(storagePath))).toHaveLength(1)
    expect(leftovers()).toEqual([])
  })

  it('is made once by those who ask at once, in several processes', async () => {
    const script = `
      import { fetchSnapshot } from ${JSON.stringify(new URL('./snapshot.ts', import.meta.url).href)}
      const { main } = await fetchSnapshot('hf:o/m', ${JSON.stringify({ endpoint: hub.address, cache })})
      console.log(main)`
    const run = () =>
      new Promise<string>((resolve) => {
        const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
        let printed = ''
        child.stdout.on('data', (data: Buffer) => {
          printed += data.toString()
        })
        child.on('close', () => resolve(printed.trim()))
      })
    const files = await Promise.all([run(), run()])
    expect(new Set(files).size).toBe(1)
    expect(await readFile(files[0]!)).toEqual(weights)
    expect(hub.paths.filter((path) => path.startsWith(storagePath))).toHaveLength(1)
    expect(leftovers()).toEqual([])
  })

  it('takes over from a process that is no more', async () => {
    const { folder } = await load()
    await rm(folder, { recursive: true })
    const child = spawn(process.execPath, ['-e', 'process.stdout.write(require("os").hostname() + " " + process.pid)'])
    const name = await new Promise<string>((resolve) => child.stdout.on('data', (data: Buffer) => resolve(data.toString())))
    await new Promise((resolve) => child.on('close', resolve))
    await mkdir(folder)
    await writeFile(join(folder, 'config.json.lock'), `${name} gone`)
    expect(await readFile((await load()).main)).toEqual(weights)
    expect(leftovers()).toEqual([])
  })
})

describe('the cache', () => {
  it('serves offline what it has, and says so where it has nothing', async () => {
    expect(await failure(load('hf:o/m', { offline: true }))).toMatch(/expected the model in .*found none.*hf:o\/m.*\[HUB_OFFLINE\]/)
    expect(hub.requests).toEqual([])
    const before = process.env.HF_HUB_OFFLINE
    process.env.HF_HUB_OFFLINE = '1'
    try {
      expect(await failure(fetchSnapshot('hf:o/m', { cache, endpoint: hub.address }))).toMatch(/\[HUB_OFFLINE\]/)
    } finally {
      if (before === undefined) delete process.env.HF_HUB_OFFLINE
      else process.env.HF_HUB_OFFLINE = before
    }
    await load()
    hub.requests.length = 0
    expect((await load('hf:o/m', { offline: true })).commit).toBe(main)
    expect((await load(`hf:o/m@${main}`, { offline: true })).commit).toBe(main)
    expect(hub.requests).toEqual([])
  })

  it('serves a branch that cannot be asked for, and says so', async () => {
    await load()
    hub.faults.push((_, response) => {
      response.destroy()
      return true
    })
    hub.requests.length = 0
    const { commit, notes } = await load()
    expect(commit).toBe(main)
    // With a copy at hand it is asked twice, not six times.
    expect(hub.requests).toHaveLength(2)
    expect(notes).toEqual([expect.stringMatching(/cannot be reached \(.+\): the copy of hf:o\/m in the cache/)])
    hub.faults.unshift(answer(503))
    expect((await load()).notes).toEqual([expect.stringMatching(/status 503/)])
    // An answer that refuses is no lost connection.
    hub.faults.length = 0
    hub.faults.push(answer(403))
    expect(await failure(load())).toMatch(/\[HUB_DENIED\]/)
  })

  it('fetches anew what was taken from it or cut short', async () => {
    const { main: file } = await load()
    await truncate(file, 10)
    expect(await readFile((await load()).main)).toEqual(weights)
    await rm(file)
    expect(await failure(load('hf:o/m', { offline: true }))).toMatch(/\[HUB_OFFLINE\]/)
    expect(await readFile((await load(`hf:o/m@${main}`)).main)).toEqual(weights)
  })

  it('does not follow what somebody wrote into its list of files', async () => {
    const { folder } = await load()
    await writeFile(`${folder}.json`, JSON.stringify({ format: 1, main: '../../../etc/passwd', files: [] }))
    expect((await load()).main).toBe(join(folder, 'model.safetensors'))
  })
})

describe('the token', () => {
  it('goes to the hub and never to where a redirect leads', async () => {
    const storage = await HubServer.start()
    try {
      storage.repositories.set('o/m', hub.repositories.get('o/m')!)
      hub.storage = storage.address
      expect(await readFile((await load('hf:o/m', { token: 'hf_secret' })).main)).toEqual(weights)
      expect(hub.requests.length).toBeGreaterThan(0)
      for (const { authorization } of hub.requests) expect(authorization).toBe('Bearer hf_secret')
      expect(storage.requests).toHaveLength(1)
      expect(storage.requests[0]!.authorization).toBeUndefined()
    } finally {
      await storage.close()
    }
  })

  it('is in no message', async () => {
    hub.faults.push(answer(403, {}, (path) => path.startsWith(storagePath)))
    const text = await failure(load('hf:o/m', { token: 'hf_secret' }))
    expect(text).toMatch(/\[HUB_DENIED\]/)
    expect(text).not.toMatch(/secret/)
  })
})

describe('an answer of the hub', () => {
  it.each([
    [
      '401',
      answer(401, { 'x-error-message': 'Repository not found, or it needs a token' }),
      /status 401: Repository not found.*\[HUB_DENIED\]/,
    ],
    ['403 of a gated model', answer(403, { 'x-error-code': 'GatedRepo' }), /status 403.*accept its terms.*HF_TOKEN.*\[HUB_DENIED\]/],
    ['404', answer(404), /status 404.*\[HUB_NOT_FOUND\]/],
    ['404 for a revision', answer(404, { 'x-error-code': 'RevisionNotFound' }), /no such revision.*\[HUB_NOT_FOUND\]/],
    ['418', answer(418), /status 418.*\[HUB_FAILED\]/],
    ['a redirect without end', answer(302, { location: '/api/again' }), /at most 5 redirects.*\[HUB_FAILED\]/],
    ['a redirect to nowhere', answer(302, { location: 'ftp://x/y' }), /another https address, found ftp:.*\[HUB_FAILED\]/],
    ['a redirect without address', answer(302), /\[HUB_FAILED\]/],
    ['something else than JSON', answer(200), /expected JSON, found status 200.*\[HUB_LISTING\]/],
  ])('%s is told with a code', async (_, fault, message) => {
    hub.faults.push(fault)
    expect(await failure(load())).toMatch(message)
  })

  it.each([
    ['{}', /a commit of 40 hexadecimal digits.*\[HUB_LISTING\]/],
    ['{"sha":"../../../etc","siblings":[]}', /a commit of 40.*\[HUB_LISTING\]/],
    [`{"sha":"${main}","siblings":{}}`, /a list of files.*\[HUB_LISTING\]/],
    [`{"sha":"${main}","siblings":[]}`, /0 files.*\[HUB_NO_MODEL\]/],
  ])('that lists %s is refused', async (text, message) => {
    hub.faults.push(({ path }, response) => {
      if (!path.startsWith('/api')) return false
      response.end(text)
      return true
    })
    expect(await failure(load())).toMatch(message)
  })

  it.each([
    '../model.onnx',
    '/model.onnx',
    'a/../../model.onnx',
    '..\\model.onnx',
    'C:model.onnx',
    'a//model.onnx',
    'a/./model.onnx',
    'a\u0000.onnx',
  ])('that lists %j is not followed', async (path) => {
    hub.repositories.set('o/m', { files: {}, extra: [{ rfilename: path, size: 1, blobId: main }] })
    expect(await failure(load())).toMatch(/\[HUB_NO_MODEL\]/)
    expect(hub.requests).toHaveLength(1)
  })

  it('of another commit than was asked for is refused', async () => {
    hub.branches.set('o/m@main', 'main')
    hub.faults.push(({ path }, response) => {
      if (!path.startsWith('/api')) return false
      response.end(JSON.stringify({ sha: commitOf('other'), siblings: [] }))
      return true
    })
    expect(await failure(load(`hf:o/m@${main}`))).toMatch(/\[HUB_LISTING\]/)
  })
})
