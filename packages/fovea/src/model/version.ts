// The version contract: a model file has a version of its own and states which versions of the framework can read it.

import { FoveaError } from '../util/errors.ts'
import { parseRange, parseVersion, satisfies, sidesOf, type VersionRange } from '../util/semver.ts'
import { frameworkVersion } from '../util/version.ts'

/** The range that files written by this version ask for. */
export const frameworkRange = '>=0.8.0'

/** The version of a model that nobody gave one. */
export const firstModelVersion = '1.0.0'

export interface ModelContract {
  /** Models of this name, or whose name or architecture begins with it and a hyphen. */
  readonly family: string
  /** Range of the model's own version. */
  readonly models: string
  /** Range of the framework that these need, whatever looser range the file states. */
  readonly framework: string
}

/**
 * What families of models need, beside what each file says. A file with a family's name and a version that no row covers is refused: what a
 * framework that does not know the version would make of it, nobody has tested. One that has only the architecture (what was trained
 * from a model of the family) is a model of its own, whose version is its own.
 */
export const modelContracts: readonly ModelContract[] = [{ family: 'deepseek-vision', models: '2.3.x', framework: '>=0.8.0' }]

/** What a file says of itself. */
export interface VersionClaims {
  readonly name?: string | undefined
  readonly architecture?: { readonly name: string } | undefined
  /** The model's own version. */
  readonly version?: string | undefined
  /** Range of the framework. @default frameworkRange */
  readonly framework?: string | undefined
}

export interface VersionCheck {
  /** Where the claims come from, for error messages. */
  readonly file?: string | undefined
  /** Version of the framework that is to read the file. @default this one's */
  readonly framework?: string
  readonly contracts?: readonly ModelContract[]
}

interface Requirement {
  readonly range: string
  readonly parsed: VersionRange
  /** The contract that asks for it; undefined for the file's own range. */
  readonly contract: ModelContract | undefined
}

/**
 * Holds that a framework may read a file: its version lies in the range that the file states, and in those that the contracts of its
 * family ask for; a file with the family's name has a version that one of them covers. A pre-release of the framework counts by its
 * place in the order: 0.9.0-rc.1 reads `>=0.8.0`, not `>=0.9.0`.
 *
 * @throws FoveaError MODEL_METADATA for a version or a range that is none, MODEL_VERSION naming the range, the version that is here, and
 *   what to do, which differs for a framework or a model that is too old and one that is too new
 */
export function checkVersions(claims: VersionClaims, check: VersionCheck = {}): void {
  const { file, framework = frameworkVersion } = check
  const here = parseVersion(framework)!
  for (const requirement of requirementsOf(claims, check)) {
    if (satisfies(here, requirement.parsed, { includePrerelease: true })) continue
    const { contract, range } = requirement
    throw new FoveaError('MODEL_VERSION', {
      file,
      field: contract === undefined ? 'fovea.framework' : 'fovea.version',
      expected: `fovea ${range}${contract === undefined ? '' : `, which ${contract.family} ${contract.models} needs`}`,
      found: `fovea ${framework}`,
      remedy: remedyOf(requirement, sidesOf(here, requirement.parsed), framework),
    })
  }
}

function requirementsOf(
  claims: VersionClaims,
  { file, framework = frameworkVersion, contracts = modelContracts }: VersionCheck,
): Requirement[] {
  const range = claims.framework ?? frameworkRange
  const fail = (field: string, expected: string, found: string): never => {
    throw new FoveaError('MODEL_METADATA', { file, field, expected, found: found.slice(0, 60) })
  }
  const stated = parseRange(range) ?? fail('fovea.framework', 'a range as npm writes it, such as ">=0.8.0 <2.0.0"', range)
  const requirements: Requirement[] = [{ range, parsed: stated, contract: undefined }]
  if (claims.version === undefined) return requirements
  const version = parseVersion(claims.version) ?? fail('fovea.version', 'a version such as "1.2.3" (semver.org)', claims.version)
  const covers = ({ models }: ModelContract) => satisfies(version, parseRange(models)!, { includePrerelease: true })
  const named = contracts.filter(({ family }) => belongsTo(claims.name, family))
  if (named.length > 0 && !named.some(covers)) throw notCovered(named, claims.version, file, framework)
  for (const contract of contracts)
    if ((belongsTo(claims.name, contract.family) || belongsTo(claims.architecture?.name, contract.family)) && covers(contract))
      requirements.push({ range: contract.framework, parsed: parseRange(contract.framework)!, contract })
  return requirements
}

function belongsTo(name: string | undefined, family: string): boolean {
  return name === family || name?.startsWith(`${family}-`) === true
}

/** @param contracts the rows of the family */
function notCovered(contracts: readonly ModelContract[], version: string, file: string | undefined, framework: string): FoveaError {
  const ranges = contracts.map(({ models }) => models).join(' || ')
  const { family } = contracts[0]!
  const isLater = sidesOf(parseVersion(version)!, parseRange(ranges)!).older
  return new FoveaError('MODEL_VERSION', {
    file,
    field: 'fovea.version',
    expected: `${family} ${ranges}, the versions that fovea ${framework} reads`,
    found: version,
    remedy: isLater
      ? `Install the latest fovea, which may know it: npm install fovea@latest; or take ${family} ${ranges}.`
      : `Take ${family} ${ranges}. A model of your own needs a name of its own (fovea.name).`,
  })
}

/** A parsed range holds no character that means something inside double quotes of a shell, so the command can be given as it is. */
function remedyOf({ range, contract }: Requirement, sides: { newer: boolean; older: boolean }, framework: string): string {
  const install = `npm install "fovea@${range}"`
  const model = contract === undefined ? 'the model' : contract.family
  if (sides.newer && sides.older) return `Install a version in that range: ${install}.`
  if (sides.newer)
    return `This framework is too old for the file: ${install}, or take an earlier version of ${model}, made for ${framework}.`
  if (sides.older)
    return `This framework is too new for the file: take a later version of ${model} or train it again with ${framework}, or go back: ${install}.`
  return 'No version is in that range: save the model again with Fovea.'
}
