// What is told of a DICOM file: how its pixels are meant, and, only where asked for, of whom they are.

import type { Attributes, ParsedDicom } from './data-set.ts'
import type { PhotometricInterpretation, PixelModule } from './pixel-module.ts'
import { type DicomWindow, type Rescale, readGrayRules } from './window.ts'

/** Nothing here tells who was examined, where or when. */
export interface DicomAttributes {
  /** Transfer Syntax UID. */
  readonly transferSyntax: string
  /** SOP Class UID: the kind of object. */
  readonly sopClass?: string
  /** `CT`, `MR`, `US`, ... */
  readonly modality?: string
  readonly bodyPart?: string
  readonly laterality?: string
  readonly viewPosition?: string
  readonly frames: number
  readonly photometricInterpretation: PhotometricInterpretation
  readonly bitsAllocated: number
  readonly bitsStored: number
  readonly signed: boolean
  readonly rescale?: Rescale
  /** The windows of the frame, or of the first one. */
  readonly windows: readonly DicomWindow[]
  /** Between the centres of pixels, in millimetres: down, then across. */
  readonly pixelSpacing?: readonly [row: number, column: number]
  /** In millimetres. */
  readonly sliceThickness?: number
  /** Between frames, in milliseconds. */
  readonly frameTime?: number
  /** Whether the pixels have ever been compressed with losses. */
  readonly lossy: boolean
}

export interface DicomIdentity {
  readonly patientName?: string
  readonly patientId?: string
  readonly patientBirthDate?: string
  readonly patientSex?: string
  readonly studyDate?: string
  readonly accessionNumber?: string
  readonly institutionName?: string
  readonly studyInstanceUid?: string
  readonly seriesInstanceUid?: string
  readonly sopInstanceUid?: string
}

export function readAttributes({ attributes, transferSyntax }: ParsedDicom, module: PixelModule, frame: number): DicomAttributes {
  const { rescale, windows } = readGrayRules(attributes, module, frame)
  const spacing = attributes.decimals('x00280030')
  const texts = {
    sopClass: attributes.text('x00080016'),
    modality: attributes.text('x00080060'),
    bodyPart: attributes.text('x00180015'),
    laterality: attributes.text('x00200062') ?? attributes.text('x00200060'),
    viewPosition: attributes.text('x00185101'),
    sliceThickness: attributes.decimals('x00180050')[0],
    frameTime: attributes.decimals('x00181063')[0],
    pixelSpacing: spacing.length === 2 ? ([spacing[0]!, spacing[1]!] as const) : undefined,
    rescale,
  }
  return {
    transferSyntax,
    ...present(texts),
    frames: module.frames,
    photometricInterpretation: module.photometricInterpretation,
    bitsAllocated: module.bitsAllocated,
    bitsStored: module.bitsStored,
    signed: module.signed,
    windows,
    lossy: attributes.text('x00282110') === '01',
  }
}

export function readIdentity(attributes: Attributes): DicomIdentity {
  const text = (tag: string) => {
    const bytes = attributes.bytes(tag)
    return bytes === undefined ? undefined : decodeText(bytes, attributes.text('x00080005')).replace(/[\0\s]+$/, '') || undefined
  }
  return present({
    patientName: text('x00100010'),
    patientId: text('x00100020'),
    patientBirthDate: text('x00100030'),
    patientSex: text('x00100040'),
    studyDate: text('x00080020'),
    accessionNumber: text('x00080050'),
    institutionName: text('x00080080'),
    studyInstanceUid: text('x0020000d'),
    seriesInstanceUid: text('x0020000e'),
    sopInstanceUid: text('x00080018'),
  })
}

/** Specific Character Set (PS3.3, C.12.1.1.2) where it is one set for the whole text; switching between sets is not followed. */
const encodings: Readonly<Record<string, string>> = {
  'ISO_IR 100': 'iso-8859-1',
  'ISO_IR 101': 'iso-8859-2',
  'ISO_IR 109': 'iso-8859-3',
  'ISO_IR 110': 'iso-8859-4',
  'ISO_IR 144': 'iso-8859-5',
  'ISO_IR 127': 'iso-8859-6',
  'ISO_IR 126': 'iso-8859-7',
  'ISO_IR 138': 'iso-8859-8',
  'ISO_IR 148': 'iso-8859-9',
  'ISO_IR 13': 'shift_jis',
  'ISO_IR 166': 'windows-874',
  'ISO_IR 192': 'utf-8',
  GB18030: 'gb18030',
  GBK: 'gbk',
}

function decodeText(bytes: Uint8Array, characterSet: string | undefined): string {
  return new TextDecoder(encodings[characterSet ?? ''] ?? 'iso-8859-1').decode(bytes)
}

type Present<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

/** Without the entries that are undefined. */
function present<T extends object>(entries: T): Present<T> {
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined)) as Present<T>
}
