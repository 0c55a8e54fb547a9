// The point of a box that decides on which side or in which zone a thing is.

import type { Box } from '../annotation.ts'
import { trackingInvalid } from '../tracking/clock.ts'

/** Where each anchor lies, as parts of the box's width and height. */
const places = {
  'top-left': [0, 0],
  'top-center': [0.5, 0],
  'top-right': [1, 0],
  'center-left': [0, 0.5],
  center: [0.5, 0.5],
  'center-right': [1, 0.5],
  'bottom-left': [0, 1],
  'bottom-center': [0.5, 1],
  'bottom-right': [1, 1],
} as const

export type Anchor = keyof typeof places

export const anchorNames = Object.keys(places) as readonly Anchor[]

export const cornerAnchors: readonly Anchor[] = ['top-left', 'top-right', 'bottom-right', 'bottom-left']

/** In pixels. */
export function anchorPoint({ x1, y1, x2, y2 }: Box, anchor: Anchor): readonly [x: number, y: number] {
  const [right, down] = places[anchor]
  return [x1 + right * (x2 - x1), y1 + down * (y2 - y1)]
}

/** @throws FoveaError TRACKING_INVALID for none, and for names that are no anchors */
export function checkAnchors(anchors: readonly Anchor[]): readonly Anchor[] {
  const wrong = anchors.find((anchor) => !anchorNames.includes(anchor))
  if (anchors.length > 0 && wrong === undefined) return [...anchors]
  throw trackingInvalid('anchors', `some of ${anchorNames.join(', ')}`, wrong ?? 'none')
}
