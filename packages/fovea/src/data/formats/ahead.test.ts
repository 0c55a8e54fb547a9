import { expect, test } from 'vitest'
import { workAhead } from './ahead.ts'

test('gives results in order, with no more under way than asked, and throws a failure in its turn', async () => {
  let [running, most] = [0, 0]
  const work = async (item: number) => {
    most = Math.max(most, ++running)
    // Later ones are done sooner.
    await new Promise((done) => setTimeout(done, 20 - item))
    running--
    if (item === 12) throw new Error('twelve')
    return 2 * item
  }
  const seen: number[] = []
  const all = async (count: number) => {
    for await (const [item, result] of workAhead(Array(count).keys(), 4, work)) {
      expect(result).toBe(2 * item)
      seen.push(item)
    }
  }
  await all(10)
  expect(seen).toEqual([...Array(10).keys()])
  expect(most).toBe(4)
  await expect(all(20)).rejects.toThrow('twelve')
  expect(seen.slice(10)).toEqual([...Array(12).keys()])
  expect(running).toBe(0)
})
