// Makes a shipped model of a pretrained one: `node scripts/ship-model.ts RUN/model.onnx NAME VERSION`.
// Writes packages/fovea/assets/models/NAME.onnx: weights at half precision, its name, version and licence stated.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodeModel } from '../packages/fovea/src/graph/codec/encode.ts'
import { readMetadata, writeMetadata } from '../packages/fovea/src/model/metadata.ts'
import { openModel } from '../packages/fovea/src/model/open-model.ts'
import { storeHalf } from '../packages/fovea/src/passes/store-half.ts'

/** Side of the input that is taken where nobody says: larger than the scenes, since photographs hold more, and bearable on a CPU. */
const shippedSize = 128

const [source, name, version] = process.argv.slice(2)
if (source === undefined || name === undefined || version === undefined) throw new Error('usage: ship-model.ts MODEL NAME VERSION')
const { model, metadata } = await openModel(source)
const preprocessing = { ...metadata.preprocessing, size: [shippedSize, shippedSize] as const }
// Where and by how many threads it was trained says nothing of the model.
const { threads: _, ...recipe } = metadata.recipe ?? {}
const named = writeMetadata(model, { ...metadata, name, version, licence: 'Apache-2.0', preprocessing, recipe })
const shipped = storeHalf(named).model
readMetadata(shipped)
const bytes = encodeModel(shipped)
const folder = join(import.meta.dirname, '../packages/fovea/assets/models')
mkdirSync(folder, { recursive: true })
writeFileSync(join(folder, `${name}.onnx`), bytes)
console.log(`${name} ${version}: ${(bytes.length / 1e6).toFixed(1)} MB`)
