// Tests that need the ffmpeg program: skipped with a reason where it is absent, failed there when CI=true. And the videos they read.

import { spawnSync } from 'node:child_process'
import { describe, test } from 'vitest'
import { ffmpegPath } from '../src/data/video/ffmpeg-program.ts'
import { testPattern } from '../src/data/video/test-pattern.ts'

const found = spawnSync(ffmpegPath('ffmpeg'), ['-version']).status === 0

/** A `describe` whose tests run FFmpeg. */
export function describeWithFfmpeg(title: string, body: () => void): void {
  if (found) {
    describe(title, body)
    return
  }
  const reason = 'ffmpeg is not on the path (Debian: apt-get install ffmpeg)'
  test(`${title} (needs ffmpeg)`, ({ skip }) => {
    if (process.env.CI === 'true') throw new Error(`CI needs ffmpeg: ${reason}`)
    skip(reason)
  })
}

export interface VideoRecipe {
  readonly frames: number
  readonly fps?: number
  readonly width?: number
  readonly height?: number
  /** Frames from one key frame to the next. */
  readonly gop?: number
  /** Further arguments before the output. */
  readonly args?: readonly string[]
}

/** Runs FFmpeg and throws with what it said where it fails. */
export function runTool(args: readonly string[], input?: Uint8Array): void {
  const result = spawnSync(ffmpegPath('ffmpeg'), ['-y', '-loglevel', 'error', ...args], input === undefined ? {} : { input })
  if (result.status !== 0) throw new Error(`ffmpeg ${args.join(' ')}: ${result.stderr}`)
}

/** Writes a video of the test pattern, H.264 without frames that refer forwards. */
export function makeVideo(file: string, { frames, fps = 25, width = 128, height = 96, gop = 5, args = [] }: VideoRecipe): string {
  const pixels = Buffer.concat(Array.from({ length: frames }, (_, i) => testPattern(i, { width, height }).data))
  const raw = ['-f', 'rawvideo', '-pixel_format', 'rgb24', '-video_size', `${width}x${height}`, '-framerate', `${fps}`, '-i', 'pipe:0']
  const coding = ['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-pix_fmt', 'yuv420p', '-g', `${gop}`]
  runTool([...raw, ...coding, ...args, file], pixels)
  return file
}
