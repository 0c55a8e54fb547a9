// What can be wrong with a data set: one catalogue of stable codes.

interface ProblemEntry {
  /** `error`: something was left out because of it. `warning`: it was read as it stands. `note`: it may well be meant. */
  readonly severity: 'error' | 'warning' | 'note'
  readonly message: string
}

/** Scripts rely on these names. */
export const problemCatalogue = {
  'malformed-file': { severity: 'error', message: 'a label file cannot be read' },
  'malformed-entry': { severity: 'error', message: 'an entry of a label file cannot be read' },
  'path-outside': { severity: 'error', message: 'a path leads out of the folder of the data set' },
  'unknown-class': { severity: 'error', message: 'a class is not in the list of classes' },
  'unsupported-part': { severity: 'error', message: 'this part of the format is not read' },
  'missing-file': { severity: 'warning', message: 'the picture is missing' },
  'missing-labels': { severity: 'warning', message: 'the label file is missing' },
  'orphan-labels': { severity: 'error', message: 'labels belong to no picture' },
  'duplicate-name': { severity: 'warning', message: 'two pictures have one name' },
  'zero-size-box': { severity: 'warning', message: 'a box has no width or no height' },
  'inverted-box': { severity: 'warning', message: 'a box ends before it begins' },
  'first-pixel': {
    severity: 'warning',
    message: 'a VOC box begins before the first pixel, which is 1: if all do, read them from 0 (--voc-origin zero)',
  },
  'outside-image': { severity: 'warning', message: 'a shape reaches out of its picture' },
  'short-outline': { severity: 'warning', message: 'an outline has fewer than three corners' },
  'mask-size': { severity: 'warning', message: 'a mask has another size than its picture' },
  'empty-annotation': { severity: 'warning', message: 'an annotation has no shape' },
  'duplicate-annotation': { severity: 'warning', message: 'an annotation stands twice: the same class with the same shape' },
  'unreadable-image': { severity: 'warning', message: 'the picture cannot be opened, or is damaged' },
  'unknown-column': { severity: 'warning', message: 'a column of a CSV has no name that is known, and is not read' },
  'ambiguous-box': {
    severity: 'warning',
    message: 'what the four numbers of boxes mean is a guess: corners or a corner with width and height (--csv-box), or pixels',
  },
  'image-size': { severity: 'warning', message: 'the picture has another size than stated' },
  'duplicate-image': { severity: 'warning', message: 'two pictures have the same content' },
  'split-leakage': { severity: 'warning', message: 'the same picture or group, or nearly the same picture, is in two splits' },
  'near-duplicate': { severity: 'note', message: 'two pictures look nearly the same' },
  'several-ids': { severity: 'note', message: 'a class or a picture has another id in another place: the first is kept' },
  'absent-class': { severity: 'note', message: 'that a class is not in a picture is left out' },
  'empty-class': { severity: 'note', message: 'a class is never used' },
  'unlabelled-image': { severity: 'note', message: 'a picture has no labels' },
} as const satisfies Record<string, ProblemEntry>

export type ProblemCode = keyof typeof problemCatalogue

export interface DatasetProblem {
  readonly code: ProblemCode
  /** The file or picture that it is in, below the root of the data set. */
  readonly file: string
  /** What was found, in a clause. */
  readonly detail: string
  /** A second file, where it takes two. */
  readonly other?: string
}

/** Whether something was left out of the data set because of the problem. */
export function losesData({ code }: DatasetProblem): boolean {
  return problemCatalogue[code].severity === 'error'
}
