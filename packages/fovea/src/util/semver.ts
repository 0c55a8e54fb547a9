// Versions and ranges of versions: Semantic Versioning 2.0.0 (semver.org) and the ranges of npm's package.json.

/** A version, taken apart. Build metadata are read and forgotten: they do not order. */
export interface Version {
  readonly major: number
  readonly minor: number
  readonly patch: number
  /** Identifiers of a pre-release, numbers as numbers; empty for a release. */
  readonly prerelease: readonly (string | number)[]
}

type Operator = '<' | '<=' | '>' | '>=' | '='

interface Comparator {
  readonly operator: Operator
  readonly version: Version
}

/** Alternatives, one of which must hold; of an alternative all comparators must. An empty alternative takes every version. */
export type VersionRange = readonly (readonly Comparator[])[]

/** The longest text that is read: npm's own limit. What comes from a file must not cost more than it is worth. */
const maxVersionLength = 256
const maxRangeLength = 1024

// Every pattern below reads one token from its start to its end, with no two ways to match the same text.
const number = '0|[1-9][0-9]{0,15}'
const identifier = '[0-9A-Za-z-]+'
const suffix = `(?:-(${identifier}(?:\\.${identifier})*))?(?:\\+${identifier}(?:\\.${identifier})*)?`
const versionPattern = new RegExp(`^(${number})\\.(${number})\\.(${number})${suffix}$`)
const wild = `${number}|[xX*]`
const partialPattern = new RegExp(`^v?(${wild})(?:\\.(${wild})(?:\\.(${wild})${suffix})?)?$`)

/** The version that a text writes, `1.2.3` or `1.2.3-rc.1+build`; undefined where it writes none. */
export function parseVersion(text: string): Version | undefined {
  if (text.length > maxVersionLength) return undefined
  const match = versionPattern.exec(text)
  return match === null ? undefined : versionOf(match.slice(1, 4), match[4])
}

export function formatVersion({ major, minor, patch, prerelease }: Version): string {
  return `${major}.${minor}.${patch}${prerelease.length > 0 ? `-${prerelease.join('.')}` : ''}`
}

/** Below 0 where `a` comes before `b`, above 0 where it comes after, 0 where neither does (semver.org, item 11). */
export function compareVersions(a: Version, b: Version): number {
  return a.major - b.major || a.minor - b.minor || a.patch - b.patch || comparePrereleases(a.prerelease, b.prerelease)
}

function comparePrereleases(a: Version['prerelease'], b: Version['prerelease']): number {
  // A release comes after all of its pre-releases.
  if (a.length === 0 || b.length === 0) return b.length - a.length
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const [left, right] = [a[i], b[i]]
    if (left === right) continue
    if (left === undefined) return -1
    if (right === undefined) return 1
    if (typeof left === 'number' && typeof right === 'number') return left - right
    if (typeof left === 'number') return -1
    if (typeof right === 'number') return 1
    return left < right ? -1 : 1
  }
  return 0
}

/**
 * The range that a text writes, with npm's operators `>= > < <= = ^ ~`, x-ranges (`1.2.x`, `1`, `*`), hyphens (`1.2 - 2`) and `||`;
 * undefined where it writes none.
 */
export function parseRange(text: string): VersionRange | undefined {
  if (text.length > maxRangeLength) return undefined
  const alternatives = text.split('||').map(parseAlternative)
  return alternatives.every((alternative) => alternative !== undefined) ? alternatives : undefined
}

export interface SatisfiesOptions {
  /**
   * A pre-release fits where its place in the order lies in the range. Without it a pre-release fits only where the range names a
   * pre-release of the same version, as npm chooses packages. @default false
   */
  readonly includePrerelease?: boolean
}

/** True where the version lies in the range. */
export function satisfies(version: Version, range: VersionRange, { includePrerelease = false }: SatisfiesOptions = {}): boolean {
  return range.some((comparators) => {
    if (!comparators.every((comparator) => holds(version, comparator))) return false
    if (version.prerelease.length === 0 || includePrerelease) return true
    return comparators.some(
      ({ version: bound }) =>
        bound.prerelease.length > 0 && compareVersions({ ...bound, prerelease: [] }, { ...version, prerelease: [] }) === 0,
    )
  })
}

/** What a range takes besides a version that it leaves out. */
export interface Outside {
  readonly newer: boolean
  readonly older: boolean
}

/** Whether a range that leaves a version out takes newer ones, older ones, both, or none at all. */
export function sidesOf(version: Version, range: VersionRange): Outside {
  const spans = range.map(spanOf).filter((span) => span !== undefined)
  return {
    newer: spans.some(({ from }) => from !== undefined && !holds(version, from)),
    older: spans.some(({ to }) => to !== undefined && !holds(version, to)),
  }
}

/** The bounds of an alternative that bind; undefined where it takes nothing. */
function spanOf(comparators: readonly Comparator[]): { from: Comparator | undefined; to: Comparator | undefined } | undefined {
  const lower = comparators.flatMap(({ operator, version }) =>
    operator.startsWith('>') ? [{ operator, version }] : operator === '=' ? [{ operator: '>=' as const, version }] : [],
  )
  const upper = comparators.flatMap(({ operator, version }) =>
    operator.startsWith('<') ? [{ operator, version }] : operator === '=' ? [{ operator: '<=' as const, version }] : [],
  )
  const tightest = (bounds: readonly Comparator[], sign: number) =>
    bounds.toSorted((a, b) => sign * compareVersions(a.version, b.version) || a.operator.length - b.operator.length)[0]
  const [from, to] = [tightest(lower, -1), tightest(upper, 1)]
  if (from === undefined || to === undefined) return { from, to }
  return holds(from.version, to) && holds(to.version, from) ? { from, to } : undefined
}

