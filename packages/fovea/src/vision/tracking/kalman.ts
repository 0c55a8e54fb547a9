// The motion of a box: a Kalman filter on centre, aspect and height with constant velocities (SORT, Bewley et al. 2016; noises of DeepSORT, Wojke et al. 2017).

import type { Box } from '../annotation.ts'

/** Standard deviations of place and speed, as parts of the box's height: DeepSORT's. */
const placeNoise = 1 / 20
const speedNoise = 1 / 160

/** One of the four coordinates: its value, its change a frame, and the covariance of both. */
interface Coordinate {
  value: number
  speed: number
  valueVariance: number
  covariance: number
  speedVariance: number
}

/**
 * DeepSORT's filter has eight states; its noises are diagonal, so that it is four filters of two states: x and y of the centre, width / height, height. Time is in
 * frames and may be fractional.
 */
export class BoxFilter {
  readonly #x: Coordinate
  readonly #y: Coordinate
  readonly #aspect: Coordinate
  readonly #height: Coordinate

  /** A box with an area, at rest. */
  constructor(box: Box) {
    const [x, y, aspect, height] = measure(box)
    const [place, speed] = [2 * placeNoise * height, 10 * speedNoise * height]
    this.#x = atRest(x, place, speed)
    this.#y = atRest(y, place, speed)
    this.#aspect = atRest(aspect, 1e-2, 1e-5)
    this.#height = atRest(height, place, speed)
  }

  /** Where the box is thought to be. Its sides are never under a thousandth of a pixel. */
  get box(): Box {
    const height = Math.max(this.#height.value, 1e-3)
    const width = Math.max(this.#aspect.value * height, 1e-3)
    const [x, y] = [this.#x.value, this.#y.value]
    return { x1: x - width / 2, y1: y - height / 2, x2: x + width / 2, y2: y + height / 2 }
  }

  /** Pixels a frame. */
  get velocity(): readonly [x: number, y: number] {
    return [this.#x.speed, this.#y.speed]
  }

  /** Goes on for so many frames. */
  predict(frames: number): void {
    const height = Math.max(this.#height.value, 1e-3)
    const [place, speed] = [placeNoise * height, speedNoise * height]
    advance(this.#x, frames, place, speed)
    advance(this.#y, frames, place, speed)
    advance(this.#aspect, frames, 1e-2, 1e-5)
    advance(this.#height, frames, place, speed)
  }

  /** Takes in a box that was seen; it must have an area. */
  update(box: Box): void {
    const [x, y, aspect, height] = measure(box)
    const place = placeNoise * Math.max(this.#height.value, 1e-3)
    correct(this.#x, x, place)
    correct(this.#y, y, place)
    correct(this.#aspect, aspect, 1e-1)
    correct(this.#height, height, place)
  }

  /** What is not seen does not go on growing or shrinking. */
  holdSize(): void {
    this.#height.speed = 0
  }
}

function measure({ x1, y1, x2, y2 }: Box): [x: number, y: number, aspect: number, height: number] {
  return [(x1 + x2) / 2, (y1 + y2) / 2, (x2 - x1) / (y2 - y1), y2 - y1]
}

function atRest(value: number, place: number, speed: number): Coordinate {
  return { value, speed: 0, valueVariance: place * place, covariance: 0, speedVariance: speed * speed }
}

/**
 * `frames` steps of one frame each, in one: P' = F P F' + Q with the sum of F^k Q F^k' over k = 0 to n - 1 in closed form, whose polynomials in n hold for
 * fractions too. Going on by a and then b is therefore going on by a + b.
 */
function advance(state: Coordinate, frames: number, place: number, speed: number): void {
  const [q, r] = [place * place, speed * speed]
  const [valueVariance, covariance, speedVariance] = [state.valueVariance, state.covariance, state.speedVariance]
  state.value += frames * state.speed
  state.valueVariance =
    valueVariance +
    2 * frames * covariance +
    frames * frames * speedVariance +
    frames * q +
    (r * (frames - 1) * frames * (2 * frames - 1)) / 6
  state.covariance = covariance + frames * speedVariance + (r * frames * (frames - 1)) / 2
  state.speedVariance = speedVariance + frames * r
}

function correct(state: Coordinate, measured: number, noise: number): void {
  const total = state.valueVariance + noise * noise
  const [gain, speedGain] = [state.valueVariance / total, state.covariance / total]
  const surprise = measured - state.value
  state.value += gain * surprise
  state.speed += speedGain * surprise
  state.speedVariance -= speedGain * state.covariance
  state.covariance *= 1 - gain
  state.valueVariance *= 1 - gain
}
