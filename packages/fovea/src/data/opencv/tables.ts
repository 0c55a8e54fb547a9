// All steps, readings and functions by name: what both sides of the thread know.

import { alignFunctions } from './functions/align.ts'
import { cameraFunctions } from './functions/camera.ts'
import { motionFunctions } from './functions/motion.ts'
import { shapeFunctions } from './functions/shapes.ts'
import { contourReads } from './reads/contours.ts'
import { findReads } from './reads/find.ts'
import { markerReads } from './reads/markers.ts'
import { measureReads } from './reads/measures.ts'
import type { PlainFunction, Reading, Step } from './step.ts'
import { colorSteps } from './steps/color.ts'
import { combineSteps } from './steps/combine.ts'
import { filterSteps } from './steps/filters.ts'
import { geometrySteps } from './steps/geometry.ts'
import { thresholdSteps } from './steps/thresholds.ts'

export const steps = { ...colorSteps, ...filterSteps, ...thresholdSteps, ...geometrySteps, ...combineSteps }
export const reads = { ...measureReads, ...contourReads, ...findReads, ...markerReads }
export const functions = { ...alignFunctions, ...motionFunctions, ...shapeFunctions, ...cameraFunctions }

export type StepName = keyof typeof steps
export type ReadName = keyof typeof reads
export type FunctionName = keyof typeof functions

export type StepOptions<K extends StepName> = (typeof steps)[K] extends Step<infer O> ? O : never
export type ReadOptions<K extends ReadName> = (typeof reads)[K] extends Reading<infer O, unknown> ? O : never
export type ReadResult<K extends ReadName> = (typeof reads)[K] extends Reading<never, infer R> ? R : never
export type FunctionOptions<K extends FunctionName> = (typeof functions)[K] extends PlainFunction<infer O, unknown> ? O : never
export type FunctionResult<K extends FunctionName> = (typeof functions)[K] extends PlainFunction<never, infer R> ? R : never
