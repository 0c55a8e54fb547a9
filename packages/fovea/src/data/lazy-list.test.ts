import { expect, test, vi } from 'vitest'
import { lazyList } from './lazy-list.ts'

test('reads as an array of its items, made when they are asked for', () => {
  const at = vi.fn((i: number) => i * i)
  const list = lazyList(5, at)
  expect(at).not.toHaveBeenCalled()
  expect(list.length).toBe(5)
  expect(list[3]).toBe(9)
  expect(at).toHaveBeenCalledTimes(1)
  expect([list[5], list[-1], list.at(-1)]).toEqual([undefined, undefined, 16])
  expect([...list]).toEqual([0, 1, 4, 9, 16])
  expect(list.map((value) => value + 1)).toEqual([1, 2, 5, 10, 17])
  expect(list.filter((value) => value > 3)).toEqual([4, 9, 16])
  expect(list.slice(1, 3)).toEqual([1, 4])
  expect(list.indexOf(9)).toBe(3)
  expect(Array.isArray(list)).toBe(true)
  expect(3 in list && !(5 in list)).toBe(true)
  expect(Uint32Array.from(list)).toEqual(Uint32Array.of(0, 1, 4, 9, 16))
})

test('cannot be changed', () => {
  const list = lazyList(2, (i) => i) as number[]
  expect(() => list.push(1)).toThrow(TypeError)
  expect(() => {
    list[0] = 7
  }).toThrow(TypeError)
  expect(() => list.sort()).toThrow(TypeError)
  expect([...list]).toEqual([0, 1])
})

test('an empty one', () => {
  expect([...lazyList(0, () => 1)]).toEqual([])
})
