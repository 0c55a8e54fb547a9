// What is measured of each class where pictures have one or several.

import type { FigureInfo } from './records.ts'

export const classFigures = [
  { name: 'precision', title: 'Precision', better: 'higher', unit: 'part' },
  { name: 'recall', title: 'Recall', better: 'higher', unit: 'part' },
  { name: 'f1', title: 'F1', better: 'higher', unit: 'part' },
  { name: 'auroc', title: 'AUROC', better: 'higher', unit: 'part' },
  { name: 'averagePrecision', title: 'Average precision', better: 'higher', unit: 'part' },
] as const satisfies readonly FigureInfo[]
