// Pictures drawn by formula, for pretraining.

export type { FormulaBatch } from './batch.ts'
export { FormulaPool, type FormulaPoolOptions } from './pool.ts'
export { drawFormula, type FormulaOptions, type FormulaScene, formulaClasses, formulaParts, formulaVersion } from './scene.ts'
