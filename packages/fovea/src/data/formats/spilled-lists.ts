// Lists by whole numbers that may be longer than memory: the annotations of each picture, while a file tells them in any order.

import { appendFileSync, mkdtempSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { FoveaError } from '../../util/errors.ts'
import { writeError } from '../files.ts'

/** So many lists are brought back at once. */
const blockLists = 8192

/** What is held before it goes to the disk, in bytes of the text that it was read from: a few times as much as objects. */
const defaultMaxHeld = 48_000_000

/** Values that are added in any order and come back by number, each list in the order of its values. Values are plain data, as JSON holds it. */
export class SpilledLists<T> {
  readonly #scratch: string | undefined
  readonly #maxHeld: number
  readonly #held = new Map<number, [list: number, value: T][]>()
  readonly #onDisk = new Set<number>()
  #folder: string | undefined
  #bytes = 0

  /** @param scratch a folder for what does not fit in memory; who made it removes it. Without it, all is held. */
  constructor(scratch?: string, maxHeld = defaultMaxHeld) {
    this.#scratch = scratch
    this.#maxHeld = maxHeld
  }

  /** @param bytes about how long the value is as text @throws FILE_WRITE */
  add(list: number, value: T, bytes: number): void {
    const block = Math.floor(list / blockLists)
    const held = this.#held.get(block)
    if (held === undefined) this.#held.set(block, [[list, value]])
    else held.push([list, value])
    this.#bytes += bytes
    if (this.#bytes > this.#maxHeld && this.#scratch !== undefined) this.#spill(this.#scratch)
  }

  /** Every list that has a value, by number. May be iterated again. */
  *lists(): Iterable<[list: number, values: T[]]> {
    const blocks = [...new Set([...this.#held.keys(), ...this.#onDisk])].sort((a, b) => a - b)
    for (const block of blocks) {
      const lists = new Map<number, T[]>()
      for (const [list, value] of this.#valuesOf(block)) {
        const values = lists.get(list)
        if (values === undefined) lists.set(list, [value])
        else values.push(value)
      }
      yield* [...lists].sort(([a], [b]) => a - b)
    }
  }

  *#valuesOf(block: number): Iterable<[list: number, value: T]> {
    // Line by line, since a block may be longer than a string can be.
    if (this.#onDisk.has(block)) for (const line of linesOf(readFileSync(this.#fileOf(block)))) yield JSON.parse(line) as [number, T]
    yield* this.#held.get(block) ?? []
  }

  #fileOf(block: number): string {
    return join(this.#folder!, `${block}.jsonl`)
  }

  #spill(scratch: string): void {
    try {
      this.#folder ??= mkdtempSync(join(scratch, 'lists-'))
      for (const [block, values] of this.#held) {
        for (let i = 0; i < values.length; i += 1000)
          appendFileSync(
            this.#fileOf(block),
            values
              .slice(i, i + 1000)
              .map((one) => `${JSON.stringify(one)}\n`)
              .join(''),
          )
        this.#onDisk.add(block)
      }
    } catch (cause) {
      if (cause instanceof FoveaError) throw cause
      throw writeError(this.#folder ?? scratch, cause)
    }
    this.#held.clear()
    this.#bytes = 0
  }
}

function* linesOf(bytes: Buffer): Iterable<string> {
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(0x0a, at)
    yield bytes.toString('utf8', at, end)
    at = end + 1
  }
}
