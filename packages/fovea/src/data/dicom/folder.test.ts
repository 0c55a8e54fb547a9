import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { dicomFile, grayElements } from '../../../test/dicom-file.ts'
import { createPreprocessing } from '../../vision/preprocessing.ts'
import { imageSize } from '../formats/image-size.ts'
import { openImageFolder } from '../image-folder.ts'
import { VisionDataLoader } from '../vision-data-loader.ts'

test('a folder of DICOM files is a data set: its pictures are listed, measured and loaded', async () => {
  const root = await mkdtemp(join(tmpdir(), 'fovea-dicom-'))
  try {
    for (const [name, value] of [
      ['dark', 10],
      ['light', 200],
    ] as const) {
      await mkdir(join(root, name))
      await writeFile(join(root, name, '0.dcm'), dicomFile(grayElements(4, 6, new Uint8Array(24).fill(value))))
      await writeFile(join(root, name, '1.DCM'), dicomFile({ '00080060 CS': 'SR' }))
    }
    const train = (await openImageFolder(root, { validationFraction: 0 })).splits.train!
    expect(train.classes).toEqual(['dark', 'light'])
    expect(train.samples).toHaveLength(4)
    expect(await imageSize(train.samples[0]!.path)).toEqual({ width: 6, height: 4 })
    const loader = new VisionDataLoader(train, { preprocessing: createPreprocessing({ size: [4, 4] }), batchSize: 4, workers: 0 })
    for await (const batch of loader.batches({ epoch: 0, from: 0 })) {
      expect(Array.from(batch.images.subarray(0, 3))).toEqual([10, 10, 10])
      expect(Array.from(batch.images.subarray(-3))).toEqual([200, 200, 200])
      expect(batch.failed.map(({ code }) => code)).toEqual(['DATA_NO_PIXELS', 'DATA_NO_PIXELS'])
    }
  } finally {
    await rm(root, { recursive: true })
  }
})
