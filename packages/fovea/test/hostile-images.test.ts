import { expect, test } from 'vitest'
import { type HostileReport, runHostile } from './hostile-child.ts'

interface Report extends HostileReport {
  readonly sound: { readonly decoded: number; readonly all: number }
  readonly refused: Readonly<Record<string, string>>
  readonly decoded: readonly string[]
}

// In a child process, since a crash or a hang of libvips could not be caught here; the time limit is what ends a hang.
test('1,000 hostile pictures give coded errors, in bounded time and memory', { timeout: 300_000 }, () => {
  const report = runHostile<Report>('hostile-images.child.ts', 2048, 270_000, true)
  expect(report.count).toBe(1000)
  expect(report.peakMegabytes).toBeLessThan(1500)
  // The corpus is sound but for the corrupt files of PngSuite, and the mutations reach every decoder and past its first check.
  expect(report.sound.all - report.sound.decoded).toBeLessThanOrEqual(2)
  expect(report.decoded).toEqual(['avif', 'bmp', 'dicom', 'gif', 'jpeg', 'png', 'tiff', 'webp'])
  expect(report.outcomes.decoded).toBeGreaterThan(100)
  expect(Object.keys(report.outcomes).length).toBeGreaterThan(6)
  expect(report.refused).toEqual({
    'a PNG of 2^31 x 2^31': 'DATA_UNREADABLE_IMAGE',
    'a PNG of 60,000 x 60,000': 'DATA_IMAGE_TOO_LARGE',
    'a GIF of 65,535 x 65,535': 'DATA_IMAGE_TOO_LARGE',
    'a BMP of 2^30 x 4': 'DATA_IMAGE_TOO_LARGE',
    'a DICOM of 65,535 x 65,535': 'DATA_IMAGE_TOO_LARGE',
    'a DICOM of 2^31 frames': 'DATA_TRUNCATED',
    'a DICOM that inflates without end': 'DATA_TOO_MANY_BYTES',
    'a DICOM of sequences without end': 'DATA_UNREADABLE_IMAGE',
    'a DICOM of a million elements': 'DATA_UNREADABLE_IMAGE',
  })
})
