// What a format of data sets must say of itself: how it is recognised, what it can hold, how it is read and written.

import type { LabelledPicture, LabelledStream } from '../../vision/labelled-set.ts'
import type { Listing } from './listing.ts'
import type { ReadContext } from './read-context.ts'
import type { WriteContext } from './write-context.ts'

export type Shape = 'box' | 'orientedBox' | 'polygons' | 'mask' | 'keypoints'

/** What survives being written and read again. `fit.ts` takes the rest out beforehand and says so. */
export interface Holdings {
  /** Names of splits: any, the given ones, or none. */
  readonly splits: boolean | readonly string[]
  readonly groups?: boolean
  /** Classes of the picture as a whole. */
  readonly labels: 'none' | 'one' | 'several'
  readonly captions?: boolean
  /** Shapes of annotations. */
  readonly shapes: readonly Shape[]
  /** An annotation may have several of them at once; `outline`: but either polygons or a mask. Default false: the finest is written. */
  readonly together?: boolean | 'outline'
  /** Outlines of several parts. */
  readonly parts?: boolean
  /** Keypoints that are hidden or missing. */
  readonly visibility?: boolean
  /** Annotations whose class is not known. */
  readonly unknownClass?: boolean
  readonly isCrowd?: boolean
  readonly isDifficult?: boolean
  readonly area?: boolean
  /** Ids of annotations. */
  readonly ids?: 'number' | 'any'
  /** Ids of pictures. */
  readonly pictureIds?: boolean
  /** Any attribute: as it is, or as text. */
  readonly attributes?: 'json' | 'text'
  /** Attributes that it has a place of its own for. */
  readonly ownAttributes?: readonly string[]
  /** Width and height of pictures. */
  readonly sizes?: boolean
  /** Classes that no picture has, and their order. */
  readonly unusedClasses?: boolean
  /** Which of the facts of a class. */
  readonly classDetails?: readonly ('id' | 'supercategory' | 'keypoints' | 'skeleton' | 'color' | 'isThing')[]
  /** Pictures of different splits may have the same name. Default true. */
  readonly namesPerSplit?: boolean
  /** Pictures are told apart by their names without the ending. */
  readonly namesByStem?: boolean
}

export interface Recognition {
  /** 0 to 1. Above 0.8: files that only this format has; below 0.5: a folder that may be of it. */
  readonly confidence: number
  /** What speaks for it, in a clause. */
  readonly reason: string
}

export interface DatasetFormat {
  /** As `--format` and `--to` take it. */
  readonly name: string
  readonly title: string
  readonly holds: Holdings
  /** Whether a folder is of this format, judged by names and the beginnings of files; undefined where nothing speaks for it. */
  detect(listing: Listing): Promise<Recognition | undefined>
  /** Lists classes and pictures. Problems go to the context, which stops reading or goes on. */
  read(context: ReadContext): Promise<LabelledStream>
  /** Writes label files and places the pictures. It is given only what it `holds`. */
  write(set: LabelledStream, context: WriteContext): Promise<void>
  /** What else changes when a picture is written, such as the name that it will be read under. */
  adapt?(picture: LabelledPicture, context: AdaptContext): LabelledPicture
  /** Folders and pictures tell the labels: a single file that is named instead of a folder is never of it. */
  readonly byFolder?: true
  /** Shapes are written relative to the picture's size, which must be known. */
  readonly needsSize?: boolean
  /** The picture's size is written where it can be found out, since readers of the format expect it. */
  readonly wantsSize?: boolean
  /** Names of folders by which labels are found, of which the name of a picture must have none: they are left out of it. */
  readonly reservedFolders?: RegExp
  /** Boxes and areas that follow from outlines are written too, and so will be read. */
  readonly derives?: readonly ('box' | 'area')[]
}

export interface AdaptContext {
  readonly className: (label: number) => string
  /** Says that something is lost. */
  readonly lose: (what: string) => void
  /** For formats whose things all have as many keypoints: how many, which the first thing that asks decides by its own. */
  readonly keypointCount: (count: number) => number
}
