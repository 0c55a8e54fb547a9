// Which names a graph has defined so far, and those around it.

import type { Node } from './model.ts'

export class Scope {
  readonly #nodes: readonly Node[]
  readonly #outer: Scope | undefined
  readonly #names = new Set<string>()
  #produced: Set<string> | undefined

  /** @param nodes of the graph, to tell names that come later from those that never come */
  constructor(nodes: readonly Node[], outer: Scope | undefined) {
    this.#nodes = nodes
    this.#outer = outer
  }

  define(name: string): void {
    this.#names.add(name)
  }

  /** True when the name is defined here or around. */
  has(name: string): boolean {
    return this.#names.has(name) || (this.#outer?.has(name) ?? false)
  }

  /** True when some node of this graph, or of one around it, produces the name. */
  definesLater(name: string): boolean {
    this.#produced ??= new Set(this.#nodes.flatMap((node) => node.outputs))
    return this.#produced.has(name) || (this.#outer?.definesLater(name) ?? false)
  }
}
