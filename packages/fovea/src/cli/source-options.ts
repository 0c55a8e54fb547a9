// The options of commands that read frames, and the source that they describe.

import { type Command, Option } from 'commander'
import pc from 'picocolors'
import type { OpenSourceOptions, OverloadPolicy } from '../data/video/frame.ts'
import { openSource } from '../data/video/open-source.ts'
import type { Source } from '../data/video/source.ts'
import type { LiveLine } from './terminal.ts'
import { parseCount, parseNumber } from './terminal.ts'

export interface SourceFlags {
  fps?: number
  policy?: OverloadPolicy
  frames?: number
  watch?: boolean
  loop?: boolean
  hwaccel?: string
  transport?: 'tcp' | 'udp'
}

/** What `<source>` may be, for the help of commands. */
export const sourceHelp =
  'a video file, rtsp://, http:// with MJPEG or a snapshot, /dev/videoN, - for standard input, a folder, or testpattern://'

/** Adds the options that say how frames are read. */
export function withSourceOptions(command: Command): Command {
  return command
    .option('--fps <n>', 'frames: at most so many a second', parseNumber)
    .addOption(new Option('--policy <name>', 'frames that come too fast: keep the latest, or wait for all').choices(['latest', 'all']))
    .option('--frames <n>', 'frames: stop after so many', parseCount)
    .option('--watch', 'a folder: wait for new pictures')
    .option('--loop', 'a file or folder: begin anew at its end')
    .option('--hwaccel <name>', 'decode on hardware: auto, or one that ffmpeg -hwaccels lists')
    .addOption(new Option('--transport <name>', 'how RTSP is carried').choices(['tcp', 'udp']))
}

/** Opens the source; changes of its health are printed. */
export async function openFlaggedSource(spec: string, flags: SourceFlags, line: LiveLine, signal: AbortSignal): Promise<Source> {
  const { fps, policy, watch, loop, hwaccel, transport } = flags
  const options: OpenSourceOptions = {
    signal,
    // A mistyped address is told; a camera that was there is waited for.
    reconnect: { firstAttempts: 3 },
    onDamaged: (error) => line.print(pc.red(error.message)),
    ...(fps === undefined ? {} : { fps }),
    ...(policy === undefined ? {} : { policy }),
    ...(watch === undefined ? {} : { watch }),
    ...(loop === undefined ? {} : { loop }),
    ...(hwaccel === undefined ? {} : { hwaccel }),
    ...(transport === undefined ? {} : { transport }),
  }
  const source = await openSource(spec, options)
  if (source.live)
    source.onHealth(({ health, reason }) => {
      if (reason !== 'stopped') line.print(pc.dim(`${source.id} is ${health}${reason === undefined ? '' : `: ${reason}`}`))
    })
  return source
}
