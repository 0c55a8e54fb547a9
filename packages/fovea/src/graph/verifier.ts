// Whether a model is well formed: every name has one meaning, defined before it is used, in operators that are imported.

import { clipAll } from '../util/clip.ts'
import { type ErrorCode, type ErrorDetails, FoveaError } from '../util/errors.ts'
import { dataTypes } from './data-type.ts'
import {
  type Attribute,
  type FunctionDefinition,
  type Graph,
  type Model,
  type Node,
  operatorKey,
  type Value,
  type ValueType,
} from './model.ts'
import { printType } from './print-value.ts'
import { Scope } from './scope.ts'
import type { Tensor } from './tensor.ts'

export interface VerifyOptions {
  /** Name of the file, for error messages. */
  file?: string
}

export interface FindProblemsOptions extends VerifyOptions {
  /** The search ends after this many. @default 100 */
  limit?: number
}

/**
 * Throws the first problem of a model (see `findProblems`).
 *
 * @throws FoveaError GRAPH_DUPLICATE_NAME, GRAPH_DANGLING_NAME, GRAPH_NOT_SORTED, GRAPH_TYPE_MISMATCH, GRAPH_OPSET_MISSING, GRAPH_INVALID
 */
export function verifyModel(model: Model, options: VerifyOptions = {}): void {
  const [problem] = findProblems(model, { ...options, limit: 1 })
  if (problem !== undefined) throw problem
}

/**
 * All problems of a model by the rules of the ONNX specification: names are defined once, before their use and in scope
 * (subgraphs see what stands before their node); domains are imported; outputs exist; before IR version 4 initializers are
 * inputs; types are well formed and agree where stated twice; functions are complete and do not call themselves.
 * Operators themselves are not checked: that is the part of shape inference.
 */
export function findProblems(model: Model, options: FindProblemsOptions = {}): FoveaError[] {
  const verifier = new Verifier(model, options.file, options.limit ?? 100)
  try {
    verifier.model()
  } catch (error) {
    if (error !== limitReached) throw error
  }
  return verifier.problems
}

const limitReached = Symbol('limit of problems reached')

/** What the nodes of one graph or function may use besides values. */
interface Context {
  readonly opsets: ReadonlyMap<string, number>
  /** Attributes of the function around the node; undefined outside functions. */
  readonly attributes: ReadonlySet<string> | undefined
}

class Verifier {
  readonly problems: FoveaError[] = []
  readonly #model: Model
  readonly #file: string | undefined
  readonly #limit: number

  constructor(model: Model, file: string | undefined, limit: number) {
    this.#model = model
    this.#file = file
    this.#limit = limit
  }

  model(): void {
    const { irVersion, opsets, graph, functions } = this.#model
    if (!isCount(irVersion) || irVersion === 0)
      this.#report('GRAPH_INVALID', { expected: 'an IR version from 1 on', found: `${irVersion}` })
    this.#opsets(opsets, undefined)
    this.#graph(graph, undefined, { opsets, attributes: undefined })
    const known = new Map<string, FunctionDefinition>()
    for (const definition of functions) {
      const key = functionKey(definition)
      if (known.has(key)) this.#report('GRAPH_DUPLICATE_NAME', { expected: 'one function of a name', found: `two of ${key}` })
      known.set(key, definition)
      this.#function(definition)
    }
    this.#recursion(known)
  }

