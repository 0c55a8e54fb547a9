import { describe, expect, it } from 'vitest'
import { printModel } from '../graph/printer.ts'
import { readModel } from '../graph/reader.ts'
import { bindDimensions, withInputShapes } from './bind-dimensions.ts'

const text = `graph main(x: float32[N,2*H,null]) -> (y: float32[N,H + 1], n: sequence(float32[N]))
  v: float32[N,2*H] = Neg(x)
  y = Exp(v)
  n = SequenceConstruct(v)`.replace('null', '?')

describe('bindDimensions', () => {
  it('gives symbols numbers, also within expressions', () => {
    const { model } = bindDimensions(readModel(text), { N: 4, H: 3 })
    const wanted = text.replaceAll('2*H', '6').replaceAll('H + 1', '4').replace('y: float32[N', 'y: float32[4')
    expect(printModel(model)).toBe(
      printModel(readModel(wanted.replace('x: float32[N', 'x: float32[4').replace('v: float32[N', 'v: float32[4'))),
    )
  })

  it('leaves other symbols, and the model that was given', () => {
    const model = readModel(text)
    expect(bindDimensions(model, { N: 'M' }).model.graph.inputs[0]!.type).toEqual({
      kind: 'tensor',
      dtype: 'float32',
      dims: ['M', '2*H', null],
    })
    expect(printModel(model)).toBe(printModel(readModel(text)))
  })
})

describe('withInputShapes', () => {
  it('gives inputs new shapes and forgets those behind them', () => {
    const { model } = withInputShapes(readModel(text), { x: [1, 'W'] })
    expect(printModel(model)).toBe(
      printModel(
        readModel(`graph main(x: float32[1,W]) -> (y: float32[...], n: sequence(float32[N]))
          v = Neg(x)
          y = Exp(v)
          n = SequenceConstruct(v)`),
      ),
    )
  })
})
