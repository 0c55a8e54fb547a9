// Every DICOM file of the reference set: pixels equal to the stored hashes, or refused for the stated reason.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadImage } from '../../src/data/decode.ts'
import { type DicomPixels, readDicom } from '../../src/data/dicom/read-dicom.ts'
import { isFoveaError } from '../../src/util/errors.ts'
import { describeWithData } from '../shared-data.ts'

interface Reference {
  /** Of the array's bytes in its own byte order, colours as RGB; missing where the file holds no pixels or the reference reads none. */
  readonly sha256?: string
  /** numpy's name: `>i2` is big endian. */
  readonly dtype?: string
}

function hash({ data }: DicomPixels, dtype = ''): string {
  const bytes = Buffer.from(data.slice().buffer)
  if (dtype.startsWith('>')) data.BYTES_PER_ELEMENT === 4 ? bytes.swap32() : bytes.swap16()
  return createHash('sha256').update(bytes).digest('hex')
}

async function outcomeOf(path: string, reference: Reference): Promise<string> {
  try {
    const pixels = await readDicom(path)
    const [frames, rows, columns] = pixels.shape
    for (const page of [0, frames - 1]) {
      const image = await loadImage(path, { page })
      expect([image.height, image.width, image.channels], path).toEqual([rows, columns, 3])
    }
    return reference.sha256 === undefined
      ? 'read without a reference'
      : hash(pixels, reference.dtype) === reference.sha256
        ? 'equal'
        : 'different'
  } catch (error) {
    if (!isFoveaError(error)) throw error
    expect(error.details.file, path).toBe(path)
    return `${reference.sha256 === undefined ? 'no reference' : 'reference'}, ${error.code}`
  }
}

describeWithData('DICOM reference files', 'dicom', (folder) => {
  test('87 of 93 reference hashes are equal, the other 6 are JPEG 2000, and 99 files without a hash are refused by coded errors', async () => {
    const references = JSON.parse(readFileSync(join(folder, 'expected_pixels_pydicom3.json'), 'utf8')) as Record<string, Reference>
    const counts: Record<string, number> = {}
    const others: Record<string, string> = {}
    for (const [file, reference] of Object.entries(references)) {
      const outcome = await outcomeOf(join(folder, file), reference)
      counts[outcome] = (counts[outcome] ?? 0) + 1
      if (!/^equal|NO_PIXELS|TRANSFER_SYNTAX/.test(outcome)) others[file] = outcome
    }
    expect(counts).toEqual({
      equal: 87,
      'reference, DATA_TRANSFER_SYNTAX': 6,
      'no reference, DATA_TRANSFER_SYNTAX': 10,
      'no reference, DATA_NO_PIXELS': 80,
      'no reference, DATA_UNSUPPORTED_FORMAT': 4,
      'no reference, DATA_TRUNCATED': 3,
      'no reference, DATA_UNREADABLE_IMAGE': 2,
    })
    expect(others).toMatchInlineSnapshot(`
      {
        "test_files/ExplVR_BigEndNoMeta.dcm": "no reference, DATA_UNSUPPORTED_FORMAT",
        "test_files/ExplVR_LitEndNoMeta.dcm": "no reference, DATA_UNSUPPORTED_FORMAT",
        "test_files/MR_truncated.dcm": "no reference, DATA_TRUNCATED",
        "test_files/badVR.dcm": "no reference, DATA_UNREADABLE_IMAGE",
        "test_files/dicomdirtests/DICOMDIR-nooffset": "no reference, DATA_TRUNCATED",
        "test_files/meta_missing_tsyntax.dcm": "no reference, DATA_UNREADABLE_IMAGE",
        "test_files/no_meta.dcm": "no reference, DATA_UNSUPPORTED_FORMAT",
        "test_files/rtplan_truncated.dcm": "no reference, DATA_TRUNCATED",
        "test_files/rtstruct.dcm": "no reference, DATA_UNSUPPORTED_FORMAT",
      }
    `)
  })
})
