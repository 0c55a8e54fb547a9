// Anomaly detection: AUROC and best F1 of pictures and of pixels, and the per-region overlap (Bergmann et al. 2021, MVTec AD, section 5).

import { FoveaError } from '../../util/errors.ts'
import { GatheringMetric } from './gathering.ts'
import { type MetricState, objectOf, objectsOf } from './metric.ts'
import { areaUnderRoc, averagePrecisionOf, type BestF1, bestF1, countScores, type ScoreCounts } from './ranking.ts'
import { connectedRegions } from './regions.ts'

export interface AnomalyPicture {
  /** Of the picture as a whole: the higher, the odder. */
  readonly score: number
  readonly isAnomalous: boolean
  /** Of each pixel, row by row. Left out, the figures of pixels leave this picture out. */
  readonly map?: ArrayLike<number>
  /** What is odd, not 0, in the size of `map`. Left out, nothing is; an anomalous picture with a map needs it. */
  readonly mask?: ArrayLike<number>
  /** Needed with `map`. */
  readonly width?: number
  readonly height?: number
}

/** NaN where there is nothing of one kind. */
export interface AnomalyReport {
  readonly imageAuroc: number
  readonly imageAveragePrecision: number
  readonly imageF1: BestF1
  readonly pixelAuroc: number
  readonly pixelAveragePrecision: number
  readonly pixelF1: BestF1
  /** Mean part of each odd region that is found, over the part of sound pixels that is taken for odd, up to the limit, as a part of the most. */
  readonly aupro: number
}

export interface AnomalyOptions {
  /** The largest part of sound pixels taken for odd that counts in `aupro`. @default 0.3 */
  readonly falsePositiveLimit?: number
}

interface AnomalyLists extends Record<string, number[]> {
  imageScores: number[]
  imageTruths: number[]
  /** What lies at one pixel score. */
  pixelScores: number[]
  sound: number[]
  odd: number[]
  /** Odd pixels, each as a part of its region. */
  parts: number[]
}

/**
 * Scores of pictures are kept as they are. Scores of pixels are counted by value after rounding to 16 significant bits (one part in 65,536), since a
 * data set has too many to keep: maps of 8 or 16 bits lose nothing, others move a figure by no more than swapping such neighbours would.
 */
export class AnomalyMetric extends GatheringMetric<readonly AnomalyPicture[], AnomalyReport, AnomalyLists> {
  readonly falsePositiveLimit: number
  /** Pixels that are not in the lists yet. */
  readonly #pixels = new ScoreTable()

  /** @throws FoveaError METRIC_INVALID for a limit outside 0 to 1 */
  constructor(options: AnomalyOptions = {}) {
    const { falsePositiveLimit = 0.3 } = objectOf(options, 'options')
    if (!(falsePositiveLimit > 0 && falsePositiveLimit <= 1))
      throw new FoveaError('METRIC_INVALID', {
        field: 'falsePositiveLimit',
        expected: 'above 0, at most 1',
        found: String(falsePositiveLimit),
      })
    const [images, pixels] = ['column of images', 'column of pixels'] as const
    super(
      `anomalies, false positives up to ${falsePositiveLimit}`,
      () => ({ imageScores: [], imageTruths: [], pixelScores: [], sound: [], odd: [], parts: [] }),
      { imageScores: images, imageTruths: images, pixelScores: pixels, sound: pixels, odd: pixels, parts: pixels },
    )
    this.falsePositiveLimit = falsePositiveLimit
  }

  /** @throws FoveaError METRIC_INVALID; pictures before the faulty one are counted */
  update(pictures: readonly AnomalyPicture[]): void {
    for (const picture of objectsOf(pictures, 'pictures')) {
      if (!Number.isFinite(picture.score))
        throw new FoveaError('METRIC_INVALID', { field: 'score', expected: 'a finite number', found: String(picture.score) })
      if (picture.map !== undefined) this.#addPixels(picture, picture.map)
      this.lists.imageScores.push(picture.score)
      this.lists.imageTruths.push(picture.isAnomalous ? 1 : 0)
    }
  }

  override get state(): MetricState {
    this.#gather()
    return super.state
  }

  /** Odd and sound pixels by their scores, which are rounded to 16 significant bits; empty where no picture came with a map. */
  get pixels(): ScoreCounts {
    this.#gather()
    const { pixelScores, sound, odd } = this.lists
    return { scores: [...pixelScores], positives: [...odd], negatives: [...sound] }
  }

  compute(): AnomalyReport {
    const { imageScores, imageTruths, sound, parts } = this.lists
    const images = countScores(imageScores, (i) => imageTruths[i] === 1)
    const { pixels } = this
    return {
      imageAuroc: areaUnderRoc(images),
      imageAveragePrecision: averagePrecisionOf(images),
      imageF1: bestF1(images),
      pixelAuroc: areaUnderRoc(pixels),
      pixelAveragePrecision: averagePrecisionOf(pixels),
      pixelF1: bestF1(pixels),
      aupro: regionOverlap(sound, parts, this.falsePositiveLimit),
    }
  }

  override reset(): void {
    super.reset()
    this.#pixels.clear()
  }

