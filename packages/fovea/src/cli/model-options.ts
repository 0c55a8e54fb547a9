// The options that say how a model is opened, the same for every command that runs one.

import { readFileSync, statSync } from 'node:fs'
import { type Command, InvalidArgumentError } from 'commander'
import { type DetectorLayoutName, detectorLayoutNames } from '../model/heads/detector-layouts.ts'
import { type InputSpec, parseInputSpec } from '../model/input-spec.ts'
import type { Task } from '../model/metadata.ts'
import { DeepSeekVision } from '../model/vision-model.ts'
import { architectureHelp, hubOptions, inputHelp, type LiveLine, parseSize } from './terminal.ts'

export interface ModelFlags {
  input?: InputSpec
  architecture?: string
  imgsz?: number | readonly [height: number, width: number]
  detector?: DetectorLayoutName
  labels?: readonly string[]
  device?: string
}

export function withModelOptions(command: Command): Command {
  return command
    .option('--input <scaling>', inputHelp, parseInputSpec)
    .option('--architecture <name>', architectureHelp)
    .option(
      '--imgsz <size>',
      'what the model sees, in pixels, where it takes any size: a side or HEIGHTxWIDTH (default: its own)',
      parseSize,
    )
    .option('--detector <form>', `the form in which another tool's detector answers: ${detectorLayoutNames.join(', ')}`, parseDetector)
    .option('--labels <names>', 'class names with commas between, or a text file with one a line', parseLabels)
    .option('--device <name>', 'cpu, webgpu, cuda:N or tensorrt:N')
}

/** @throws FoveaError as `DeepSeekVision.load` */
export function loadFlagged(file: string, flags: ModelFlags, line: LiveLine, signal: AbortSignal): Promise<DeepSeekVision<Task>> {
  const { input, architecture, imgsz, device, detector, labels } = flags
  return DeepSeekVision.load<Task>(file, {
    ...(input ? { input } : {}),
    ...(architecture ? { architecture } : {}),
    ...(imgsz === undefined ? {} : { imageSize: typeof imgsz === 'number' ? [imgsz, imgsz] : imgsz }),
    ...(device ? { device } : {}),
    ...(detector ? { detector } : {}),
    ...(labels ? { labels } : {}),
    hub: hubOptions(line, signal),
  })
}

function parseDetector(text: string): DetectorLayoutName {
  const name = detectorLayoutNames.find((one) => one === text)
  if (name === undefined) throw new InvalidArgumentError(`Expected ${detectorLayoutNames.join(', ')}.`)
  return name
}

/** Names from the command line, or from a file with a name on each line. */
function parseLabels(text: string): readonly string[] {
  const isFile = statSync(text, { throwIfNoEntry: false })?.isFile() ?? false
  if (!isFile && /[/\\]|\.(txt|names|csv)$/i.test(text) && !text.includes(','))
    throw new InvalidArgumentError(
      'There is no such file; write class names with commas between, or the path of a text file with one a line.',
    )
  const names = isFile ? readFileSync(text, 'utf8').split(/\r?\n/) : text.split(',')
  const labels = names.map((name) => name.trim()).filter((name) => name !== '')
  if (labels.length === 0) throw new InvalidArgumentError('Expected class names, or a text file with one a line.')
  return labels
}
