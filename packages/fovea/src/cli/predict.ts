// `fovea predict MODEL FILE…`: what a model sees in pictures, or in the frames of a video or camera.

import { statSync } from 'node:fs'
import { basename, dirname, extname, join, resolve } from 'node:path'
import { Command, Option } from 'commander'
import pc from 'picocolors'
import { loadImage } from '../data/decode.ts'
import { writePng } from '../data/encode.ts'
import { makeFolder } from '../data/files.ts'
import { namesVideo } from '../data/video/open-source.ts'
import type { Source } from '../data/video/source.ts'
import { steadyFrames, type TimedImage } from '../data/video/steady.ts'
import { writeVideo } from '../data/video/write-video.ts'
import { type Answer, answerText } from '../model/answer-text.ts'
import { drawAnswer } from '../model/draw-answer.ts'
import type { Task } from '../model/metadata.ts'
import type { DeepSeekVision, PredictOptions } from '../model/vision-model.ts'
import { FoveaError, isFoveaError } from '../util/errors.ts'
import type { Detections } from '../vision/detections.ts'
import { loadFlagged, type ModelFlags, withModelOptions } from './model-options.ts'
import { drawnFile, listPictures } from './pictures.ts'
import { openFlaggedSource, type SourceFlags, sourceHelp, withSourceOptions } from './source-options.ts'
import { bar, interruptSignal, LiveLine, modelHelp, parseCount, parseNumber, parseScores } from './terminal.ts'
import { asksTracking, type TrackFlags, Tracking, withTrackOptions } from './tracking.ts'

interface PredictFlags extends SourceFlags, ModelFlags, TrackFlags {
  draw?: string
  explain?: boolean
  topK?: number
  confidence?: number | Readonly<Record<string, number>>
  limit?: number
  format?: JsonFormat
  iou?: number
  tile?: number | true
  overlap?: number
  flip?: boolean
  reject?: number
  threshold?: number
  pixelThreshold?: number
  json?: boolean
}

