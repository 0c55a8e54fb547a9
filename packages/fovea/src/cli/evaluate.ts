// `fovea evaluate MODEL DATA`: how good a model is on pictures whose class is known.

import { Command, Option } from 'commander'
import pc from 'picocolors'
import { type ImageDataset, readableHashes } from '../data/dataset.ts'
import { makeFolder } from '../data/files.ts'
import { type ImageFolder, openImageFolder } from '../data/image-folder.ts'
import { evaluateClassifier } from '../evaluate/classifier.ts'
import { evaluationJson, evaluationText, writeEvaluationPlots } from '../evaluate/report.ts'
import { type InputSpec, parseInputSpec } from '../model/input-spec.ts'
import { DeepSeekVision } from '../model/vision-model.ts'
import { FoveaError } from '../util/errors.ts'
import { architectureHelp, bar, hubOptions, inputHelp, interruptSignal, LiveLine, modelHelp, parsePattern } from './terminal.ts'
import { reportFailures } from './train.ts'

interface EvaluateFlags {
  input?: InputSpec
  architecture?: string
  device?: string
  split?: 'train' | 'val' | 'test'
  plots?: string
  classFromName?: RegExp
  json?: boolean
}

export function evaluateCommand(): Command {
  return new Command('evaluate')
    .description('measure a model on a folder of pictures: accuracy, per-class figures, confusion matrix, calibration')
    .argument('<model>', modelHelp)
    .argument('<data>', 'folder with one sub-folder per class, with or without train, val and test')
    .option('--input <scaling>', inputHelp, parseInputSpec)
    .option('--architecture <name>', architectureHelp)
    .addOption(new Option('--split <name>', 'which part of the data').choices(['train', 'val', 'test']))
    .option('--device <name>', 'cpu, webgpu, cuda:N or tensorrt:N')
    .option('--class-from-name <regexp>', 'take the class from the file name: its first group', parsePattern)
    .option('--plots <folder>', 'write the confusion matrix and the reliability diagram there')
    .option('--json', 'print JSON')
    .action(async (file: string, data: string, flags: EvaluateFlags) => {
      const { signal, release } = interruptSignal()
      try {
        await run(file, data, flags, signal)
      } finally {
        release()
      }
    })
}

async function run(file: string, data: string, flags: EvaluateFlags, signal: AbortSignal): Promise<void> {
  const line = new LiveLine()
  const folder = await openImageFolder(data, {
    validationFraction: 0,
    minClasses: 1,
    onEmptyClass: 'warn',
    ...(flags.classFromName === undefined ? {} : { classFromName: flags.classFromName }),
  })
  const model = await DeepSeekVision.load(file, {
    ...(flags.input ? { input: flags.input } : {}),
    ...(flags.architecture ? { architecture: flags.architecture } : {}),
    ...(flags.device ? { device: flags.device } : {}),
    hub: hubOptions(line, signal),
  })
  try {
    for (const note of [...model.notes, ...folder.warnings]) line.print(pc.yellow(note))
    const { dataset, name } = await choosePart(folder, model, flags.split, signal)
    const evaluation = await evaluateClassifier(model, dataset, {
      signal,
      onProgress: (done, total) => line.update(`${name}  ${bar(done / total)}  ${done}/${total}`),
    })
    line.clear()
    for (const warning of evaluation.warnings) line.print(pc.yellow(warning))
    reportFailures(line, evaluation.failures)
    if (flags.plots !== undefined) {
      await makeFolder(flags.plots)
      line.print(`plots: ${(await writeEvaluationPlots(flags.plots, evaluation)).join(', ')}`)
    }
    process.stdout.write(
      flags.json ? `${JSON.stringify({ model: file, data, split: name, ...evaluationJson(evaluation) })}\n` : evaluationText(evaluation),
    )
  } finally {
    await model.close()
  }
}

/**
 * `test`, else `val`, else the pictures that the model's training held out, known by content, else all. A part that is asked for
 * is that part or an error.
 */
async function choosePart(
  folder: ImageFolder,
  model: DeepSeekVision,
  wanted: EvaluateFlags['split'],
  signal: AbortSignal,
): Promise<{ dataset: ImageDataset; name: string }> {
  const { splits } = folder
  if (wanted !== undefined) {
    const dataset = splits[wanted]
    if (dataset !== undefined) return { dataset, name: wanted }
    const found = Object.keys(splits).join(', ')
    throw new FoveaError('DATA_NO_IMAGES', { field: '--split', expected: `a folder "${wanted}"`, found, file: folder.root })
  }
  if (splits.test !== undefined) return { dataset: splits.test, name: 'test' }
  if (splits.val !== undefined) return { dataset: splits.val, name: 'val' }
  const all = splits.train!
  const held = new Set(model.metadata.split?.held ?? [])
  if (held.size === 0) return { dataset: all, name: 'all' }
  const hashes = await readableHashes(all.samples, signal)
  const samples = all.samples.filter((_, i) => held.has(hashes[i]?.slice(0, 16) ?? ''))
  return samples.length === 0 ? { dataset: all, name: 'all' } : { dataset: { ...all, samples }, name: 'held out at training' }
}
