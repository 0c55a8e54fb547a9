// `fovea pretrain MODEL`: first weights from pictures that are drawn by formula, without any photograph.

import { Command, Option } from 'commander'
import pc from 'picocolors'
import type { PretrainEvent } from '../train/pretrain/events.ts'
import { pretrain } from '../train/pretrain/pretrainer.ts'
import {
  architectureHelp,
  bar,
  formatCount,
  formatDuration,
  formatPercent,
  hubOptions,
  interruptSignal,
  LiveLine,
  parseNumber,
} from './terminal.ts'

interface PretrainFlags {
  architecture?: string
  out: string
  scenes?: number
  epochs?: number
  batch?: number
  imgsz?: number
  seed?: number
  optimizer?: 'adamw' | 'sgd'
  lr?: number
  threads?: number
  drawers?: number
  resume?: boolean
  overwrite?: boolean
  json?: boolean
}

export function pretrainCommand(): Command {
  return new Command('pretrain')
    .description('pretrain a network on pictures drawn by formula: shapes, textures, light')
    .argument('<model>', 'an architecture, which begins anew, or what to train on: an .onnx or .safetensors file, a folder, hf:owner/name')
    .option('--architecture <name>', architectureHelp)
    .option('--out <folder>', 'where model, checkpoint and log go', 'runs/pretrain')
    .option('--scenes <n>', 'different pictures that are drawn', parseNumber)
    .option('--epochs <n>', 'passes over them', parseNumber)
    .option('--batch <n>', 'pictures in one step', parseNumber)
    .option('--imgsz <n>', 'side of the pictures in pixels, a multiple of 32', parseNumber)
    .option('--seed <n>', 'the same seed gives the same weights', parseNumber)
    .addOption(new Option('--optimizer <name>', 'how weights are moved').choices(['adamw', 'sgd']))
    .option('--lr <rate>', 'largest learning rate', parseNumber)
    .option('--threads <n>', 'threads of the training step', parseNumber)
    .option('--drawers <n>', 'threads that draw pictures ahead', parseNumber)
    .option('--resume', 'go on from the checkpoint in --out')
    .option('--overwrite', 'begin anew in a folder that holds a training already, which is lost')
    .option('--json', 'print the result as JSON')
    .action(async (model: string, flags: PretrainFlags) => {
      const { signal, release } = interruptSignal()
      const line = new LiveLine()
      try {
        const { batch, imgsz, lr, json, ...same } = flags
        const result = await pretrain({
          model,
          ...same,
          ...(batch === undefined ? {} : { batchSize: batch }),
          ...(imgsz === undefined ? {} : { imageSize: imgsz }),
          ...(lr === undefined ? {} : { learningRate: lr }),
          signal,
          hub: hubOptions(line),
          onEvent: (event) => show(line, event),
        })
        line.clear()
        const { file, recipe, history } = result
        if (json) process.stdout.write(`${JSON.stringify({ model: file, recipe, history })}\n`)
        else process.stdout.write(`${file}\nTrain it on your own pictures: fovea train PHOTOS --model ${file}\n`)
      } finally {
        line.clear()
        release()
      }
    })
}

function show(line: LiveLine, event: PretrainEvent): void {
  switch (event.kind) {
    case 'plan': {
      const { recipe, parameters, stepsPerEpoch } = event
      line.print(
        `${pc.bold(recipe.model)}: ${formatCount(parameters)} parameters, ${formatCount(recipe.scenes)} scenes of ${recipe.imageSize} px, ${recipe.epochs} epochs of ${stepsPerEpoch} steps`,
      )
      return
    }
    case 'note':
      line.print(pc.yellow(event.text))
      return
    case 'step': {
      const { epoch, epochs, batch, batches, loss, secondsLeft } = event
      line.update(`epoch ${epoch + 1}/${epochs}  ${bar(batch / batches)}  loss ${loss.toFixed(3)}  ${formatDuration(secondsLeft)} left`)
      return
    }
    case 'estimate':
      line.print(`about ${formatDuration(event.seconds)} at most, by the first steps`)
      return
    case 'epoch': {
      const { epoch, loss, figures, seconds, imagesPerSecond } = event.record
      const shares = `shape ${formatPercent(figures.shape)}, texture ${formatPercent(figures.texture)}, cells ${formatPercent(figures.cells)}, mask IoU ${formatPercent(figures.mask)}`
      line.print(
        `epoch ${epoch + 1}: loss ${loss.toFixed(3)}; held out: ${shares} (${formatDuration(seconds)}, ${imagesPerSecond.toFixed(0)} images/s)`,
      )
    }
  }
}
