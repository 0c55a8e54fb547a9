// CIDEr-D of captions (Vedantam et al. 2015, section 4 and appendix), as the COCO captions server measures it.

import { type CaptionedPicture, countGrams, partCaptions } from './caption-words.ts'
import { GatheringMetric } from './gathering.ts'
import { objectsOf } from './metric.ts'

export interface CiderScores {
  /** Mean over the pictures: 0 to 10, more for runs that few pictures share. NaN where nothing was counted. */
  readonly cider: number
  readonly perPicture: readonly number[]
}

const longest = 4

/** Width of the penalty on lengths that differ, in words. */
const sigma = 6

/** Runs of words weighed by how few pictures have them: so captions are kept until the end. */
export class CiderMetric extends GatheringMetric<readonly CaptionedPicture[], CiderScores, { candidates: string[]; references: string[] }> {
  constructor() {
    super('CIDEr-D', () => ({ candidates: [], references: [] }), { candidates: 'column of captions', references: 'column of captions' })
  }

  /** @throws FoveaError METRIC_INVALID where there is no reference */
  update(pictures: readonly CaptionedPicture[]): void {
    for (const { candidate, references } of objectsOf(pictures, 'pictures').map(partCaptions)) {
      this.lists.candidates.push(JSON.stringify(candidate))
      this.lists.references.push(JSON.stringify(references))
    }
  }

  compute(): CiderScores {
    const candidates = this.lists.candidates.map((text) => gramsOf(JSON.parse(text) as string[]))
    const references = this.lists.references.map((text) => (JSON.parse(text) as string[][]).map(gramsOf))
    const pictures = new Map<string, number>()
    for (const captions of references)
      for (const gram of new Set(captions.flatMap(({ counts }) => counts.flatMap((grams) => [...grams.keys()]))))
        pictures.set(gram, (pictures.get(gram) ?? 0) + 1)
    const weight = (gram: string) => Math.log(candidates.length) - Math.log(Math.max(1, pictures.get(gram) ?? 0))
    const perPicture = candidates.map((grams, i) => {
      const own = vectorsOf(grams, weight)
      return (10 * references[i]!.reduce((sum, other) => sum + similarity(own, vectorsOf(other, weight)), 0)) / references[i]!.length
    })
    return { cider: perPicture.reduce((sum, value) => sum + value, 0) / perPicture.length, perPicture }
  }
}

interface Grams {
  /** By length of the run, from 1. */
  readonly counts: readonly Map<string, number>[]
  /** Pairs of neighbouring words: what the reference implementation takes for the length. */
  readonly length: number
}

interface Vectors {
  readonly weights: readonly Map<string, number>[]
  readonly norms: readonly number[]
  readonly length: number
}

function gramsOf(words: readonly string[]): Grams {
  return { counts: Array.from({ length: longest }, (_, n) => countGrams(words, n + 1)), length: Math.max(0, words.length - 1) }
}

function vectorsOf({ counts, length }: Grams, weight: (gram: string) => number): Vectors {
  const weights = counts.map((grams) => new Map([...grams].map(([gram, count]) => [gram, count * weight(gram)])))
  return { weights, norms: weights.map((vector) => Math.sqrt([...vector.values()].reduce((sum, value) => sum + value * value, 0))), length }
}

/** Mean over the lengths of runs of the cosine, runs of the candidate counting no more often than those of the reference. */
function similarity(candidate: Vectors, reference: Vectors): number {
  let sum = 0
  for (let n = 0; n < longest; n++) {
    let product = 0
    for (const [gram, value] of candidate.weights[n]!) {
      const other = reference.weights[n]!.get(gram) ?? 0
      product += Math.min(value, other) * other
    }
    if (product !== 0) sum += product / (candidate.norms[n]! * reference.norms[n]!)
  }
  return (sum / longest) * Math.exp(-((candidate.length - reference.length) ** 2) / (2 * sigma ** 2))
}
