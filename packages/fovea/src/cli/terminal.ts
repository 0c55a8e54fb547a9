// What the user sees while a command works: one live line in a terminal, plain lines when piped. All of it on stderr.

import { stripVTControlCharacters } from 'node:util'
import { InvalidArgumentError } from 'commander'
import pc from 'picocolors'
import type { HubOptions } from '../model/hub/settings.ts'
import { inputWords } from '../model/input-spec.ts'

/** Seconds as a person says them: 45 s, 3 min 20 s, 2 h 5 min. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?'
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 60) return `${whole} s`
  const minutes = Math.floor(whole / 60)
  if (minutes < 60) return `${minutes} min ${whole % 60} s`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** Bytes with a unit: 950 B, 44.7 MB. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB']
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3))
  return `${(bytes / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`
}

/** A count with a unit: 512, 11.7 M, 3.6 G. */
export function formatCount(count: number): string {
  const units = ['', ' k', ' M', ' G', ' T']
  const power = count < 10_000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(count) / 3))
  return `${power === 0 ? count : (count / 1000 ** power).toFixed(1)}${units[power]}`
}

/** A fraction as a percentage with one digit. */
export function formatPercent(fraction: number): string {
  return `${(100 * fraction).toFixed(1)} %`
}

const barCharacters = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']

/** A bar of block characters, an eighth of a column fine. */
export function bar(fraction: number, width = 20): string {
  const eighths = Math.round(Math.min(1, Math.max(0, fraction)) * width * 8)
  const full = '█'.repeat(eighths >> 3) + barCharacters[eighths & 7]
  return pc.cyan(full) + pc.dim('░'.repeat(Math.max(0, width - Math.ceil(eighths / 8))))
}

/** A line that is rewritten in a terminal. When piped, it is printed only every so often. */
export class LiveLine {
  readonly #stream: NodeJS.WriteStream
  readonly #quiet: boolean
  #shown = false
  #last = 0

  constructor(options: { quiet?: boolean; stream?: NodeJS.WriteStream } = {}) {
    this.#stream = options.stream ?? process.stderr
    this.#quiet = options.quiet ?? false
  }

  /** Shows a state. Piped, at most one line in ten seconds. */
  update(text: string): void {
    if (this.#quiet) return
    const now = performance.now()
    if (this.#stream.isTTY) {
      if (now - this.#last < 50) return
      this.#stream.write(`\r\u001b[2K${clip(text, this.#stream.columns || 100)}`)
      this.#shown = true
    } else if (now - this.#last >= 10_000) this.#stream.write(`${text}\n`)
    else return
    this.#last = now
  }

  /** Prints a line that stays. */
  print(text = ''): void {
    if (this.#quiet) return
    this.clear()
    this.#stream.write(`${text}\n`)
  }

  clear(): void {
    if (this.#shown) this.#stream.write('\r\u001b[2K')
    if (this.#stream.isTTY) this.#last = 0
    this.#shown = false
  }
}

/** A text that fits into a line; what is too long loses its colours with its end. */
function clip(text: string, columns: number): string {
  const plain = stripVTControlCharacters(text)
  return plain.length < columns ? text : plain.slice(0, columns - 1)
}

/** What `--input` says in every command. */
export const inputHelp = `what a model without metadata expects of its pixels: ${inputWords.join(', ')}, or JSON such as {"scale":"unit"}`
/** What `<model>` may be, for the help of commands. */
export const modelHelp = 'an .onnx or .safetensors file, a folder with one, the name of a shipped model, or hf:owner/name[@revision][/file]'

/** What `--architecture` says in every command. */
export const architectureHelp = 'which network of the table the weights of a .safetensors file belong to, or whose backbone they fill'

/** How a model of the hub is fetched by a command: it shows its progress on the line and stops at Ctrl-C. */
export function hubOptions(line: LiveLine, signal?: AbortSignal): HubOptions {
  return {
    onProgress: ({ file, received, total, index, files }) => {
      const place = files > 1 ? `  file ${index + 1} of ${files}` : ''
      line.update(`${file}  ${bar(received / Math.max(1, total))}  ${formatBytes(received)} of ${formatBytes(total)}${place}`)
      if (received >= total) line.clear()
    },
    ...(signal === undefined ? {} : { signal }),
  }
}

/** Reads an option's value. @throws commander's InvalidArgumentError */
export function parseNumber(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('It must be a number.')
  return value
}

/** Reads a count. @throws commander's InvalidArgumentError */
export function parseCount(text: string): number {
  const value = parseNumber(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('It must be a whole number of at least 1.')
  return value
}

/** Reads a share of a whole. @throws commander's InvalidArgumentError */
export function parseShare(text: string): number {
  const value = parseNumber(text)
  if (value < 0 || value >= 1) throw new InvalidArgumentError('It must be a number from 0 to below 1.')
  return value
}

/** Reads `320`, or `HEIGHTxWIDTH`. @throws commander's InvalidArgumentError */
export function parseSize(text: string): number | readonly [height: number, width: number] {
  const [, height, width] = /^(\d+)x(\d+)$/.exec(text) ?? []
  if (height !== undefined) return [Number(height), Number(width)]
  if (text.trim() === '' || !Number.isFinite(Number(text))) throw new InvalidArgumentError('It must be a number, or HEIGHTxWIDTH.')
  return Number(text)
}

/** Reads `0.4`, or scores by class: `car=0.5`, several with commas between. @throws commander's InvalidArgumentError */
export function parseScores(text: string): number | Readonly<Record<string, number>> {
  if (!text.includes('=')) return parseNumber(text)
  return Object.fromEntries(
    text.split(',').map((part) => {
      const at = part.lastIndexOf('=')
      if (at < 1) throw new InvalidArgumentError('It must be a number, or class=number with commas between.')
      return [part.slice(0, at).trim(), parseNumber(part.slice(at + 1))]
    }),
  )
}

/** Reads a regular expression. @throws commander's InvalidArgumentError */
export function parsePattern(text: string): RegExp {
  try {
    return new RegExp(text)
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message)
  }
}

/** An AbortSignal that Ctrl-C (or a polite kill) raises; a second Ctrl-C ends the process at once. */
export function interruptSignal(): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController()
  const onSignal = () => {
    if (controller.signal.aborted) process.exit(130)
    controller.abort()
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return {
    signal: controller.signal,
    release: () => {
      process.off('SIGINT', onSignal)
      process.off('SIGTERM', onSignal)
    },
  }
}
