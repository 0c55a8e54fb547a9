// A list whose items are made when they are asked for.

/**
 * A read-only array of `length` items, each made by `at` whenever it is read and not kept: for lists that would not fit in memory. Every method
 * of arrays that only reads works on it; those that copy (`map`, `filter`, `slice`, spreading) make ordinary arrays. An item read twice is two
 * objects, the list has no keys of its own (`Object.keys`), and it cannot be sent to another thread.
 */
export function lazyList<T>(length: number, at: (index: number) => T): readonly T[] {
  const indexOf = (key: string | symbol): number => {
    const index = typeof key === 'string' && /^\d+$/.test(key) ? Number(key) : -1
    return index < length ? index : -1
  }
  return new Proxy<T[]>([], {
    get: (target, key) => {
      if (key === 'length') return length
      const index = indexOf(key)
      return index < 0 ? Reflect.get(target, key) : at(index)
    },
    has: (target, key) => indexOf(key) >= 0 || Reflect.has(target, key),
    set: () => false,
    deleteProperty: () => false,
    defineProperty: () => false,
  })
}