export function predictCommand(): Command {
  const command = new Command('predict').description(
    'say what a model sees in pictures or in the frames of a source; prints one line for each',
  )
  return withModelOptions(withTrackOptions(withSourceOptions(command)))
    .argument('<model>', modelHelp)
    .argument('<pictures...>', `files or folders; or one source of frames: ${sourceHelp}`)
    .option('--draw <folder>', 'write each picture or frame with the answer on it there; of frames also a video, by its ending (out.mp4)')
    .option('--explain', 'with --draw: lay over the picture where the model looked (Grad-CAM)')
    .option('--top-k <n>', 'of classes: number of guesses in JSON (default: 5)', parseCount)
    .option(
      '--confidence <score>',
      'from which score on a detection, or a class of several, counts; by class: car=0.5,dog=0.3 (default: that of the model)',
      parseScores,
    )
    .option('--limit <n>', 'of a detector: the most detections of a picture (default: that of the model)', parseCount)
    .option(
      '--iou <share>',
      'of a detector: boxes that overlap a better one by more than this go (default: that of the model)',
      parseNumber,
    )
    .option(
      '--tile [pixels]',
      'of a detector, counter or segmenter: look at the picture in tiles of this many pixels a side (default: what the model sees)',
      parseCount,
    )
    .option('--overlap <share>', 'with --tile: the part of a tile that the next one sees as well (default: 0.2)', parseNumber)
    .option('--flip', 'look at the mirror image too and answer with the mean (not of pixels)')
    .option(
      '--reject <probability>',
      'of a classifier: below this the answer is "don\'t know" (default: that of the model, else 0)',
      parseNumber,
    )
    .option('--threshold <score>', 'of anomalies: above which score a picture is anomalous (default: that of the model)', parseNumber)
    .option('--pixel-threshold <value>', 'of anomalies: above which value a pixel is odd (default: that of the model)', parseNumber)
    .option('--json', 'print one JSON object a line')
    .addOption(new Option('--format <name>', 'of a detector: print JSON as others know it, one line for each picture').choices(jsonFormats))
    .action(async (file: string, pictures: string[], flags: PredictFlags, command: Command) => {
      if (flags.overlap !== undefined && flags.tile === undefined) command.error("error: option '--overlap' needs '--tile'")
      if (flags.explain && flags.draw === undefined) command.error("error: option '--explain' needs '--draw <folder>'")
      // Pictures of a folder that are to be tracked are the frames of something.
      const isSequence = asksTracking(flags) && pictures.length === 1 && statSync(pictures[0]!, { throwIfNoEntry: false })?.isDirectory()
      const frames = flags.watch || flags.loop || isSequence || pictures.some(namesVideo)
      if (!frames && (flags.frames !== undefined || flags.fps !== undefined))
        command.error("error: options '--frames' and '--fps' are for frames: a video, a camera, or a folder with '--loop' or '--watch'")
      if (flags.format !== undefined && asksTracking(flags) && ((flags.line ?? []).length > 0 || (flags.zone ?? []).length > 0))
        command.error("error: '--format' has no place for lines and zones: use '--json'")
      if (frames && pictures.length > 1) command.error('error: give one source of frames, or pictures and folders')
      if (frames && flags.explain) command.error("error: option '--explain' is for pictures")
      if (!frames && asksTracking(flags))
        command.error("error: options '--track', '--line' and '--zone' are for frames: a video, a camera, or one folder of pictures")
      if (!frames && flags.draw !== undefined && namesVideo(flags.draw))
        command.error("error: option '--draw' takes a folder for pictures, a video for frames")
      if (frames && flags.draw !== undefined && resolve(flags.draw) === resolve(pictures[0]!))
        command.error("error: option '--draw' would write over the source")
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
    checkAsked(model, flags)
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
  checkAsked(model, flags)
  const tracking = asksTracking(flags) ? new Tracking(model, flags) : undefined
  for (const note of model.notes) line.print(pc.yellow(note))
  const end = () => void source.stop()
  signal.addEventListener('abort', end, { once: true })
  if (signal.aborted) end()
  const { draw } = flags
  // A folder that cannot be made is told before the first frame.
  if (draw !== undefined) await makeFolder(namesVideo(draw) ? dirname(draw) : draw)
  const frames = answeredFrames(source, model, flags, { line, tracking })
  if (draw === undefined) for await (const _ of frames);
  else if (namesVideo(draw)) {
    const steady = await steadyFrames(frames)
    await writeVideo(steady.images, draw, { fps: steady.fps, ...(extname(draw).toLowerCase() === '.webm' && { codec: 'vp9' }) })
  } else {
    for await (const { image, sequence } of frames) await writePng(join(draw, `${String(sequence).padStart(8, '0')}.png`), image)
  }
  line.clear()
}

interface FrameRun {
  readonly line: LiveLine
  readonly tracking: Tracking | undefined
}

/** Prints the answer to each frame, and gives the frame, with the answer on it where it is to be drawn. */
async function* answeredFrames(
  source: Source,
  model: DeepSeekVision<Task>,
  flags: PredictFlags,
  { line, tracking }: FrameRun,
): AsyncGenerator<TimedImage & { readonly sequence: number }> {
  const asked = { ...askedOf(flags), ...(tracking && { confidence: tracking.confidence }) }
  let count = 0
  for await (const { image, timestamp, sequence } of source) {
    const answer: Answer = await model.predict(image, asked)
    const tracked = tracking?.update(answer, timestamp)
    const result = tracked?.answer ?? answer
    line.clear()
    const picture = image.source === undefined || image.source === source.id ? {} : { file: image.source }
    const place = { source: source.id, sequence, timestamp: Number(timestamp.toFixed(6)), ...picture }
    const words = [answerText(result), ...(tracked?.words ?? [])].join('  |  ')
    const text =
      flags.format !== undefined
        ? JSON.stringify(inFormat(result, flags.format, String(sequence)))
        : flags.json
          ? JSON.stringify({ ...place, ...plain(result), ...tracked?.record })
          : `${timestamp.toFixed(3).padStart(9)} s  ${words}`
    process.stdout.write(`${text}\n`)
    yield { image: flags.draw === undefined ? image : await drawAnswer(image, result, { tracking: tracked?.drawing }), timestamp, sequence }
    if (++count >= (flags.frames ?? Number.POSITIVE_INFINITY)) break
    const { dropped, fps } = source.statistics
    line.update(`${count} frames, ${dropped} dropped, ${fps.toFixed(1)} a second come`)
  }
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
    await writePng(drawn, await drawAnswer(image, result, { explanation }))
  }
  line.clear()
  const record =
    flags.format === undefined
      ? { file: path, ...plain(result), ...(drawn === undefined ? {} : { drawn }) }
      : inFormat(result, flags.format, basename(path, extname(path)))
  process.stdout.write(flags.json || flags.format ? `${JSON.stringify(record)}\n` : `${path}  ${answerText(result)}\n`)
}

function askedOf({ topK, confidence, limit, iou, tile, overlap, flip, reject, threshold, pixelThreshold }: PredictFlags): PredictOptions {
  const tiles = { ...(typeof tile === 'number' && { size: tile }), ...(overlap !== undefined && { overlap }) }
  return {
    ...(topK !== undefined && { topK }),
    ...(confidence !== undefined && { confidence }),
    ...(limit !== undefined && { limit }),
    ...(iou !== undefined && { iou }),
    ...(tile !== undefined && { tiles }),
    ...(flip && { flip }),
    ...(reject !== undefined && { reject }),
    ...(threshold !== undefined && { threshold }),
    ...(pixelThreshold !== undefined && { pixelThreshold }),
  }
}

const jsonFormats = ['coco', 'roboflow', 'transformers', 'ultralytics'] as const
type JsonFormat = (typeof jsonFormats)[number]

/**
 * Holds that what is asked can take effect, before the first picture.
 *
 * @throws FoveaError MODEL_TASK, MODEL_OPTION
 */
function checkAsked(
  { metadata: { task, name, heads = [] } }: Pick<DeepSeekVision<Task>, 'metadata'>,
  { format, topK }: PredictFlags,
): void {
  if (format !== undefined && !heads.some((head) => head.task === 'detect'))
    throw new FoveaError('MODEL_TASK', { field: name, expected: 'a model that detects, for --format', found: task })
  const guesses = heads.length === 0 || heads.some((head) => head.task === 'classify' || head.task === 'multilabel')
  if (topK !== undefined && !guesses)
    throw new FoveaError('MODEL_OPTION', { field: 'topK', file: name, expected: 'a model that classifies', found: task })
}

/** Detections as other tools write them. A number as the name of a picture is its number, as in COCO's own files. */
function inFormat(answer: Answer, format: JsonFormat, name: string): object {
  const found = (answer.task === 'multi' ? Object.values(answer.heads).find((head) => head.task === 'detect') : answer) as Detections
  switch (format) {
    case 'coco':
      return found.toCoco(/^\d{1,15}$/.test(name) ? Number(name) : name)
    case 'roboflow':
      return found.toRoboflow()
    case 'transformers':
      return found.toTransformers()
    case 'ultralytics':
      return found.toUltralytics()
  }
}

/** As JSON has it: an answer may be an object with methods. */
function plain(answer: Answer): object {
  return 'toJSON' in answer ? answer.toJSON() : answer
}
