// ImageFolder: root/{train,val,test}/<class>/*, root/<class>/*, or a flat folder whose file names state the class.

import type { Dirent } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { FoveaError } from '../util/errors.ts'
import { said } from '../util/said.ts'
import { compareText, type ImageDataset, type Sample, stratifiedSplit } from './dataset.ts'
import { type SplitName, splitName } from './formats/split-folders.ts'
import { imageExtensions } from './image-format.ts'

/** How a file's name tells its class: an expression whose first group is the class, or a function; undefined leaves the file out. */
export type ClassRule = RegExp | ((fileName: string) => string | undefined)

export interface ImageFolderOptions {
  /** Part of each class that is held back for validation where the folder has no `val`, 0 to 1. Default 0.2; 0 holds nothing back. */
  readonly validationFraction?: number
  /** Seed of that split. Default 0. */
  readonly seed?: number
  /** File name endings, with the dot, in lower case. Default `imageExtensions`. */
  readonly extensions?: readonly string[]
  /** Takes the class from the file's name instead of its folder, such as /^(.+)_\d+\./ for `crazing_12.jpg`. */
  readonly classFromName?: ClassRule
  /** A class folder without images: `warn` (it stays a class) or `error`. Default `error`. */
  readonly onEmptyClass?: 'warn' | 'error'
  /** Fixes the classes and their order, as when a trained model is evaluated; a folder of another name is an error. */
  readonly classes?: readonly string[]
  /** Least number of classes. Default 2; evaluation may pass 1. */
  readonly minClasses?: number
}

export interface ImageFolder {
  readonly root: string
  readonly classes: readonly string[]
  /** Those that exist. `val` was held back from `train` by seed where `splitBySeed` is true. */
  readonly splits: { readonly [S in SplitName]?: ImageDataset }
  readonly splitBySeed: boolean
  /** Parts that the pictures come in beside splits, as the categories of MVTec AD, by name. Default none */
  readonly groups?: readonly string[]
  /** One sentence each, for the user. */
  readonly warnings: readonly string[]
}

/**
 * Reads the layout of a data set; no image is opened. Classes are sorted by name (code units), files are found at any depth below
 * their class, names that begin with a dot are ignored.
 * @throws DATA_NOT_A_FOLDER, DATA_NO_IMAGES, DATA_EMPTY_CLASS, DATA_ONE_CLASS, DATA_TOO_FEW, DATA_CLASS_RULE
 */
export async function openImageFolder(root: string, options: ImageFolderOptions = {}): Promise<ImageFolder> {
  checkPlace(root, options)
  const entries = await listFolder(root)
  const named = new Map<SplitName, string>()
  for (const { name } of entries.filter((entry) => entry.directory)) {
    const split = splitName(name)
    if (split !== undefined && !named.has(split)) named.set(split, join(root, name))
  }
  // A folder that only happens to be called `test` beside class folders is a class, unless `train` or `val` is there too.
  const hasSplits = named.has('train') || named.has('val') || (named.has('test') && entries.filter((e) => e.directory).length === 1)
  const found = new Map<SplitName, FoundClass[]>()
  for (const split of ['train', 'val', 'test'] as const) {
    const path = hasSplits ? named.get(split) : split === 'train' ? root : undefined
    if (path !== undefined) found.set(split, await findClasses(path, options))
  }

  const warnings: string[] = []
  const classes = options.classes ?? [...new Set([...found.values()].flat().map(({ name }) => name))].sort(compareText)
  const splits: { [S in SplitName]?: ImageDataset } = {}
  for (const [split, members] of found) splits[split] = toDataset(root, members, classes)
  checkClasses(root, classes, splits, options, warnings)

  const fraction = options.validationFraction ?? 0.2
  const splitBySeed = splits.train !== undefined && splits.val === undefined && fraction > 0
  if (splitBySeed) {
    const { kept, held } = stratifiedSplit(splits.train!, fraction, options.seed ?? 0)
    splits.train = kept
    splits.val = held
  }
  return { root, classes, splits, splitBySeed, warnings }
}

/**
 * The images of a folder at any depth, sorted by path, without classes: what `predict` is given.
 * @throws DATA_NOT_A_FOLDER, DATA_NO_IMAGES
 */
export async function listImages(root: string, extensions: readonly string[] = imageExtensions): Promise<string[]> {
  checkPlace(root)
  const paths = await walk(root, extensions)
  if (paths.length === 0)
    throw new FoveaError('DATA_NO_IMAGES', { expected: `files ending in ${extensions.join(', ')}`, found: 'none', file: root })
  return paths
}

/** A path, and options that are an object. @throws DATA_NOT_A_FOLDER, DATA_OPTION_INVALID */
export function checkPlace(root: unknown, options: unknown = {}): void {
  if (typeof root !== 'string' || root === '') throw new FoveaError('DATA_NOT_A_FOLDER', { expected: 'a path', found: said(root) })
  if (typeof options !== 'object' || options === null)
    throw new FoveaError('DATA_OPTION_INVALID', { field: 'options', expected: 'an object', found: said(options) })
}

interface FoundClass {
  readonly name: string
  readonly paths: readonly string[]
}

