// The classes of a data set while it is being read: declared by a list, or met one after another.

import type { LabelClass, LabelledPicture, LabelledSet } from '../../vision/labelled-set.ts'
import { compareText } from '../dataset.ts'
import type { ReadContext } from './read-context.ts'

export class Labels {
  readonly classes: LabelClass[] = []
  readonly #context: ReadContext
  readonly #byName = new Map<string, number>()
  #declared = false

  constructor(context: ReadContext) {
    this.#context = context
    if (context.options.classes !== undefined) this.declare(context.options.classes.map((name) => ({ name })))
  }

  /** Whether the classes are known beforehand. */
  get declared(): boolean {
    return this.#declared
  }

  /** Fixes the classes and their order; the first list counts. */
  declare(classes: readonly LabelClass[]): void {
    if (this.#declared) return
    this.#declared = true
    for (const one of classes) if (!this.#byName.has(one.name)) this.#add(one)
  }

  /** The index of a class; -1, and a problem, where a list was declared without it. */
  of(name: string, file: string): number {
    const known = this.#byName.get(name)
    if (known !== undefined) return known
    if (!this.#declared) return this.#add({ name })
    this.#context.report('unknown-class', file, `class "${name.slice(0, 100)}"`)
    return -1
  }

  #add(one: LabelClass): number {
    this.#byName.set(one.name, this.classes.length)
    return this.classes.push(one) - 1
  }

  /** The data set; where no list was declared, with its classes sorted by name, so that the order of files does not matter. */
  sortedByName(pictures: readonly LabelledPicture[]): LabelledSet {
    if (this.#declared) return { classes: this.classes, pictures }
    const order = this.classes.map((_, i) => i).sort((a, b) => compareText(this.classes[a]!.name, this.classes[b]!.name))
    const place = new Map(order.map((from, to) => [from, to]))
    const move = (label: number) => place.get(label) ?? label
    return {
      classes: order.map((from) => this.classes[from]!),
      pictures: pictures.map((picture) => ({
        ...picture,
        labels: picture.labels.map(move),
        annotations: picture.annotations.map((annotation) => ({ ...annotation, label: move(annotation.label) })),
      })),
    }
  }
}
