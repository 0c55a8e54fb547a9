// Numbers of pictures, classes and annotations in a file: those that a data set brings along, and new ones for the rest.

/** Gives each thing its id, where no other has it; the rest get the next free numbers from 1. */
export class IdMaker {
  readonly #taken = new Set<number | string>()
  readonly #most: number
  #next = 1

  /** @param most the largest number that an id may be; with it, ids are whole numbers of 1 and more */
  constructor(most?: number) {
    this.#most = most ?? Number.POSITIVE_INFINITY
  }

  /** @param changed is called where the id that was wanted is taken, or cannot be one */
  take(wanted: number | string | undefined, changed: () => void): number | string {
    if (wanted !== undefined) {
      if (!this.#taken.has(wanted) && this.#fits(wanted)) {
        this.#taken.add(wanted)
        return wanted
      }
      changed()
    }
    while (this.#taken.has(this.#next)) this.#next++
    this.#taken.add(this.#next)
    return this.#next++
  }

  #fits(id: number | string): boolean {
    return this.#most === Number.POSITIVE_INFINITY || (typeof id === 'number' && Number.isInteger(id) && id >= 1 && id <= this.#most)
  }
}

/** Ids of a whole list: those that are there first, so that no new number takes one of them. */
export function idsOf(wanted: readonly (number | string | undefined)[], changed: (i: number) => void): (number | string)[] {
  const maker = new IdMaker()
  const ids = new Array<number | string>(wanted.length)
  const seen = new Set<number | string>()
  const clashes: number[] = []
  wanted.forEach((id, i) => {
    if (id === undefined) return
    if (seen.has(id)) clashes.push(i)
    else ids[i] = maker.take(id, () => undefined)
    seen.add(id)
  })
  for (const i of clashes) changed(i)
  wanted.forEach((_, i) => {
    ids[i] ??= maker.take(undefined, () => undefined)
  })
  return ids
}
