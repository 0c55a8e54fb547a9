// `fovea predict MODEL FILE…`: what a model sees in pictures.

import { stat } from 'node:fs/promises'
import { basename, extname, join, resolve } from 'node:path'
import { Command, Option } from 'commander'
import pc from 'picocolors'
import { loadImage } from '../data/decode.ts'
import { writePng } from '../data/encode.ts'
import { makeFolder } from '../data/files.ts'
import { listImages } from '../data/image-folder.ts'
import { drawPrediction } from '../model/draw.ts'
import { DeepSeekVision } from '../model/vision-model.ts'
import { FoveaError, isFoveaError } from '../util/errors.ts'
import { bar, hubOptions, interruptSignal, LiveLine, modelHelp, parseCount } from './terminal.ts'

interface PredictFlags {
  input?: 'raw' | 'unit' | 'imagenet'
  device?: string
  draw?: string
  explain?: boolean
  topK: number
  json?: boolean
}

export function predictCommand(): Command {
  return new Command('predict')
    .description('classify pictures; prints one line for each')
    .argument('<model>', modelHelp)
    .argument('<pictures...>', 'files or folders')
    .addOption(new Option('--input <scaling>', 'pixel scaling of a model without metadata').choices(['raw', 'unit', 'imagenet']))
    .option('--device <name>', 'cpu, webgpu, cuda:N or tensorrt:N')
    .option('--draw <folder>', 'write each picture with its label there')
    .option('--explain', 'with --draw: lay over the picture where the model looked (Grad-CAM)')
    .option('--top-k <n>', 'number of guesses in JSON', parseCount, 5)
    .option('--json', 'print one JSON object a line')
    .action(async (file: string, pictures: string[], flags: PredictFlags, command: Command) => {
      if (flags.explain && flags.draw === undefined) command.error("error: option '--explain' needs '--draw <folder>'")
      const { signal, release } = interruptSignal()
      try {
        await run(file, pictures, flags, signal)
      } finally {
        release()
      }
    })
}

async function run(file: string, pictures: readonly string[], flags: PredictFlags, signal: AbortSignal): Promise<void> {
  const line = new LiveLine()
  const files = await listAll(pictures)
  const model = await DeepSeekVision.load(file, {
    ...(flags.input ? { input: flags.input } : {}),
    ...(flags.device ? { device: flags.device } : {}),
    hub: hubOptions(line, signal),
  })
  // Neither a drawing nor a picture that was asked about is ever written over.
  const taken = new Set(files.map((path) => resolve(path)))
  let failed = 0
  try {
    for (const note of model.notes) line.print(pc.yellow(note))
    if (flags.draw !== undefined) await makeFolder(flags.draw)
    for (const [i, path] of files.entries()) {
      if (signal.aborted) throw new FoveaError('CANCELLED')
      if (files.length > 1) line.update(`${bar(i / files.length)}  ${i}/${files.length}`)
      try {
        const drawn = flags.draw === undefined ? undefined : drawnFile(flags.draw, path, taken)
        await predictOne(model, path, flags, drawn, line)
      } catch (error) {
        if (!isFoveaError(error) || !error.code.startsWith('DATA_')) throw error
        // One bad picture does not end the others; the exit code tells.
        failed++
        line.print(pc.red(error.message))
      }
    }
    line.clear()
  } finally {
    await model.close()
  }
  if (failed > 0) process.exitCode = 1
}

async function predictOne(
  model: DeepSeekVision,
  path: string,
  flags: PredictFlags,
  drawn: string | undefined,
  line: LiveLine,
): Promise<void> {
  const image = await loadImage(path)
  const result = await model.predict(image, { topK: flags.topK })
  if (drawn !== undefined) {
    const explanation = flags.explain ? await model.explain(image) : undefined
    await writePng(drawn, await drawPrediction(image, result, explanation === undefined ? {} : { explanation }))
  }
  line.clear()
  const record = { file: path, ...result, ...(drawn === undefined ? {} : { drawn }) }
  process.stdout.write(
    flags.json ? `${JSON.stringify(record)}\n` : `${path}  ${result.label}  ${(100 * result.probability).toFixed(1)} %\n`,
  )
}

async function listAll(pictures: readonly string[]): Promise<string[]> {
  const files: string[] = []
  for (const path of pictures) {
    const found = await stat(path).catch(() => undefined)
    if (found?.isDirectory()) files.push(...(await listImages(path)))
    else files.push(path)
  }
  return files
}

/** `part.png`, `part-2.png` where the name is taken. */
function drawnFile(folder: string, path: string, taken: Set<string>): string {
  const name = basename(path, extname(path))
  let file = join(folder, `${name}.png`)
  for (let i = 2; taken.has(resolve(file)); i++) file = join(folder, `${name}-${i}.png`)
  taken.add(resolve(file))
  return file
}
