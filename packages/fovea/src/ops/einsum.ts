// Einstein summation.

import { type Dim, dimsConflict } from '../graph/dims.ts'
import { tensorType } from '../graph/model.ts'
import { sizeOf } from '../graph/tensor.ts'
import { numbers, reshapedTo } from './emit.ts'
import { forEachOffset, stridesOf } from './ndarray.ts'
import type { Attributes, GradientContext, OperatorDefinition } from './operator.ts'

/** An equation with each ellipsis replaced by letters of its own. */
interface Equation {
  readonly operands: readonly string[]
  readonly result: string
  /** Letters that stand for axes of an ellipsis: only these broadcast. */
  readonly ellipsis: string
}

const alphabet = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'

function unusedLetters(used: string, count: number): string {
  return [...alphabet]
    .filter((letter) => !used.includes(letter))
    .slice(0, count)
    .join('')
}

/** Reads the equation for operands of these ranks. Without an arrow the result has the letters that occur once, sorted. */
function readEquation(ctx: Attributes, ranks: readonly number[]): Equation {
  const text = ctx.string('equation').replaceAll(' ', '')
  const [left = '', right] = text.split('->')
  const terms = left.split(',')
  if (terms.length !== ranks.length) ctx.fail(`an equation of ${ranks.length} operands`, `"${text}"`)
  const widths = terms.map((term, i) => (term.includes('...') ? ranks[i]! - (term.length - 3) : 0))
  const ellipsis = unusedLetters(text, Math.max(0, ...widths))
  const spell = (term: string, width: number) => term.replace('...', ellipsis.slice(ellipsis.length - width))
  const operands = terms.map((term, i) => spell(term, widths[i]!))
  operands.forEach((operand, i) => {
    if (operand.length !== ranks[i] || !/^[A-Za-z]*$/.test(operand)) ctx.fail(`${ranks[i]} letters for operand ${i}`, `"${terms[i]}"`)
  })
  const all = operands.join('')
  const once = [...new Set(all)].filter((letter) => all.indexOf(letter) === all.lastIndexOf(letter) && !ellipsis.includes(letter))
  const result = right === undefined ? ellipsis + once.sort().join('') : spell(right, ellipsis.length)
  for (const letter of result) if (!all.includes(letter)) ctx.fail('result letters that occur in an operand', `"${text}"`)
  return { operands, result, ellipsis }
}

/** The length of each letter's axis. */
function lengths<T extends Dim>(ctx: Attributes, { operands, ellipsis }: Equation, shapes: readonly (readonly T[])[]): Map<string, T> {
  const sizes = new Map<string, T>()
  operands.forEach((operand, i) => {
    ;[...operand].forEach((letter, axis) => {
      const dim = shapes[i]![axis]!
      const known = sizes.get(letter)
      const stretches = ellipsis.includes(letter) && (dim === 1 || known === 1)
      if (known !== undefined && !stretches && dimsConflict(known, dim)) ctx.fail(`one length for "${letter}"`, `${known} and ${dim}`)
      if (known === undefined || known === null || (stretches && known === 1) || (typeof dim === 'number' && dim !== 1))
        sizes.set(letter, dim)
    })
  })
  return sizes
}

/**
 * The gradient of one operand: the sum with that operand's place taken by the result's gradient. Axes that only this operand has
 * are stretched by factors of one; a letter that it repeats (a diagonal) is spelt apart, joined by an identity matrix.
 */
