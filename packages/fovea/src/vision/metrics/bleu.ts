// BLEU of captions (Papineni et al. 2002), over the whole corpus, without smoothing.

import { type CaptionedPicture, countGrams, partCaptions } from './caption-words.ts'
import { SummedMetric } from './gathering.ts'
import { objectsOf } from './metric.ts'

/** With runs of up to 1, 2, 3 and 4 words; 0 to 1. NaN where nothing was counted, 0 where nothing matches. */
export interface BleuScores {
  readonly bleu1: number
  readonly bleu2: number
  readonly bleu3: number
  readonly bleu4: number
}

const longest = 4

/** The reference whose length is nearest (the shorter of two) counts in the brevity penalty. */
export class BleuMetric extends SummedMetric<readonly CaptionedPicture[], BleuScores> {
  constructor() {
    // Matches and runs by length, then words written and words wanted.
    super('BLEU', 2 * longest + 2)
  }

  /** @throws FoveaError METRIC_INVALID where there is no reference */
  update(pictures: readonly CaptionedPicture[]): void {
    for (const picture of objectsOf(pictures, 'pictures')) {
      const { candidate, references } = partCaptions(picture)
      for (let n = 1; n <= longest; n++) {
        const known = references.map((words) => countGrams(words, n))
        for (const [gram, count] of countGrams(candidate, n)) {
          this.add(n - 1, Math.min(count, Math.max(...known.map((counts) => counts.get(gram) ?? 0))))
          this.add(longest + n - 1, count)
        }
      }
      const distance = (length: number) => Math.abs(length - candidate.length)
      const wanted = references
        .map(({ length }) => length)
        .reduce((a, b) => (distance(b) < distance(a) || (distance(b) === distance(a) && b < a) ? b : a))
      this.add(2 * longest, candidate.length)
      this.add(2 * longest + 1, wanted)
    }
  }

  compute(): BleuScores {
    const [written, wanted] = this.sums.slice(2 * longest) as [number, number]
    const penalty = written > 0 && written < wanted ? Math.exp(1 - wanted / written) : 1
    const upTo = (length: number) => {
      if (written === 0) return wanted === 0 ? Number.NaN : 0
      let product = 1
      for (let n = 0; n < length; n++) product *= this.sums[longest + n] === 0 ? 0 : this.sums[n]! / this.sums[longest + n]!
      return penalty * product ** (1 / length)
    }
    return { bleu1: upTo(1), bleu2: upTo(2), bleu3: upTo(3), bleu4: upTo(4) }
  }
}
