// ROUGE-L of captions: the longest common subsequence of words (Lin 2004), as the COCO captions server measures it.

import { type CaptionedPicture, partCaptions } from './caption-words.ts'
import { SummedMetric } from './gathering.ts'
import { objectsOf } from './metric.ts'

/** How much more recall counts than precision. */
const beta = 1.2

/** Mean over the pictures, of the F measure of the best precision and the best recall over the references; NaN where nothing was counted. */
export class RougeMetric extends SummedMetric<readonly CaptionedPicture[], number> {
  constructor() {
    super('ROUGE-L', 2)
  }

  /** @throws FoveaError METRIC_INVALID where there is no reference */
  update(pictures: readonly CaptionedPicture[]): void {
    for (const picture of objectsOf(pictures, 'pictures')) {
      const { candidate, references } = partCaptions(picture)
      let [precision, recall] = [0, 0]
      for (const reference of references) {
        const common = commonLength(candidate, reference)
        if (common === 0) continue
        precision = Math.max(precision, common / candidate.length)
        recall = Math.max(recall, common / reference.length)
      }
      this.add(0, precision === 0 ? 0 : ((1 + beta ** 2) * precision * recall) / (recall + beta ** 2 * precision))
      this.add(1, 1)
    }
  }

  compute(): number {
    return this.sums[0]! / this.sums[1]!
  }
}

/** Words of the longest common subsequence. */
function commonLength(a: readonly string[], b: readonly string[]): number {
  let row = new Uint32Array(b.length + 1)
  let next = new Uint32Array(b.length + 1)
  for (const word of a) {
    for (let j = 0; j < b.length; j++) next[j + 1] = word === b[j] ? row[j]! + 1 : Math.max(row[j + 1]!, next[j]!)
    const spare = row
    row = next
    next = spare
  }
  return row[b.length]!
}
