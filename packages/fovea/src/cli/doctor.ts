// `fovea doctor`: what this machine has.

import { execFile } from 'node:child_process'
import { arch, availableParallelism, cpus, freemem, platform, release, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Command } from 'commander'
import pc from 'picocolors'
import { imageLibraryVersions } from '../data/library.ts'
import { type DeviceKind, listProviders } from '../runtime/device.ts'
import { frameworkVersion } from '../util/version.ts'
import { formatBytes } from './terminal.ts'

export interface Finding {
  readonly name: string
  readonly ok: boolean
  readonly detail: string
  /** What to do where it is not. */
  readonly remedy?: string
  /** False for what Fovea works without. */
  readonly needed: boolean
}

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('show what this machine has: Node, processors, ONNX Runtime providers, ffmpeg')
    .option('--json', 'print JSON')
    .action(async ({ json }: { json?: boolean }) => {
      const findings = await examine()
      process.stdout.write(json ? `${JSON.stringify({ findings })}\n` : `${findings.map(lineOf).join('\n')}\n`)
      if (findings.some(({ ok, needed }) => needed && !ok)) process.exitCode = 1
    })
}

function lineOf({ name, ok, detail, remedy, needed }: Finding): string {
  const mark = ok ? pc.green('✓') : needed ? pc.red('✗') : pc.yellow('–')
  return `${mark} ${name.padEnd(22)} ${detail}${!ok && remedy !== undefined ? pc.dim(` (${remedy})`) : ''}`
}

/** Looks at the machine; provider checks run a small model for real. */
export async function examine(): Promise<Finding[]> {
  const major = Number(process.versions.node.split('.')[0])
  const processor = cpus()[0]?.model.trim() ?? arch()
  return [
    { name: 'fovea', ok: true, detail: frameworkVersion, needed: true },
    { name: 'Node', ok: major >= 22, detail: process.version, remedy: 'install Node 22 or later', needed: true },
    { name: 'system', ok: true, detail: `${platform()} ${release()} ${arch()}`, needed: true },
    { name: 'processor', ok: true, detail: `${processor}, ${availableParallelism()} threads`, needed: true },
    {
      name: 'memory',
      ok: freemem() > 1e9,
      detail: `${formatBytes(freemem())} free of ${formatBytes(totalmem())}`,
      remedy: 'trainings may run short of memory',
      needed: false,
    },
    await imageLibrary(),
    ...(await providers()),
    await program('ffmpeg', ['-version'], 'apt-get install ffmpeg; needed for video and cameras only'),
  ]
}

async function imageLibrary(): Promise<Finding> {
  try {
    const { sharp, vips } = await imageLibraryVersions()
    return { name: 'images (sharp)', ok: true, detail: `${sharp}, libvips ${vips}`, needed: true }
  } catch (error) {
    return { name: 'images (sharp)', ok: false, detail: String(error).slice(0, 120), remedy: 'run npm install again', needed: true }
  }
}

async function providers(): Promise<Finding[]> {
  return Promise.all(
    (await listProviders()).map(async ({ kind, bundled }): Promise<Finding> => {
      const place = { name: `device ${kind}`, needed: kind === 'cpu' }
      if (!bundled) return { ...place, ok: false, detail: 'not in the installed ONNX Runtime' }
      const { ok, found } = await probe(kind)
      return { ...place, ok, detail: ok ? 'runs a model' : explain(kind, found ?? 'the provider ended the process') }
    }),
  )
}

async function probe(kind: DeviceKind): Promise<{ ok: boolean; found?: string }> {
  const file = fileURLToPath(new URL(`./probe${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url))
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [file, kind], { timeout: 60_000 })
    return JSON.parse(stdout.trim().split('\n').at(-1)!) as { ok: boolean; found?: string }
  } catch {
    return { ok: false }
  }
}

/** What the provider said, where that helps; else what is most likely missing. */
function explain(kind: DeviceKind, found: string): string {
  if (kind === 'webgpu') return 'no usable graphics adapter (Vulkan, Metal or Direct3D 12)'
  if (/shared library|cannot open/i.test(found))
    return `the ${kind === 'cuda' ? 'CUDA' : 'TensorRT'} libraries of ONNX Runtime are not installed`
  return found.split('\n')[0]!.slice(0, 120)
}

async function program(name: string, args: string[], remedy: string): Promise<Finding> {
  try {
    const { stdout } = await promisify(execFile)(name, args)
    return { name, ok: true, detail: stdout.split('\n')[0]!.slice(0, 80), needed: false }
  } catch {
    return { name, ok: false, detail: 'not found', remedy, needed: false }
  }
}
