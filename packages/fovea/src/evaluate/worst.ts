// The worst pictures of an evaluation: few are kept, whatever the number that is looked at.

import type { Image } from '../vision/image.ts'
import type { EvaluationSample, Outcome } from './records/records.ts'

/** A picture that went wrong, or nearly. */
export interface WorstPicture extends Outcome {
  readonly name: string
  readonly file?: string
  readonly image?: Image
  readonly width?: number
  readonly height?: number
}

export class WorstPictures {
  readonly #limit: number
  readonly #kinds = new Map<string, WorstPicture[]>()

  constructor(limit: number) {
    this.#limit = limit
  }

  add({ name, file, image, width, height }: EvaluationSample, outcome: Outcome): void {
    const list = this.#kinds.get(outcome.kind) ?? []
    this.#kinds.set(outcome.kind, list)
    if (this.#limit === 0 || (list.length === this.#limit && outcome.badness <= list.at(-1)!.badness)) return
    const worst: WorstPicture = {
      ...outcome,
      name,
      ...(file === undefined ? {} : { file }),
      ...(image === undefined ? {} : { image }),
      ...(width === undefined ? {} : { width }),
      ...(height === undefined ? {} : { height }),
    }
    const after = list.findIndex(({ badness }) => badness < outcome.badness)
    list.splice(after < 0 ? list.length : after, 0, worst)
    if (list.length > this.#limit) list.pop()
  }

  /** Worst first, mistakes before near misses, the kinds of mistakes in turn. */
  list(): WorstPicture[] {
    const lists = [...this.#kinds.values()].map((list) => [
      ...list.filter(({ isMistake }) => isMistake),
      ...list.filter(({ isMistake }) => !isMistake),
    ])
    const turns = Math.max(0, ...lists.map((list) => list.length))
    return Array.from({ length: turns }, (_, i) => lists.flatMap((list) => list[i] ?? []))
      .flat()
      .slice(0, this.#limit)
  }
}