  #opsets(opsets: ReadonlyMap<string, number>, node: string | undefined): void {
    for (const [domain, version] of opsets)
      if (!isCount(version) || version === 0)
        this.#report('GRAPH_INVALID', { node, expected: `a version from 1 on for the operators of "${domain}"`, found: `${version}` })
  }

  #graph(graph: Graph, outer: Scope | undefined, context: Context): void {
    const scope = new Scope(graph.nodes, outer)
    for (const value of graph.inputs) {
      this.#define(value.name, scope, 'input', undefined)
      this.#type(value)
    }
    this.#initializers(graph, scope)
    this.#values(graph.values, graph)
    for (const node of graph.nodes) this.#node(node, scope, context)
    const outputs = new Set<string>()
    for (const value of graph.outputs) {
      this.#type(value)
      if (outputs.has(value.name)) this.#report('GRAPH_DUPLICATE_NAME', { expected: 'every output once', found: `"${value.name}" twice` })
      outputs.add(value.name)
      this.#output(value.name, scope, `the graph "${graph.name}"`)
    }
  }

  #function(definition: FunctionDefinition): void {
    const key = functionKey(definition)
    if (definition.name === '') this.#report('GRAPH_INVALID', { expected: 'a function with a name', found: 'none' })
    this.#opsets(definition.opsets, key)
    const scope = new Scope(definition.nodes, undefined)
    for (const name of definition.inputs) this.#define(name, scope, 'input', key)
    const attributes = new Set(definition.attributes)
    for (const name of definition.defaults.keys()) {
      if (attributes.has(name))
        this.#report('GRAPH_DUPLICATE_NAME', { node: key, field: name, expected: 'an attribute with or without default', found: 'both' })
      attributes.add(name)
    }
    this.#values(definition.values, undefined)
    const context: Context = { opsets: definition.opsets, attributes }
    this.#attributes(definition.defaults, key, scope, { opsets: definition.opsets, attributes: undefined })
    for (const node of definition.nodes) this.#node(node, scope, context)
    for (const name of definition.outputs) this.#output(name, scope, `the function ${key}`)
  }

  #initializers(graph: Graph, scope: Scope): void {
    const inputs = new Map(graph.inputs.map((value) => [value.name, value]))
    for (const [name, tensor] of graph.initializers) {
      const input = inputs.get(name)
      if (input === undefined) {
        this.#define(name, scope, 'initializer', undefined)
        if (this.#model.irVersion < 4)
          this.#report('GRAPH_INVALID', {
            field: name,
            expected: 'initializers that are inputs too, as IR versions before 4 want',
            found: 'one that is not',
            remedy: 'Add it to the inputs, or raise the IR version to 4 or more.',
          })
      } else this.#agrees(name, tensor, input.type)
    }
    for (const [name, sparse] of graph.sparseInitializers ?? []) {
      if (!inputs.has(name)) this.#define(name, scope, 'initializer', undefined)
      const [count = 0] = sparse.values.dims
      const places = sparse.indices.dims
      const listed = places.length === 1 || (places.length === 2 && places[1] === sparse.dims.length)
      if (sparse.values.dims.length !== 1 || sparse.indices.dtype !== 'int64' || places[0] !== count || !listed)
        this.#report('GRAPH_INVALID', {
          field: name,
          expected: 'sparse values [n] with int64 indices [n] or [n, rank]',
          found: `[${sparse.values.dims.join(',')}] with ${sparse.indices.dtype}[${places.join(',')}]`,
        })
    }
  }

  /** The list of typed values; in a graph these agree with inputs and initializers of the same name. */
  #values(values: ReadonlyMap<string, Value>, graph: Graph | undefined): void {
    for (const [name, value] of values) {
      if (name !== value.name)
        this.#report('GRAPH_INVALID', { field: name, expected: 'a value listed under its own name', found: `"${value.name}"` })
      this.#type(value)
      const tensor = graph?.initializers.get(name)
      if (tensor !== undefined) this.#agrees(name, tensor, value.type)
    }
    for (const input of graph?.inputs ?? []) {
      const type = values.get(input.name)?.type
      const clash =
        type !== undefined && input.type !== undefined && 'dtype' in type && 'dtype' in input.type && type.dtype !== input.type.dtype
      if (clash) this.#report('GRAPH_TYPE_MISMATCH', { field: input.name, expected: printType(input.type), found: printType(type) })
    }
  }

  #node(node: Node, scope: Scope, context: Context): void {
    const place = nodeLabel(node)
    if (node.op === '') this.#report('GRAPH_INVALID', { node: place, expected: 'an operator', found: 'none' })
    const domain = node.domain === 'ai.onnx' ? '' : node.domain
    if (!context.opsets.has(domain))
      this.#report('GRAPH_OPSET_MISSING', {
        node: place,
        expected: `an import of the domain "${node.domain}" of ${operatorKey(node)}`,
        found: context.opsets.size === 0 ? 'no imports' : [...context.opsets.keys()].map((name) => `"${name}"`).join(', '),
      })
    for (const name of node.inputs) if (name !== '' && !scope.has(name)) this.#undefined(name, scope, place)
    this.#attributes(node.attributes, place, scope, context)
    for (const name of node.outputs) if (name !== '') this.#define(name, scope, 'output of a node', place)
  }

  #attributes(attributes: ReadonlyMap<string, Attribute>, place: string, scope: Scope, context: Context): void {
    for (const [name, attribute] of attributes) {
      if (name === '') this.#report('GRAPH_INVALID', { node: place, expected: 'attributes with names', found: 'one without' })
      if (attribute.type === 'graph') this.#graph(attribute.value, scope, context)
      else if (attribute.type === 'graphs') for (const graph of attribute.value) this.#graph(graph, scope, context)
      else if (attribute.type === 'reference' && !context.attributes?.has(attribute.value))
        this.#report('GRAPH_INVALID', {
          node: place,
          field: name,
          expected: 'a reference to an attribute of the function around the node',
          found: `"${attribute.value}"`,
        })
    }
  }

  #define(name: string, scope: Scope, what: string, node: string | undefined): void {
    if (name === '') this.#report('GRAPH_INVALID', { node, expected: `a name for each ${what}`, found: 'none' })
    else if (scope.has(name))
      this.#report('GRAPH_DUPLICATE_NAME', { node, field: name, expected: 'every value defined once', found: `"${name}" again as ${what}` })
    else scope.define(name)
  }

  #output(name: string, scope: Scope, owner: string): void {
    if (scope.has(name)) return
    this.#report('GRAPH_DANGLING_NAME', {
      field: name,
      expected: `a node or initializer behind every output of ${owner}`,
      found: `none for "${name}"`,
    })
  }

  #undefined(name: string, scope: Scope, node: string): void {
    const later = scope.definesLater(name)
    this.#report(later ? 'GRAPH_NOT_SORTED' : 'GRAPH_DANGLING_NAME', {
      node,
      field: name,
      expected: 'inputs that are defined before the node',
      found: later ? `"${name}", which a later node produces` : `"${name}", which nothing defines`,
    })
  }

  #agrees(name: string, tensor: Tensor, type: ValueType | undefined): void {
    if (type === undefined) return
    const dims = type.kind === 'tensor' ? type.dims : undefined
    const fits =
      type.kind === 'tensor' &&
      type.dtype === tensor.dtype &&
      (dims === undefined ||
        (dims.length === tensor.dims.length && dims.every((dim, i) => typeof dim !== 'number' || dim === tensor.dims[i])))
    if (!fits)
      this.#report('GRAPH_TYPE_MISMATCH', { field: name, expected: printType(type), found: `${tensor.dtype}[${tensor.dims.join(',')}]` })
  }

  #type(value: Value): void {
    const wrong = value.type === undefined ? undefined : flawOf(value.type)
    if (wrong !== undefined) this.#report('GRAPH_INVALID', { field: value.name, expected: 'a well-formed type', found: wrong })
  }

  /** Removes functions that call no remaining one until none is left, or those left call each other in a circle. */
  #recursion(functions: ReadonlyMap<string, FunctionDefinition>): void {
    const callers = new Map<string, string[]>()
    const open = new Map<string, number>()
    for (const [key, definition] of functions) {
      const called = new Set<string>()
      collectCalls(definition.nodes, functions, called)
      open.set(key, called.size)
      for (const callee of called) {
        const known = callers.get(callee)
        if (known === undefined) callers.set(callee, [key])
        else known.push(key)
      }
    }
    const done = [...open].filter(([, count]) => count === 0).map(([key]) => key)
    for (let i = 0; i < done.length; i++)
      for (const caller of callers.get(done[i]!) ?? []) {
        const count = open.get(caller)! - 1
        open.set(caller, count)
        if (count === 0) done.push(caller)
      }
    if (done.length === functions.size) return
    const [first] = [...open].find(([, count]) => count > 0)!
    this.#report('GRAPH_INVALID', { expected: 'functions that do not call themselves', found: `a circle that ${first} is in or leads to` })
  }

  #report(code: ErrorCode, details: ErrorDetails): void {
    // Names and shapes of a hostile file can be very long.
    this.problems.push(new FoveaError(code, clipAll(this.#file === undefined ? details : { file: this.#file, ...details })))
    if (this.problems.length >= this.#limit) throw limitReached
  }
}

function collectCalls(nodes: readonly Node[], functions: ReadonlyMap<string, FunctionDefinition>, called: Set<string>): void {
  for (const node of nodes) {
    const key = functionKey({ domain: node.domain, name: node.op, overload: node.overload })
    if (functions.has(key)) called.add(key)
    for (const attribute of node.attributes.values()) {
      if (attribute.type === 'graph') collectCalls(attribute.value.nodes, functions, called)
      else if (attribute.type === 'graphs') for (const graph of attribute.value) collectCalls(graph.nodes, functions, called)
    }
  }
}

function functionKey({ domain, name, overload }: { domain: string; name: string; overload?: string | undefined }): string {
  return operatorKey({ domain, op: name }) + (overload === undefined || overload === '' ? '' : `:${overload}`)
}

function nodeLabel(node: Node): string {
  return node.name || node.outputs.find((name) => name !== '') || node.op
}

/** What is wrong with a type, or undefined. */
function flawOf(type: ValueType): string | undefined {
  switch (type.kind) {
    case 'tensor':
    case 'sparse': {
      if (!Object.hasOwn(dataTypes, type.dtype)) return `the data type ${type.dtype}`
      const dim = type.dims?.find((value) => (typeof value === 'number' ? !isCount(value) : value === ''))
      return dim === undefined ? undefined : `the dimension ${JSON.stringify(dim)}`
    }
    case 'sequence':
    case 'optional':
      return type.element === undefined ? undefined : flawOf(type.element)
    case 'map':
      if (type.key !== 'string' && !/^u?int\d+$/.test(type.key)) return `map keys of ${type.key}`
      return type.value === undefined ? undefined : flawOf(type.value)
    case 'opaque':
      return undefined
  }
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}
