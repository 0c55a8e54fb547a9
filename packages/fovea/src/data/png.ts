// Small plain PNGs, decoded here: a call into libvips costs more than the whole of a 28x28 digit.

import { crc32, inflateSync } from 'node:zlib'
import { createImage, type Image, type Rgb } from '../vision/image.ts'

/** Beyond this many pixels libvips is faster, and works outside of the JavaScript thread. */
const maxPixels = 2 ** 16

/** Samples per pixel by colour type (PNG 1.2, section 4.1.1). */
const samplesOf: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }

/**
 * Decodes a PNG of 8-bit samples that is small, not interlaced, without transparent colours by key and without EXIF, to RGB.
 * Undefined for every other file, right or wrong: the general decoder then decodes it or says what is the matter.
 */
export function decodePlainPng(bytes: Uint8Array, background: Rgb, source: string | undefined): Image | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < 57 || view.getUint32(8) !== 13 || view.getUint32(12) !== tag('IHDR')) return undefined
  const [width, height] = [view.getUint32(16), view.getUint32(20)]
  const [depth, type, compression, filter, interlace] = bytes.subarray(24, 29)
  const samples = samplesOf[type!]
  if (depth !== 8 || samples === undefined || compression !== 0 || filter !== 0 || interlace !== 0) return undefined
  if (width === 0 || height === 0 || width * height > maxPixels) return undefined

  const chunks = readChunks(bytes, view)
  if (chunks === undefined || (type === 3 && chunks.palette === undefined)) return undefined
  const stride = width * samples
  const rows = inflate(chunks.data, (stride + 1) * height)
  if (rows === undefined || !unfilter(rows, height, stride, samples)) return undefined
  const rgb = new Uint8Array(width * height * 3)
  let at = 0
  for (let y = 0; y < height; y++) {
    for (let from = y * (stride + 1) + 1, end = from + stride; from < end; from += samples, at += 3) {
      if (type === 3) {
        const entry = rows[from]! * 3
        if (entry >= chunks.palette!.length) return undefined
        for (let c = 0; c < 3; c++) rgb[at + c] = chunks.palette![entry + c]!
        continue
      }
      const alpha = samples === 2 || samples === 4 ? rows[from + samples - 1]! : 255
      for (let c = 0; c < 3; c++) {
        const value = rows[samples < 3 ? from : from + c]!
        rgb[at + c] = alpha === 255 ? value : Math.floor((value * alpha + background[c]! * (255 - alpha) + 127) / 255)
      }
    }
  }
  return createImage(width, height, 3, rgb, source)
}

function readChunks(bytes: Uint8Array, view: DataView): { data: Uint8Array; palette: Uint8Array | undefined } | undefined {
  const parts: Uint8Array[] = []
  let palette: Uint8Array | undefined
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at)
    const end = at + 12 + length
    if (end > bytes.length || crc32(bytes.subarray(at + 4, end - 4)) !== view.getUint32(end - 4)) return undefined
    const name = view.getUint32(at + 4)
    const content = bytes.subarray(at + 8, end - 4)
    if (name === tag('IEND'))
      return parts.length === 0 ? undefined : { data: parts.length === 1 ? parts[0]! : Buffer.concat(parts), palette }
    if (name === tag('IDAT')) parts.push(content)
    else if (name === tag('PLTE')) palette = content
    else if (name === tag('tRNS') || name === tag('eXIf') || name === tag('acTL')) return undefined
    at = end
  }
  return undefined
}

function inflate(data: Uint8Array, size: number): Uint8Array | undefined {
  try {
    const rows = inflateSync(data, { maxOutputLength: size })
    return rows.length === size ? rows : undefined
  } catch {
    return undefined
  }
}

/** Undoes the filters of section 6 in place; false for a filter that does not exist. */
function unfilter(rows: Uint8Array, height: number, stride: number, samples: number): boolean {
  for (let y = 0; y < height; y++) {
    const start = y * (stride + 1) + 1
    const kind = rows[start - 1]!
    if (kind > 4) return false
    if (kind === 0) continue
    for (let i = 0; i < stride; i++) {
      const left = i < samples ? 0 : rows[start + i - samples]!
      const up = y === 0 ? 0 : rows[start + i - stride - 1]!
      const corner = i < samples || y === 0 ? 0 : rows[start + i - samples - stride - 1]!
      const guess = kind === 1 ? left : kind === 2 ? up : kind === 3 ? (left + up) >> 1 : paeth(left, up, corner)
      rows[start + i] = rows[start + i]! + guess
    }
  }
  return true
}

function paeth(left: number, up: number, corner: number): number {
  const estimate = left + up - corner
  const [a, b, c] = [Math.abs(estimate - left), Math.abs(estimate - up), Math.abs(estimate - corner)]
  return a <= b && a <= c ? left : b <= c ? up : corner
}

function tag(name: string): number {
  return (name.charCodeAt(0) << 24) | (name.charCodeAt(1) << 16) | (name.charCodeAt(2) << 8) | name.charCodeAt(3)
}
