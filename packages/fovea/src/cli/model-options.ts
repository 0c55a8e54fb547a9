// The options that say how a model is opened, the same for every command that runs one.

import type { Command } from 'commander'
import { type InputSpec, parseInputSpec } from '../model/input-spec.ts'
import type { Task } from '../model/metadata.ts'
import { DeepSeekVision } from '../model/vision-model.ts'
import { architectureHelp, hubOptions, inputHelp, type LiveLine, parseCount } from './terminal.ts'

export interface ModelFlags {
  input?: InputSpec
  architecture?: string
  imgsz?: number
  device?: string
}

export function withModelOptions(command: Command): Command {
  return command
    .option('--input <scaling>', inputHelp, parseInputSpec)
    .option('--architecture <name>', architectureHelp)
    .option('--imgsz <n>', 'side of the square that the model sees, in pixels, where it takes any size (default: its own)', parseCount)
    .option('--device <name>', 'cpu, webgpu, cuda:N or tensorrt:N')
}

/** @throws FoveaError as `DeepSeekVision.load` */
export function loadFlagged(file: string, flags: ModelFlags, line: LiveLine, signal: AbortSignal): Promise<DeepSeekVision<Task>> {
  const { input, architecture, imgsz, device } = flags
  return DeepSeekVision.load<Task>(file, {
    ...(input ? { input } : {}),
    ...(architecture ? { architecture } : {}),
    ...(imgsz ? { imageSize: [imgsz, imgsz] } : {}),
    ...(device ? { device } : {}),
    hub: hubOptions(line, signal),
  })
}
