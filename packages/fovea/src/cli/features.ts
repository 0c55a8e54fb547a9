// `fovea features MODEL PICTURES…`: what a model holds of pictures at any layer, as numbers, heat maps, and a map of a folder.

import { dirname, resolve } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import pc from 'picocolors'
import { loadImage } from '../data/decode.ts'
import { renderPointMap } from '../data/draw-map.ts'
import { writePng } from '../data/encode.ts'
import { makeFolder } from '../data/files.ts'
import { checkFeatureFile, saveFeatures } from '../data/numpy-file.ts'
import { drawFeatures, isDrawable } from '../model/draw-features.ts'
import { type MapMethod, mapEmbeddings } from '../model/embedding-map.ts'
import type { Features } from '../model/extract-features.ts'
import { FoveaError, isFoveaError } from '../util/errors.ts'
import { pooledRow } from '../vision/feature-map.ts'
import type { Image } from '../vision/image.ts'
import { FeatureRows } from './feature-rows.ts'
import { loadFlagged, type ModelFlags, withModelOptions } from './model-options.ts'
import { drawnFile, type ListedPicture, listPictures, parseDrawing, picturesRemedy } from './pictures.ts'
import { bar, interruptSignal, LiveLine, modelHelp, parseCount, parsePattern } from './terminal.ts'

interface FeaturesFlags extends ModelFlags {
  layer?: string[]
  save?: string
  pool?: boolean
  draw?: string
  kind?: 'sheet' | 'activation' | 'components' | 'channels' | 'levels'
  map?: string
  method: MapMethod
  seed: number
  classFromName?: RegExp
  batch: number
  values?: boolean
  json?: boolean
}

export function featuresCommand(): Command {
  const command = new Command('features').description(
    'show what a model holds of pictures at any layer: numbers, heat maps, a map of a folder',
  )
  return withModelOptions(command)
    .argument('<model>', modelHelp)
    .argument('<pictures...>', 'files or folders')
    .option('--layer <name>', 'a stage, or any value of the graph; may be repeated, or a list with commas (default: embedding)', layers)
    .option('--save <file>', 'write the features for NumPy: one layer to .npy, any number to .npz with the names of the files')
    .option('--pool', 'with --save: average maps over the picture')
    .option('--draw <folder>', 'write heat maps over the pictures there, as NAME.LAYER.png')
    .addOption(
      new Option('--kind <what>', 'with --draw: what is drawn (default: levels for attention, else activation)').choices([
        'sheet',
        'activation',
        'components',
        'channels',
        'levels',
      ]),
    )
    .option('--map <file>', 'write a map of all pictures there, a PNG: near ones are alike', parseDrawing)
    .addOption(new Option('--method <name>', 'with --map: how it is laid out').choices(['umap', 'pca']).default('umap'))
    .option('--seed <n>', 'with --map: the same seed gives the same map', parseSeed, 0)
    .option('--class-from-name <regexp>', 'with --map: take the class from the file name: its first group', parsePattern)
    .option('--batch <n>', 'pictures that go through the model at once', parseCount, 16)
    .option('--json', 'print one JSON object a line')
    .option('--values', 'with --json: print all values too')
    .action(async (file: string, pictures: string[], flags: FeaturesFlags) => {
      const { signal, release } = interruptSignal()
      try {
        await run(file, pictures, flags, signal)
      } finally {
        release()
      }
    })
}

function layers(text: string, before: string[] = []): string[] {
  const names = text.split(',').map((name) => name.trim())
  if (names.includes('')) throw new InvalidArgumentError('It must be a name, or names with commas between them.')
  return [...before, ...names]
}

function parseSeed(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('It must be a whole number of at least 0.')
  return value
}

async function run(file: string, pictures: readonly string[], flags: FeaturesFlags, signal: AbortSignal): Promise<void> {
  const line = new LiveLine()
  const names = [...new Set(flags.layer ?? ['embedding'])]
  if (flags.save !== undefined) checkFeatureFile(flags.save, names.length)
  const listed = await listPictures(pictures, flags.classFromName)
  const model = await loadFlagged(file, flags, line, signal)
  const saved = flags.save === undefined ? undefined : new FeatureRows(flags.pool ?? false)
  const mapped: { rows: Float32Array[]; pictures: ListedPicture[] } = { rows: [], pictures: [] }
  const taken = new Set(listed.map(({ path }) => resolve(path)))
  const told = new Set<string>()
  let failed = 0
  try {
    for (const note of model.notes) line.print(pc.yellow(note))
    if (flags.draw !== undefined) await makeFolder(flags.draw)
    for await (const { images, at, failures } of batchesOf(listed, flags.batch, signal)) {
      for (const message of failures) line.print(pc.red(message))
      failed += failures.length
      if (images.length === 0) continue
      const features = await model.extractFeatures(
        images.map(({ image }) => image),
        { layer: names, batchSize: flags.batch },
      )
      for (const [i, { image, listed: one }] of images.entries()) {
        saved?.add(one.path, features, i)
        if (flags.map !== undefined) mapped.rows.push(pooledRow(features[names[0]!]!.shape, features[names[0]!]!.data, i))
        mapped.pictures.push(one)
        const drawn = flags.draw === undefined ? undefined : drawnFile(flags.draw, one.path, taken)
        for (const name of names) {
          // Beside maps, what has no places is no reason to stop.
          const isDrawn = drawn !== undefined && (names.length === 1 || isDrawable(features[name]!))
          if (drawn !== undefined && !isDrawn && !told.has(name)) line.print(pc.yellow(`${name}: one value a channel, nothing to draw`))
          told.add(name)
          const target = isDrawn ? drawn(name) : undefined
          if (target !== undefined)
            await writePng(target, await drawFeatures(image, features[name]!, { ...(flags.kind ? { kind: flags.kind } : {}), index: i }))
          line.clear()
          process.stdout.write(lineOf(one.path, features[name]!, i, flags, target))
        }
      }
      if (listed.length > 1) line.update(`${bar(at / listed.length)}  ${at}/${listed.length}`)
    }
    line.clear()
  } finally {
    await model.close()
  }
  if (failed === listed.length)
    throw new FoveaError('DATA_NO_IMAGES', { expected: 'at least one readable picture', found: 'none', remedy: picturesRemedy })
  if (saved !== undefined) {
    await saveFeatures(flags.save!, saved.arrays(flags.save!))
    line.print(`features: ${flags.save}`)
  }
  if (flags.map !== undefined) {
    await drawMap(flags.map, names[0]!, mapped, flags, signal, line)
    line.print(`map: ${flags.map}`)
  }
  if (failed > 0) process.exitCode = 1
}

