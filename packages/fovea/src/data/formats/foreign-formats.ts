// Data sets that are not read, so that an error can name them instead of taking their pictures for a folder of classes.

import { basename } from 'node:path'
import type { Listing } from './listing.ts'
import { readHead } from './read-context.ts'

interface ForeignFormat {
  readonly name: string
  /** A path that only it has. */
  readonly path: RegExp
  /** What such a file begins with, where the path is not enough. */
  readonly head?: RegExp
  /** A path that it has too. */
  readonly also?: RegExp
  /** Beside pictures it means nothing. */
  readonly alone?: true
}

const foreignFormats: readonly ForeignFormat[] = [
  { name: 'ADE20K', path: /_parts_\d+\.png$|_atr\.txt$/ },
  { name: 'AVA (actions in videos)', path: /(^|\/)ava_[\w.]+\.(csv|pbtxt)$/ },
  { name: 'BraTS, or other NIfTI volumes', path: /\.nii(\.gz)?$/, alone: true },
  { name: 'BraTS as NumPy arrays', path: /_(data|label)_cropped\.npy$/ },
  { name: 'CamVid', path: /(^|\/)(train|val|test)annot\// },
  { name: 'CelebA', path: /(^|\/)Anno\/(list_\w+_celeba|identity_CelebA)\.txt$/ },
  { name: 'CIFAR-10', path: /(^|\/)(data_batch_\d|batches\.meta)$/ },
  { name: 'CIFAR-100', path: /(^|\/)meta$/, head: /fine_label_names/ },
  { name: 'Cityscapes', path: /(^|\/)(gtFine|leftImg8bit)\// },
  { name: 'CreateML', path: /\.createml\.json$/ },
  { name: 'Datumaro', path: /\.json$/, head: /"label_groups"|"dm_format_version"|"infos"\s*:[\s\S]*"categories"\s*:\s*\{/ },
  { name: 'ICDAR', path: /(^|\/)(gt_\w+\.txt|\d+_GT\.(txt|bmp))$/ },
  { name: 'ImageNet as text lists', path: /(^|\/)synsets[\w-]*\.txt$/ },
  { name: 'Kinetics', path: /\.csv$/, head: /\byoutube_id\b/ },
  { name: 'Kinetics', path: /\.json$/, head: /"annotations"\s*:\s*\{[\s\S]*"segment"|youtube/ },
  { name: 'KITTI', path: /(^|\/)(velodyne(_points)?|image_2|label_2|IMAGE_00)\// },
  { name: 'LFW', path: /(^|\/)annotations\/(pairs|people)\.txt$/ },
  { name: 'MARS', path: /(^|\/)bbox_(train|test)\// },
  { name: 'Market-1501', path: /(^|\/)bounding_box_(train|test)\// },
  { name: 'MNIST', path: /-idx[13]-ubyte(\.gz)?$/ },
  { name: 'MNIST as CSV', path: /(^|\/)mnist_\w+\.csv$/ },
  { name: 'MOT (tracks)', path: /(^|\/)gt\/gt\.txt$|(^|\/)seqinfo\.ini$/ },
  { name: 'MOTS (tracks of masks)', path: /(^|\/)instances\/labels\.txt$/ },
  { name: 'MPII', path: /mpii_\w+\.(mat|json)$/ },
  { name: 'NYU Depth, or other HDF5 files', path: /\.(h5|hdf5)$/, alone: true },
  { name: 'Segment Anything', path: /\.json$/, head: /"predicted_iou"/ },
  { name: "Supervisely's point clouds", path: /(^|\/)pointcloud\// },
  { name: 'SYNTHIA', path: /(^|\/)(GTTXT|GTLeft|RGBLeft|SemSeg)\// },
  { name: 'SYNTHIA', path: /(^|\/)GT\/\w+\.png$/, also: /(^|\/)RGB\/\w+\.png$/ },
  { name: 'pairs for super-resolution', path: /(^|\/)HR\/[^/]+$/, also: /(^|\/)LR\/[^/]+$/ },
  { name: 'TFRecord', path: /\.tfrecords?$/ },
  { name: 'VGGFace2', path: /(^|\/)bb_landmark\// },
  { name: 'VoTT JSON', path: /-export\.json$/, head: /"(assets|videoSettings|tags)"/ },
  { name: 'WIDER FACE', path: /(^|\/)wider_face_\w+\.txt$/ },
  { name: 'archives, which must be unpacked', path: /\.(zip|tar|tgz|tar\.gz)$/, alone: true },
  { name: 'videos', path: /\.(mp4|avi|mkv|mov|webm)$/i, alone: true },
]

/** So many files of a kind are looked into. */
const looked = 5

/** The format that a folder is of, and the file that tells, where it is known and not read. */
export async function foreignFormat(listing: Listing): Promise<{ name: string; file: string } | undefined> {
  const hasImages = listing.images().length > 0
  for (const { name, path, head, also, alone } of foreignFormats) {
    if (alone && hasImages) continue
    const files = listing.files.filter((file) => path.test(file)).slice(0, looked)
    if (also !== undefined && !listing.files.some((file) => also.test(file))) continue
    for (const file of files) if (head === undefined || head.test(await readHead(listing, file))) return { name, file }
  }
  // A list such as `1.jpg dog`.
  const names = new Set(listing.images().map((file) => basename(file)))
  for (const file of listing.withEnding('.txt').slice(0, looked)) {
    const first = /^\s*([^\s,;]+)[\s,;]+\S/.exec(await readHead(listing, file, 256))?.[1]
    if (first !== undefined && names.has(basename(first))) return { name: 'a list of pictures as text', file }
  }
  return undefined
}
