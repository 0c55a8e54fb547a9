// Reads the text of `printer.ts` back into a model. Made for tests of passes: text before, text after.

import { FoveaError } from '../util/errors.ts'
import { defaultIrVersion, defaultOpset } from './builder.ts'
import { type Attribute, emptyGraph, type FunctionDefinition, type Graph, type Model, type Node, type Value } from './model.ts'
import { type FindTensor, isReal, realOf, Scanner } from './scanner.ts'

export interface ReadOptions {
  /** Gives the tensors that the text shows only as hashes (see `contentHash`); without it such a text is refused. */
  findTensor?: FindTensor
}

/**
 * The model of a text as `printModel` writes it. The text may be indented as a whole; lines that begin with `//` and empty
 * lines are skipped. Without a `model` line the builder's IR version and opset are taken.
 *
 * @throws FoveaError GRAPH_TEXT_SYNTAX with the number of the line
 */
export function readModel(text: string, options: ReadOptions = {}): Model {
  const model: Model = {
    irVersion: defaultIrVersion,
    opsets: new Map([['', defaultOpset]]),
    graph: emptyGraph(),
    functions: [],
    metadata: new Map(),
  }
  let graphs = 0
  for (const block of blocksOf(text, options.findTensor ?? (() => undefined))) {
    const { head } = block
    if (head.takesWord('model')) readHeader(model, block)
    else if (head.takesWord('graph')) {
      model.graph = readGraphBlock(block)
      head.end()
      graphs++
    } else if (head.takesWord('function')) model.functions.push(readFunction(block))
    else head.fail('"model", "graph" or "function"')
  }
  if (graphs !== 1) throw new FoveaError('GRAPH_TEXT_SYNTAX', { expected: 'one graph without indentation', found: `${graphs}` })
  return model
}

/** One logical line with the lines indented under it. */
interface Block {
  readonly head: Scanner
  readonly indent: number
  readonly body: Block[]
}

function blocksOf(text: string, find: FindTensor): Block[] {
  const root: Block[] = []
  const open: Block[] = []
  for (const { content, indent, number } of logicalLines(text)) {
    const block: Block = { head: new Scanner(content, number, find), indent, body: [] }
    while (open.length > 0 && open.at(-1)!.indent >= indent) open.pop()
    const parent = open.at(-1)
    ;(parent?.body ?? root).push(block)
    open.push(block)
  }
  return root
}

/** Lines, those within open brackets joined to the one that opened them. */
function* logicalLines(text: string): Generator<{ content: string; indent: number; number: number }> {
  let content = ''
  let start = 0
  let depth = 0
  for (const [i, line] of text.split('\n').entries()) {
    if (depth === 0 && /^\s*(\/\/.*)?$/.test(line)) continue
    if (content === '') start = i
    content = content === '' ? line.trimEnd() : `${content} ${line.trim()}`
    depth += bracketsOf(line)
    if (depth > 0) continue
    yield { content, indent: content.length - content.trimStart().length, number: start + 1 }
    content = ''
    depth = 0
  }
  if (content !== '') yield { content, indent: content.length - content.trimStart().length, number: start + 1 }
}

/** Brackets opened less brackets closed, outside texts. */
function bracketsOf(line: string): number {
  let depth = 0
  for (const character of line.replace(/"(?:[^"\\]|\\.)*"/g, '')) {
    if ('([{'.includes(character)) depth++
    if (')]}'.includes(character)) depth--
  }
  return depth
}

const headerWords = ['ir', 'version', 'producer_version', 'producer', 'domain'] as const

function readHeader(model: Model, { head, body }: Block): void {
  model.opsets.clear()
  while (!head.atEnd()) {
    if (readOpset(head, model.opsets)) continue
    const word = headerWords.find((candidate) => head.takesWord(candidate)) ?? head.fail(`opset or one of ${headerWords.join(', ')}`)
    head.take('=')
    if (word === 'ir') model.irVersion = head.integer()
    else if (word === 'version') model.modelVersion = intOf(head.number())
    else model[({ producer: 'producerName', producer_version: 'producerVersion', domain: 'domain' } as const)[word]] = head.string()
  }
  for (const note of body) if (!readNote(model, note, model.metadata)) note.head.fail('doc or metadata')
}

/** `opset=21` or `opset:domain=1`; the scanner takes `opset:domain` as one name. */
function readOpset(head: Scanner, opsets: Map<string, number>): boolean {
  let domain = ''
  if (head.takes('opset:')) domain = head.name()
  else if (!head.takesWord('opset')) return false
  head.take('=')
  opsets.set(domain, head.integer())
  return true
}

