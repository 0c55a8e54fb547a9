// The whole road from a folder to a prediction, and what may go wrong on it.

import { execFileSync } from 'node:child_process'
import { chmodSync, readFileSync } from 'node:fs'
import { cp, mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { listImages } from '../../src/data/image-folder.ts'
import { writeSurfaces } from '../../src/data/synthetic/surfaces.ts'
import { decodeModel } from '../../src/graph/codec/decode.ts'
import { decodeSafetensors } from '../../src/model/safetensors/codec.ts'
import { filesIn, fovea, temporaryFolder } from './cli.ts'

let work = ''
let data = ''
const small = ['--model', 'small-cnn', '--imgsz', '32', '--epochs', '3', '--batch', '8', '--seed', '7', '--augment', 'light']

beforeAll(async () => {
  work = await temporaryFolder('training')
  data = join(work, 'data')
  await mkdir(data)
  await writeSurfaces(data, { perClass: 14, size: 32, seed: 3, classes: ['good', 'scratch', 'pit'] })
})

/** Equal figures in a checkpoint and equal bytes in the model are equal weights. */
async function weightsOf(out: string): Promise<{ model: string; state: Map<string, string> }> {
  const { tensors } = decodeSafetensors(await readFile(join(out, 'checkpoint', 'state.safetensors')))
  const state = new Map([...tensors].map(([name, { bytes }]) => [name, Buffer.from(bytes).toString('base64')]))
  return { model: (await readFile(join(out, 'model.onnx'))).toString('base64'), state }
}

describe('the road', () => {
  test('trains, evaluates, predicts, inspects', async () => {
    const out = join(work, 'road')
    const trained = await fovea(['train', data, ...small, '--out', out, '--json'])
    expect(trained.stderr).not.toMatch(/error/i)
    expect(trained.code).toBe(0)
    const result = JSON.parse(trained.stdout) as { model: string; history: unknown[]; plots: string[]; accuracy: number }
    expect(result.history.length).toBe(3)
    expect(result.accuracy).toBeGreaterThanOrEqual(0)
    const files = (await filesIn(out)).map((file) => file.slice(out.length + 1)).sort()
    expect(files).toEqual(
      [
        'checkpoint/checkpoint.json',
        'checkpoint/state.safetensors',
        'confusion.png',
        'curves.png',
        'log.jsonl',
        'model.onnx',
        'reliability.png',
        'report.txt',
      ].sort(),
    )

    const evaluated = await fovea(['evaluate', result.model, data, '--json'])
    expect(evaluated.code).toBe(0)
    const figures = JSON.parse(evaluated.stdout) as Record<string, unknown>
    expect(figures).toMatchObject({ split: 'held out at training', accuracy: result.accuracy, labels: ['good', 'pit', 'scratch'] })

    // Against itself there is no difference; the report opens alone; thresholds go into a model of their own.
    const report = join(work, 'report.html')
    const target = join(work, 'thresholds.onnx')
    const more = ['--against', result.model, '--report', report, '--sweep', 'recall=0.9', '--write-thresholds', target, '--bootstrap', '50']
    const compared = await fovea(['evaluate', result.model, data, '--json', ...more])
    expect(compared.code).toBe(0)
    const { comparison, intervals, sweep } = JSON.parse(compared.stdout) as {
      comparison: { onlyFirst: number; figures: { difference: number; p: number }[] }
      intervals: Record<string, { low: number; high: number }>
      sweep: { perClass: { threshold: number | null }[] }
    }
    expect(comparison).toMatchObject({
      onlyFirst: 0,
      onlySecond: 0,
      figures: expect.arrayContaining([expect.objectContaining({ difference: 0, p: 1 })]),
    })
    expect(intervals.accuracy!.low).toBeLessThanOrEqual(result.accuracy)
    expect(await readFile(report, 'utf8')).toMatch(/^<!doctype html>.*McNemar/s)
    const { metadata } = JSON.parse((await fovea(['inspect', target, '--json'])).stdout) as {
      metadata: { thresholds: { perClass: unknown[] } }
    }
    expect(metadata.thresholds.perClass).toEqual(sweep.perClass.map(({ threshold }) => threshold))

    const drawn = join(work, 'drawn')
    const [picture] = await listImages(data)
    const predicted = await fovea(['predict', result.model, picture!, '--json', '--draw', drawn, '--explain'])
    expect(predicted.code).toBe(0)
    const prediction = JSON.parse(predicted.stdout) as { label: string; probability: number; drawn: string; top: unknown[] }
    expect(prediction.top.length).toBe(3)
    expect(readFileSync(prediction.drawn).subarray(1, 4).toString()).toBe('PNG')

    const inspected = await fovea(['inspect', result.model, '--json'])
    expect(JSON.parse(inspected.stdout)).toMatchObject({
      metadata: { task: 'classify' },
      outputs: [{ dims: ['N', 3] }, { dims: ['N', 3] }],
    })
  })

  test('calibrates, and says that it does not know', async () => {
    const model = join(work, 'road', 'model.onnx')
    const target = join(work, 'calibrated.onnx')
    const asked = ['--calibrate', '--reject', 'coverage=0.5', '--bootstrap', '0']
    const found = await fovea(['evaluate', model, data, ...asked, '--write-thresholds', target, '--json'])
    expect(found.code, found.stderr).toBe(0)
    const { temperature, rejection, sweep } = JSON.parse(found.stdout) as Record<string, Record<string, number>>
    expect(sweep).toBeUndefined()
    expect(temperature!.lossAfter).toBeLessThanOrEqual(temperature!.lossBefore!)
    expect(rejection!.coverage).toBeGreaterThanOrEqual(0.5)
    const { metadata } = JSON.parse((await fovea(['inspect', target, '--json'])).stdout)
    expect(metadata.calibration['']).toEqual({ temperature: temperature!.temperature, samples: temperature!.samples })
    expect(metadata.rejection[''].threshold).toBe(rejection!.threshold)
    // The graph that was written gives the probabilities that were promised.
    const again = JSON.parse((await fovea(['evaluate', target, data, '--bootstrap', '0', '--json'])).stdout)
    expect(again.loss).toBeCloseTo(temperature!.lossAfter!, 5)
    expect(again.figures.calibrationError).toBeCloseTo(temperature!.errorAfter!, 5)
    const text = await fovea(['evaluate', model, data, ...asked])
    expect(text.stdout).toMatch(/temperature [\d.]+ on \d+ pictures.*\ndon't know below [\d.]+: \d+ of \d+ pictures are answered/s)

    const [picture] = await listImages(data)
    const unsure = await fovea(['predict', target, picture!, '--reject', '1', '--json'])
    expect(JSON.parse(unsure.stdout)).toMatchObject({ rejected: true, label: expect.any(String) })
    expect((await fovea(['predict', target, picture!, '--reject', '1'])).stdout).toMatch(/don't know \(\w+ {2}[\d.]+ %\)/)
    expect(JSON.parse((await fovea(['predict', target, picture!, '--reject', '0', '--json'])).stdout)).not.toHaveProperty('rejected')
  })

  test('the same seed gives the same weights', async () => {
    const [first, second] = [join(work, 'seed-1'), join(work, 'seed-2')]
    for (const out of [first, second]) expect((await fovea(['train', data, ...small, '--out', out])).code).toBe(0)
    expect(await weightsOf(second)).toEqual(await weightsOf(first))
  })

  test('fine-tunes with a frozen part, its features cached', async () => {
    const base = join(work, 'seed-1', 'model.onnx')
    const out = join(work, 'head')
    const tuned = await fovea(['train', data, '--model', base, '--freeze', 'head', '--epochs', '2', '--batch', '8', '--out', out, '--json'])
    expect(tuned.stderr).not.toMatch(/error/i)
    expect(tuned.code).toBe(0)
    const before = decodeModel(await readFile(base))
    const after = decodeModel(await readFile(join(out, 'model.onnx')))
    const changed = [...before.graph.initializers].filter(
      ([name, tensor]) => !Buffer.from(tensor.bytes).equals(after.graph.initializers.get(name)!.bytes),
    )
    expect(changed.map(([name]) => name).sort()).toEqual(['fc.bias', 'fc.weight'])
  })
})

describe('interruptions', () => {
  test('killed in the middle of an epoch and resumed, the weights equal those of an uninterrupted run, bit for bit', async () => {
    const [whole, killed] = [join(work, 'whole'), join(work, 'killed')]
    expect((await fovea(['train', data, ...small, '--out', whole])).code).toBe(0)
    const first = await fovea(['train', data, ...small, '--out', killed], {
      // The line of the first epoch has been printed: the second one is under way.
      onStderr: (text, child) => {
        if (/^ +1 .*%/m.test(text)) setTimeout(() => child.kill('SIGKILL'), 40)
      },
    })
    expect(first.code).toBeNull()
    const resumed = await fovea(['train', data, ...small, '--out', killed, '--resume'])
    expect(resumed.stderr).toMatch(/Going on at epoch/)
    expect(resumed.code).toBe(0)
    expect(await weightsOf(killed)).toEqual(await weightsOf(whole))
  })

  test('cancelled with Ctrl-C: a coded error, nothing half-written, and it can go on', async () => {
    const out = join(work, 'cancelled')
    let sent = false
    const result = await fovea(['train', data, ...small, '--out', out], {
      onStderr: (text, child) => {
        if (!sent && /^ +1 .*%/m.test(text)) sent = child.kill('SIGINT')
      },
    })
    expect(result.stderr).toMatch(/CANCELLED/)
    expect(result.code).toBe(130)
    expect((await filesIn(out)).filter((file) => file.endsWith('.tmp'))).toEqual([])
    expect((await fovea(['train', data, ...small, '--out', out, '--resume'])).code).toBe(0)
    expect(await weightsOf(out)).toEqual(await weightsOf(join(work, 'whole')))
  })

  test('resuming with other options is refused', async () => {
    const result = await fovea(['train', data, ...small, '--out', join(work, 'whole'), '--resume', '--lr', '0.5'])
    expect(result.code).toBe(1)
    expect(result.stderr).toMatch(/CHECKPOINT_INVALID/)
    expect(result.stderr).toMatch(/learningRate/)
  })
})

describe('resuming on other pictures', () => {
  test('is refused', async () => {
    const [folder, out] = [join(work, 'swapped'), join(work, 'out-swapped')]
    await cp(data, folder, { recursive: true })
    expect((await fovea(['train', folder, ...small, '--epochs', '1', '--out', out])).code).toBe(0)
    const [first, second] = await listImages(folder)
    await cp(first!, second!)
    const result = await fovea(['train', folder, ...small, '--epochs', '1', '--out', out, '--resume'])
    expect(result.code).toBe(1)
    expect(result.stderr).toMatch(/CHECKPOINT_INVALID/)
    expect(result.stderr).toMatch(/pictures/)
  })
})

describe('bad data', () => {
  async function variant(name: string): Promise<string> {
    const folder = join(work, name)
    await cp(data, folder, { recursive: true })
    return folder
  }

  async function refused(folder: string, code: RegExp): Promise<void> {
    const out = join(work, `out-${code.source}`)
    const result = await fovea(['train', folder, ...small, '--out', out])
    expect(result.stderr).toMatch(code)
    expect(result.code).toBe(1)
  }

  test('an empty class folder', async () => {
    const folder = await variant('empty-class')
    await mkdir(join(folder, 'void'))
    await refused(folder, /DATA_EMPTY_CLASS/)
  })

  test('a single class', async () => {
    const folder = await variant('one-class')
    await rm(join(folder, 'pit'), { recursive: true })
    await rm(join(folder, 'scratch'), { recursive: true })
    await refused(folder, /DATA_ONE_CLASS/)
  })

  test('no folder at all', async () => refused(join(work, 'nowhere'), /DATA_NOT_A_FOLDER/))

  test('empty and truncated pictures are skipped and named, or stop the training', async () => {
    const folder = await variant('broken')
    const files = await listImages(folder)
    await writeFile(files[0]!, '')
    await truncate(files[20]!, 300)
    const skipped = await fovea(['train', folder, ...small, '--epochs', '1', '--out', join(work, 'skip')])
    expect(skipped.code).toBe(0)
    expect(skipped.stderr).toMatch(/skipped/)
    const stopped = await fovea(['train', folder, ...small, '--on-error', 'stop', '--out', join(work, 'stop')])
    expect(stopped.code).toBe(1)
    expect(stopped.stderr).toMatch(/DATA_(EMPTY_FILE|TRUNCATED)/)
  })
})

describe('bad places', () => {
  test('a folder that cannot be made', async () => {
    const file = join(work, 'a-file')
    await writeFile(file, 'x')
    const result = await fovea(['train', data, ...small, '--out', join(file, 'out')])
    expect(result.code).toBe(1)
    expect(result.stderr).toMatch(/FILE_WRITE/)
  })

  test('a read-only folder', async ({ skip }) => {
    if (process.getuid?.() === 0 && !canMount()) skip('root may write everywhere, and no file system can be mounted here')
    const out = join(work, 'read-only')
    await mkdir(out)
    const release = process.getuid?.() === 0 ? mount(out, 'ro,size=1m') : readOnly(out)
    try {
      const result = await fovea(['train', data, ...small, '--out', out])
      expect(result.code).toBe(1)
      expect(result.stderr).toMatch(/FILE_WRITE/)
    } finally {
      release()
    }
  })

  test('a full disk: a coded error, and the last good files stay whole', async ({ skip }) => {
    if (!canMount()) skip('no file system can be mounted here')
    const out = join(work, 'full')
    await mkdir(out)
    const release = mount(out, 'size=400k')
    try {
      const result = await fovea(['train', data, ...small, '--out', out])
      expect(result.code).toBe(1)
      expect(result.stderr).toMatch(/no space left/)
      expect((await filesIn(out)).filter((file) => file.endsWith('.tmp'))).toEqual([])
    } finally {
      release()
    }
  })
})

function canMount(): boolean {
  try {
    execFileSync('mountpoint', ['-q', '/'])
    return (
      process.getuid?.() === 0 &&
      execFileSync('sh', ['-c', 'd=$(mktemp -d) && mount -t tmpfs tmpfs $d && umount $d && rmdir $d && echo yes'], {
        stdio: 'pipe',
      }).includes('yes')
    )
  } catch {
    return false
  }
}

function mount(folder: string, options: string): () => void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder])
  return () => {
    execFileSync('umount', [folder])
  }
}

function readOnly(folder: string): () => void {
  chmodSync(folder, 0o555)
  return () => chmodSync(folder, 0o755)
}