  #addPixels({ mask, width = 0, height = 0, isAnomalous }: AnomalyPicture, map: ArrayLike<number>): void {
    if (map.length !== width * height || (mask !== undefined && mask.length !== map.length))
      throw new FoveaError('METRIC_INVALID', {
        field: 'map, mask',
        expected: `${width}x${height} pixels`,
        found: [map.length, ...(mask ? [mask.length] : [])].join(', '),
      })
    if (isAnomalous && mask === undefined)
      throw new FoveaError('METRIC_INVALID', { field: 'mask', expected: 'a mask of what is odd', found: 'none' })
    for (let i = 0; i < map.length; i++)
      if (!Number.isFinite(map[i]))
        throw new FoveaError('METRIC_INVALID', { field: `map[${i}]`, expected: 'a finite number', found: String(map[i]) })
    const { labels, areas } = connectedRegions(mask ?? [], width, height)
    for (let i = 0; i < map.length; i++) {
      const region = labels[i]!
      if (region === 0) this.#pixels.add(rounded(map[i]!), 1, 0, 0)
      else this.#pixels.add(rounded(map[i]!), 0, 1, 1 / areas[region - 1]!)
    }
  }

  /** Puts all pixels into the lists: one entry for each score, the highest first. */
  #gather(): void {
    const { pixelScores, sound, odd, parts } = this.lists
    for (let i = 0; i < pixelScores.length; i++) this.#pixels.add(pixelScores[i]!, sound[i]!, odd[i]!, parts[i]!)
    for (const list of [pixelScores, sound, odd, parts]) list.length = 0
    this.#pixels.appendTo(this.lists)
    this.#pixels.clear()
  }
}

/** Sums for each score: a table that is open to all numbers and holds no objects, since every pixel of a data set passes through it. */
class ScoreTable {
  #size = 0
  #bits = 10
  /** A score in each slot that is used, else NaN. */
  #scores = new Float64Array(2 ** this.#bits).fill(Number.NaN)
  #sums = new Float64Array(3 * 2 ** this.#bits)
  readonly #number = new Float64Array(1)
  readonly #words = new Uint32Array(this.#number.buffer)

  add(score: number, sound: number, odd: number, parts: number): void {
    const slot = this.#slot(score)
    this.#sums[3 * slot]! += sound
    this.#sums[3 * slot + 1]! += odd
    this.#sums[3 * slot + 2]! += parts
  }

  /** One entry for each score, the highest first. */
  appendTo(lists: AnomalyLists): void {
    const rising = this.#scores.filter((score) => !Number.isNaN(score)).sort()
    for (let i = rising.length - 1; i >= 0; i--) {
      const slot = this.#slot(rising[i]!)
      lists.pixelScores.push(rising[i]!)
      lists.sound.push(this.#sums[3 * slot]!)
      lists.odd.push(this.#sums[3 * slot + 1]!)
      lists.parts.push(this.#sums[3 * slot + 2]!)
    }
  }

  clear(): void {
    this.#allocate(10)
  }

  /** Where the score is, or is put: found by hashing (Fibonacci's, by Knuth 1998, section 6.4), then looking on. */
  #slot(score: number): number {
    // Zero has two signs and one meaning.
    this.#number[0] = score === 0 ? 0 : score
    const mask = this.#scores.length - 1
    const hash = Math.imul(this.#words[0]! ^ Math.imul(this.#words[1]!, 0x85ebca6b), 0x9e3779b1) >>> (32 - this.#bits)
    for (let slot = hash; ; slot = (slot + 1) & mask) {
      const found = this.#scores[slot]!
      if (found === score) return slot
      if (!Number.isNaN(found)) continue
      if (2 * this.#size >= this.#scores.length) {
        this.#grow()
        return this.#slot(score)
      }
      this.#size++
      this.#scores[slot] = this.#number[0]!
      return slot
    }
  }

  #grow(): void {
    const [scores, sums] = [this.#scores, this.#sums]
    this.#allocate(this.#bits + 1)
    scores.forEach((score, i) => {
      if (!Number.isNaN(score)) this.add(score, sums[3 * i]!, sums[3 * i + 1]!, sums[3 * i + 2]!)
    })
  }

  #allocate(bits: number): void {
    this.#size = 0
    this.#bits = bits
    this.#scores = new Float64Array(2 ** bits).fill(Number.NaN)
    this.#sums = new Float64Array(3 * 2 ** bits)
  }
}

/** To 16 significant bits, so that at most a few hundred thousand values differ between 0 and 1. */
function rounded(score: number): number {
  // Veltkamp's splitting: adding and taking away a multiple drops the low 37 of 53 bits. Too large a number stays as it is.
  const far = score * (2 ** 37 + 1)
  return Number.isFinite(far) ? far - (far - score) : score
}

/** The area under the mean part of regions found, over the part of sound pixels taken for odd, up to a limit. */
function regionOverlap(sound: readonly number[], parts: readonly number[], limit: number): number {
  const total = (list: readonly number[]) => list.reduce((sum, value) => sum + value, 0)
  const [allSound, regions] = [total(sound), total(parts)]
  if (allSound === 0 || regions === 0) return Number.NaN
  let [x, y, area] = [0, 0, 0]
  for (let i = 0; i < sound.length && x < limit; i++) {
    const [nextX, nextY] = [x + sound[i]! / allSound, y + parts[i]! / regions]
    const end = Math.min(nextX, limit)
    const endY = nextX > limit ? y + ((nextY - y) * (limit - x)) / (nextX - x) : nextY
    area += ((end - x) * (y + endY)) / 2
    x = nextX
    y = nextY
  }
  return area / limit
}
