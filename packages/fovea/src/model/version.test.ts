import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isFoveaError } from '../util/errors.ts'
import { parseRange } from '../util/semver.ts'
import { checkVersions, frameworkRange, modelContracts, type VersionCheck, type VersionClaims } from './version.ts'

function messageOf(claims: VersionClaims, check: VersionCheck = {}): string | undefined {
  try {
    checkVersions(claims, { file: 'some.onnx', ...check })
    return undefined
  } catch (error) {
    if (isFoveaError(error)) return error.message
    throw error
  }
}

describe('checkVersions', () => {
  it.each([
    [undefined, '0.8.0', true],
    ['>=0.8.0', '0.8.0', true],
    ['>=0.8.0', '0.7.9', false],
    ['>=0.8.0', '0.10.0', true],
    ['>=0.8.0 <2.0.0', '1.99.9', true],
    ['>=0.8.0 <2.0.0', '2.0.0', false],
    ['^0.8.2 || 1.x', '1.4.0', true],
    // A pre-release comes before its release, and after the releases before it.
    ['>=1.2.3', '1.2.3-beta.1', false],
    ['>=1.2.2', '1.2.3-beta.1', true],
  ])('the range %s and framework %s: %s', (range, framework, fits) => {
    const message = messageOf({ framework: range }, { framework })
    if (fits) expect(message).toBeUndefined()
    else expect(message).toContain('[MODEL_VERSION]')
  })

  it('tells a framework that is too old to be renewed, or the model to be older', () => {
    expect(messageOf({ framework: '>=1.2.0' }, { framework: '0.8.0' })).toBe(
      'The model file needs another version of Fovea: expected fovea >=1.2.0, found fovea 0.8.0 (file "some.onnx", field "fovea.framework"). ' +
        'This framework is too old for the file: npm install "fovea@>=1.2.0", or take an earlier version of the model, made for 0.8.0. [MODEL_VERSION]',
    )
  })

  it('tells a framework that is too new to take a later model, or to go back', () => {
    expect(messageOf({ framework: '<1.0.0' }, { framework: '1.4.0' })).toContain(
      'This framework is too new for the file: take a later version of the model or train it again with 1.4.0, or go back: npm install "fovea@<1.0.0".',
    )
  })

  it('tells a framework between two ranges to be one of them, and finds ranges that take nothing', () => {
    expect(messageOf({ framework: '0.8.x || >=2.0.0' }, { framework: '1.0.0' })).toContain(
      'Install a version in that range: npm install "fovea@0.8.x || >=2.0.0".',
    )
    expect(messageOf({ framework: '>2.0.0 <1.0.0' }, { framework: '1.0.0' })).toContain('No version is in that range')
  })

  it('holds DeepSeekVision 2.3 to framework 0.8 or later, whatever the file states', () => {
    const claims = { name: 'deepseek-vision-base', version: '2.3.1' }
    expect(modelContracts).toContainEqual({ family: 'deepseek-vision', models: '2.3.x', framework: '>=0.8.0' })
    expect(messageOf(claims)).toBeUndefined()
    for (const framework of ['>=0.1.0', '*'])
      expect(messageOf({ ...claims, framework }, { framework: '0.7.0' })).toMatch(
        /expected fovea >=0\.8\.0, which deepseek-vision 2\.3\.x needs, found fovea 0\.7\.0 .*fovea\.version.*npm install "fovea@>=0\.8\.0", or take an earlier version of deepseek-vision/,
      )
    const byArchitecture = { architecture: { name: 'deepseek-vision-tiny' }, version: '2.3.0-rc.1', framework: '*' }
    for (const [other, fits] of [
      [byArchitecture, true],
      [{ ...claims, version: '2.3.0', framework: '*' }, false],
      [{ ...byArchitecture, version: '1.0.0' }, true],
      [{ ...claims, name: 'deepseek-visionary', framework: '*' }, true],
    ] as const)
      expect(messageOf(other, { framework: '0.7.0' }) === undefined, JSON.stringify(other)).toBe(fits)
  })

  it.each([
    ['2.4.0', /Install the latest fovea, which may know it.*or take deepseek-vision 2\.3\.x/],
    ['3.0.0', /Install the latest fovea/],
    ['2.2.9', /Take deepseek-vision 2\.3\.x\. A model of your own needs a name of its own/],
  ])('refuses DeepSeekVision %s, which no contract covers', (version, remedy) => {
    const message = messageOf({ name: 'deepseek-vision-tiny', version }, { framework: '0.8.0' })
    expect(message).toContain(`expected deepseek-vision 2.3.x, the versions that fovea 0.8.0 reads, found ${version} (file "some.onnx"`)
    expect(message).toMatch(/field "fovea\.version".*\[MODEL_VERSION\]$/)
    expect(message).toMatch(remedy)
  })

  it('leaves a model of its own version to itself, though its architecture is of a family', () => {
    const architecture = { name: 'deepseek-vision-tiny' }
    for (const version of ['1.0.0', '2.4.0', '3.0.0']) {
      expect(messageOf({ architecture, version })).toBeUndefined()
      expect(messageOf({ name: 'surfaces', architecture, version })).toBeUndefined()
    }
    expect(messageOf({ name: 'deepseek-vision-tiny', architecture })).toBeUndefined()
  })

  it('takes a version that any row of the family covers', () => {
    const contracts = [
      { family: 'deepseek-vision', models: '2.3.x', framework: '>=0.8.0' },
      { family: 'deepseek-vision', models: '2.4.x', framework: '>=0.9.0' },
    ]
    const claims = { name: 'deepseek-vision', framework: '*' }
    expect(messageOf({ ...claims, version: '2.3.4' }, { contracts, framework: '0.8.0' })).toBeUndefined()
    expect(messageOf({ ...claims, version: '2.4.0' }, { contracts, framework: '0.9.0' })).toBeUndefined()
    expect(messageOf({ ...claims, version: '2.4.0' }, { contracts, framework: '0.8.0' })).toContain('expected fovea >=0.9.0')
    expect(messageOf({ ...claims, version: '2.5.0' }, { contracts, framework: '0.9.0' })).toContain(
      'expected deepseek-vision 2.3.x || 2.4.x',
    )
  })

  it('tells of a model version, or a range, that is none', () => {
    expect(messageOf({ version: '2.3' })).toMatch(/expected a version such as "1\.2\.3" \(semver\.org\), found 2\.3 .*\[MODEL_METADATA\]/)
    expect(messageOf({ framework: 'later' })).toMatch(/expected a range as npm writes it.*found later .*\[MODEL_METADATA\]/)
  })

  it('lets this version read what it writes, and knows only contracts that can be read', () => {
    expect(messageOf({ framework: frameworkRange })).toBeUndefined()
    for (const { models, framework } of modelContracts) expect([parseRange(models), parseRange(framework)]).not.toContain(undefined)
  })

  it('answers any text with nothing or a coded error, and hostile lengths at once', () => {
    const text = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'0.x*-+|<>=^~ v1') }))
    fc.assert(
      fc.property(text, text, (version, framework) => {
        const message = messageOf({ version, framework })
        expect(message === undefined || /\[MODEL_(METADATA|VERSION)\]$/.test(message)).toBe(true)
      }),
      { numRuns: 2000, seed: 3 },
    )
    for (const piece of ['1', '1.', '-', ' ', '1.2.3-', '|| ', '1.2.3 - ', '>= ', 'a.'])
      expect(messageOf({ version: piece.repeat(1e6), framework: `>=0.8.0 ${piece.repeat(1e6)}` })).toContain('[MODEL_METADATA]')
  })
})
