// Checks the bytes of a protobuf message before anything is built from them: after it, decoding cannot fail or run away.

import type { DescField, DescMessage } from '@bufbuild/protobuf'
import { ScalarType } from '@bufbuild/protobuf'
import { FoveaError } from '../../util/errors.ts'

export interface WireLimits {
  /** Deepest nesting of messages; a subgraph takes three levels. */
  readonly depth: number
  /** Most memory, roughly in bytes, that the objects built from the file may take; raw weights are views and cost nothing. */
  readonly structureBytes: number
}

type WireType = 0 | 1 | 2 | 5

interface FieldRule {
  readonly wireType: WireType
  /** True where several numbers may stand in one length-delimited record. */
  readonly packable: boolean
  readonly text: boolean
  readonly child: MessageRule | undefined
  /** Rough memory of one decoded element. */
  readonly cost: number
}

type MessageRule = Map<number, FieldRule>

const messageCost = 400
const unknownCost = 250
const maxMessageBytes = 2 ** 31 - 1

/**
 * Walks `bytes` as a message of `schema`: lengths stay inside their message, wire types fit the fields, text is UTF-8,
 * nesting and the memory of the decoded structure stay within limits.
 *
 * @throws FoveaError ONNX_MALFORMED, ONNX_TOO_LARGE
 */
export function checkWire(schema: DescMessage, bytes: Uint8Array, limits: WireLimits, file?: string): void {
  if (bytes.length > maxMessageBytes)
    throw new FoveaError('ONNX_TOO_LARGE', { file, expected: 'less than 2 GiB, the limit of the format', found: `${bytes.length} bytes` })
  new WireCheck(bytes, limits, file).message(ruleOf(schema), bytes.length, 1)
}

class WireCheck {
  readonly #bytes: Uint8Array
  readonly #limits: WireLimits
  readonly #file: string | undefined
  #at = 0
  #cost = 0

  constructor(bytes: Uint8Array, limits: WireLimits, file: string | undefined) {
    this.#bytes = bytes
    this.#limits = limits
    this.#file = file
  }

  message(rule: MessageRule, end: number, depth: number): void {
    if (depth > this.#limits.depth)
      throw new FoveaError('ONNX_TOO_LARGE', {
        file: this.#file,
        expected: `at most ${this.#limits.depth} levels of nesting`,
        found: `more at byte ${this.#at}`,
      })
    this.#spend(messageCost)
    while (this.#at < end) {
      const start = this.#at
      const tag = this.#varint(end)
      const number = Math.floor(tag / 8)
      const wireType = tag % 8
      if (tag > 0xffffffff || number === 0) this.#fail('a field', `field number ${number}`, start)
      const field = rule.get(number)
      if (field === undefined) {
        this.#spend(unknownCost)
        this.#skip(wireType, end, start)
      } else this.#field(field, number, wireType, end, depth, start)
    }
  }

  #field(field: FieldRule, number: number, wireType: number, end: number, depth: number, start: number): void {
    const packed = field.packable && wireType === 2
    if (wireType !== field.wireType && !packed) this.#fail(`wire type ${field.wireType} of field ${number}`, `${wireType}`, start)
    if (packed) {
      this.#packed(field, this.#length(end))
      return
    }
    this.#spend(field.cost)
    if (wireType !== 2) {
      this.#skip(wireType, end, start)
      return
    }
    const inner = this.#length(end)
    if (field.child !== undefined) this.message(field.child, inner, depth + 1)
    else if (field.text) this.#text(inner)
    else this.#at = inner
  }

  #packed(field: FieldRule, end: number): void {
    const width = field.wireType === 5 ? 4 : 8
    if (field.wireType !== 0) {
      if ((end - this.#at) % width !== 0) this.#fail(`a multiple of ${width} bytes`, `${end - this.#at}`, this.#at)
      this.#spend(((end - this.#at) / width) * field.cost)
      this.#at = end
      return
    }
    while (this.#at < end) {
      this.#varint(end)
      this.#spend(field.cost)
    }
  }

  #text(end: number): void {
    const start = this.#at
    this.#spend(end - start)
    let at = start
    while (at < end && this.#bytes[at]! < 0x80) at++
    if (at < end)
      try {
        strictText.decode(this.#bytes.subarray(at, end))
      } catch {
        this.#fail('text in UTF-8', 'other bytes', start)
      }
    this.#at = end
  }

  #skip(wireType: number, end: number, start: number): void {
    if (wireType === 0) this.#varint(end)
    else if (wireType === 1) this.#advance(8, end)
    else if (wireType === 2) this.#at = this.#length(end)
    else if (wireType === 5) this.#advance(4, end)
    else this.#fail('a wire type that ONNX uses', `${wireType}`, start)
  }

  /** Reads the length of a record and returns where the record ends. */
  #length(end: number): number {
    const start = this.#at
    const length = this.#varint(end)
    if (length > end - this.#at) this.#fail(`at most ${end - this.#at} bytes left in this message`, `a length of ${length}`, start)
    return this.#at + length
  }

  #advance(count: number, end: number): void {
    if (count > end - this.#at) this.#fail(`${count} more bytes`, `${end - this.#at}`, this.#at)
    this.#at += count
  }

  /** Up to ten bytes, seven bits each; the value is exact below 2^53. */
  #varint(end: number): number {
    const start = this.#at
    let value = 0
    let scale = 1
    for (let i = 0; i < 10 && this.#at < end; i++) {
      const byte = this.#bytes[this.#at++]!
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
      scale *= 128
    }
    return this.#fail('a number', this.#at < end ? 'more than ten bytes' : 'the end of the message', start)
  }

  #spend(cost: number): void {
    this.#cost += cost
    if (this.#cost > this.#limits.structureBytes)
      throw new FoveaError('ONNX_TOO_LARGE', {
        file: this.#file,
        expected: `a structure of at most about ${this.#limits.structureBytes} bytes in memory (limits.structureBytes)`,
        found: `more at byte ${this.#at}`,
      })
  }

  #fail(expected: string, found: string, at: number): never {
    throw new FoveaError('ONNX_MALFORMED', { file: this.#file, expected, found: `${found} at byte ${at}` })
  }
}

const strictText = new TextDecoder('utf-8', { fatal: true })
const rules = new WeakMap<DescMessage, MessageRule>()

function ruleOf(schema: DescMessage): MessageRule {
  const known = rules.get(schema)
  if (known !== undefined) return known
  const rule: MessageRule = new Map()
  // Stored before its fields, since messages contain themselves.
  rules.set(schema, rule)
  for (const field of schema.fields) rule.set(field.number, fieldRule(field))
  return rule
}

function fieldRule(field: DescField): FieldRule {
  if (field.message !== undefined) return { wireType: 2, packable: false, text: false, child: ruleOf(field.message), cost: 0 }
  const scalar = field.fieldKind === 'list' || field.fieldKind === 'scalar' ? field.scalar : undefined
  const repeated = field.fieldKind === 'list'
  const number = (wireType: WireType, cost: number): FieldRule => ({ wireType, packable: repeated, text: false, child: undefined, cost })
  switch (scalar) {
    case ScalarType.STRING:
      return { wireType: 2, packable: false, text: true, child: undefined, cost: 48 }
    case ScalarType.BYTES:
      return { wireType: 2, packable: false, text: false, child: undefined, cost: 120 }
    case ScalarType.FLOAT:
      return number(5, 8)
    case ScalarType.DOUBLE:
      return number(1, 8)
    case ScalarType.INT32:
      return number(0, 8)
    default:
      return number(0, 32)
  }
}
