// `fovea predict MODEL FILE…`: what a model sees in pictures, or in the frames of a video or camera.

import { resolve } from 'node:path'
import { Command } from 'commander'
import pc from 'picocolors'
import { loadImage } from '../data/decode.ts'
import { writePng } from '../data/encode.ts'
import { makeFolder } from '../data/files.ts'
import { namesVideo } from '../data/video/open-source.ts'
import type { Task } from '../model/metadata.ts'
import type { DeepSeekVision, PredictOptions } from '../model/vision-model.ts'
import { FoveaError, isFoveaError } from '../util/errors.ts'
import { type Answer, answerText, drawAnswer } from './answers.ts'
import { loadFlagged, type ModelFlags, withModelOptions } from './model-options.ts'
import { drawnFile, listPictures } from './pictures.ts'
import { openFlaggedSource, type SourceFlags, sourceHelp, withSourceOptions } from './source-options.ts'
import { bar, interruptSignal, LiveLine, modelHelp, parseCount, parseNumber } from './terminal.ts'

interface PredictFlags extends SourceFlags, ModelFlags {
  draw?: string
  explain?: boolean
  topK: number
  confidence?: number
  iou?: number
  threshold?: number
  pixelThreshold?: number
  json?: boolean
}

export function predictCommand(): Command {
  const command = new Command('predict').description(
    'say what a model sees in pictures or in the frames of a source; prints one line for each',
  )
  return withModelOptions(withSourceOptions(command))
    .argument('<model>', modelHelp)
    .argument('<pictures...>', `files or folders; or one source of frames: ${sourceHelp}`)
    .option('--draw <folder>', 'write each picture with the answer on it there')
    .option('--explain', 'with --draw: lay over the picture where the model looked (Grad-CAM)')
    .option('--top-k <n>', 'number of guesses in JSON', parseCount, 5)
    .option('--confidence <score>', 'of a detector: from which score on a detection counts (default: that of the model)', parseNumber)
    .option(
      '--iou <share>',
      'of a detector: boxes that overlap a better one by more than this go (default: that of the model)',
      parseNumber,
    )
    .option('--threshold <score>', 'of anomalies: above which score a picture is anomalous (default: that of the model)', parseNumber)
    .option('--pixel-threshold <value>', 'of anomalies: above which value a pixel is odd (default: that of the model)', parseNumber)
    .option('--json', 'print one JSON object a line')
    .action(async (file: string, pictures: string[], flags: PredictFlags, command: Command) => {
      if (flags.explain && flags.draw === undefined) command.error("error: option '--explain' needs '--draw <folder>'")
      const frames = flags.watch || flags.loop || pictures.some(namesVideo)
      if (frames && pictures.length > 1) command.error('error: give one source of frames, or pictures and folders')
      if (frames && flags.draw !== undefined) command.error("error: option '--draw' is for pictures; 'fovea source --save' keeps frames")
      const { signal, release } = interruptSignal()
      try {
        await (frames ? runFrames(file, pictures[0]!, flags, signal) : run(file, pictures, flags, signal))
      } finally {
        release()
      }
    })
}

async function run(file: string, pictures: readonly string[], flags: PredictFlags, signal: AbortSignal): Promise<void> {
  const line = new LiveLine()
  const files = (await listPictures(pictures)).map(({ path }) => path)
  const model = await loadFlagged(file, flags, line, signal)
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
        const drawn = flags.draw === undefined ? undefined : drawnFile(flags.draw, path, taken)()
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

/** One line for each frame, until the source ends, `--frames` are done, or Ctrl-C, which is an ordinary end. */
async function runFrames(file: string, spec: string, flags: PredictFlags, signal: AbortSignal): Promise<void> {
  const line = new LiveLine()
  const stop = new AbortController()
  // Opened first: a wrong address is told before a large model is loaded.
  await using source = await openFlaggedSource(spec, flags, line, stop.signal)
  await using model = await loadFlagged(file, flags, line, signal)
  model.requireHead()
  for (const note of model.notes) line.print(pc.yellow(note))
  const end = () => void source.stop()
  signal.addEventListener('abort', end, { once: true })
  if (signal.aborted) end()
  let count = 0
  for await (const { image, timestamp, sequence } of source) {
    const result: Answer = await model.predict(image, askedOf(flags))
    line.clear()
    const picture = image.source === undefined || image.source === source.id ? {} : { file: image.source }
    const record = { source: source.id, sequence, timestamp: Number(timestamp.toFixed(6)), ...picture, ...plain(result) }
    process.stdout.write(flags.json ? `${JSON.stringify(record)}\n` : `${timestamp.toFixed(3).padStart(9)} s  ${answerText(result)}\n`)
    if (++count >= (flags.frames ?? Number.POSITIVE_INFINITY)) break
    const { dropped, fps } = source.statistics
    line.update(`${count} frames, ${dropped} dropped, ${fps.toFixed(1)} a second come`)
  }
  line.clear()
}

async function predictOne(
  model: DeepSeekVision<Task>,
  path: string,
  flags: PredictFlags,
  drawn: string | undefined,
  line: LiveLine,
): Promise<void> {
  const image = await loadImage(path)
  const result: Answer = await model.predict(image, askedOf(flags))
  if (drawn !== undefined) {
    const explanation = flags.explain ? await model.explain(image) : undefined
    await writePng(drawn, await drawAnswer(image, result, explanation))
  }
  line.clear()
  const record = { file: path, ...plain(result), ...(drawn === undefined ? {} : { drawn }) }
  process.stdout.write(flags.json ? `${JSON.stringify(record)}\n` : `${path}  ${answerText(result)}\n`)
}

function askedOf({ topK, confidence, iou, threshold, pixelThreshold }: PredictFlags): PredictOptions {
  return {
    topK,
    ...(confidence !== undefined && { confidence }),
    ...(iou !== undefined && { iou }),
    ...(threshold !== undefined && { threshold }),
    ...(pixelThreshold !== undefined && { pixelThreshold }),
  }
}

/** As JSON has it: an answer may be an object with methods. */
function plain(answer: Answer): object {
  return 'toJSON' in answer ? answer.toJSON() : answer
}
