// COCO's compressed form of run lengths: text of six bits a letter, each count from the third on less the one before the last.

import { FoveaError } from '../util/errors.ts'
import { said } from '../util/said.ts'
import type { RunLengths } from './annotation.ts'
import { checkRunLengths } from './run-lengths.ts'

const firstLetter = 48

/** The text that pycocotools' `encode` gives as `counts`. @throws FoveaError MASK_INVALID */
export function toRunLengthText(mask: RunLengths): string {
  const { counts } = checkRunLengths(mask)
  let text = ''
  for (let i = 0; i < counts.length; i++) {
    let rest = i > 2 ? counts[i]! - counts[i - 2]! : counts[i]!
    // Five bits a letter, low ones first; the sixth says that more follow. Division, not shifts: counts may need more than 32 bits.
    for (let more = true; more; ) {
      const low = ((rest % 32) + 32) % 32
      rest = (rest - low) / 32
      more = low & 16 ? rest !== -1 : rest !== 0
      text += String.fromCharCode((more ? low | 32 : low) + firstLetter)
    }
  }
  return text
}

/**
 * Reads what `toRunLengthText` or pycocotools wrote.
 *
 * @throws FoveaError MASK_INVALID for letters that are none of its 64, text that ends within a number, and counts that do not fill the picture
 */
export function fromRunLengthText(text: string, width: number, height: number): RunLengths {
  if (typeof text !== 'string') throw new FoveaError('MASK_INVALID', { field: 'counts', expected: 'a text', found: said(text) })
  const counts: number[] = []
  for (let at = 0; at < text.length; ) {
    let value = 0
    let scale = 1
    for (let more = true; more; scale *= 32) {
      const letter = text.charCodeAt(at) - firstLetter
      if (!(letter >= 0 && letter < 64) || scale > 2 ** 50)
        throw new FoveaError('MASK_INVALID', {
          field: `counts, letter ${at}`,
          expected: 'one of the 64 letters from "0" to "o", and numbers that end',
          found: at < text.length ? JSON.stringify(text[at]) : 'the end of the text',
        })
      more = letter >= 32
      value += (letter & 31) * scale
      if (!more && letter & 16) value -= 32 * scale
      at++
    }
    counts.push(counts.length > 2 ? value + counts[counts.length - 2]! : value)
  }
  return checkRunLengths({ width, height, counts })
}

/** COCO's compressed run lengths. */
export interface CompressedMask {
  readonly size: readonly [height: number, width: number]
  readonly counts: string
}

/** A mask as COCO's files and our JSON have it. @throws what `toRunLengthText` throws */
export function compressedMask(mask: RunLengths): CompressedMask {
  return { size: [mask.height, mask.width], counts: toRunLengthText(mask) }
}
