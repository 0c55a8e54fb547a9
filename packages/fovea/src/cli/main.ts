#!/usr/bin/env node
// The command line: `fovea <command>`. Results go to stdout, progress to stderr; exit code 0 means success.

import { Command } from 'commander'
import pc from 'picocolors'
import { isFoveaError } from '../util/errors.ts'
import { frameworkVersion } from '../util/version.ts'
import { dataCommand } from './data.ts'
import { doctorCommand } from './doctor.ts'
import { evaluateCommand } from './evaluate.ts'
import { featuresCommand } from './features.ts'
import { inspectCommand } from './inspect.ts'
import { predictCommand } from './predict.ts'
import { pretrainCommand } from './pretrain.ts'
import { roadCommand } from './road.ts'
import { sourceCommand } from './source.ts'
import { trainCommand } from './train.ts'

const program = new Command('fovea')
  .description('Vision AI in TypeScript: from a folder of pictures to a trained, measured and served model.')
  .version(frameworkVersion)
  .showHelpAfterError('(add --help for the options)')
  .exitOverride()

for (const command of [
  trainCommand,
  evaluateCommand,
  predictCommand,
  featuresCommand,
  inspectCommand,
  pretrainCommand,
  dataCommand,
  sourceCommand,
  doctorCommand,
  roadCommand,
])
  program.addCommand(command())

// The reader of a pipe may have enough: `fovea predict … | head -1`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})

// A training outlives the terminal that shows its progress.
process.stderr.on('error', () => undefined)

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = report(error)
}

/** Says what went wrong on stderr and gives the exit code. */
function report(error: unknown): number {
  // Commander has said it already; asking for help is no failure.
  if (error instanceof Error && 'exitCode' in error) return Number(error.exitCode)
  if (isFoveaError(error)) {
    process.stderr.write(`${pc.red('error')} ${error.message}\n`)
    return error.code === 'CANCELLED' ? 130 : 1
  }
  process.stderr.write(
    `${pc.red('error')} ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\nThis is a mistake in Fovea: please report it.\n`,
  )
  return 70
}
