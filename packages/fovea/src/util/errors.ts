// Every error Fovea throws: one catalogue of codes, one class.

/** Where an error was found. Every part is optional; those given are printed. */
export interface ErrorPlace {
  file?: string
  node?: string
  field?: string
}

export interface ErrorDetails extends ErrorPlace {
  /** What would have been right. */
  expected?: string
  /** What was there instead. */
  found?: string
  /** Replaces the catalogue's remedy where the place knows a better one. */
  remedy?: string
  cause?: unknown
}

interface CatalogueEntry {
  /** What is wrong, in one clause without a full stop. */
  readonly message: string
  /** What the user can do about it, as a sentence. */
  readonly remedy: string
}

/** The catalogue. `docs/errors.md` is held equal to it by a test: run `npm run docs` after a change. */
export const errorCatalogue = {
  // graph
  GRAPH_DUPLICATE_NAME: { message: 'A name is defined twice', remedy: 'Rename one of the two; every value of a graph has one producer.' },
  GRAPH_DANGLING_NAME: { message: 'A value is used that nothing produces', remedy: 'Add the node, input or initializer that should produce it.' },
  GRAPH_NOT_SORTED: { message: 'A value is used before the node that produces it', remedy: 'Sort the nodes topologically.' },
  GRAPH_TYPE_MISMATCH: { message: 'A value has the wrong type', remedy: 'Insert a Cast or mend the producing node.' },
  GRAPH_OPSET_MISSING: { message: 'A node uses an operator domain that the model does not import', remedy: 'Add the domain to the opset imports.' },
  GRAPH_INVALID: { message: 'The graph is not well formed', remedy: 'Mend the named node or export the model again.' },
  GRAPH_TEXT_SYNTAX: { message: 'The graph text cannot be read', remedy: 'Compare the line with the output of printModel().' },
  ONNX_MALFORMED: { message: 'The file is not a readable ONNX model', remedy: 'Check that the download or export was complete, then try again.' },
  ONNX_TOO_LARGE: { message: 'The model is larger than this reader allows', remedy: 'Store large weights as external data, or raise the stated limit.' },
  ONNX_UNSUPPORTED: { message: 'The model uses a part of ONNX that Fovea does not read', remedy: 'Export it again with a common opset (13 to 25).' },
  ONNX_EXTERNAL_DATA: { message: 'External tensor data cannot be read', remedy: 'Keep the data file in the folder of the model and open the model by its path.' },
  TENSOR_INVALID: { message: 'A tensor does not hold what its type and shape promise', remedy: 'Check data type, shape and number of values.' },
  // ops and passes
  OP_UNKNOWN: { message: 'The operator is not in the table', remedy: 'Add it to src/ops or replace the node by supported operators.' },
  OP_INVALID: { message: 'The operator cannot take these inputs or attributes', remedy: 'Check the shapes and attributes of the named node.' },
  OP_NOT_DIFFERENTIABLE: { message: 'A gradient would have to pass through an operator that has none', remedy: 'Freeze what lies before it, or replace the operator.' },
  SHAPE_UNKNOWN: { message: 'A shape must be known here and is not', remedy: 'Fix the input sizes of the model, for example with withInputShape().' },
  AUTODIFF_TARGET: { message: 'This value cannot be differentiated', remedy: 'Name a scalar loss, and parameters that it depends on.' },
} as const satisfies Record<string, CatalogueEntry>

export type ErrorCode = keyof typeof errorCatalogue

/** An error with a stable code. `message` says what was expected and found, where, and what to do. */
export class FoveaError extends Error {
  readonly code: ErrorCode
  readonly details: ErrorDetails

  constructor(code: ErrorCode, details: ErrorDetails = {}) {
    super(describe(code, details), { cause: details.cause })
    this.name = 'FoveaError'
    this.code = code
    this.details = details
  }
}

export function isFoveaError(error: unknown, code?: ErrorCode): error is FoveaError {
  return error instanceof FoveaError && (code === undefined || error.code === code)
}

function describe(code: ErrorCode, details: ErrorDetails): string {
  const { message, remedy } = errorCatalogue[code]
  const facts = [
    details.expected === undefined ? '' : `expected ${details.expected}`,
    details.found === undefined ? '' : `found ${details.found}`,
  ].filter(Boolean)
  const places = (['file', 'node', 'field'] as const).flatMap((key) => (details[key] === undefined ? [] : [`${key} "${details[key]}"`]))
  const fact = facts.length > 0 ? `: ${facts.join(', ')}` : ''
  const place = places.length > 0 ? ` (${places.join(', ')})` : ''
  return `${message}${fact}${place}. ${details.remedy ?? remedy} [${code}]`
}