/** A graph's signature and body, after the word `graph`. */
function readGraphBlock({ head, body }: Block): Graph {
  const graph = emptyGraph(head.name())
  head.take('(')
  graph.inputs = head.list(')', () => readValue(head))
  head.take('->')
  head.take('(')
  graph.outputs = head.list(')', () => readValue(head))
  for (const block of body) readStatement(graph, block)
  return graph
}

function readStatement(graph: Graph, block: Block): void {
  const { head } = block
  if (readNote(graph, block) || readValueLine(graph.values, block)) return
  if (head.takesKeyword('input')) readAbout(graph.inputs, block)
  else if (head.takesKeyword('output')) readAbout(graph.outputs, block)
  else if (head.takesKeyword('quantization')) readQuantization(graph, head)
  else readDefinition(graph, block)
}

/** An initializer, `w: float32[2] = {1, 2}`, or a node. */
function readDefinition(graph: Graph, block: Block): void {
  const { head } = block
  const outputs = readOutputs(head)
  head.take('=')
  const [first] = outputs
  const sparse = head.sparse()
  if (sparse !== undefined) {
    graph.sparseInitializers ??= new Map()
    graph.sparseInitializers.set(first!.name, sparse)
    head.end()
  } else if (head.sees('{') || head.sees('#') || head.sees('hex"')) {
    graph.initializers.set(first!.name, head.elements(first!.type))
    head.end()
  } else graph.nodes.push(readNode(outputs, graph.values, block))
}

function readFunction({ head, body }: Block): FunctionDefinition {
  const { domain, op } = head.operator()
  head.take('(')
  const inputs = head.list(')', () => head.name())
  head.take('->')
  head.take('(')
  const outputs = head.list(')', () => head.name())
  const definition: FunctionDefinition = {
    ...{ name: op, domain, inputs, outputs, attributes: [], defaults: new Map(), nodes: [] },
    ...{ opsets: new Map(), values: new Map() },
  }
  while (!head.atEnd()) {
    if (readOpset(head, definition.opsets)) continue
    if (head.takesWord('overload')) {
      head.take('=')
      definition.overload = head.string()
      continue
    }
    head.take('{')
    head.list('}', () => {
      const name = head.name()
      if (head.takes('=')) definition.defaults.set(name, readAttribute(head))
      else definition.attributes.push(name)
    })
  }
  for (const block of body) {
    if (readNote(definition, block) || readValueLine(definition.values, block)) continue
    if (readSubgraph(definition.defaults, block)) continue
    const values = readOutputs(block.head)
    block.head.take('=')
    definition.nodes.push(readNode(values, definition.values, block))
  }
  return definition
}

function readOutputs(head: Scanner): Value[] {
  return head.takes('(') ? head.list(')', () => readValue(head, true)) : [readValue(head, true)]
}

function readValue(head: Scanner, optional = false): Value {
  const name = optional ? head.argument() : head.name()
  if (!head.takes(':')) return { name }
  const type = head.type()
  return type === undefined ? { name } : { name, type }
}

function readNode(outputs: readonly Value[], values: Map<string, Value>, { head, body }: Block): Node {
  for (const value of outputs) if (value.type !== undefined) values.set(value.name, { ...values.get(value.name), ...value })
  const { domain, op } = head.operator()
  head.take('(')
  const inputs = head.list(')', () => head.argument())
  const names = outputs.map((value) => value.name)
  const node: Node = { op, domain, name: names[0] ?? '', inputs, outputs: names, attributes: new Map() }
  if (head.takesWord('overload')) {
    head.take('=')
    node.overload = head.string()
  }
  if (head.takes('{'))
    head.list('}', () => {
      const name = head.name()
      head.take('=')
      node.attributes.set(name, readAttribute(head))
    })
  if (head.sees('"')) node.name = head.string()
  head.end()
  for (const block of body)
    if (!readNote(node, block) && !readSubgraph(node.attributes, block)) block.head.fail('doc, metadata or a subgraph')
  return node
}

