// `fovea data …`: data sets of every format: what is wrong with them, what they hold, and the same in another format.

import { Command, InvalidArgumentError, Option } from 'commander'
import pc from 'picocolors'
import { drawAlike } from '../data/draw-alike.ts'
import { writePng } from '../data/encode.ts'
import { loadFont } from '../data/font.ts'
import { convertDataset, openDataset, readDataset, type WrittenDataset, writeDataset } from '../data/formats/dataset-files.ts'
import { equalPictures } from '../data/formats/equal-pictures.ts'
import { indexDataset } from '../data/formats/index-dataset.ts'
import { indexEnding } from '../data/formats/index-sources.ts'
import { openIndexedDataset } from '../data/formats/indexed-dataset.ts'
import { type DatasetProblem, losesData, problemCatalogue } from '../data/formats/problems.ts'
import { splitDataset } from '../data/formats/split.ts'
import { datasetStatistics, drawStatistics, statisticsText } from '../data/formats/statistics.ts'
import { datasetFormats } from '../data/formats/table.ts'
import { validateDataset } from '../data/formats/validate.ts'
import type { Placement } from '../data/formats/write-context.ts'
import { FoveaError } from '../util/errors.ts'
import { textTable } from '../util/text-table.ts'
import { previewCommand } from './data-preview.ts'
import { parseDrawing } from './pictures.ts'
import { interruptSignal, LiveLine, parseNumber, parsePattern } from './terminal.ts'

interface ReadFlags {
  format?: string
  vocOrigin?: 'one' | 'zero'
  csvBox?: 'xyxy' | 'xywh'
  json?: boolean
}

const formatNames = datasetFormats.map(({ name }) => name)

export function dataCommand(): Command {
  return new Command('data')
    .description('look at data sets: what is wrong with them, what they hold; convert them')
    .addCommand(validateCommand())
    .addCommand(statsCommand())
    .addCommand(convertCommand())
    .addCommand(splitCommand())
    .addCommand(indexCommand())
    .addCommand(previewCommand())
    .addCommand(formatsCommand())
}

function reading(command: Command): Command {
  return command
    .argument('<data>', 'a folder, one of its label files, or its index')
    .addOption(new Option('--format <name>', 'the format, where it cannot be told').choices(formatNames))
    .addOption(new Option('--voc-origin <pixel>', 'Pascal VOC: the number of the first pixel').choices(['one', 'zero']))
    .addOption(
      new Option('--csv-box <order>', 'CSV: four numbers of a box are corners, or a corner, width and height').choices(['xyxy', 'xywh']),
    )
    .option('--json', 'print JSON')
}

function readOptions({ format, vocOrigin, csvBox }: ReadFlags) {
  return {
    ...(format === undefined ? {} : { format }),
    ...(vocOrigin === undefined ? {} : { vocOrigin }),
    ...(csvBox === undefined ? {} : { csvBox }),
  }
}

function validateCommand(): Command {
  return reading(new Command('validate'))
    .description('report every problem of a data set')
    .option('--quick', 'do not decode the pictures: their headers and bytes are looked at, damage further on is not found')
    .option('--no-open', 'do not open the pictures at all: finds no duplicates and no wrong sizes either')
    .option('--near [bits]', 'also find pictures that look alike: at most so many of 64 bits differ (default: 4)', parseNumber)
    .option('--sheet <file>', 'draw the pictures that look alike there as PNG', parseDrawing)
    .option('--strict', 'exit with 1 where there is a problem')
    .action(
      async (
        source: string,
        flags: ReadFlags & { open: boolean; quick?: boolean; near?: number | true; sheet?: string; strict?: boolean },
      ) => {
        const near = flags.near ?? (flags.sheet === undefined ? undefined : true)
        const report = await working((line, signal) =>
          validateDataset(source, {
            ...readOptions(flags),
            openPictures: flags.open,
            quick: flags.quick === true,
            ...(near === undefined ? {} : { near: near === true ? 4 : near }),
            onPicture: (count) => line.update(`${count} images`),
            signal,
          }),
        )
        const { nearPairs = [] } = report
        if (flags.sheet !== undefined && nearPairs.length > 0) await writePng(flags.sheet, await drawAlike(nearPairs))
        if (flags.json) print(report)
        else process.stdout.write(`${report.format}\n${statisticsText(report)}\n${problemsText(report.problems)}`)
        if (flags.strict && report.problems.length > 0) process.exitCode = 1
      },
    )
}

