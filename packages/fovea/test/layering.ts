// The rooms of the library, who may import whom, and the function that reads every import for it.

import { dirname, join, relative } from 'node:path/posix'
import { readSource, type Source } from './imports.ts'

export interface Room {
  /** The rooms it may import; and what those may, it may too. */
  readonly from: readonly string[]
  /** Runs in a browser unchanged: no `node:` modules, nothing native. */
  readonly pure?: true
  /** The npm packages it may import, by the folder or file of the room that may ('' for the whole room). */
  readonly packages?: Readonly<Record<string, readonly string[]>>
}

/** In the order data passes them; docs/architecture.md tells what each is for. */
export const rooms: Readonly<Record<string, Room>> = {
  util: { from: [], pure: true },
  graph: { from: ['util'], pure: true, packages: { codec: ['@bufbuild/protobuf'] } },
  ops: { from: ['graph'], pure: true },
  passes: { from: ['ops'], pure: true },
  nn: { from: ['ops', 'vision'], pure: true },
  vision: { from: ['util'], pure: true, packages: { '': ['opentype.js'] } },
  flow: { from: ['vision'], pure: true, packages: { '': ['zod'] } },
  runtime: { from: ['ops'], packages: { '': ['onnxruntime-node'] } },
  data: {
    from: ['ops', 'runtime', 'vision'],
    packages: {
      '': ['sharp'],
      'fast-jpeg.ts': ['@julusian/jpeg-turbo'],
      dicom: ['dicom-parser'],
      formats: ['csv-parse', 'saxes', 'yaml'],
      opencv: ['@techstark/opencv-js'],
    },
  },
  model: { from: ['passes', 'nn', 'runtime', 'data'], packages: { 'embedding-map.ts': ['umap-js'] } },
  evaluate: { from: ['model'] },
  train: { from: ['evaluate'] },
  deploy: { from: ['evaluate'] },
  blocks: { from: ['flow', 'model'], packages: { '': ['zod'] } },
  label: { from: ['model'] },
  server: { from: ['blocks', 'label', 'train', 'deploy'], packages: { '': ['zod'] } },
  // `doctor` reports the version of sharp.
  cli: { from: ['server'], packages: { '': ['commander', 'picocolors'], 'doctor.ts': ['sharp'] } },
}

/** The longest a hand-written file may be. */
export const maxLines = 800

/** What a browser does not have, as a word that begins an expression. */
const nodeGlobal = /(?<![\w$.'"]|\?\.)(process|Buffer|__dirname|__filename|setImmediate)\s*[.([]/g

/** Every room that a room may import: the arrows are transitive. */
export function mayImport(room: string, table: Readonly<Record<string, Room>> = rooms): ReadonlySet<string> {
  const reached = new Set<string>()
  const walk = (name: string) => {
    for (const next of table[name]?.from ?? []) {
      if (reached.has(next)) continue
      reached.add(next)
      walk(next)
    }
  }
  walk(room)
  return reached
}

/** Files that the arrows do not bind: the public entry, tests, and the cases that tests run. */
function isFree(file: string): boolean {
  return file === 'index.ts' || /\.(test|case)\.ts$/.test(file)
}

/**
 * Checks the sources of `src`, given by their path inside it, and returns one line for each broken rule:
 * `src/ops/math.ts:4 ops may not import passes (../passes/pass.ts)`.
 */
export function checkLayering(files: ReadonlyMap<string, string>): string[] {
  const problems: string[] = []
  for (const [file, text] of files) {
    const report = (line: number, problem: string) => problems.push(`src/${file}:${line} ${problem}`)
    const source = readSource(text)
    const generated = file.endsWith('.gen.ts')
    const lines = text.split('\n').length - 1
    if (lines > maxLines && !generated) report(lines, `has more than ${maxLines} lines: it is two files`)
    for (const line of linesOf(source.code, /\bexport\s+default\b|\bas\s+default\b/g)) report(line, 'has a default export')
    for (const { specifier, line } of source.imports)
      if (specifier.startsWith('.')) {
        if (isFree(file) && specifier.endsWith('.json')) continue
        if (!specifier.endsWith('.ts')) report(line, `imports ${specifier}: relative imports end in .ts`)
        else if (!files.has(join(dirname(file), specifier)) && !isFree(file))
          report(line, `imports ${specifier}, which does not exist in src`)
      }
    if (isFree(file)) continue
    const room = roomOf(file)
    if (rooms[room] === undefined) report(1, `lies in no room: ${room || 'src itself'} is not in the list`)
    else checkRoom(file, room, rooms[room], source, report)
  }
  return problems
}

type Report = (line: number, problem: string) => void

function checkRoom(file: string, name: string, room: Room, source: Source, report: Report): void {
  if (room.pure) {
    for (const line of linesOf(source.code, nodeGlobal)) report(line, `${name} is pure and uses what only Node has`)
    for (const line of source.computed) report(line, `${name} is pure and imports a name that is computed`)
  }
  const allowed = mayImport(name)
  for (const { specifier, line } of source.imports) {
    if (specifier.startsWith('.')) {
      const target = roomOf(join(dirname(file), specifier))
      if (target !== name && !allowed.has(target)) report(line, `${name} may not import ${target || 'src itself'} (${specifier})`)
    } else if (/^[\w+.-]+:/.test(specifier)) {
      if (room.pure || !specifier.startsWith('node:'))
        report(line, `${name} may not import ${specifier}${room.pure ? ': the room is pure' : ''}`)
    } else if (!packagesOf(file, name, room).has(packageName(specifier))) {
      report(line, `${name} may not import the package ${packageName(specifier)}`)
    }
  }
}

function packagesOf(file: string, name: string, room: Room): ReadonlySet<string> {
  const inside = relative(name, file)
  const entries = Object.entries(room.packages ?? {}).filter(([part]) => part === '' || inside === part || inside.startsWith(`${part}/`))
  return new Set(entries.flatMap(([, names]) => names))
}

/** `onnxruntime-node/x` belongs to `onnxruntime-node`, `@a/b/c` to `@a/b`. */
export function packageName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

/** The folder of `src` that a path lies in; '' for `src` itself and outside it. */
function roomOf(path: string): string {
  const [first = '', ...rest] = path.split('/')
  return rest.length > 0 && first !== '..' ? first : ''
}

function linesOf(code: string, pattern: RegExp): number[] {
  return [...code.matchAll(pattern)].map((match) => code.slice(0, match.index).split('\n').length)
}
