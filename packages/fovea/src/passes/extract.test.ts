import { describe, expect, it } from 'vitest'
import { printModel } from '../graph/printer.ts'
import { readModel } from '../graph/reader.ts'
import { verifyModel } from '../graph/verifier.ts'
import { type ExtractOptions, extract } from './extract.ts'

const text = `
  model ir=10 opset=21
    metadata "kept" = "yes"
  graph main(x: float32[N,2], z: float32[N,2]) -> (y: float32[N,2])
    w: float32[2] = {1.0, 2.0}
    v: float32[2] = {3.0, 4.0}
    a: float32[N,2] = Mul(x, w)
    b = Exp(a)
    c = Add(b, v)
    d = Mul(c, w)
    y = Add(d, z)`

function part(options: ExtractOptions): string {
  const model = extract(readModel(text), options)
  verifyModel(model)
  expect(model.metadata.get('kept')).toBe('yes')
  return printModel(model).split('\n').slice(2).join('\n')
}

function expected(body: string): string {
  return printModel(readModel(body)).split('\n').slice(1).join('\n')
}

describe('extract', () => {
  it('cuts out what lies before a value, with the inputs that it needs', () => {
    expect(part({ outputs: ['b'] })).toBe(
      expected(`
        graph main(x: float32[N,2]) -> (b: float32[N,2])
          w: float32[2] = {1.0, 2.0}
          a: float32[N,2] = Mul(x, w)
          b = Exp(a)`),
    )
  })

  it('cuts out what lies between values, which get the types that inference knows', () => {
    expect(part({ inputs: ['b'], outputs: ['d', 'c'] })).toBe(
      expected(`
        graph main(b: float32[N,2]) -> (d: float32[N,2], c: float32[N,2])
          w: float32[2] = {1.0, 2.0}
          v: float32[2] = {3.0, 4.0}
          c = Add(b, v)
          d = Mul(c, w)`),
    )
  })

  it('turns a weight into an input', () => {
    expect(part({ inputs: ['b', 'v'], outputs: ['c'] })).toBe(
      expected(`
        graph main(b: float32[N,2], v: float32[2]) -> (c: float32[N,2])
          c = Add(b, v)`),
    )
  })

  it('shares weights and leaves the model alone', () => {
    const model = readModel(text)
    expect(extract(model, { outputs: ['b'] }).graph.initializers.get('w')).toBe(model.graph.initializers.get('w'))
    expect(printModel(model)).toBe(printModel(readModel(text)))
  })

  it('names what is missing', () => {
    expect(() => extract(readModel(text), { outputs: ['nothing'] })).toThrow(/"nothing".*GRAPH_DANGLING_NAME/)
    expect(() => extract(readModel(text), { inputs: ['b'], outputs: ['y'] })).toThrow(/a value that b lead to, found "z"/)
  })
})