function statsCommand(): Command {
  return reading(new Command('stats'))
    .description('count images, shapes and classes')
    .option('--plot <file>', 'draw the classes there as PNG', parseDrawing)
    .action(async (source: string, flags: ReadFlags & { plot?: string }) => {
      const problems: DatasetProblem[] = []
      const { format, statistics } = await working(async (_, signal) => {
        const opened = await openDataset(source, { ...readOptions(flags), onProblem: (problem) => problems.push(problem), signal })
        // An index holds them.
        if (source.endsWith(indexEnding)) return openIndexedDataset(source, { check: 'none' })
        return { format: opened.format, statistics: await datasetStatistics(opened) }
      })
      if (flags.plot !== undefined) await writePng(flags.plot, drawStatistics(statistics, await loadFont()))
      if (flags.json) print({ format, ...statistics, problems })
      else process.stdout.write(`${format}\n${statisticsText(statistics)}\n${problemsText(problems)}`)
      // Nothing at all could be counted: a script should not take that for an empty set.
      if (statistics.images === 0 && problems.some(losesData)) process.exitCode = 1
    })
}

function convertCommand(): Command {
  return reading(new Command('convert'))
    .description('write a data set in another format, and say what that cannot hold')
    .argument('<out>', 'a new folder')
    .addOption(new Option('--to <name>', 'the new format').choices(formatNames).makeOptionMandatory())
    .addOption(placementOption())
    .action(async (source: string, out: string, flags: ReadFlags & { to: string; pictures: Placement }) => {
      const result = await working((line, signal) =>
        convertDataset(source, out, {
          ...readOptions(flags),
          to: flags.to,
          pictures: flags.pictures,
          onPicture: (count) => line.update(`${count} images`),
          signal,
        }),
      )
      if (flags.json) return print(result)
      process.stdout.write(`${result.pictures} images from ${result.from} to ${result.format} in ${out}\n`)
      process.stdout.write(lossesText(result))
      if (result.problems.length > 0) process.stdout.write(problemsText(result.problems))
    })
}

/** Splits that the format has no place for would be lost: that is said before anything is written. */
function checkParts(parts: Readonly<Record<string, number>>, format: string): void {
  const splits = datasetFormats.find(({ name }) => name === format)?.holds.splits
  const lost = Object.keys(parts).find((part) => splits !== true && !(Array.isArray(splits) && splits.includes(part)))
  if (lost === undefined) return
  throw new FoveaError('DATA_OPTION_INVALID', {
    field: '--parts',
    expected: Array.isArray(splits)
      ? `parts among ${splits.join(', ')}, which ${format} has folders for`
      : `--to with a format that has splits, as ${format} has none`,
    found: lost,
  })
}

function lossesText({ losses, format }: Pick<WrittenDataset, 'losses' | 'format'>): string {
  if (losses.length === 0) return ''
  const rows = losses.map(({ what, count, example }) => [what, String(count), `as of ${example}`])
  return `${pc.yellow(`not there, since ${format} cannot hold it:`)}\n${textTable(rows)}\n`
}

function splitCommand(): Command {
  return reading(new Command('split'))
    .description(
      'write a data set with new splits: the same mixture of classes in each; groups, and pictures of equal bytes, are kept together',
    )
    .argument('<out>', 'a new folder')
    .requiredOption('--parts <list>', 'such as train=0.7,val=0.2,test=0.1', parseParts)
    .addOption(new Option('--to <name>', 'the new format (default: as it was)').choices(formatNames))
    .option('--group-from-name <regexp>', 'pictures whose names give the same first group stay together', parsePattern)
    .option('--seed <n>', 'the same seed gives the same splits', parseNumber, 0)
    .addOption(placementOption())
    .action(
      async (
        source: string,
        out: string,
        flags: ReadFlags & { parts: Record<string, number>; to?: string; groupFromName?: RegExp; seed: number; pictures: Placement },
      ) => {
        const { groupFromName: pattern } = flags
        const groupBy =
          pattern === undefined ? {} : { groupBy: ({ name }: { name: string }) => pattern.exec(name)?.[1] ?? pattern.exec(name)?.[0] }
        const problems: DatasetProblem[] = []
        const result = await working(async (line, signal) => {
          const set = await readDataset(source, { ...readOptions(flags), onProblem: (problem) => problems.push(problem), signal })
          if (pattern !== undefined && !set.pictures.some(({ name }) => pattern.test(name)))
            throw new FoveaError('DATA_OPTION_INVALID', {
              field: '--group-from-name',
              expected: 'an expression that fits names of pictures',
              found: `${pattern.source}, which fits none such as ${set.pictures[0]?.name}`,
            })
          const format = flags.to ?? set.format
          checkParts(flags.parts, format)
          const equalBy = await equalPictures(set.pictures, { signal })
          const parted = splitDataset(set, { parts: flags.parts, seed: flags.seed, equalBy, ...groupBy })
          const { splits } = await datasetStatistics(parted)
          const written = await writeDataset(parted, out, {
            format,
            pictures: flags.pictures,
            onPicture: (count) => line.update(`${count} images`),
            signal,
          })
          return { ...written, splits, problems }
        })
        if (flags.json) return print(result)
        process.stdout.write(
          `${textTable(Object.entries(result.splits).map(([split, count]) => [split || 'none', String(count)]))}\n${lossesText(result)}`,
        )
        if (problems.length > 0) process.stdout.write(problemsText(problems))
      },
    )
}