async function findClasses(root: string, options: ImageFolderOptions): Promise<FoundClass[]> {
  const extensions = options.extensions ?? imageExtensions
  if (options.classFromName !== undefined) return classesByName(await walk(root, extensions), options.classFromName)
  const folders = (await listFolder(root)).filter((entry) => entry.directory)
  return Promise.all(folders.map(async ({ name }) => ({ name, paths: await walk(join(root, name), extensions) })))
}

function classesByName(paths: readonly string[], rule: ClassRule): FoundClass[] {
  const groups = new Map<string, string[]>()
  for (const path of paths) {
    const file = basename(path)
    const name = rule instanceof RegExp ? ruleGroup(rule, file) : rule(file)
    if (name === undefined) continue
    if (name === '') throw new FoveaError('DATA_CLASS_RULE', { expected: 'a class name', found: 'an empty text', file: path })
    const group = groups.get(name) ?? []
    group.push(path)
    groups.set(name, group)
  }
  if (paths.length > 0 && groups.size === 0) {
    throw new FoveaError('DATA_CLASS_RULE', { expected: 'a rule that fits', found: `no match in ${paths.length} files`, file: paths[0] })
  }
  return [...groups].map(([name, members]) => ({ name, paths: members }))
}

function ruleGroup(rule: RegExp, file: string): string | undefined {
  const match = file.match(new RegExp(rule.source, rule.flags.replace(/[gy]/g, '')))
  return match === null ? undefined : (match[1] ?? match[0])
}

function toDataset(root: string, found: readonly FoundClass[], classes: readonly string[]): ImageDataset {
  const labels = new Map(classes.map((name, label) => [name, label]))
  const samples: Sample[] = []
  for (const { name, paths } of found.toSorted((a, b) => compareText(a.name, b.name))) {
    const label = labels.get(name)
    if (label === undefined) {
      if (paths.length === 0) continue
      throw new FoveaError('DATA_CLASS_RULE', {
        expected: `one of the classes ${classes.slice(0, 20).join(', ')}`,
        found: name,
        file: root,
        remedy: 'Rename the folder to a class of the model, or move it away.',
      })
    }
    for (const path of paths) samples.push({ path, label })
  }
  return { classes, samples }
}

function checkClasses(
  root: string,
  classes: readonly string[],
  splits: ImageFolder['splits'],
  options: ImageFolderOptions,
  warnings: string[],
): void {
  const total = Object.values(splits).reduce((sum, split) => sum + split.samples.length, 0)
  if (total === 0) {
    const extensions = (options.extensions ?? imageExtensions).join(', ')
    throw new FoveaError('DATA_NO_IMAGES', { expected: `<class>/ folders with files ending in ${extensions}`, found: 'none', file: root })
  }
  if (classes.length < (options.minClasses ?? 2))
    throw new FoveaError('DATA_ONE_CLASS', { found: classes.join(', ') || 'none', file: root })
  for (const [split, dataset] of Object.entries(splits)) {
    classes.forEach((name, label) => {
      if (dataset.samples.some((sample) => sample.label === label)) return
      // Held-out parts may lack a class, as a small test set does; training on nothing is a mistake.
      if (split === 'train' && (options.onEmptyClass ?? 'error') === 'error' && options.classes === undefined) {
        throw new FoveaError('DATA_EMPTY_CLASS', { field: name, file: join(root, splits.val || splits.test ? split : '', name) })
      }
      warnings.push(`Class "${name}" has no images in ${split}.`)
    })
  }
}

interface Entry {
  readonly name: string
  readonly directory: boolean
}

async function listFolder(path: string): Promise<Entry[]> {
  try {
    if (!(await stat(path)).isDirectory()) throw new FoveaError('DATA_NOT_A_FOLDER', { found: 'a file', file: path })
    const visible = (await readdir(path, { withFileTypes: true })).filter(({ name }) => !name.startsWith('.'))
    const entries = await Promise.all(visible.map((entry) => followLink(path, entry)))
    return entries.sort((a, b) => compareText(a.name, b.name))
  } catch (error) {
    if (error instanceof FoveaError) throw error
    throw new FoveaError('DATA_NOT_A_FOLDER', { found: (error as NodeJS.ErrnoException).code ?? 'a read error', file: path, cause: error })
  }
}

/** Data sets are often linked together from other folders. A dangling link is neither folder nor, by its name alone, lost. */
async function followLink(folder: string, entry: Dirent): Promise<Entry> {
  const directory = entry.isSymbolicLink()
    ? await stat(join(folder, entry.name)).then(
        (target) => target.isDirectory(),
        () => false,
      )
    : entry.isDirectory()
  return { name: entry.name, directory }
}

/** Deeper than this there is a link that leads back to its own folder. */
const maxDepth = 32

async function walk(root: string, extensions: readonly string[], depth = 0): Promise<string[]> {
  if (depth > maxDepth)
    throw new FoveaError('DATA_NOT_A_FOLDER', {
      expected: `at most ${maxDepth} folders in one another`,
      found: 'a loop of links',
      file: root,
    })
  const paths: string[] = []
  for (const entry of await listFolder(root)) {
    const path = join(root, entry.name)
    if (entry.directory) for (const inner of await walk(path, extensions, depth + 1)) paths.push(inner)
    else if (extensions.includes(extname(entry.name).toLowerCase())) paths.push(path)
  }
  return paths
}
