// A source of frames: reads one kind of source, queues by policy, watches for silence, and connects anew when it is lost.

import { FoveaError, isFoveaError } from '../../util/errors.ts'
import type { Image } from '../../vision/image.ts'
import type { Frame, FrameReader, Health, HealthChange, OpenSourceOptions, OverloadPolicy, RawFrame, SourceStatistics } from './frame.ts'
import { pause } from './pause.ts'
import { RateMeter } from './rate-meter.ts'
import { Sampler, Timeline } from './timeline.ts'

/** Frames that wait under the policy `all`, beside the one that is being read: pictures are decoded ahead of time. */
const queueLength = 2
/** So many damaged pictures one after another are a broken camera, not a broken picture. */
const damagedLimit = 20

/** Errors that another connection would not mend. */
const lasting: readonly string[] = ['FFMPEG_MISSING', 'SOURCE_DENIED', 'SOURCE_OPTION', 'SOURCE_UNKNOWN']

interface Queued {
  readonly raw: RawFrame
  /** Set where the picture is decoded ahead of time. */
  readonly decoding?: Promise<Image>
  readonly timestamp: number
  readonly wallClock: number
  readonly sequence: number
}

/**
 * Frames of a camera, file, folder or stream, as `openSource` gives it. It starts when it is iterated, can be iterated once, and stops
 * when the loop is left.
 *
 * ```ts
 * await using camera = await vision.openSource('rtsp://user:secret@10.0.0.7/stream1', { fps: 5 })
 * for await (const { image, timestamp } of camera) console.log(timestamp, await model.predict(image))
 * ```
 */
export class Source implements AsyncIterable<Frame>, AsyncDisposable {
  /** Named in every frame; free of passwords. */
  readonly id: string
  /** Its time passes whether it is read or not. */
  readonly live: boolean
  readonly policy: OverloadPolicy
  readonly #reader: FrameReader
  readonly #options: OpenSourceOptions
  readonly #stopping = new AbortController()
  readonly #listeners = new Set<(change: HealthChange) => void>()
  readonly #timeline: Timeline
  readonly #sampler: Sampler | undefined
  readonly #rate = new RateMeter()
  readonly #queue: Queued[] = []
  #decoded = 0
  #damagedInRow = 0
  readonly #counts = { read: 0, dropped: 0, damaged: 0, reconnects: 0 }
  #health: Health = 'offline'
  #reason: string | undefined
  /** Wakes whoever waits for a frame, for room, or for the next connection. */
  #wake: (() => void)[] = []
  #used = false
  #run: Promise<void> | undefined
  #ended = false
  #error: unknown

  constructor(id: string, reader: FrameReader, options: OpenSourceOptions = {}) {
    this.id = id
    this.live = reader.live
    this.policy = options.policy ?? (reader.live && !reader.silent ? 'latest' : 'all')
    this.#reader = reader
    this.#options = options
    this.#timeline = new Timeline(reader.live)
    this.#sampler = options.fps === undefined || reader.samples ? undefined : new Sampler(options.fps)
  }

  get health(): Health {
    return this.#health
  }

