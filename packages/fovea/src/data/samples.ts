// From samples of any usual number and depth to 8-bit RGB.

import type { Rgb } from '../vision/image.ts'

/**
 * Grey, grey and alpha, RGB, or RGB and alpha, interleaved, as RGB. 16 bits become round(v / 257); alpha is straight and is laid over
 * `background` after that. 8-bit RGB is given back as it is.
 *
 * @param alphaAt Which channel is alpha, -1 for none; other channels beyond colours are left out. @default the last of 2 or 4
 */
export function samplesToRgb(
  samples: Uint8Array | Uint16Array,
  channels: number,
  background: Rgb,
  alphaAt = channels === 2 || channels === 4 ? channels - 1 : -1,
): Uint8Array {
  const bytes = samples instanceof Uint16Array ? to8Bit(samples) : samples
  if (channels === 3) return bytes
  const pixels = bytes.length / channels
  const out = new Uint8Array(pixels * 3)
  const gray = channels < 3
  for (let i = 0; i < pixels; i++) {
    const at = i * channels
    const alpha = alphaAt >= 0 ? bytes[at + alphaAt]! : 255
    for (let c = 0; c < 3; c++) {
      const value = bytes[gray ? at : at + c]!
      out[i * 3 + c] = alpha === 255 ? value : Math.floor((value * alpha + background[c]! * (255 - alpha) + 127) / 255)
    }
  }
  return out
}

function to8Bit(words: Uint16Array): Uint8Array {
  const out = new Uint8Array(words.length)
  for (let i = 0; i < out.length; i++) out[i] = Math.round(words[i]! / 257)
  return out
}