/** `then_branch: graph …` or `branches[0]: graph …`, with the attribute's doc after it. */
function readSubgraph(attributes: Map<string, Attribute>, block: Block): boolean {
  const { head } = block
  if (!/^\s*(?:"(?:[^"\\]|\\.)*"|[^\s"]+?)(?:\[\d+\])?: graph /.test(head.text)) return false
  const name = head.name()
  const listed = head.takes('[')
  if (listed) {
    head.integer()
    head.take(']')
  }
  head.take(':')
  head.take('graph')
  const value = readGraphBlock(block)
  const doc = head.takesWord('doc') ? { doc: head.string() } : {}
  head.end()
  const known = attributes.get(name)
  if (!listed) attributes.set(name, { type: 'graph', value, ...doc })
  else attributes.set(name, { type: 'graphs', value: [...(known?.type === 'graphs' ? known.value : []), value], ...doc })
  return true
}

function readAttribute(head: Scanner): Attribute {
  const attribute = readAttributeValue(head)
  return head.takesWord('doc') ? { ...attribute, doc: head.string() } : attribute
}

const itemTypes = ['float', 'int', 'string', 'tensor', 'graph', 'sparseTensor', 'valueType'] as const
const listTypes = ['floats', 'ints', 'strings', 'tensors', 'graphs', 'sparseTensors', 'valueTypes'] as const
const referable = [...itemTypes, ...listTypes]

function readAttributeValue(head: Scanner): Attribute {
  for (const type of listTypes) if (head.takes(`${type}[]`)) return { type, value: [] }
  if (head.takes('@')) {
    const value = head.name()
    if (!head.takesWord('as')) return { type: 'reference', value, of: 'undefined' }
    return { type: 'reference', value, of: referable.find((type) => head.takesWord(type)) ?? head.fail('the type of an attribute') }
  }
  if (!head.takes('[')) return readItem(head)
  const items = head.list(']', () => readItem(head))
  return listOf(items, head)
}

type Item = Extract<Attribute, { type: 'float' | 'int' | 'string' | 'tensor' | 'sparseTensor' | 'valueType' }>

function readItem(head: Scanner): Item {
  if (head.sees('"') || head.sees('hex"')) return { type: 'string', value: head.stringOrBytes() }
  if (head.takes('type(')) {
    const value = head.type()
    head.take(')')
    return { type: 'valueType', value }
  }
  const sparse = head.sparse()
  if (sparse !== undefined) return { type: 'sparseTensor', value: sparse }
  if (!/^\s*-?(?:\d|inf\b|nan\b)/.test(head.rest)) return { type: 'tensor', value: head.tensor() }
  const text = head.number()
  return isReal(text) ? { type: 'float', value: Math.fround(realOf(text)) } : { type: 'int', value: intOf(text) }
}

function listOf(items: readonly Item[], head: Scanner): Attribute {
  const { type } = items[0] ?? head.fail('an element; empty lists are written as ints[]')
  if (items.some((item) => item.type !== type)) head.fail('elements of one type before this')
  // All items are of the first one's type, which pairs each list with its type.
  return { type: `${type}s`, value: items.map((item) => item.value) } as unknown as Attribute
}

function intOf(text: string): number | bigint {
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : BigInt(text)
}

interface Noted {
  doc?: string
  metadata?: Map<string, string>
}

/** `doc "…"` or `metadata "key" = "value"`. */
function readNote(owner: Noted, { head }: Block, metadata?: Map<string, string>): boolean {
  if (head.takesKeyword('doc')) {
    owner.doc = head.string()
    head.end()
    return true
  }
  if (!head.takesKeyword('metadata')) return false
  const key = head.string()
  head.take('=')
  owner.metadata ??= metadata ?? new Map()
  owner.metadata.set(key, head.string())
  head.end()
  return true
}

/** `value h: float32[2]`, or only `value h` with notes under it for one whose type stands elsewhere. */
function readValueLine(values: Map<string, Value>, block: Block): boolean {
  const { head } = block
  if (!head.takesKeyword('value')) return false
  const value = readValue(head)
  head.end()
  const known = { ...values.get(value.name), ...value }
  for (const note of block.body) if (!readNote(known, note)) note.head.fail('doc or metadata')
  values.set(value.name, known)
  return true
}

function readAbout(values: readonly Value[], { head, body }: Block): void {
  const name = head.name()
  const value = values.find((candidate) => candidate.name === name) ?? head.fail(`a value of the signature before this, not ${name}`)
  for (const note of body) if (!readNote(value, note)) note.head.fail('doc or metadata')
}

function readQuantization(graph: Graph, head: Scanner): void {
  const name = head.name()
  head.take('{')
  const entries = head.list('}', () => {
    const key = head.string()
    head.take('=')
    return [key, head.string()] as const
  })
  graph.quantization ??= new Map()
  graph.quantization.set(name, new Map(entries))
}
