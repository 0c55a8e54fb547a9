// Activations, by the names that papers and torch use.

import type { Feature, ModuleBuilder } from '../module.ts'

type Emit = (m: ModuleBuilder, name: string, x: string) => string

/** Each activation as ONNX operators; values of the network's element type. */
const activations = {
  identity: (_m, _name, x) => x,
  relu: (m, name, x) => m.op(name, 'Relu', [x]),
  /** Howard 2017 */
  relu6: (m, name, x) => m.op(name, 'Clip', [x, m.scalar(0), m.scalar(6)]),
  /** Slope 0.01 below zero (Maas 2013). */
  leakyRelu: (m, name, x) => m.op(name, 'LeakyRelu', [x], { alpha: 0.01 }),
  /** Clevert 2016 */
  elu: (m, name, x) => m.op(name, 'Elu', [x]),
  sigmoid: (m, name, x) => m.op(name, 'Sigmoid', [x]),
  tanh: (m, name, x) => m.op(name, 'Tanh', [x]),
  softplus: (m, name, x) => m.op(name, 'Softplus', [x]),
  /** x * sigmoid(x) (Ramachandran 2017); ONNX Runtime fuses the two. */
  silu: (m, name, x) => m.op(name, 'Mul', [x, m.op(`${name}.gate`, 'Sigmoid', [x])]),
  /** x * Phi(x), exact (Hendrycks 2016). */
  gelu: (m, name, x) => m.op(name, 'Gelu', [x]),
  geluTanh: (m, name, x) => m.op(name, 'Gelu', [x], { approximate: 'tanh' }),
  /** Howard 2019 */
  hardSigmoid: (m, name, x) => m.op(name, 'HardSigmoid', [x], { alpha: 1 / 6, beta: 0.5 }),
  hardSwish: (m, name, x) => m.op(name, 'HardSwish', [x]),
  /** Misra 2019 */
  mish: (m, name, x) => m.op(name, 'Mish', [x]),
} as const satisfies Record<string, Emit>

export type Activation = keyof typeof activations

export function activationNames(): Activation[] {
  return Object.keys(activations) as Activation[]
}

/** Applies an activation to every element. */
export function activation(m: ModuleBuilder, name: string, x: Feature, kind: Activation): Feature {
  return { ...x, value: activations[kind](m, name, x.value) }
}

export function relu(m: ModuleBuilder, name: string, x: Feature): Feature {
  return activation(m, name, x, 'relu')
}
