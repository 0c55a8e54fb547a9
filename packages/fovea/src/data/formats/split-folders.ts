// Splits that names of folders and files tell.

export type SplitName = 'train' | 'val' | 'test'

const names: Readonly<Record<string, SplitName>> = {
  train: 'train',
  training: 'train',
  val: 'val',
  valid: 'val',
  validation: 'val',
  test: 'test',
  testing: 'test',
}

/** `train`, `val` or `test` where a name means one of them, in any case and with or without a year: COCO's `val2017`. */
export function splitName(name: string): SplitName | undefined {
  return names[name.toLowerCase().replace(/(?<=[a-z])[_-]?(19|20)\d\d$/, '')]
}

/** The split that a folder of the path names, alone or as its first word: `valid/a.xml`, `Validation_Annotations/a.xml`. */
export function splitByFolder(path: string): SplitName | undefined {
  for (const folder of path.split('/').slice(0, -1)) {
    const split = splitName(folder) ?? splitName(folder.split(/[_\s-]/)[0]!)
    if (split !== undefined) return split
  }
  return undefined
}