function operandGradient(ctx: GradientContext, equation: Equation, index: number): string {
  const shapes = equation.operands.map((_, i) => ctx.shape(ctx.input(i)))
  const sizes = lengths(ctx, equation, shapes)
  const own = shapes[index]!
  const dtype = ctx.dtype(ctx.input(index))
  const inputs = [ctx.gradient(0)!]
  const terms = [equation.result]
  equation.operands.forEach((operand, i) => {
    if (i === index) return
    // Ellipsis axes of length 1 among the other operands are dropped: einsum itself would not stretch plain letters.
    const kept = [...operand].filter((letter, axis) => shapes[i]![axis] === sizes.get(letter))
    const dims = kept.map((letter) => sizes.get(letter)!)
    inputs.push(kept.length === operand.length ? ctx.input(i) : reshapedTo(ctx, ctx.input(i), dims))
    terms.push(kept.join(''))
  })
  const fresh = [...unusedLetters(equation.operands.join('') + equation.result, own.length)]
  let target = ''
  ;[...equation.operands[index]!].forEach((letter, axis) => {
    const size = own[axis]!
    // Stretched axes are summed by leaving them out.
    if (size !== sizes.get(letter)) return
    if (!target.includes(letter)) {
      target += letter
      if (terms.join('').includes(letter)) return
      inputs.push(numbers(ctx, dtype, [size], new Array(size).fill(1)))
      terms.push(letter)
      return
    }
    const partner = fresh.shift()!
    inputs.push(
      numbers(
        ctx,
        dtype,
        [size, size],
        Array.from({ length: size * size }, (_, i) => Number(i % (size + 1) === 0)),
      ),
    )
    terms.push(letter + partner)
    target += partner
  })
  const gradient = ctx.b.op('Einsum', inputs, { equation: `${terms.join(',')}->${target}` })
  return target.length === own.length ? gradient : reshapedTo(ctx, gradient, own)
}

/** Einsum as in numpy, with ellipsis and implicit results. */
export const einsum: OperatorDefinition = {
  infer: (ctx) => {
    const shapes = Array.from({ length: ctx.inputCount }, (_, i) => ctx.dims(i))
    if (!shapes.every((shape) => shape !== undefined)) return [{ type: tensorType(ctx.dtype(0)) }]
    const equation = readEquation(
      ctx,
      shapes.map((shape) => shape.length),
    )
    const sizes = lengths<Dim>(ctx, equation, shapes)
    return [
      {
        type: tensorType(
          ctx.dtype(0),
          [...equation.result].map((letter) => sizes.get(letter)!),
        ),
      },
    ]
  },
  gradient: (ctx) => {
    const ranks = Array.from({ length: ctx.inputCount }, (_, i) => ctx.shape(ctx.input(i)).length)
    const equation = readEquation(ctx, ranks)
    return ranks.map((_, i) => (ctx.needs(i) ? operandGradient(ctx, equation, i) : undefined))
  },
  flops: (ctx) => {
    const shapes = ctx.node.inputs.map((_, i) => ctx.inputDims(i))
    const equation = readEquation(
      ctx,
      shapes.map((shape) => shape.length),
    )
    return shapes.length * sizeOf([...lengths(ctx, equation, shapes).values()])
  },
  evaluate: (ctx) => {
    const arrays = ctx.inputs.map((_, i) => ctx.input(i))
    const shapes = arrays.map((array) => array.dims)
    const equation = readEquation(
      ctx,
      shapes.map((shape) => shape.length),
    )
    const sizes = lengths(ctx, equation, shapes)
    const letters = [...new Set(equation.result + equation.operands.join(''))]
    const dims = [...equation.result].map((letter) => sizes.get(letter)!)
    /** Strides of an array along every letter; repeated letters add up, stretched axes do not move. */
    const along = (term: string, shape: readonly number[]) => {
      const own = stridesOf(shape)
      return letters.map((letter) => [...term].reduce((sum, l, axis) => sum + (l === letter && shape[axis] !== 1 ? own[axis]! : 0), 0))
    }
    const strides = [along(equation.result, dims), ...equation.operands.map((term, i) => along(term, shapes[i]!))]
    const data = new Float64Array(sizeOf(dims))
    forEachOffset(
      letters.map((letter) => sizes.get(letter)!),
      strides,
      (_, at) => {
        let product = 1
        for (let i = 0; i < arrays.length; i++) product *= arrays[i]!.data[at[i + 1]!]!
        data[at[0]!]! += product
      },
    )
    return [{ dtype: arrays[0]!.dtype, dims, data }]
  },
}
