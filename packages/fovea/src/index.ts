// The public names of Fovea.

export { GraphBuilder } from './graph/builder.ts'
export type { Graph, Model, Node, Value } from './graph/model.ts'
export { Tensor } from './graph/tensor.ts'
export { type ErrorCode, type ErrorDetails, errorCatalogue, FoveaError, isFoveaError } from './util/errors.ts'
