// What the columns of a CSV of labels mean: its separator, its heading or the lack of one, and which columns tell boxes.

import { FoveaError, isFoveaError } from '../../util/errors.ts'
import { parseCsv } from './csv.ts'
import type { BoxOrder } from './csv-box-order.ts'

export type Role = 'image' | 'label' | 'split' | 'group' | 'caption' | 'width' | 'height' | 'bbox' | BoxRole
type BoxRole = 'x1' | 'y1' | 'x2' | 'y2' | 'w' | 'h' | 'cx' | 'cy'

/**
 * What columns are called, in lower case without signs between words; of two columns of one role, the one that is called by the earlier name counts.
 * `width` and `height` alone mean what `placeSizes` says.
 */
const columnNames: Readonly<Record<Role, readonly string[]>> = {
  image: ['filename', 'imagename', 'filepath', 'imagepath', 'path', 'file', 'image', 'img', 'imageid'],
  label: [
    'classname',
    'labelname',
    'categoryname',
    'class',
    'label',
    'category',
    'species',
    'celltype',
    'target',
    'classid',
    'labelid',
    'categoryid',
  ],
  split: ['split', 'subset', 'set'],
  group: ['group', 'groupid', 'patient', 'patientid'],
  caption: ['caption', 'text', 'description'],
  width: ['imagewidth', 'imgwidth', 'imgw', 'width'],
  height: ['imageheight', 'imgheight', 'imgh', 'height'],
  bbox: ['bbox', 'box', 'xyxy', 'bboxxyxy', 'boxxyxy', 'xywh', 'bboxxywh', 'boxxywh'],
  x1: ['x1', 'x', 'xmin', 'left', 'bboxx', 'boxx', 'bboxx1', 'bboxxmin'],
  y1: ['y1', 'y', 'ymin', 'top', 'bboxy', 'boxy', 'bboxy1', 'bboxymin'],
  x2: ['x2', 'xmax', 'right', 'bboxx2', 'bboxxmax'],
  y2: ['y2', 'ymax', 'bottom', 'bboxy2', 'bboxymax'],
  w: ['w', 'boxwidth', 'bboxwidth', 'bboxw', 'boxw'],
  h: ['h', 'boxheight', 'bboxheight', 'bboxh', 'boxh'],
  cx: ['cx', 'xcenter', 'xcentre', 'centerx', 'centrex'],
  cy: ['cy', 'ycenter', 'ycentre', 'centery', 'centrey'],
}

const separators = [',', ';', '\t']

/** Rows of a file with what its columns mean. */
export interface CsvTable {
  /** Names of the columns; '' each where there is no heading. */
  readonly columns: readonly string[]
  /** A role stands once; undefined for columns that mean nothing here. */
  readonly roles: readonly (Role | undefined)[]
  readonly rows: readonly (readonly string[])[]
  /** The line of the first row, from 1. */
  readonly firstLine: number
  /** How four numbers of a box are meant, where the heading says so or no four numbers are without names. */
  readonly order?: BoxOrder
  /** The columns of four numbers that have no names: one with all of them, or four. */
  readonly unnamedBox: readonly number[]
}

/**
 * Reads a file, its separator told by the first line: comma, semicolon or tab, whichever gives a column of pictures. Without a heading it is a picture alone,
 * a picture and its class, or four numbers between them or after them (RetinaNet's `path,x1,y1,x2,y2,class`).
 * @param isPicture whether a cell names one
 * @returns undefined where no column is of pictures @throws DATASET_MALFORMED
 */
export function readTable(text: string, file: string, isPicture: (cell: string) => boolean): CsvTable | undefined {
  const firsts = separators.map((separator) => ({ separator, cells: firstRecord(text, file, separator) }))
  const widest = (some: typeof firsts) => some.sort((a, b) => b.cells.length - a.cells.length)[0]
  const headed = widest(firsts.filter(({ cells }) => rolesOf(cells).includes('image')))
  if (headed !== undefined) {
    const [columns = [], ...rows] = parseCsv(text, file, headed.separator)
    const roles = rolesOf(columns)
    const bbox = roles.indexOf('bbox')
    const order = bbox < 0 ? undefined : /xyxy|xywh/.exec(plainName(columns[bbox]!))?.[0]
    return {
      columns,
      roles,
      rows,
      firstLine: 2,
      ...(order === undefined ? {} : { order: order as BoxOrder }),
      unnamedBox: bbox < 0 ? [] : [bbox],
    }
  }
  const bare = widest(firsts.filter(({ cells }) => isPicture(cells[0] ?? '')))
  if (bare === undefined) return undefined
  const rows = parseCsv(text, file, bare.separator)
  const { roles, unnamedBox } = bareRoles(rows, file)
  return { columns: roles.map(() => ''), roles, rows, firstLine: 1, unnamedBox }
}