  get statistics(): SourceStatistics {
    return { ...this.#counts, fps: this.#rate.perSecond() }
  }

  /** Calls the listener at every change of health or of its reason, until the function that it returns is called. */
  onHealth(listener: (change: HealthChange) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Ends the iteration and everything that serves it, within a second. Safe to call twice. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#wakeAll()
    await this.#run
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  /** @throws FoveaError SOURCE_USED the second time; the iteration throws what the kind of source throws, and CANCELLED */
  [Symbol.asyncIterator](): AsyncGenerator<Frame, void, undefined> {
    if (this.#used) throw new FoveaError('SOURCE_USED', { file: this.id })
    this.#used = true
    return this.#deliver()
  }

  async *#deliver(): AsyncGenerator<Frame, void, undefined> {
    const { signal } = this.#options
    const abort = () => void this.stop()
    signal?.addEventListener('abort', abort, { once: true })
    if (signal?.aborted) this.#stopping.abort()
    this.#run = this.#read()
    try {
      for (;;) {
        while (this.#queue.length === 0 && !this.#ended && !this.#stopped) await this.#woken()
        if (this.#stopped) break
        const next = this.#queue.shift()
        if (next === undefined) break
        this.#wakeAll()
        const image = await this.#decode(next)
        if (this.#stopped) break
        if (image === undefined) continue
        const { timestamp, wallClock, sequence } = next
        yield { image, timestamp, wallClock, sequence, source: this.id }
      }
      if (signal?.aborted) throw new FoveaError('CANCELLED', { file: this.id })
      if (!this.#stopped && this.#error !== undefined) throw this.#error
    } finally {
      signal?.removeEventListener('abort', abort)
      await this.stop()
    }
  }

  /** The picture; undefined where it is damaged and may be left out. */
  async #decode({ raw, decoding }: Queued): Promise<Image | undefined> {
    try {
      const image = decoding !== undefined ? await decoding : typeof raw.image === 'function' ? await raw.image() : raw.image
      this.#damagedInRow = 0
      this.#decoded++
      return image
    } catch (error) {
      const { onDamaged } = this.#options
      if (!isFoveaError(error) || (onDamaged === undefined && !this.#reader.live)) throw error
      this.#counts.damaged++
      this.#damagedInRow++
      if (this.#reader.live && !this.#stopped) this.#setHealth('degraded', 'the pictures that come are damaged')
      onDamaged?.(error)
      return undefined
    }
  }

  /** Connects until the source ends, fails for good or is stopped; never rejects. */
  async #read(): Promise<void> {
    // A retry is allowed where `attempts` connections in a row have not failed yet.
    let failures = 0
    const { reconnect } = this.#options
    const { firstMs = 500, maxMs = 30_000, attempts = Number.POSITIVE_INFINITY, firstAttempts = attempts } = reconnect || {}
    try {
      while (!this.#stopped) {
        const before = { read: this.#counts.read, decoded: this.#decoded }
        this.#damagedInRow = 0
        const error = await this.#connect().then(
          () => undefined,
          (thrown: unknown) => thrown ?? new Error('nothing was thrown'),
        )
        if (this.#stopped) break
        const retry = this.#reader.live && reconnect !== false && !this.#reader.isOver
        if (error !== undefined && (!retry || !isFoveaError(error) || lasting.includes(error.code))) throw error
        if (!retry) break
        // A connection that gave damaged pictures alone has failed.
        const isUseful = this.#counts.read > before.read && (this.#damagedInRow === 0 || this.#decoded > before.decoded)
        failures = isUseful ? 0 : failures + 1
        const wasGood = this.#counts.read > 0 && (this.#decoded > 0 || this.#counts.damaged === 0)
        if (failures > 0 && failures >= (wasGood ? attempts : firstAttempts))
          throw error ?? new FoveaError('SOURCE_FAILED', { file: this.id, found: 'a stream without frames' })
        const wait = Math.min(maxMs, firstMs * 2 ** Math.max(0, failures - 1)) * (0.5 + Math.random() / 2)
        this.#setHealth('offline', error === undefined ? 'the stream ended' : reasonOf(error))
        await pause(wait, this.#stopping.signal)
        if (!this.#stopped) this.#counts.reconnects++
      }
    } catch (error) {
      this.#error = error
    }
    this.#ended = true
    // What was read before the end is still given out, but for a stop.
    if (this.#stopped) for (const { raw } of this.#queue.splice(0)) raw.release?.()
    try {
      this.#setHealth('offline', this.#stopped ? 'stopped' : this.#error === undefined ? 'ended' : reasonOf(this.#error))
    } catch (error) {
      this.#error ??= error
    }
    this.#wakeAll()
  }

  /** One connection, from opening to its end. */
  async #connect(): Promise<void> {
    const connection = new AbortController()
    const end = () => connection.abort()
    this.#stopping.signal.addEventListener('abort', end, { once: true })
    const { openMs = 15_000 } = this.#options
    const watched = this.#reader.live && !this.#reader.silent
    let silence: string | undefined
    let timer: NodeJS.Timeout | undefined
    const giveUp = (reason: string) => {
      silence = reason
      connection.abort()
    }
    /** The watch-dog of the time until the next frame: degraded after `stallMs`, given up after twice that. */
    const watch = () => {
      const stallMs = Math.max(this.#options.stallMs ?? 5000, 2.5 * (this.#reader.gapMs ?? 0))
      timer = setTimeout(() => {
        this.#setHealth('degraded', `no frame for ${stallMs} ms`)
        timer = setTimeout(giveUp, stallMs, `no frame for ${2 * stallMs} ms`)
      }, stallMs)
    }
    this.#timeline.reconnected()
    if (watched) timer = setTimeout(giveUp, openMs, `no frame within ${openMs} ms`)
    try {
      for await (const raw of this.#reader.connect({ signal: connection.signal, online: () => this.#setHealth('online') })) {
        clearTimeout(timer)
        if (connection.signal.aborted) break
        if (this.#damagedInRow === 0) this.#setHealth('online')
        if (this.#damagedInRow >= damagedLimit)
          throw new FoveaError('SOURCE_FAILED', { file: this.id, found: `${this.#damagedInRow} damaged pictures in a row` })
        this.#accept(raw)
        while (this.policy === 'all' && this.#queue.length >= queueLength && !this.#stopped) await this.#woken()
        if (this.#stopped) break
        if (watched) watch()
      }
      if (silence !== undefined) throw new FoveaError('SOURCE_FAILED', { file: this.id, found: silence })
    } catch (error) {
      if (silence !== undefined) throw new FoveaError('SOURCE_FAILED', { file: this.id, found: silence })
      throw error
    } finally {
      clearTimeout(timer)
      this.#stopping.signal.removeEventListener('abort', end)
      connection.abort()
    }
  }

  #accept(raw: RawFrame): void {
    const timestamp = this.#timeline.stamp(raw.time)
    if (this.#sampler?.takes(timestamp) === false) {
      raw.release?.()
      return
    }
    this.#rate.tick()
    if (this.policy === 'latest')
      for (const { raw: old } of this.#queue.splice(0)) {
        this.#counts.dropped++
        old.release?.()
      }
    const ahead = this.policy === 'all' && typeof raw.image === 'function' ? raw.image() : undefined
    // Its failure is met when its turn comes.
    ahead?.catch(() => undefined)
    this.#queue.push({ raw, timestamp, wallClock: Date.now(), sequence: this.#counts.read++, ...(ahead ? { decoding: ahead } : {}) })
    this.#wakeAll()
  }

  #setHealth(health: Health, reason?: string): void {
    if (health === this.#health && reason === this.#reason) return
    this.#health = health
    this.#reason = reason
    for (const listener of [...this.#listeners]) listener(reason === undefined ? { health } : { health, reason })
  }

  get #stopped(): boolean {
    return this.#stopping.signal.aborted
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve))
  }

  #wakeAll(): void {
    const waiting = this.#wake
    this.#wake = []
    for (const wake of waiting) wake()
  }
}

/** An error in a clause, without the remedy. */
function reasonOf(error: unknown): string {
  if (isFoveaError(error)) return error.details.found ?? error.message
  return error instanceof Error ? error.message : String(error)
}
