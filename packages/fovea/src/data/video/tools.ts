// `vision.ffmpeg`: what FFmpeg does with whole videos.

import { probe } from './probe.ts'
import { thumbnail, thumbnails } from './thumbnails.ts'
import { clip, transcode } from './transcode.ts'
import { writeVideo } from './write-video.ts'

export const ffmpeg = { probe, transcode, clip, thumbnail, thumbnails, writeVideo } as const
