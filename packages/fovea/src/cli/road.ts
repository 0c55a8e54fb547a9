// `fovea road`: the whole road once, on pictures that Fovea draws itself. `npm start` runs it.

import { basename, dirname, join } from 'node:path'
import { Command } from 'commander'
import pc from 'picocolors'
import { loadImage } from '../data/decode.ts'
import { writePng } from '../data/encode.ts'
import { makeFolder } from '../data/files.ts'
import { listImages } from '../data/image-folder.ts'
import { surfaceClasses, writeSurfaces } from '../data/synthetic/surfaces.ts'
import { evaluationText } from '../evaluate/report.ts'
import { drawPrediction } from '../model/draw.ts'
import { DeepSeekVision } from '../model/vision-model.ts'
import { interruptSignal, parseCount } from './terminal.ts'
import { runTraining } from './train.ts'

export function roadCommand(): Command {
  return new Command('road')
    .description('the whole road on generated pictures: draw, train, evaluate, predict')
    .option('--out <folder>', 'where everything goes', 'runs/road')
    .option('--epochs <n>', 'passes over the pictures', parseCount, 14)
    .option('--per-class <n>', 'pictures of each kind of surface', parseCount, 150)
    .action(async (flags: { out: string; epochs: number; perClass: number }) => {
      const { signal, release } = interruptSignal()
      try {
        await walk(flags, signal)
      } finally {
        release()
      }
    })
}

async function walk({ out, epochs, perClass }: { out: string; epochs: number; perClass: number }, signal: AbortSignal): Promise<void> {
  const say = (text: string) => process.stderr.write(`${text}\n`)
  await makeFolder(out)
  const data = join(out, 'surfaces')
  say(pc.bold(`1. Drawing ${perClass} pictures of each of ${surfaceClasses.length} kinds of surface: ${surfaceClasses.join(', ')}`))
  await makeFolder(data)
  await writeSurfaces(data, { perClass, size: 64, seed: 1, signal })
  const fresh = join(out, 'new')
  await writeSurfaces(fresh, { perClass: 1, size: 64, seed: 2, signal })

  say(pc.bold('\n2. Training a small network on them'))
  const run = await runTraining(data, { out: join(out, 'model'), epochs, augment: 'strong', imgsz: 64, overwrite: true }, signal)

  say(pc.bold('\n3. On the pictures that were held out'))
  process.stdout.write(evaluationText(run.evaluation!))

  say(pc.bold('\n4. On pictures that it has never seen'))
  const model = await DeepSeekVision.load(run.result.file)
  const pictures = join(out, 'predictions')
  await makeFolder(pictures)
  try {
    for (const file of await listImages(fresh)) {
      const image = await loadImage(file)
      const result = await model.predict(image)
      const drawn = join(pictures, `${basename(dirname(file))}.png`)
      await writePng(drawn, await drawPrediction(image, result, { explanation: await model.explain(image) }))
      process.stdout.write(`${drawn}  ${result.label}  ${(100 * result.probability).toFixed(1)} %\n`)
    }
  } finally {
    await model.close()
  }
  say(`
${pc.bold('Done.')} Look at ${pictures}: each picture with its label and, in warm colours, where the model looked.
Curves and confusion matrix are in ${join(out, 'model')}.

Now with your own pictures, one folder per class:
  npm run fovea -- train photos/
  npm run fovea -- predict runs/train/model.onnx photo.jpg --draw predictions --explain
  npm run fovea -- inspect runs/train/model.onnx`)
}
