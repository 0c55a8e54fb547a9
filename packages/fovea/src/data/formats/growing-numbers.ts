// A typed array that grows: millions of numbers outside of JavaScript's heap.

type NumberArray = Float64Array | Uint32Array | Uint8Array | BigUint64Array

export class GrowingNumbers<A extends NumberArray> {
  readonly #make: new (
    length: number,
  ) => A
  #values: A
  #length = 0

  constructor(make: new (length: number) => A) {
    this.#make = make
    this.#values = new make(16)
  }

  get length(): number {
    return this.#length
  }

  push(value: A[number]): void {
    if (this.#length === this.#values.length) {
      const larger = new this.#make(2 * this.#length)
      larger.set(this.#values as never)
      this.#values = larger
    }
    ;(this.#values as { [index: number]: A[number] })[this.#length++] = value
  }

  /** A copy of all of them. */
  array(): A {
    return this.#values.slice(0, this.#length) as A
  }
}
