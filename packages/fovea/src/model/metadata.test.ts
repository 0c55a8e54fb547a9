import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { buildModel } from '../graph/builder.ts'
import { frameworkVersion } from '../util/version.ts'
import { createPreprocessing } from '../vision/preprocessing.ts'
import { readNames } from './import-classifier.ts'
import { hasMetadata, type ModelMetadata, readMetadata, writeMetadata } from './metadata.ts'
import { frameworkRange } from './version.ts'

const model = buildModel((b) => b.op('Neg', [b.input('x', 'float32', [1])]))

const full: ModelMetadata = {
  task: 'classify',
  labels: ['ok', 'scratch'],
  preprocessing: createPreprocessing({ size: [32, 48], scale: 'unit' }),
  name: 'surfaces',
  version: '3.0.0',
  framework: '>=0.8.0 <2.0.0',
  stages: { pixels: 'x', logits: 'y' },
  architecture: { name: 'resnet-tiny', options: { width: 8 } },
  recipe: { epochs: 3 },
  metrics: { accuracy: 0.5 },
  split: { held: ['0123456789abcdef'], trained: [] },
  licence: 'Apache-2.0',
}

/** A model with these keys changed; undefined removes one. */
function changed(changes: Readonly<Record<string, string | undefined>>) {
  const written = writeMetadata(model, full)
  const metadata = new Map(written.metadata)
  for (const [key, value] of Object.entries(changes)) {
    if (value === undefined) metadata.delete(key)
    else metadata.set(key, value)
  }
  return { ...written, metadata }
}

