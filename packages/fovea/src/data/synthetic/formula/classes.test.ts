import { describe, expect, test } from 'vitest'
import { Random } from '../../../util/random.ts'
import { rasterize } from './rasterize.ts'
import { shapeClasses, shapeInstance } from './shapes.ts'
import { textureClasses, textureInstance } from './textures.ts'

const classNumbers = (count: number) => Array.from({ length: count }, (_, i) => i)

describe.each([32, 64])('at %i pixels', (size) => {
  test('every texture class has contrast, and nearly all have structure', () => {
    const figures = classNumbers(textureClasses).flatMap((textureClass) =>
      classNumbers(2).map((i) => figuresOf(textureValues(textureClass, i, size), size)),
    )
    for (const { deviation } of figures) {
      expect(deviation).toBeGreaterThan(0.2)
      expect(deviation).toBeLessThan(3)
    }
    // What is as fine as the pixels looks like noise: more classes in smaller pictures.
    const noise = figures.filter(({ correlation }) => correlation < 0.05).length / figures.length
    expect(noise).toBeLessThan(size === 64 ? 0.03 : 0.15)
  })

  test('every shape class covers a part of its box, and not all', () => {
    const odd = classNumbers(shapeClasses).filter((shapeClass) =>
      classNumbers(3).some((i) => {
        const share = cover(shapeClass, i, size).reduce((sum, value) => sum + value, 0) / size ** 2
        return !(share > 0.03 && share < 0.85)
      }),
    )
    expect(odd).toEqual([])
  })
})

test('a shape resembles its class more than others', () => {
  const samples = classNumbers(shapeClasses).map((shapeClass) => [cover(shapeClass, 0, 32), cover(shapeClass, 1, 32)] as const)
  const own = samples.map(([a, b]) => distance(a, b))
  const others = samples.map(([a], i) => distance(a, samples[(i + 1) % samples.length]![1]))
  const closer = own.filter((value, i) => value < others[i]!).length
  expect(closer / shapeClasses).toBeGreaterThan(0.9)
})

test('every value of a texture is a number, wherever it is asked', () => {
  for (const textureClass of classNumbers(textureClasses)) {
    const value = textureInstance(textureClass, new Random(9, textureClass))
    for (const [x, y] of [
      [0, 0],
      [1, 1],
      [0.5, 0],
      [-3.25, 8],
      [0.999999, 1e-9],
    ] as const)
      expect(value(x, y)).not.toBeNaN()
  }
})

function textureValues(textureClass: number, instance: number, size: number): Float64Array {
  const value = textureInstance(textureClass, new Random(5, textureClass, instance))
  return Float64Array.from({ length: size * size }, (_, i) => value((i % size) / size, Math.floor(i / size) / size))
}

function figuresOf(values: Float64Array, size: number): { deviation: number; correlation: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
  let along = 0
  for (let i = 0; i < values.length - size; i++)
    if (i % size < size - 1) along += (values[i]! - mean) * ((values[i + 1]! + values[i + size]!) / 2 - mean)
  return { deviation: Math.sqrt(variance), correlation: along / ((size - 1) ** 2 * Math.max(1e-12, variance)) }
}

function cover(shapeClass: number, instance: number, size: number): Float32Array {
  const plane = new Float32Array(size * size)
  const place = { x: size / 2, y: size / 2, half: size * 0.45, angle: 0, stretch: 1 }
  rasterize(shapeInstance(shapeClass, new Random(6, shapeClass, instance)), place, plane, size)
  return plane
}

function distance(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + Math.abs(value - b[i]!), 0)
}