function indexCommand(): Command {
  return reading(new Command('index'))
    .description('write an index: a data set of any size then opens in a moment and does not lie in memory')
    .option('--out <file>', 'the file to write (default: beside the data set, with the ending .fovea-index)')
    .option('--hash', "take hashes of the pictures' bytes, to find equal ones later")
    .option('--near', 'take hashes of what the pictures look like, to find similar ones later')
    .action(async (source: string, flags: ReadFlags & { out?: string; hash?: boolean; near?: boolean }) => {
      const written = await working((line, signal) =>
        indexDataset(source, {
          ...readOptions(flags),
          ...(flags.out === undefined ? {} : { out: flags.out }),
          contentHashes: flags.hash === true,
          perceptualHashes: flags.near === true,
          onProblem: () => {},
          onPicture: (count) => count % 100 === 0 && line.update(`${count} images`),
          signal,
        }),
      )
      if (flags.json) return print(written)
      const { file, format, pictures, problemCounts } = written
      process.stdout.write(`${pictures} images of ${format} in ${file}\n`)
      const found = Object.entries(problemCounts).map(([code, count]) => [code, String(count)])
      if (found.length > 0)
        process.stdout.write(`${pc.yellow('problems, of which fovea data validate tells more:')}\n${textTable(found)}\n`)
    })
}

function formatsCommand(): Command {
  return new Command('formats')
    .description('list the formats and what each can hold')
    .option('--json', 'print JSON')
    .action((flags: { json?: boolean }) => {
      if (flags.json) print(datasetFormats.map(({ name, title, holds }) => ({ name, title, holds })))
      else process.stdout.write(`${datasetFormats.map(({ name, title }) => `${name.padEnd(16)}${title}`).join('\n')}\n`)
    })
}

function placementOption(): Option {
  return new Option('--pictures <how>', 'how pictures get there').choices(['copy', 'link', 'symlink', 'none']).default('copy')
}

/** Runs the work with a live line, until it is done or Ctrl-C. */
async function working<T>(work: (line: LiveLine, signal: AbortSignal) => Promise<T>): Promise<T> {
  const line = new LiveLine()
  const { signal, release } = interruptSignal()
  try {
    return await work(line, signal)
  } finally {
    line.clear()
    release()
  }
}

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}

/** Problems by kind, those that lose data first, with a few examples of each. */
function problemsText(problems: readonly DatasetProblem[]): string {
  if (problems.length === 0) return `${pc.green('no problems')}\n`
  const rank = { error: 0, warning: 1, note: 2 }
  const paint = { error: pc.red, warning: pc.yellow, note: pc.dim }
  const kinds = [...Map.groupBy(problems, ({ code }) => code)].sort(
    ([a], [b]) => rank[problemCatalogue[a].severity] - rank[problemCatalogue[b].severity],
  )
  return kinds
    .map(([code, list]) => {
      const { severity, message } = problemCatalogue[code]
      const shown = list.slice(0, 5).map(({ file, detail }) => `  ${file}: ${detail}`)
      const more = list.length > 5 ? [`  and ${list.length - 5} more`] : []
      return `${paint[severity](`${list.length} ${code}`)}: ${message}\n${[...shown, ...more].join('\n')}\n`
    })
    .join('')
}

function parseParts(text: string): Record<string, number> {
  const parts = text.split(',').map((part) => part.split('='))
  if (!parts.every(([name, share]) => name && Number.isFinite(Number(share)) && share !== ''))
    throw new InvalidArgumentError('Write train=0.8,val=0.2.')
  if (new Set(parts.map(([name]) => name)).size < parts.length) throw new InvalidArgumentError('Name each part once.')
  return Object.fromEntries(parts.map(([name, share]) => [name, Number(share)]))
}
