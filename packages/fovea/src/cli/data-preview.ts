// `fovea data preview DATA`: a picture sheet of what a pipeline of transforms does to samples and what is marked in them.

import { readFile } from 'node:fs/promises'
import { Command, Option } from 'commander'
import { loadImage } from '../data/decode.ts'
import { drawTransforms } from '../data/draw-transform.ts'
import { writePng } from '../data/encode.ts'
import { openDataset } from '../data/formats/dataset-files.ts'
import { datasetFormats } from '../data/formats/table.ts'
import { parseTransform, type Transform } from '../data/transforms/compose.ts'
import type { AnnotatedImage } from '../data/transforms/sample.ts'
import { type AugmentationName, augmentation, augmentations } from '../train/augment.ts'
import { FoveaError } from '../util/errors.ts'
import { minOf } from '../util/extremes.ts'
import { Random } from '../util/random.ts'
import type { LabelledPicture } from '../vision/labelled-set.ts'
import { parseDrawing } from './pictures.ts'
import { interruptSignal, LiveLine, parseNumber } from './terminal.ts'

interface PreviewFlags {
  transform: string
  out: string
  samples: number
  variants: number
  seed: number
  imgsz?: number
  format?: string
  json?: boolean
}

export function previewCommand(): Command {
  return new Command('preview')
    .description('draw what transforms do to pictures and to the boxes, masks and keypoints in them')
    .argument('<data>', 'a folder, or one of its label files')
    .option('--transform <spec>', `${augmentations.join(', ')}, a transform as JSON, or a file of it`, 'light')
    .option('--out <file>', 'the sheet, a PNG', parseDrawing, 'preview.png')
    .option('--samples <n>', 'rows: pictures, drawn by seed', parseNumber, 4)
    .option('--variants <n>', 'how often each is transformed', parseNumber, 5)
    .option('--seed <n>', 'the same seed gives the same sheet', parseNumber, 0)
    .option('--imgsz <n>', "side of the square pictures that a preset is for (default: each picture's own shorter side)", parseNumber)
    .addOption(new Option('--format <name>', 'the format, where it cannot be told').choices(datasetFormats.map(({ name }) => name)))
    .option('--json', 'print JSON')
    .action(async (data: string, flags: PreviewFlags) => {
      const line = new LiveLine()
      const { signal, release } = interruptSignal()
      try {
        const rows = await pickSamples(data, flags, signal)
        const transform = await readTransform(flags.transform, flags.imgsz ?? shorterSide(rows))
        const { variants, seed } = flags
        await writePng(
          flags.out,
          await drawTransforms(rows, transform, { variants, seed, title: `${titleOf(flags.transform, transform)}, seed ${seed}` }),
        )
        line.clear()
        if (flags.json)
          process.stdout.write(`${JSON.stringify({ out: flags.out, samples: rows.map(({ image }) => image.source), transform })}\n`)
        else process.stdout.write(`${rows.length} pictures, ${variants} variants of each in ${flags.out}\n`)
      } finally {
        line.clear()
        release()
      }
    })
}

/** Pictures that can be read, in an order drawn by seed. */
async function pickSamples(data: string, { samples, seed, format }: PreviewFlags, signal: AbortSignal): Promise<AnnotatedImage[]> {
  if (!Number.isSafeInteger(samples) || samples < 1 || samples > 100)
    throw new FoveaError('DATA_OPTION_INVALID', { field: 'samples', expected: '1 to 100', found: String(samples) })
  const opened = await openDataset(data, { ...(format === undefined ? {} : { format }), onProblem: () => undefined, signal })
  const pictures: LabelledPicture[] = []
  for await (const picture of opened.pictures) if (picture.file !== undefined) pictures.push(picture)
  const picked: AnnotatedImage[] = []
  for (const index of new Random(seed, 'pick').permutation(pictures.length)) {
    if (picked.length === samples) break
    const { file, annotations } = pictures[index]!
    const image = await loadImage(file!).catch(() => undefined)
    if (image !== undefined) picked.push({ image, annotations })
  }
  if (picked.length === 0) throw new FoveaError('DATA_NO_IMAGES', { file: data, expected: 'pictures that can be read', found: 'none' })
  return picked
}

/** A preset's name, else the steps. */
function titleOf(spec: string, transform: Transform): string {
  if ((augmentations as readonly string[]).includes(spec)) return spec
  const kinds = transform.kind === 'compose' ? transform.steps.map(({ kind }) => kind).join(', ') : transform.kind
  return kinds.length > 100 ? `${kinds.slice(0, 99)}…` : kinds
}

function shorterSide(samples: readonly AnnotatedImage[]): number {
  return minOf(samples.map(({ image }) => Math.min(image.width, image.height)))
}

/** @throws DATA_TRANSFORM_INVALID, DATA_FILE_NOT_FOUND */
async function readTransform(spec: string, side: number): Promise<Transform> {
  if ((augmentations as readonly string[]).includes(spec))
    return augmentation(spec as AugmentationName, side) ?? parseTransform({ kind: 'compose', steps: [] })
  const text = /^\s*[[{]/.test(spec)
    ? spec
    : await readFile(spec, 'utf8').catch((cause: NodeJS.ErrnoException) => {
        throw new FoveaError('DATA_FILE_NOT_FOUND', {
          file: spec,
          expected: `${augmentations.join(', ')}, JSON, or a file of it`,
          found: cause.code ?? cause.message,
          cause,
        })
      })
  try {
    const value: unknown = JSON.parse(text)
    return parseTransform(Array.isArray(value) ? { kind: 'compose', steps: value } : value)
  } catch (cause) {
    if (cause instanceof FoveaError) throw cause
    throw new FoveaError('DATA_TRANSFORM_INVALID', {
      field: 'transform',
      expected: 'JSON such as [{"kind": "randomHorizontalFlip"}]',
      found: (cause as Error).message,
      cause,
    })
  }
}
