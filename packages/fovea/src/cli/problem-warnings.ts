// What is wrong with a data set that is used all the same, in a line.

import type { DatasetProblem } from '../data/formats/problems.ts'

/** Nothing where nothing is wrong. */
export function problemWarnings(problems: readonly DatasetProblem[], data: string): string[] {
  if (problems.length === 0) return []
  const counts = [...Map.groupBy(problems, ({ code }) => code)].map(([code, list]) => `${list.length} ${code}`)
  return [`The data set has problems, and what they concern is left out (${counts.join(', ')}): fovea data validate ${data}`]
}