interface LoadedBatch {
  readonly images: readonly { readonly image: Image; readonly listed: ListedPicture }[]
  /** Pictures read so far. */
  readonly at: number
  readonly failures: readonly string[]
}

/** Pictures in batches; the next one is decoded while the model works on the last. An unreadable picture is told and left out. */
async function* batchesOf(listed: readonly ListedPicture[], size: number, signal: AbortSignal): AsyncGenerator<LoadedBatch> {
  const load = async (from: number): Promise<LoadedBatch> => {
    const images: { image: Image; listed: ListedPicture }[] = []
    const failures: string[] = []
    const part = listed.slice(from, from + size)
    for (const one of part)
      try {
        images.push({ image: await loadImage(one.path), listed: one })
      } catch (error) {
        if (!isFoveaError(error) || !error.code.startsWith('DATA_')) throw error
        failures.push(error.message)
      }
    return { images, at: from + part.length, failures }
  }
  let next = load(0)
  for (let from = 0; from < listed.length; from += size) {
    if (signal.aborted) throw new FoveaError('CANCELLED', { cause: signal.reason })
    const batch = await next
    if (from + size < listed.length) {
      next = load(from + size)
      // It is awaited in the next round, if there is one.
      next.catch(() => undefined)
    }
    yield batch
  }
}

/** One picture's features in a line: figures, not values, unless they are asked for. */
function lineOf(path: string, features: Features, index: number, flags: FeaturesFlags, drawn: string | undefined): string {
  const size = features.shape.slice(1).reduce((product, dim) => product * dim, 1)
  const values = Float64Array.from({ length: size }, (_, i) => Number(features.data[index * size + i]))
  let [min, max, sum, squares] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0]
  for (const value of values) {
    min = Math.min(min, value)
    max = Math.max(max, value)
    sum += value
    squares += value * value
  }
  const { layer, value, stride } = features
  const shape = features.shape.slice(1)
  const figures = { min, max, mean: sum / size, norm: Math.sqrt(squares) }
  const more = { ...(stride === undefined ? {} : { stride }), ...(drawn === undefined ? {} : { drawn }) }
  const listed = flags.values ? { values: [...values] } : {}
  if (flags.json) return `${JSON.stringify({ file: path, layer, value, shape, ...figures, ...more, ...listed })}\n`
  const written = Object.entries(figures).map(([name, figure]) => `${name} ${Number(figure.toPrecision(4))}`)
  return `${path}  ${layer} [${shape}]  ${written.join('  ')}\n`
}

async function drawMap(
  file: string,
  layer: string,
  { rows, pictures }: { readonly rows: readonly Float32Array[]; readonly pictures: readonly ListedPicture[] },
  flags: FeaturesFlags,
  signal: AbortSignal,
  line: LiveLine,
): Promise<void> {
  const { method, points, explained } = await mapEmbeddings(rows, {
    method: flags.method,
    seed: flags.seed,
    signal,
    onProgress: (done, total) => line.update(`map  ${bar(done / total)}  ${done}/${total}`),
  })
  const classes = [...new Set(pictures.map(({ group }) => group))].sort()
  const way =
    method === 'umap'
      ? 'UMAP: pictures that lie together have like features; directions and distances between groups mean nothing.'
      : `The first two principal components, which hold ${Math.round(100 * (explained ?? 0))} % of the variance.`
  const image = await renderPointMap(
    {
      title: `${pictures.length} pictures by ${layer}`,
      subtitle: `${rows[0]!.length} features a picture`,
      points,
      note: way,
      ...(classes.length > 1 ? { classes, labels: pictures.map(({ group }) => classes.indexOf(group)) } : {}),
    },
    (point) => loadImage(pictures[point]!.path).catch(() => undefined),
  )
  await makeFolder(dirname(file))
  await writePng(file, image)
}
