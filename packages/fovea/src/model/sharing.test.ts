import { afterEach, expect, test } from 'vitest'
import { sessionStore } from '../runtime/session-store.ts'
import { buildClassifier } from './build-classifier.ts'
import { readMetadata } from './metadata.ts'
import { DeepSeekVision, type LoadOptions } from './vision-model.ts'

afterEach(() => sessionStore().closeAll())

const grey = { width: 32, height: 32, channels: 3 as const, data: new Uint8Array(3 * 32 * 32).fill(99) }

async function open(seed: number, options: LoadOptions = {}): Promise<DeepSeekVision> {
  const model = buildClassifier('small-cnn', { labels: ['a', 'b'], imageSize: [32, 32], seed })
  return DeepSeekVision.of(model, readMetadata(model), options)
}

test('models that are loaded twice share a session, and each may be closed', async () => {
  const [first, second, other] = await Promise.all([open(1), open(1), open(2)])
  expect(sessionStore().stats()).toMatchObject({ sessions: 2, handles: 3 })
  const expected = await first!.predict(grey)
  await first!.close()
  await first!.close()
  await expect(first!.predict(grey)).rejects.toThrow(/RUNTIME_CLOSED/)
  expect(await second!.predict(grey)).toEqual(expected)
  await other!.explain(grey)
  expect(sessionStore().stats()).toMatchObject({ sessions: 3, handles: 3 })
  await Promise.all([second!.close(), other!.close()])
  expect(sessionStore().stats().handles).toBe(0)
})

test('two hundred models, loaded, looked into and closed, leave a handful of sessions and no handle', async () => {
  const base = buildClassifier('small-cnn', { labels: ['a', 'b'], imageSize: [32, 32], options: { widths: [4, 4, 4] } })
  const metadata = readMetadata(base)
  const layers = Object.keys(metadata.stages).filter((stage) => stage !== 'logits')
  for (let i = 0; i < 200; i++) {
    const model = await DeepSeekVision.of({ ...base, doc: `number ${i}` }, metadata, { worker: false, threads: 1 })
    expect(sessionStore().stats().handles).toBe(1)
    await model.extractFeatures(grey, { layer: layers[i % layers.length]! })
    if (i % 20 === 0) await model.explain(grey)
    await model.close()
    await expect(model.extractFeatures(grey, { layer: layers[0]! })).rejects.toThrow(/RUNTIME_CLOSED/)
    expect(sessionStore().stats().handles).toBe(0)
    expect(sessionStore().stats().sessions).toBeLessThanOrEqual(4)
  }
  expect(sessionStore().stats().opened).toBeGreaterThanOrEqual(400)
})

test('a model that is closed while it is asked for features gives its sessions back', async () => {
  const model = await open(1, { worker: false })
  const asked = model.extractFeatures([grey, grey, grey], { layer: 'conv2', batchSize: 1 }).catch((error: Error) => error.message)
  await model.close()
  expect(await asked).toMatch(/RUNTIME_CLOSED/)
  expect(sessionStore().stats().handles).toBe(0)
})

test('a model that is not to be shared has a session of its own', async () => {
  const [shared, own] = await Promise.all([open(1), open(1, { share: false })])
  expect(sessionStore().stats()).toMatchObject({ sessions: 1, handles: 1 })
  await sessionStore().closeAll()
  await expect(shared!.predict(grey)).rejects.toThrow(/RUNTIME_CLOSED/)
  expect((await own!.predict(grey)).top).toHaveLength(2)
  await own!.close()
})