function holds(version: Version, { operator, version: bound }: Comparator): boolean {
  const order = compareVersions(version, bound)
  switch (operator) {
    case '=':
      return order === 0
    case '<':
      return order < 0
    case '<=':
      return order <= 0
    case '>':
      return order > 0
    case '>=':
      return order >= 0
  }
}

function parseAlternative(text: string): Comparator[] | undefined {
  const tokens = text.split(/\s+/).filter(Boolean)
  if (tokens.length === 3 && tokens[1] === '-') {
    const [from, to] = [parsePartial(tokens[0]!), parsePartial(tokens[2]!)]
    if (from === undefined || to === undefined) return undefined
    return [...comparatorsOf('>=', from), ...comparatorsOf('<=', to)]
  }
  const comparators: Comparator[] = []
  for (let i = 0; i < tokens.length; i++) {
    const operator = /^(?:[<>]=?|[=^~])?/.exec(tokens[i]!)![0]
    // npm lets a space stand between the operator and its version.
    const operand = tokens[i]!.length === operator.length ? tokens[++i] : tokens[i]!.slice(operator.length)
    const partial = parsePartial(operand ?? '')
    if (partial === undefined) return undefined
    comparators.push(...comparatorsOf(operator as Operator | '' | '^' | '~', partial))
  }
  return comparators
}

/** A version of which the last parts may be open. */
interface Partial {
  readonly parts: readonly number[]
  readonly prerelease: Version['prerelease']
}

function parsePartial(text: string): Partial | undefined {
  const match = text.length > maxVersionLength ? null : partialPattern.exec(text)
  if (match === null) return undefined
  const written = match.slice(1, 4)
  const isOpen = (part: string | undefined) => part === undefined || /[xX*]/.test(part)
  const open = written.findIndex(isOpen)
  // `1.x.3` would say nothing.
  if (open >= 0 && (match[4] !== undefined || !written.slice(open).every(isOpen))) return undefined
  const version = versionOf(
    written.map((part, i) => (open >= 0 && i >= open ? '0' : part!)),
    open < 0 ? match[4] : undefined,
  )
  if (version === undefined) return undefined
  const numbers = [version.major, version.minor, version.patch]
  return { parts: open < 0 ? numbers : numbers.slice(0, open), prerelease: version.prerelease }
}

function versionOf(numbers: readonly (string | undefined)[], prerelease: string | undefined): Version | undefined {
  const [major, minor, patch] = numbers.map(Number) as [number, number, number]
  if (![major, minor, patch].every(Number.isSafeInteger)) return undefined
  const identifiers = (prerelease?.split('.') ?? []).map((text) => (/^[0-9]+$/.test(text) ? text : { text }))
  // Numbers of a pre-release have no leading zeros (item 9).
  if (identifiers.some((part) => typeof part === 'string' && part.length > 1 && part.startsWith('0'))) return undefined
  const values = identifiers.map((part) => (typeof part === 'string' ? Number(part) : part.text))
  return { major, minor, patch, prerelease: values }
}

/** The plain comparators that an operator before a (partial) version stands for. */
function comparatorsOf(operator: Operator | '' | '^' | '~', { parts, prerelease }: Partial): Comparator[] {
  const [major = 0, minor = 0, patch = 0] = parts
  const floor: Version = { major, minor, patch, prerelease }
  const whole = parts.length === 3
  if (parts.length === 0) return operator === '<' || operator === '>' ? [nothing] : []
  /** Below all versions, pre-releases too, of the next value of part `index`. */
  const below = (index: number): Comparator => ({ operator: '<', version: { ...nextOf(floor, index), prerelease: [0] } })
  const from: Comparator = { operator: '>=', version: floor }
  const last = parts.length - 1
  switch (operator) {
    case '^': {
      const first = parts.findIndex((part) => part > 0)
      return [from, below(first < 0 ? last : first)]
    }
    case '~':
      return [from, below(Math.min(1, last))]
    case '':
    case '=':
      return whole ? [{ operator: '=', version: floor }] : [from, below(last)]
    case '>':
      return whole ? [{ operator, version: floor }] : [{ operator: '>=', version: nextOf(floor, last) }]
    case '>=':
      return [from]
    case '<':
      return [{ operator, version: whole ? floor : { ...floor, prerelease: [0] } }]
    case '<=':
      return whole ? [{ operator, version: floor }] : [below(last)]
  }
}

function nextOf({ major, minor, patch }: Version, index: number): Version {
  const parts = [major, minor, patch].map((part, i) => (i < index ? part : i === index ? part + 1 : 0))
  return { major: parts[0]!, minor: parts[1]!, patch: parts[2]!, prerelease: [] }
}

/** No version comes before the first. */
const nothing: Comparator = { operator: '<', version: { major: 0, minor: 0, patch: 0, prerelease: [0] } }