describe('metadata', () => {
  it('gives back what was written, and leaves the model and other keys alone', () => {
    const source = { ...model, metadata: new Map([['author', 'somebody']]) }
    const written = writeMetadata(source, full)
    expect(hasMetadata(source)).toBe(false)
    expect(hasMetadata(written)).toBe(true)
    expect(readMetadata(written)).toEqual(full)
    expect(written.metadata.get('author')).toBe('somebody')
    expect(written).toMatchObject({ producerName: 'fovea', producerVersion: frameworkVersion })
    expect(source.metadata.size).toBe(1)
  })

  it('leaves nothing of what was known before and is not any more', () => {
    const { task, labels, framework, stages } = full
    const rest = { task, labels, framework, stages, preprocessing: createPreprocessing({}) }
    const written = writeMetadata(writeMetadata(model, full), rest)
    expect(readMetadata(written)).toEqual(rest)
    expect(written.metadata.has('imgsz')).toBe(false)
  })

  it('writes the keys that other tools read', () => {
    const { metadata } = writeMetadata(model, full)
    expect(metadata.get('task')).toBe('classify')
    expect(metadata.get('names')).toBe("{0: 'ok', 1: 'scratch'}")
    expect(metadata.get('imgsz')).toBe('[32, 48]')
  })

  it('writes class names that the importer reads back, whatever they hold', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 1, maxLength: 6 }), (labels) => {
        const { metadata } = writeMetadata(model, { ...full, labels })
        expect(readNames(metadata.get('names'), labels.length)).toEqual(labels)
      }),
      { numRuns: 300, seed: 2 },
    )
  })

  it('knows models without a task head: no labels, and nothing of a head that was', () => {
    const { task: _, labels: __, ...rest } = full
    const features: ModelMetadata = { ...rest, task: 'features', labels: [] }
    const written = writeMetadata(writeMetadata(model, full), features)
    expect(readMetadata(written)).toEqual(features)
    for (const key of ['fovea.labels', 'task', 'names']) expect(written.metadata.has(key), key).toBe(false)
    const detector = {
      ...model,
      metadata: new Map([
        ['task', 'detect'],
        ['names', "{0: 'person'}"],
      ]),
    }
    const kept = writeMetadata(detector, features).metadata
    expect([kept.get('task'), kept.get('names')]).toEqual(['detect', "{0: 'person'}"])
  })

  it('fills in what may be missing', () => {
    const { stages, framework } = readMetadata(changed({ 'fovea.stages': undefined, 'fovea.framework': undefined }))
    expect(stages).toEqual({})
    expect(framework).toBe(frameworkRange)
  })

  it.each([
    [{ 'fovea.task': undefined }, /expected "classify" or .*"features", found nothing .*fovea\.task/],
    [{ 'fovea.task': 'sing' }, /expected "classify" or .*"features", found "sing"/],
    [{ 'fovea.task': 'detect' }, /the heads of a model for detect, found nothing .*fovea\.heads/],
    [{ 'fovea.heads': '[]' }, /heads, each with a name of its own.*found \[\] .*fovea\.heads/],
    [{ 'fovea.heads': '[{"name":"a","task":"toString","labels":["a"]}]' }, /fovea\.heads/],
    [{ 'fovea.heads': '[{"name":"a","task":"classify","labels":["a"],"outputs":{},"scores":{"logits":"x"}}]' }, /fovea\.heads/],
    [{ 'fovea.labels': undefined }, /a list of class names, found nothing .*fovea\.labels/],
    [{ 'fovea.labels': '["a", 1]' }, /a list of class names, found \["a",1\]/],
    [{ 'fovea.labels': '["a"' }, /expected JSON, found \["a" .*fovea\.labels/],
    [{ 'fovea.stages': '{"logits": 1}' }, /stage names with value names/],
    [{ 'fovea.stages': '[]' }, /stage names with value names/],
    [{ 'fovea.labels': '[]' }, /a list of class names, found \[\]/],
    [{ 'fovea.architecture': 'null' }, /an object with name, a text, and options, an object, found null .*fovea\.architecture/],
    [{ 'fovea.architecture': '5' }, /found 5 .*fovea\.architecture/],
    [{ 'fovea.architecture': '{"name":5}' }, /found \{"name":5\} .*fovea\.architecture/],
    [{ 'fovea.architecture': '{"name":"a","options":[]}' }, /fovea\.architecture/],
    [{ 'fovea.split': '5' }, /held and trained, lists of texts, found 5 .*fovea\.split/],
    [{ 'fovea.split': 'null' }, /found null .*fovea\.split/],
    [{ 'fovea.split': '{"held":[]}' }, /fovea\.split/],
    [{ 'fovea.metrics': '{"accuracy":"x"}' }, /figures by name, found \{"accuracy":"x"\} .*fovea\.metrics/],
    [{ 'fovea.recipe': '[]' }, /expected an object, found \[\] .*fovea\.recipe/],
    [{ 'fovea.thresholds': '{"goal":{"f1":[]},"samples":1}' }, /goal and samples.*fovea\.thresholds/],
    [{ 'fovea.preprocessing': undefined }, /expected an object, found nothing .*"fovea\.preprocessing"/],
    [{ 'fovea.preprocessing': 'null' }, /expected an object, found null .*"fovea\.preprocessing"/],
    [{ 'fovea.preprocessing': '{"scale":"percent"}' }, /expected one of raw.*found "percent" .*"fovea\.preprocessing\.scale"/],
    [{ 'fovea.framework': 'newest' }, /a range as npm writes it.*found newest .*fovea\.framework/],
    [{ 'fovea.version': 'v3' }, /a version such as "1\.2\.3" \(semver\.org\), found v3 .*fovea\.version/],
  ])('refuses %j', (changes, message) => {
    expect(() => readMetadata(changed(changes), 'some.onnx')).toThrow(message)
    expect(() => readMetadata(changed(changes), 'some.onnx')).toThrow(/some\.onnx.*\[MODEL_METADATA\]/)
  })

  it('refuses a file for another framework before it looks at the rest', () => {
    const read = () => readMetadata(changed({ 'fovea.framework': '>=99.0.0', 'fovea.task': 'dream' }), 'some.onnx')
    expect(read).toThrow(/expected fovea >=99\.0\.0, found fovea .*some\.onnx.*too old.*\[MODEL_VERSION\]/)
  })

  it('does not write what could not be read again', () => {
    for (const wrong of [{ version: '3' }, { framework: '>=0.x.1' }])
      expect(() => writeMetadata(model, { ...full, ...wrong })).toThrow(/MODEL_METADATA/)
    expect(() => writeMetadata(model, { ...full, framework: '<0.1.0' })).toThrow(/MODEL_VERSION/)
  })

  it('takes what may be left out: options of an architecture, and figures that were no numbers', () => {
    const { architecture, metrics } = readMetadata(
      changed({ 'fovea.architecture': '{"name":"a"}', 'fovea.metrics': '{"loss":null,"accuracy":1}' }),
    )
    expect(architecture).toEqual({ name: 'a', options: {} })
    expect(metrics).toEqual({ accuracy: 1 })
  })

  it('refuses a hostile length with a short message', () => {
    const long = JSON.stringify({ name: 5, text: 'x'.repeat(1e5) })
    expect(() => readMetadata(changed({ 'fovea.architecture': long }), 'some.onnx')).toThrow(/^.{0,500}\[MODEL_METADATA\]$/s)
  })
})
