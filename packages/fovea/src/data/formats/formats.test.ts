import { datasetFormatCases } from './format.case.ts'
import { datasetFormats } from './table.ts'

for (const format of datasetFormats) datasetFormatCases(format)
