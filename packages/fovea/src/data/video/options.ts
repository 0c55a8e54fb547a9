// Checks of the options of a source, each naming its field.

import { FoveaError } from '../../util/errors.ts'
import { defaultMaxPixels } from '../limits.ts'
import { checkOptionNames } from '../option-names.ts'
import type { OpenSourceOptions } from './frame.ts'

/** FFmpeg's names of formats, pixel formats and accelerators: nothing that could be an option or a path. */
const name = /^[a-z\d][\w-]{0,40}$/i

type Names<T> = { readonly [K in keyof Required<T>]: true }

const names = {
  id: true,
  policy: true,
  fps: true,
  size: true,
  squarePixels: true,
  loop: true,
  start: true,
  end: true,
  reconnect: true,
  stallMs: true,
  openMs: true,
  watch: true,
  http: true,
  intervalMs: true,
  transport: true,
  hwaccel: true,
  inputFormat: true,
  inputSize: true,
  inputFps: true,
  pixelFormat: true,
  onDamaged: true,
  signal: true,
} as const satisfies Names<OpenSourceOptions>

/** Names of options that are objects themselves. */
const innerNames = {
  size: ['width', 'height'],
  inputSize: ['width', 'height'],
  reconnect: ['firstMs', 'maxMs', 'attempts', 'firstAttempts'],
  watch: ['existing', 'intervalMs'],
} as const

/** @throws FoveaError SOURCE_OPTION */
export function checkSourceOptions(options: OpenSourceOptions): void {
  const fail = (field: string, expected: string, found: unknown) =>
    new FoveaError('SOURCE_OPTION', { field, expected, found: String(found) })
  checkOptionNames(options, Object.keys(names), fail)
  for (const [field, known] of Object.entries(innerNames)) {
    const inner = options[field as keyof typeof innerNames]
    if (inner === undefined || ((field === 'watch' || field === 'reconnect') && typeof inner === 'boolean')) continue
    checkOptionNames(inner, known, fail, `${field}.`)
  }
  const { fps, start, end, size, reconnect, stallMs, openMs, intervalMs, policy, transport, http, inputFps, inputSize } = options
  const positive = (value: number) => typeof value === 'number' && value > 0 && Number.isFinite(value)
  const from0 = (value: number) => typeof value === 'number' && value >= 0 && Number.isFinite(value)
  // Timers count 31 bits of milliseconds, and take more for 1.
  const time = (value: number) => typeof value === 'number' && value > 0 && value <= 2 ** 30
  const count = (value: number) => Number.isSafeInteger(value) && value >= 1 && value <= 32_768
  check('fps', fps, 'a number above 0', positive)
  check('start', start, 'seconds from 0', from0)
  check('end', end, 'seconds after start', (value) => positive(value) && value > (start ?? 0))
  check('size.width', size?.width, 'a whole number from 1 to 32768', count)
  check('size.height', size?.height, 'a whole number from 1 to 32768', count)
  if (size !== undefined) check('size', size, 'a width or a height', ({ width, height }) => width !== undefined || height !== undefined)
  if (size !== undefined) check('size', size, `at most ${defaultMaxPixels} pixels`, hasFewPixels)
  check('stallMs', stallMs, 'milliseconds above 0, at most 2^30', time)
  check('openMs', openMs, 'milliseconds above 0, at most 2^30', time)
  check('intervalMs', intervalMs, 'milliseconds above 0, at most 2^30', time)
  if (typeof options.watch === 'object') check('watch.intervalMs', options.watch.intervalMs, 'milliseconds above 0, at most 2^30', time)
  check('id', options.id, 'a text', (value) => typeof value === 'string')
  check('squarePixels', options.squarePixels, 'true or false', (value) => typeof value === 'boolean')
  check('loop', options.loop, 'true or false', (value) => typeof value === 'boolean')
  check('onDamaged', options.onDamaged, 'a function', (value) => typeof value === 'function')
  check('signal', options.signal, 'an AbortSignal', (value) => value instanceof AbortSignal)
  check('reconnect', reconnect, 'false, or an object', (value) => value !== (true as unknown))
  check('policy', policy, 'latest or all', (value) => value === 'latest' || value === 'all')
  check('transport', transport, 'tcp or udp', (value) => value === 'tcp' || value === 'udp')
  check('http', http, 'mjpeg, snapshot or video', (value) => ['mjpeg', 'snapshot', 'video'].includes(value))
  check('inputFps', inputFps, 'a number above 0', positive)
  check('inputSize', inputSize, 'a width and a height', ({ width, height }) => count(width) && count(height))
  for (const field of ['hwaccel', 'inputFormat', 'pixelFormat'] as const)
    check(field, options[field], 'a name', (value) => typeof value === 'string' && name.test(value))
  if (reconnect) {
    for (const field of ['firstMs', 'maxMs'] as const)
      check(`reconnect.${field}`, reconnect[field], 'milliseconds from 0 to 2^30', (value) => value === 0 || time(value))
    for (const field of ['attempts', 'firstAttempts'] as const)
      check(`reconnect.${field}`, reconnect[field], 'a number of at least 1', (value) => typeof value === 'number' && value >= 1)
  }
}

function hasFewPixels({ width = 1, height = 1 }: { readonly width?: number; readonly height?: number }): boolean {
  return width * height <= defaultMaxPixels
}

function check<T>(field: string, value: T | undefined, expected: string, right: (value: T) => boolean): void {
  if (value === undefined || right(value)) return
  throw new FoveaError('SOURCE_OPTION', { field, expected, found: typeof value === 'object' ? JSON.stringify(value) : String(value) })
}