/** The first record alone; no cells where the separator does not fit, as for quotes in the midst of a cell. */
function firstRecord(text: string, file: string, separator: string): string[] {
  try {
    return parseCsv(text.slice(0, 65_536), file, separator, 1)[0] ?? []
  } catch (error) {
    if (!isFoveaError(error)) throw error
    return []
  }
}

function plainName(column: string): string {
  return column.toLowerCase().replaceAll(/[^a-z0-9]/g, '')
}

export function rolesOf(columns: readonly string[]): (Role | undefined)[] {
  const names = columns.map(plainName)
  // Corners that are counted from 0.
  const fromZero = names.includes('x0') && names.includes('x1')
  const counted = fromZero ? names.map((name) => name.replace(/^([xy])([01])$/, (_, axis, n) => `${axis}${Number(n) + 1}`)) : names
  const roles = counted.map((name) => (Object.keys(columnNames) as Role[]).find((role) => columnNames[role].includes(name)))
  const rank = (i: number) => columnNames[roles[i]!].indexOf(counted[i]!)
  const isBest = (role: Role, i: number) =>
    roles.every((other, k) => other !== role || k === i || rank(i) < rank(k) || (rank(i) === rank(k) && i < k))
  return placeSizes(
    roles.map((role, i) => (role !== undefined && isBest(role, i) ? role : undefined)),
    names,
  )
}

/** `width` and `height` beside a corner or a centre are of the box where nothing else ends it, else of the picture. */
function placeSizes(roles: readonly (Role | undefined)[], names: readonly string[]): (Role | undefined)[] {
  const has = (role: Role) => roles.includes(role)
  const begun = (has('x1') && has('y1')) || (has('cx') && has('cy'))
  const ended = has('x2') || has('y2') || has('w') || has('h')
  if (!begun || ended) return [...roles]
  return roles.map((role, i) => (names[i] === 'width' ? 'w' : names[i] === 'height' ? 'h' : role))
}

/** Columns of a file without a heading, by how many there are and which hold numbers in most rows. */
function bareRoles(rows: readonly (readonly string[])[], file: string): { roles: (Role | undefined)[]; unnamedBox: number[] } {
  const byCount = [...Map.groupBy(rows, (row) => row.length)].sort(([, a], [, b]) => b.length - a.length)
  const count = byCount[0]![0]
  const numbers = (columns: readonly number[]) =>
    2 * rows.filter((row) => columns.every((i) => row[i] !== undefined && Number.isFinite(Number(row[i])))).length > rows.length
  if (count === 1) return { roles: ['image'], unnamedBox: [] }
  if (count === 2) return { roles: ['image', 'label'], unnamedBox: [] }
  const box: (Role | undefined)[] = [undefined, undefined, undefined, undefined]
  if (count === 5 && numbers([1, 2, 3, 4])) return { roles: ['image', ...box], unnamedBox: [1, 2, 3, 4] }
  if (count === 6 && numbers([1, 2, 3, 4])) return { roles: ['image', ...box, 'label'], unnamedBox: [1, 2, 3, 4] }
  if (count === 6 && numbers([2, 3, 4, 5])) return { roles: ['image', 'label', ...box], unnamedBox: [2, 3, 4, 5] }
  throw new FoveaError('DATASET_MALFORMED', {
    file,
    expected: 'a heading, or without one: picture; picture, class; picture, four numbers of a box, class',
    found: `${count} columns without a heading`,
    remedy: 'Put a first line with the names of the columns, such as image,label,x1,y1,x2,y2.',
  })
}
