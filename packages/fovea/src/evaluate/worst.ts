// The worst pictures of an evaluation: few are kept, whatever the number that is looked at.

import type { Image } from '../vision/image.ts'
import type { EvaluationSample, Outcome, TaskRecords } from './records/records.ts'

/** A picture that went wrong, or nearly. */
export interface WorstPicture extends Outcome {
  readonly name: string
  /** Its place in the records. */
  readonly picture: number
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

  /** @param picture Its place in the records. */
  add(picture: number, { name, file, image, width, height }: EvaluationSample, outcome: Outcome): void {
    const list = this.#kinds.get(outcome.kind) ?? []
    this.#kinds.set(outcome.kind, list)
    if (this.#limit === 0 || (list.length === this.#limit && outcome.badness <= list.at(-1)!.badness)) return
    const worst: WorstPicture = {
      ...outcome,
      picture,
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

  /** Worst first, mistakes before near misses, the kinds of mistakes in turn. What is a mistake only once all is known, the records tell. */
  list(records: TaskRecords): WorstPicture[] {
    const lists = [...this.#kinds.values()].map((kept) => {
      const list = kept.map((one) => ({ ...one, ...records.judge?.(one.picture) }))
      return [...list.filter(({ isMistake }) => isMistake), ...list.filter(({ isMistake }) => !isMistake)]
    })
    const turns = Math.max(0, ...lists.map((list) => list.length))
    const inTurn = Array.from({ length: turns }, (_, i) => lists.flatMap((list) => list[i] ?? [])).flat()
    return inTurn.sort((a, b) => Number(b.isMistake) - Number(a.isMistake)).slice(0, this.#limit)
  }
}
