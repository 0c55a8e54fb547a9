// Sources that fail and come back: order, health, and nothing left behind.

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { childProcesses, isRunning } from '../../../test/child-processes.ts'
import { temporaryFolder } from '../../../test/end-to-end/cli.ts'
import { describeWithFfmpeg, makeVideo } from '../../../test/ffmpeg.ts'
import { HttpCamera } from '../../../test/http-camera.ts'
import { RtspCamera } from '../../../test/rtsp-camera.ts'
import type { Frame, HealthChange } from './frame.ts'
import { openSource } from './open-source.ts'
import { expectNothingLeft, expectOrder, resources, take, within } from './source.case.ts'

const state = () => ({ children: childProcesses(), resources: resources() })

/** The states of health in turn; a state may come again with another reason. */
function states(changes: readonly HealthChange[]): string[] {
  return changes.map(({ health }) => health).filter((health, i, all) => health !== all[i - 1])
}

/** Bytes of the heap and beside it that are in use, after a collection. */
function settledMemory(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

test('a thousand reconnects leave nothing behind: no socket, listener, timer or memory', async () => {
  const camera = await HttpCamera.start(10)
  camera.framesEach = 1
  const before = state()
  const controller = new AbortController()
  const source = await openSource(`${camera.address}/stream`, { reconnect: { firstMs: 0 }, policy: 'all', signal: controller.signal })
  let sequence = -1
  let timestamp = 0
  let early = 0
  const changes: HealthChange[] = []
  const stopListening = source.onHealth((change) => changes.push(change))
  for await (const frame of source) {
    expect(frame.sequence).toBe(sequence + 1)
    expect(frame.timestamp).toBeGreaterThanOrEqual(timestamp)
    ;({ sequence, timestamp } = frame)
    if (sequence === 200) early = settledMemory()
    if (sequence === 1000) break
  }
  expect(source.statistics.reconnects).toBeGreaterThanOrEqual(1000)
  expect(states(changes).slice(0, 4)).toEqual(['online', 'offline', 'online', 'offline'])
  stopListening()
  changes.length = 0
  // A leak of a kilobyte each would be 0.8 MB; the rest is what collections leave.
  expect(settledMemory() - early).toBeLessThan(4e6)
  await expectNothingLeft(before)
  await camera.cut()
}, 120_000)

test('a camera that vanishes, falls silent and comes back: health says so, order stays', async () => {
  const camera = await HttpCamera.start()
  const source = await openSource(`${camera.address}/stream`, { reconnect: { firstMs: 10, maxMs: 50 }, stallMs: 300 })
  const changes: HealthChange[] = []
  let sinceOnline = 0
  source.onHealth((change) => {
    changes.push(change)
    if (change.health === 'online') sinceOnline = 0
    if (change.health === 'offline' && camera.mute) camera.mute = false
  })
  const frames: Frame[] = []
  /** What happens three frames into each connection. */
  const events = [
    async () => {
      await camera.cut()
      setTimeout(() => void camera.start(), 200)
    },
    async () => {
      camera.mute = true
    },
  ]
  const everything = async () => {
    for await (const frame of source) {
      frames.push(frame)
      if (++sinceOnline !== 3) continue
      const event = events.shift()
      if (event === undefined) break
      await event()
    }
  }
  await within('all of it', everything())
  await camera.cut()
  expect(states(changes)).toEqual(['online', 'offline', 'online', 'degraded', 'offline', 'online', 'offline'])
  expect(changes.find(({ health }) => health === 'degraded')).toMatchObject({ reason: 'no frame for 300 ms' })
  for (const [i, frame] of frames.entries())
    if (i > 0) {
      expect(frame.sequence).toBeGreaterThan(frames[i - 1]!.sequence)
      expect(frame.timestamp).toBeGreaterThanOrEqual(frames[i - 1]!.timestamp)
    }
})

test('attempts are counted from the last frame; reconnect: false ends at the first failure or end', async () => {
  const camera = await HttpCamera.start(5)
  camera.framesEach = 2
  const once = await openSource(`${camera.address}/stream`, { reconnect: false, policy: 'all' })
  expect(await within('two frames', take(once, 9))).toHaveLength(2)
  camera.intercept = (_, response) => {
    if (camera.connections < 5) return false
    response.writeHead(503).end()
    return true
  }
  camera.connections = 0
  const source = await openSource(`${camera.address}/stream`, { reconnect: { firstMs: 1, attempts: 3 }, policy: 'all' })
  const seen: Frame[] = []
  await expect(
    within(
      'giving up',
      take(source, 99, (frame) => void seen.push(frame)),
    ),
  ).rejects.toMatchObject({
    code: 'SOURCE_FAILED',
    details: { found: 'HTTP status 503' },
  })
  expect(seen).toHaveLength(8)
  expect(camera.connections).toBe(7)
  await camera.cut()
})

test('a camera that was there is waited for, however few first attempts there may be', async () => {
  const camera = await HttpCamera.start(5)
  camera.framesEach = 2
  camera.intercept = (_, response) => {
    if (camera.connections === 1 || camera.connections > 5) return false
    response.writeHead(503).end()
    return true
  }
  const source = await openSource(`${camera.address}/stream`, { reconnect: { firstMs: 1, firstAttempts: 2 }, policy: 'all' })
  expect(await within('frames of two connections', take(source, 4))).toHaveLength(4)
  expect(camera.connections).toBeGreaterThanOrEqual(6)
  await camera.cut()
})

test.each([{ attempts: 2 }, { firstAttempts: 2 }])('a camera that never speaks is given up, with %j', async (limit) => {
  const camera = await HttpCamera.start(1)
  camera.mute = true
  const source = await openSource(`${camera.address}/stream`, { openMs: 100, reconnect: { firstMs: 1, ...limit } })
  await expect(within('giving up', take(source, 1))).rejects.toMatchObject({
    code: 'SOURCE_FAILED',
    details: { found: 'no frame within 100 ms' },
  })
  await camera.cut()
})

describeWithFfmpeg('RTSP', () => {
  // The long form is `FOVEA_LONG_TESTS=1`.
  const cuts = process.env.FOVEA_LONG_TESTS === '1' ? 20 : 4

  test(`a camera is cut off and put back ${cuts} times`, async () => {
    const folder = await temporaryFolder('rtsp')
    const before = state()
    const camera = new RtspCamera({ video: makeVideo(join(folder, 'camera.mp4'), { frames: 100 }) })
    await camera.start()
    const source = await openSource(camera.address, { reconnect: { firstMs: 100, maxMs: 400 }, policy: 'all' })
    const changes: HealthChange[] = []
    source.onHealth((change) => changes.push(change))
    let sequence = -1
    let timestamp = -1
    let sinceOnline: Frame[] = []
    source.onHealth(({ health }) => {
      if (health === 'online') sinceOnline = []
    })
    const memory: number[] = []
    const everything = async () => {
      for await (const frame of source) {
        expect(frame.sequence).toBe(sequence + 1)
        expect(frame.timestamp).toBeGreaterThanOrEqual(timestamp)
        ;({ sequence, timestamp } = frame)
        if (sinceOnline.push(frame) !== 10) continue
        // The first may have been on their way from the connection before.
        expectOrder(sinceOnline.slice(4), 100)
        memory.push(settledMemory())
        if (memory.length > cuts) break
        await camera.cut()
        await camera.start()
      }
    }
    await within('all cuts', everything(), 280_000)
    await camera.cut()
    expect(states(changes)).toEqual(Array.from({ length: 2 * (cuts + 1) }, (_, i) => (i % 2 === 0 ? 'online' : 'offline')))
    expect(memory.at(-1)! - memory[1]!, `memory after each cut: ${memory}`).toBeLessThan(4e6)
    await expectNothingLeft(before)
  }, 300_000)

  test('a wrong password is no reason to try again, and is never told', async () => {
    const folder = await temporaryFolder('rtsp')
    const camera = new RtspCamera({ video: makeVideo(join(folder, 'camera.mp4'), { frames: 50 }), login: 'admin:right' })
    await camera.start()
    const address = (password: string) => camera.address.replace('//', `//admin:${password}@`)
    const source = await openSource(address('wr0ng'))
    const error: unknown = await within('refusal', take(source, 1)).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'SOURCE_DENIED' })
    expect(`${source.id} ${error} ${JSON.stringify(error)}`).not.toMatch(/wr0ng|admin/)
    expect(await within('the right one', take(await openSource(address('right')), 1))).toHaveLength(1)
    await camera.cut()
  })

  test.runIf(process.platform === 'linux')('no ffmpeg outlives a process that is killed outright', async () => {
    const folder = await temporaryFolder('rtsp')
    const camera = new RtspCamera({ video: makeVideo(join(folder, 'camera.mp4'), { frames: 100 }) })
    await camera.start()
    const program = `import { openSource } from ${JSON.stringify(join(import.meta.dirname, 'open-source.ts'))}
import { childProcesses } from ${JSON.stringify(join(import.meta.dirname, '../../../test/child-processes.ts'))}
for await (const frame of await openSource(process.argv[1])) if (frame.sequence > 3) { console.log(childProcesses().map(({ id }) => id).join()); await new Promise(() => setInterval(() => {}, 1000)) }`
    const child = spawn(process.execPath, ['--input-type=module', '-e', program, camera.address], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = await within('frames', new Promise<[string]>((resolve) => child.stdout.once('data', (text) => resolve([String(text)]))))
    const ids = line.trim().split(',').map(Number)
    expect(ids).toHaveLength(1)
    child.kill('SIGKILL')
    await within(
      'the end of ffmpeg',
      (async () => {
        while (ids.some(isRunning)) await new Promise((resolve) => setTimeout(resolve, 50))
      })(),
    )
    await camera.cut()
  })
})
