// Checks of the options of a source, each naming its field.

import { FoveaError } from '../../util/errors.ts'
import type { OpenSourceOptions } from './frame.ts'

/** FFmpeg's names of formats, pixel formats and accelerators: nothing that could be an option or a path. */
const name = /^[a-z\d][\w-]{0,40}$/i

/** @throws FoveaError SOURCE_OPTION */
export function checkSourceOptions(options: OpenSourceOptions): void {
  const { fps, start, end, size, reconnect, stallMs, openMs, intervalMs, policy, transport, http, inputFps, inputSize } = options
  const positive = (value: number) => value > 0 && Number.isFinite(value)
  const from0 = (value: number) => value >= 0 && Number.isFinite(value)
  // Timers count 31 bits of milliseconds, and take more for 1.
  const time = (value: number) => value > 0 && value <= 2 ** 30
  const count = (value: number) => Number.isSafeInteger(value) && value >= 1 && value <= 32_768
  check('fps', fps, 'a number above 0', positive)
  check('start', start, 'seconds from 0', from0)
  check('end', end, 'seconds after start', (value) => positive(value) && value > (start ?? 0))
  check('size.width', size?.width, 'a whole number from 1 to 32768', count)
  check('size.height', size?.height, 'a whole number from 1 to 32768', count)
  if (size !== undefined) check('size', size, 'a width or a height', ({ width, height }) => width !== undefined || height !== undefined)
  check('stallMs', stallMs, 'milliseconds above 0, at most 2^30', time)
  check('openMs', openMs, 'milliseconds above 0, at most 2^30', time)
  check('intervalMs', intervalMs, 'milliseconds above 0, at most 2^30', time)
  if (typeof options.watch === 'object') check('watch.intervalMs', options.watch.intervalMs, 'milliseconds above 0, at most 2^30', time)
  check('policy', policy, 'latest or all', (value) => value === 'latest' || value === 'all')
  check('transport', transport, 'tcp or udp', (value) => value === 'tcp' || value === 'udp')
  check('http', http, 'mjpeg, snapshot or video', (value) => ['mjpeg', 'snapshot', 'video'].includes(value))
  check('inputFps', inputFps, 'a number above 0', positive)
  check('inputSize', inputSize, 'a width and a height', ({ width, height }) => count(width) && count(height))
  for (const field of ['hwaccel', 'inputFormat', 'pixelFormat'] as const)
    check(field, options[field], 'a name', (value) => name.test(value))
  if (reconnect) {
    for (const field of ['firstMs', 'maxMs'] as const)
      check(`reconnect.${field}`, reconnect[field], 'milliseconds from 0 to 2^30', (value) => value === 0 || time(value))
    for (const field of ['attempts', 'firstAttempts'] as const)
      check(`reconnect.${field}`, reconnect[field], 'a number of at least 1', (value) => value >= 1)
  }
}

function check<T>(field: string, value: T | undefined, expected: string, right: (value: T) => boolean): void {
  if (value === undefined || right(value)) return
  throw new FoveaError('SOURCE_OPTION', { field, expected, found: typeof value === 'object' ? JSON.stringify(value) : String(value) })
}
