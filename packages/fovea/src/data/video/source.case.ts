// What every kind of source does: one suite, run over all of them by source.test.ts.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { childProcesses, type RunningProcess } from '../../../test/child-processes.ts'
import type { Frame, OpenSourceOptions } from './frame.ts'
import { openSource, type SourceSpec } from './open-source.ts'
import type { Source } from './source.ts'
import { readPatternNumber } from './test-pattern.ts'

export interface SourceCase {
  readonly name: string
  /** Makes what is read; what it gives is read by tests one after another. */
  readonly prepare: () => Promise<{ readonly spec: SourceSpec; readonly options?: OpenSourceOptions; readonly close?: () => Promise<void> }>
  readonly live: boolean
  /** How many frames there are, where there is an end. */
  readonly frames?: number
  /** The numbers of the test pattern in the frames begin anew after so many. */
  readonly numbers: number
  /** Has a clock or rhythm by which frames are picked. @default true */
  readonly paced?: boolean
  /** Does something that has the next frame come. */
  readonly more?: () => Promise<void>
}

/** Ends a test that hangs with what hung; the limit is no claim about speed. */
export async function within<T>(what: string, work: Promise<T>, milliseconds = 60_000): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} takes longer than ${milliseconds} ms`)), milliseconds)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}

/** What keeps the event loop busy, counted by kind: sockets, pipes, timers, processes. */
export function resources(): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) if (!ours.test(kind)) counts[kind] = (counts[kind] ?? 0) + 1
  return counts
}

/** What a test runner and the thread pool have of their own. */
const ours = /^(MessagePort|FSReq|TTYWrap|Immediate|Timeout$)/

/** Waits until nothing is left of what was not there before; fails naming what is. */
export async function expectNothingLeft(before: {
  readonly children: readonly RunningProcess[]
  readonly resources: Record<string, number>
}): Promise<void> {
  const left = () => ({ children: childProcesses(), resources: resources() })
  for (let i = 0; i < 100; i++) {
    const now = left()
    const more = Object.entries(now.resources).some(([kind, count]) => count > (before.resources[kind] ?? 0))
    if (now.children.length <= before.children.length && !more) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  expect(left()).toEqual(before)
}

export async function take(source: Source, count: number, each?: (frame: Frame, i: number) => Promise<void> | void): Promise<Frame[]> {
  const frames: Frame[] = []
  for await (const frame of source) {
    await each?.(frame, frames.length)
    if (frames.push(frame) >= count) break
  }
  return frames
}

/** Numbers, times and patterns in order. */
export function expectOrder(frames: readonly Frame[], numbers: number): void {
  for (const [i, frame] of frames.entries()) {
    const before = frames[i - 1]
    if (before === undefined) continue
    expect(frame.sequence).toBeGreaterThan(before.sequence)
    expect(frame.timestamp).toBeGreaterThanOrEqual(before.timestamp)
    expect(frame.wallClock).toBeGreaterThanOrEqual(before.wallClock)
    const step = (readPatternNumber(frame.image)! - readPatternNumber(before.image)! + numbers) % numbers
    expect(step, `frame ${i} comes after the one before it`).toBeGreaterThan(0)
    expect(step, `frame ${i} is no earlier one`).toBeLessThan(numbers / 2)
  }
}

export function sourceCases({ name, prepare, live, frames, numbers, paced = true, more }: SourceCase): void {
  describe(name, () => {
    let made: Awaited<ReturnType<SourceCase['prepare']>>
    beforeAll(async () => {
      made = await prepare()
    })
    afterAll(() => made?.close?.())

    const open = (options: OpenSourceOptions = {}) => openSource(made.spec, { ...made.options, ...options })
    const state = () => ({ children: childProcesses(), resources: resources() })
    const feed = () => more?.()

    test('frames come in order, whole, dated and named', async () => {
      const before = state()
      const source = await open({ id: 'eye' })
      expect(source).toMatchObject({ live, health: 'offline', id: 'eye' })
      await feed()
      const seen: string[] = []
      const taken = await within(
        'reading',
        take(source, 6, (frame) => {
          seen.push(source.health)
          expect(frame.source).toBe('eye')
          expect(frame.image.data).toHaveLength(frame.image.width * frame.image.height * 3)
          return feed()
        }),
      )
      expectOrder(taken, numbers)
      expect(new Set(taken.map(({ image }) => image.data.buffer)).size, 'no frame is written over another').toBe(taken.length)
      expect(taken[0]).toMatchObject({ sequence: 0 })
      expect(seen[0]).toBe('online')
      expect(source.health).toBe('offline')
      expect(source.statistics.read).toBeGreaterThanOrEqual(6)
      await expectNothingLeft(before)
    })

    if (frames !== undefined)
      test('all waits and gives every frame; latest drops and counts', async () => {
        const all = await within('all', take(await open({ policy: 'all' }), Number.POSITIVE_INFINITY))
        expect(all.map(({ sequence }) => sequence)).toEqual(Array.from({ length: frames }, (_, i) => i))
        const source = await open({ policy: 'latest' })
        const slow = () => new Promise<void>((resolve) => setTimeout(resolve, 40))
        const some = await within('latest', take(source, Number.POSITIVE_INFINITY, slow))
        expect(some.length + source.statistics.dropped).toBe(frames)
        expect(source.statistics.dropped).toBeGreaterThan(0)
        expectOrder(some, numbers)
        expect(some.at(-1)?.sequence, 'the newest frame is never dropped').toBe(frames - 1)
      })

    test('stop ends a loop from outside and inside, twice over', async () => {
      const before = state()
      const source = await open()
      await feed()
      await within(
        'stopping',
        take(source, Number.POSITIVE_INFINITY, async (_, i) => {
          if (i === 0) await source.stop()
        }).then(async (got) => {
          expect(got).toHaveLength(1)
          await source.stop()
        }),
      )
      expect(source.health).toBe('offline')
      const other = await open()
      const iteration = take(other, Number.POSITIVE_INFINITY)
      await within(
        'stopping while it opens',
        other.stop().then(() => iteration),
      )
      const never = await open()
      await never.stop()
      expect(await take(never, 1)).toEqual([])
      await expectNothingLeft(before)
    })

    test('an abort is CANCELLED, at once or later', async () => {
      const before = state()
      const controller = new AbortController()
      const source = await open({ signal: controller.signal })
      await feed()
      await expect(
        within(
          'aborting',
          take(source, Number.POSITIVE_INFINITY, () => controller.abort()),
        ),
      ).rejects.toMatchObject({ code: 'CANCELLED' })
      const late = await open({ signal: controller.signal })
      await expect(within('aborting', take(late, 1))).rejects.toMatchObject({ code: 'CANCELLED' })
      await expectNothingLeft(before)
    })

    test('an error of the loop, and the end of its block, let go of everything', async () => {
      const before = state()
      await feed()
      await expect(
        within(
          'throwing',
          take(await open(), 3, () => Promise.reject(new Error('mine'))),
        ),
      ).rejects.toThrow('mine')
      await feed()
      {
        await using source = await open()
        await within('one frame', source[Symbol.asyncIterator]().next())
      }
      await expectNothingLeft(before)
    })

    test('it is iterated once', async () => {
      const source = await open()
      await feed()
      await within('reading', take(source, 1))
      expect(() => source[Symbol.asyncIterator]()).toThrow(expect.objectContaining({ code: 'SOURCE_USED' }))
    })

    test('size and fps', async () => {
      const source = await open({ size: { width: 96 }, fps: 10, id: 'small' })
      await feed()
      const taken = await within('reading', take(source, 3, feed))
      for (const { image } of taken) expect([image.width, image.height]).toEqual([96, 72])
      // Neighbours of one 1/fps would be frames that should have been left out.
      const cells = taken.map(({ timestamp }) => Math.floor((timestamp - taken[0]!.timestamp) * 10 + 1e-3))
      if (paced) expect(new Set(cells).size).toBe(3)
    })
  })
}
