// The public door to data sets: `VisionDataLoader.fromFolder('data/', { transform })`.

import { type ImageFolder, type ImageFolderOptions, openImageFolder } from './image-folder.ts'
import { compose, parseTransform, type Transform } from './transforms/compose.ts'

/** A folder of pictures with the augmentation that training on it uses; evaluation leaves the augmentation out. */
export interface VisionDataset extends ImageFolder {
  readonly transform: Transform | undefined
}

export interface FromFolderOptions extends ImageFolderOptions {
  /** Augmentation for training. A `normalize` in it becomes part of the model's graph. Default none. */
  readonly transform?: Transform
}

export const VisionDataLoader = {
  /** Several transforms in a row. */
  compose,

  /** Reads the layout of an ImageFolder; no picture is opened yet. @throws what `openImageFolder` throws, DATA_TRANSFORM_INVALID */
  async fromFolder(root: string, { transform, ...options }: FromFolderOptions = {}): Promise<VisionDataset> {
    const checked = transform === undefined ? undefined : parseTransform(transform)
    return { ...(await openImageFolder(root, options)), transform: checked }
  },
} as const
