// What a source of frames gives and may be told: the types that its readers and its callers share.

import type { FoveaError } from '../../util/errors.ts'
import type { Image } from '../../vision/image.ts'

/** One picture of a source. */
export interface Frame {
  /** 8-bit RGB. The bytes belong to the caller: the source never writes to them again. */
  readonly image: Image
  /** Seconds since the source's start, never falling: by the stream's own clock where it has one, else when the frame came. */
  readonly timestamp: number
  /** When it was read, in milliseconds since 1970. */
  readonly wallClock: number
  /** Counts what the source gave, from 0 and across reconnects. A gap is a frame that was dropped. */
  readonly sequence: number
  /** The id of the source. */
  readonly source: string
}

/** `online`: frames come. `degraded`: connected, but no frame for `stallMs`. `offline`: not started, lost, or ended. */
export type Health = 'online' | 'degraded' | 'offline'

export interface HealthChange {
  readonly health: Health
  /** Why, in one clause; free of passwords. */
  readonly reason?: string
}

export interface SourceStatistics {
  /** Frames that the source gave, those dropped among them. */
  readonly read: number
  /** Frames that the policy `latest` left out. */
  readonly dropped: number
  /** Pictures that could not be decoded and were left out. */
  readonly damaged: number
  /** Connections after the first one that was tried. */
  readonly reconnects: number
  /** Frames a second as they came over the last two seconds or so; 0 before there are two. */
  readonly fps: number
}

/** `latest` keeps the newest frame, drops those before it and counts them. `all` drops none: the source waits. */
export type OverloadPolicy = 'latest' | 'all'

/** How long to wait between connections: `firstMs`, doubled each time up to `maxMs`, of which a random half to all is waited. */
export interface ReconnectOptions {
  /** @default 500 */
  readonly firstMs?: number
  /** @default 30000 */
  readonly maxMs?: number
  /** Connections in a row that may fail without a frame. @default Infinity */
  readonly attempts?: number
  /** As `attempts`, as long as there was no frame yet: an address may be wrong, where a camera that was there comes back. @default `attempts` */
  readonly firstAttempts?: number
}

/** A size to scale to; with one side given, the other follows the picture's shape. */
export interface FrameSize {
  readonly width?: number
  readonly height?: number
}

export interface WatchOptions {
  /** Also gives the files that are there at the start, in the order in which they were written. @default true */
  readonly existing?: boolean
  /** How often the folder is looked at. A file counts as written when two looks in a row find it unchanged. @default 500 */
  readonly intervalMs?: number
}

export interface OpenSourceOptions {
  /** Names the source in its frames. @default the address or path, without passwords */
  readonly id?: string
  /** @default 'latest' for cameras and streams, 'all' for files, folders and standard input */
  readonly policy?: OverloadPolicy
  /**
   * At most this many frames a second, picked by timestamp: the first of each 1/fps. Pictures of a folder or list have no clock, so for
   * them it is the rate that they are taken to have; for a watched folder it means nothing. @default every frame; 1 for pictures
   */
  readonly fps?: number
  readonly size?: FrameSize
  /**
   * Frames through FFmpeg whose pixels are not square are scaled in width, to the shape that players show; false gives them as they are stored.
   * @default true
   */
  readonly squarePixels?: boolean
  /** Begins anew at the end of a file, folder, list or test pattern; timestamps go on. */
  readonly loop?: boolean
  /** Seconds into a video file to begin at; timestamps are those of the file. */
  readonly start?: number
  /** Seconds into a video file to end before. */
  readonly end?: number
  /** False: the first failure of a live source is thrown, and its end is the end. @default { firstMs: 500, maxMs: 30000, attempts: Infinity } */
  readonly reconnect?: false | ReconnectOptions
  /** A live source without a frame for so long is degraded; after as long again it is connected anew. @default 5000 */
  readonly stallMs?: number
  /** How long a live source may take to its first frame. @default 15000 */
  readonly openMs?: number
  /** A folder: waits for new files. */
  readonly watch?: boolean | WatchOptions
  /** What an http address is. @default told by its ending and by the type of the answer */
  readonly http?: 'mjpeg' | 'snapshot' | 'video'
  /** Between two polls of an HTTP snapshot, begin to begin. @default 1000 */
  readonly intervalMs?: number
  /** RTSP's carrier. @default 'tcp' */
  readonly transport?: 'tcp' | 'udp'
  /** Decodes on hardware: `auto`, or one of `ffmpeg -hwaccels`. Where that fails, the software decodes. @default software */
  readonly hwaccel?: string
  /** Standard input and V4L2: FFmpeg's name of the format, such as mjpeg or rawvideo. @default FFmpeg finds out */
  readonly inputFormat?: string
  /** Standard input (raw) and V4L2: the size that comes or is asked for. */
  readonly inputSize?: { readonly width: number; readonly height: number }
  /** Standard input (raw) and V4L2: frames a second that come or are asked for. */
  readonly inputFps?: number
  /** Standard input (raw): FFmpeg's name of the pixel format. @default 'rgb24' */
  readonly pixelFormat?: string
  /**
   * Is told of pictures that cannot be decoded, and they are left out. Without it the first ends a folder or list with its error; a live
   * source leaves them out and counts them either way.
   */
  readonly onDamaged?: (error: FoveaError) => void
  /** Ends the iteration with CANCELLED. */
  readonly signal?: AbortSignal
}

/** What a reader gives: a picture, or how to decode it, so that what is dropped is never decoded. */
export interface RawFrame {
  readonly image: Image | (() => Promise<Image>)
  /** Seconds by the source's own clock. */
  readonly time?: number
  /** Says that the frame was dropped, and that its bytes may be used again. */
  readonly release?: () => void
}

/** What a reader may ask and tell of the connection that it serves. */
export interface Connection {
  /** Aborted when the connection is to end; the reader then lets go of everything and ends. */
  readonly signal: AbortSignal
  /** Says that the source is there, before or without a first frame. */
  readonly online: () => void
}

/** One kind of source. */
export interface FrameReader {
  /** Its time passes whether it is read or not: it is connected anew when lost, and by default drops what comes too fast. */
  readonly live: boolean
  /** Nothing more will come, however often it is connected. */
  readonly isOver?: boolean
  /** Has no rhythm, so silence is no stall; connected anew all the same. */
  readonly silent?: boolean
  /** The time between two frames where it is chosen, so that a slow rhythm is no stall. */
  readonly gapMs?: number
  /** Picks frames by the option `fps` itself. */
  readonly samples?: boolean
  /** Gives frames until the end; throws where it cannot be opened or is lost. */
  connect(connection: Connection): AsyncIterable<RawFrame>
}
