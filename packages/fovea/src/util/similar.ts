// Names like another: what a person may have meant.

/** Number of letters to insert, delete or replace to make one text of the other (Levenshtein 1966). */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1]
    for (let j = 0; j < b.length; j++) next.push(Math.min(next[j]! + 1, row[j + 1]! + 1, row[j]! + (a[i] === b[j] ? 0 : 1)))
    row = next
  }
  return row[b.length]!
}

/** The names closest to `name`, best first, letters' case aside; those that share less than half of it are left out. */
export function similarNames(name: string, names: Iterable<string>, count = 3): string[] {
  const wanted = name.toLowerCase().slice(0, 100)
  const rated = [...new Set(names)].map((candidate) => {
    const text = candidate.toLowerCase()
    const length = Math.max(wanted.length, text.length)
    const far = Math.abs(text.length - wanted.length) > length / 2
    const apart = far ? 1 : editDistance(wanted, text) / length
    // A name that holds the wanted one is near whatever its length.
    return { candidate, distance: text.includes(wanted) ? Math.min(apart, 0.3) : apart }
  })
  return rated
    .filter(({ distance }) => distance <= 0.5)
    .sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, count)
    .map(({ candidate }) => candidate)
}
