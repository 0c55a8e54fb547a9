import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareVersions, formatVersion, parseRange, parseVersion, satisfies, sidesOf, type Version } from './semver.ts'

const identifier = fc.oneof(fc.nat(20), fc.stringMatching(/^[a-c-][0-9a-c-]{0,2}$/))
const small = fc.nat(3)
const versions: fc.Arbitrary<Version> = fc.record({
  major: small,
  minor: small,
  patch: small,
  prerelease: fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, fc.array(identifier, { maxLength: 3 })),
})

const version = (text: string) => parseVersion(text)!
const takes = (range: string, text: string, includePrerelease = false) =>
  satisfies(version(text), parseRange(range)!, { includePrerelease })

describe('parseVersion', () => {
  it('gives back what was written', () => {
    fc.assert(
      fc.property(versions, (value) => {
        expect(parseVersion(formatVersion(value))).toEqual(value)
      }),
      { seed: 1 },
    )
    expect(parseVersion('1.2.3-rc.1+build.7')).toEqual({ major: 1, minor: 2, patch: 3, prerelease: ['rc', 1] })
  })

  it.each(['', '1', '1.2', '1.2.3.4', '01.2.3', '1.2.3-', '1.2.3-a..b', '1.2.3-01', '1.2.3+', 'v1.2.3', ' 1.2.3', '1.2.x', '-1.2.3'])(
    'refuses %j',
    (text) => expect(parseVersion(text)).toBeUndefined(),
  )

  it('refuses numbers that cannot be told apart, and texts beyond the limit', () => {
    expect(parseVersion('9007199254740991.0.0')).toBeDefined()
    expect(parseVersion('9007199254740992.0.0')).toBeUndefined()
    expect(parseVersion(`1.2.3-${'a'.repeat(250)}`)).toBeDefined()
    expect(parseVersion(`1.2.3-${'a'.repeat(251)}`)).toBeUndefined()
  })
})

describe('compareVersions', () => {
  it('orders the examples of semver.org, item 11', () => {
    const rising = [
      ...['1.0.0-alpha', '1.0.0-alpha.1', '1.0.0-alpha.beta', '1.0.0-beta', '1.0.0-beta.2', '1.0.0-beta.11', '1.0.0-rc.1'],
      ...['1.0.0', '2.0.0', '2.1.0', '2.1.1'],
    ]
    expect(rising.map(version).toReversed().sort(compareVersions).map(formatVersion)).toEqual(rising)
  })

  it('is a total order, and equal only for equal versions', () => {
    fc.assert(
      fc.property(versions, versions, versions, (a, b, c) => {
        expect(Math.sign(compareVersions(a, b)) + Math.sign(compareVersions(b, a))).toBe(0)
        expect(compareVersions(a, b) === 0).toBe(formatVersion(a) === formatVersion(b))
        if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0) expect(compareVersions(a, c)).toBeLessThanOrEqual(0)
      }),
      { numRuns: 2000, seed: 1 },
    )
  })
})

describe('ranges', () => {
  // What npm's documentation says that each means.
  it.each([
    ['1.2.x', '>=1.2.0 <1.3.0-0'],
    ['1', '>=1.0.0 <2.0.0-0'],
    ['=1.2', '>=1.2.0 <1.3.0-0'],
    ['~1.2.3', '>=1.2.3 <1.3.0-0'],
    ['~1.2', '>=1.2.0 <1.3.0-0'],
    ['~1', '>=1.0.0 <2.0.0-0'],
    ['~1.2.3-beta.2', '>=1.2.3-beta.2 <1.3.0-0'],
    ['^1.2.3', '>=1.2.3 <2.0.0-0'],
    ['^0.2.3', '>=0.2.3 <0.3.0-0'],
    ['^0.0.3', '>=0.0.3 <0.0.4-0'],
    ['^0.0', '>=0.0.0 <0.1.0-0'],
    ['^0.x', '>=0.0.0 <1.0.0-0'],
    ['> 1.2', '>=1.3.0'],
    ['<=1', '<2.0.0-0'],
    ['<1.2', '<1.2.0-0'],
    ['1.2.3 - 2.3', '>=1.2.3 <2.4.0-0'],
    ['1.2 - 2.3.4', '>=1.2.0 <=2.3.4'],
    ['v1.2.3', '=1.2.3'],
  ])('%s means %s', (range, plain) => expect(parseRange(range)).toEqual(parseRange(plain)))

  it('take what lies between their bounds', () => {
    fc.assert(
      fc.property(versions, versions, versions, (low, high, value) => {
        const between = parseRange(`>=${formatVersion(low)} <${formatVersion(high)}`)!
        const expected = compareVersions(low, value) <= 0 && compareVersions(value, high) < 0
        expect(satisfies(value, between, { includePrerelease: true })).toBe(expected)
        expect(satisfies(value, [...between, ...parseRange(`=${formatVersion(value)}`)!])).toBe(true)
      }),
      { numRuns: 2000, seed: 2 },
    )
  })

  it('take pre-releases only where npm does, unless they are asked to', () => {
    expect([takes('>=1.2.3-beta.1', '1.2.3-beta.2'), takes('>=1.2.3-beta.1', '1.2.4-beta.2')]).toEqual([true, false])
    expect([takes('>=0.8.0', '0.9.0-rc.1'), takes('>=0.8.0', '0.9.0-rc.1', true)]).toEqual([false, true])
    expect([takes('^1.0.0', '2.0.0-rc.1', true), takes('<2.0.0', '2.0.0-rc.1', true)]).toEqual([false, true])
    expect([takes('*', '1.0.0'), takes('', '1.0.0'), takes('>*', '1.0.0'), takes('<x', '0.0.0')]).toEqual([true, true, false, false])
  })

  it.each(['newest', '>=', '1.2.3.4', '>>1', '1.x.3', '1.x-beta', '^', '1 -', '- 1', '1.2.3 | 2', '=>1', '1.2.3-01', '>=1,<2'])(
    '%j is none',
    (text) => expect(parseRange(text)).toBeUndefined(),
  )

  it('say on which side of a version they lie', () => {
    const sides = (range: string) => {
      const { newer, older } = sidesOf(version('1.5.0'), parseRange(range)!)
      return [newer, older]
    }
    expect(sides('>=2.0.0')).toEqual([true, false])
    expect(sides('<1.5.0')).toEqual([false, true])
    expect(sides('1.4.x || 1.6.x')).toEqual([true, true])
    expect(sides('=1.5.1')).toEqual([true, false])
    expect(sides('>1.5.0 <=1.5.0')).toEqual([false, false])
    expect(sides('>2.0.0 <2.0.1 || 3 <2')).toEqual([true, false])
  })
})
