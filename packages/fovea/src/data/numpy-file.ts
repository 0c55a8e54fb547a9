// Files that NumPy reads: one array as .npy, several by name as .npz.

import { extname } from 'node:path'
import { FoveaError } from '../util/errors.ts'
import { writeFileAtomically } from './files.ts'
import { decodeNpy, encodeNpy, type NumpyArray } from './numpy.ts'
import { readFileBytes } from './source.ts'
import { decodeZip, encodeZip } from './zip.ts'

/** Writes one array: `numpy.load(file)` gives it back. @throws FoveaError NUMPY_MALFORMED for types NumPy lacks, FILE_WRITE */
export async function writeNpy(file: string, array: NumpyArray): Promise<void> {
  await writeFileAtomically(file, encodeNpy(array))
}

/** Reads one array; its elements are row-major whatever the file's order. @throws FoveaError NUMPY_MALFORMED, DATA_FILE_NOT_FOUND */
export async function readNpy(file: string): Promise<NumpyArray> {
  return decodeNpy(await readFileBytes(file), file)
}

/**
 * Writes arrays by name, as `numpy.savez` does.
 *
 * @param options `compress` as `numpy.savez_compressed`. @default false
 * @throws FoveaError NUMPY_MALFORMED for types NumPy lacks and beyond 4 GB, FILE_WRITE
 */
export async function writeNpz(
  file: string,
  arrays: Readonly<Record<string, NumpyArray>>,
  options: { readonly compress?: boolean } = {},
): Promise<void> {
  const entries = Object.entries(arrays).map(([name, array]) => ({ name: `${name}.npy`, chunks: encodeNpy(array) }))
  await writeFileAtomically(file, encodeZip(entries, options))
}

/** Reads arrays by name. @throws FoveaError NUMPY_MALFORMED, DATA_FILE_NOT_FOUND */
export async function readNpz(file: string): Promise<Record<string, NumpyArray>> {
  const arrays: [string, NumpyArray][] = []
  for (const [name, bytes] of decodeZip(await readFileBytes(file), file))
    if (name.endsWith('.npy')) arrays.push([name.slice(0, -'.npy'.length), decodeNpy(bytes, file)])
  return Object.fromEntries(arrays)
}

/** @throws FoveaError NUMPY_MALFORMED unless so many arrays can be saved under the name */
export function checkFeatureFile(file: string, arrays: number): void {
  const type = extname(file).toLowerCase()
  if (type === '.npz' || (type === '.npy' && arrays === 1)) return
  throw new FoveaError('NUMPY_MALFORMED', {
    file,
    expected: arrays === 1 ? 'a name that ends in .npy or .npz' : 'a name that ends in .npz for several layers',
    found: type || 'none',
    remedy: 'Give the file another name.',
  })
}

/** Saves arrays under the name that `checkFeatureFile` has passed. */
export async function saveFeatures(file: string, arrays: Readonly<Record<string, NumpyArray>>): Promise<void> {
  if (extname(file).toLowerCase() === '.npy') await writeNpy(file, Object.values(arrays)[0]!)
  else await writeNpz(file, arrays)
}
