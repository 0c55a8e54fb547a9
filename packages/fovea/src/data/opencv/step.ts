// What a step, a reading and a function of OpenCV must say of themselves; the tables of them serve the caller's thread (check) and the worker's (the rest).

import type { Shape } from './check.ts'
import type { Mat } from './library.ts'
import type { MatScope } from './mat-scope.ts'

/** From picture to picture. */
export interface Step<O> {
  /** The shape that comes out. Throws OPENCV_ARGUMENT or OPENCV_IMAGE where options or picture do not fit. */
  check(options: O, shape: Shape): Shape
  apply(scope: MatScope, source: Mat, options: O): Mat
}

/** From picture to an answer, which must be plain data. */
export interface Reading<O, R> {
  check(options: O, shape: Shape): void
  read(scope: MatScope, source: Mat, options: O): R
}

/** From arguments to an answer, both plain data. */
export interface PlainFunction<O, R> {
  check(options: O): void
  run(scope: MatScope, options: O): R
}

export function step<O>(definition: Step<O>): Step<O> {
  return definition
}

export function reading<O, R>(definition: Reading<O, R>): Reading<O, R> {
  return definition
}

export function plainFunction<O, R>(definition: PlainFunction<O, R>): PlainFunction<O, R> {
  return definition
}
