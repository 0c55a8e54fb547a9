import { describe, expect, test } from 'vitest'
import { drawBatch } from './batch.ts'
import { FormulaPool } from './pool.ts'
import { drawFormula, formulaParts } from './scene.ts'

const plan = { seed: 4, size: 32, cellStride: 8 }

async function withPool<T>(threads: number, work: (pool: FormulaPool) => Promise<T>, more = {}): Promise<T> {
  const pool = new FormulaPool({ ...plan, ...more, threads })
  try {
    return await work(pool)
  } finally {
    await pool.close()
  }
}

describe('a batch', () => {
  test('holds the scenes as they are drawn, and its parts averaged over cells', () => {
    const { images, shape, textures, cover } = drawBatch({ start: 7, count: 3 }, plan)
    for (let i = 0; i < 3; i++) {
      const scene = drawFormula(7 + i, plan)
      expect(images.subarray(i * 3072, (i + 1) * 3072)).toEqual(scene.image.data)
      expect([shape[i], ...textures.subarray(i * formulaParts, (i + 1) * formulaParts)]).toEqual([scene.shape, ...scene.textures])
      // Cell 6 of 4 x 4: rows 8 to 15, columns 16 to 23.
      for (let part = 0; part < formulaParts; part++) {
        let sum = 0
        for (let y = 8; y < 16; y++) for (let x = 16; x < 24; x++) sum += scene.cover[(32 * y + x) * formulaParts + part]!
        expect(cover[(16 * i + 6) * formulaParts + part]).toBe(Math.round(sum / 64))
      }
    }
  })
})

describe('the pool', () => {
  test('gives the same bytes whatever the threads and the borders of batches', async () => {
    const whole = drawBatch({ start: 0, count: 10 }, plan)
    for (const threads of [1, 3]) {
      const parts = await withPool(threads, (pool) => Promise.all([pool.batch(0, 4), pool.batch(4, 1), pool.batch(5, 5)]))
      for (const name of ['images', 'shape', 'textures', 'cover'] as const)
        expect(parts.flatMap((part) => [...part[name]])).toEqual([...whole[name]])
    }
  })

  test('takes back what waits when the signal says so, and goes on with the rest', async () => {
    await withPool(1, async (pool) => {
      const controller = new AbortController()
      const [first, second, third] = [pool.batch(0, 2), pool.batch(2, 2, controller.signal), pool.batch(4, 2)]
      controller.abort()
      await expect(second).rejects.toMatchObject({ code: 'CANCELLED' })
      await expect(pool.batch(6, 2, controller.signal)).rejects.toMatchObject({ code: 'CANCELLED' })
      expect([(await first).shape.length, (await third).shape.length]).toEqual([2, 2])
    })
  })

  test('rejects all that is under way when it is closed', async () => {
    const pool = new FormulaPool({ ...plan, threads: 1 })
    const jobs = [pool.batch(0, 500), pool.batch(500, 2)].map((job) => expect(job).rejects.toMatchObject({ code: 'CANCELLED' }))
    await pool.close()
    await Promise.all(jobs)
  })

  test('reports the crash of a thread, each job its own, and never hangs', async () => {
    // No batch can be allotted for cells of no size.
    await withPool(
      2,
      async (pool) => {
        const jobs = await Promise.allSettled([pool.batch(0, 1), pool.batch(1, 1), pool.batch(2, 1)])
        for (const job of jobs)
          expect(job).toMatchObject({
            status: 'rejected',
            reason: {
              code: 'DATA_WORKER_CRASHED',
              details: { found: expect.stringContaining('RangeError') },
            },
          })
      },
      { cellStride: 0 },
    )
  })
})
