// Special functions in float64 precision.

const twoOverRootPi = 2 / Math.sqrt(Math.PI)

/**
 * The error function. Below 3 by the series with positive terms, above by the continued fraction of its complement
 * (Abramowitz & Stegun 7.1.6 and 7.1.14); relative error about 1e-15.
 */
export function erf(x: number): number {
  const a = Math.abs(x)
  if (Number.isNaN(x) || a === 0) return x
  if (a >= 6) return Math.sign(x)
  return Math.sign(x) * (a < 3 ? erfSeries(a) : 1 - erfcFraction(a))
}

function erfSeries(x: number): number {
  let term = x
  let sum = x
  for (let n = 1; term > sum * 1e-17; n++) {
    term *= (2 * x * x) / (2 * n + 1)
    sum += term
  }
  return twoOverRootPi * Math.exp(-x * x) * sum
}

function erfcFraction(x: number): number {
  let fraction = x
  for (let n = 60; n >= 1; n--) fraction = x + n / 2 / fraction
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * fraction)
}

export function sigmoid(x: number): number {
  if (x >= 0) return 1 / (1 + Math.exp(-x))
  const e = Math.exp(x)
  return e / (1 + e)
}

/** log(1 + e^x) without overflow. */
export function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))
}
