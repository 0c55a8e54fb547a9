// What a benchmark is, and the few figures that all of them quote: medians, quantiles, ratios.

/** One measured case: a row of the table and one JSON line. */
export interface BenchmarkCase {
  readonly name: string
  /** `images/s`, `ms`, `MiB`, … */
  readonly unit: string
  readonly better: 'higher' | 'lower'
  /** Ours, a median. */
  readonly fovea: number
  /** The peer's, measured in the same run; left out where there is none. */
  readonly peer?: { readonly name: string; readonly value: number }
  /** Why the peer column is empty. */
  readonly noPeer?: string
  /** What else belongs to the figure: repeats, spread, peak memory. */
  readonly details?: Readonly<Record<string, number | string>>
}

/** What every file `*.bench.ts` of this folder exports. */
export interface Benchmark {
  /** One line: what is measured. */
  readonly name: string
  run(options: BenchmarkOptions): AsyncIterable<BenchmarkCase>
}

export interface BenchmarkOptions {
  /** Fewer repeats: shows that the benchmark runs; its figures are not for quoting. */
  readonly quick: boolean
}

export interface Timing {
  /** Milliseconds of one call. */
  readonly median: number
  readonly fastest: number
  readonly slowest: number
  readonly repeats: number
}

export interface MeasureOptions {
  /** Calls before the clock starts. @default 3 */
  readonly warmUp?: number
  /** Timed calls at least. @default 10 */
  readonly repeats?: number
  /** Goes on until this much time has passed. @default 1000 */
  readonly milliseconds?: number
}

/** The value below which a fraction of the values lies, interpolated between neighbours. @throws RangeError for no values */
export function quantile(values: readonly number[], fraction: number): number {
  if (values.length === 0) throw new RangeError('no values to take a quantile of')
  const sorted = values.toSorted((a, b) => a - b)
  const position = (sorted.length - 1) * fraction
  const low = sorted[Math.floor(position)]!
  return low + (sorted[Math.ceil(position)]! - low) * (position % 1)
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** Times calls of one function. */
export async function measure(call: () => unknown, options: MeasureOptions = {}): Promise<Timing> {
  const [timing] = await measureInTurn([call], options)
  return timing!
}

/** Times several functions call by call in turn, so that a slow moment of the machine falls on all of them. */
export async function measureInTurn(calls: readonly (() => unknown)[], options: MeasureOptions = {}): Promise<Timing[]> {
  const { warmUp = 3, repeats = 10, milliseconds = 1000 } = options
  const times = calls.map((): number[] => [])
  for (let i = 0; i < warmUp; i++) for (const call of calls) await call()
  const end = performance.now() + milliseconds * calls.length
  for (let round = 0; round < repeats || performance.now() < end; round++)
    for (const [i, call] of calls.entries()) {
      const begin = performance.now()
      await call()
      times[i]!.push(performance.now() - begin)
    }
  return times.map((list) => ({ median: median(list), fastest: Math.min(...list), slowest: Math.max(...list), repeats: list.length }))
}

/** How many times as good as the peer; above 1 is better, whichever direction the figure has. Undefined without a peer. */
export function ratio({ better, fovea, peer }: Pick<BenchmarkCase, 'better' | 'fovea' | 'peer'>): number | undefined {
  if (peer === undefined) return undefined
  return better === 'higher' ? fovea / peer.value : peer.value / fovea
}

/** The most memory this process has held so far, in MiB. */
export function peakMemory(): number {
  return process.resourceUsage().maxRSS / 1024
}
