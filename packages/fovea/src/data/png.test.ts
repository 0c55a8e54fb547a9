import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { describeWithData } from '../../test/shared-data.ts'
import { decodePlainPng } from './png.ts'

const white = [255, 255, 255] as const

async function reference(bytes: Uint8Array): Promise<Uint8Array> {
  const { data, info } = await sharp(bytes).toColourspace('srgb').raw().toBuffer({ resolveWithObject: true })
  if (info.channels === 3) return new Uint8Array(data)
  const out = new Uint8Array((data.length / info.channels) * 3)
  for (let i = 0; i < out.length; i++) {
    const at = Math.floor(i / 3) * 4
    out[i] = Math.floor((data[at + (i % 3)]! * data[at + 3]! + 255 * (255 - data[at + 3]!) + 127) / 255)
  }
  return out
}

function noise(length: number): Buffer {
  let state = 7
  return Buffer.from(
    Array.from({ length }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return state >>> 25
    }),
  )
}

describe('decodePlainPng', () => {
  test.each([1, 2, 3, 4] as const)('%i channels decode as by libvips, under every filter', async (channels) => {
    const raw = { width: 37, height: 23, channels }
    for (const adaptiveFiltering of [true, false]) {
      const bytes = await sharp(noise(37 * 23 * channels), { raw })
        .toColourspace(channels < 3 ? 'b-w' : 'srgb')
        .png({ adaptiveFiltering })
        .toBuffer()
      expect(decodePlainPng(bytes, white, undefined)?.data).toEqual(await reference(bytes))
    }
  })

  test('a palette decodes too', async () => {
    const bytes = await sharp(noise(64 * 64 * 3), { raw: { width: 64, height: 64, channels: 3 } })
      .png({ palette: true, colours: 200 })
      .toBuffer()
    expect(bytes[25]).toBe(3)
    expect(decodePlainPng(bytes, white, undefined)?.data).toEqual(await reference(bytes))
  })

  test('what is large, deep, interlaced or damaged is left to the general decoder', async () => {
    const make = (size: number) => sharp(noise(size * size * 3), { raw: { width: size, height: size, channels: 3 } })
    const plain = await make(16).png().toBuffer()
    expect(decodePlainPng(plain, white, undefined)).toBeDefined()
    expect(decodePlainPng(await make(257).png().toBuffer(), white, undefined)).toBeUndefined()
    expect(decodePlainPng(await make(16).png({ progressive: true }).toBuffer(), white, undefined)).toBeUndefined()
    expect(decodePlainPng(await make(16).toColourspace('rgb16').png().toBuffer(), white, undefined)).toBeUndefined()
    for (let cut = 0; cut < plain.length; cut++) expect(decodePlainPng(plain.subarray(0, cut), white, undefined)).toBeUndefined()
    for (let at = 8; at < plain.length; at++) {
      const damaged = Buffer.from(plain)
      damaged[at] = damaged[at]! ^ 0x55
      expect(decodePlainPng(damaged, white, undefined), `byte ${at}`).toBeUndefined()
    }
  })
})

describeWithData('plain files of PngSuite', 'pngsuite/in', (folder) => {
  test('are equal to what libvips gives; no corrupt file is taken', async () => {
    let taken = 0
    for (const name of (await readdir(folder)).filter((file) => file.endsWith('.png'))) {
      const bytes = await readFile(join(folder, name))
      const image = decodePlainPng(bytes, white, undefined)
      if (image === undefined) continue
      taken++
      expect(name.startsWith('x'), name).toBe(false)
      expect(image.data, name).toEqual(await reference(bytes))
    }
    expect(taken).toBe(47)
  })
})
