// `fovea source SPEC`: whether a camera, stream or video can be read, and what comes of it.

import { join } from 'node:path'
import { Command } from 'commander'
import { writePng } from '../data/encode.ts'
import { makeFolder } from '../data/files.ts'
import { openFlaggedSource, type SourceFlags, sourceHelp, withSourceOptions } from './source-options.ts'
import { interruptSignal, LiveLine } from './terminal.ts'

interface Flags extends SourceFlags {
  save?: string
  json?: boolean
}

/** Enough to tell the rate of a source. */
const defaultFrames = 25

export function sourceCommand(): Command {
  return withSourceOptions(new Command('source').description('read frames of a camera, stream, video or folder, and say what comes'))
    .argument('<source>', sourceHelp)
    .option('--save <folder>', 'write the frames there as PNG; without --frames until the end')
    .option('--json', 'print one JSON object')
    .action(async (spec: string, flags: Flags) => {
      const line = new LiveLine()
      const { signal, release } = interruptSignal()
      try {
        await run(spec, flags, line, signal)
      } finally {
        line.clear()
        release()
      }
    })
}

async function run(spec: string, flags: Flags, line: LiveLine, signal: AbortSignal): Promise<void> {
  const { save, frames = save === undefined ? defaultFrames : Number.POSITIVE_INFINITY } = flags
  if (save !== undefined) await makeFolder(save)
  // A stop by Ctrl-C is an ordinary end here: what came until then is told.
  const stop = new AbortController()
  await using source = await openFlaggedSource(spec, flags, line, stop.signal)
  const end = () => void source.stop()
  signal.addEventListener('abort', end, { once: true })
  if (signal.aborted) end()
  let count = 0
  let size = {}
  let first = 0
  let last = 0
  let fps = 0
  let health = source.health
  for await (const { image, timestamp, sequence } of source) {
    if (count++ === 0) first = timestamp
    last = timestamp
    size = { width: image.width, height: image.height }
    health = source.health
    fps = source.statistics.fps
    if (save !== undefined) await writePng(join(save, `${String(sequence).padStart(8, '0')}.png`), image)
    line.update(`${count} frames, ${fps.toFixed(1)} a second`)
    if (count >= frames) break
  }
  line.clear()
  // The rate by the stream's own clock; that of its coming says how fast it can be read.
  const rate = last > first ? (count - 1) / (last - first) : undefined
  const { read, dropped, damaged, reconnects } = source.statistics
  const report = { source: source.id, live: source.live, health, ...size, ...(rate === undefined ? {} : { fps: rate }), readFps: fps }
  const result = { ...report, frames: count, read, dropped, damaged, reconnects, first, last }
  if (flags.json) process.stdout.write(`${JSON.stringify(result)}\n`)
  else {
    const shape =
      'width' in size ? `${Object.values(size).join('x')}, ${rate === undefined ? 'no rate' : `${rate.toFixed(2)} fps`}` : 'no frame'
    const counts = `${count} frames from ${first.toFixed(2)} to ${last.toFixed(2)} s, ${dropped} dropped, ${damaged} damaged`
    process.stdout.write(`${source.id}  ${health}  ${shape}\n${counts}, ${reconnects} reconnects, read at ${fps.toFixed(1)} a second\n`)
  }
  if (count === 0) process.exitCode = 1
}
